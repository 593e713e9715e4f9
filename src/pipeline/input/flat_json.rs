//! Readings out of flat JSON objects without a look at the rest of JSON: most lines are such, and are read several times
//! as fast. Whatever is not plain here is left to [`Reading::from_json`], which also says what is wrong.
//!
//! [`Reading::from_json`]: sensor_model::Reading::from_json

use sensor_model::{Decimal, MAX_SENSOR_ID_BYTES};

use super::keys::{ORIGIN, SENSOR, TEMPERATURE, TIME};

/// Bytes of a line that is small enough for an item, whatever is in it.
const MOST_BYTES: usize = 16 * 1024;
/// Further fields that are looked at.
const MOST_FIELDS: usize = 16;
/// Names that no further field may have begin so.
const RESERVED: [u8; 3] = [b'S', b'C', b'T'];

/// A flat object with the keys of a reading.
#[derive(Debug, Default)]
pub(super) struct FlatReading<'a> {
    /// Without quotes.
    pub sensor: &'a str,
    pub temperature: Option<Decimal>,
    pub time: Option<Decimal>,
    /// Names without quotes, and values as they stand; sorted by name.
    fields: [(&'a str, &'a str); MOST_FIELDS],
    count: usize,
    has_origin: [bool; 2],
}

impl<'a> FlatReading<'a> {
    /// Reads a line into `self`, which may have been used before. False where the line is not as plain as that.
    pub(super) fn read(&mut self, line: &'a [u8]) -> bool {
        self.read_object(line).is_some()
    }

    /// Returns whether the line names shard and sequence number, as rows of the table do.
    pub(super) fn is_copy(&self) -> bool {
        self.has_origin == [true, true]
    }

    fn read_object(&mut self, line: &'a [u8]) -> Option<()> {
        if line.len() > MOST_BYTES {
            return None;
        }
        let text = std::str::from_utf8(line).ok()?;
        (self.sensor, self.temperature, self.time, self.has_origin) = ("", None, None, [false; 2]);
        self.count = 0;
        let mut scan = Scan { text, at: 0 };
        scan.take(b'{')?;
        loop {
            let name = scan.string()?;
            scan.take(b':')?;
            self.member(name, &mut scan)?;
            match scan.next()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        scan.skip_blanks();
        let is_whole = scan.at == line.len()
            && !self.sensor.is_empty()
            && self.sensor.len() <= MAX_SENSOR_ID_BYTES
            && self.temperature.is_some()
            && self.time.is_some();
        if !is_whole {
            return None;
        }
        let fields = &mut self.fields[..self.count];
        if !fields.is_sorted_by(|one, other| one.0 < other.0) {
            fields.sort_unstable_by(|one, other| one.0.cmp(other.0));
            if fields.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                return None;
            }
        }
        Some(())
    }

    fn member(&mut self, name: &'a str, scan: &mut Scan<'a>) -> Option<()> {
        match name {
            SENSOR if self.sensor.is_empty() => self.sensor = scan.string()?,
            TEMPERATURE if self.temperature.is_none() => self.temperature = Some(Decimal::parse(scan.number()?).ok()?),
            TIME if self.time.is_none() => self.time = Some(Decimal::parse(scan.number()?).ok()?),
            SENSOR | TEMPERATURE | TIME | "" => return None,
            name => {
                let value = scan.scalar()?;
                match ORIGIN.iter().position(|origin| *origin == name) {
                    Some(at) if !self.has_origin[at] => self.has_origin[at] = true,
                    Some(_) => return None,
                    None if RESERVED.contains(&name.as_bytes()[0]) || self.count == MOST_FIELDS => return None,
                    None => {
                        self.fields[self.count] = (name, value);
                        self.count += 1;
                    }
                }
            }
        }
        Some(())
    }

    /// Writes the reading as `Reading::to_json` does, with the decided time. Returns `None` if the table does not take one
    /// of its numbers.
    pub(super) fn to_json(&self, seconds: &Decimal) -> Option<String> {
        let fields = &self.fields[..self.count];
        let length: usize = fields.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let mut out = String::with_capacity(96 + self.sensor.len() + length);
        out.push_str("{\"sensor_id\":\"");
        out.push_str(self.sensor);
        out.push_str("\",\"temperature\":");
        out.push_str(self.temperature.as_ref()?.as_str());
        out.push_str(",\"current_time\":");
        out.push_str(seconds.as_str());
        for (name, value) in fields {
            out.push_str(",\"");
            out.push_str(name);
            out.push_str("\":");
            if value.starts_with(['"', 't', 'f', 'n']) {
                out.push_str(value);
            } else {
                out.push_str(Decimal::parse(value).ok()?.as_str());
            }
        }
        out.push('}');
        Some(out)
    }
}

