//! Lines of `mosquitto_sub -v`: a topic, a blank, and a payload.

use sensor_model::json_escape;
use serde_json::value::RawValue;

use super::row_error::{RowError, row_error};

/// Splits a line. A topic may hold blanks, so a payload that is JSON begins at the first ` {` or ` [`, any other behind the
/// last blank.
pub(super) fn split(line: &str) -> Option<(&str, &str)> {
    let structure = [" {", " ["].iter().filter_map(|begin| line.find(begin)).min();
    let at = structure.or_else(|| line.rfind(' '))?;
    let (topic, payload) = (&line[..at], line[at + 1..].trim());
    (!topic.is_empty()).then_some((topic, payload))
}

/// Writes a line as `{"topic":…,"payload":…}`, as `mosquitto_sub -F %J` does.
///
/// # Errors
/// When it has no payload.
pub(super) fn to_json(line: &str, out: &mut String) -> Result<(), RowError> {
    let Some((topic, payload)) = split(line.trim_end()) else {
        return Err(row_error("not-mqtt", "not a topic and a payload with a blank between"));
    };
    out.clear();
    out.push_str("{\"topic\":");
    json_escape::push_string(out, topic);
    out.push_str(",\"payload\":");
    if payload == "(null)" {
        out.push_str("null");
    } else if serde_json::from_str::<&RawValue>(payload).is_ok() {
        out.push_str(payload);
    } else if payload.starts_with(['{', '[']) {
        return Err(row_error("not-json", "the payload is not JSON"));
    } else {
        json_escape::push_string(out, payload);
    }
    out.push('}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_ends_before_the_payload_whatever_blanks_it_has() {
        let json = |line: &str| {
            let mut out = String::new();
            to_json(line, &mut out).map(|()| out).map_err(|error| error.code)
        };
        assert_eq!(json("a/my room {\"t\": 1}").unwrap(), r#"{"topic":"a/my room","payload":{"t": 1}}"#);
        assert_eq!(json("a/b -2.3").unwrap(), r#"{"topic":"a/b","payload":-2.3}"#);
        assert_eq!(json("a/b nan").unwrap(), r#"{"topic":"a/b","payload":"nan"}"#);
        assert_eq!(json("a/b (null)").unwrap(), r#"{"topic":"a/b","payload":null}"#);
        assert_eq!(json("a/b {\"t\":"), Err("not-json"));
        assert_eq!(json("alone"), Err("not-mqtt"));
    }
}
