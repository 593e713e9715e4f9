//! One row out of a document in one pass over its text, where no path iterates.

use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Name, PathRow, PathTree, PathValue};

impl PathTree {
    /// Returns the only row of a document; nothing where paths iterate, or something is wrong with the document:
    /// [`PathTree::rows`] then says what.
    pub(in super::super) fn single_row<'a>(&self, document: &'a str) -> Option<PathRow<'a>> {
        if self.iterates || self.decodes || self.slot.is_some() {
            return None;
        }
        let mut row = PathRow { values: Vec::with_capacity(self.slots), ..PathRow::default() };
        let mut json = serde_json::Deserializer::from_str(document);
        Fill { node: self, row: &mut row }.deserialize(&mut json).ok()?;
        json.end().ok()?;
        Some(row)
    }
}

/// Takes the values below one place of a document.
struct Fill<'t, 'r, 'a> {
    node: &'t PathTree,
    row: &'r mut PathRow<'a>,
}

impl<'a> DeserializeSeed<'a> for Fill<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        let Some(slot) = self.node.slot else { return deserializer.deserialize_any(self) };
        if self.row.get(slot).is_some() {
            return Err(D::Error::custom("a key occurs twice"));
        }
        let value = <&'a RawValue>::deserialize(deserializer)?;
        self.row.put(slot, PathValue::Json(value));
        self.node.fill(value, self.row).map_err(|error| D::Error::custom(error.reason))
    }
}

impl<'a> Visitor<'a> for Fill<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = members.next_key::<Name<'a>>()? {
            match self.node.keys.iter().find(|(key, _)| *key == name) {
                Some((_, node)) => members.next_value_seed(Fill { node, row: &mut *self.row })?,
                None if self.node.keeps_siblings => self.row.siblings.push((name, members.next_value()?)),
                None => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut at = 0;
        loop {
            let found = match self.node.indexes.iter().find(|(index, _)| *index == at) {
                Some((_, node)) => elements.next_element_seed(Fill { node, row: &mut *self.row })?.is_some(),
                None => elements.next_element::<IgnoredAny>()?.is_some(),
            };
            if !found {
                return Ok(());
            }
            at += 1;
        }
    }

    // A path may go on where a document has a scalar: there is nothing then.
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
