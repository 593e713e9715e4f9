//! Where the parsers of all formats put readings and rejected lines.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sensor_model::{Decimal, Value};

use super::cell::Cell;
use super::chunk_queue::ChunkQueue;
use super::decoding;
use super::join::{Join, JoinedReadings, JoinedRow, QuantityRow};
use super::keys::TEMPERATURE;
use super::line_reader::{MAX_LINE_BYTES, trim_line_ending};
use super::measured::is_impossible;
use super::parsed_line::ParsedLine;
use super::quantity_names::{QuantityNames, second_quantity};
use super::reading_builder::ReadingBuilder;
use super::row_error::{RowError, row_error};
use super::series_watch::SeriesWatch;
use super::unit::Unit;
use crate::pipeline::{Record, RejectedLine};

/// Classes of reasons that a cut line of JSON, line protocol or a broker can have.
pub(super) const CUT_LINE: [&str; 4] = ["not-json", "not-utf-8", "not-line-protocol", "not-mqtt"];
/// Classes of reasons that a cut row of CSV can have.
pub(super) const CUT_ROW: [&str; 6] =
    ["not-utf-8", "column-count", "open-quote", "not-a-number", "not-a-time", "time-unit"];

/// A line as it stands in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawLine<'a> {
    /// Its number, from 1; the first one where a value has several.
    pub number: u64,
    pub bytes: &'a [u8],
    /// True if the line is longer than `bytes`.
    pub is_truncated: bool,
}

/// Readings and rejected lines in the order of the file.
pub(super) struct Output {
    name: Arc<str>,
    queue: ChunkQueue,
    pub builder: ReadingBuilder,
    join_within: Option<Decimal>,
    join: Option<Join>,
    joined: Option<JoinedReadings>,
    quantities: QuantityNames,
    pub series: SeriesWatch,
    failure: Option<io::Error>,
}

impl Output {
    pub(super) fn new(name: Arc<str>, builder: ReadingBuilder, join_within: Option<Duration>) -> Self {
        let seconds = |span: Duration| Decimal::parse(&format!("{}e-9", span.as_nanos())).ok();
        let join_within = join_within.and_then(seconds);
        Output {
            name,
            queue: ChunkQueue::default(),
            builder,
            join_within,
            join: None,
            joined: None,
            quantities: QuantityNames::default(),
            series: SeriesWatch::default(),
            failure: None,
        }
    }

    /// Returns the next of what was put here.
    pub(super) fn take(&mut self) -> Option<ParsedLine> {
        self.queue.take()
    }

    /// Returns the first chunk of what was put here.
    pub(super) fn take_chunk(&mut self) -> Vec<ParsedLine> {
        self.queue.take_chunk()
    }

    /// Returns whether a chunk is as large as it may become.
    pub(super) fn has_full_chunk(&self) -> bool {
        self.queue.has_full_chunk()
    }

