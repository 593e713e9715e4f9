//! One input, NDJSON or CSV, item by item.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;

use clap::ValueEnum;
use sensor_model::Reading;

use super::csv_columns::{CsvFileColumns, RowError};
use super::csv_row::RowParser;
use super::line_reader::{LineReader, LineStatus, MAX_LINE_BYTES, trim_line_ending};
use crate::error::Error;
use crate::pipeline::{InputOptions, Record, RejectedLine};

/// The form of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
}

/// What a line, or the lines of a row, turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum ParsedLine {
    /// A reading.
    Ready(Record),
    /// None.
    Rejected(RejectedLine),
}

/// An input whose beginning has been looked at.
pub(crate) struct Input {
    name: Arc<str>,
    lines: LineReader,
    line: Vec<u8>,
    /// Lines behind a quote that was never closed, to be read once more.
    again: VecDeque<RowLine>,
    kind: DetectedFormat,
}

/// A line of a CSV file.
struct RowLine {
    number: u64,
    /// Bytes before it.
    offset: u64,
    found: LineStatus,
    bytes: Vec<u8>,
}

impl RowLine {
    fn read(lines: &mut LineReader) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let offset = lines.offset();
        let found = lines.append(&mut bytes)?;
        Ok(RowLine { number: lines.number(), offset, found, bytes })
    }
}

enum DetectedFormat {
    /// With whether `line` still holds the first line.
    Ndjson(Option<LineStatus>),
    Csv(CsvFileColumns, Box<RowParser>),
    Empty,
}

