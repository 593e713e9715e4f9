//! A reading with its place in the stream, as the table stores it.

use sensor_model::{Reading, Value, json_escape};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::pipeline::PutReceipt;

/// A stored reading. Its JSON is the reading's own form plus `shard_id` and `sequence_number`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredReading {
    /// The reading.
    pub reading: Reading,
    /// Its shard. Rows of other writers may lack it.
    pub shard_id: Option<String>,
    /// Its sequence number in the shard.
    pub sequence_number: Option<String>,
}

impl StoredReading {
    /// Creates the stored form of a reading that the stream accepted.
    #[must_use]
    pub(crate) fn new(reading: Reading, receipt: PutReceipt) -> Self {
        StoredReading { reading, shard_id: Some(receipt.shard_id), sequence_number: Some(receipt.sequence_number) }
    }
}

impl StoredReading {
    /// Returns the reading as one line of JSON, the same as its serialization, without a serializer for each number.
    #[must_use]
    pub(crate) fn to_json(&self) -> String {
        let mut out = self.reading.to_json();
        // The brace that closes the object.
        out.pop();
        for (key, text) in [("shard_id", &self.shard_id), ("sequence_number", &self.sequence_number)] {
            let Some(text) = text else { continue };
            out.push_str(",\"");
            out.push_str(key);
            out.push_str("\":");
            json_escape::push_string(&mut out, text);
        }
        out.push('}');
        out
    }
}

impl Serialize for StoredReading {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.serialize_entries(&mut map)?;
        map.end()
    }
}

impl StoredReading {
    /// Writes all keys into a map that may have others.
    ///
    /// # Errors
    /// The map's errors.
    pub(crate) fn serialize_entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("sensor_id", &self.reading.sensor_id)?;
        map.serialize_entry("temperature", &self.reading.temperature)?;
        map.serialize_entry("current_time", &self.reading.current_time)?;
        for (key, value) in &self.reading.fields {
            map.serialize_entry(key, &Json(value))?;
        }
        if let Some(shard_id) = &self.shard_id {
            map.serialize_entry("shard_id", shard_id)?;
        }
        if let Some(sequence_number) = &self.sequence_number {
            map.serialize_entry("sequence_number", sequence_number)?;
        }
        Ok(())
    }
}

/// Returns a value as one line of JSON.
#[must_use]
pub(crate) fn value_json(value: &Value) -> String {
    // Writing JSON to memory fails only for keys that are not text, and a value's keys are.
    serde_json::to_string(&Json(value)).unwrap_or_default()
}

/// A value as JSON, with all digits of its numbers.
struct Json<'a>(&'a Value);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Number(number) => number.serialize(serializer),
            Value::Text(text) => serializer.serialize_str(text),
            Value::List(list) => {
                let mut sequence = serializer.serialize_seq(Some(list.len()))?;
                for value in list {
                    sequence.serialize_element(&Json(value))?;
                }
                sequence.end()
            }
            Value::Map(values) => {
                let mut map = serializer.serialize_map(Some(values.len()))?;
                for (key, value) in values {
                    map.serialize_entry(key, &Json(value))?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sensor_model::Decimal;

    use super::*;

    proptest! {
        #[test]
        fn to_json_is_the_serialization(sensor_id in ".{0,6}", digits: i64, exponent in -100..90_i32, name in "[a-z\"é]{1,3}", text in ".{0,6}", shard_id in prop::option::of(".{0,6}"), is_list: bool) {
            let number = Decimal::parse(&format!("{digits}e{exponent}")).unwrap();
            let value = Value::Text(text.clone());
            let value = if is_list { Value::List(vec![value, Value::Number(number.clone()), Value::Null]) } else { value };
            let reading = Reading { sensor_id, temperature: number.clone(), current_time: number, fields: [(name, value)].into() };
            let row = StoredReading { reading, sequence_number: shard_id.as_ref().map(|_| text), shard_id };
            prop_assert_eq!(row.to_json(), serde_json::to_string(&row).unwrap());
        }
    }
}
