//! Dead letters for people and programs.

mod data_view;
mod destination_rows;
mod replay_report;

use sensor_model::Decimal;
use serde::Serialize;

use self::data_view::{hex_lines, text_lines};
pub(crate) use self::destination_rows::FailureDocumentRow;
pub(crate) use self::replay_report::{ReplayReport, fate_line};
use super::wrap::width_of;
use super::{CsvCells, CsvColumns, Format, Output, RawData, Report, Row, Squeeze, one_line, table_of_record, units};
use crate::error::Error;
use crate::hint_flags::HintFlags;
use crate::operate::{DeadLetter, ParseResult, ReasonCount, parse_result};
use crate::pipeline::format_rfc3339;

/// A dead letter without its data.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DeadLetterRow {
    id: String,
    shard_id: String,
    sequence_number: String,
    reason: String,
    arrived: Option<String>,
    bytes: u64,
    message: String,
    #[serde(skip_serializing_if = "is_zero")]
    missing_parts: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Returns a time as RFC 3339, or as seconds where its year has not four digits.
fn time(time: Option<&Decimal>) -> Option<String> {
    time.map(|time| format_rfc3339(time).unwrap_or_else(|| time.to_string()))
}

impl From<&DeadLetter> for DeadLetterRow {
    fn from(letter: &DeadLetter) -> Self {
        DeadLetterRow {
            id: letter.id.to_string(),
            shard_id: letter.id.shard_id.clone(),
            sequence_number: letter.id.sequence_number.clone(),
            reason: letter.reason.clone(),
            arrived: time(letter.arrived.as_ref()),
            bytes: letter.data.len() as u64,
            message: letter.message.clone(),
            missing_parts: letter.missing_parts,
        }
    }
}

impl Row for DeadLetterRow {
    fn columns() -> &'static [&'static str] {
        &["id", "reason", "arrived", "bytes", "message"]
    }

    fn cells(&self) -> Vec<String> {
        let message = match self.missing_parts {
            0 => self.message.clone(),
            missing => format!("{} ({missing} parts are missing)", self.message),
        };
        let arrived = self.arrived.clone().unwrap_or_default();
        vec![self.id.clone(), self.reason.clone(), arrived, self.bytes.to_string(), message]
    }

    fn squeezes() -> &'static [Squeeze] {
        // An id has 79 columns on AWS, and is copied as a whole.
        &[
            Squeeze::OwnLine("id"),
            Squeeze::Shorten("message"),
            Squeeze::Drop("bytes"),
            Squeeze::Drop("message"),
            Squeeze::Drop("arrived"),
        ]
    }

    fn csv_columns() -> CsvColumns {
        CsvColumns::fixed(&[
            "id",
            "shard_id",
            "sequence_number",
            "reason",
            "arrived",
            "bytes",
            "message",
            "missing_parts",
        ])
    }

    fn csv_cells(&self) -> CsvCells {
        CsvCells::fixed(vec![
            self.id.clone(),
            self.shard_id.clone(),
            self.sequence_number.clone(),
            self.reason.clone(),
            self.arrived.clone().unwrap_or_default(),
            self.bytes.to_string(),
            self.message.clone(),
            self.missing_parts.to_string(),
        ])
    }
}

/// The dead letters of one reason.
#[derive(Debug, Serialize)]
pub(crate) struct ReasonRow {
    reason: String,
    count: u64,
    first_arrived: Option<String>,
    last_arrived: Option<String>,
}

impl From<ReasonCount> for ReasonRow {
    fn from(counted: ReasonCount) -> Self {
        let (first_arrived, last_arrived) = (time(counted.first.as_ref()), time(counted.last.as_ref()));
        ReasonRow { reason: counted.reason, count: counted.count, first_arrived, last_arrived }
    }
}

impl Row for ReasonRow {
    fn columns() -> &'static [&'static str] {
        &["reason", "count", "first_arrived", "last_arrived"]
    }

    fn cells(&self) -> Vec<String> {
        let text = |time: &Option<String>| time.clone().unwrap_or_default();
        vec![self.reason.clone(), self.count.to_string(), text(&self.first_arrived), text(&self.last_arrived)]
    }

    fn squeezes() -> &'static [Squeeze] {
        &[Squeeze::Drop("first_arrived"), Squeeze::Drop("last_arrived")]
    }
}

