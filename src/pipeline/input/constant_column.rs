//! Columns that hold one text in the first rows of an input whose rows are put as one sensor: one that changes later may
//! name another device.

use std::cell::RefCell;

use rustc_hash::FxHashSet;

use super::facts::InputFacts;
use super::series_columns::{FoundColumn, may_name_device};

/// Values of a column up to which they may be those of devices.
const MOST_VALUES: usize = 256;

/// A column or path that held one text so far.
#[derive(Clone, Debug)]
pub(super) struct ConstantColumn {
    /// The source of the sensor that tells its values apart.
    pub source: String,
    first: String,
    /// Further values, before one that can be no device's name.
    others: RefCell<Option<FxHashSet<String>>>,
}

impl ConstantColumn {
    pub(super) fn new(source: String, first: String) -> Self {
        ConstantColumn { source, first, others: RefCell::new(Some(FxHashSet::default())) }
    }

    /// Returns whether a row's text, without blanks around it, is another one. An empty one says nothing.
    #[inline]
    pub(super) fn is_other(&self, text: &str) -> bool {
        text != self.first && !text.is_empty()
    }

    /// Takes the other text of a row that is a reading.
    #[cold]
    pub(super) fn change(&self, text: &str, facts: &mut InputFacts) {
        let mut others = self.others.borrow_mut();
        let Some(known) = others.as_mut() else { return };
        if known.contains(text) {
            return;
        }
        if known.len() + 1 == MOST_VALUES || !may_name_device(text) {
            // It says how a row is, or counts something: what was noted before stays noted.
            *others = None;
            return;
        }
        known.insert(text.to_owned());
        let found = FoundColumn { source: self.source.clone(), values: known.len() as u64 + 1 };
        facts.possible_devices.add(&found, self.source.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(first: &str, texts: &[&str]) -> Option<u64> {
        let (column, mut facts) = (ConstantColumn::new("box".to_owned(), first.to_owned()), InputFacts::default());
        for text in texts.iter().filter(|text| column.is_other(text)) {
            column.change(text, &mut facts);
        }
        facts.possible_devices.0.get("box").map(|(values, _)| *values)
    }

    #[test]
    fn text_that_changes_late_may_name_another_device() {
        assert_eq!(found("A", &["A", "A", ""]), None);
        assert_eq!(found("A", &["A", "B", "A", "B"]), Some(2));
        assert_eq!(found("A", &["B", "D"]), Some(3));
        for state in ["low", "OFF", "12.5", "2023-11-14T22:13:20Z"] {
            assert_eq!(found("A", &[state, "B"]), None, "{state}");
        }
    }
}
