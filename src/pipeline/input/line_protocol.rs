//! `InfluxDB` line protocol: `measurement,tag=a field=1.5,other="x y" 1700000000000000000`.
//!
//! The crates for it read numbers as floating point, which does not keep them exactly.

use std::borrow::Cow;

use memchr::memchr_iter;
use sensor_model::{Decimal, json_escape};

/// The beginning of the line before the points of a database, as `influx_inspect export` writes it.
pub(super) const DATABASE: &[u8] = b"CREATE DATABASE ";

/// The reason why a line is not line protocol. The text never shows the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LineProtocolError(pub &'static str);

/// Writes a line as a JSON object with `measurement`, the tags, the fields, and `time` where it has one.
///
/// # Errors
/// When it is no line of line protocol.
pub(super) fn to_json(line: &str, out: &mut String) -> Result<(), LineProtocolError> {
    write_json(line, out, false)
}

/// Writes a line with one field as a JSON object with `measurement`, the tags, the field's name and value as `_field` and
/// `_value`, and `time`.
///
/// # Errors
/// When it is no line of line protocol, or has several fields.
pub(super) fn field_to_json(line: &str, out: &mut String) -> Result<(), LineProtocolError> {
    write_json(line, out, true)
}

fn write_json(line: &str, out: &mut String, is_field_named: bool) -> Result<(), LineProtocolError> {
    let wrong = |what| Err(LineProtocolError(what));
    let mut text = Scanner(line.trim_end());
    out.clear();
    out.push_str("{\"measurement\":");
    let measurement = text.until(&[',', ' ']);
    if measurement.is_empty() {
        return wrong("it has no measurement");
    }
    json_escape::push_string(out, &measurement);
    while text.take(',') {
        let name = text.until(&['=', ',', ' ']);
        if name.is_empty() || !text.take('=') {
            return wrong("a tag is not NAME=VALUE");
        }
        let value = text.until(&[',', ' ', '=']);
        if value.is_empty() {
            return wrong("a tag has no value");
        }
        push(out, &name, |out| json_escape::push_string(out, &value));
    }
    if !text.take(' ') {
        return wrong("it has no fields");
    }
    text.skip_blanks();
    loop {
        let name = text.until(&['=', ',', ' ']);
        if name.is_empty() || !text.take('=') {
            return wrong("a field is not NAME=VALUE");
        }
        let name = if is_field_named {
            push(out, "_field", |out| json_escape::push_string(out, &name));
            "_value".to_owned()
        } else {
            name
        };
        if text.take('"') {
            let Some(value) = text.quoted() else { return wrong("a text is never closed") };
            push(out, &name, |out| json_escape::push_string(out, &value));
        } else {
            let value = text.plain();
            let Some(json) = scalar(value) else {
                return wrong("a field is neither a number, a text in quotes nor a truth value");
            };
            push(out, &name, |out| out.push_str(&json));
        }
        if !text.take(',') {
            break;
        }
        if is_field_named {
            return wrong("it has several fields, and each line is read as one quantity");
        }
    }
    text.skip_blanks();
    let time = text.0;
    if !time.is_empty() {
        let digits = time.strip_prefix('-').unwrap_or(time);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return wrong("its time is not a whole number");
        }
        push(out, "time", |out| out.push_str(time));
    }
    out.push('}');
    Ok(())
}

fn push(out: &mut String, name: &str, value: impl FnOnce(&mut String)) {
    out.push(',');
    json_escape::push_string(out, name);
    out.push(':');
    value(out);
}

/// Returns a field's value as JSON: `1.5`, `3i`, `3u`, `t`, `FALSE`.
fn scalar(text: &str) -> Option<String> {
    match text {
        "t" | "T" | "true" | "True" | "TRUE" => return Some("true".to_owned()),
        "f" | "F" | "false" | "False" | "FALSE" => return Some("false".to_owned()),
        _ => {}
    }
    let number = match text.strip_suffix(['i', 'u']) {
        Some(whole) if whole.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => whole,
        Some(_) => return None,
        None => text,
    };
    match Decimal::parse(number) {
        Ok(number) => Some(number.to_string()),
        // Too long or too large: the reading says so, by its key.
        Err(sensor_model::DecimalError::NotANumber) => None,
        Err(_) => Some(number.trim_start_matches('+').to_owned()),
    }
}

