//! What is taken as a function, and where it may go.

use std::io::{Cursor, Write as _};

use super::elf::{Glibc, Program};
use super::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn zip_of(name: &str, mode: u32, content: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default().unix_permissions(mode)).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap().into_inner()
}

/// A whole ELF header without segments and sections: a static program as far as anybody can see.
fn elf(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(2_u16.to_le_bytes());
    bytes.extend(machine.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend([0; 24]);
    bytes.extend(0_u32.to_le_bytes());
    for size in [64_u16, 56, 0, 64, 0, 0] {
        bytes.extend(size.to_le_bytes());
    }
    bytes
}

fn problem(zip: Vec<u8>) -> String {
    Artifact::from_zip("a.zip", zip).unwrap_err().full_message()
}

#[test]
fn the_bundled_function_is_a_small_program_for_this_machine() {
    let artifact = Artifact::bundled().unwrap();
    artifact.check_for(Destination::Local).unwrap();
    assert_eq!(Some(artifact.architecture()), Architecture::of_this_machine());
    assert_eq!(STANDARD.decode(artifact.sha256_base64()).unwrap().len(), 32);
    assert!(artifact.zip().len() < 4 * 1024 * 1024, "{} bytes", artifact.zip().len());
    if env!("SENSORCTL_FUNCTION_TARGET").ends_with("-musl") {
        artifact.check_for(Destination::Aws(artifact.architecture())).unwrap();
    }
}

#[test]
fn the_bundled_zip_has_the_earliest_time_and_mode_0755() {
    let mut archive = ZipArchive::new(Cursor::new(BUNDLED)).unwrap();
    assert_eq!(archive.len(), 1);
    let entry = archive.by_index(0).unwrap();
    assert_eq!(entry.unix_mode().map(|mode| mode & 0o777), Some(0o755));
    assert_eq!(entry.last_modified().map(|time| time.year()), Some(1980));
}

#[test]
fn a_file_is_read_like_the_bundled_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("function.zip");
    std::fs::write(&path, BUNDLED).unwrap();
    let read = Artifact::read(&path).unwrap();
    assert_eq!(read.sha256_base64(), Artifact::bundled().unwrap().sha256_base64());
    let missing = Artifact::read(&folder.path().join("none.zip")).unwrap_err();
    assert!(missing.full_message().contains("none.zip"), "{}", missing.full_message());
}

#[test]
fn what_cannot_be_a_function_is_said() {
    for (zip, expected) in [
        (b"hello".to_vec(), "a.zip is no zip file"),
        (zip_of("dist/bootstrap", 0o755, &elf(62)), "no `bootstrap` at its root"),
        (zip_of("bootstrap", 0o644, &elf(62)), "not executable"),
        (zip_of("bootstrap", 0o700, &elf(62)), "not executable for everybody"),
        (zip_of("bootstrap", 0o755, b"#!/bin/sh\n"), "is no 64-bit Linux program"),
        (zip_of("bootstrap", 0o755, &elf(8)), "a machine that Lambda does not have"),
    ] {
        assert!(problem(zip.clone()).contains(expected), "{}", problem(zip));
    }
}

#[test]
fn the_architecture_is_that_of_the_program() {
    for (machine, architecture, other) in
        [(62, Architecture::X86_64, Architecture::Arm64), (183, Architecture::Arm64, Architecture::X86_64)]
    {
        let artifact = Artifact::from_zip("a.zip", zip_of("bootstrap", 0o755, &elf(machine))).unwrap();
        assert_eq!(artifact.architecture(), architecture);
        artifact.check_for(Destination::Aws(architecture)).unwrap();
        let refused = artifact.check_for(Destination::Aws(other)).unwrap_err().full_message();
        assert!(refused.contains(architecture.as_str()) && refused.contains(other.as_str()), "{refused}");
    }
}

#[test]
fn a_program_of_this_machine_tells_its_glibc() {
    // This test itself: dynamic on a machine with glibc, static elsewhere.
    let program = Program::read(&std::fs::read(std::env::current_exe().unwrap()).unwrap()).unwrap();
    assert_eq!(program.is_static, cfg!(target_env = "musl"));
    assert_eq!(program.glibc.is_some(), cfg!(target_env = "gnu"));
}

#[test]
fn a_newer_glibc_is_good_for_this_machine_and_refused_for_aws() {
    let dynamic = |minor| Artifact {
        program: Program {
            architecture: Architecture::X86_64,
            is_static: false,
            glibc: Some(Glibc { major: 2, minor }),
        },
        ..Artifact::from_zip("a.zip", zip_of("bootstrap", 0o755, &elf(62))).unwrap()
    };
    let aws = Destination::Aws(Architecture::X86_64);
    dynamic(34).check_for(aws).unwrap();
    let refused = dynamic(35).check_for(aws).unwrap_err();
    assert!(refused.full_message().contains("needs glibc 2.35"), "{}", refused.full_message());
    assert!(refused.hints()[0].contains("rustup target add x86_64-unknown-linux-musl"), "{:?}", refused.hints());
    if Architecture::of_this_machine() == Some(Architecture::X86_64) {
        dynamic(35).check_for(Destination::Local).unwrap();
    }
}

#[test]
fn versions_of_glibc_compare_by_number() {
    let version = |name: &str| Glibc::from_version_name(name.as_bytes());
    assert!(version("GLIBC_2.4") < version("GLIBC_2.34"));
    assert_eq!(version("GLIBC_2.2.5"), Some(Glibc { major: 2, minor: 2 }));
    assert_eq!(version("GCC_3.0"), None);
}
