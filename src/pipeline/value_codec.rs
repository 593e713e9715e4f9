//! Values as bytes, for temporary files and the keys of sorts.

use std::collections::BTreeMap;

use sensor_model::{Decimal, Value};

/// Appends a number so that the bytes compare as the numbers do: sign, exponent, digits, an end below every digit; of a
/// negative number the complement.
pub(crate) fn push_sortable(out: &mut Vec<u8>, number: &Decimal) {
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

/// Appends a text with its length.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    push_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Appends a value with its type.
pub(crate) fn push_value(out: &mut Vec<u8>, value: &Value) {
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

/// Encoded bytes that are read one after the other.
pub(crate) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// Takes some bytes, if there are so many.
    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// Takes a number of eight bytes.
    pub(crate) fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn length(&mut self) -> Option<usize> {
        self.array().map(|bytes| u32::from_le_bytes(bytes) as usize)
    }

    /// Takes a text of [`push_text`].
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    /// Takes a value of [`push_value`].
    pub(crate) fn value(&mut self) -> Option<Value> {
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

    proptest! {
        #[test]
        fn sortable_bytes_compare_as_the_numbers_do(one in any_decimal(), other in any_decimal(), near in -99_i64..99) {
            prop_assert_eq!(sortable(&one).cmp(&sortable(&other)), one.cmp(&other));
            let near = Decimal::parse(&format!("{near}E-1")).unwrap();
            prop_assert_eq!(sortable(&near).cmp(&sortable(&one)), near.cmp(&one));
        }
    }
}
