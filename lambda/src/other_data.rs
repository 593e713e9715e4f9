//! Recognizes data of other forms than a reading's JSON, so that a producer finds its mistake.

use std::fmt;

use serde::de::IgnoredAny;

/// Data that is recognized and is not a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherData {
    /// A word where a JSON number must stand, such as `NaN`.
    NotANumber {
        /// The word.
        word: &'static str,
        /// Bytes before it.
        at: usize,
    },
    /// An object, and behind it another.
    SecondObject {
        /// Bytes before the second.
        at: usize,
    },
    /// A JSON array.
    Array,
    /// A JSON string that holds an object.
    TextOfObject,
    /// Base64 of data that is recognized.
    Base64 {
        /// The data.
        of: &'static str,
    },
    /// An object with single quotes, as Python prints one.
    SingleQuotes,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// Text in UTF-16.
    Utf16,
}

/// Words that languages print for values that are no JSON numbers.
const WORDS: [&str; 8] = ["NaN", "nan", "-Infinity", "Infinity", "-inf", "inf", "None", "undefined"];

/// How base64 of recognized data begins.
const BASE64: [(&str, &str); 10] = [
    // `{"`, `{ `, `{` and a line end.
    ("eyJ", "a JSON object"),
    ("eyA", "a JSON object"),
    ("ewo", "a JSON object"),
    ("ew0", "a JSON object"),
    // `[{`.
    ("W3s", "a JSON array"),
    // The four bytes of the mark, and the tag of a field of the protobuf message.
    ("84mawg", "a KPL aggregate"),
    ("84mawh", "a KPL aggregate"),
    ("H4sI", "gzip"),
    ("KLUv/", "zstd"),
    ("KLUv_", "zstd"),
];

impl OtherData {
    /// Recognizes data that is not JSON from byte `at` on; it may be JSON of another form.
    pub(crate) fn recognize(data: &[u8], at: usize) -> Option<Self> {
        if data.starts_with(b"\x1f\x8b") {
            return Some(OtherData::Gzip);
        }
        if data.starts_with(b"\x28\xb5\x2f\xfd") {
            return Some(OtherData::Zstd);
        }
        let utf_16: [&[u8]; 4] = [b"\xff\xfe", b"\xfe\xff", b"{\0", b"\0{"];
        if data.contains(&0) && utf_16.iter().any(|begin| data.starts_with(begin)) {
            return Some(OtherData::Utf16);
        }
        let text = std::str::from_utf8(data).ok()?;
        let trimmed = text.trim_start();
        match trimmed.as_bytes().first()? {
            b'{' => Self::in_object(text, at),
            b'[' => is_json(trimmed).then_some(OtherData::Array),
            b'"' => {
                let inner: String = serde_json::from_str(trimmed).ok()?;
                let inner = inner.trim_start();
                if inner.starts_with('{') { Some(OtherData::TextOfObject) } else { Self::in_base64(inner) }
            }
            _ => Self::in_base64(trimmed),
        }
    }

    fn in_base64(text: &str) -> Option<Self> {
        let (_, of) = BASE64.into_iter().find(|(begin, _)| text.starts_with(begin))?;
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_\r\n".contains(&byte);
        text.bytes().all(is_base64).then_some(OtherData::Base64 { of })
    }

    fn in_object(text: &str, at: usize) -> Option<Self> {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
        if let Some(Ok(_)) = values.next() {
            let end = values.byte_offset();
            let rest = text[end..].trim_start_matches(|character: char| character.is_whitespace() || character == ',');
            return rest.starts_with('{').then(|| OtherData::SecondObject { at: text.len() - rest.len() });
        }
        if text.trim_start()[1..].trim_start().starts_with('\'') {
            return Some(OtherData::SingleQuotes);
        }
        // Where JSON stops may be behind the first letter of the word.
        let starts = |at: usize| {
            let rest = text.get(at..)?;
            WORDS.iter().find(|word| rest.starts_with(**word)).map(|word| OtherData::NotANumber { word, at })
        };
        (0..=2).rev().find_map(|back| starts(at.checked_sub(back)?))
    }

    /// A short name that stays the same, for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            OtherData::NotANumber { .. } => "not-json",
            OtherData::SecondObject { .. } => "second-object",
            OtherData::Array => "not-an-object",
            OtherData::TextOfObject => "text-of-object",
            OtherData::Base64 { .. } => "base64",
            OtherData::SingleQuotes => "single-quotes",
            OtherData::Gzip => "gzip",
            OtherData::Zstd => "zstd",
            OtherData::Utf16 => "utf-16",
        }
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

