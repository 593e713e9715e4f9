//! Decodes a row of the table as a stored reading.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::AddAssign;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sensor_model::limits::READING_KEYS;
use sensor_model::{Decimal, Reading, Value};

use crate::pipeline::StoredReading;

/// The table's attributes.
pub(crate) const SENSOR: &str = "SensorId";
pub(crate) const TIME: &str = "CurrentTime";
pub(crate) const TEMPERATURE: &str = "Temperature";
pub(crate) const SHARD: &str = "ShardID";
pub(crate) const SEQUENCE: &str = "SequenceNumber";

/// An item of the table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Attributes of other writers that rows leave out: named like the keys of a reading, or a shard or a sequence number that
/// is no text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HiddenAttributes {
    /// Rows that have one.
    pub rows: u64,
    /// Their names.
    pub names: BTreeSet<&'static str>,
}

impl AddAssign for HiddenAttributes {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.names.extend(other.names);
    }
}

/// Decodes an item, and notes what its row leaves out. Returns `None` if it is not a reading, for example another writer's
/// row without a temperature.
pub(crate) fn decode_item(mut item: Item, hidden: &mut HiddenAttributes) -> Option<StoredReading> {
    let AttributeValue::S(sensor_id) = item.remove(SENSOR)? else { return None };
    let mut number = |name: &str| match item.remove(name)? {
        AttributeValue::N(text) => Decimal::parse(&text).ok(),
        _ => None,
    };
    let (current_time, temperature) = (number(TIME)?, number(TEMPERATURE)?);
    let mut names = Vec::new();
    let mut text = |name: &'static str| {
        let attribute = item.remove(name)?;
        if let AttributeValue::S(text) = attribute {
            return Some(text);
        }
        names.push(name);
        None
    };
    let (shard_id, sequence_number) = (text(SHARD), text(SEQUENCE));
    let mut fields = BTreeMap::new();
    for (name, attribute) in item {
        match READING_KEYS.into_iter().find(|key| *key == name) {
            Some(key) => names.push(key),
            None => drop(fields.insert(name, value(attribute)?)),
        }
    }
    hidden.rows += u64::from(!names.is_empty());
    hidden.names.extend(names);
    Some(StoredReading { reading: Reading { sensor_id, temperature, current_time, fields }, shard_id, sequence_number })
}

/// Converts a value. Sets of other writers become lists, bytes become base64 text.
fn value(attribute: AttributeValue) -> Option<Value> {
    let number = |text: String| Decimal::parse(&text).ok().map(Value::Number);
    let bytes = |blob: aws_sdk_dynamodb::primitives::Blob| Value::Text(STANDARD.encode(blob));
    Some(match attribute {
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::Bool(truth) => Value::Bool(truth),
        AttributeValue::N(text) => number(text)?,
        AttributeValue::S(text) => Value::Text(text),
        AttributeValue::B(blob) => bytes(blob),
        AttributeValue::L(list) => Value::List(list.into_iter().map(value).collect::<Option<_>>()?),
        AttributeValue::M(map) => {
            Value::Map(map.into_iter().map(|(key, inner)| Some((key, value(inner)?))).collect::<Option<_>>()?)
        }
        AttributeValue::Ss(texts) => Value::List(texts.into_iter().map(Value::Text).collect()),
        AttributeValue::Ns(numbers) => Value::List(numbers.into_iter().map(number).collect::<Option<_>>()?),
        AttributeValue::Bs(blobs) => Value::List(blobs.into_iter().map(bytes).collect()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;

    use super::*;

    fn item(more: &[(&str, AttributeValue)]) -> Item {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = |text: &str| AttributeValue::N(text.to_owned());
        let own = [(SENSOR, text("s")), (TIME, number("7.5")), (TEMPERATURE, number("1.10")), (SHARD, text("shard"))];
        own.iter().chain(more).map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    fn json(item: Item) -> Option<String> {
        decode_item(item, &mut HiddenAttributes::default()).map(|row| serde_json::to_string(&row).unwrap())
    }

    #[test]
    fn decode_item_notes_attributes_that_the_row_leaves_out() {
        let mut hidden = HiddenAttributes::default();
        let mut decoded = |more: &[(&str, AttributeValue)]| decode_item(item(more), &mut hidden).unwrap();
        let number = || AttributeValue::N("5".into());
        decoded(&[("temperature", number()), ("shard_id", number()), ("humidity", number())]);
        decoded(&[("humidity", number())]);
        assert_eq!(decoded(&[(SEQUENCE, number())]).sequence_number, None);
        assert_eq!((hidden.rows, hidden.names), (2, [SEQUENCE, "shard_id", "temperature"].into()));
        let mut nothing = HiddenAttributes::default();
        let mut other = item(&[("temperature", number())]);
        other.remove(TEMPERATURE);
        assert_eq!((decode_item(other, &mut nothing), nothing), (None, HiddenAttributes::default()));
    }

    #[test]
    fn decode_item_keeps_exact_numbers() {
        let digits = "12345678901234567890123456789012345678";
        let row = item(&[("humidity", AttributeValue::N(digits.to_owned()))]);
        let expected = format!(
            r#"{{"sensor_id":"s","temperature":1.1,"current_time":7.5,"humidity":{digits},"shard_id":"shard"}}"#
        );
        assert_eq!(json(row).unwrap(), expected);
    }

    #[test]
    fn decode_item_sets_become_lists_and_bytes_become_base64() {
        let row = item(&[
            ("b", AttributeValue::B(Blob::new([255, 254]))),
            ("m", AttributeValue::M([("x".to_owned(), AttributeValue::Null(true))].into())),
            ("n", AttributeValue::Ns(vec!["1".into(), "2.50".into()])),
            ("s", AttributeValue::Ss(vec!["a".into()])),
        ]);
        assert!(json(row).unwrap().contains(r#""b":"//4=","m":{"x":null},"n":[1,2.5],"s":["a"]"#));
    }

    #[test]
    fn decode_item_without_temperature_is_none() {
        let mut row = item(&[]);
        row.remove(TEMPERATURE);
        assert_eq!(json(row), None);
        let row = item(&[(TEMPERATURE, AttributeValue::S("warm".into()))]);
        assert_eq!(json(row), None);
    }
}
