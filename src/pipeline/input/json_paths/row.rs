//! A row: what the paths of a document lead to.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// A value of a row.
#[derive(Clone, Debug)]
pub(in super::super) enum PathValue<'a> {
    /// A value of the document.
    Json(&'a RawValue),
    /// The name of a member.
    Name(Cow<'a, str>),
}

/// The values of one row.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct PathRow<'a> {
    /// Slots with their values.
    pub values: Vec<(usize, PathValue<'a>)>,
    /// Members beside the temperature that no path names.
    pub siblings: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// The innermost element or member that the row is of, where paths iterate.
    pub element: Option<&'a RawValue>,
}

impl<'a> PathRow<'a> {
    /// Returns the value of a slot.
    pub(in super::super) fn get(&self, slot: usize) -> Option<&PathValue<'a>> {
        self.values.iter().find(|(at, _)| *at == slot).map(|(_, value)| value)
    }

    pub(super) fn put(&mut self, slot: usize, value: PathValue<'a>) {
        self.values.push((slot, value));
    }

    pub(super) fn add(&mut self, other: &PathRow<'a>) {
        self.values.extend(other.values.iter().cloned());
        self.siblings.extend(other.siblings.iter().cloned());
        self.element = self.element.or(other.element);
    }

    /// Returns whether it holds more than the name of a member.
    pub(super) fn has_values(&self) -> bool {
        self.values.iter().any(|(_, value)| matches!(value, PathValue::Json(_)))
    }

    /// Returns the text of its element, or that of its values where that is only one of them, as in arrays side by side;
    /// nothing where no path iterates.
    pub(in super::super) fn own_text(&self) -> Option<Cow<'a, str>> {
        let element = self.element?.get();
        if element.starts_with(['{', '[']) {
            return Some(Cow::Borrowed(element));
        }
        let values = self.values.iter().filter_map(|(_, value)| match value {
            PathValue::Json(raw) => Some(raw.get()),
            PathValue::Name(_) => None,
        });
        Some(Cow::Owned(format!("[{}]", values.collect::<Vec<_>>().join(","))))
    }
}