impl fmt::Display for OtherData {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            OtherData::NotANumber { word, at } => {
                return write!(formatter, "{word} is not a JSON number (not JSON at byte {at})");
            }
            OtherData::SecondObject { at } => return write!(formatter, "a second object follows (at byte {at})"),
            OtherData::Base64 { of } => return write!(formatter, "base64 of {of}: encoded twice?"),
            OtherData::Array => "a JSON array, not a JSON object",
            OtherData::TextOfObject => "a JSON string that holds an object: encoded twice?",
            OtherData::SingleQuotes => "single quotes are not JSON: printed by Python?",
            OtherData::Gzip => "gzip, not JSON",
            OtherData::Zstd => "zstd, not JSON",
            OtherData::Utf16 => "UTF-16 text, not JSON in UTF-8",
        };
        formatter.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use crate::aggregation::{Aggregate, AggregatedUserRecord};
    use crate::reading::Reading;

    #[test]
    fn base64_of_an_aggregate_is_named() {
        let mut aggregate = Aggregate::new();
        let data = br#"{"sensor_id":"a","temperature":1,"current_time":2}"#;
        aggregate.push(&AggregatedUserRecord { partition_key: "a", explicit_hash_key: None, data });
        let error = Reading::from_json(STANDARD.encode(aggregate.finish()).as_bytes()).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), ("base64", "base64 of a KPL aggregate: encoded twice?"));
    }

    #[test]
    fn other_data_is_named_with_its_class() {
        let reading = r#"{"sensor_id":"a","temperature":1,"current_time":2}"#;
        let nan = |word: &str| reading.replace(":1,", &format!(":{word},")).into_bytes();
        let text = serde_json::to_string(reading).unwrap();
        let cases: [(Vec<u8>, &str, &str); 22] = [
            (nan("NaN"), "not-json", "NaN is not a JSON number (not JSON at byte 31)"),
            (nan(" -Infinity"), "not-json", "-Infinity is not a JSON number (not JSON at byte 32)"),
            (nan("nan"), "not-json", "nan is not a JSON number (not JSON at byte 31)"),
            (nan("None"), "not-json", "None is not a JSON number (not JSON at byte 31)"),
            (format!("{reading}{reading}").into(), "second-object", "a second object follows (at byte 50)"),
            (format!("{reading}\n{reading}\n").into(), "second-object", "a second object follows (at byte 51)"),
            (format!("{reading},{{").into(), "second-object", "a second object follows (at byte 51)"),
            (format!("{reading}x").into(), "not-json", "not JSON (at byte 50)"),
            (format!("[{reading}]").into(), "not-an-object", "a JSON array, not a JSON object"),
            (text.into(), "text-of-object", "a JSON string that holds an object: encoded twice?"),
            (b"eyJzZW5zb3JfaWQiOiJhIn0=".to_vec(), "base64", "base64 of a JSON object: encoded twice?"),
            (b"\"eyJzZW5zb3JfaWQiOiJhIn0=\"".to_vec(), "base64", "base64 of a JSON object: encoded twice?"),
            (b"W3sic2Vuc29yX2lkIjoiYSJ9XQ==".to_vec(), "base64", "base64 of a JSON array: encoded twice?"),
            (b"H4sIAAAAAAAAA6uuBQBDv6ajAgAAAA==\n".to_vec(), "base64", "base64 of gzip: encoded twice?"),
            (b"KLUv_QRYEQAAe30".to_vec(), "base64", "base64 of zstd: encoded twice?"),
            (b"H4sI is no base64".to_vec(), "not-json", "not JSON (at byte 0)"),
            (b"eyJ no".to_vec(), "not-json", "not JSON (at byte 0)"),
            (b"{'sensor_id': 'a'}".to_vec(), "single-quotes", "single quotes are not JSON: printed by Python?"),
            (b"\x1f\x8b\x08\0".to_vec(), "gzip", "gzip, not JSON"),
            (b"\x28\xb5\x2f\xfd\0".to_vec(), "zstd", "zstd, not JSON"),
            (b"\xff\xfe{\0".to_vec(), "utf-16", "UTF-16 text, not JSON in UTF-8"),
            (b"7".to_vec(), "not-an-object", "not a JSON object"),
        ];
        for (data, code, reason) in cases {
            let error = Reading::from_json(&data).unwrap_err();
            assert_eq!(
                (error.code(), error.to_string().as_str()),
                (code, reason),
                "{}",
                String::from_utf8_lossy(&data)
            );
        }
    }
}
