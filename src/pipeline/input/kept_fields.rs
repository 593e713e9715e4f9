//! Which further fields `--only` and `--drop` keep, and which of their names no field has.

use std::cell::Cell;
use std::collections::BTreeSet;

use super::keys::{ORIGIN, SENSOR, TEMPERATURE, TIME};
use super::options::InputOptions;

/// The names of `--only` and `--drop`.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptFields {
    only: Vec<FieldName>,
    drop: Vec<FieldName>,
}

/// A name, and whether a field of the input has it.
#[derive(Clone, Debug)]
struct FieldName {
    name: String,
    is_met: Cell<bool>,
}

impl KeptFields {
    pub(super) fn new(options: &InputOptions) -> Self {
        let names = |names: &[String], are_of_layout: bool| {
            let own = [SENSOR, TEMPERATURE, TIME, ORIGIN[0], ORIGIN[1]];
            // A layout names what some of its files have.
            let is_known = |name: &str| are_of_layout || own.contains(&name);
            names.iter().map(|name| FieldName { name: name.clone(), is_met: Cell::new(is_known(name)) }).collect()
        };
        KeptFields {
            only: names(&options.only, options.is_only_of_layout),
            drop: names(&options.drop, options.is_drop_of_layout),
        }
    }

    /// Returns whether a further field is kept.
    pub(super) fn keeps(&self, field: &str) -> bool {
        let names = |list: &[FieldName]| {
            let found = list.iter().find(|named| named.name == field);
            found.inspect(|named| named.is_met.set(true)).is_some()
        };
        let is_only = self.only.is_empty() || names(&self.only);
        is_only && !names(&self.drop)
    }

    /// Returns whether every field is kept.
    pub(super) fn keeps_all(&self) -> bool {
        self.only.is_empty() && self.drop.is_empty()
    }

    /// Notes that all names were checked.
    pub(super) fn set_known(&self) {
        self.only.iter().chain(&self.drop).for_each(|named| named.is_met.set(true));
    }

    /// Returns the names that no field had so far.
    pub(super) fn unmatched(&self) -> BTreeSet<String> {
        let all = self.only.iter().chain(&self.drop);
        all.filter(|named| !named.is_met.get()).map(|named| named.name.clone()).collect()
    }
}
