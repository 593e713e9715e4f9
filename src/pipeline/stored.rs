//! A reading with its place in the stream, as the table keeps it.

use sensor_model::{Reading, Value};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::Receipt;

/// A stored reading; in JSON the reading's own form plus `shard_id` and `sequence_number`.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The reading.
    pub reading: Reading,
    /// The shard it came through; rows of other writers may lack it.
    pub shard_id: Option<String>,
    /// Its place in the shard.
    pub sequence_number: Option<String>,
}

impl Stored {
    /// A reading that the stream took.
    #[must_use]
    pub fn new(reading: Reading, receipt: Receipt) -> Self {
        Stored { reading, shard_id: Some(receipt.shard_id), sequence_number: Some(receipt.sequence_number) }
    }
}

impl Serialize for Stored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
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
        map.end()
    }
}

/// A value in one line: text as it is, everything else as JSON.
///
/// # Errors
/// Never for values that came out of JSON or the table.
pub fn value_text(value: &Value) -> Result<String, serde_json::Error> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        other => serde_json::to_string(&Json(other)),
    }
}

/// A value as JSON, numbers with all their digits.
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
