//! Rejected lines: where they stand, why they were refused, and the file that keeps them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::error::Error;

/// A line of the input that was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RejectedLine {
    /// The file as it was named; `-` is standard input.
    pub file: Arc<str>,
    /// Its line, from 1; the first one where a CSV row has several.
    pub line: u64,
    /// The class of the reason, for programs.
    pub code: &'static str,
    /// The reason for people; never the line's content.
    pub reason: String,
    /// The line without its end.
    pub raw: Vec<u8>,
    /// True if `raw` is only the beginning.
    pub truncated: bool,
}

/// NDJSON of rejected lines: `{"file","line","code","reason","raw"}`.
///
/// A line that is not UTF-8 has `raw_base64` instead of `raw`; of one that is too long `truncated` is true and only its
/// beginning is kept.
#[derive(Debug)]
pub(crate) struct RejectsFile {
    path: PathBuf,
    writer: BufWriter<File>,
}

#[derive(Serialize)]
struct Entry<'a> {
    file: &'a str,
    line: u64,
    code: &'static str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_base64: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

impl RejectsFile {
    /// Takes an empty file; the path is its name in errors.
    #[must_use]
    pub(crate) fn new(path: PathBuf, file: File) -> Self {
        RejectsFile { path, writer: BufWriter::new(file) }
    }

    /// Appends a rejected line.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&mut self, rejection: &RejectedLine) -> Result<(), Error> {
        let text = std::str::from_utf8(&rejection.raw).ok();
        let entry = Entry {
            file: &rejection.file,
            line: rejection.line,
            code: rejection.code,
            reason: &rejection.reason,
            raw: text,
            raw_base64: text.is_none().then(|| STANDARD.encode(&rejection.raw)),
            truncated: rejection.truncated,
        };
        let line = serde_json::to_string(&entry).map_err(|error| self.failure(error))?;
        writeln!(self.writer, "{line}").map_err(|error| self.failure(error))
    }

    /// Hands everything to the operating system. Returns the file to be written to the disk, where it is one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn flush(&mut self) -> Result<Option<File>, Error> {
        self.writer.flush().map_err(|error| self.failure(error))?;
        let file = self.writer.get_ref();
        let is_on_disk = file.metadata().is_ok_and(|found| found.is_file());
        is_on_disk.then(|| file.try_clone().map_err(|error| self.failure(error))).transpose()
    }

    /// Hands everything to the operating system.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        let result = self.writer.flush();
        result.map_err(|error| self.failure(error))
    }

    fn failure(&self, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::failed(format!("could not write {}", self.path.display())).with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_keeps_the_raw_line_whatever_its_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rejects.ndjson");
        let mut file = RejectsFile::new(path.clone(), File::create(&path).unwrap());
        let rejection = |line, raw: &[u8], truncated| RejectedLine {
            file: "in.ndjson".into(),
            line,
            code: "not-json",
            reason: "not JSON".into(),
            raw: raw.to_vec(),
            truncated,
        };
        file.write(&rejection(3, b"{\"a\":", false)).unwrap();
        file.write(&rejection(4, b"\xff\xfe", true)).unwrap();
        file.finish().unwrap();
        let written = std::fs::read_to_string(path).unwrap();
        let expected = concat!(
            r#"{"file":"in.ndjson","line":3,"code":"not-json","reason":"not JSON","raw":"{\"a\":"}"#,
            "\n",
            r#"{"file":"in.ndjson","line":4,"code":"not-json","reason":"not JSON","raw_base64":"//4=","truncated":true}"#,
            "\n"
        );
        assert_eq!(written, expected);
    }
}
