//! Records of a stream for people and programs: readings, raw records, and rates.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sensor_model::Decimal;
use serde::{Serialize, Serializer};

use super::{CsvCells, CsvColumns, Row, SHORTEST_ID, Squeeze, units};
use crate::pipeline::{StoredReading, format_rfc3339};

/// A reading in the stream. Its JSON is the stored reading's, so that `put --file` takes it back.
#[derive(Debug)]
pub(crate) struct TailRow {
    /// The reading and its place in the stream.
    pub row: StoredReading,
    /// When it arrived, and how long before it was received.
    pub arrival: Arrival,
}

/// The arrival of a record in the stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrival {
    /// In milliseconds since 1970.
    pub arrived_ms: Option<i64>,
    /// The time from then until it was received, in milliseconds.
    pub lag_ms: Option<u64>,
}

impl Arrival {
    fn text(self) -> String {
        self.arrived_ms.map(time_text).unwrap_or_default()
    }

    fn lag(self) -> String {
        self.lag_ms.map(lag_text).unwrap_or_default()
    }
}

/// Returns milliseconds since 1970 as RFC 3339.
pub(crate) fn time_text(milliseconds: i64) -> String {
    let seconds = Decimal::parse(&format!("{milliseconds}e-3")).ok();
    seconds.as_ref().and_then(format_rfc3339).unwrap_or_else(|| format!("{milliseconds} ms"))
}

fn lag_text(milliseconds: u64) -> String {
    units::duration(Duration::from_millis(milliseconds))
}

impl Serialize for TailRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.row.serialize(serializer)
    }
}

/// The width of data that is shown as long as columns can be left out instead.
const SHORTEST_DATA: usize = 30;

/// The columns of the reading are those of a stored one.
const ARRIVED: usize = 5;

impl Row for TailRow {
    fn columns() -> &'static [&'static str] {
        &["sensor_id", "temperature", "current_time", "time", "fields", "arrived", "lag", "shard_id", "sequence_number"]
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = self.row.cells();
        cells.splice(ARRIVED..ARRIVED, [self.arrival.text(), self.arrival.lag()]);
        cells
    }

    fn squeezes() -> &'static [Squeeze] {
        &[
            Squeeze::Limit("sensor_id", SHORTEST_ID),
            Squeeze::Drop("sequence_number"),
            Squeeze::Drop("current_time"),
            Squeeze::Shorten("fields"),
            Squeeze::Drop("shard_id"),
            Squeeze::Drop("arrived"),
            Squeeze::Drop("fields"),
            Squeeze::Drop("lag"),
            Squeeze::Shorten("sensor_id"),
        ]
    }

    fn csv_columns() -> CsvColumns {
        StoredReading::csv_columns()
    }

    fn csv_cells(&self) -> CsvCells {
        self.row.csv_cells()
    }
}

/// A user record as it is in the stream.
#[derive(Debug, Serialize)]
pub(crate) struct RawRecordRow<'a> {
    /// Its shard.
    pub shard_id: &'a str,
    /// The sequence number of the Kinesis record.
    pub sequence_number: &'a str,
    /// Its index in an aggregated record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_record: Option<usize>,
    /// Its own partition key.
    pub partition_key: &'a str,
    /// When the Kinesis record arrived.
    #[serde(rename = "arrived", serialize_with = "as_time")]
    pub arrived_ms: Option<i64>,
    /// The time from then until it was received.
    pub lag_ms: Option<u64>,
    /// The class of the reason why it is not a reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Its data.
    #[serde(flatten)]
    pub data: RawData<'a>,
}

/// The data of a record: text where it is UTF-8, else base64.
#[derive(Debug, Serialize)]
#[serde(tag = "encoding", content = "data", rename_all = "lowercase")]
pub(crate) enum RawData<'a> {
    /// As it is.
    Text(&'a str),
    /// Encoded.
    Base64(String),
}

impl<'a> RawData<'a> {
    /// Returns the form of these bytes.
    pub(crate) fn new(data: &'a [u8]) -> Self {
        std::str::from_utf8(data).map_or_else(|_| RawData::Base64(STANDARD.encode(data)), RawData::Text)
    }

