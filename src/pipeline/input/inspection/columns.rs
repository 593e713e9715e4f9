//! The columns of a file: their names, types and ranges.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::io::{BufReader, Cursor, Read};

use sensor_model::Decimal;
use serde::Serialize;
use serde_json::value::RawValue;

use super::super::csv_parser::decimal_comma;
use super::super::json_elements::{ElementStatus, JsonElements};
use super::super::json_paths;
use super::super::options::{Delimiter, InputFormat};
use super::super::row_splitter::RowSplitter;
use super::super::{line_protocol, mqtt};
use crate::pipeline::parse_time;

/// Rows that are looked at.
const ROWS: usize = 2000;
/// Texts of a column that are kept.
const TEXTS: usize = 500;
/// Columns that are described.
const MOST: usize = 64;
/// Levels of nested JSON that are described.
const DEPTH: usize = 5;

/// One column, or one path of JSON.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ColumnReport {
    /// Its name or path.
    pub name: String,
    /// `number`, `time`, `text`, `truth`, `list`, `mixed` or `empty`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The least number or time.
    pub min: Option<String>,
    /// The greatest.
    pub max: Option<String>,
    /// Cells without a value.
    pub empty: u64,
    /// The first texts that are neither numbers nor times.
    #[serde(skip)]
    pub texts: Vec<String>,
}

/// A column while its cells are looked at.
#[derive(Default)]
struct Column {
    name: String,
    kinds: Vec<&'static str>,
    numbers: Option<(Decimal, Decimal)>,
    times: Option<(String, String)>,
    empty: u64,
    texts: Vec<String>,
}

impl Column {
    fn add(&mut self, text: Option<&str>, is_comma: bool) {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
            self.empty += 1;
            return;
        };
        let point = if is_comma { Cow::Owned(text.replacen(',', ".", 1)) } else { Cow::Borrowed(text) };
        let kind = if let Ok(number) = Decimal::parse(&point) {
            let (least, most) = self.numbers.get_or_insert_with(|| (number.clone(), number.clone()));
            if number.cmp(least) == Ordering::Less {
                *least = number;
            } else if number.cmp(most) == Ordering::Greater {
                *most = number;
            }
            "number"
        } else if parse_time(text).is_ok() {
            let (least, most) = self.times.get_or_insert_with(|| (text.to_owned(), text.to_owned()));
            if text < least.as_str() {
                text.clone_into(least);
            } else if text > most.as_str() {
                text.clone_into(most);
            }
            "time"
        } else if matches!(text, "true" | "false") {
            "truth"
        } else {
            if self.texts.len() < TEXTS {
                self.texts.push(text.to_owned());
            }
            "text"
        };
        self.note(kind);
    }

    fn note(&mut self, kind: &'static str) {
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
    }

    fn report(self) -> ColumnReport {
        let kind = match self.kinds.as_slice() {
            [] => "empty",
            [one] => one,
            _ => "mixed",
        };
        let range = match kind {
            "number" => self.numbers.map(|(least, most)| (least.to_string(), most.to_string())),
            "time" => self.times,
            _ => None,
        };
        let (min, max) = range.unzip();
        ColumnReport { name: self.name, kind, min, max, empty: self.empty, texts: self.texts }
    }
}

/// Describes the columns of the first rows.
pub(super) fn columns_of(
    text: &[u8],
    format: Option<InputFormat>,
    csv: Option<&(Option<u64>, Delimiter, Vec<String>)>,
) -> Vec<ColumnReport> {
    let columns = match (format, csv) {
        (Some(InputFormat::Csv), Some((header, delimiter, names))) => csv_columns(text, *header, *delimiter, names),
        (Some(InputFormat::LineProtocol | InputFormat::Mqtt), _) => line_columns(text, format),
        (Some(_), _) => json_columns(text),
        (None, _) => Vec::new(),
    };
    columns.into_iter().take(MOST).map(Column::report).collect()
}

