//! Finds unknown members in a body without storing any of it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::shape::{Below, Shape};
use crate::kinesis::WireFormat;

/// Returns the path of the first member of a body that a shape does not have.
///
/// A malformed body has no such member: its service returns the error.
pub(super) fn unknown_in(shape: &Shape, form: WireFormat, body: &[u8]) -> Option<String> {
    let mut found = None;
    let check = Check { looked: Looked::Members(shape), found: &mut found };
    let read = match form {
        WireFormat::Json => check.deserialize(&mut serde_json::Deserializer::from_slice(body)).is_ok(),
        WireFormat::Cbor => form.json(body).is_some_and(|body| check.deserialize(body).is_ok()),
    };
    found.filter(|_| read)
}

/// How deep to check the members of a value.
#[derive(Clone, Copy)]
enum Looked<'a> {
    Nothing,
    Members(&'a Shape),
    Named(&'a Shape),
    Value,
    NamedValues,
    Unknown,
}

/// The types of an attribute value of `DynamoDB` that contain no other.
const SCALARS_AND_SETS: [&str; 8] = ["S", "N", "B", "SS", "NS", "BS", "BOOL", "NULL"];

struct Check<'a, 'f> {
    looked: Looked<'a>,
    found: &'f mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Check<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.looked {
            // Below a member that is not checked further, text is skipped and not decoded.
            Looked::Nothing => deserializer.deserialize_ignored_any(IgnoredAny).map(drop),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Check<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let looked = match self.looked {
                Looked::Named(shape) => Looked::Members(shape),
                Looked::Nothing => Looked::Nothing,
                Looked::NamedValues => Looked::Value,
                Looked::Value if SCALARS_AND_SETS.contains(&&*name) => Looked::Nothing,
                Looked::Value if name == "L" => Looked::Value,
                Looked::Value if name == "M" => Looked::NamedValues,
                Looked::Members(shape) => match shape.below(&name) {
                    Some(Below::Anything) => Looked::Nothing,
                    Some(Below::Members(shape)) => Looked::Members(shape),
                    Some(Below::Named(shape)) => Looked::Named(shape),
                    Some(Below::Value) => Looked::Value,
                    Some(Below::NamedValues) => Looked::NamedValues,
                    None => Looked::Unknown,
                },
                Looked::Value | Looked::Unknown => Looked::Unknown,
            };
            if matches!(looked, Looked::Unknown) {
                let Emptiness(is_empty) = map.next_value()?;
                if !is_empty {
                    self.found.get_or_insert_with(|| name.into_owned());
                }
                continue;
            }
            let had = self.found.is_some();
            map.next_value_seed(Check { looked, found: &mut *self.found })?;
            let is_member = matches!(self.looked, Looked::Members(_) | Looked::Value);
            if let Some(path) = self.found.as_mut().filter(|_| !had && is_member) {
                path.insert_str(0, &format!("{name}."));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Check { looked: self.looked, found: &mut *self.found })?.is_some() {}
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A visitor that tests whether a value is unset: some clients send unset members as null, `false`, or empty.
struct Emptiness(bool);

impl<'de> Deserialize<'de> for Emptiness {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Look;

        impl<'de> Visitor<'de> for Look {
            type Value = bool;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
                let mut is_empty = true;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    is_empty = false;
                }
                Ok(is_empty)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
                let mut is_empty = true;
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    is_empty = false;
                }
                Ok(is_empty)
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
                Ok(!value)
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<bool, E> {
                Ok(false)
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<bool, E> {
                Ok(false)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<bool, E> {
                Ok(false)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
                Ok(text.is_empty())
            }

            fn visit_unit<E: Error>(self) -> Result<bool, E> {
                Ok(true)
            }
        }

        deserializer.deserialize_any(Look).map(Emptiness)
    }
}
