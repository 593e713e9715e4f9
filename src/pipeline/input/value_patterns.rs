//! Patterns that the values of a column or path are compared with.

use std::borrow::Cow;

use super::cell::Cell;
use super::mapping::{captured, is_like};
use super::option_values::EXCEPT;
use super::reading_builder::ReadingBuilder;

/// The patterns of one column: one of those that are wanted must match, where there are any, and no other.
#[derive(Debug, Default)]
pub(super) struct ValuePatterns {
    wanted: Vec<String>,
    unwanted: Vec<String>,
}

impl ValuePatterns {
    /// Adds a pattern as it is typed.
    pub(super) fn add(&mut self, pattern: &str) {
        match pattern.strip_prefix(EXCEPT) {
            Some(unwanted) => self.unwanted.push(unwanted.to_owned()),
            None => self.wanted.push(pattern.to_owned()),
        }
    }

    /// Returns what stands at the `*` of the pattern that a text matches.
    pub(super) fn part<'t>(&self, text: &'t str) -> Option<&'t str> {
        if self.wanted.is_empty() {
            return Some(text);
        }
        self.wanted.iter().find_map(|pattern| captured(pattern, text))
    }

    /// Returns whether rows with one of these values are asked for; a value that is absent matches the empty pattern. Where a
    /// part of a value is what is read of it, a value of `--missing` counts as absent.
    pub(super) fn take<'t>(
        &self,
        values: impl Iterator<Item = Option<Cow<'t, str>>> + Clone,
        builder: &ReadingBuilder,
    ) -> bool {
        let is_absent = |part: &str| builder.is_missing(&Cell::Text(Cow::Borrowed(part)));
        let is_wanted = |text: &Option<Cow<'_, str>>| match text {
            None => self.wanted.iter().any(String::is_empty),
            Some(text) => self
                .wanted
                .iter()
                .any(|pattern| captured(pattern, text).is_some_and(|part| !pattern.contains('*') || !is_absent(part))),
        };
        let is_unwanted = |text: Option<Cow<'_, str>>| {
            text.is_some_and(|text| self.unwanted.iter().any(|pattern| is_like(pattern, &text)))
        };
        (self.wanted.is_empty() || values.clone().any(|text| is_wanted(&text)))
            && (self.unwanted.is_empty() || !values.into_iter().any(is_unwanted))
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::InputOptions;
    use super::super::time_format::TimeUnit;
    use super::*;

    #[test]
    fn pattern_behind_an_exclamation_mark_leaves_values_out() {
        let builder = ReadingBuilder::new(&InputOptions::default(), TimeUnit::Auto).unwrap();
        let take = |patterns: &[&str], values: &[Option<&'static str>]| {
            let mut all = ValuePatterns::default();
            for pattern in patterns {
                all.add(pattern);
            }
            all.take(values.iter().map(|value| value.map(Cow::Borrowed)), &builder)
        };
        let topics = ["z/*", "!*/set", "!*/get", "!*/set/*"];
        assert!(take(&topics, &[Some("z/attic")]) && !take(&topics, &[Some("z/set"), Some("z/settings")]));
        for topic in ["z/attic/set", "z/attic/get", "z/attic/set/temperature", "y/attic"] {
            assert!(!take(&topics, &[Some(topic)]), "{topic}");
        }
        assert!(
            take(&["!*/set"], &[Some("attic")]) && take(&["!*/set"], &[None]) && !take(&["!*/set"], &[Some("a/set")])
        );
        assert!(take(&[""], &[None]) && !take(&["*"], &[None]) && take(&["*,1", "*,5"], &[None, Some("3,5")]));
    }

    #[test]
    fn part_of_a_value_is_that_of_a_wanted_pattern() {
        let mut patterns = ValuePatterns::default();
        patterns.add("!*/set");
        assert_eq!(patterns.part("z/attic"), Some("z/attic"));
        patterns.add("z/*");
        assert_eq!((patterns.part("z/attic"), patterns.part("y")), (Some("attic"), None));
    }
}
