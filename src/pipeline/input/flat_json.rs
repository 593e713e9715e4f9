//! Readings out of flat JSON objects without a look at the rest of JSON: most lines are such, and are read several times
//! as fast. Whatever is not plain here is left to [`Reading::from_json`], which also says what is wrong.
//!
//! [`Reading::from_json`]: sensor_model::Reading::from_json

mod fields;

use sensor_model::json_escape::plain_prefix;
use sensor_model::{Decimal, MAX_SENSOR_ID_BYTES, NumberPrefix};

use self::fields::part;
use super::keys::{ORIGIN, SENSOR, TEMPERATURE, TIME};

/// Bytes of a line that is small enough for an item, whatever is in it. Places in it have sixteen bits.
const MOST_BYTES: usize = 16 * 1024;
/// Further fields that are looked at.
const MOST_FIELDS: usize = 16;
/// Names that no further field may have begin so.
const RESERVED: [u8; 3] = [b'S', b'C', b'T'];

/// A flat object with the keys of a reading.
#[derive(Debug)]
pub(super) struct FlatReading<'a> {
    line: &'a str,
    /// Without quotes.
    pub sensor: &'a str,
    pub temperature: FlatNumber<'a>,
    pub time: FlatNumber<'a>,
    /// Sorted by name.
    fields: [FlatField; MOST_FIELDS],
    count: usize,
    has_origin: [bool; 2],
    /// True if the line is the JSON of the reading, as `Reading::to_json` writes it.
    is_canonical: bool,
}

/// A number of a line, in canonical form.
#[derive(Debug)]
pub(super) enum FlatNumber<'a> {
    /// As it stands in the line.
    Borrowed(&'a str),
    Parsed(Decimal),
}

impl FlatNumber<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            FlatNumber::Borrowed(text) => text,
            FlatNumber::Parsed(number) => number.as_str(),
        }
    }
}

/// Where a field is in the line: begin and end of its name, without quotes, and of its value.
#[derive(Clone, Copy, Debug, Default)]
struct FlatField {
    name: [u16; 2],
    value: [u16; 2],
}

