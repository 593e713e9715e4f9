//! Joins the items of the dead-letter table to dead letters.

use super::dead_letter::{DeadLetter, DeadLetterId, DeadLetterPart};

/// One item of the table.
#[derive(Debug)]
pub(super) struct ItemPart {
    /// The dead letter as far as this item tells it: its data is that of the item.
    pub letter: DeadLetter,
    /// The number of parts that the dead letter has in all.
    pub count: u32,
}

/// Joins items that come in the order of their keys. It holds one dead letter at a time.
#[derive(Debug, Default)]
pub(super) struct PartJoiner {
    open: Option<(DeadLetter, u32)>,
}

impl PartJoiner {
    /// Adds an item. Passes the dead letters that are complete, or lack parts for good, to `done`.
    pub(super) fn push(&mut self, item: ItemPart, done: &mut impl FnMut(DeadLetter)) {
        let ItemPart { letter, count } = item;
        match &mut self.open {
            Some((open, _)) if open.id == letter.id => {
                open.data.extend_from_slice(&letter.data);
                open.parts.extend(letter.parts);
            }
            _ => {
                self.finish(done);
                self.open = Some((letter, count));
            }
        }
        if self.open.as_ref().is_some_and(|(open, count)| open.parts.len() >= *count as usize) {
            self.finish(done);
        }
    }

    /// Passes the last dead letter to `done`.
    pub(super) fn finish(&mut self, done: &mut impl FnMut(DeadLetter)) {
        if let Some((mut letter, count)) = self.open.take() {
            let found = u32::try_from(letter.parts.len()).unwrap_or(u32::MAX);
            letter.missing_parts = count.saturating_sub(found);
            done(letter);
        }
    }
}

/// Creates the dead letter of one item.
pub(super) fn single_part(id: DeadLetterId, part: DeadLetterPart, data: Vec<u8>) -> DeadLetter {
    DeadLetter {
        id,
        reason: String::new(),
        message: String::new(),
        partition_key: String::new(),
        arrived: None,
        expires: None,
        data,
        parts: vec![part],
        missing_parts: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(sequence: &str, index: u32, number: u32, count: u32, data: &str) -> ItemPart {
        let id = DeadLetterId { shard_id: "shard".into(), sequence_number: sequence.into(), index };
        let reject_id = format!("{}{number:03}", id.prefix());
        let part = DeadLetterPart { reject_id, bytes: data.len(), expires_at: None };
        ItemPart { letter: single_part(id, part, data.into()), count }
    }

    fn joined(items: Vec<ItemPart>) -> Vec<(String, String, u32)> {
        let mut letters = Vec::new();
        let mut done = |letter: DeadLetter| letters.push(letter);
        let mut joiner = PartJoiner::default();
        for item in items {
            joiner.push(item, &mut done);
        }
        joiner.finish(&mut done);
        let shown =
            |letter: DeadLetter| (letter.id.to_string(), String::from_utf8(letter.data).unwrap(), letter.missing_parts);
        letters.into_iter().map(shown).collect()
    }

    #[test]
    fn parts_are_joined_in_order_and_missing_ones_are_counted() {
        let items = vec![
            item("7", 0, 0, 1, "a"),
            item("7", 1, 0, 3, "b"),
            item("7", 1, 1, 3, "c"),
            item("7", 1, 2, 3, "d"),
            item("8", 0, 1, 3, "e"),
            item("9", 0, 0, 2, "f"),
        ];
        let text = |id: &str, data: &str, missing| (id.to_owned(), data.to_owned(), missing);
        assert_eq!(
            joined(items),
            [
                text("shard/7/0", "a", 0),
                text("shard/7/1", "bcd", 0),
                text("shard/8/0", "e", 2),
                text("shard/9/0", "f", 1)
            ]
        );
    }
}
