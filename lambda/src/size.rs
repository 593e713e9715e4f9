//! How large an item is, by `DynamoDB`'s rules (Developer Guide, "Item sizes and formats").

use crate::decimal::Decimal;
use crate::reading::Reading;
use crate::value::Value;

/// What the function adds: `ShardID` (`shardId-` and 12 digits) and `SequenceNumber` (56 digits, as the service makes
/// them today), names included.
const ORIGIN_BYTES: usize = "ShardID".len() + 20 + "SequenceNumber".len() + 56;

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
