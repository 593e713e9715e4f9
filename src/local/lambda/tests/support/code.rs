//! The code of the test function, `bootstrap.rs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

/// Returns a zip of the test function.
pub(crate) fn function_zip() -> Vec<u8> {
    zip_of(&std::fs::read(bootstrap()).unwrap(), 0o755)
}

pub(crate) fn zip_of(bootstrap: &[u8], mode: u32) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .unix_permissions(mode)
        .compression_method(zip::CompressionMethod::Stored);
    writer.start_file("bootstrap", options).unwrap();
    writer.write_all(bootstrap).unwrap();
    writer.finish().unwrap().into_inner()
}

/// Returns a zip of files with a name, a mode and a content each.
pub(crate) fn zip_of_files(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, mode, content) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Returns the test function, compiled once into the folder of the test program.
fn bootstrap() -> PathBuf {
    let source = include_str!("../bootstrap.rs");
    let digest = Sha256::digest(source);
    let folder = std::env::current_exe().unwrap().parent().map(Path::to_owned).unwrap();
    let target =
        folder.join(format!("testing-bootstrap-{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]));
    if !target.exists() {
        let fresh = tempfile::tempdir_in(&folder).unwrap();
        let file = fresh.path().join("bootstrap.rs");
        std::fs::write(&file, source).unwrap();
        let out = fresh.path().join("bootstrap");
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let options = ["--edition", "2024", "-C", "strip=symbols", "-o"];
        let status = Command::new(rustc).args(options).arg(&out).arg(&file).status().unwrap();
        assert!(status.success());
        std::fs::rename(out, &target).unwrap();
    }
    target
}