/// A place in a line.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn skip_blanks(&mut self) {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes the next byte that is no blank.
    fn next(&mut self) -> Option<u8> {
        self.skip_blanks();
        let byte = *self.text.as_bytes().get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    /// Takes a string without escapes, and returns it without quotes.
    fn string(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let begin = self.at;
        for (length, byte) in self.text.as_bytes()[begin..].iter().enumerate() {
            match byte {
                b'"' => {
                    self.at = begin + length + 1;
                    return Some(&self.text[begin..begin + length]);
                }
                b'\\' | 0..0x20 => return None,
                _ => {}
            }
        }
        None
    }

    /// Takes a number as JSON writes it.
    fn number(&mut self) -> Option<&'a str> {
        self.skip_blanks();
        let begin = self.at;
        let bytes = self.text.as_bytes();
        let digits = |at: &mut usize| {
            let from = *at;
            while bytes.get(*at).is_some_and(u8::is_ascii_digit) {
                *at += 1;
            }
            *at > from
        };
        let mut at = begin + usize::from(bytes.get(begin) == Some(&b'-'));
        if bytes.get(at) == Some(&b'0') {
            at += 1;
        } else if !digits(&mut at) {
            return None;
        }
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            if !digits(&mut at) {
                return None;
            }
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            at += 1;
            at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
            if !digits(&mut at) {
                return None;
            }
        }
        self.at = at;
        Some(&self.text[begin..at])
    }

    /// Takes a string without escapes, a number, `true`, `false` or `null`, as it stands.
    fn scalar(&mut self) -> Option<&'a str> {
        self.skip_blanks();
        let begin = self.at;
        match self.text.as_bytes().get(begin)? {
            b'"' => {
                self.string()?;
            }
            b't' | b'f' | b'n' => {
                let word = ["true", "false", "null"].iter().find(|word| self.text[begin..].starts_with(**word))?;
                self.at += word.len();
            }
            _ => return self.number(),
        }
        Some(&self.text[begin..self.at])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sensor_model::Reading;

    use super::*;

    /// Returns the fast parser's result for a line; `None` if it leaves the line to the other parser.
    fn fast(line: &str) -> Option<(String, bool)> {
        let mut flat = FlatReading::default();
        if !flat.read(line.as_bytes()) {
            return None;
        }
        let time = flat.time.clone()?;
        Some((flat.to_json(&time)?, flat.is_copy()))
    }

    fn slow(line: &str) -> Option<(String, bool)> {
        let (reading, is_copy) = Reading::from_json_with_origin(line.as_bytes()).ok()?;
        Some((reading.to_json(), is_copy))
    }

    #[test]
    fn plain_lines_are_read_fast() {
        for line in [
            r#"{"sensor_id":"a","temperature":1.50,"current_time":1700000000}"#,
            r#" { "temperature" : -1e2 , "z":"x", "current_time": 1, "a":null, "sensor_id": "é" } "#,
            r#"{"sensor_id":"a","temperature":1,"current_time":2,"shard_id":"s","sequence_number":"1","b":true}"#,
        ] {
            assert!(fast(line).is_some(), "{line}");
            assert_eq!(fast(line), slow(line), "{line}");
        }
    }

    #[test]
    fn whatever_is_not_plain_is_left_to_the_other_way() {
        for line in [
            r#"{"sensor_id":"a","temperature":1,"current_time":2,"x":[1]}"#,
            r#"{"sensor_id":"a\n","temperature":1,"current_time":2}"#,
            r#"{"sensor_id":"a","temperature":01,"current_time":2}"#,
            r#"{"sensor_id":"a","temperature":1,"current_time":2,"TempX":1}"#,
            r#"{"sensor_id":"a","temperature":1,"current_time":2} {"#,
        ] {
            assert_eq!(fast(line), None, "{line}");
        }
    }

    fn any_line() -> impl Strategy<Value = String> {
        let name = prop_oneof![
            6 => prop::sample::select(vec!["sensor_id", "temperature", "current_time"]).prop_map(str::to_owned),
            3 => "[a-zSCT_é]{0,3}",
            1 => prop::sample::select(vec!["shard_id", "sequence_number", "SensorId", "x\\n"]).prop_map(str::to_owned),
        ];
        let value = prop_oneof![
            4 => "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?",
            3 => "\"[a-z é]{0,4}\"",
            1 => "(true|false|null|\\[1\\]|\\{\\}|01|\\+1|1\\.|-|NaN|\"\\\\n\"|1e999|tru)",
        ];
        let blank = prop::sample::select(vec!["", "", " ", "\t"]);
        let member = (name, blank, value).prop_map(|(name, blank, value)| format!("\"{name}\":{blank}{value}"));
        let head = prop::sample::select(vec![
            "\"sensor_id\":\"k\",\"temperature\":21.50,\"current_time\":1700000000,",
            "\"current_time\": 17e8, \"temperature\": 1, \"sensor_id\": \"k\", ",
            "",
        ]);
        let end = prop::sample::select(vec!["}", "} ", "", "}x", ",}"]);
        (head, prop::collection::vec(member, 0..4), end)
            .prop_map(|(head, members, end)| format!("{{{head}{}{end}", members.join(",")))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
        #[test]
        fn fast_way_reads_what_the_other_reads_or_nothing(line in any_line()) {
            if let Some(read) = fast(&line) {
                prop_assert_eq!(Some(read), slow(&line));
            }
        }
    }
}
