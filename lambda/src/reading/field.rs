//! The values of further fields, checked while they are parsed.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{check_name, not_json, number, text};
use crate::limits::MAX_DEPTH;
use crate::validation_error::{ReadingError, truncate_for_log};
use crate::value::Value;

/// The position of a value in a reading.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    /// The key of the reading that it belongs to.
    pub key: &'a str,
    /// The whole reading.
    pub text: &'a str,
    /// Shared by all values of the reading.
    pub room: &'a Cell<usize>,
}

impl Field<'_> {
    /// Parses a value inside `around` lists and maps.
    pub(crate) fn value(self, raw: &RawValue, around: usize) -> Result<Value, ReadingError> {
        // Checked before they take memory: a few bytes of JSON can be many bytes of values.
        self.room.set(self.room.get().checked_sub(1).ok_or(ReadingError::TooManyValues)?);
        let text = raw.get();
        if around >= MAX_DEPTH {
            return Err(ReadingError::TooDeep { key: truncate_for_log(self.key) });
        }
        Ok(match text.as_bytes().first() {
            Some(b'n') => Value::Null,
            Some(b't') => Value::Bool(true),
            Some(b'f') => Value::Bool(false),
            Some(b'"') => Value::Text(self::text(raw, self.text)?),
            Some(b'[') => {
                let elements = Elements { field: self, around: around + 1 };
                let values = serde_json::Deserializer::from_str(text).deserialize_seq(elements);
                Value::List(values.map_err(|error| not_json(text, self.text, &error))??)
            }
            Some(b'{') => {
                let members = Members { field: self, around: around + 1 };
                let values = serde_json::Deserializer::from_str(text).deserialize_map(members);
                Value::Map(values.map_err(|error| not_json(text, self.text, &error))??)
            }
            _ => Value::Number(
                number(self.key, text).map_err(|refusal| refusal.unwrap_or(ReadingError::NotJson { at: 0 }))?,
            ),
        })
    }
}

/// A key, borrowed unless it has escapes.
#[derive(Deserialize)]
pub(crate) struct Name<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// Visits the elements of an array one by one, to the end, because there may be too many to collect first.
pub(crate) struct Elements<'a> {
    field: Field<'a>,
    around: usize,
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = Result<Vec<Value>, ReadingError>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut values = Ok(Vec::new());
        while let Some(element) = elements.next_element::<&RawValue>()? {
            if let Ok(taken) = &mut values {
                match self.field.value(element, self.around) {
                    Ok(value) => taken.push(value),
                    Err(refusal) => values = Err(refusal),
                }
            }
        }
        Ok(values)
    }
}

/// Visits the members of an object one by one, including duplicate keys, to the end.
pub(crate) struct Members<'a> {
    field: Field<'a>,
    around: usize,
}

impl Members<'_> {
    fn take(&self, map: &mut BTreeMap<String, Value>, name: &str, member: &RawValue) -> Result<(), ReadingError> {
        check_name(name)?;
        let value = self.field.value(member, self.around)?;
        match map.insert(name.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(ReadingError::DuplicateKey { key: truncate_for_log(name) }),
        }
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Result<BTreeMap<String, Value>, ReadingError>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut values = Ok(BTreeMap::new());
        while let Some((Name(name), member)) = members.next_entry::<Name<'de>, &RawValue>()? {
            if let Ok(taken) = &mut values
                && let Err(refusal) = self.take(taken, &name, member)
            {
                values = Err(refusal);
            }
        }
        Ok(values)
    }
}