impl Input {
    /// Opens an input under a name and reads its first line.
    pub(crate) fn open(name: Arc<str>, source: Box<dyn Read + Send>, reader: &InputOptions) -> Result<Self, Error> {
        let mut lines = LineReader::new(source);
        let mut line = Vec::new();
        let found = loop {
            line.clear();
            let found = lines.append(&mut line).map_err(|error| unreadable(&name, error))?;
            if lines.number() == 1 && line.starts_with(b"\xef\xbb\xbf") {
                line.drain(..3);
            }
            if found == LineStatus::End || !is_blank(&line) {
                break found;
            }
        };
        if line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff") {
            return Err(Error::usage(format!("{name} is UTF-16 text"))
                .hint(format!("make it UTF-8 first: iconv -f UTF-16 -t UTF-8 {name} | sensorctl put --file -")));
        }
        let form = match (reader.form, line.trim_ascii()) {
            (Some(form), _) => form,
            (None, [b'[', ..] | [b'{']) => return Err(one_document(&name)),
            (None, [b'{', ..]) => InputFormat::Ndjson,
            (None, _) => InputFormat::Csv,
        };
        let csv_only = !reader.mappings.is_empty() || reader.sensor.is_some();
        let kind = match form {
            _ if found == LineStatus::End => DetectedFormat::Empty,
            InputFormat::Ndjson if csv_only => {
                return Err(Error::usage(format!("{name} is NDJSON, and `--sensor` and `--map` are for CSV"))
                    .hint("each line of NDJSON has the keys sensor_id, temperature and current_time itself"));
            }
            InputFormat::Ndjson => DetectedFormat::Ndjson(Some(found)),
            InputFormat::Csv if found == LineStatus::TooLong => {
                return Err(not_csv(&name, &format!("its first line is longer than {MAX_LINE_BYTES} bytes")));
            }
            InputFormat::Csv => {
                let mut parser = RowParser::new();
                while !parser.feed(&line) {
                    line.clear();
                    if lines.append(&mut line).map_err(|error| unreadable(&name, error))? != LineStatus::Line {
                        return Err(not_csv(&name, "its first line has a quote that is never closed"));
                    }
                }
                let header = parser.cells().ok_or_else(|| not_csv(&name, "its first line is not UTF-8"))?;
                let columns = CsvFileColumns::of(&header, &reader.mappings, reader.sensor.as_deref())
                    .map_err(|reason| not_csv(&name, &reason))?;
                DetectedFormat::Csv(columns, Box::new(parser))
            }
        };
        Ok(Input { name, lines, line, again: VecDeque::new(), kind })
    }

    /// The next reading or rejected line.
    pub(crate) fn next(&mut self) -> io::Result<Option<ParsedLine>> {
        match &mut self.kind {
            DetectedFormat::Empty => Ok(None),
            DetectedFormat::Ndjson(first) => {
                let mut found = first.take();
                loop {
                    let found = if let Some(found) = found.take() {
                        found
                    } else {
                        self.line.clear();
                        self.lines.append(&mut self.line)?
                    };
                    match found {
                        LineStatus::End => return Ok(None),
                        LineStatus::TooLong => return Ok(Some(self.too_long(self.lines.number()))),
                        LineStatus::Line if is_blank(&self.line) => {}
                        LineStatus::Line => return Ok(Some(self.json_item())),
                    }
                }
            }
            DetectedFormat::Csv(..) => self.next_row(),
        }
    }

    /// Whether the next item may have to be waited for.
    pub(crate) fn may_block(&self) -> bool {
        self.again.is_empty() && self.lines.may_block()
    }

    /// Returns how far its items go: lines, and bytes. Lines behind an open quote are still to be read.
    pub(crate) fn position(&self) -> (u64, u64) {
        let again = self.again.front().map(|line| (line.number - 1, line.offset));
        again.unwrap_or((self.lines.number(), self.lines.offset()))
    }

    /// An error of reading, with the place.
    pub(crate) fn unreadable(&self, error: io::Error) -> Error {
        unreadable(&format!("{} after line {}", self.name, self.lines.number()), error)
    }

    fn json_item(&self) -> ParsedLine {
        let line = self.lines.number();
        let reading = Reading::from_json(trim_line_ending(&self.line));
        let reading = reading.map_err(|refusal| RowError { code: refusal.code(), reason: refusal.to_string() });
        self.item(line, reading)
    }

    /// The next row, which may have several lines where a quote is open.
    fn next_row(&mut self) -> io::Result<Option<ParsedLine>> {
        self.line.clear();
        let mut row: Vec<RowLine> = Vec::new();
        let DetectedFormat::Csv(_, parser) = &mut self.kind else { return Ok(None) };
        parser.reset();
        loop {
            let line = match self.again.pop_front() {
                Some(line) => line,
                None => RowLine::read(&mut self.lines)?,
            };
            match line.found {
                LineStatus::End if row.is_empty() => return Ok(None),
                LineStatus::Line if row.is_empty() && is_blank(&line.bytes) => continue,
                LineStatus::TooLong if row.is_empty() => {
                    self.line = line.bytes;
                    return Ok(Some(self.too_long(line.number)));
                }
                LineStatus::Line if self.line.len() + line.bytes.len() <= MAX_LINE_BYTES => {}
                _ => return Ok(Some(self.open_quote(row, line))),
            }
            self.line.extend_from_slice(&line.bytes);
            let DetectedFormat::Csv(columns, parser) = &mut self.kind else { return Ok(None) };
            let complete = parser.feed(&line.bytes);
            row.push(line);
            if complete {
                let reading = match parser.cells() {
                    Some(cells) => columns.reading(&cells),
                    None => Err(RowError { code: "not-utf-8", reason: "the line is not UTF-8".to_owned() }),
                };
                return Ok(Some(self.item(row[0].number, reading)));
            }
        }
    }

    /// Rejects the line with the quote, and it alone: what comes behind it is read again.
    fn open_quote(&mut self, mut row: Vec<RowLine>, next: RowLine) -> ParsedLine {
        let first = row.remove(0);
        if next.found != LineStatus::End {
            row.push(next);
        }
        row.into_iter().rev().for_each(|line| self.again.push_front(line));
        self.line = first.bytes;
        let open = RowError { code: "open-quote", reason: "a quoted value is never closed".to_owned() };
        self.item(first.number, Err(open))
    }

    fn item(&self, line: u64, reading: Result<Reading, RowError>) -> ParsedLine {
        let record = reading.and_then(|reading| {
            Record::new(&reading, &self.name, line).map_err(|reason| RowError { code: "record-too-large", reason })
        });
        match record {
            Ok(record) => ParsedLine::Ready(record),
            Err(RowError { code, reason }) => ParsedLine::Rejected(RejectedLine {
                file: Arc::clone(&self.name),
                line,
                code,
                reason,
                raw: trim_line_ending(&self.line).to_vec(),
                truncated: false,
            }),
        }
    }

    fn too_long(&self, line: u64) -> ParsedLine {
        ParsedLine::Rejected(RejectedLine {
            file: Arc::clone(&self.name),
            line,
            code: "line-too-long",
            reason: format!("the line is longer than {MAX_LINE_BYTES} bytes"),
            raw: self.line.clone(),
            truncated: true,
        })
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

fn not_csv(name: &str, reason: &str) -> Error {
    Error::usage(format!("{name} is neither NDJSON nor CSV with the columns of a reading: {reason}"))
        .hint("CSV: name the columns with `--map temperature=COLUMN`, `--map current_time=COLUMN`, and the sensor with `--map sensor_id=COLUMN` or `--sensor S`")
        .hint("NDJSON that begins with a broken line: add `--format ndjson`")
}

fn one_document(name: &str) -> Error {
    Error::usage(format!("{name} is one JSON document over several lines, or an array; NDJSON has one reading a line"))
        .hint(format!("an array: jq -c '.[]' {name} | sensorctl put --file -"))
        .hint(format!("one reading: jq -c . {name} | sensorctl put --file -"))
}

pub(crate) fn unreadable(name: &str, error: io::Error) -> Error {
    Error::failed(format!("could not read {name}")).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(bytes: impl Into<Vec<u8>>, reader: &InputOptions) -> Result<Vec<ParsedLine>, Error> {
        let source = Box::new(io::Cursor::new(bytes.into()));
        let mut input = Input::open("f".into(), source, reader)?;
        let mut items = Vec::new();
        while let Some(item) = input.next().unwrap() {
            items.push(item);
        }
        Ok(items)
    }

    fn told(bytes: impl Into<Vec<u8>>, reader: &InputOptions) -> Vec<String> {
        let tell = |item: ParsedLine| match item {
            ParsedLine::Ready(record) => format!("{} {}", record.line, record.data),
            ParsedLine::Rejected(rejection) => format!("{} {}", rejection.line, rejection.code),
        };
        items(bytes, reader).unwrap().into_iter().map(tell).collect()
    }

    fn ndjson() -> InputOptions {
        InputOptions { form: Some(InputFormat::Ndjson), ..InputOptions::default() }
    }

    const A: &str = r#"{"sensor_id":"a","temperature":1,"current_time":2}"#;

    #[test]
    fn ndjson_has_line_numbers_whatever_its_line_ends_and_empty_lines() {
        let text = format!("\u{feff}{A}\r\n\r\n  \n{A}\n\n{A}");
        assert_eq!(told(text, &InputOptions::default()), [format!("1 {A}"), format!("4 {A}"), format!("6 {A}")]);
    }

    #[test]
    fn bad_lines_are_rejected_where_they_stand_and_the_rest_goes_on() {
        let mut bytes = b"{\"sensor_id\":\n\xff\xfe{}\n".to_vec();
        bytes.extend(vec![b' '; MAX_LINE_BYTES + 1]);
        bytes.extend_from_slice(format!("\n{A}\n").as_bytes());
        let told = told(bytes, &ndjson());
        assert_eq!(told.len(), 4);
        assert!(told[0].starts_with("1 ") && told[1].starts_with("2 "));
        assert_eq!(told[2..], ["3 line-too-long".to_owned(), format!("4 {A}")]);
    }

    #[test]
    fn csv_is_told_by_its_beginning_and_rows_over_several_lines_count_from_their_first() {
        let text =
            "\u{feff}sensor_id,temperature,current_time,note\r\na,1,2,\r\n\r\na,1,3,\"x\ny\"\r\na,1\r\na,1,4,z\r\n";
        let row =
            |line: u32, rest: &str| format!(r#"{line} {{"sensor_id":"a","temperature":1,"current_time":{rest}}}"#);
        assert_eq!(
            told(text, &InputOptions::default()),
            [row(2, "2"), row(4, r#"3,"note":"x\ny""#), "6 column-count".to_owned(), row(7, r#"4,"note":"z""#)]
        );
    }

    #[test]
    fn a_quote_that_is_never_closed_or_bytes_that_are_no_text_reject_a_row_and_not_the_program() {
        let header = b"sensor_id,temperature,current_time\n".to_vec();
        let with = |rows: &[u8]| told([header.as_slice(), rows].concat(), &InputOptions::default());
        let b = r#"4 {"sensor_id":"b","temperature":1,"current_time":2}"#;
        assert_eq!(with(b"a\xff,1,2\n\"a,1,2\nb,1,2\n"), ["2 not-utf-8", "3 open-quote", b]);
        let long = [b"\"".as_slice(), &vec![b'x'; 2 * MAX_LINE_BYTES], b"\"\na,1,2\n"].concat();
        let found = with(&long);
        assert_eq!(found[0], "2 line-too-long");
        assert!(found[1].starts_with("3 {"), "{found:?}");
    }

    #[test]
    fn a_stray_quote_costs_its_own_line_and_no_other() {
        // Far more than a row can hold, and a line that is too long on the way.
        let rows = (0..60_000).map(|time| format!("a,1,{time},some text\n")).collect::<Vec<_>>().concat();
        let long = "x".repeat(MAX_LINE_BYTES + 1);
        let text = format!("sensor_id,temperature,current_time,note\n\"a,1,2,x\n{rows}{long}\n\"b,1,2,x\nb,1,3,x\n");
        let told = told(text, &InputOptions::default());
        assert_eq!(told.len(), 60_004);
        let codes: Vec<_> = told.iter().filter(|line| !line.contains('{')).map(String::as_str).collect();
        assert_eq!(codes, ["2 open-quote", "60003 line-too-long", "60004 open-quote"]);
        assert!(told[60_003].starts_with(r#"60005 {"sensor_id":"b""#), "{}", told[60_003]);
    }

    #[test]
    fn the_raw_line_is_kept_for_the_rejects_file() {
        let found = items("{\"oops\": 1}\r\n", &InputOptions::default()).unwrap();
        let ParsedLine::Rejected(rejection) = &found[0] else { panic!("{found:?}") };
        assert_eq!((rejection.raw.as_slice(), rejection.truncated), (b"{\"oops\": 1}".as_slice(), false));
    }

    #[test]
    fn what_cannot_work_fails_before_anything_is_read() {
        let wrong = |bytes: &[u8], reader: &InputOptions| items(bytes, reader).unwrap_err().to_string();
        assert!(wrong(b"hello\n", &InputOptions::default()).contains("there is no column `sensor_id`"));
        for document in ["[\n{}\n]", "[{},{}]", "[]", " [ {} ]", "{\n\"sensor_id\":1}"] {
            assert!(
                wrong(document.as_bytes(), &InputOptions::default()).contains("NDJSON has one reading a line"),
                "{document}"
            );
        }
        let long = wrong(&vec![b'x'; 2 * MAX_LINE_BYTES], &InputOptions::default());
        assert!(long.contains("longer than") && long.len() < 200, "{long}");
        let values = wrong(b"sensor-2,88.8,987654321\n", &InputOptions::default());
        assert!(values.contains("values and no names") && !values.contains("88.8"), "{values}");
        assert!(wrong(b"\xff\xfea\0", &InputOptions::default()).contains("UTF-16"));
        let sensor = InputOptions { sensor: Some("s".into()), ..InputOptions::default() };
        assert!(wrong(A.as_bytes(), &sensor).contains("are for CSV"));
        assert!(items("", &InputOptions::default()).unwrap().is_empty());
    }

    #[test]
    fn the_station_s_csv_and_ndjson_are_the_same_readings_value_by_value() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let csv = std::fs::read(folder.join("seattle-hourly.csv")).unwrap();
        let ndjson = std::fs::read(folder.join("seattle-hourly.ndjson")).unwrap();
        let reader = InputOptions {
            mappings: vec!["current_time=date".parse().unwrap()],
            sensor: Some("seattle".into()),
            ..InputOptions::default()
        };
        let readings = |bytes: Vec<u8>, reader: &InputOptions| -> Vec<Reading> {
            let read = |item: ParsedLine| match item {
                ParsedLine::Ready(record) => Reading::from_json(record.data.as_bytes()).unwrap(),
                ParsedLine::Rejected(rejection) => panic!("{rejection:?}"),
            };
            items(bytes, reader).unwrap().into_iter().map(read).collect()
        };
        let (from_csv, from_ndjson) = (readings(csv, &reader), readings(ndjson, &InputOptions::default()));
        assert_eq!(from_csv.len(), 8759);
        assert!(from_csv == from_ndjson);
    }
}