/// Columns of the names of what is known of a dead letter.
const NAME_COLUMNS: usize = 15;

/// A dead letter with all that is known of it.
#[derive(Debug, Serialize)]
pub(crate) struct DeadLetterReport<'a> {
    #[serde(flatten)]
    row: DeadLetterRow,
    partition_key: &'a str,
    expires: Option<String>,
    /// True if this version of `sensorctl` takes the data for a reading.
    parses: bool,
    /// The byte where parsing fails.
    failed_at: Option<usize>,
    #[serde(flatten)]
    data: RawData<'a>,
    #[serde(skip)]
    bytes: &'a [u8],
    #[serde(skip)]
    failure: Option<String>,
    #[serde(skip)]
    as_hex: bool,
    /// The commands that replay and export it.
    #[serde(skip)]
    commands: [String; 2],
}

impl<'a> DeadLetterReport<'a> {
    /// Parses the data once more, to show where that fails.
    #[must_use]
    pub(crate) fn new(letter: &'a DeadLetter, as_hex: bool, flags: &HintFlags) -> Self {
        let (failure, failed_at) = match parse_result(&letter.data) {
            ParseResult::Reading => (None, None),
            ParseResult::Failed { message, at } => (Some(message), at),
        };
        DeadLetterReport {
            row: letter.into(),
            partition_key: &letter.partition_key,
            expires: time(letter.expires.as_ref()),
            parses: failure.is_none(),
            failed_at,
            data: RawData::new(&letter.data),
            bytes: &letter.data,
            failure,
            as_hex,
            commands: ["rejects replay", "rejects export"].map(|verb| flags.command(verb, [letter.id.to_string()])),
        }
    }

    /// Returns the lines of the data, the place of the failure marked.
    fn data_lines(&self) -> Vec<String> {
        let mark = self.failed_at.zip(self.failure.as_deref());
        match &self.data {
            RawData::Text(text) if !self.as_hex => text_lines(text, mark, &self.commands[1]),
            _ => hex_lines(self.bytes, mark, &self.commands[1]),
        }
    }
}

impl Report for DeadLetterReport<'_> {
    fn table(&self) -> String {
        self.table_within(width_of(std::io::stdout()))
    }
}

impl DeadLetterReport<'_> {
    fn table_within(&self, width: Option<usize>) -> String {
        let DeadLetterRow { id, reason, arrived, bytes, message, missing_parts, .. } = &self.row;
        // An id has 79 columns on AWS: it is copied as a whole, from a line of its own where the terminal is too narrow.
        let is_too_wide = width.is_some_and(|width| NAME_COLUMNS + id.len() > width);
        let id = one_line(id);
        let mut lines = vec![if is_too_wide { format!("id\n{id}") } else { format!("{:<NAME_COLUMNS$}{id}", "id") }];
        let mut line = |name: &str, value: &str| lines.push(format!("{name:<NAME_COLUMNS$}{}", one_line(value)));
        line("reason", reason);
        line("message", message);
        line("arrived", arrived.as_deref().unwrap_or("unknown"));
        line("expires", self.expires.as_deref().unwrap_or("never"));
        line("partition key", self.partition_key);
        line("size", &units::bytes(*bytes));
        if *missing_parts > 0 {
            line("missing parts", &missing_parts.to_string());
        }
        match &self.failure {
            None => line("now", &format!("this sensorctl takes it for a reading: {} may store it", self.commands[0])),
            Some(failure) if failure != message => line("now", failure),
            Some(_) => {}
        }
        lines.push(String::new());
        lines.extend(self.data_lines());
        lines.join("\n")
    }
}

/// A dead letter as `export` writes it.
#[derive(Debug, Serialize)]
pub(crate) struct ExportedDeadLetter<'a> {
    #[serde(flatten)]
    row: DeadLetterRow,
    partition_key: &'a str,
    expires: Option<String>,
    #[serde(flatten)]
    data: RawData<'a>,
}

impl<'a> ExportedDeadLetter<'a> {
    /// Shows a dead letter with its data.
    #[must_use]
    pub(crate) fn new(letter: &'a DeadLetter) -> Self {
        let (partition_key, expires) = (letter.partition_key.as_str(), time(letter.expires.as_ref()));
        ExportedDeadLetter { row: letter.into(), partition_key, expires, data: RawData::new(&letter.data) }
    }
}

