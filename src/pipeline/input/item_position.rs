//! A position in an input, counted in its items: readings and rejected lines.

use crc32fast::Hasher;
use serde::{Deserialize, Serialize};

use super::parsed_line::ParsedLine;

/// The items of an input up to one of them.
///
/// An item is counted rather than a line: a row may give several readings, one line may hold a whole JSON array, and the
/// long form gives its readings in another order than its rows. The same file and options give the same items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ItemPosition {
    /// The number of items.
    pub items: u64,
    /// Those of them that are rejected lines.
    pub rejected: u64,
    /// The line of the last one, from 1.
    pub line: u64,
    /// The CRC-32 of all of them, by which a change of the file is noticed.
    pub checksum: u32,
}

impl ItemPosition {
    /// Moves on by an item.
    pub(crate) fn add(&mut self, item: &ParsedLine) {
        let mut hasher = Hasher::new_with_initial(self.checksum);
        let (line, bytes) = match item {
            ParsedLine::Ready(record) => (record.line, record.data.as_bytes()),
            ParsedLine::Rejected(rejection) => {
                self.rejected += 1;
                // The reason's words are not part of the input.
                (rejection.line, &rejection.raw[..])
            }
        };
        hasher.update(&line.to_le_bytes());
        hasher.update(bytes);
        self.checksum = hasher.finalize();
        self.line = line;
        self.items += 1;
    }
}