/// The tags of a line that name its series, where one tag alone names the sensor.
#[derive(Debug)]
pub(super) struct SeriesTags {
    /// True if each line holds one field, and is of the series of its own name.
    pub is_field_named: bool,
    /// Tags that do not count.
    pub dropped: Vec<String>,
}

impl SeriesTags {
    /// Returns the measurement and the tags of a line; nothing where it has no tags.
    #[inline]
    pub(super) fn series<'l>(&self, line: &'l [u8]) -> Option<Cow<'l, str>> {
        let end = unescaped(line, b' ').next()?;
        let first = unescaped(&line[..end], b',').next()?;
        let name = if self.is_field_named { unescaped(&line[end..], b'=').next()? } else { 0 };
        let series = std::str::from_utf8(&line[..end + name]).ok()?;
        if self.dropped.is_empty() {
            Some(Cow::Borrowed(series))
        } else {
            Some(Cow::Owned(self.kept(series, first, end)))
        }
    }

    /// Returns a series without the tags that do not count.
    fn kept(&self, series: &str, first: usize, end: usize) -> String {
        let is_dropped = |name: &str| self.dropped.iter().any(|dropped| dropped == name);
        let mut kept = if is_dropped("measurement") { String::new() } else { series[..first].to_owned() };
        let tags = &series[first + 1..end];
        let ends = unescaped(tags.as_bytes(), b',').chain([tags.len()]);
        let mut begin = 0;
        for end in ends {
            let tag = &tags[begin..end];
            if !is_dropped(tag.split('=').next().unwrap_or(tag)) {
                kept.push(',');
                kept.push_str(tag);
            }
            begin = end + 1;
        }
        kept.push_str(&series[end..]);
        kept
    }
}

/// Returns the name of a series' first tag that is no part of the sensor.
pub(super) fn other_tag(series: &str, sensor: &str) -> Option<String> {
    let is_own = |name: &str| sensor.split('+').any(|part| part.trim() == name);
    let tags = unescaped(series.as_bytes(), b',').map(|at| &series[at + 1..]);
    let mut names = tags.filter_map(|tag| Some(tag.split_once('=')?.0));
    names.find(|name| !is_own(name)).map(str::to_owned)
}

/// Returns the places of a separator that no backslash makes a part of a name.
fn unescaped(line: &[u8], separator: u8) -> impl Iterator<Item = usize> + '_ {
    memchr_iter(separator, line).filter(|at| *at == 0 || line[at - 1] != b'\\')
}

/// The rest of a line.
struct Scanner<'a>(&'a str);

