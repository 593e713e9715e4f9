//! The function's zip: `bootstrap`, mode, architecture, libraries and size.

use std::path::Path;
use std::time::Instant;

use super::finding::{CheckFinding, Verdict, timed};
use crate::error::Error;
use crate::settings::Function;
use crate::stack::{Architecture, ArtifactInspection, FunctionArtifact};
use crate::units;

/// A readable zip, at its root the program.
const BOOTSTRAP: &str = "artifact-bootstrap";
/// The zip's sizes, packed and unpacked.
const SIZE: &str = "artifact-size";
/// Everyone may run the program.
const MODE: &str = "artifact-mode";
/// The program's instruction set.
const ARCHITECTURE: &str = "artifact-architecture";
/// The program's libraries.
const GLIBC: &str = "artifact-glibc";

/// Checks the zip that `up` would deploy.
#[must_use]
pub(crate) fn examine_artifact(function: &Function, is_nearby: bool) -> Vec<CheckFinding> {
    let asked = asked(function);
    match &function.zip {
        Some(path) => examine_zip(path, function, is_nearby),
        None => match FunctionArtifact::bundled_for(asked, is_nearby) {
            Ok(artifact) => examine(&ArtifactInspection::of(&artifact), asked, is_nearby),
            Err(error) => {
                let mut findings = vec![timed(ARCHITECTURE, || Verdict::failed_with(&error))];
                findings.extend(not_checked(&[BOOTSTRAP, SIZE, MODE, GLIBC], "there is no function to check"));
                findings
            }
        },
    }
}

/// Checks any zip as the function of these settings. Makes no call.
#[must_use]
pub(crate) fn examine_zip(path: &Path, function: &Function, is_nearby: bool) -> Vec<CheckFinding> {
    let began = Instant::now();
    match ArtifactInspection::read(path) {
        Ok(inspection) => examine(&inspection, asked(function), is_nearby),
        Err(error) => {
            let mut findings = vec![Verdict::failed_with(&error).named(BOOTSTRAP, began.elapsed())];
            findings.extend(not_checked(&[SIZE, MODE, ARCHITECTURE, GLIBC], "the zip could not be read"));
            findings
        }
    }
}

fn asked(function: &Function) -> Option<Architecture> {
    function.architecture.and_then(Architecture::named)
}

fn examine(zip: &ArtifactInspection, asked: Option<Architecture>, is_nearby: bool) -> Vec<CheckFinding> {
    let judged = |checked: Result<String, &Error>| checked.map_or_else(Verdict::failed_with, Verdict::ok);
    let no_bootstrap = || Verdict::unknown("not checked: there is no `bootstrap`");
    let program = |check: &dyn Fn(&FunctionArtifact) -> Verdict| match zip.program() {
        None => no_bootstrap(),
        Some(Ok(artifact)) => check(artifact),
        Some(Err(_)) => Verdict::unknown("not checked: `bootstrap` is not a program for Lambda"),
    };
    vec![
        timed(BOOTSTRAP, || judged(zip.check_bootstrap().map(|()| format!("{}: `bootstrap` at its root", zip.name())))),
        timed(SIZE, || match zip.check_size() {
            Ok(()) => Verdict::ok(units::bytes(zip.bytes())).with_figure("zip_bytes", zip.bytes()),
            Err(error) => Verdict::failed_with(&error),
        }),
        timed(MODE, || {
            zip.check_mode().map_or_else(no_bootstrap, |mode| judged(mode.map(|()| "everyone may run it".to_owned())))
        }),
        timed(ARCHITECTURE, || match zip.program() {
            Some(Err(error)) => Verdict::failed_with(error),
            _ => program(&|artifact| {
                let checked = artifact.check_architecture(artifact.destination(asked, is_nearby));
                judged(checked.as_ref().map(|()| artifact.architecture().to_string()))
            }),
        }),
        timed(GLIBC, || {
            program(&|artifact| {
                // The runtime of AWS for the program as it is: another architecture is the finding above.
                let asked = asked.filter(|asked| *asked == artifact.architecture());
                let checked = artifact.check_libraries(artifact.destination(asked, is_nearby));
                judged(checked.as_ref().map(|()| artifact.requirements()))
            })
        }),
    ]
}

