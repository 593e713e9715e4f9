//! Readings that were put or found, for people and programs.

use std::time::Duration;

use sensor_model::Value;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{
    CsvCells, CsvColumns, OwnCell, Report, Row, SHORTEST_ID, Squeeze, TimeStyle, table_of_record, table_of_rows, units,
};
use crate::error::Error;
use crate::pipeline::{PutSummary, RowField, StoredReading, value_json};

/// `time` says the same as `current_time`, and both are never cut.
const SQUEEZES: [Squeeze; 8] = [
    Squeeze::Limit("sensor_id", SHORTEST_ID),
    Squeeze::Drop("stored_after_ms"),
    Squeeze::Drop("sequence_number"),
    Squeeze::Drop("shard_id"),
    Squeeze::Shorten("fields"),
    Squeeze::Drop("current_time"),
    Squeeze::Drop("fields"),
    Squeeze::Shorten("sensor_id"),
];

impl Row for StoredReading {
    fn columns() -> &'static [&'static str] {
        &["sensor_id", "temperature", "current_time", "time", "fields", "shard_id", "sequence_number"]
    }

    fn cells(&self) -> Vec<String> {
        self.cells_in(&TimeStyle::default())
    }

    fn cells_in(&self, times: &TimeStyle) -> Vec<String> {
        let reading = &self.reading;
        let fields: Vec<_> = reading.fields.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
        vec![
            reading.sensor_id.clone(),
            reading.temperature.to_string(),
            reading.current_time.to_string(),
            times.text(&reading.current_time),
            fields.join(" "),
            self.shard_id.clone().unwrap_or_default(),
            self.sequence_number.clone().unwrap_or_default(),
        ]
    }

    fn squeezes() -> &'static [Squeeze] {
        &SQUEEZES
    }

    fn json_line(&self) -> Result<String, Error> {
        Ok(self.to_json())
    }

    fn cell(&self, column: &RowField) -> Option<OwnCell> {
        column.value(self).map(|value| own_cell(&column.title, &value))
    }

    fn csv_columns() -> CsvColumns {
        CsvColumns {
            before: &["sensor_id", "temperature", "current_time"],
            own: true,
            after: &["shard_id", "sequence_number"],
        }
    }

    fn csv_cells(&self) -> CsvCells {
        let reading = &self.reading;
        let own = reading.fields.iter().map(|(name, value)| own_cell(name, value));
        CsvCells {
            before: vec![reading.sensor_id.clone(), reading.temperature.to_string(), reading.current_time.to_string()],
            own: own.collect(),
            after: vec![self.shard_id.clone().unwrap_or_default(), self.sequence_number.clone().unwrap_or_default()],
        }
    }
}

fn own_cell(name: &str, value: &Value) -> OwnCell {
    OwnCell { name: name.to_owned(), text: text(value), json: value_json(value) }
}

/// Text as it is, everything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => value_json(other),
    }
}

/// A reading that was put; in JSON the stored reading, and how long it took to be stored where that was waited for.
#[derive(Debug)]
pub(crate) struct PutReport {
    /// The reading and its place in the stream.
    pub row: StoredReading,
    /// Milliseconds from sending it to seeing it in the table.
    pub stored_after_ms: Option<u64>,
    /// Its way into the table; empty where that was not waited for.
    pub hops: Vec<Hop>,
}

/// A hop of a reading on its way into the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Hop {
    /// `accepted`, `delivered`, `stored` or `read_back`.
    #[serde(rename = "hop")]
    pub name: &'static str,
    /// Milliseconds from sending; `None` if it did not happen, or is not known.
    pub ms: Option<u64>,
    /// Where.
    #[serde(skip)]
    pub place: String,
}

/// Returns the line of a hop, in the form of a step that ended.
#[must_use]
pub(crate) fn hop_line(hop: &Hop) -> String {
    let after = hop.ms.map_or_else(|| "-".to_owned(), |ms| units::duration(Duration::from_millis(ms)));
    format!("  {:<9} {after:>8}  {}", hop.name.replace('_', " "), hop.place)
}

impl Serialize for PutReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.row.serialize_entries(&mut map)?;
        if let Some(milliseconds) = self.stored_after_ms {
            map.serialize_entry("stored_after_ms", &milliseconds)?;
        }
        if !self.hops.is_empty() {
            map.serialize_entry("hops", &self.hops)?;
        }
        map.end()
    }
}

impl Report for PutReport {
    fn table(&self) -> String {
        let mut header = StoredReading::columns().to_vec();
        let mut cells = self.row.cells();
        if let Some(milliseconds) = self.stored_after_ms {
            header.push("stored_after_ms");
            cells.push(milliseconds.to_string());
        }
        table_of_rows(&header, &[cells], &SQUEEZES)
    }
}

impl Report for PutSummary {
    fn table(&self) -> String {
        let counts = [self.read, self.accepted, self.rejected, self.failed, self.records].map(units::count);
        let rest = [
            units::bytes(self.bytes),
            units::count(self.retries),
            units::duration(Duration::from_secs_f64(self.seconds)),
            format!("{:.0}", self.readings_per_second),
        ];
        let columns = ["read", "accepted", "rejected", "failed", "records", "bytes", "retries", "time", "readings/s"];
        table_of_record(&columns, &counts.into_iter().chain(rest).collect::<Vec<_>>())
    }
}