impl Row for ExportedDeadLetter<'_> {
    fn columns() -> &'static [&'static str] {
        DeadLetterRow::columns()
    }

    fn cells(&self) -> Vec<String> {
        self.row.cells()
    }
}

/// The result of deleting dead letters: found = deleted + changed + failed.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct DeletedDeadLetters {
    /// Those that were asked for.
    pub found: u64,
    /// Those that the table does not hold any more.
    pub deleted: u64,
    /// Those that were written again meanwhile, and are kept.
    pub changed: u64,
    /// Those that could not be deleted.
    pub failed: u64,
}

impl Report for DeletedDeadLetters {
    fn table(&self) -> String {
        let cells = [self.found, self.deleted, self.changed, self.failed].map(units::count);
        table_of_record(&["found", "deleted", "changed", "failed"], &cells)
    }
}

impl Output {
    /// Writes the data of a dead letter as a line: to a program as it is, to a terminal without what acts on it.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub(crate) fn raw_line(&self, mut data: Vec<u8>) -> Result<(), Error> {
        if self.stdout_is_terminal {
            return self.data(&one_line(&String::from_utf8_lossy(&data)));
        }
        data.push(b'\n');
        self.bytes(&data)
    }

    /// Returns whether a report is shown to a person, not as JSON.
    pub(crate) fn is_report_table(&self) -> bool {
        matches!(self.report_format(), Format::Table | Format::Auto)
    }

    /// Shows a dead letter.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub(crate) fn dead_letter(&self, report: &DeadLetterReport<'_>) -> Result<(), Error> {
        // Its lines are those of the data, so no blank is a place to break them, and no word of them is a command.
        if self.is_report_table() { self.data(&super::visible(&report.table())) } else { self.report(report) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(data: &[u8]) -> DeadLetter {
        DeadLetter {
            id: "shardId-000000000000/495/0".parse().unwrap(),
            reason: "wrong-type".into(),
            message: "`temperature` is not a number".into(),
            partition_key: "a\u{1b}[2J".into(),
            arrived: Decimal::parse("1700000000.25").ok(),
            expires: None,
            data: data.to_vec(),
            parts: Vec::new(),
            missing_parts: 0,
        }
    }

    #[test]
    fn report_of_a_dead_letter_marks_the_failure_and_cannot_act_on_a_terminal() {
        let letter = letter(b"{\"sensor_id\":\"a\x1b[31m\",\n\"temperature\":\"w\xc2\x9b\",\"current_time\":1}");
        let shown =
            super::super::visible(&DeadLetterReport::new(&letter, false, &HintFlags::default()).table()).into_owned();
        assert!(!shown.contains(['\u{1b}', '\u{9b}']), "{shown:?}");
        let lines: Vec<_> = shown.lines().collect();
        let at = lines.iter().position(|line| line.trim_start().starts_with('^')).unwrap();
        assert!(lines[at - 1].starts_with("{\"sensor_id\":\"a\u{fffd}"), "not JSON at the control character: {shown}");
    }

    #[test]
    fn id_stands_on_a_line_of_its_own_where_it_does_not_fit_beside_its_name() {
        let id = "shardId-000000000000/49590338271490256608559692538361571095921575989136588898/0";
        let letter = DeadLetter { id: id.parse().unwrap(), ..letter(b"x") };
        let report = DeadLetterReport::new(&letter, false, &HintFlags::default());
        assert!(report.table_within(Some(80)).starts_with(&format!("id\n{id}\nreason ")));
        for wide in [None, Some(94)] {
            assert!(report.table_within(wide).starts_with(&format!("id             {id}\n")));
        }
    }

    #[test]
    fn exported_dead_letter_keeps_every_byte() {
        let line = |data: &[u8]| serde_json::to_value(ExportedDeadLetter::new(&letter(data))).unwrap();
        let text = line(b"{\"a\":1}\r\n");
        assert_eq!((&text["encoding"], &text["data"]), (&"text".into(), &"{\"a\":1}\r\n".into()));
        let binary = line(b"\xff\0");
        assert_eq!((&binary["encoding"], &binary["data"]), (&"base64".into(), &"/wA=".into()));
        assert_eq!((&binary["arrived"], &binary["bytes"]), (&"2023-11-14T22:13:20.25Z".into(), &2.into()));
    }
}