impl<'a> FlatReading<'a> {
    /// Reads a line. `None` where it is not as plain as that.
    pub(super) fn read(line: &'a [u8]) -> Option<Self> {
        if line.len() > MOST_BYTES {
            return None;
        }
        let line = std::str::from_utf8(line).ok()?;
        let mut scan = Scan { text: line, at: 0, has_blanks: false };
        let (mut sensor, mut temperature, mut time) = (None, None, None);
        let (mut fields, mut count) = ([FlatField::default(); MOST_FIELDS], 0);
        let mut has_origin = [false; 2];
        let mut is_canonical = true;
        scan.take(b'{')?;
        loop {
            match scan.key()? {
                Key::Sensor => {
                    is_canonical &= temperature.is_none() && time.is_none() && count == 0;
                    let id = scan.string()?;
                    if sensor.replace(id).is_some() || id.is_empty() || id.len() > MAX_SENSOR_ID_BYTES {
                        return None;
                    }
                }
                Key::Temperature => {
                    is_canonical &= sensor.is_some() && time.is_none() && count == 0;
                    if temperature.replace(scan.own_number()?).is_some() {
                        return None;
                    }
                }
                Key::Time => {
                    is_canonical &= temperature.is_some() && count == 0;
                    if time.replace(scan.own_number()?).is_some() {
                        return None;
                    }
                }
                Key::Other(name) => {
                    let text = &line[usize::from(name[0])..usize::from(name[1])];
                    let value = scan.scalar(&mut is_canonical)?;
                    if let Some(at) = ORIGIN.iter().position(|origin| *origin == text) {
                        is_canonical = false;
                        if std::mem::replace(&mut has_origin[at], true) {
                            return None;
                        }
                    } else {
                        if RESERVED.contains(text.as_bytes().first()?) || count == MOST_FIELDS {
                            return None;
                        }
                        is_canonical &= time.is_some();
                        fields[count] = FlatField { name, value };
                        count += 1;
                    }
                }
            }
            match scan.next()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        scan.skip_blanks();
        if scan.at != line.len() {
            return None;
        }
        let (sensor, temperature, time) = (sensor?, temperature?, time?);
        is_canonical &=
            !scan.has_blanks && matches!((&temperature, &time), (FlatNumber::Borrowed(_), FlatNumber::Borrowed(_)));
        let mut flat = FlatReading { line, sensor, temperature, time, fields, count, has_origin, is_canonical };
        flat.sort_fields()?;
        Some(flat)
    }

    /// Returns whether the line names shard and sequence number, as rows of the table do.
    pub(super) fn is_copy(&self) -> bool {
        self.has_origin == [true, true]
    }

    /// Writes the reading as `Reading::to_json` does, with the decided time. Returns `None` if the table does not take one
    /// of its numbers.
    pub(super) fn write_json(&self, seconds: &str, out: &mut String) -> Option<()> {
        if self.is_canonical && seconds == self.time.as_str() {
            out.push_str(self.line);
            return Some(());
        }
        out.push_str("{\"sensor_id\":\"");
        out.push_str(self.sensor);
        out.push_str("\",\"temperature\":");
        out.push_str(self.temperature.as_str());
        out.push_str(",\"current_time\":");
        out.push_str(seconds);
        for field in &self.fields[..self.count] {
            out.push_str(",\"");
            out.push_str(part(self.line, field.name));
            out.push_str("\":");
            let value = part(self.line, field.value);
            if value.starts_with(['"', 't', 'f', 'n']) {
                out.push_str(value);
            } else {
                out.push_str(Decimal::parse(value).ok()?.as_str());
            }
        }
        out.push('}');
        Some(())
    }
}

/// A key of an object.
enum Key {
    Sensor,
    Temperature,
    Time,
    /// With the place of its name.
    Other([u16; 2]),
}

/// The keys of a reading as most programs write them.
const OWN_KEYS: [(&[u8], Key); 3] =
    [(b"\"sensor_id\":", Key::Sensor), (b"\"temperature\":", Key::Temperature), (b"\"current_time\":", Key::Time)];

/// A place in a line.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// True if there were blanks before it.
    has_blanks: bool,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn skip_blanks(&mut self) {
        let begin = self.at;
        while matches!(self.rest().first(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.has_blanks |= self.at > begin;
    }

    /// Takes the next byte that is no blank.
    fn next(&mut self) -> Option<u8> {
        self.skip_blanks();
        let byte = *self.rest().first()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    /// Takes a key and the colon behind it.
    fn key(&mut self) -> Option<Key> {
        self.skip_blanks();
        let rest = self.rest();
        for (text, key) in OWN_KEYS {
            if rest.starts_with(text) {
                self.at += text.len();
                return Some(key);
            }
        }
        let begin = self.at + 1;
        let name = self.string()?;
        self.take(b':')?;
        Some(match name {
            SENSOR => Key::Sensor,
            TEMPERATURE => Key::Temperature,
            TIME => Key::Time,
            name => Key::Other(place(begin, name.len())?),
        })
    }

    /// Takes a string without escapes, and returns it without quotes.
    fn string(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let begin = self.at;
        let end = begin + plain_prefix(self.rest());
        if self.text.as_bytes().get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        Some(&self.text[begin..end])
    }

    /// Takes a number as JSON writes it.
    fn number(&mut self) -> Option<(&'a str, bool)> {
        self.skip_blanks();
        let found = NumberPrefix::of(self.rest())?;
        let begin = self.at;
        self.at += found.length;
        Some((&self.text[begin..self.at], found.is_canonical))
    }

    /// Takes a number that the table keeps exactly.
    fn own_number(&mut self) -> Option<FlatNumber<'a>> {
        Some(match self.number()? {
            (text, true) => FlatNumber::Borrowed(text),
            (text, false) => FlatNumber::Parsed(Decimal::parse(text).ok()?),
        })
    }

    /// Takes a string without escapes, a number, `true`, `false` or `null`, and returns its place.
    fn scalar(&mut self, is_canonical: &mut bool) -> Option<[u16; 2]> {
        self.skip_blanks();
        let begin = self.at;
        match self.rest().first()? {
            b'"' => {
                self.string()?;
            }
            b't' | b'f' | b'n' => {
                let rest = self.rest();
                let word = ["true", "false", "null"].iter().find(|word| rest.starts_with(word.as_bytes()))?;
                self.at += word.len();
            }
            _ => *is_canonical &= self.number()?.1,
        }
        place(begin, self.at - begin)
    }
}

/// The place of a part of a line.
fn place(begin: usize, length: usize) -> Option<[u16; 2]> {
    Some([u16::try_from(begin).ok()?, u16::try_from(begin + length).ok()?])
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use sensor_model::Reading;

    use super::*;

    /// Returns the fast parser's result for a line; `None` if it leaves the line to the other parser.
    fn fast(line: &str) -> Option<(String, bool)> {
        let flat = FlatReading::read(line.as_bytes())?;
        let mut json = String::new();
        flat.write_json(flat.time.as_str(), &mut json)?;
        Some((json, flat.is_copy()))
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
    fn canonical_line_is_the_json_of_its_reading() {
        let canonical = r#"{"sensor_id":"é","temperature":-0.5,"current_time":1,"a":null,"b":10}"#;
        for (line, is_canonical) in [
            (canonical.to_owned(), true),
            (canonical.replace(':', ": "), false),
            (format!("{canonical} "), false),
            (canonical.replace("10", "10.0"), false),
            (canonical.replace("-0.5", "-0.50"), false),
            (canonical.replace("\"b\"", "\"A\""), false),
            (canonical.replace("\"b\"", "\"shard_id\""), false),
            (r#"{"temperature":1,"sensor_id":"a","current_time":2}"#.to_owned(), false),
            (r#"{"sensor_id":"a","temperature":1,"b":1,"current_time":2}"#.to_owned(), false),
        ] {
            assert_eq!(FlatReading::read(line.as_bytes()).unwrap().is_canonical, is_canonical, "{line}");
            assert_eq!(fast(&line), slow(&line), "{line}");
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
            r#"{"sensor_id":"","sensor_id":"a","temperature":1,"current_time":2}"#,
        ] {
            assert_eq!(fast(line), None, "{line}");
        }
    }

    pub(in super::super) fn any_line() -> impl Strategy<Value = String> {
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
            "\"sensor_id\":\"k\",\"temperature\":21.5,\"current_time\":1700000000,",
            "\"sensor_id\":\"k\",\"temperature\":21.50,\"current_time\":1700000000123,",
            "\"sensor_id\":\"k\",\"temperature\":-0.0,\"current_time\":20231114,",
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
