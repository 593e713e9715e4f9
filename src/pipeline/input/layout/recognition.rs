//! How the files of a layout are recognized by their beginning.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::mapping::{Step, is_like, parse_path};
use super::super::mqtt;
use super::json_shape::JsonShape;

/// Lines among which a header is looked for.
const HEADER_LINES: usize = 25;
/// Lines whose JSON is looked at.
const VALUE_LINES: usize = 200;
/// Delimiters that a header can have.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// Weight of one step of a path, in characters of a text.
const SIGNS_OF_STEP: usize = 6;

/// The conditions on the beginning of a file; all must hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Recognition {
    /// The first line that is not empty, with `*` for anything.
    first_line: Option<String>,
    /// Cells of one line, in any order, with `*` for anything; `a//b` for one or the other.
    columns: Vec<String>,
    /// Paths of one of the first JSON values that are there and not null.
    #[serde(deserialize_with = "paths")]
    paths: Vec<Vec<Step>>,
    /// Texts at paths of the same JSON value, with `*` for anything.
    #[serde(deserialize_with = "values")]
    values: Vec<(Vec<Step>, String)>,
    /// The topic before that JSON value, with `*` for anything.
    topic: Option<String>,
}

fn paths<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<Step>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| parse_path(text).map_err(serde::de::Error::custom)).collect()
}

fn values<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<(Vec<Step>, String)>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
    let value = |(path, pattern): (String, String)| Ok((parse_path(&path).map_err(serde::de::Error::custom)?, pattern));
    texts.into_iter().map(value).collect()
}

impl Recognition {
    /// How particular it is: the signs that it asks for.
    pub(super) fn weight(&self) -> usize {
        let values = self.values.iter().map(|(_, pattern)| pattern);
        let texts = self.first_line.iter().chain(&self.topic).chain(&self.columns).chain(values);
        let signs = |text: &String| text.chars().filter(|sign| *sign != '*').count();
        let steps: usize = self.paths.iter().map(Vec::len).sum();
        texts.map(signs).sum::<usize>() + steps * SIGNS_OF_STEP
    }

    fn is_shapeless(&self) -> bool {
        self.paths.is_empty() && self.values.is_empty()
    }

    fn is_shape(&self, shape: &JsonShape) -> bool {
        self.paths.iter().all(|path| shape.has(path))
            && self.values.iter().all(|(path, pattern)| shape.has_text(path, pattern))
    }

    /// Returns whether it has no condition.
    pub(super) fn is_empty(&self) -> bool {
        self.first_line.is_none()
            && self.topic.is_none()
            && self.columns.is_empty()
            && self.paths.is_empty()
            && self.values.is_empty()
    }

    /// Returns whether a file begins in this way; false without a condition.
    pub(super) fn matches(&self, head: &FileHead) -> bool {
        let is_first_line = |pattern: &String| head.lines.first().is_some_and(|line| is_like(pattern, line.trim_end()));
        !self.is_empty()
            && self.first_line.as_ref().is_none_or(is_first_line)
            && (self.columns.is_empty() || head.has_columns(&self.columns))
            && (self.is_shapeless() && self.topic.is_none() || head.values().iter().any(|value| self.is_value(value)))
    }

    /// Returns whether one JSON value, with its topic, meets the conditions.
    fn is_value(&self, value: &HeadValue) -> bool {
        let is_topic = |pattern: &String| value.topic.as_ref().is_some_and(|topic| is_like(pattern, topic));
        self.topic.as_ref().is_none_or(is_topic) && (self.is_shapeless() || self.is_shape(&value.shape))
    }
}

/// The beginning of a file, as text.
#[derive(Debug)]
pub(crate) struct FileHead {
    text: String,
    lines: Vec<String>,
    values: OnceCell<Vec<HeadValue>>,
}

/// A JSON value at the beginning of a file.
#[derive(Debug)]
struct HeadValue {
    topic: Option<String>,
    shape: JsonShape,
}

impl FileHead {
    /// Takes the decoded beginning of a file; it may end anywhere.
    pub(crate) fn new(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.split(['\n', '\r']).filter(|line| !line.trim().is_empty());
        FileHead {
            text: text.to_owned(),
            lines: lines.take(HEADER_LINES).map(str::to_owned).collect(),
            values: OnceCell::new(),
        }
    }

    /// The values that tell what a file is. Of a file with one on each line, those of the first lines: a broker first sends
    /// what it has kept, whatever that is.
    fn values(&self) -> &[HeadValue] {
        self.values.get_or_init(|| {
            let text = self.text.trim_start();
            let lines = || text.split(['\n', '\r']).filter(|line| !line.trim().is_empty()).take(VALUE_LINES);
            let value =
                |topic: Option<&str>, json| HeadValue { topic: topic.map(str::to_owned), shape: JsonShape::of(json) };
            if !text.starts_with(['{', '[']) {
                return lines().filter_map(message).map(|(topic, json)| value(Some(topic), json)).collect();
            }
            let mut all = vec![value(None, text)];
            let is_whole = |line: &&str| serde_json::from_str::<IgnoredAny>(line).is_ok();
            if lines().next().as_ref().is_some_and(is_whole) {
                all.extend(lines().skip(1).filter(|line| line.starts_with('{')).map(|line| value(None, line)));
            }
            all
        })
    }

    fn has_columns(&self, patterns: &[String]) -> bool {
        self.lines.iter().any(|line| {
            DELIMITERS.iter().filter(|delimiter| line.as_bytes().contains(delimiter)).any(|delimiter| {
                let cells = cells(line, *delimiter);
                patterns
                    .iter()
                    .all(|pattern| pattern.split("//").any(|one| cells.iter().any(|cell| is_like(one, cell))))
            })
        })
    }
}

/// A line where it is `TOPIC {…}`, also behind a time, as its topic and the rest.
fn message(line: &str) -> Option<(&str, &str)> {
    let at = [" {", " ["].iter().filter_map(|begin| line.find(begin)).min()?;
    let (_, topic) = mqtt::split_time(&line[..at]);
    (!mqtt::is_log_prefix(topic)).then_some((topic, &line[at + 1..]))
}

/// The values of one row, without the blanks around them.
fn cells(line: &str, delimiter: u8) -> Vec<String> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(line.as_bytes());
    let row = reader.records().next().and_then(Result::ok).unwrap_or_default();
    row.iter().map(|cell| cell.trim().to_owned()).collect()
}