    /// Returns the number of records and rejected lines that were put here.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn ready(&mut self, record: Record) {
        self.queue.push(ParsedLine::Ready(record));
    }

    pub(super) fn reject(&mut self, raw: RawLine<'_>, error: RowError) {
        self.queue.push(ParsedLine::Rejected(RejectedLine {
            file: Arc::clone(&self.name),
            line: raw.number,
            code: error.code,
            reason: error.reason,
            raw: if raw.is_truncated { raw.bytes.to_vec() } else { trim_line_ending(raw.bytes).to_vec() },
            truncated: raw.is_truncated,
        }));
    }

    pub(super) fn too_long(&mut self, raw: RawLine<'_>) {
        let reason = format!("the line is longer than {MAX_LINE_BYTES} bytes");
        self.reject(RawLine { is_truncated: true, ..raw }, row_error("line-too-long", reason));
    }

    /// Says of a line without end that was rejected for one of these reasons that the file ends in it.
    pub(super) fn name_cut_line(&mut self, classes: &[&str]) {
        if let Some(ParsedLine::Rejected(line)) = self.queue.last_mut()
            && classes.contains(&line.code)
            // A malformed number is malformed wherever the line ends.
            && !line.reason.contains("is not a JSON number")
            // A cut may lie within a character; any other byte that is no text says another encoding.
            && (line.code != "not-utf-8" || ends_in_character(&line.raw))
        {
            line.code = "cut-line";
            line.reason = format!("the file ends in this line, it may have been cut: {}", line.reason);
        }
    }

    /// Returns whether readings come only after all of the input was read.
    pub(super) fn joins(&self) -> bool {
        self.join.is_some() || self.joined.is_some()
    }

    /// Says which encoding reads a line that is not UTF-8.
    pub(super) fn not_utf_8(line: &[u8]) -> RowError {
        row_error("not-utf-8", format!("the line is not UTF-8; {}", decoding::hint(line)))
    }

    /// Takes one quantity of the long form, which the file calls `name`. It becomes part of a reading when all of the
    /// input was read.
    pub(super) fn quantity(
        &mut self,
        name: &str,
        key: &str,
        value: &Cell<'_>,
        sensor: Option<&Cell<'_>>,
        time: Option<&Cell<'_>>,
        line: u64,
    ) -> Result<(), RowError> {
        // A text in JSON is read as one of CSV: programs write the numbers of their series so.
        let text = match value {
            Cell::Json(raw) if raw.get().starts_with('"') => value.text().map(Cell::Text),
            _ => None,
        };
        let value = text.as_ref().unwrap_or(value);
        let value = if self.builder.is_missing(value) {
            None
        } else if key == TEMPERATURE {
            let temperature = self.builder.temperature(Some(value))?;
            self.builder.facts.impossible += u64::from(is_impossible(temperature.as_str()));
            Some(Value::Number(temperature))
        } else {
            self.builder.field(key, value)?
        };
        let Some(value) = value else { return self.without_value(key) };
        // Also of a quantity that is not kept, so that a row of another kind, such as a second header, is seen.
        let time = self.builder.time(time, false)?;
        let sensor_id = self.builder.sensor(sensor)?.into_owned();
        if key != TEMPERATURE && !self.builder.kept.keeps(key) {
            self.builder.facts.passed_over += 1;
            self.builder.facts.left_out += 1;
            return Ok(());
        }
        if let Some(unit) = Unit::of_column(name).filter(|_| key == TEMPERATURE) {
            self.builder.unit_watch.check(unit.name).map_err(|reason| row_error("unit", reason))?;
        }
        let name = self.quantities.check(&sensor_id, key, name)?;
        let row = QuantityRow { sensor_id, time, key: key.to_owned(), value, line, name };
        let within = self.join_within.clone();
        let join = self.join.get_or_insert_with(|| Join::new(within));
        if let Err(error) = join.push(&row) {
            self.failure.get_or_insert(error);
        }
        Ok(())
    }

    /// Takes a quantity that was not measured. Like a row of the other form, one without a temperature is rejected, and a
    /// further field is left out.
    pub(super) fn without_value(&mut self, key: &str) -> Result<(), RowError> {
        if key == TEMPERATURE {
            return Err(row_error("missing-key", format!("`{TEMPERATURE}` is empty")));
        }
        self.builder.facts.passed_over += 1;
        Ok(())
    }

    /// Returns an error of the temporary file of the long form.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Puts the next reading of the long form, now that all rows are there; false behind the last.
    pub(super) fn advance_join(&mut self) -> io::Result<bool> {
        if let Some(join) = self.join.take() {
            self.joined = Some(join.finish()?);
        }
        let Some(joined) = &mut self.joined else { return Ok(false) };
        let Some(row) = joined.next_row()? else {
            let counts = joined.counts();
            self.builder.facts.unjoined += counts.unjoined;
            self.builder.facts.replaced += counts.replaced;
            self.joined = None;
            return Ok(false);
        };
        let raw = |number| RawLine { number, bytes: b"", is_truncated: false };
        let reading = match row {
            JoinedRow::Reading(reading) => reading,
            JoinedRow::SecondQuantity { key, line } => {
                self.reject(raw(line), second_quantity(&key, "NAME", "one"));
                return Ok(true);
            }
        };
        let raw = raw(reading.line);
        if reading.is_ambiguous || self.quantities.is_ambiguous(&reading.sensor_id, TEMPERATURE) {
            let reason =
                format!("several quantities of the sensor are `{TEMPERATURE}`; `--map {TEMPERATURE}=NAME` takes one");
            self.reject(raw, row_error("second-quantity", reason));
            return Ok(true);
        }
        match self.builder.joined_record(reading) {
            Ok(record) => self.ready(record),
            Err(error) => self.reject(raw, error),
        }
        Ok(true)
    }
}

/// Returns whether bytes are UTF-8 up to a character whose end is missing.
fn ends_in_character(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::super::options::InputOptions;
    use super::super::time_format::TimeUnit;
    use super::*;

    /// Returns the readings, and lines and classes of rejected rows.
    fn joined(rows: &[(&str, &str, u8, &str)], max_places: usize) -> (Vec<String>, Vec<(u64, &'static str)>) {
        let builder = ReadingBuilder::new(&InputOptions::default(), TimeUnit::Auto).unwrap();
        let mut output = Output::new("file".into(), builder, None);
        output.quantities = QuantityNames::with_max_places(max_places);
        let cell = |text: String| Cell::Text(Cow::Owned(text));
        for (line, (sensor, key, time, name)) in (1..).zip(rows) {
            let (value, time) = (cell(line.to_string()), cell(format!("17000000{time:02}")));
            let sensor = cell((*sensor).to_owned());
            if let Err(error) = output.quantity(name, key, &value, Some(&sensor), Some(&time), line) {
                output.reject(RawLine { number: line, bytes: b"", is_truncated: false }, error);
            }
        }
        while output.advance_join().unwrap() {}
        let (mut readings, mut rejected) = (Vec::new(), Vec::new());
        while let Some(item) = output.take() {
            match item {
                ParsedLine::Ready(record) => readings.push(record.data),
                ParsedLine::Rejected(line) => rejected.push((line.line, line.code)),
            }
        }
        rejected.sort_unstable();
        (readings, rejected)
    }

    proptest! {
        #[test]
        fn second_quantities_are_the_same_when_rows_are_read_and_when_they_are_together(
            rows in prop::collection::vec((
                prop::sample::select(vec!["a", "b", "c"]),
                prop::sample::select(vec!["temperature", "humidity"]),
                0_u8..4,
                prop::sample::select(vec!["one", "one", "one", "two"]),
            ), 0..30),
            max_places in 0_usize..4,
        ) {
            prop_assert_eq!(joined(&rows, max_places), joined(&rows, 100));
        }
    }
}