impl Scanner<'_> {
    fn take(&mut self, wanted: char) -> bool {
        match self.0.strip_prefix(wanted) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_start_matches(' ');
    }

    /// Takes a name up to one of the characters; a backslash before a separator, or before another backslash's separator,
    /// makes it part of the name.
    fn until(&mut self, ends: &[char]) -> String {
        let mut name = String::new();
        let mut characters = self.0.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if character == '\\' {
                match characters.peek() {
                    Some((_, next @ (',' | '=' | ' '))) => {
                        name.push(*next);
                        characters.next();
                    }
                    _ => name.push('\\'),
                }
                continue;
            }
            if ends.contains(&character) {
                self.0 = &self.0[at..];
                return name;
            }
            name.push(character);
        }
        self.0 = "";
        name
    }

    /// Takes a value without quotes.
    fn plain(&mut self) -> &str {
        let end = self.0.find([',', ' ']).unwrap_or(self.0.len());
        let (value, rest) = self.0.split_at(end);
        self.0 = rest;
        value
    }

    /// Takes a text up to its closing quote.
    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut characters = self.0.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return Some(text);
                }
                '\\' => match characters.peek() {
                    Some((_, next @ ('"' | '\\'))) => {
                        text.push(*next);
                        characters.next();
                    }
                    _ => text.push('\\'),
                },
                other => text.push(other),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(line: &str) -> Result<String, &'static str> {
        let mut out = String::new();
        to_json(line, &mut out).map(|()| out).map_err(|error| error.0)
    }

    #[test]
    fn line_has_measurement_tags_fields_and_time() {
        assert_eq!(
            json("climate,room=attic temperature=19.40,humidity=51i 1930202100000000000"),
            Ok(r#"{"measurement":"climate","room":"attic","temperature":19.4,"humidity":51,"time":1930202100000000000}"#.to_owned())
        );
        assert_eq!(
            json(r#"my\ room,a\=b=c\,d s="x \"y\" z, w",ok=t,n=-1.5e3"#),
            Ok(r#"{"measurement":"my room","a=b":"c,d","s":"x \"y\" z, w","ok":true,"n":-1500}"#.to_owned())
        );
        assert_eq!(json("m f=1u -5\r").unwrap(), r#"{"measurement":"m","f":1,"time":-5}"#);
    }

    #[test]
    fn series_has_the_tags_that_count() {
        let line = br"my\ room,a\,b=c,location=x\ y,z=1 temperature=1,h=2 5";
        let series = |is_field_named: bool, dropped: &[&str]| {
            let dropped = dropped.iter().map(|name| (*name).to_owned()).collect();
            SeriesTags { is_field_named, dropped }.series(line).unwrap().into_owned()
        };
        assert_eq!(series(false, &[]), r"my\ room,a\,b=c,location=x\ y,z=1");
        assert_eq!(other_tag(&series(false, &[]), "location+z").as_deref(), Some("a\\,b"));
        assert_eq!(other_tag("m,sensor=a f", "sensor"), None);
        assert_eq!(series(true, &["location"]), r"my\ room,a\,b=c,z=1 temperature");
        assert_eq!(series(false, &["measurement", "z"]), r",a\,b=c,location=x\ y");
        let tags = SeriesTags { is_field_named: false, dropped: Vec::new() };
        assert_eq!(tags.series(b"m f=1,g=2 5"), None);
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "",
            "m",
            "m ",
            "m f",
            "m f=",
            "m f=x",
            "m,t f=1",
            "m,t= f=1",
            "m f=\"x",
            "m f=1 soon",
            "m f=1.5i",
            "sensor_id,temperature,current_time",
            "k,21.5,1700000000",
            "m f=NaN",
        ] {
            assert!(json(line).is_err(), "{line}");
        }
    }

    fn escaped(name: &str) -> String {
        name.replace(',', "\\,").replace('=', "\\=").replace(' ', "\\ ")
    }

    proptest! {
        #[test]
        fn any_names_and_texts_are_read_as_they_were(
            tags in prop::collection::btree_map("t[a-z ,=é]{0,6}[a-z]", "[a-z ,=é]{0,6}[a-z]", 0..4),
            fields in prop::collection::btree_map("f[a-z ,=é]{0,6}[a-z]", "[a-z ,=\"\\\\é]{0,8}", 1..4),
        ) {
            let tag_text = tags.iter().map(|(name, value)| format!(",{}={}", escaped(name), escaped(value))).collect::<Vec<_>>().concat();
            let field_text: Vec<_> = fields.iter().map(|(name, value)| {
                format!("{}=\"{}\"", escaped(name), value.replace('\\', "\\\\").replace('"', "\\\""))
            }).collect();
            let line = format!("m{tag_text} {} 7", field_text.join(","));
            let read: serde_json::Value = serde_json::from_str(&json(&line).unwrap()).unwrap();
            for (name, value) in tags.iter().chain(&fields) {
                prop_assert_eq!(read[name].as_str(), Some(value.as_str()));
            }
            prop_assert_eq!(&read["time"], &serde_json::Value::from(7));
        }
    }
}
