//! The watermark of a shard: the position before the first unfinished record.
//!
//! The records of a shard may be processed by several workers. Pure.

use std::collections::VecDeque;

/// The records read from the first unfinished one on.
#[derive(Debug, Default)]
pub(crate) struct Watermark {
    /// Index of the first record.
    first: u64,
    open: VecDeque<Open>,
    /// Size of the unfinished records.
    undone: usize,
    weight: usize,
}

#[derive(Debug)]
struct Open {
    sequence_number: String,
    weight: usize,
    done: bool,
}

impl Watermark {
    /// Adds a record; returns its index.
    pub(crate) fn begin(&mut self, sequence_number: &str, weight: usize) -> u64 {
        self.open.push_back(Open { sequence_number: sequence_number.to_owned(), weight, done: false });
        self.undone += 1;
        self.weight += weight;
        self.first + self.open.len() as u64 - 1
    }

    /// Marks records as done; returns the new watermark's sequence number, if it has moved.
    pub(crate) fn complete(&mut self, indexes: &[u64]) -> Option<String> {
        for index in indexes {
            let position = index.checked_sub(self.first).and_then(|position| usize::try_from(position).ok());
            if let Some(open) = position.and_then(|position| self.open.get_mut(position)).filter(|open| !open.done) {
                open.done = true;
                self.undone -= 1;
                self.weight -= open.weight;
            }
        }
        let mut reached = None;
        while let Some(open) = self.open.pop_front_if(|open| open.done) {
            self.first += 1;
            reached = Some(open.sequence_number);
        }
        reached
    }

    /// Returns the number of records above the watermark: each of them, or one before it, is unfinished.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Returns the number of unfinished records.
    pub(crate) fn undone(&self) -> usize {
        self.undone
    }

    /// Returns the size of the unfinished records, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watermark_does_not_pass_an_unfinished_record() {
        let mut progress = Watermark::default();
        let indexes: Vec<u64> = ["a", "b", "c", "d"].iter().map(|number| progress.begin(number, 10)).collect();
        assert_eq!(progress.complete(&[indexes[1], indexes[2], indexes[1]]), None);
        assert_eq!((progress.len(), progress.undone(), progress.weight()), (4, 2, 20));
        assert_eq!(progress.complete(&[indexes[0]]).as_deref(), Some("c"));
        assert_eq!((progress.len(), progress.weight()), (1, 10));
        let next = progress.begin("e", 5);
        assert_eq!(progress.complete(&[next]), None);
        assert_eq!(progress.complete(&[indexes[3]]).as_deref(), Some("e"));
        assert_eq!((progress.len(), progress.undone(), progress.weight()), (0, 0, 0));
    }
}
