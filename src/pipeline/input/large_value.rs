//! JSON values that are too large to be held: they go through a temporary file, and their rows come from there.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use super::json_mapper::JsonMapper;
use super::json_paths::LargeRows;
use super::output::{Output, RawLine};

/// A large value whose rows are put.
pub(super) struct LargeValue {
    rows: LargeRows,
    line: u64,
    /// Lines and bytes before it.
    position: (u64, u64),
}

impl LargeValue {
    /// Returns lines and bytes before it.
    pub(super) fn position(&self) -> (u64, u64) {
        self.position
    }

    /// Puts what the next row holds; false behind the last.
    pub(super) fn advance(&mut self, mapper: &JsonMapper, output: &mut Output) -> io::Result<bool> {
        mapper.read_large(&mut self.rows, self.line, output)
    }
}

/// The bytes of a value, kept in a file without a name as soon as it is too large.
pub(super) struct KeptBytes<'m> {
    mapper: Option<&'m JsonMapper>,
    file: Option<BufWriter<File>>,
}

impl<'m> KeptBytes<'m> {
    /// Keeps bytes only where paths make many readings of one value.
    pub(super) fn new(mapper: Option<&'m JsonMapper>) -> Self {
        KeptBytes { mapper: mapper.filter(|mapper| mapper.iterates()), file: None }
    }

    /// Takes the next bytes of a value that is too large.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.mapper.is_none() {
            return Ok(());
        }
        if self.file.is_none() {
            self.file = Some(BufWriter::with_capacity(64 * 1024, tempfile::tempfile()?));
        }
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }

    /// Returns the value that is too large, of which `raw` has the beginning. One that cannot be read is rejected.
    pub(super) fn into_value(
        self,
        raw: RawLine<'_>,
        position: (u64, u64),
        output: &mut Output,
    ) -> io::Result<Option<LargeValue>> {
        let (Some(mapper), Some(file)) = (self.mapper, self.file) else {
            output.too_long(raw);
            return Ok(None);
        };
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        match LargeRows::new(mapper.tree(), file)? {
            Ok(rows) => Ok(Some(LargeValue { rows, line: raw.number, position })),
            Err(error) => {
                output.reject(RawLine { is_truncated: true, ..raw }, error);
                Ok(None)
            }
        }
    }
}
