//! Decodes requests as `DynamoDB` does.
//!
//! dynoxide marks its own errors inside serde's messages, and those marks must not reach the wire. Follows its server's
//! `serde_errors`, which is not public.

use dynoxide::DynoxideError;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::expression_limits::Expressions;
use crate::decode_error::{DecodeError, invalid_base64, value_mismatch, without_position};

/// Returns whether a text is one JSON value.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Decodes the request of an operation.
pub(super) fn input<T: DeserializeOwned>(text: &str) -> Result<T, DynoxideError> {
    serde_json::from_str(text).map_err(|error| classify(&error.to_string()))
}

/// Decodes the request of an operation with expressions, and checks their limits.
pub(super) fn checked<T: DeserializeOwned + Expressions>(text: &str) -> Result<T, DynoxideError> {
    let request: T = input(text)?;
    request.check()?;
    Ok(request)
}

/// Wraps validation errors of single-item writes in the envelope that only these have, and replaces the decoder's words
/// about the values of `request`.
pub(super) fn resolve(operation: &str, request: &str, error: DynoxideError) -> DynoxideError {
    match error {
        DynoxideError::EnvelopedValidation(message) if matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem") => {
            DynoxideError::ValidationException(format!("1 validation error detected: {message}"))
        }
        DynoxideError::EnvelopedValidation(message) => DynoxideError::ValidationException(message),
        DynoxideError::SerializationException(message) => {
            DynoxideError::SerializationException(in_service_words(&message, request))
        }
        DynoxideError::ValidationException(message) => {
            DynoxideError::ValidationException(in_service_words(&message, request))
        }
        other => other,
    }
}

/// Returns the service's message for one of dynoxide's about the JSON of an attribute value; any other as it is.
fn in_service_words(message: &str, request: &str) -> String {
    const THEIR_WORDS: [&str; 6] = [
        "invalid base64: ",
        "invalid type: ",
        "expected string for ",
        "expected string in ",
        "expected array for ",
        "expected object for ",
    ];
    // It begins the message, or follows what the value is for.
    let is_start = |at: &usize| *at == 0 || message[..*at].ends_with(": ");
    let at = THEIR_WORDS.iter().find_map(|words| message.find(words).filter(is_start));
    let at = at.or_else(|| (message == UNREADABLE_CONDITION).then_some(0));
    let Some(at) = at else { return message.to_owned() };
    let (prefix, text) = message.split_at(at);
    format!("{prefix}{}", value_in_service_words(without_position(text), request))
}

/// dynoxide's message for any value that it cannot read in a condition.
const UNREADABLE_CONDITION: &str = "TRUE_VALUE cannot be converted to String";

fn value_in_service_words(text: &str, request: &str) -> String {
    let (wanted, keys) = match text.rsplit_once(' ') {
        _ if text.starts_with("invalid base64: ") => (BASE64, vec!["B", "BS"]),
        _ if text == UNREADABLE_CONDITION => (STRING, vec!["S", "N", "B"]),
        Some(("expected string for" | "expected string in", key)) => (STRING, vec![key]),
        Some(("expected array for", key)) => (LIST, vec![key]),
        Some(("expected object for", key)) => (MAP, vec![key]),
        _ => return DecodeError::of_message(text).sentence(),
    };
    let request: Value = serde_json::from_str(request).unwrap_or_default();
    match first_misfit(&request, wanted, &keys) {
        Some(Value::String(text)) if wanted == BASE64 => invalid_base64(text),
        Some(found) => value_mismatch(found, wanted),
        None if wanted == BASE64 => invalid_base64(""),
        None if text == UNREADABLE_CONDITION => text.to_owned(),
        None => "Unexpected field type".to_owned(),
    }
}

/// The kinds of JSON in an attribute value, in serde's words.
const STRING: &str = "a string";
const BASE64: &str = "data";
const LIST: &str = "a sequence";
const MAP: &str = "a map";

/// Returns the first value below one of the type names `keys` of an attribute value that is not of the wanted kind.
fn first_misfit<'a>(value: &'a Value, wanted: &str, keys: &[&str]) -> Option<&'a Value> {
    let fits = |value: &Value| match wanted {
        STRING => value.is_string(),
        BASE64 => value.as_str().is_some_and(|text| base64_simd::STANDARD.check(text.as_bytes()).is_ok()),
        LIST => value.is_array(),
        _ => value.is_object(),
    };
    match value {
        Value::Array(values) => values.iter().find_map(|value| first_misfit(value, wanted, keys)),
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            let is_set = name.len() == 2 && name.ends_with('S') && wanted != LIST;
            match value {
                Value::Array(values) if is_set && keys.contains(&name.as_str()) => {
                    values.iter().find(|value| !fits(value))
                }
                // An attribute may have the name of a type, so what is below it comes first.
                value => first_misfit(value, wanted, keys)
                    .or_else(|| (keys.contains(&name.as_str()) && members.len() == 1 && !fits(value)).then_some(value)),
            }
        }),
        _ => None,
    }
}

/// The service's message for a value that nests too deep. dynoxide returns it beyond 32 levels; from about 61 on the
/// JSON parser fails first.
const NESTED_TOO_DEEP: &str =
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit";

