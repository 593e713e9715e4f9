//! The metrics that tell a slow pipeline from a throttled one, in one call.

use jiff::Timestamp;

use super::answer::Answer;
use crate::aws::Clients;
use crate::operate::metrics::{MetricQuery, MetricSeries, MetricWindow, Statistic, read_metrics};
use crate::settings::Pipeline;

/// Minutes that are looked back: as far as in the log.
const MINUTES: u32 = 15;

/// Sums of counts, each an answer of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MetricFacts {
    /// The minutes that were read.
    pub minutes: u32,
    /// Bytes of the busiest minute of the stream.
    pub peak_bytes: f64,
    /// Records of the busiest minute of the stream.
    pub peak_records: f64,
    /// Records that were put into the stream, of the complete minutes.
    pub incoming: Answer<f64>,
    /// Throttled records that were put into the stream.
    pub write_throttles: Answer<f64>,
    /// Throttled reads of the stream.
    pub read_throttles: Answer<f64>,
    /// Throttled invocations.
    pub function_throttles: Answer<f64>,
    /// Batches that did not reach the failure destination.
    pub delivery_failures: Answer<f64>,
    /// Throttled writes to both tables.
    pub table_throttles: Answer<f64>,
    /// Throttled writes to the table of readings because of one partition.
    pub key_range_throttles: Answer<f64>,
}

/// Reads the metrics: with one call, and with a second one where a table was throttled, because not every endpoint has
/// the reason of a throttle.
///
/// The error says why there are none.
pub(super) async fn metric_facts(clients: &Clients, names: &Pipeline, now: Timestamp) -> Answer<MetricFacts> {
    let (stream, function) = (names.stream.name.as_str(), names.function.name.as_str());
    let queries = [
        MetricQuery::of_stream("IncomingBytes", stream, Statistic::Sum),
        MetricQuery::of_stream("IncomingRecords", stream, Statistic::Sum),
        MetricQuery::of_stream("WriteProvisionedThroughputExceeded", stream, Statistic::Sum),
        MetricQuery::of_stream("ReadProvisionedThroughputExceeded", stream, Statistic::Sum),
        MetricQuery::of_function("Throttles", function, Statistic::Sum),
        MetricQuery::of_function("DestinationDeliveryFailures", function, Statistic::Sum),
        MetricQuery::of_table("WriteThrottleEvents", &names.table.name, Statistic::Sum),
        MetricQuery::of_table("WriteThrottleEvents", &names.rejects.table.name, Statistic::Sum),
    ];
    let window = MetricWindow::last(MINUTES, now);
    let series = read_metrics(clients, &queries, window).await.map_err(|why| why.reason().to_owned())?;
    let [bytes, records, writes, reads, throttles, deliveries, table, rejects]: [MetricSeries; 8] =
        series.try_into().map_err(|_| "GetMetricData returned another number of metrics".to_owned())?;
    let table_throttles = both(total(&table), total(&rejects));
    let mut key_range_throttles = table_throttles.as_ref().map(|_| 0.0).map_err(Clone::clone);
    if matches!(table_throttles, Ok(count) if count > 0.0) {
        let query = [MetricQuery::of_table("WriteKeyRangeThroughputThrottleEvents", &names.table.name, Statistic::Sum)];
        key_range_throttles = match read_metrics(clients, &query, window).await {
            Ok(series) => series.first().map_or(Ok(0.0), total),
            Err(why) => Err(why.reason().to_owned()),
        };
    }
    Ok(MetricFacts {
        minutes: MINUTES,
        peak_bytes: peak(&bytes),
        peak_records: peak(&records),
        incoming: total(&if clients.is_loopback() { records } else { records.settled(now) }),
        write_throttles: total(&writes),
        read_throttles: total(&reads),
        function_throttles: total(&throttles),
        delivery_failures: total(&deliveries),
        table_throttles,
        key_range_throttles,
    })
}

/// Returns the sum. Counts of events have no point where there was none.
fn total(series: &MetricSeries) -> Answer<f64> {
    match (series.sum(), &series.incomplete) {
        (Some(sum), _) if sum > 0.0 => Ok(sum),
        (_, Some(why)) => Err(why.clone()),
        (sum, None) => Ok(sum.unwrap_or(0.0)),
    }
}

fn both(one: Answer<f64>, other: Answer<f64>) -> Answer<f64> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok(one + other),
        (Ok(count), Err(_)) | (Err(_), Ok(count)) if count > 0.0 => Ok(count),
        (Err(why), _) | (_, Err(why)) => Err(why),
    }
}

fn peak(series: &MetricSeries) -> f64 {
    series.points.iter().map(|point| point.value).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_points_count_as_none_only_where_the_series_is_complete() {
        let incomplete = MetricSeries { points: Vec::new(), incomplete: Some("Forbidden".into()) };
        assert_eq!(total(&MetricSeries::default()), Ok(0.0));
        assert_eq!(total(&incomplete), Err("Forbidden".to_owned()));
        assert_eq!(both(Ok(0.0), Err("no".into())), Err("no".to_owned()));
        assert_eq!(both(Ok(2.0), Err("no".into())), Ok(2.0));
    }
}
