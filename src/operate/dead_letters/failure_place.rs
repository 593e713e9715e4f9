//! Finds the byte at which the data of a dead letter stops being a reading.

use std::borrow::Cow;
use std::fmt;

use sensor_model::{OtherData, Reading, ReadingError, truncate_for_log};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The result of parsing the data with this version of `sensorctl`; the function's may have been another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ParseResult {
    /// It is a reading: the function was another version, or the table refused it.
    Reading,
    /// It is no reading.
    Failed {
        /// The reason, without content of the data.
        message: String,
        /// The byte where parsing failed, if there is such a place: a missing key has none.
        at: Option<usize>,
    },
}

/// Parses the data as the function does.
#[must_use]
pub(crate) fn parse_result(data: &[u8]) -> ParseResult {
    match Reading::from_json(data) {
        Ok(_) => ParseResult::Reading,
        Err(error) => ParseResult::Failed { message: error.to_string(), at: place(data, &error) },
    }
}

fn place(data: &[u8], error: &ReadingError) -> Option<usize> {
    let key = match error {
        ReadingError::NotJson { at }
        | ReadingError::OtherData(OtherData::NotANumber { at, .. } | OtherData::SecondObject { at }) => {
            return Some((*at).min(data.len()));
        }
        ReadingError::OtherData(_) | ReadingError::NotAnObject => {
            return data.iter().position(|byte| !byte.is_ascii_whitespace());
        }
        ReadingError::WrongType { key, .. } => *key,
        ReadingError::NumberOutOfRange { key }
        | ReadingError::TooManyDigits { key }
        | ReadingError::TooDeep { key }
        | ReadingError::DuplicateKey { key }
        | ReadingError::ReservedName { key } => key,
        ReadingError::IdEmpty | ReadingError::IdTooLong { .. } => "sensor_id",
        ReadingError::NameEmpty => "",
        _ => return None,
    };
    let text = std::str::from_utf8(data).ok()?;
    let members = members(text)?;
    let mut found = members.iter().filter(|(name, _)| truncate_for_log(name) == key).map(|(_, at)| *at);
    match error {
        // The first one is right.
        ReadingError::DuplicateKey { .. } => found.nth(1),
        _ => found.next(),
    }
}

/// Returns the keys of an object, and where their values begin.
fn members(text: &str) -> Option<Vec<(String, usize)>> {
    struct Members<'t>(&'t str);
    impl<'de> Visitor<'de> for Members<'_> {
        type Value = Vec<(String, usize)>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                // The value is a part of the text.
                let at = value.get().as_ptr().addr() - self.0.as_ptr().addr();
                members.push((name.into_owned(), at));
            }
            Ok(members)
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_map(Members(text)).ok()
}

struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_place_is_the_byte_or_the_value_of_the_key_where_parsing_failed() {
        for (data, expected) in [
            (r#"{"sensor_id":"a","temperature":"warm","current_time":1}"#, Some(r#""warm""#)),
            (r#"{"sensor_id":"a","temperature":1,,"current_time":1}"#, Some(r#","current_time""#)),
            (r#"{"sensor_id":"a","temperature":NaN,"current_time":1}"#, Some("NaN")),
            (r#"{"sensor_id":"","temperature":1,"current_time":1}"#, Some(r#""","temp"#)),
            (r#"{"sensor_id":"a","sensor_id":"b","temperature":1,"current_time":1}"#, Some(r#""b""#)),
            (r#"{"sensor_id":"a","temperature":1,"current_time":1,"SensorId":7}"#, Some("7}")),
            (r#"{"sensor_id":"a","temperature":1e999,"current_time":1}"#, Some("1e999")),
            (" [1]", Some("[1]")),
            (r#"{"sensor_id":"a","temperature":1}"#, None),
            ("", Some("")),
        ] {
            let ParseResult::Failed { at, .. } = parse_result(data.as_bytes()) else { panic!("{data}") };
            let rest = at.map(|at| &data[at..]);
            assert!(
                rest.is_some() == expected.is_some() && rest.unwrap_or("").starts_with(expected.unwrap_or("")),
                "{data}: {rest:?}"
            );
        }
        let reading = r#"{"sensor_id":"a","temperature":1,"current_time":1}"#;
        assert_eq!(parse_result(reading.as_bytes()), ParseResult::Reading);
        let ParseResult::Failed { at, .. } = parse_result(b"{\"a\":\xff}") else { panic!("not UTF-8") };
        assert_eq!(at, Some(5));
    }
}
