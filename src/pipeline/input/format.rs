//! The format of an input, recognized by its first lines.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::json_elements::{ElementStatus, JsonElements};
use super::options::InputFormat;
use super::{line_protocol, mqtt};

/// Lines among which the first message with JSON is looked for.
const MESSAGES: usize = 200;

/// Returns the format of an input that begins so; the bytes may end within a line.
pub(super) fn recognize(beginning: &[u8]) -> InputFormat {
    // RFC 7464 puts a record separator before each value.
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x1e;
    let text = &beginning[beginning.iter().position(|byte| !is_blank(byte)).unwrap_or(beginning.len())..];
    match text.first() {
        Some(b'[') if is_senml(text) => InputFormat::Senml,
        Some(b'[') if is_array(text) => InputFormat::Json,
        // One on each line, each behind a separator.
        Some(b'{') if beginning.contains(&0x1e) => InputFormat::Json,
        Some(b'{') => of_objects(text),
        _ => of_text(text),
    }
}

/// Returns whether values of JSON follow a bracket, and not the time or level of a line of a log.
fn is_array(text: &[u8]) -> bool {
    let rest = text[1..].trim_ascii_start();
    !rest.first().is_some_and(u8::is_ascii_alphanumeric)
}

fn first_line(text: &[u8]) -> (&[u8], bool) {
    match text.iter().position(|byte| *byte == b'\n' || *byte == b'\r') {
        Some(end) => (&text[..end], true),
        None => (text, false),
    }
}

fn of_objects(text: &[u8]) -> InputFormat {
    let (line, has_end) = first_line(text);
    let mut values = serde_json::Deserializer::from_slice(line).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => match line[values.byte_offset()..].trim_ascii_start().first() {
            Some(b'{' | b',') => InputFormat::Json,
            _ => InputFormat::Ndjson,
        },
        // An object over several lines, or one that goes on behind what was read: both are split by their brackets.
        Some(Err(error)) if error.is_eof() && is_spread(text, has_end) => InputFormat::Json,
        _ => InputFormat::Ndjson,
    }
}

/// Returns whether the first value continues on the next line and is not a cut line before others.
fn is_spread(text: &[u8], has_end: bool) -> bool {
    if !has_end {
        return true;
    }
    let (line, _) = first_line(text);
    let (next, _) = first_line(text[line.len()..].trim_ascii_start());
    if next.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(next).is_ok() {
        return false;
    }
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    values.next().is_some_and(|value| match value {
        Ok(_) => true,
        Err(error) => error.is_eof(),
    })
}

/// Returns whether the first element is a `SenML` record (RFC 8428).
fn is_senml(text: &[u8]) -> bool {
    let source: Box<dyn Read + Send> = Box::new(io::Cursor::new(text.to_vec()));
    let mut elements = JsonElements::new(BufReader::new(source), 1, 0);
    let mut element = Vec::new();
    if !matches!(elements.append(&mut element), Ok(ElementStatus::Element)) {
        return false;
    }
    let Ok(record) = serde_json::from_slice::<BTreeMap<Cow<'_, str>, &RawValue>>(&element) else { return false };
    let has = |key: &str| record.contains_key(key);
    let has_value = ["v", "vs", "vb", "vd", "s"].iter().any(|key| has(key));
    !has("sensor_id") && (has("bn") || has("n") && has_value)
}

fn of_text(text: &[u8]) -> InputFormat {
    let mut rest = text;
    let mut is_first = true;
    for _ in 0..MESSAGES {
        let (line, has_end) = first_line(rest);
        if line.is_empty() && !has_end {
            break;
        }
        rest = rest[line.len() + usize::from(has_end)..].trim_ascii_start();
        // `influx_inspect export` writes the database before its points.
        if line.starts_with(b"#") || line.trim_ascii().is_empty() || line.starts_with(line_protocol::DATABASE) {
            continue;
        }
        let Ok(line) = std::str::from_utf8(line) else { return InputFormat::Csv };
        if is_first && line_protocol::to_json(line, &mut String::new()).is_ok() {
            return InputFormat::LineProtocol;
        }
        if is_mqtt(line, has_end) || is_timed_message(line) {
            return InputFormat::Mqtt;
        }
        // Text that a program prints before its output.
        if line.starts_with('{') && serde_json::from_str::<&RawValue>(line).is_ok() {
            return InputFormat::Ndjson;
        }
        // A broker sends first what it has kept: `tele/shed/LWT Online`. A message with JSON decides.
        if !is_plain_message(line) && !is_before_objects(rest) {
            return InputFormat::Csv;
        }
        is_first = false;
    }
    InputFormat::Csv
}

