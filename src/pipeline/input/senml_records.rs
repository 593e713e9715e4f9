//! The records of `SenML` packs, held until nothing of their pack can refuse them.

use std::io;

use super::json_elements::{ElementStatus, JsonElements};
use super::json_lines;
use super::json_mapper::JsonMapper;
use super::output::{Output, RawLine};
use super::row_error::row_error;
use super::senml::SenmlPack;

/// Bytes of a pack that are held, with what a record takes besides its own. What is before them in a larger pack is put
/// before all of it was seen.
const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;
const RECORD_OVERHEAD: usize = 128;

/// A record as it will be put.
struct Held {
    line: u64,
    bytes: Vec<u8>,
    /// Empty where it only sets base fields.
    document: String,
}

/// Reads packs.
pub(super) struct SenmlRecords {
    elements: JsonElements,
    element: Vec<u8>,
    pack: SenmlPack,
    arrays: u64,
    held: Vec<Held>,
    held_bytes: usize,
    is_at_end: bool,
}

impl SenmlRecords {
    pub(super) fn new(elements: JsonElements) -> Self {
        SenmlRecords {
            elements,
            element: Vec::new(),
            pack: SenmlPack::default(),
            arrays: 0,
            held: Vec::new(),
            held_bytes: 0,
            is_at_end: false,
        }
    }

    pub(super) fn may_block(&self) -> bool {
        self.elements.may_block()
    }

    /// Returns lines and bytes that were read and put.
    pub(super) fn position(&self) -> (u64, u64) {
        if self.held.is_empty() { self.elements.position() } else { (0, 0) }
    }

    /// Puts what the next record holds; false at the end.
    pub(super) fn advance(&mut self, mapper: Option<&JsonMapper>, output: &mut Output) -> io::Result<bool> {
        if self.is_at_end {
            return Ok(false);
        }
        self.element.clear();
        let status = self.elements.append(&mut self.element)?;
        if self.arrays != self.elements.arrays() {
            self.release(mapper, output);
            self.arrays = self.elements.arrays();
            self.pack = SenmlPack::default();
        }
        let raw = RawLine { number: self.elements.number(), bytes: &self.element, is_truncated: false };
        match status {
            ElementStatus::End => {
                self.release(mapper, output);
                self.is_at_end = true;
            }
            ElementStatus::TooLong => output.too_long(raw),
            ElementStatus::Cut => output.reject(raw, row_error("cut-line", "the file ends in it: it was cut")),
            ElementStatus::Element => {
                let mut document = String::new();
                let read =
                    json_lines::document(raw.bytes).and_then(|record| self.pack.write_json(record, &mut document));
                match read {
                    Ok(is_value) => {
                        if !is_value {
                            document.clear();
                        }
                        self.held_bytes += raw.bytes.len() + document.len() + RECORD_OVERHEAD;
                        self.held.push(Held { line: raw.number, bytes: raw.bytes.to_vec(), document });
                    }
                    Err(error) => output.reject(raw, error),
                }
                if self.held_bytes > MAX_HELD_BYTES || self.pack.refusal().is_some() {
                    self.release(mapper, output);
                }
            }
        }
        Ok(true)
    }

    /// Puts the records that are held, or rejects them with their pack.
    fn release(&mut self, mapper: Option<&JsonMapper>, output: &mut Output) {
        let refusal = self.pack.refusal();
        self.held_bytes = 0;
        for Held { line, bytes, document } in self.held.drain(..) {
            let raw = RawLine { number: line, bytes: &bytes, is_truncated: false };
            match (&refusal, mapper) {
                (Some(refusal), _) => output.reject(raw, refusal.clone()),
                (None, Some(mapper)) if !document.is_empty() => json_lines::map(&document, raw, mapper, output),
                (None, _) => {}
            }
        }
    }
}