fn not_checked(names: &[&str], why: &str) -> Vec<CheckFinding> {
    names.iter().map(|name| timed(*name, || Verdict::unknown(format!("not checked: {why}")))).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::settings::Pipeline;

    /// Returns a complete ELF header without segments, which counts as a static program.
    fn elf(machine: u16) -> Vec<u8> {
        let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend(2_u16.to_le_bytes());
        bytes.extend(machine.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend([0; 28]);
        for size in [64_u16, 56, 0, 64, 0, 0] {
            bytes.extend(size.to_le_bytes());
        }
        bytes
    }

    /// Returns the results and the evidence of all checks of a file, by name, with the settings' architecture.
    fn results(content: &[u8], architecture: Option<&'static str>) -> Vec<(String, &'static str)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        std::fs::write(&path, content).unwrap();
        let function = Function { architecture, ..Pipeline::by_default().unwrap().function };
        let findings = examine_zip(&path, &function, false);
        findings.into_iter().map(|finding| (finding.name, finding.result.as_str())).collect()
    }

    fn zip_of(name: &str, mode: u32, content: &[u8]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(name, SimpleFileOptions::default().unix_permissions(mode)).unwrap();
        zip.write_all(content).unwrap();
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn zip_checks_fail_one_by_one_and_say_what_was_not_checked() {
        let [ok, failed, unknown] = ["ok", "failed", "unknown"];
        // bootstrap, size, mode, architecture, glibc
        for (content, architecture, expected) in [
            (zip_of("bootstrap", 0o755, &elf(62)), None, [ok, ok, ok, ok, ok]),
            (zip_of("bootstrap", 0o755, &elf(183)), None, [ok, ok, ok, ok, ok]),
            (zip_of("bootstrap", 0o755, &elf(183)), Some("x86_64"), [ok, ok, ok, failed, ok]),
            (zip_of("bootstrap", 0o700, &elf(62)), None, [ok, ok, failed, ok, ok]),
            (zip_of("bootstrap", 0o644, b"#!/bin/sh\n"), None, [ok, ok, failed, failed, unknown]),
            (zip_of("dist/bootstrap", 0o755, &elf(62)), None, [failed, ok, unknown, unknown, unknown]),
            (b"hello".to_vec(), None, [failed, ok, unknown, unknown, unknown]),
        ] {
            let found = results(&content, architecture);
            let words: Vec<_> = found.iter().map(|(_, result)| *result).collect();
            assert_eq!(words, expected, "{found:?}");
        }
    }

    #[test]
    fn zip_larger_than_a_direct_upload_fails() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file("bootstrap", stored.unix_permissions(0o755)).unwrap();
        zip.write_all(&elf(62)).unwrap();
        zip.start_file("model", stored).unwrap();
        zip.write_all(&vec![0; 52_428_800]).unwrap();
        let found = results(&zip.finish().unwrap().into_inner(), None);
        assert_eq!(found.iter().find(|(name, _)| name == SIZE).unwrap().1, "failed", "{found:?}");
    }

    #[test]
    fn zip_that_cannot_be_read_fails_and_the_rest_is_unknown() {
        let function = Pipeline::by_default().unwrap().function;
        let findings = examine_zip(Path::new("no/such.zip"), &function, false);
        assert!(findings[0].evidence.contains("no/such.zip"), "{findings:?}");
        let words: Vec<_> = findings.iter().map(|finding| finding.result.as_str()).collect();
        assert_eq!(words, ["failed", "unknown", "unknown", "unknown", "unknown"]);
    }

    #[test]
    fn bundled_function_is_ok_nearby() {
        let function = Pipeline::by_default().unwrap().function;
        for finding in examine_artifact(&function, true) {
            assert_eq!(finding.result.as_str(), "ok", "{finding:?}");
        }
    }
}
