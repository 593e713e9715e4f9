//! The report of `demo`.

use serde::Serialize;

use super::{Report, Squeeze, table_of_rows};
use crate::pipeline::StoredReading;

/// The report of `demo`.
#[derive(Debug, Serialize)]
pub(crate) struct DemoReport {
    /// Total time.
    pub seconds: f64,
    /// The steps.
    pub steps: Vec<StepTime>,
    /// The rows of the table before it was deleted.
    pub rows: Vec<StoredReading>,
}

/// A step of the demo and its time.
#[derive(Debug, Serialize)]
pub(crate) struct StepTime {
    /// Its name.
    pub step: &'static str,
    /// Its time.
    pub seconds: f64,
}

impl Report for DemoReport {
    fn table(&self) -> String {
        let cells = |row: &StoredReading| {
            vec![
                row.reading.sensor_id.clone(),
                row.reading.temperature.to_string(),
                row.reading.current_time.to_string(),
                row.shard_id.clone().unwrap_or_default(),
                row.sequence_number.clone().unwrap_or_default(),
            ]
        };
        let columns = ["sensor_id", "temperature", "current_time", "shard_id", "sequence_number"];
        let rows: Vec<_> = self.rows.iter().map(cells).collect();
        table_of_rows(&columns, &rows, &[Squeeze::Drop("sequence_number"), Squeeze::Drop("shard_id")])
    }
}
