//! Tests of valid functions and their destinations.

use std::io::{Cursor, Write as _};

use super::elf::{Glibc, Program};
use super::*;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

fn zip_of(name: &str, mode: u32, content: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default().unix_permissions(mode)).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap().into_inner()
}

/// Returns a complete ELF header without segments and sections, which counts as a static program.
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
    FunctionArtifact::from_zip("a.zip", zip).unwrap_err().full_message()
}

#[test]
fn bundled_function_is_a_small_program_for_this_machine() {
    let Some(machine) = Architecture::of_this_machine() else { return };
    let artifact = FunctionArtifact::bundled(machine).unwrap();
    artifact.check_for(Destination::Local).unwrap();
    assert_eq!(Some(artifact.architecture()), Architecture::of_this_machine());
    assert_eq!(STANDARD.decode(artifact.sha256_base64()).unwrap().len(), 32);
    assert!(artifact.zip().len() < 4 * 1024 * 1024, "{} bytes", artifact.zip().len());
    if artifact.program.is_static {
        artifact.check_for(Destination::Aws(artifact.architecture())).unwrap();
    }
}

/// Both of Lambda's architectures in a release build and in CI, this machine's in any other.
#[test]
fn bundled_functions_start_only_on_their_own_architecture() {
    let all = FunctionArtifact::all_bundled().unwrap();
    let other = |architecture| match architecture {
        Architecture::X86_64 => Architecture::Arm64,
        Architecture::Arm64 => Architecture::X86_64,
    };
    for artifact in all {
        let architecture = artifact.architecture();
        assert_eq!(all.iter().filter(|artifact| artifact.architecture() == architecture).count(), 1);
        if artifact.program.is_static {
            artifact.check_for(Destination::Aws(architecture)).unwrap();
        }
        artifact.check_for(Destination::Aws(other(architecture))).unwrap_err();
        let is_here = Some(architecture) == Architecture::of_this_machine();
        assert_eq!(artifact.check_for(Destination::Local).is_ok(), is_here, "{architecture}");
    }
    if let [only] = all {
        let missing = FunctionArtifact::bundled(other(only.architecture())).unwrap_err();
        assert!(missing.hints()[0].contains("SENSORCTL_FUNCTION_ARCHITECTURES="), "{:?}", missing.hints());
    }
}

#[test]
fn bundled_zip_has_earliest_time_and_mode_0755() {
    assert!(!BUNDLED.is_empty());
    for (_, zip) in BUNDLED {
        let mut archive = ZipArchive::new(Cursor::new(zip)).unwrap();
        assert_eq!(archive.len(), 1);
        let entry = archive.by_index(0).unwrap();
        assert_eq!(entry.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        assert_eq!(entry.last_modified().map(|time| time.year()), Some(1980));
    }
}

/// The commands take the target's word for it, and do not inflate the program.
#[test]
fn bundled_programs_need_what_their_targets_promise() {
    for (target, zip) in BUNDLED {
        let believed = FunctionArtifact::of_bundled(target, zip).unwrap();
        let read = FunctionArtifact::from_zip("a.zip", zip.to_vec()).unwrap();
        assert_eq!(believed.program, read.program, "{target}");
        assert_eq!(believed.sha256_base64(), read.sha256_base64());
    }
}

#[test]
fn read_zip_file_equals_bundled_function() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("function.zip");
    std::fs::write(&path, BUNDLED[0].1).unwrap();
    let read = FunctionArtifact::read(&path).unwrap();
    assert_eq!(read.sha256_base64(), FunctionArtifact::bundled(read.architecture()).unwrap().sha256_base64());
    let missing = FunctionArtifact::read(&folder.path().join("none.zip")).unwrap_err();
    assert!(missing.full_message().contains("none.zip"), "{}", missing.full_message());
}

#[test]
fn read_invalid_function_is_refused_with_reason() {
    for (zip, expected) in [
        (b"hello".to_vec(), "a.zip is not a zip file"),
        (zip_of("dist/bootstrap", 0o755, &elf(62)), "no `bootstrap` at its root"),
        (zip_of("bootstrap", 0o644, &elf(62)), "not executable"),
        (zip_of("bootstrap", 0o700, &elf(62)), "not executable for everyone"),
        (zip_of("bootstrap", 0o755, b"#!/bin/sh\n"), "is not a 64-bit Linux program"),
        (zip_of("bootstrap", 0o755, &elf(8)), "a machine that Lambda does not have"),
    ] {
        assert!(problem(zip.clone()).contains(expected), "{}", problem(zip));
    }
}

