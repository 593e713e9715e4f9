//! Lines of `mosquitto_sub -v`: a topic, a blank, and a payload; with `-F '%I %t %p'` or `-F '%U %t %p'` the time, too.

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

/// Takes the time off a topic before or behind which it stands: `1700000000.25 a/b`, `2023-11-14T22:13:20+0100 a/b`,
/// `2023-11-14 22:13:20 a/b`.
pub(super) fn split_time(topic: &str) -> (Option<&str>, &str) {
    let is_before = topic.as_bytes().first().is_some_and(u8::is_ascii_digit);
    if is_before && let Some((first, rest)) = topic.split_once(' ') {
        if is_time(first) {
            return (Some(first), rest.trim_start());
        }
        if let Some((clock, rest)) = rest.split_once(' ').filter(|(clock, _)| is_date(first) && is_clock(clock)) {
            return (Some(&topic[..first.len() + 1 + clock.len()]), rest.trim_start());
        }
    }
    match topic.rsplit_once(' ') {
        Some((rest, last)) if is_time(last) && !rest.is_empty() => (Some(last), rest),
        _ => (None, topic),
    }
}

/// Words of logs for how severe a line is, in small letters.
pub(super) const LOG_LEVELS: [&str; 12] =
    ["trace", "debug", "info", "notice", "warn", "warning", "err", "error", "crit", "critical", "alert", "fatal"];

/// Returns whether the text before a payload is that of a log, and no topic: `pi sensor[12]:`, `INFO`.
pub(super) fn is_log_prefix(topic: &str) -> bool {
    let last = topic.rsplit(' ').next().unwrap_or(topic).to_lowercase();
    topic.ends_with(':') || topic.contains('[') || LOG_LEVELS.contains(&last.as_str())
}

fn is_time(word: &str) -> bool {
    let (whole, fraction) = word.split_once('.').unwrap_or((word, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_epoch = || whole.len() >= 10 && is_digits(whole) && is_digits(fraction);
    word.split_once('T').is_some_and(|(date, clock)| is_date(date) && is_clock(clock)) || is_epoch()
}

fn is_date(word: &str) -> bool {
    word.len() == 10 && is_like(word, "0000-00-00")
}

fn is_clock(word: &str) -> bool {
    word.get(..5).is_some_and(|begin| is_like(begin, "00:00"))
}

/// Returns whether a word has a digit where a form has one, and its other signs.
fn is_like(word: &str, form: &str) -> bool {
    word.bytes()
        .zip(form.bytes())
        .all(|(sign, wanted)| if wanted == b'0' { sign.is_ascii_digit() } else { sign == wanted })
}

/// Writes a line as `{"topic":…,"payload":…}`, as `mosquitto_sub -F %J` does, and with `"time"` where it has one.
///
/// # Errors
/// When it has no payload.
pub(super) fn to_json(line: &str, out: &mut String) -> Result<(), RowError> {
    let Some((topic, payload)) = split(line.trim_end()) else {
        return Err(row_error("not-mqtt", "not a topic and a payload with a blank between"));
    };
    out.clear();
    let (time, topic) = split_time(topic);
    out.push_str("{\"topic\":");
    json_escape::push_string(out, topic);
    if let Some(time) = time {
        out.push_str(",\"time\":");
        json_escape::push_string(out, time);
    }
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
        for (time, topic) in [
            ("1700000000.123456789", "a/my room"),
            ("2023-11-14T22:13:20+0100", "a/b"),
            ("2023-11-14 22:13:20.5", "a/b"),
        ] {
            let expected = format!(r#"{{"topic":"{topic}","time":"{time}","payload":21.5}}"#);
            assert_eq!(json(&format!("{time} {topic} 21.5")).unwrap(), expected);
            let json = json(&format!("{time} {topic} {{\"t\":1}}")).unwrap();
            assert_eq!(json, expected.replace("21.5}", "{\"t\":1}}"));
        }
        assert_eq!(json("a/b 1700000000 21.5").unwrap(), r#"{"topic":"a/b","time":"1700000000","payload":21.5}"#);
        assert_eq!(json("12 a/b 21.5").unwrap(), r#"{"topic":"12 a/b","payload":21.5}"#);
    }
}