    fn parts(&self) -> (&'static str, &str) {
        match self {
            RawData::Text(text) => ("text", text),
            RawData::Base64(text) => ("base64", text),
        }
    }
}

#[expect(clippy::ref_option, reason = "serde passes a reference")]
fn as_time<S: Serializer>(milliseconds: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    milliseconds.map(time_text).serialize(serializer)
}

impl Row for RawRecordRow<'_> {
    fn columns() -> &'static [&'static str] {
        &["shard_id", "sequence_number", "user_record", "partition_key", "arrived", "lag", "reason", "encoding", "data"]
    }

    fn cells(&self) -> Vec<String> {
        let arrival = Arrival { arrived_ms: self.arrived_ms, lag_ms: self.lag_ms };
        self.texts(arrival.lag())
    }

    fn squeezes() -> &'static [Squeeze] {
        &[
            Squeeze::Limit("partition_key", SHORTEST_ID),
            Squeeze::Limit("data", SHORTEST_DATA),
            Squeeze::Drop("encoding"),
            Squeeze::Drop("sequence_number"),
            Squeeze::Drop("shard_id"),
            Squeeze::Drop("lag"),
            Squeeze::Drop("user_record"),
            Squeeze::Shorten("data"),
            Squeeze::Drop("arrived"),
            Squeeze::Shorten("partition_key"),
        ]
    }

    fn csv_columns() -> CsvColumns {
        CsvColumns::fixed(&[
            "shard_id",
            "sequence_number",
            "user_record",
            "partition_key",
            "arrived",
            "lag_ms",
            "reason",
            "encoding",
            "data",
        ])
    }

    fn csv_cells(&self) -> CsvCells {
        CsvCells::fixed(self.texts(self.lag_ms.map(|lag| lag.to_string()).unwrap_or_default()))
    }
}

impl RawRecordRow<'_> {
    fn texts(&self, lag: String) -> Vec<String> {
        let (encoding, data) = self.data.parts();
        vec![
            self.shard_id.to_owned(),
            self.sequence_number.to_owned(),
            self.user_record.map(|index| index.to_string()).unwrap_or_default(),
            self.partition_key.to_owned(),
            self.arrived_ms.map(time_text).unwrap_or_default(),
            lag,
            self.reason.unwrap_or_default().to_owned(),
            encoding.to_owned(),
            data.to_owned(),
        ]
    }
}

/// The rates of a stream in one interval.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TailStatsRow {
    /// The end of the interval, in milliseconds since 1970.
    #[serde(rename = "time", serialize_with = "as_time")]
    pub time_ms: Option<i64>,
    /// Readings that were asked for.
    pub readings_per_second: f64,
    /// User records that are not readings.
    pub not_readings_per_second: f64,
    /// Kinesis records.
    pub records_per_second: f64,
    /// Their data.
    pub bytes_per_second: f64,
    /// The longest time from the arrival of a record until it was received; null without a record.
    pub lag_ms: Option<u64>,
    /// The shards that are read.
    pub shards: usize,
}

