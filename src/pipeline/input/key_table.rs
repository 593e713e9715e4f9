//! Input options that are `KEY=VALUE` on the command line and tables in TOML.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serializer};

use super::mapping::ColumnMapping;
use super::option_values::{ColumnPattern, ConstantField};
use super::unit::UnitConversion;

/// An option that is typed as `KEY=VALUE`.
pub(super) trait KeyValue: FromStr<Err = String> {
    /// Returns the key and the value as they are typed.
    fn pair(&self) -> (&str, String);
}

impl KeyValue for ColumnMapping {
    fn pair(&self) -> (&str, String) {
        (&self.key, self.source.clone())
    }
}

impl KeyValue for ColumnPattern {
    fn pair(&self) -> (&str, String) {
        (&self.column, self.pattern.clone())
    }
}

impl KeyValue for UnitConversion {
    fn pair(&self) -> (&str, String) {
        let units = self.to_string().rsplit_once('=').map(|(_, units)| units.to_owned());
        (&self.key, units.unwrap_or_default())
    }
}

impl KeyValue for ConstantField {
    fn pair(&self) -> (&str, String) {
        (&self.name, self.value.clone())
    }
}

/// A value of the table: a scalar, or several of a key that may be repeated.
#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Bool(bool),
    Integer(i64),
    Many(Vec<String>),
}

/// Reads `key = "value"` and `key = ["value", …]` as the items that `KEY=VALUE` gives.
pub(super) fn deserialize<'de, T: KeyValue, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Table<T>(PhantomData<T>);

    impl<'de, T: KeyValue> Visitor<'de> for Table<T> {
        type Value = Vec<T>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a table of texts")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::new();
            while let Some((key, value)) = map.next_entry::<String, Texts>()? {
                let texts = match value {
                    Texts::One(text) => vec![text],
                    Texts::Bool(value) => vec![value.to_string()],
                    Texts::Integer(value) => vec![value.to_string()],
                    Texts::Many(texts) => texts,
                };
                for text in texts {
                    items.push(item(&key, &text).map_err(de::Error::custom)?);
                }
            }
            Ok(items)
        }
    }

    deserializer.deserialize_map(Table(PhantomData))
}

fn item<T: KeyValue>(key: &str, text: &str) -> Result<T, impl Display> {
    format!("{key}={text}").parse::<T>().map_err(|error| format!("`{key}`: {error}"))
}

/// Writes the table; the values of a key that is there more than once become an array.
pub(super) fn serialize<T: KeyValue, S: Serializer>(items: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    let mut grouped: Vec<(&str, Vec<String>)> = Vec::new();
    for (key, text) in items.iter().map(KeyValue::pair) {
        match grouped.iter_mut().find(|(known, _)| *known == key) {
            Some((_, texts)) => texts.push(text),
            None => grouped.push((key, vec![text])),
        }
    }
    let mut map = serializer.serialize_map(Some(grouped.len()))?;
    for (key, texts) in grouped {
        match texts.as_slice() {
            [one] => map.serialize_entry(key, one)?,
            many => map.serialize_entry(key, many)?,
        }
    }
    map.end()
}
