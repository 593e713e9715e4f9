//! Shows the rows of each page, and counts the rest.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use sensor_model::Reading;
use tokio::time::Instant;

use super::{Error, TailArgs};
use crate::output::{Arrival, LiveRows, Output, RawData, RawRecordRow, TailProgress, TailRow, TailStatsRow};
use crate::pipeline::{StoredReading, StreamRecord, TailPage, UserRecord};

/// Rows of a tail, and the counts of what was read.
pub(super) struct View {
    kind: ViewKind,
    rows: Option<LiveRows>,
    left: u64,
    /// Shows only readings of these sensors; of all sensors if it is empty.
    sensors: HashSet<String>,
    progress: Arc<TailProgress>,
    summary: TailSummary,
    interval: IntervalCounts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ViewKind {
    Readings,
    Raw,
    Rates,
}

/// The counts of a tail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TailSummary {
    /// Rows that were shown.
    pub rows: u64,
    /// Readings of the sensors that were asked for.
    pub readings: u64,
    /// Kinesis records.
    pub records: u64,
    /// User records that are not readings, by the class of the reason.
    pub not_readings: BTreeMap<&'static str, u64>,
    /// User records whose hash key is outside of their shard.
    pub outside: u64,
}

/// The counts of one interval of `--stats`.
struct IntervalCounts {
    began: Instant,
    readings: u64,
    not_readings: u64,
    records: u64,
    bytes: u64,
    lag_ms: Option<u64>,
}

impl IntervalCounts {
    fn new() -> Self {
        IntervalCounts { began: Instant::now(), readings: 0, not_readings: 0, records: 0, bytes: 0, lag_ms: None }
    }
}

impl View {
    pub(super) fn new(output: &Output, args: &TailArgs, progress: Arc<TailProgress>) -> Self {
        let kind = match (args.raw, args.stats) {
            (_, true) => ViewKind::Rates,
            (true, _) => ViewKind::Raw,
            _ => ViewKind::Readings,
        };
        View {
            kind,
            rows: Some(output.live_rows()),
            left: args.limit.unwrap_or(u64::MAX),
            sensors: args.sensors.iter().cloned().collect(),
            progress,
            summary: TailSummary::default(),
            interval: IntervalCounts::new(),
        }
    }

    pub(super) fn is_stats(&self) -> bool {
        self.kind == ViewKind::Rates
    }

    /// Returns whether all rows that were asked for are shown.
    pub(super) fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Returns the counts so far.
    pub(super) fn summary(&self) -> TailSummary {
        self.summary.clone()
    }

    /// Shows the rows of a page, and counts the rest.
    pub(super) fn show(&mut self, page: &TailPage) -> Result<(), Error> {
        for record in &page.records {
            if self.is_full() {
                break;
            }
            let lag = record.arrived_ms.map(|arrived| page.received_ms.saturating_sub(arrived).max(0).unsigned_abs());
            let arrival = Arrival { arrived_ms: record.arrived_ms, lag_ms: lag };
            self.summary.records += 1;
            self.interval.records += 1;
            self.interval.bytes += record.data.len() as u64;
            self.interval.lag_ms = self.interval.lag_ms.max(lag);
            for part in page.user_records(record) {
                if self.is_full() {
                    break;
                }
                self.take(&page.shard.id, record, part, arrival)?;
            }
        }
        match (self.kind, &mut self.rows) {
            (ViewKind::Readings, Some(rows)) => rows.show::<TailRow>(),
            (ViewKind::Raw, Some(rows)) => rows.show::<RawRecordRow<'_>>(),
            (ViewKind::Rates, _) | (_, None) => Ok(()),
        }
    }

    fn take(
        &mut self,
        shard: &str,
        record: &StreamRecord,
        part: UserRecord<'_>,
        arrival: Arrival,
    ) -> Result<(), Error> {
        self.summary.outside += u64::from(part.is_outside);
        let parsed = match part.broken {
            Some(reason) => Err(reason.code()),
            None => Reading::from_json(part.data).map_err(|error| error.code()),
        };
        match &parsed {
            Ok(reading) if !self.is_wanted(&reading.sensor_id) => return Ok(()),
            Ok(_) => {
                self.summary.readings += 1;
                self.interval.readings += 1;
            }
            Err(code) => {
                *self.summary.not_readings.entry(code).or_default() += 1;
                self.interval.not_readings += 1;
            }
        }
        let Some(rows) = &mut self.rows else { return Ok(()) };
        match (self.kind, parsed) {
            (ViewKind::Readings, Ok(reading)) => {
                let row = StoredReading {
                    reading,
                    shard_id: Some(shard.to_owned()),
                    sequence_number: Some(record.sequence_number.clone()),
                };
                rows.push(&TailRow { row, arrival })?;
            }
            (ViewKind::Raw, parsed) => {
                // A record that is not a reading is of a sensor if it was put with its key.
                if parsed.is_err() && !is_among(&self.sensors, part.partition_key) {
                    return Ok(());
                }
                rows.push(&RawRecordRow {
                    shard_id: shard,
                    sequence_number: &record.sequence_number,
                    user_record: part.index,
                    partition_key: part.partition_key,
                    arrived_ms: arrival.arrived_ms,
                    lag_ms: arrival.lag_ms,
                    reason: parsed.err(),
                    data: RawData::new(part.data),
                })?;
            }
            (ViewKind::Readings, Err(_)) | (ViewKind::Rates, _) => return Ok(()),
        }
        self.summary.rows += 1;
        self.left -= 1;
        Ok(())
    }

    fn is_wanted(&self, sensor: &str) -> bool {
        is_among(&self.sensors, sensor)
    }

    /// Shows the rates since the last time.
    #[expect(clippy::cast_precision_loss, reason = "rates are approximate")]
    pub(super) fn show_rates(&mut self) -> Result<(), Error> {
        let counts = std::mem::replace(&mut self.interval, IntervalCounts::new());
        // Three digits behind the point are more than a second of counting knows.
        let seconds = counts.began.elapsed().as_secs_f64().max(0.001);
        let rate = |count: u64| (count as f64 / seconds * 1000.0).round() / 1000.0;
        let row = TailStatsRow {
            time_ms: Some(jiff::Timestamp::now().as_millisecond()),
            readings_per_second: rate(counts.readings),
            not_readings_per_second: rate(counts.not_readings),
            records_per_second: rate(counts.records),
            bytes_per_second: rate(counts.bytes),
            lag_ms: counts.lag_ms,
            shards: self.progress.shards(),
        };
        let Some(rows) = &mut self.rows else { return Ok(()) };
        rows.push(&row)?;
        rows.show::<TailStatsRow>()
    }

    /// Shows the rest and closes the document.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        if self.kind == ViewKind::Rates && self.interval.records > 0 {
            self.show_rates()?;
        }
        match (self.kind, self.rows.take()) {
            (_, None) => Ok(()),
            (ViewKind::Readings, Some(rows)) => rows.finish::<TailRow>(),
            (ViewKind::Raw, Some(rows)) => rows.finish::<RawRecordRow<'_>>(),
            (ViewKind::Rates, Some(rows)) => rows.finish::<TailStatsRow>(),
        }
    }
}

fn is_among(sensors: &HashSet<String>, sensor: &str) -> bool {
    sensors.is_empty() || sensors.contains(sensor)
}
