//! Decodes requests as `DynamoDB` does.
//!
//! dynoxide marks its own errors inside serde's messages, and those marks must not reach the wire. Follows its server's
//! `serde_errors`, which is not public.

use dynoxide::DynoxideError;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::expression_limits::Expressions;
use crate::decode_error::{DecodeError, without_position};

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

/// Wraps validation errors of single-item writes in the envelope that only these have.
pub(super) fn resolve(operation: &str, error: DynoxideError) -> DynoxideError {
    match error {
        DynoxideError::EnvelopedValidation(message) if matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem") => {
            DynoxideError::ValidationException(format!("1 validation error detected: {message}"))
        }
        DynoxideError::EnvelopedValidation(message) => DynoxideError::ValidationException(message),
        other => other,
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
        resolve("PutItem", input::<PutItemRequest>(text).err().unwrap()).to_json()
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
    }
}