fn csv_columns(text: &[u8], header: Option<u64>, delimiter: Delimiter, names: &[String]) -> Vec<Column> {
    let column_of = |name: &String| Column { name: name.clone(), ..Column::default() };
    let mut columns: Vec<_> = names.iter().map(column_of).collect();
    let mut splitter = RowSplitter::new(delimiter);
    let skipped = usize::try_from(header.unwrap_or_default()).unwrap_or(usize::MAX);
    let lines = std::str::from_utf8(text).unwrap_or_default().split_inclusive(['\n', '\r']);
    let rows = lines.filter(|line| *line != "\n").skip(skipped).filter(|line| !line.trim().is_empty());
    for line in rows.take(ROWS) {
        let cells = if splitter.needs_quotes(line.as_bytes()) {
            splitter.reset();
            if !splitter.feed(line.as_bytes()) {
                continue;
            }
            splitter.fed()
        } else {
            Some(splitter.plain(line))
        };
        let Some(cells) = cells.filter(|cells| cells.len() >= columns.len()) else { continue };
        for (at, column) in columns.iter_mut().enumerate() {
            let cell = cells.get(at);
            column.add(Some(cell), delimiter != Delimiter::Byte(b',') && decimal_comma(cell));
        }
    }
    columns.retain(|column| !column.name.is_empty());
    columns
}

fn json_columns(text: &[u8]) -> Vec<Column> {
    let source: Box<dyn Read + Send> = Box::new(Cursor::new(text.to_vec()));
    let mut elements = JsonElements::new(BufReader::new(source), 1, 0);
    let mut columns = Vec::new();
    let mut element = Vec::new();
    for _ in 0..ROWS {
        element.clear();
        if !matches!(elements.append(&mut element), Ok(ElementStatus::Element)) {
            break;
        }
        if let Ok(document) = serde_json::from_slice(&element) {
            add_members(document, "", 0, &mut columns);
        }
    }
    columns
}

fn line_columns(text: &[u8], format: Option<InputFormat>) -> Vec<Column> {
    let mut columns = Vec::new();
    let mut document = String::new();
    for line in std::str::from_utf8(text).unwrap_or_default().lines().take(ROWS) {
        let is_read = match format {
            Some(InputFormat::Mqtt) => mqtt::to_json(line, &mut document).is_ok(),
            _ => line_protocol::to_json(line, &mut document).is_ok(),
        };
        if let (true, Ok(document)) = (is_read, serde_json::from_str(&document)) {
            add_members(document, "", 0, &mut columns);
        }
    }
    columns
}

/// Adds the scalars below a value, by path.
fn add_members(value: &RawValue, path: &str, depth: usize, columns: &mut Vec<Column>) {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'{') if depth < DEPTH => {
            // A value that is no object is described as far as it goes.
            let _ = json_paths::members(value, |name, member| {
                let name = if name.contains(['.', '[', '"']) { Cow::Owned(format!("{name:?}")) } else { name };
                let path = if path.is_empty() { name.into_owned() } else { format!("{path}.{name}") };
                add_members(member, &path, depth + 1, columns);
                Ok(())
            });
        }
        Some(b'[') if depth < DEPTH => {
            let mut rows = 0;
            let _ = json_paths::elements(value, |element| {
                rows += 1;
                if rows <= ROWS {
                    add_members(element, &format!("{path}[]"), depth + 1, columns);
                }
                Ok(())
            });
        }
        first => {
            let at = columns.iter().position(|column| column.name == path).unwrap_or_else(|| {
                columns.push(Column { name: path.to_owned(), ..Column::default() });
                columns.len() - 1
            });
            match first {
                Some(b'{' | b'[') => columns[at].note("list"),
                Some(b'n') => columns[at].add(None, false),
                Some(b'"') => columns[at].add(serde_json::from_str::<String>(text).ok().as_deref(), false),
                _ => columns[at].add(Some(text), false),
            }
        }
    }
}