fn classify(message: &str) -> DynoxideError {
    if message.starts_with("recursion limit exceeded") {
        return DynoxideError::ValidationException(NESTED_TOO_DEEP.to_owned());
    }
    let marked = |marker: &str| message.strip_prefix(marker);
    if let Some(text) = marked("SERIALIZATION_AS_READ:") {
        return DynoxideError::SerializationException(text.to_owned());
    }
    if let Some(text) = marked("VALIDATION_AS_READ:") {
        return DynoxideError::ValidationException(text.to_owned());
    }
    if let Some(text) = marked("SERIALIZATION:") {
        return DynoxideError::SerializationException(without_position(text).to_owned());
    }
    if let Some(text) = marked("VALIDATION_REQUEST:") {
        return DynoxideError::EnvelopedValidation(without_position(text).to_owned());
    }
    if let Some(text) = marked("VALIDATION:") {
        return DynoxideError::ValidationException(without_position(text).to_owned());
    }
    let text = without_position(message);
    if text.contains("empty AttributeValue") {
        return DynoxideError::ValidationException(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes".to_owned(),
        );
    }
    if text.starts_with("Supplied AttributeValue") {
        return DynoxideError::ValidationException(text.to_owned());
    }
    let what = DecodeError::of_message(text);
    match what {
        DecodeError::Missing(_) | DecodeError::Word(_) => DynoxideError::ValidationException(what.sentence()),
        _ if text.contains("invalid type: null") => DynoxideError::ValidationException(what.sentence()),
        _ => DynoxideError::SerializationException(what.sentence()),
    }
}

#[cfg(test)]
mod tests {
    use dynoxide::actions::put_item::PutItemRequest;

    use super::*;

    fn refusal(text: &str) -> String {
        resolve("PutItem", text, input::<PutItemRequest>(text).err().unwrap()).to_json()
    }

    #[test]
    fn decode_error_has_no_marker_and_no_position() {
        for item in [r#"{"a":{"NULL":false}}"#, r#"{"a":{"S":"x","N":"1"}}"#, r#"{"a":{}}"#, r#"{"a":{"S":5}}"#] {
            let text = refusal(&format!(r#"{{"TableName":"table","Item":{item}}}"#));
            for leak in ["VALIDATION:", "VALIDATION_REQUEST:", "SERIALIZATION:", " at line "] {
                assert!(!text.contains(leak), "{item}: {text}");
            }
        }
    }

    #[test]
    fn decode_error_wrong_json_type_has_the_services_message() {
        let text = refusal(r#"{"TableName":7,"Item":{}}"#);
        assert!(text.contains("NUMBER_VALUE cannot be converted to String"), "{text}");
        for (value, message) in [
            (r#"{"N":5}"#, "NUMBER_VALUE cannot be converted to String"),
            (r#"{"S":1.5}"#, "DECIMAL_VALUE cannot be converted to String"),
            (r#"{"S":["x"]}"#, "Unrecognized collection type class java.lang.String"),
            (r#"{"S":{"x":1}}"#, "Start of structure or map found where not expected"),
            (r#"{"B":true}"#, "TRUE_VALUE cannot be converted to String"),
            (r#"{"SS":["x",5]}"#, "NUMBER_VALUE cannot be converted to String"),
            (r#"{"SS":"x"}"#, "Unexpected field type"),
            (r#"{"L":{"S":"x"}}"#, "Start of structure or map found where not expected"),
            (r#"{"M":[{}]}"#, "Start of list found where not expected"),
            (r#"{"M":{"N":{"L":[{"N":"1"},{"N":false}]}}}"#, "FALSE_VALUE cannot be converted to String"),
            (r#"{"B":"abc"}"#, "Base64 encoded length is expected a multiple of 4 bytes but found: 3"),
            (r#"{"BS":["YQ==","!!!!"]}"#, "Invalid Base64 character or padding"),
        ] {
            let text = refusal(&format!(r#"{{"TableName":"table","Item":{{"a":{{"S":"key"}},"b":{value}}}}}"#));
            assert!(text.contains(message), "{value}: {text}");
        }
    }

    /// Errors that dynoxide finds while it runs an operation, and not when it decodes the request.
    #[test]
    fn execution_error_wrong_json_type_has_the_services_message() {
        let request = r#"{"TableName":"table","Expected":{"b":{"Value":{"N":5}}}}"#;
        for (said, message) in [
            ("TRUE_VALUE cannot be converted to String", "NUMBER_VALUE cannot be converted to String"),
            ("invalid base64: Invalid padding at line 1 column 26", "Base64"),
            ("expected array for L at line 1 column 30", "Unexpected field type"),
            ("The provided starting key is invalid: expected string for N", "is invalid: NUMBER_VALUE cannot"),
            ("The provided starting key is invalid: invalid base64: Invalid padding", "is invalid: The value can"),
            ("invalid type: null, expected struct ExpectedCondition at line 1 column 9", "Unexpected field type"),
        ] {
            for error in [DynoxideError::SerializationException, DynoxideError::ValidationException] {
                let text = resolve("PutItem", request, error(said.to_owned())).to_json();
                assert!(text.contains(message), "{text}");
                for leak in ["expected array", "expected string", "expected struct", "at line", "Invalid padding"] {
                    assert!(!text.contains(leak), "{text}");
                }
            }
        }
    }
}
