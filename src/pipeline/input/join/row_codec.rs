//! A row as bytes whose order is that of sensor and time.

use std::collections::BTreeMap;
use std::io;

use sensor_model::{Decimal, Value};

use super::super::external_sort::Entry;
use super::{QuantityName, QuantityRow};

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

/// Appends a number so that the bytes compare as the numbers do: sign, exponent, digits, an end below every digit; of a
/// negative number the complement.
fn push_sortable(out: &mut Vec<u8>, number: &Decimal) {
    let text = number.as_str();
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once('E').unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let leading = whole.bytes().chain(fraction.bytes()).take_while(|digit| *digit == b'0').count();
    let all = whole.len() + fraction.len();
    if leading == all {
        out.push(1);
        return;
    }
    let is_negative = unsigned.len() < text.len();
    out.push(if is_negative { 0 } else { 2 });
    let begin = out.len();
    // The power of ten of the first digit, from -130 to 125, as a number above zero.
    let place = i64::try_from(whole.len()).unwrap_or(0) - i64::try_from(leading).unwrap_or(0);
    let place = place + exponent.parse::<i64>().unwrap_or(0) + 1000;
    out.extend(u16::try_from(place).unwrap_or(0).to_be_bytes());
    out.extend(whole.bytes().chain(fraction.bytes()).skip(leading));
    while out.last() == Some(&b'0') {
        out.pop();
    }
    out.push(0);
    if is_negative {
        out[begin..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    // No text is longer than a line.
    out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    push_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn push_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(b'0'),
        Value::Bool(truth) => out.push(if *truth { b't' } else { b'f' }),
        Value::Number(number) => {
            out.push(b'N');
            push_text(out, number.as_str());
        }
        Value::Text(text) => {
            out.push(b'S');
            push_text(out, text);
        }
        Value::List(elements) => {
            out.push(b'L');
            push_length(out, elements.len());
            for element in elements {
                push_value(out, element);
            }
        }
        Value::Map(members) => {
            out.push(b'M');
            push_length(out, members.len());
            for (name, member) in members {
                push_text(out, name);
                push_value(out, member);
            }
        }
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn length(&mut self) -> Option<usize> {
        self.array().map(|bytes| u32::from_le_bytes(bytes) as usize)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.take(1)?[0] {
            b'0' => Value::Null,
            b't' => Value::Bool(true),
            b'f' => Value::Bool(false),
            b'N' => Value::Number(Decimal::parse(self.text()?).ok()?),
            b'S' => Value::Text(self.text()?.to_owned()),
            b'L' => {
                let length = self.length()?;
                let elements: Option<Vec<_>> = (0..length).map(|_| self.value()).collect();
                Value::List(elements?)
            }
            b'M' => {
                let length = self.length()?;
                let members: Option<BTreeMap<_, _>> =
                    (0..length).map(|_| Some((self.text()?.to_owned(), self.value()?))).collect();
                Value::Map(members?)
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sortable(number: &Decimal) -> Vec<u8> {
        let mut out = Vec::new();
        push_sortable(&mut out, number);
        out
    }

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
        fn sortable_bytes_compare_as_the_numbers_do(one in any_decimal(), other in any_decimal(), near in -99_i64..99) {
            prop_assert_eq!(sortable(&one).cmp(&sortable(&other)), one.cmp(&other));
            let near = Decimal::parse(&format!("{near}E-1")).unwrap();
            prop_assert_eq!(sortable(&near).cmp(&sortable(&one)), near.cmp(&one));
        }

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
