//! Errors of a request's JSON, in the services' wording.
//!
//! They contain no type name of this program and no text of the request, which may be a reading.

use serde_json::Value;

/// An error of decoding a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DecodeError {
    /// The JSON is invalid from this byte on.
    Syntax(usize),
    /// A value has the wrong type for its member.
    Type(String),
    /// A required member is missing; its name as in requests.
    Missing(String),
    /// A value is not one of the allowed words.
    Word(String),
}

impl DecodeError {
    /// Converts a serde error.
    pub(super) fn of(error: &serde_json::Error) -> DecodeError {
        if !error.is_data() {
            return DecodeError::Syntax(error.column());
        }
        let message = error.to_string();
        DecodeError::of_message(without_position(&message))
    }

    /// Converts serde's message about a value, without its position.
    pub(super) fn of_message(message: &str) -> DecodeError {
        if let Some(name) = message.strip_prefix("missing field `") {
            return DecodeError::Missing(name.trim_end_matches('`').to_owned());
        }
        if let Some((_, words)) = message.strip_prefix("unknown variant ").and_then(|rest| rest.split_once("expected "))
        {
            let words: Vec<&str> = words.split('`').skip(1).step_by(2).collect();
            return DecodeError::Word(words.join(", "));
        }
        if message.starts_with("invalid type: ") {
            return DecodeError::Type(type_mismatch(message));
        }
        if message.starts_with("invalid length ") {
            return DecodeError::Type("Start of list found where not expected".to_owned());
        }
        if message.starts_with("invalid value: ") {
            return DecodeError::Type("A number is outside the range of its member".to_owned());
        }
        DecodeError::Type(message.to_owned())
    }

    /// Returns the error as a sentence; member names begin with a lowercase letter, as in constraints.
    pub(super) fn sentence(&self) -> String {
        match self {
            DecodeError::Syntax(byte) => format!("The request is not JSON from its byte {byte} on."),
            DecodeError::Type(what) => what.clone(),
            DecodeError::Missing(name) => format!(
                "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
                lower_first(name)
            ),
            DecodeError::Word(words) => format!(
                "1 validation error detected: A value failed to satisfy constraint: Member must satisfy enum value set: \
                 [{words}]"
            ),
        }
    }
}

/// Removes ` at line N column N`, which serde appends.
pub(super) fn without_position(message: &str) -> &str {
    match message.rfind(" at line ") {
        Some(at) if message[at..].contains("column") => &message[..at],
        _ => message,
    }
}

/// Returns the services' message for a JSON value of the wrong type.
pub(super) fn type_mismatch(message: &str) -> String {
    let Some((found, wanted)) = message.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected "))
    else {
        return message.to_owned();
    };
    let class = match wanted {
        "a string" | "string" => "String",
        "a boolean" => "Boolean",
        "i64" | "u64" | "usize" => "Long",
        "i32" | "u32" => "Integer",
        "f64" => "Double",
        "data" => "Blob",
        _ if found == "map" => return "Start of structure or map found where not expected".to_owned(),
        _ if found == "sequence" => return "Start of list found where not expected".to_owned(),
        _ => return "Unexpected field type".to_owned(),
    };
    let kind = match found.split(' ').next().unwrap_or_default() {
        "integer" => "NUMBER_VALUE",
        "floating" => "DECIMAL_VALUE",
        "boolean" if found.contains("true") => "TRUE_VALUE",
        "boolean" => "FALSE_VALUE",
        "string" if class == "Boolean" => return "Unexpected token received from parser".to_owned(),
        "string" => "STRING_VALUE",
        "null" => "NULL_VALUE",
        "sequence" => return format!("Unrecognized collection type class java.lang.{class}"),
        _ => return "Start of structure or map found where not expected".to_owned(),
    };
    format!("{kind} cannot be converted to {class}")
}

/// Returns the service's message for invalid base64. It never quotes the text, which may be a reading.
pub(super) fn invalid_base64(text: &str) -> String {
    let why = if text.len().is_multiple_of(4) {
        "Invalid Base64 character or padding".to_owned()
    } else {
        format!("Base64 encoded length is expected a multiple of 4 bytes but found: {}", text.len())
    };
    format!("The value can not be converted to a Blob: {why}")
}

/// Returns the services' message for a JSON value where a value of another kind is wanted, in serde's words for it.
pub(super) fn value_mismatch(found: &Value, wanted: &str) -> String {
    let found = match found {
        Value::Null => "null",
        Value::Bool(true) => "boolean `true`",
        Value::Bool(false) => "boolean `false`",
        Value::Number(number) if number.is_f64() => "floating point",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "sequence",
        Value::Object(_) => "map",
    };
    type_mismatch(&format!("invalid type: {found}, expected {wanted}"))
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Sample {
        name: String,
        #[serde(default)]
        count: Option<u32>,
        #[serde(default)]
        flag: bool,
        #[serde(default)]
        kind: Option<Kind>,
        #[serde(default)]
        tags: BTreeMap<String, String>,
        #[serde(default)]
        list: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    enum Kind {
        #[serde(rename = "HASH")]
        Hash,
        #[serde(rename = "RANGE")]
        Range,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Inner {
        key: String,
    }

    #[test]
    fn decode_error_contains_no_rust_type_and_no_request_text() {
        for (text, wanted) in [
            ("{}", "Value null at 'name' failed to satisfy constraint: Member must not be null"),
            (r#"{"Name":5}"#, "NUMBER_VALUE cannot be converted to String"),
            (r#"{"Name":"n","Count":"secret, expected x"}"#, "STRING_VALUE cannot be converted to Integer"),
            (r#"{"Name":"n","Count":-1}"#, "A number is outside the range of its member"),
            (r#"{"Name":"n","Flag":"secret"}"#, "Unexpected token received from parser"),
            (r#"{"Name":"n","Kind":"secret"}"#, "Member must satisfy enum value set: [HASH, RANGE]"),
            (r#"{"Name":"n","Tags":[]}"#, "Start of list found where not expected"),
            (r#"{"Name":"n","List":[[]]}"#, "Start of list found where not expected"),
            (r#"{"Name":"n","List":["secret"]}"#, "Unexpected field type"),
            (r#"{"Name":"#, "The request is not JSON from its byte 8 on."),
        ] {
            let error = serde_json::from_str::<Sample>(text).unwrap_err();
            let said = DecodeError::of(&error).sentence();
            assert!(said.contains(wanted), "{text}: {said}");
            for leak in ["secret", "struct", "`", "u32", "line 1"] {
                assert!(!said.contains(leak), "{text}: {said}");
            }
        }
    }
}
