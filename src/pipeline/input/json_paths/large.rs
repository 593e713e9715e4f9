//! Rows out of a document that is too large to be held, such as the series of a long time: it is kept in a temporary file,
//! and so are its rows. What is held at once is a row, and a part of the document as long as a line may be.

mod row_file;
mod scan;

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom};
use std::ops::Range;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use self::row_file::{KeptRow, RowFile, RowReader};
use self::scan::Scanner;
use super::super::line_reader::MAX_LINE_BYTES;
use super::super::row_error::{RowError, row_error};
use super::{DecodeFailure, PathRow, PathTree, array_lengths};

/// The rows of a large document.
pub(in super::super) struct LargeRows(RowReader);

/// Why a document has no rows.
#[derive(Debug)]
enum WalkError {
    /// A temporary file failed.
    File(io::Error),
    /// It is rejected.
    Document(RowError),
}

impl From<io::Error> for WalkError {
    fn from(error: io::Error) -> Self {
        WalkError::File(error)
    }
}

impl From<RowError> for WalkError {
    fn from(error: RowError) -> Self {
        WalkError::Document(error)
    }
}

/// The role of a value for the path that leads to it.
#[derive(Clone, Debug)]
enum Role {
    Value,
    Element,
    Member(String),
}

impl LargeRows {
    /// Returns the rows of the document that a file holds.
    ///
    /// # Errors
    /// When a temporary file cannot be written or read; within it, when the document is rejected.
    pub(in super::super) fn new(tree: &PathTree, mut document: File) -> io::Result<Result<Self, RowError>> {
        document.seek(SeekFrom::Start(0))?;
        // A value that is read in parts below is whole.
        let checked = serde_json::from_reader::<_, IgnoredAny>(BufReader::with_capacity(64 * 1024, &document));
        match checked {
            Err(error) if error.is_io() => return Err(error.into()),
            Err(error) if error.is_eof() => {
                return Ok(Err(row_error("cut-line", "the file ends in it: it was cut")));
            }
            Err(error) => return Ok(Err(row_error("not-json", format!("not JSON: {error}")))),
            Ok(IgnoredAny) => {}
        }
        let length = document.metadata()?.len();
        let mut rows = RowFile::new()?;
        let walked = Walk { document: &document }.walk(tree, 0..length, &Role::Value, &KeptRow::default(), &mut rows);
        match walked {
            Ok(()) => Ok(Ok(LargeRows(rows.finish()?))),
            Err(WalkError::File(error)) => Err(error),
            Err(WalkError::Document(error)) => Ok(Err(error)),
        }
    }

    /// Hands out the next row, with why a text of it could not be decoded, and its own text; false behind the last.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub(in super::super) fn next(
        &mut self,
        take: impl FnOnce(PathRow<'_>, Option<&DecodeFailure>, &str),
    ) -> io::Result<bool> {
        let Some(kept) = self.0.next()? else { return Ok(false) };
        take(kept.row(), kept.failure().as_ref(), kept.own_text());
        Ok(true)
    }
}

/// A walk through the document.
struct Walk<'d> {
    document: &'d File,
}

