//! The dead letters that a user agreed to: those that the question counted, and not those that came since.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use sensor_model::Decimal;

use super::selection::{dead_letters, tell_left_out};
use crate::context::Context;
use crate::error::Error;
use crate::operate::{DeadLetter, DeadLetterReader};

/// Ids that are remembered, eight bytes each.
const REMEMBERED: usize = 1_000_000;

/// Reads dead letters that the user agreed to.
#[derive(Debug)]
pub(super) struct AgreedLetters<'c> {
    reader: DeadLetterReader<'c>,
    /// `None` for all.
    counted: Option<CountedLetters>,
    left: u64,
    /// Those that came since the question.
    late: u64,
}

impl<'c> AgreedLetters<'c> {
    /// Reads at most `limit` of all.
    pub(super) fn all(reader: DeadLetterReader<'c>, limit: u64) -> Self {
        AgreedLetters { reader, counted: None, left: limit, late: 0 }
    }

    /// Reads at most `limit` of those that were counted.
    pub(super) fn counted(reader: DeadLetterReader<'c>, limit: u64, counted: CountedLetters) -> Self {
        AgreedLetters { reader, counted: Some(counted), left: limit, late: 0 }
    }

    /// Returns the next dead letter; `None` behind the last.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(super) async fn next(&mut self) -> Result<Option<DeadLetter>, Error> {
        while self.left > 0 {
            let Some(letter) = self.reader.next().await? else { break };
            if self.counted.as_ref().is_none_or(|counted| counted.has(&letter)) {
                self.left -= 1;
                return Ok(Some(letter));
            }
            self.late += 1;
        }
        Ok(None)
    }

    /// Says what was left out, beside the result of the work.
    ///
    /// # Errors
    /// The error of the work, or of a missing id.
    pub(super) fn tell_left_out(&self, context: &Context, result: Result<(), Error>) -> Result<(), Error> {
        if self.late > 0 {
            let count = dead_letters(self.late);
            context.output.note(format!("{count} came after the question, and was left alone"));
        }
        tell_left_out(context, &self.reader, result)
    }
}

/// The dead letters that a question counted.
#[derive(Debug, Default)]
pub(super) struct CountedLetters {
    hasher: RandomState,
    hashes: HashSet<u64>,
    /// The latest expiry of those that are not remembered. What is rejected later expires later.
    last_expiry: Option<Decimal>,
}

impl CountedLetters {
    /// Adds a dead letter.
    pub(super) fn add(&mut self, letter: &DeadLetter) {
        self.add_within(letter, REMEMBERED);
    }

    fn add_within(&mut self, letter: &DeadLetter, bound: usize) {
        if self.hashes.len() < bound {
            self.hashes.insert(self.hasher.hash_one(&letter.id));
        } else {
            self.last_expiry = self.last_expiry.take().max(letter.expires.clone());
        }
    }

    /// Returns whether a dead letter was counted.
    pub(super) fn has(&self, letter: &DeadLetter) -> bool {
        let is_older = || self.last_expiry.as_ref().zip(letter.expires.as_ref()).is_some_and(|(last, own)| own <= last);
        self.hashes.contains(&self.hasher.hash_one(&letter.id)) || is_older()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(number: u64, expires: u64) -> DeadLetter {
        DeadLetter {
            id: format!("shardId-0/{number}/0").parse().unwrap(),
            reason: String::new(),
            message: String::new(),
            partition_key: String::new(),
            arrived: None,
            expires: Some(expires.into()),
            data: Vec::new(),
            parts: Vec::new(),
            missing_parts: 0,
        }
    }

    #[test]
    fn counted_letters_are_known_by_id_and_beyond_the_bound_by_their_expiry() {
        let mut counted = CountedLetters::default();
        for (number, expires) in [(1, 9), (2, 5), (3, 7), (4, 6)] {
            counted.add_within(&letter(number, expires), 2);
        }
        let is_known = |number, expires| counted.has(&letter(number, expires));
        assert!(is_known(1, 9) && is_known(3, 7) && is_known(4, 6));
        assert!(!is_known(5, 8), "it was rejected later");
    }
}