/// Returns whether the next line is an object of JSON, as no row of CSV is.
fn is_before_objects(rest: &[u8]) -> bool {
    let (line, has_end) = first_line(rest);
    has_end && line.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

/// Returns whether a line is a topic with levels and a word.
fn is_plain_message(line: &str) -> bool {
    mqtt::split(line).is_some_and(|(topic, payload)| is_topic(topic) && topic.contains('/') && !payload.contains(','))
}

/// Returns whether a line is a time, a topic with levels, and a value.
fn is_timed_message(line: &str) -> bool {
    mqtt::split(line).is_some_and(|(topic, payload)| {
        let (time, topic) = mqtt::split_time(topic);
        let is_value = !payload.is_empty() && !payload.contains([',', ';', '\t', '|']);
        let has_levels =
            topic.contains('/') && !topic.contains(' ') && topic.contains(|sign: char| sign.is_alphabetic());
        time.is_some() && is_topic(topic) && has_levels && is_value
    })
}

/// A topic has no delimiter of CSV, or a row with JSON in it would be one, and no bracket, as lines of logs have.
fn is_topic(topic: &str) -> bool {
    !topic.contains([',', ';', '\t', '|', '"', ':', '['])
}

/// Returns whether a line is a topic and a JSON object.
fn is_mqtt(line: &str, has_end: bool) -> bool {
    mqtt::split(line).is_some_and(|(topic, payload)| {
        let (_, topic) = mqtt::split_time(topic);
        let goes_on = |error: &serde_json::Error| error.is_eof() && !has_end && topic.contains('/');
        payload.starts_with('{')
            && is_topic(topic)
            && !mqtt::is_log_prefix(topic)
            && serde_json::from_str::<&RawValue>(payload).map_or_else(|error| goes_on(&error), |_| true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_is_recognized_by_content() {
        for (beginning, format) in [
            ("{\"a\":1}\n{\"a\":2}\n", InputFormat::Ndjson),
            ("{\"a\":1}", InputFormat::Ndjson),
            ("{\"a\":\n{\"a\":2}\n", InputFormat::Ndjson),
            ("{oops}\n{\"a\":2}\n", InputFormat::Ndjson),
            ("{\"a\":1}{\"a\":2}", InputFormat::Json),
            ("{\"a\":1},\n{\"a\":2}", InputFormat::Json),
            ("{\n \"a\": 1\n}\n", InputFormat::Json),
            ("\n [\n{\"a\":1}]", InputFormat::Json),
            ("[]", InputFormat::Json),
            ("[{\"bn\":\"a\",\"n\":\"t\",\"v\":1}]", InputFormat::Senml),
            ("[\n  {\"n\": \"a\",\n \"v\": 1}]", InputFormat::Senml),
            ("[{\"sensor_id\":\"a\",\"n\":1,\"v\":1}]", InputFormat::Json),
            ("# DML\nclimate,room=a temperature=1 1\n", InputFormat::LineProtocol),
            ("climate temperature=1.5\n", InputFormat::LineProtocol),
            (
                "# DDL\nCREATE DATABASE a WITH NAME autogen\n# DML\nclimate temperature=1.5 1\n",
                InputFormat::LineProtocol,
            ),
            ("site/my attic/th1 {\"temperature\":1}\n", InputFormat::Mqtt),
            ("sensor_id,temperature,current_time\n", InputFormat::Csv),
            ("tele/shed/LWT Online\nz/bridge/state online\ntele/shed/x {\"a\":1}\n", InputFormat::Mqtt),
            ("tele/shed/LWT Online\ntele/shed/LWT Offline\n", InputFormat::Csv),
            ("m/s value\n1,2\n", InputFormat::Csv),
            ("1700000000.5 a/b 21.5\n", InputFormat::Mqtt),
            ("2023-11-14T22:13:20+0100 a/b online\n", InputFormat::Mqtt),
            ("2023-11-14T22:13:20+0100 a/b {\"t\":1}\n", InputFormat::Mqtt),
            ("2023-11-14 22:13:20   21.5   40\n", InputFormat::Csv),
            ("1700000000 21.5 40\n", InputFormat::Csv),
            ("a/b {\"devices\":[{\"x\":1},", InputFormat::Mqtt),
            ("a;b\n", InputFormat::Csv),
            ("a,{\"x\":1}, {\"y\":1}\n", InputFormat::Csv),
            ("# only\n", InputFormat::Csv),
            ("[2023-11-14 22:13:20] info: {\"a\":1}\n", InputFormat::Csv),
            ("[INFO] {\"a\":1}\n", InputFormat::Csv),
            ("2023-11-14T22:13:20Z INFO {\"a\":1}\n", InputFormat::Csv),
            ("[\"a\"]", InputFormat::Json),
            ("\x1e{\"a\":1}\n\x1e{\"a\":2}\n", InputFormat::Json),
            ("Listening on 1883\n{\"a\":1}\n{\"a\":2}\n", InputFormat::Ndjson),
        ] {
            assert_eq!(recognize(beginning.as_bytes()), format, "{beginning}");
        }
    }
}
