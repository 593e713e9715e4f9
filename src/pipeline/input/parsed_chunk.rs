//! Some items of an input that are handed over at once.

use super::parsed_line::ParsedLine;

/// Items of one input.
#[derive(Debug, Default)]
pub(crate) struct ParsedChunk {
    /// The items in the order of the input.
    pub items: Vec<ParsedLine>,
    /// The number of the input, from 0.
    pub input: usize,
    /// The number of leading items that stay the same when the input grows. The others depend on where it ends, such as
    /// a last line without line end.
    pub stable: usize,
}

impl ParsedChunk {
    /// Returns an empty chunk of an input.
    pub(crate) fn of_input(input: usize) -> Self {
        ParsedChunk { input, ..ParsedChunk::default() }
    }
}

/// Readings that come from no file, all of them stable.
impl FromIterator<ParsedLine> for ParsedChunk {
    fn from_iter<T: IntoIterator<Item = ParsedLine>>(items: T) -> Self {
        let items: Vec<_> = items.into_iter().collect();
        ParsedChunk { stable: items.len(), items, ..ParsedChunk::default() }
    }
}
