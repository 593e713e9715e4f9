//! The columns of a file: their names, types and ranges.

use std::borrow::Cow;
use std::cmp::Ordering;

use sensor_model::Decimal;
use serde::Serialize;
use serde_json::value::RawValue;

use super::super::csv_parser::decimal_comma;
use super::super::device_names::DeviceColumn;
use super::super::json_scalars::{each_document, each_scalar};
use super::super::keys::TIME;
use super::super::options::{Delimiter, InputFormat, InputOptions};
use super::super::row_splitter::RowSplitter;
use super::time_choice::TimeValues;
use crate::pipeline::parse_time;

/// Rows that are looked at.
const ROWS: usize = 2000;
/// Texts of a column that are kept.
const TEXTS: usize = 500;
/// Columns that are described.
const MOST: usize = 64;

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
    /// The finding from its values, where its name may be that of devices.
    #[serde(skip)]
    pub(super) device: Option<DeviceColumn>,
}

impl ColumnReport {
    /// Returns what its values say of times.
    pub(super) fn time_values(&self) -> TimeValues {
        let range = self.min.iter().chain(&self.max).map(String::as_str);
        match self.kind {
            "number" | "time" => TimeValues::of(range),
            "text" => TimeValues::of(self.texts.iter().map(String::as_str)),
            _ => TimeValues::default(),
        }
    }
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
    device: Option<DeviceColumn>,
}

impl Column {
    fn add(&mut self, text: Option<&str>, is_comma: bool) {
        if let Some(device) = &mut self.device {
            device.see(text.unwrap_or_default());
        }
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
        ColumnReport { name: self.name, kind, min, max, empty: self.empty, texts: self.texts, device: self.device }
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
        (Some(format), _) => json_columns(text, format),
        (None, _) => Vec::new(),
    };
    columns.into_iter().take(MOST).map(Column::report).collect()
}

/// Names the columns whose texts are read as times by a form that is not known to all.
pub(super) fn mark_times(columns: &mut [ColumnReport], options: &InputOptions) {
    if options.time_format.is_none() {
        return;
    }
    let sources: Vec<_> = options.mapped(TIME).map(|mapping| mapping.source.as_str()).collect();
    let is_time = |name: &str| sources.iter().any(|source| source.split('+').any(|part| part == name));
    for column in columns.iter_mut().filter(|column| column.kind == "text" && is_time(&column.name)) {
        column.kind = "time";
    }
}

fn csv_columns(text: &[u8], header: Option<u64>, delimiter: Delimiter, names: &[String]) -> Vec<Column> {
    let column_of = |name: &String| Column { name: name.clone(), ..Column::default() };
    let mut columns: Vec<_> = names.iter().map(column_of).collect();
    let mut splitter = RowSplitter::new(delimiter);
    let skipped = usize::try_from(header.unwrap_or_default()).unwrap_or(usize::MAX);
    let lines = std::str::from_utf8(text).unwrap_or_default().split_inclusive(['\n', '\r']);
    let mut is_open = false;
    let is_line = |line: &&str| !(std::mem::replace(&mut is_open, line.ends_with('\r')) && *line == "\n");
    let rows = lines.filter(is_line).skip(skipped).filter(|line| !line.trim().is_empty());
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

fn json_columns(text: &[u8], format: InputFormat) -> Vec<Column> {
    let mut columns = Vec::new();
    each_document(text, format, ROWS, &mut |document| add_members(document, &mut columns));
    columns
}

/// Adds the scalars of a document, by path.
fn add_members(document: &RawValue, columns: &mut Vec<Column>) {
    each_scalar(document, &mut |path, value| {
        let at = columns.iter().position(|column| column.name == path).unwrap_or_else(|| {
            columns.push(Column { name: path.to_owned(), device: DeviceColumn::at_path(path), ..Column::default() });
            columns.len() - 1
        });
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'{' | b'[') => columns[at].note("list"),
            Some(b'n') => columns[at].add(None, false),
            Some(b'"') => columns[at].add(serde_json::from_str::<String>(text).ok().as_deref(), false),
            _ => columns[at].add(Some(text), false),
        }
    });
}
