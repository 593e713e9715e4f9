//! Readings out of files and standard input, NDJSON or CSV, line by line in bounded memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;
use sensor_model::Reading;

use super::columns::{BadRow, Columns};
use super::csv_row::RowParser;
use super::line::{Found, LONGEST_LINE, Lines, without_end};
use super::{Mapping, Record, Rejection};
use crate::error::Error;

/// Bytes of records and rejected lines that are handed over at once at most, give or take a line.
const CHUNK_BYTES: usize = 256 * 1024;

/// The form of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InputForm {
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
}

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// What a line, or the lines of a row, turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// A reading.
    Ready(Record),
    /// None.
    Rejected(Rejection),
}

/// How inputs are to be read.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// Their form; else told by the first character.
    pub form: Option<InputForm>,
    /// Which columns of CSV files hold which keys.
    pub mappings: Vec<Mapping>,
    /// The sensor of CSV files that have no column for it.
    pub sensor: Option<String>,
}

/// Inputs whose beginnings have been looked at.
pub struct Inputs(Vec<Input>);

struct Input {
    name: Arc<str>,
    lines: Lines,
    line: Vec<u8>,
    kind: Kind,
}

enum Kind {
    /// With whether `line` still holds the first line.
    Ndjson(Option<Found>),
    Csv(Columns, RowParser),
    Empty,
}

impl Inputs {
    /// Opens all inputs and reads their first lines, so that what cannot work fails before anything is sent.
    ///
    /// # Errors
    /// When one cannot be read, or is neither NDJSON nor CSV with the columns of a reading.
    pub fn open(origins: &[Origin], reader: &Reader) -> Result<Self, Error> {
        let open = |origin: &Origin| {
            let (name, source): (String, Box<dyn Read + Send>) = match origin {
                Origin::Stdin => ("-".to_owned(), Box::new(io::stdin())),
                Origin::File(path) => {
                    let name = path.display().to_string();
                    let file = File::open(path).map_err(|error| unreadable(&name, error))?;
                    (name, Box::new(file))
                }
            };
            Input::open(name.into(), source, reader)
        };
        origins.iter().map(open).collect::<Result<_, _>>().map(Inputs)
    }

    /// Reads everything and hands it over in chunks, until the other side wants no more. Blocks.
    pub fn read(self, mut hand_over: impl FnMut(Result<Vec<Item>, Error>) -> bool) {
        for mut input in self.0 {
            let mut chunk = Vec::new();
            let mut bytes = 0;
            loop {
                match input.next() {
                    Ok(Some(item)) => {
                        bytes += match &item {
                            Item::Ready(record) => record.bytes(),
                            Item::Rejected(rejection) => rejection.raw.len(),
                        };
                        chunk.push(item);
                        // A live pipe is not made to wait for a full chunk.
                        let full = bytes >= CHUNK_BYTES || input.lines.may_block();
                        if full && !hand_over(Ok(std::mem::take(&mut chunk))) {
                            return;
                        }
                        if full {
                            bytes = 0;
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        let line = input.lines.number();
                        let _ = hand_over(Ok(std::mem::take(&mut chunk)))
                            && hand_over(Err(unreadable(&format!("{} after line {line}", input.name), error)));
                        return;
                    }
                }
            }
            if !chunk.is_empty() && !hand_over(Ok(chunk)) {
                return;
            }
        }
    }
}

fn unreadable(name: &str, error: io::Error) -> Error {
    Error::failed(format!("could not read {name}")).caused_by(error)
}

impl Input {
    fn open(name: Arc<str>, source: Box<dyn Read + Send>, reader: &Reader) -> Result<Self, Error> {
        let mut lines = Lines::new(source);
        let mut line = Vec::new();
        let found = loop {
            line.clear();
            let found = lines.append(&mut line).map_err(|error| unreadable(&name, error))?;
            if lines.number() == 1 && line.starts_with(b"\xef\xbb\xbf") {
                line.drain(..3);
            }
            if found == Found::End || !is_blank(&line) {
                break found;
            }
        };
        if line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff") {
            return Err(Error::usage(format!("{name} is UTF-16 text"))
                .hint(format!("make it UTF-8 first: iconv -f UTF-16 -t UTF-8 {name} | sensorctl put --file -")));
        }
        let first = line.iter().find(|byte| !byte.is_ascii_whitespace());
        let form = reader.form.unwrap_or(match first {
            Some(b'{' | b'[') => InputForm::Ndjson,
            _ => InputForm::Csv,
        });
        let csv_only = !reader.mappings.is_empty() || reader.sensor.is_some();
        let kind = match form {
            _ if found == Found::End => Kind::Empty,
            InputForm::Ndjson if csv_only => {
                return Err(Error::usage(format!("{name} is NDJSON, and `--sensor` and `--map` are for CSV"))
                    .hint("each line of NDJSON has the keys sensor_id, temperature and current_time itself"));
            }
            InputForm::Ndjson => Kind::Ndjson(Some(found)),
            InputForm::Csv => {
                let mut parser = RowParser::new();
                while !parser.feed(without_end(&line)) {
                    line.clear();
                    if lines.append(&mut line).map_err(|error| unreadable(&name, error))? != Found::Line {
                        return Err(not_csv(&name, "its first line has a quote that is never closed"));
                    }
                }
                let header = parser.cells().ok_or_else(|| not_csv(&name, "its first line is not UTF-8"))?;
                let columns = Columns::of(&header, &reader.mappings, reader.sensor.as_deref())
                    .map_err(|reason| not_csv(&name, &reason))?;
                Kind::Csv(columns, parser)
            }
        };
        Ok(Input { name, lines, line, kind })
    }