impl Walk<'_> {
    /// Writes the rows of a part of the document, each with what stands around it.
    fn walk(
        &self,
        tree: &PathTree,
        part: Range<u64>,
        role: &Role,
        around: &KeptRow,
        rows: &mut RowFile,
    ) -> Result<(), WalkError> {
        if part.end - part.start <= MAX_LINE_BYTES as u64 {
            return self.small(tree, part, role, around, rows);
        }
        if !tree.iterates || tree.slot.is_some() {
            return Err(too_long().into());
        }
        let mut around = around.clone();
        if let (Role::Member(name), Some(slot)) = (role, tree.name_slot) {
            around.put_name(slot, name);
        }
        match self.scanner(&part).first()? {
            b'{' => self.object(tree, part, around, rows),
            b'[' => self.array(tree, part, around, rows),
            _ => Ok(()),
        }
    }

    fn scanner(&self, part: &Range<u64>) -> Scanner<'_> {
        Scanner::new(self.document, part.clone())
    }

    fn small(
        &self,
        tree: &PathTree,
        part: Range<u64>,
        role: &Role,
        around: &KeptRow,
        rows: &mut RowFile,
    ) -> Result<(), WalkError> {
        let text = self.text(&part)?;
        let value: &RawValue = serde_json::from_str(&text).map_err(|error| super::not_json(&error))?;
        let decoded = tree.decoded(value)?;
        let failure = decoded.as_ref().and_then(|decoded| decoded.failure.as_ref());
        let value = decoded.as_ref().map_or(value, |decoded| &decoded.json);
        let found = match role {
            Role::Value => tree.rows(value)?,
            Role::Element => tree.rows_of_element(value)?,
            Role::Member(name) => tree.rows_of_member(&Cow::Borrowed(name.as_str()), value)?,
        };
        for row in found {
            rows.push(&around.with(&row, failure))?;
        }
        Ok(())
    }

    fn text(&self, part: &Range<u64>) -> Result<String, WalkError> {
        if part.end - part.start > MAX_LINE_BYTES as u64 {
            return Err(too_long().into());
        }
        String::from_utf8(scan::read(self.document, part)?)
            .map_err(|error| super::super::output::Output::not_utf_8(error.as_bytes()).into())
    }

    /// The part that a path takes of a value through which no path goes.
    fn fixed(&self, tree: &PathTree, part: &Range<u64>, around: &mut KeptRow) -> Result<(), WalkError> {
        let text = self.text(part)?;
        let value: &RawValue = serde_json::from_str(&text).map_err(|error| super::not_json(&error))?;
        let decoded = tree.decoded(value)?;
        let mut row = PathRow::default();
        tree.take(decoded.as_ref().map_or(value, |decoded| &decoded.json), &mut row)?;
        *around = around.with(&row, decoded.as_ref().and_then(|decoded| decoded.failure.as_ref()));
        Ok(())
    }

    fn object(
        &self,
        tree: &PathTree,
        part: Range<u64>,
        mut around: KeptRow,
        rows: &mut RowFile,
    ) -> Result<(), WalkError> {
        // Values that belong to all rows may stand behind them.
        let mut groups: Vec<(&PathTree, Range<u64>)> = Vec::new();
        let mut members = self.scanner(&part);
        while let Some((name, value)) = members.next_member()? {
            match tree.keys.iter().find(|(key, _)| *key == name) {
                Some((_, child)) if child.iterates => groups.push((child, value)),
                Some((_, child)) => self.fixed(child, &value, &mut around)?,
                None if tree.members.is_none() && tree.keeps_siblings => {
                    around.put_sibling(&name, self.text(&value)?)?;
                }
                None => {}
            }
        }
        let members = tree.members.as_deref();
        let of_members = |around: &KeptRow, rows: &mut RowFile| {
            let Some(child) = members else { return Ok(()) };
            let mut members = self.scanner(&part);
            while let Some((name, value)) = members.next_member()? {
                if tree.keys.iter().all(|(key, _)| *key != name) {
                    self.walk(child, value, &Role::Member(name), around, rows)?;
                }
            }
            Ok(())
        };
        match (groups.as_slice(), members) {
            ([], None) if around.has_values() => Ok(rows.push(&around)?),
            ([], _) => of_members(&around, rows),
            ([(child, value)], None) => self.walk(child, value.clone(), &Role::Value, &around, rows),
            _ => {
                let mut sides = Vec::new();
                for (child, value) in groups {
                    let mut side = RowFile::new()?;
                    self.walk(child, value, &Role::Value, &KeptRow::default(), &mut side)?;
                    sides.push(side);
                }
                if members.is_some() {
                    let mut side = RowFile::new()?;
                    of_members(&KeptRow::default(), &mut side)?;
                    sides.push(side);
                }
                side_by_side(sides, &around, rows)
            }
        }
    }

    fn array(
        &self,
        tree: &PathTree,
        part: Range<u64>,
        mut around: KeptRow,
        rows: &mut RowFile,
    ) -> Result<(), WalkError> {
        let mut groups: Vec<(&PathTree, Range<u64>)> = Vec::new();
        if !tree.indexes.is_empty() {
            let (mut elements, mut at) = (self.scanner(&part), 0);
            while let Some(value) = elements.next_element()? {
                match tree.indexes.iter().find(|(index, _)| *index == at) {
                    Some((_, child)) if child.iterates => groups.push((child, value)),
                    Some((_, child)) => self.fixed(child, &value, &mut around)?,
                    None => {}
                }
                at += 1;
            }
        }
        let of_elements = |around: &KeptRow, rows: &mut RowFile| {
            let Some(child) = tree.each.as_deref() else { return Ok(()) };
            let mut elements = self.scanner(&part);
            while let Some(value) = elements.next_element()? {
                self.walk(child, value, &Role::Element, around, rows)?;
            }
            Ok(())
        };
        if groups.is_empty() {
            return of_elements(&around, rows);
        }
        let mut sides = Vec::new();
        for (child, value) in groups {
            let mut side = RowFile::new()?;
            self.walk(child, value, &Role::Value, &KeptRow::default(), &mut side)?;
            sides.push(side);
        }
        if tree.each.is_some() {
            let mut side = RowFile::new()?;
            of_elements(&KeptRow::default(), &mut side)?;
            sides.push(side);
        }
        side_by_side(sides, &around, rows)
    }
}

/// Joins rows of arrays that go together, element by element.
fn side_by_side(sides: Vec<RowFile>, around: &KeptRow, rows: &mut RowFile) -> Result<(), WalkError> {
    if let Some(other) = sides.iter().find(|side| side.count() != sides[0].count()) {
        return Err(array_lengths(sides[0].count(), other.count()).into());
    }
    let mut sides = sides.into_iter().map(RowFile::finish).collect::<io::Result<Vec<_>>>()?;
    loop {
        let mut joined = around.clone();
        for side in &mut sides {
            let Some(row) = side.next()? else { return Ok(()) };
            joined.add(row);
        }
        rows.push(&joined)?;
    }
}

fn too_long() -> RowError {
    row_error("line-too-long", format!("a value of it is longer than {MAX_LINE_BYTES} bytes"))
}
