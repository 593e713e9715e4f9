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
    // As loggers and consoles print messages: `2023-11-14 INFO {"temperature":21.5}`.
    let begin = text.find('{').filter(|begin| *begin > 0)?;
    let mut values = serde_json::Deserializer::from_str(&text[begin..]).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    text[begin..].contains(':').then_some(OtherFormat {
        what: "its lines have JSON behind other text",
        hint: "`sed -n 's/^[^{]*{/{/p' FILE | sensorctl put --file -` takes the JSON of each line; lines of a broker read `TOPIC {…}`",
    })
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
        assert_eq!(what("CreateTime:1700000000000\tattic\t{\"temperature\":21.5}"), json);
        assert_eq!(what("[2023-11-14 22:13:20] topic 'a', payload '{\"temperature\":21.5}'"), json);
        for line in ["a,b", "{\"a\":1}", "x {y}", "temperature {room=\"attic\"}", ""] {
            assert_eq!(what(line), None, "{line}");
        }
    }
}
