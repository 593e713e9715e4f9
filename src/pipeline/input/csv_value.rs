//! A value as it is typed on the command line or stands in a CSV cell.

use sensor_model::{Decimal, Value};
use serde_json::value::RawValue;

/// A JSON number, `true`, `false` or `null` where the text is one; else the text itself.
///
/// # Errors
/// When it is a JSON number that `DynamoDB` cannot keep exactly.
pub(crate) fn value_of(text: &str) -> Result<Value, String> {
    match text {
        "null" => Ok(Value::Null),
        "true" => Ok(Value::Bool(true)),
        "false" => Ok(Value::Bool(false)),
        number if is_json_number(number) => {
            Decimal::parse(number).map(Value::Number).map_err(|error| error.to_string())
        }
        text => Ok(Value::Text(text.to_owned())),
    }
}

fn is_json_number(text: &str) -> bool {
    let starts = |byte: u8| byte == b'-' || byte.is_ascii_digit();
    text.bytes().next().is_some_and(starts)
        && !text.ends_with(|last: char| last.is_whitespace())
        && serde_json::from_str::<&RawValue>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_scalars_are_themselves_and_all_else_is_text() {
        let number = |text| Value::Number(Decimal::parse(text).unwrap());
        assert_eq!(value_of("41.50"), Ok(number("41.5")));
        assert_eq!(value_of("-2e3"), Ok(number("-2000")));
        assert_eq!(value_of("true"), Ok(Value::Bool(true)));
        assert_eq!(value_of("null"), Ok(Value::Null));
        for text in ["007", "+1", "1.", ".5", "-", "NaN", "1 ", " 1", "True", "\"x\"", "[1]", "", "1,5", "1_000"] {
            assert_eq!(value_of(text), Ok(Value::Text(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_number_beyond_38_digits_is_refused_and_not_rounded() {
        assert!(value_of("1.00000000000000000000000000000000000000001").is_err());
        assert!(value_of("1e400").is_err());
    }
}
