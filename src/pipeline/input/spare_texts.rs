//! Texts of readings that are done with, whose memory the next readings use.
//!
//! One thread reads and another one sends: what the one allocates, the other one would free, and both would wait for the
//! allocator.

use std::sync::Arc;

use parking_lot::Mutex;

/// Texts that change hands at once.
const BATCH: usize = 256;
/// Batches that are kept at most: as many texts as small readings may be on their way.
const MOST_BATCHES: usize = 32;
/// Largest text that is kept: a few large readings must not make all texts large.
const MOST_BYTES: usize = 1024;

/// Texts on their way back from the sender to the reader.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpareTexts {
    batches: Arc<Mutex<Vec<Vec<String>>>>,
    /// Those of this side.
    own: Vec<String>,
}

impl SpareTexts {
    /// Returns an empty text.
    pub(crate) fn take(&mut self, capacity: usize) -> String {
        if self.own.is_empty()
            && let Some(batch) = self.batches.lock().pop()
        {
            self.own = batch;
        }
        match self.own.pop() {
            Some(mut text) => {
                text.clear();
                text
            }
            None => String::with_capacity(capacity),
        }
    }

    /// Takes a text that nobody needs any more.
    pub(crate) fn give(&mut self, text: String) {
        if text.capacity() > MOST_BYTES {
            return;
        }
        self.own.push(text);
        if self.own.len() == BATCH {
            let mut batches = self.batches.lock();
            if batches.len() < MOST_BATCHES {
                batches.push(std::mem::replace(&mut self.own, Vec::with_capacity(BATCH)));
            } else {
                self.own.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_texts_are_used_again_by_the_other_side_unless_they_are_large_or_too_many() {
        let mut sender = SpareTexts::default();
        let mut reader = sender.clone();
        assert_eq!(reader.take(10).capacity(), 10);
        for _ in 0..BATCH {
            sender.give("x".repeat(33));
            sender.give("x".repeat(MOST_BYTES + 1));
        }
        for _ in 0..BATCH {
            let text = reader.take(10);
            assert_eq!((text.as_str(), text.capacity()), ("", 33));
        }
        assert_eq!(reader.take(10).capacity(), 10);
        (0..BATCH * (MOST_BATCHES + 10)).for_each(|_| sender.give("y".repeat(20)));
        assert_eq!(sender.batches.lock().len(), MOST_BATCHES);
    }
}
