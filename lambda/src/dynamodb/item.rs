//! Requests to put an item, in `DynamoDB`'s JSON, written once and sent unchanged. The key comes first.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sensor_model::json_escape::push_string;
use sensor_model::{Decimal, Reading, Value};

/// A table and its key: a partition key of type S and a sort key.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// Its name.
    pub name: String,
    /// The attributes of its key.
    pub key: &'static Key,
}

/// The attributes of a key.
#[derive(Debug)]
pub(crate) struct Key {
    /// Partition key, of type S.
    pub partition: &'static str,
    /// Sort key.
    pub sort: &'static str,
    /// Type of the sort key: S or N.
    pub sort_type: &'static str,
}

/// The key of the table of readings.
pub(crate) static READINGS: Key = Key { partition: "SensorId", sort: "CurrentTime", sort_type: "N" };

const REQUEST: &str = "{\"PutRequest\":{\"Item\":{";

impl Key {
    /// Appends the beginning of a request, up to the end of its key. Returns the range of the key.
    pub(crate) fn push_request(&self, out: &mut String, partition: &str, sort: &str) -> Range<usize> {
        out.push_str(REQUEST);
        let begin = out.len();
        self.push(out, partition, sort);
        begin..out.len()
    }

    /// Appends the attributes of a key. Equal keys have equal texts.
    pub(crate) fn push(&self, out: &mut String, partition: &str, sort: &str) {
        push_attribute(out, self.partition, "S", partition);
        out.push(',');
        push_attribute(out, self.sort, self.sort_type, sort);
    }
}

/// Appends the end of a request.
pub(crate) fn finish_request(out: &mut String) {
    out.push_str("}}}");
}

/// Appends an attribute of type S or N.
pub(crate) fn push_attribute(out: &mut String, name: &str, attribute_type: &str, text: &str) {
    push_string(out, name);
    out.push_str(":{\"");
    out.push_str(attribute_type);
    out.push_str("\":");
    push_string(out, text);
    out.push('}');
}

/// Appends an attribute of type B.
pub(crate) fn push_bytes(out: &mut String, name: &str, bytes: &[u8]) {
    push_string(out, name);
    out.push_str(":{\"B\":\"");
    STANDARD.encode_string(bytes, out);
    out.push_str("\"}");
}

/// Appends the request to put a reading, with its shard and sequence number. Returns the range of the key.
pub(crate) fn push_row(out: &mut String, reading: &Reading, (shard_id, sequence_number): (&str, &str)) -> Range<usize> {
    // Written by hand, because this runs for every reading.
    out.push_str(REQUEST);
    let begin = out.len();
    out.push_str("\"SensorId\":{\"S\":");
    push_string(out, &reading.sensor_id);
    out.push_str("},\"CurrentTime\":{\"N\":\"");
    out.push_str(reading.current_time.as_str());
    out.push_str("\"}");
    let key = begin..out.len();
    out.push_str(",\"Temperature\":{\"N\":\"");
    out.push_str(reading.temperature.as_str());
    out.push_str("\"},\"ShardID\":{\"S\":");
    push_string(out, shard_id);
    // A sequence number has only digits.
    out.push_str("},\"SequenceNumber\":{\"S\":\"");
    out.push_str(sequence_number);
    out.push_str("\"}");
    for (name, value) in &reading.fields {
        out.push(',');
        push_string(out, name);
        out.push(':');
        push_value(out, value);
    }
    finish_request(out);
    key
}

fn push_number(out: &mut String, number: &Decimal) {
    out.push_str("{\"N\":\"");
    out.push_str(number.as_str());
    out.push_str("\"}");
}

fn push_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("{\"NULL\":true}"),
        Value::Bool(true) => out.push_str("{\"BOOL\":true}"),
        Value::Bool(false) => out.push_str("{\"BOOL\":false}"),
        Value::Number(number) => push_number(out, number),
        Value::Text(text) => {
            out.push_str("{\"S\":");
            push_string(out, text);
            out.push('}');
        }
        Value::List(elements) => {
            out.push_str("{\"L\":[");
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_value(out, element);
            }
            out.push_str("]}");
        }
        Value::Map(members) => {
            out.push_str("{\"M\":{");
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_string(out, name);
                out.push(':');
                push_value(out, member);
            }
            out.push_str("}}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{READINGS, push_bytes, push_row};
    use sensor_model::Reading;

    #[test]
    fn push_row_writes_type_descriptor_of_every_type() {
        let json =
            br#"{"sensor_id":"s\"","temperature":1,"current_time":2,"a":[null,true,false,1.50,"x\n",{"k":{}}],"b":[]}"#;
        let reading = Reading::from_json(json).unwrap();
        let mut request = String::new();
        let key = push_row(&mut request, &reading, ("shard", "49"));
        assert_eq!(
            request,
            concat!(
                r#"{"PutRequest":{"Item":{"SensorId":{"S":"s\""},"CurrentTime":{"N":"2"},"Temperature":{"N":"1"},"#,
                r#""ShardID":{"S":"shard"},"SequenceNumber":{"S":"49"},"#,
                r#""a":{"L":[{"NULL":true},{"BOOL":true},{"BOOL":false},{"N":"1.5"},{"S":"x\n"},{"M":{"k":{"M":{}}}}]},"#,
                r#""b":{"L":[]}}}}"#
            )
        );
        let mut same = String::new();
        assert_eq!(READINGS.push_request(&mut same, "s\"", "2"), key);
        assert_eq!(same[key.clone()], request[key]);
    }

    #[test]
    fn push_bytes_encodes_base64() {
        let mut attribute = String::new();
        push_bytes(&mut attribute, "D", b"\x00\xff");
        assert_eq!(attribute, r#""D":{"B":"AP8="}"#);
    }
}