    fn next(&mut self) -> io::Result<Option<Item>> {
        match &mut self.kind {
            Kind::Empty => Ok(None),
            Kind::Ndjson(first) => {
                let mut found = first.take();
                loop {
                    let found = match found.take() {
                        Some(found) => found,
                        None => {
                            self.line.clear();
                            self.lines.append(&mut self.line)?
                        }
                    };
                    match found {
                        Found::End => return Ok(None),
                        Found::TooLong => return Ok(Some(self.too_long(self.lines.number()))),
                        Found::Line if is_blank(&self.line) => {}
                        Found::Line => return Ok(Some(self.json_item())),
                    }
                }
            }
            Kind::Csv(..) => self.next_row(),
        }
    }

    fn json_item(&self) -> Item {
        let line = self.lines.number();
        let reading = Reading::from_json(without_end(&self.line));
        let reading = reading.map_err(|refusal| BadRow { code: refusal.code(), reason: refusal.to_string() });
        self.item(line, reading)
    }

    fn next_row(&mut self) -> io::Result<Option<Item>> {
        let Kind::Csv(columns, parser) = &mut self.kind else { return Ok(None) };
        self.line.clear();
        let mut begin = 0;
        parser.reset();
        loop {
            let before = self.line.len();
            match self.lines.append(&mut self.line)? {
                Found::End if self.line.is_empty() => return Ok(None),
                Found::End => {
                    let open = BadRow { code: "open-quote", reason: "a quoted value is never closed".to_owned() };
                    return Ok(Some(self.item(begin, Err(open))));
                }
                Found::TooLong => return Ok(Some(self.too_long(if begin == 0 { self.lines.number() } else { begin }))),
                Found::Line => {}
            }
            if before == 0 {
                if is_blank(&self.line) {
                    self.line.clear();
                    continue;
                }
                begin = self.lines.number();
            }
            if parser.feed(without_end(&self.line[before..])) {
                break;
            }
        }
        let reading = match parser.cells() {
            Some(cells) => columns.reading(&cells),
            None => Err(BadRow { code: "not-utf-8", reason: "the line is not UTF-8".to_owned() }),
        };
        Ok(Some(self.item(begin, reading)))
    }

    fn item(&self, line: u64, reading: Result<Reading, BadRow>) -> Item {
        let record = reading.and_then(|reading| {
            Record::new(&reading, &self.name, line).map_err(|reason| BadRow { code: "record-too-large", reason })
        });
        match record {
            Ok(record) => Item::Ready(record),
            Err(BadRow { code, reason }) => Item::Rejected(Rejection {
                file: Arc::clone(&self.name),
                line,
                code,
                reason,
                raw: without_end(&self.line).to_vec(),
                truncated: false,
            }),
        }
    }

    fn too_long(&self, line: u64) -> Item {
        Item::Rejected(Rejection {
            file: Arc::clone(&self.name),
            line,
            code: "line-too-long",
            reason: format!("the line is longer than {LONGEST_LINE} bytes"),
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
