//! The metrics of one pipeline that say whether it works, and how far its consumer is behind.

use jiff::Timestamp;

use super::metrics::{MetricQuery, MetricSeries, MetricWindow, MetricsUnavailable, Statistic, read_metrics};
use crate::aws::Clients;
use crate::settings::Pipeline;

/// Minutes that are read: long enough to tell an idle pipeline from one whose last record waits.
const MINUTES: u32 = 180;

/// The resources of a pipeline, by name.
#[derive(Clone, Debug)]
pub(crate) struct PipelineNames {
    /// The stream.
    pub stream: String,
    /// The function.
    pub function: String,
    /// The table of readings.
    pub table: String,
    /// The dead-letter table.
    pub rejects_table: String,
    /// The function's log group.
    pub log_group: String,
}

impl PipelineNames {
    /// Returns the names in the settings.
    #[must_use]
    pub(crate) fn of(settings: &Pipeline) -> Self {
        PipelineNames {
            stream: settings.stream.name.clone(),
            function: settings.function.name.clone(),
            table: settings.table.name.clone(),
            rejects_table: settings.rejects.table.name.clone(),
            log_group: settings.log_group_name(),
        }
    }
}

/// The metrics of one pipeline, by the minute.
#[derive(Clone, Debug, Default)]
pub(crate) struct PipelineMetrics {
    /// Age of the last record of each batch when it was sent to the function, in milliseconds.
    pub iterator_age: MetricSeries,
    /// Age of what the consumers of the stream read, in milliseconds.
    pub stream_age: MetricSeries,
    /// Records put into the stream.
    pub incoming: MetricSeries,
    /// Invocations of the function, from any source.
    pub invocations: MetricSeries,
    /// Those that failed.
    pub errors: MetricSeries,
    /// Calls of the function that were throttled, which are not invocations.
    pub throttles: MetricSeries,
    /// Write units of the table of readings.
    pub written: MetricSeries,
    /// Throttled writes to the table of readings.
    pub table_throttles: MetricSeries,
    /// Throttled records that were put into the stream.
    pub put_throttles: MetricSeries,
}

impl PipelineMetrics {
    /// Reads the metrics of the last hours, with one call. Points that may still be incomplete are left out, except on
    /// this machine, where they are complete at once.
    ///
    /// # Errors
    /// The reason why there are none.
    pub(crate) async fn read(
        clients: &Clients,
        names: &PipelineNames,
        now: Timestamp,
    ) -> Result<Self, MetricsUnavailable> {
        let queries = [
            MetricQuery::of_function("IteratorAge", &names.function, Statistic::Maximum),
            MetricQuery::of_stream("GetRecords.IteratorAgeMilliseconds", &names.stream, Statistic::Maximum),
            MetricQuery::of_stream("IncomingRecords", &names.stream, Statistic::Sum),
            MetricQuery::of_function("Invocations", &names.function, Statistic::Sum),
            MetricQuery::of_function("Errors", &names.function, Statistic::Sum),
            MetricQuery::of_function("Throttles", &names.function, Statistic::Sum),
            MetricQuery::of_table("ConsumedWriteCapacityUnits", &names.table, Statistic::Sum),
            MetricQuery::of_table("WriteThrottleEvents", &names.table, Statistic::Sum),
            MetricQuery::of_stream("WriteProvisionedThroughputExceeded", &names.stream, Statistic::Sum),
        ];
        let series = read_metrics(clients, &queries, MetricWindow::last(MINUTES, now)).await?;
        let complete = |series: MetricSeries| if clients.is_loopback() { series } else { series.settled(now) };
        let mut series = series.into_iter().map(complete);
        let mut next = || series.next().unwrap_or_default();
        Ok(PipelineMetrics {
            iterator_age: next(),
            stream_age: next(),
            incoming: next(),
            invocations: next(),
            errors: next(),
            throttles: next(),
            written: next(),
            table_throttles: next(),
            put_throttles: next(),
        })
    }
}
