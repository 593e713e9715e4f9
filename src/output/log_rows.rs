//! Lines of the function's log, for people and programs.

use serde::Serialize;

use super::{CsvCells, Output, Row, Squeeze, one_line};
use crate::error::Error;
use crate::operate::{InvocationMetrics, InvocationUsage, LogKind, LogLine};

impl Row for LogLine {
    fn columns() -> &'static [&'static str] {
        &["time", "kind", "request_id", "message"]
    }

    fn cells(&self) -> Vec<String> {
        let request_id = self.request_id.clone().unwrap_or_default();
        vec![self.rfc3339(), word(self.kind).to_owned(), request_id, self.message.clone()]
    }
}

/// The metrics of an invocation with the time of their line.
#[derive(Debug, Serialize)]
pub(crate) struct MetricsRow {
    /// The time of the line, as RFC 3339.
    pub time: String,
    /// The metrics.
    #[serde(flatten)]
    pub metrics: InvocationMetrics,
}

/// `error` says it in full, and the rest can be read in NDJSON.
const METRICS_SQUEEZES: [Squeeze; 8] = [
    Squeeze::Drop("request_id"),
    Squeeze::Drop("retries"),
    Squeeze::Drop("replaced"),
    Squeeze::Drop("shard_id"),
    Squeeze::Drop("iterator_age_ms"),
    Squeeze::Drop("records"),
    Squeeze::Drop("duration_ms"),
    Squeeze::Shorten("error"),
];

impl Row for MetricsRow {
    fn columns() -> &'static [&'static str] {
        &[
            "time",
            "request_id",
            "shard_id",
            "records",
            "readings",
            "stored",
            "replaced",
            "rejected",
            "failed",
            "retries",
            "duration_ms",
            "iterator_age_ms",
            "error",
        ]
    }

    fn cells(&self) -> Vec<String> {
        self.texts(|ms| format!("{ms:.1}"))
    }

    fn squeezes() -> &'static [Squeeze] {
        &METRICS_SQUEEZES
    }

    fn csv_cells(&self) -> CsvCells {
        CsvCells::fixed(self.texts(|ms| ms.to_string()))
    }
}

impl MetricsRow {
    /// Returns the texts of the columns.
    fn texts(&self, milliseconds: impl Fn(f64) -> String) -> Vec<String> {
        let metrics = &self.metrics;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let ms = |number: Option<f64>| number.map(&milliseconds).unwrap_or_default();
        vec![
            self.time.clone(),
            text(&metrics.request_id),
            text(&metrics.shard_id),
            metrics.records.to_string(),
            metrics.readings.to_string(),
            metrics.stored.to_string(),
            metrics.replaced.to_string(),
            metrics.rejected.to_string(),
            metrics.failed.to_string(),
            metrics.retries.to_string(),
            ms(metrics.duration_ms),
            ms(metrics.iterator_age_ms),
            text(&metrics.error),
        ]
    }
}

/// Places a further line below the first: as wide as a time, a kind and the blanks behind them.
const FURTHER_LINES: &str = "\n                                      ";

impl Output {
    /// Prints a line of the log for a person: time, kind, and what it says.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub(crate) fn log_line(&self, line: &LogLine) -> Result<(), Error> {
        let style = match line.kind {
            LogKind::Error => "31",
            LogKind::Rejected => "33",
            LogKind::ColdStart | LogKind::Start | LogKind::End | LogKind::Report => "2",
            LogKind::Metrics | LogKind::Message => "0",
        };
        let kind = format!("{:<10}", word(line.kind));
        let kind = if self.stdout_is_terminal { self.style(style, &kind) } else { kind };
        // Further lines of a message, as those of a stack trace, stand below its first.
        let said = said(line);
        let lines: Vec<_> = said.lines().map(one_line).collect();
        self.data(&format!("{}  {kind}  {}", line.rfc3339(), lines.join(FURTHER_LINES)))
    }
}

/// Returns what a line says, in short where its form is known.
fn said(line: &LogLine) -> String {
    let message = line.message.replace('\t', "  ");
    if let Some(usage) = InvocationUsage::of(&line.message) {
        return usage.summary();
    }
    match InvocationMetrics::of(&line.message) {
        Some(metrics) => [Some(metrics.summary()), metrics.error].into_iter().flatten().collect::<Vec<_>>().join(": "),
        None => message,
    }
}

fn word(kind: LogKind) -> &'static str {
    match kind {
        LogKind::ColdStart => "cold-start",
        LogKind::Start => "start",
        LogKind::End => "end",
        LogKind::Report => "report",
        LogKind::Error => "error",
        LogKind::Rejected => "rejected",
        LogKind::Metrics => "metrics",
        LogKind::Message => "message",
    }
}