impl Row for TailStatsRow {
    fn columns() -> &'static [&'static str] {
        &["time", "readings/s", "not_readings/s", "records/s", "bytes/s", "lag", "shards"]
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are above zero and rounded")]
    fn cells(&self) -> Vec<String> {
        let count = |rate: f64| units::count(rate.round() as u64);
        vec![
            self.time_ms.map(time_text).unwrap_or_default(),
            count(self.readings_per_second),
            count(self.not_readings_per_second),
            count(self.records_per_second),
            units::bytes(self.bytes_per_second.round() as u64),
            self.lag_ms.map(lag_text).unwrap_or_default(),
            self.shards.to_string(),
        ]
    }

    fn squeezes() -> &'static [Squeeze] {
        &[Squeeze::Drop("records/s"), Squeeze::Drop("time"), Squeeze::Drop("shards"), Squeeze::Drop("bytes/s")]
    }

    fn csv_columns() -> CsvColumns {
        CsvColumns::fixed(&[
            "time",
            "readings_per_second",
            "not_readings_per_second",
            "records_per_second",
            "bytes_per_second",
            "lag_ms",
            "shards",
        ])
    }

    fn csv_cells(&self) -> CsvCells {
        CsvCells::fixed(vec![
            self.time_ms.map(time_text).unwrap_or_default(),
            self.readings_per_second.to_string(),
            self.not_readings_per_second.to_string(),
            self.records_per_second.to_string(),
            self.bytes_per_second.to_string(),
            self.lag_ms.map(|lag| lag.to_string()).unwrap_or_default(),
            self.shards.to_string(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::output::table::table_within;

    fn raw(data: &[u8]) -> RawRecordRow<'_> {
        RawRecordRow {
            shard_id: "shardId-000000000000",
            sequence_number: "4959",
            user_record: None,
            partition_key: "kitchen",
            arrived_ms: Some(1_700_000_000_250),
            lag_ms: Some(40),
            reason: Some("gzip"),
            data: RawData::new(data),
        }
    }

    #[test]
    fn raw_record_is_text_where_it_is_utf_8_and_else_base64() {
        let json = |data: &[u8]| serde_json::to_string(&raw(data)).unwrap();
        let place = r#"{"shard_id":"shardId-000000000000","sequence_number":"4959","partition_key":"kitchen","arrived":"2023-11-14T22:13:20.25Z","lag_ms":40,"reason":"gzip","encoding":"#;
        assert_eq!(json("21 °C".as_bytes()), format!("{place}\"text\",\"data\":\"21 °C\"}}"));
        assert_eq!(json(b"\x1f\x8b"), format!("{place}\"base64\",\"data\":\"H4s=\"}}"));
        let with_index = RawRecordRow { user_record: Some(3), reason: None, ..raw(b"") };
        let json = serde_json::to_string(&with_index).unwrap();
        assert!(json.contains(r#""user_record":3"#) && !json.contains("reason"), "{json}");
        assert_eq!(with_index.cells().len(), RawRecordRow::columns().len());
        assert_eq!(with_index.csv_cells().before.len(), RawRecordRow::csv_columns().before.len());
    }

    #[test]
    fn raw_records_show_the_whole_key_and_some_data_in_a_narrow_terminal() {
        let sequence_number = "4".repeat(56);
        let text = "not a reading ".repeat(20);
        let row = |user_record| RawRecordRow {
            sequence_number: &sequence_number,
            partition_key: "greenhouse-7/probe-2",
            user_record,
            ..raw(text.as_bytes())
        };
        for (width, header) in [
            (80, "PARTITION_KEY         ARRIVED                  REASON  DATA"),
            (60, "PARTITION_KEY         REASON  DATA"),
        ] {
            let cells = [row(Some(3)).cells(), row(None).cells()];
            let table = table_within(Some(width), RawRecordRow::columns(), &cells, RawRecordRow::squeezes());
            assert!(table.lines().all(|line| line.width() <= width), "{width}:\n{table}");
            assert_eq!(table.lines().next().unwrap(), header, "{width}:\n{table}");
            assert!(table.contains("greenhouse-7/probe-2  ") && table.contains("not a readi"), "{width}:\n{table}");
        }
    }

    #[test]
    fn stats_are_rates_in_all_formats() {
        let row = TailStatsRow {
            time_ms: Some(1_700_000_000_000),
            readings_per_second: 1000.4,
            not_readings_per_second: 0.0,
            records_per_second: 4.5,
            bytes_per_second: 102_400.0,
            lag_ms: None,
            shards: 2,
        };
        assert_eq!(row.cells(), ["2023-11-14T22:13:20Z", "1,000", "0", "5", "100.0 KiB", "", "2"]);
        assert_eq!(row.csv_cells().before[3], "4.5");
        assert!(serde_json::to_string(&row).unwrap().contains(r#""lag_ms":null,"shards":2"#));
        for (width, header) in [
            (80, "TIME                  READINGS/S  NOT_READINGS/S  BYTES/S    LAG   SHARDS"),
            (60, "READINGS/S  NOT_READINGS/S  BYTES/S    LAG   SHARDS"),
        ] {
            let cells = [TailStatsRow { lag_ms: Some(33_000), ..row.clone() }.cells()];
            let table = table_within(Some(width), TailStatsRow::columns(), &cells, TailStatsRow::squeezes());
            assert_eq!(table.lines().next().unwrap(), header, "{width}:\n{table}");
        }
    }
}
