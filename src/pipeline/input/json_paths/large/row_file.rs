//! Rows in a temporary file.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::super::row_error::row_error;
use super::super::{DecodeFailure, MAX_KEPT_BYTES, PathRow, PathValue};

/// A row that owns its values.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct KeptRow {
    values: Vec<(usize, Box<RawValue>)>,
    names: Vec<(usize, String)>,
    siblings: Vec<(String, Box<RawValue>)>,
    /// The text of its own element, up to a byte more than is kept of it.
    own: String,
    has_element: bool,
    /// True if a text was broken JSON; then the class of the reason, and the reason.
    failure: Option<(bool, String, String)>,
}

/// The class of the reason that a text could not be decoded for; a file keeps the rest.
const CODES: [&str; 3] = ["not-base64", "not-json", "not-an-eui"];

impl KeptRow {
    pub(super) fn put_name(&mut self, slot: usize, name: &str) {
        self.names.push((slot, name.to_owned()));
    }

    pub(super) fn put_sibling(&mut self, name: &str, json: String) -> io::Result<()> {
        self.siblings.push((name.to_owned(), RawValue::from_string(json)?));
        Ok(())
    }

    pub(super) fn has_values(&self) -> bool {
        !self.values.is_empty()
    }

    /// Returns it with a row that it stands around.
    pub(super) fn with(&self, row: &PathRow<'_>, failure: Option<&DecodeFailure>) -> Self {
        let mut all = self.clone();
        for (slot, value) in &row.values {
            match value {
                PathValue::Json(json) => all.values.push((*slot, (*json).to_owned())),
                PathValue::Name(name) => all.put_name(*slot, name),
            }
        }
        for (name, json) in &row.siblings {
            all.siblings.push((name.clone().into_owned(), (*json).to_owned()));
        }
        if let (Some(own), false) = (row.own_text(), all.has_element) {
            all.has_element = true;
            let end = (0..=own.len().min(MAX_KEPT_BYTES + 1)).rev().find(|end| own.is_char_boundary(*end));
            own[..end.unwrap_or_default()].clone_into(&mut all.own);
        }
        if let (Some(failure), None) = (failure, &all.failure) {
            let DecodeFailure { error, is_broken } = failure;
            all.failure = Some((*is_broken, error.code.to_owned(), error.reason.clone()));
        }
        all
    }

    pub(super) fn add(&mut self, other: KeptRow) {
        self.values.extend(other.values);
        self.names.extend(other.names);
        self.siblings.extend(other.siblings);
        if !self.has_element {
            (self.own, self.has_element) = (other.own, other.has_element);
        }
        self.failure = self.failure.take().or(other.failure);
    }

    pub(super) fn row(&self) -> PathRow<'_> {
        let values = self.values.iter().map(|(slot, json)| (*slot, PathValue::Json(json)));
        let names = self.names.iter().map(|(slot, name)| (*slot, PathValue::Name(Cow::Borrowed(name.as_str()))));
        PathRow {
            values: values.chain(names).collect(),
            siblings: self.siblings.iter().map(|(name, json)| (Cow::Borrowed(name.as_str()), &**json)).collect(),
            element: None,
        }
    }

    pub(super) fn own_text(&self) -> &str {
        &self.own
    }

    pub(super) fn failure(&self) -> Option<DecodeFailure> {
        let (is_broken, code, reason) = self.failure.as_ref()?;
        let code = CODES.iter().find(|known| **known == code.as_str())?;
        Some(DecodeFailure { error: row_error(code, reason), is_broken: *is_broken })
    }
}

/// Takes rows. The file has no name, so it is gone when the process is.
pub(super) struct RowFile {
    file: BufWriter<File>,
    count: usize,
}

impl RowFile {
    pub(super) fn new() -> io::Result<Self> {
        Ok(RowFile { file: BufWriter::with_capacity(64 * 1024, tempfile::tempfile()?), count: 0 })
    }

    pub(super) fn push(&mut self, row: &KeptRow) -> io::Result<()> {
        let bytes = serde_json::to_vec(row)?;
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.file.write_all(&length.to_le_bytes())?;
        self.count += 1;
        self.file.write_all(&bytes)
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn finish(self) -> io::Result<RowReader> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(RowReader { file: BufReader::with_capacity(64 * 1024, file), left: self.count, bytes: Vec::new() })
    }
}

/// Hands out the rows of a file.
pub(super) struct RowReader {
    file: BufReader<File>,
    left: usize,
    bytes: Vec<u8>,
}

impl RowReader {
    pub(super) fn next(&mut self) -> io::Result<Option<KeptRow>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let mut length = [0; 4];
        self.file.read_exact(&mut length)?;
        self.bytes.resize(u32::from_le_bytes(length) as usize, 0);
        self.file.read_exact(&mut self.bytes)?;
        Ok(Some(serde_json::from_slice(&self.bytes)?))
    }
}
