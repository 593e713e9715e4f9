//! Recognizes the format of a file that is not CSV by one of its lines.

use serde::de::IgnoredAny;

/// A format that is not read, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OtherFormat {
    pub what: &'static str,
    pub hint: &'static str,
}

/// Returns what a line tells.
pub(super) fn other_format(line: &[u8]) -> Option<OtherFormat> {
    let text = std::str::from_utf8(line).ok()?.trim();
    if text.starts_with('<') && text.ends_with('>') {
        return Some(OtherFormat {
            what: "it is HTML or XML",
            hint: "export the readings as CSV or JSON with the program that wrote the file",
        });
    }
    if is_exposition(text) {
        return Some(OtherFormat {
            what: "it is Prometheus's text exposition format, which holds values of one moment",
            hint: "ask the server for its values over time, `curl -G http://SERVER/api/v1/query_range --data-urlencode \
                   query=METRIC -d start=TIME -d end=TIME -d step=60s`, and put the answer with `--layout prometheus`",
        });
    }
    if is_logfmt(text) {
        return Some(OtherFormat {
            what: "its lines are pairs KEY=VALUE (logfmt)",
            hint: "`mlr --idkvp --ifs space --ojsonl cat FILE | sensorctl put --coerce --file -` makes JSON of them",
        });
    }
    if is_keyed(text) {
        return Some(OtherFormat {
            what: "its lines have a key and a tab before JSON",
            hint: "`awk -F'\\t' '{print $(NF-1) \" \" $NF}' FILE | sensorctl put --format mqtt --file -` takes the key for the \
                   sensor",
        });
    }
    // As loggers and consoles print messages: `2023-11-14 INFO {"temperature":21.5}`.
    let begin = text.find('{').filter(|begin| *begin > 0)?;
    let mut values = serde_json::Deserializer::from_str(&text[begin..]).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    text[begin..].contains(':').then_some(OtherFormat {
        what: "its lines have JSON behind other text",
        hint: "`sed -n 's/^[^{]*{/{/p' FILE | sensorctl put --file -` takes the JSON of each line; lines of a broker read `TOPIC {…}`",
    })
}

/// Returns whether a line is a comment or a sample of Prometheus's text format: `room_celsius{sensor="attic"} 21.5`.
fn is_exposition(text: &str) -> bool {
    if ["# HELP ", "# TYPE "].iter().any(|begin| text.starts_with(begin)) {
        return true;
    }
    let Some((metric, rest)) = text.split_once('{') else { return false };
    let Some((labels, values)) = rest.rsplit_once("} ") else { return false };
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte));
    is_name(metric) && labels.contains("=\"") && values.split(' ').all(|value| value.parse::<f64>().is_ok())
}

/// Returns whether a line is of words with a name and a value each.
fn is_logfmt(text: &str) -> bool {
    let mut is_quoted = false;
    let is_end = |sign: char| {
        is_quoted ^= sign == '"';
        sign == ' ' && !is_quoted
    };
    let words: Vec<_> = text.split(is_end).collect();
    let is_name =
        |name: &str| name.starts_with(|sign: char| sign.is_ascii_alphabetic()) && !name.contains([',', ';', '\t']);
    words.len() > 1 && words.iter().all(|word| word.split_once('=').is_some_and(|(name, _)| is_name(name)))
}

/// Returns whether the last value behind tabs is JSON, as consumers of Kafka print a key and a value.
fn is_keyed(text: &str) -> bool {
    let Some((keys, json)) = text.rsplit_once('\t') else { return false };
    let key = keys.rsplit('\t').next().unwrap_or(keys);
    !key.is_empty() && !key.contains(' ') && json.starts_with('{') && serde_json::from_str::<IgnoredAny>(json).is_ok()
}

/// Returns whether a line tells that a file is not CSV.
pub(in super::super) fn is_other_format(line: &str) -> bool {
    other_format(line.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_tells_what_a_file_is() {
        let what = |line: &str| other_format(line.as_bytes()).map(|other| other.what);
        assert_eq!(what("<?xml version=\"1.0\"?>"), Some("it is HTML or XML"));
        let json = Some("its lines have JSON behind other text");
        let keyed = Some("its lines have a key and a tab before JSON");
        assert_eq!(what("CreateTime:1700000000000\tattic\t{\"temperature\":21.5}"), keyed);
        assert_eq!(what("attic\t{\"temperature\":21.5}"), keyed);
        for line in ["# TYPE room_celsius gauge", "room_celsius{sensor=\"a b\"} 21.5", "up{job=\"x\"} 1 1700000000000"]
        {
            assert!(what(line).is_some_and(|what| what.contains("text exposition")), "{line}");
        }
        for line in ["time=2023-11-14T22:13:20Z sensor=attic temp=21.5", "ts=1 msg=\"a b\" temp=1"] {
            assert!(what(line).is_some_and(|what| what.contains("logfmt")), "{line}");
        }
        assert_eq!(what("[2023-11-14 22:13:20] topic 'a', payload '{\"temperature\":21.5}'"), json);
        for line in ["a,b", "{\"a\":1}", "x {y}", "temperature {room=\"attic\"}", "a=b", "a b=1", "a,b=1 c=2", ""] {
            assert_eq!(what(line), None, "{line}");
        }
    }
}
