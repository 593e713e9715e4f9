//! How large an item is, by `DynamoDB`'s rules (Developer Guide, "Item sizes and formats").

use super::Reading;
use crate::decimal::Decimal;
use crate::limits::MAX_ITEM_BYTES;
use crate::value::Value;

/// What the function adds: `ShardID` (`shardId-` and 12 digits) and `SequenceNumber` (56 digits, as the service makes
/// them today), names included.
const ORIGIN_BYTES: usize = "ShardID".len() + 20 + "SequenceNumber".len() + 56;

/// Whether a reading with so many bytes of JSON is small enough without a look at it: as an item each part of it needs at
/// most twice its JSON.
pub(crate) fn is_small(json_bytes: usize) -> bool {
    2 * json_bytes + ORIGIN_BYTES <= MAX_ITEM_BYTES
}

/// Bytes of the reading as an item of the table: names and values.
pub(crate) fn item_bytes(reading: &Reading) -> usize {
    let own = "SensorId".len()
        + reading.sensor_id.len()
        + "CurrentTime".len()
        + number_bytes(&reading.current_time)
        + "Temperature".len()
        + number_bytes(&reading.temperature)
        + ORIGIN_BYTES;
    own + reading.fields.iter().map(|(name, value)| name.len() + value_bytes(value)).sum::<usize>()
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(number) => number_bytes(number),
        Value::Text(text) => text.len(),
        // Three bytes for the list or map itself, and one for each element.
        Value::List(elements) => 3 + elements.iter().map(|element| 1 + value_bytes(element)).sum::<usize>(),
        Value::Map(members) => {
            3 + members.iter().map(|(name, member)| 1 + name.len() + value_bytes(member)).sum::<usize>()
        }
    }
}

/// One byte for every two significant digits, one more, and one for the sign.
fn number_bytes(number: &Decimal) -> usize {
    number.significant_digits().div_ceil(2) + 1 + usize::from(number.as_str().starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::{ORIGIN_BYTES, item_bytes};
    use crate::reading::Reading;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            "null|true|false|\"\"|\"é\"",
            "-?[1-9][0-9]{0,6}(\\.[0-9]{1,3})?(e-?[0-9]{1,2})?",
            Just("0".to_owned()),
        ];
        scalar.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(|values| format!("[{}]", values.join(","))),
                prop::collection::vec(inner, 0..5).prop_map(|values| {
                    let members = values.iter().zip('a'..).map(|(value, name)| format!("\"{name}\":{value}"));
                    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_item_needs_at_most_twice_its_json(value in any_value()) {
            let json = format!(r#"{{"sensor_id":"s","temperature":1,"current_time":1,"a":{value}}}"#);
            let bytes = item_bytes(&Reading::from_json(json.as_bytes()).unwrap());
            prop_assert!(bytes <= 2 * json.len() + ORIGIN_BYTES, "{bytes} for {json}");
        }
    }
}