#[test]
fn architecture_is_read_from_the_program() {
    for (machine, architecture, other) in
        [(62, Architecture::X86_64, Architecture::Arm64), (183, Architecture::Arm64, Architecture::X86_64)]
    {
        let artifact = FunctionArtifact::from_zip("a.zip", zip_of("bootstrap", 0o755, &elf(machine))).unwrap();
        assert_eq!(artifact.architecture(), architecture);
        artifact.check_for(Destination::Aws(architecture)).unwrap();
        let refused = artifact.check_for(Destination::Aws(other)).unwrap_err().full_message();
        assert!(refused.contains(architecture.as_str()) && refused.contains(other.as_str()), "{refused}");
    }
}

#[test]
fn program_read_returns_needed_glibc() {
    // This test itself: dynamic on a machine with glibc, static elsewhere.
    let program = Program::read(&std::fs::read(std::env::current_exe().unwrap()).unwrap()).unwrap();
    assert_eq!(program.is_static, cfg!(target_env = "musl"));
    assert_eq!(program.glibc.is_some(), cfg!(target_env = "gnu"));
}

/// Compiles a program with this machine's own C compiler. Returns `None` if there is none.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn compiled(source: &str, flags: &[&str]) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let (code, program) = (folder.path().join("main.c"), folder.path().join("bootstrap"));
    std::fs::write(&code, source).unwrap();
    let compiler = std::process::Command::new("cc").arg(&code).arg("-o").arg(&program).args(flags).status();
    compiler.ok()?.success().then(|| std::fs::read(&program).unwrap())
}

/// Compiles a program with a symbol of a glibc that does not exist yet, in a library that claims to be glibc.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn needing_glibc(version: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("later.c"), "int later(void) { return 0; }").unwrap();
    std::fs::write(path("later.map"), format!("GLIBC_{version} {{ global: later; local: *; }};")).unwrap();
    std::fs::write(path("main.c"), "int later(void); int main(void) { return later(); }").unwrap();
    let run = |arguments: &[&str]| {
        let status = std::process::Command::new("cc").current_dir(folder.path()).args(arguments).status();
        status.ok().filter(std::process::ExitStatus::success)
    };
    let script = "-Wl,--version-script=later.map";
    run(&["-shared", "-fPIC", "later.c", script, "-Wl,-soname,libm.so.6", "-o", "liblater.so"])?;
    run(&["main.c", "-L.", "-llater", "-o", "bootstrap"])?;
    Some(std::fs::read(path("bootstrap")).unwrap())
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn compiled_programs_are_accepted_where_they_can_start() {
    let machine = Architecture::of_this_machine().unwrap();
    let artifact = |program: Option<Vec<u8>>| {
        program.map(|program| FunctionArtifact::from_zip("a.zip", zip_of("bootstrap", 0o755, &program)).unwrap())
    };
    let nothing = "int main(void) { return 0; }";
    // Only if glibc can be linked statically.
    if let Some(still) = artifact(compiled(nothing, &["-static"])) {
        still.check_for(Destination::Aws(machine)).unwrap();
    }

    // A program that needs a newer glibc than AWS has still starts here.
    let newer = artifact(needing_glibc("2.99")).unwrap();
    newer.check_for(Destination::Local).unwrap();
    let refused = newer.check_for(Destination::Aws(machine)).unwrap_err();
    assert!(refused.full_message().contains("needs glibc 2.99"), "{}", refused.full_message());
    assert!(refused.hints()[0].contains("-unknown-linux-musl"), "{:?}", refused.hints());
    let older = artifact(needing_glibc("2.30")).unwrap();
    older.check_for(Destination::Aws(machine)).unwrap_or_else(|error| {
        // On a newer machine the program's own start code may need a newer one.
        assert!(error.full_message().contains("needs glibc 2."), "{}", error.full_message());
    });

    let shared = compiled("int there(void) { return 0; }", &["-shared", "-fPIC", "-Wl,-soname,libthere.so.3"]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libthere.so");
    std::fs::write(&library, shared).unwrap();
    let using = "int there(void); int main(void) { return there(); }";
    let using = artifact(compiled(using, &[library.to_str().unwrap()])).unwrap();
    let refused = using.check_for(Destination::Aws(machine)).unwrap_err().full_message();
    assert!(refused.contains("needs the library libthere.so.3"), "{refused}");
}

#[test]
fn glibc_versions_compare_by_number() {
    let version = |name: &str| Glibc::from_version_name(name.as_bytes());
    assert!(version("GLIBC_2.4") < version("GLIBC_2.34"));
    assert_eq!(version("GLIBC_2.2.5"), Some(Glibc { major: 2, minor: 2 }));
    assert_eq!(version("GCC_3.0"), None);
}
