//! Readings and rejected lines in their order, in chunks of bounded memory.

use std::collections::VecDeque;

use super::parsed_line::ParsedLine;

/// Memory of a chunk, give or take a line.
const CHUNK_BYTES: usize = 256 * 1024;

/// Chunks that wait to be taken. One line may give more than one of them.
#[derive(Debug, Default)]
pub(super) struct ChunkQueue {
    full: VecDeque<VecDeque<ParsedLine>>,
    last: VecDeque<ParsedLine>,
    last_bytes: usize,
}

impl ChunkQueue {
    pub(super) fn push(&mut self, item: ParsedLine) {
        if self.last_bytes >= CHUNK_BYTES {
            let full = self.take_last();
            self.full.push_back(full);
        }
        self.last_bytes += item.memory();
        self.last.push_back(item);
    }

    /// Returns the one that was pushed last, if it was not taken.
    pub(super) fn last_mut(&mut self) -> Option<&mut ParsedLine> {
        self.last.back_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.full.iter().map(VecDeque::len).sum::<usize>() + self.last.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.full.is_empty() && self.last.is_empty()
    }

    /// Returns whether a chunk is as large as it may become.
    pub(super) fn has_full_chunk(&self) -> bool {
        !self.full.is_empty() || self.last_bytes >= CHUNK_BYTES
    }

    /// Returns the first chunk.
    pub(super) fn take_chunk(&mut self) -> Vec<ParsedLine> {
        self.full.pop_front().unwrap_or_else(|| self.take_last()).into()
    }

    /// Returns the first item.
    pub(super) fn take(&mut self) -> Option<ParsedLine> {
        if let Some(first) = self.full.front_mut() {
            let item = first.pop_front();
            if first.is_empty() {
                self.full.pop_front();
            }
            return item;
        }
        let item = self.last.pop_front()?;
        self.last_bytes = self.last_bytes.saturating_sub(item.memory());
        Some(item)
    }

    fn take_last(&mut self) -> VecDeque<ParsedLine> {
        self.last_bytes = 0;
        // The next one is mostly as long.
        let next = VecDeque::with_capacity(self.last.len());
        std::mem::replace(&mut self.last, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::RejectedLine;

    fn item(line: u64) -> ParsedLine {
        let raw = vec![b'x'; 1000];
        ParsedLine::Rejected(RejectedLine {
            file: "f".into(),
            line,
            code: "c",
            reason: String::new(),
            raw,
            truncated: false,
        })
    }

    fn filled() -> ChunkQueue {
        let mut queue = ChunkQueue::default();
        (0..1000).for_each(|line| queue.push(item(line)));
        queue
    }

    fn line(item: &ParsedLine) -> u64 {
        match item {
            ParsedLine::Rejected(rejected) => rejected.line,
            ParsedLine::Ready(record) => record.line,
        }
    }

    #[test]
    fn chunks_are_bounded_and_in_order() {
        let mut queue = filled();
        let mut lines = Vec::new();
        while !queue.is_empty() {
            let is_full = queue.has_full_chunk();
            let chunk = queue.take_chunk();
            let bytes: usize = chunk.iter().map(ParsedLine::memory).sum();
            assert!(bytes < CHUNK_BYTES + 2000 && is_full == (bytes >= CHUNK_BYTES), "{bytes}");
            lines.extend(chunk.iter().map(line));
        }
        assert!(lines.into_iter().eq(0..1000));
    }

    #[test]
    fn items_are_taken_one_by_one_across_chunks() {
        let mut queue = filled();
        let lines = std::iter::from_fn(|| queue.take()).map(|item| line(&item));
        assert!(lines.eq(0..1000));
        assert!(queue.is_empty() && !queue.has_full_chunk() && queue.last_bytes == 0);
    }
}
