//! A row as bytes whose order is that of sensor and time.

use std::io;

use sensor_model::Decimal;

use super::super::external_sort::Entry;
use super::{QuantityName, QuantityRow};
use crate::pipeline::value_codec::{Bytes, push_sortable, push_text, push_value};

/// Ends the sensor in a key: a byte that UTF-8 never has.
const END: u8 = 0xff;

/// An entry of the sort: a name of a quantity, or one of its rows.
#[derive(Debug, PartialEq)]
pub(super) enum SortedRow {
    /// A name of the quantity that a key comes from; before the rows of the sensor.
    Name {
        sensor_id: String,
        key: String,
        hash: u64,
    },
    Quantity(QuantityRow),
}

/// Writes key and value of a name in place of what the buffers held.
pub(super) fn encode_name(row: &QuantityRow, name: QuantityName, key: &mut Vec<u8>, value: &mut Vec<u8>) {
    key.clear();
    key.extend_from_slice(row.sensor_id.as_bytes());
    // Without a time behind it, it comes before all that have one.
    key.push(END);
    value.clear();
    value.extend(name.hash.to_le_bytes());
    push_text(value, &row.key);
}

/// Writes key and value of a row in place of what the buffers held.
pub(super) fn encode(row: &QuantityRow, key: &mut Vec<u8>, value: &mut Vec<u8>) {
    key.clear();
    key.extend_from_slice(row.sensor_id.as_bytes());
    key.push(END);
    push_sortable(key, &row.time);
    value.clear();
    value.extend(row.line.to_le_bytes());
    push_text(value, row.time.as_str());
    push_text(value, &row.key);
    push_value(value, &row.value);
    if let Some(QuantityName { place, hash }) = row.name {
        value.extend(place.to_le_bytes());
        value.extend(hash.to_le_bytes());
    }
}

/// Reads a row back.
pub(super) fn decode(entry: &Entry) -> io::Result<SortedRow> {
    decoded(entry).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the temporary file was changed"))
}

fn decoded(entry: &Entry) -> Option<SortedRow> {
    let sensor = entry.key.split(|byte| *byte == END).next()?;
    let sensor_id = std::str::from_utf8(sensor).ok()?.to_owned();
    let mut rest = Bytes(&entry.value);
    let number = rest.number()?;
    if entry.key.len() == sensor.len() + 1 {
        return Some(SortedRow::Name { sensor_id, key: rest.text()?.to_owned(), hash: number });
    }
    let time = Decimal::parse(rest.text()?).ok()?;
    let (key, value) = (rest.text()?.to_owned(), rest.value()?);
    let name =
        if rest.0.is_empty() { None } else { Some(QuantityName { place: rest.number()?, hash: rest.number()? }) };
    Some(SortedRow::Quantity(QuantityRow { sensor_id, time, key, value, line: number, name }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sensor_model::Value;

    use super::*;

    fn any_decimal() -> impl Strategy<Value = Decimal> {
        (-1_000_000_i64..1_000_000, -130_i32..110)
            .prop_filter_map("in range", |(digits, exponent)| Decimal::parse(&format!("{digits}E{exponent}")).ok())
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any_decimal().prop_map(Value::Number),
            ".{0,8}".prop_map(Value::Text),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
                prop::collection::btree_map(".{0,4}", inner, 0..3).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn row_is_read_back(sensor_id in ".{0,8}", time in any_decimal(), key in ".{0,8}", value in any_value(), line: u64, hash: u64, is_named: bool) {
            let name = QuantityName { place: line ^ 7, hash };
            let row = QuantityRow { sensor_id, time, key, value, line, name: Some(name).filter(|_| is_named) };
            let mut entry = Entry { key: vec![9], value: vec![9] };
            let mut named = entry.clone();
            encode(&row, &mut entry.key, &mut entry.value);
            prop_assert_eq!(decode(&entry).unwrap(), SortedRow::Quantity(row.clone()));
            entry.value.pop();
            prop_assert!(decode(&entry).is_err());
            encode_name(&row, name, &mut named.key, &mut named.value);
            prop_assert!(named.key < entry.key);
            let QuantityRow { sensor_id, key, .. } = row;
            prop_assert_eq!(decode(&named).unwrap(), SortedRow::Name { sensor_id, key, hash });
        }
    }
}
