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
    /// The load of the stream in its busiest minutes.
    pub peaks: Answer<StreamPeaks>,
    /// Records that were put into the stream, of the complete minutes.
    pub incoming: Answer<f64>,
    /// The same with the newest minutes, as far as they are counted yet.
    pub newest_incoming: Answer<f64>,
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
    /// When something was throttled last, and when records were put last.
    pub newest: NewestMinutes,
    /// Throttled writes to the table of readings because of one partition.
    pub key_range_throttles: Answer<f64>,
}

/// The last minutes with a count of something throttled, or of what passed, each by its begin in ms since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NewestMinutes {
    /// Of throttled invocations.
    pub invocation_throttled: Option<i64>,
    /// Of throttled writes to the tables.
    pub table_throttled: Option<i64>,
    /// Of throttled puts.
    pub put_throttled: Option<i64>,
    /// Of records that were put.
    pub records_put: Option<i64>,
    /// Of invocations that were not throttled, whatever became of them.
    pub invoked: Option<i64>,
    /// Of writes to the table of readings.
    pub written: Option<i64>,
}

/// The load of a stream in its busiest minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct StreamPeaks {
    /// Bytes.
    pub bytes: f64,
    /// Records.
    pub records: f64,
}

/// Reads the metrics until `now`, by the clock of the service: with one call, and with a second one where a table was throttled, because not every endpoint has
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
        MetricQuery::of_function("Invocations", function, Statistic::Sum),
        MetricQuery::of_table("ConsumedWriteCapacityUnits", &names.table.name, Statistic::Sum),
    ];
    let window = MetricWindow::last(MINUTES, now);
    let series = read_metrics(clients, &queries, window).await.map_err(|why| why.reason().to_owned())?;
    let [bytes, records, writes, reads, throttles, deliveries, table, rejects, invocations, written]: [MetricSeries;
        10] = series.try_into().map_err(|_| "GetMetricData returned another number of metrics".to_owned())?;
    // On this machine, points are complete at once.
    let settled = |series: &MetricSeries| if clients.is_loopback() { series.clone() } else { series.settled(now) };
    let table_throttles = both(total(&table), total(&rejects));
    let mut key_range_throttles = table_throttles.as_ref().map(|_| 0.0).map_err(Clone::clone);
    if matches!(table_throttles, Ok(count) if count > 0.0) {
        let query = [MetricQuery::of_table("WriteKeyRangeThroughputThrottleEvents", &names.table.name, Statistic::Sum)];
        key_range_throttles = match read_metrics(clients, &query, window).await {
            Ok(series) => series.first().map_or(Ok(0.0), total),
            Err(why) => Err(why.reason().to_owned()),
        };
    }
    let newest = NewestMinutes {
        invocation_throttled: newest(&throttles),
        table_throttled: newest(&table).max(newest(&rejects)),
        put_throttled: newest(&writes),
        records_put: newest(&records),
        invoked: newest(&invocations),
        written: newest(&written),
    };
    Ok(MetricFacts {
        minutes: MINUTES,
        newest,
        peaks: peaks(&settled(&bytes), &settled(&records), &settled(&writes), &writes),
        incoming: total(&settled(&records)),
        newest_incoming: total(&records),
        write_throttles: total(&writes),
        read_throttles: total(&reads),
        function_throttles: total(&throttles),
        delivery_failures: total(&deliveries),
        table_throttles,
        key_range_throttles,
    })
}

/// Returns the sum. Counts of events have no point where there was none. One in a minute that is not complete counts, too:
/// there are no less.
fn total(series: &MetricSeries) -> Answer<f64> {
    match (series.sum(), &series.incomplete) {
        (Some(sum), _) if sum > 0.0 => Ok(sum),
        (_, Some(why)) => Err(why.clone()),
        (sum, None) => Ok(sum.unwrap_or(0.0)),
    }
}

/// Returns the begin of the newest minute with a count, in ms since 1970.
fn newest(series: &MetricSeries) -> Option<i64> {
    series.points.iter().rev().find(|point| point.value > 0.0).map(|point| point.time.as_millisecond())
}

fn both(one: Answer<f64>, other: Answer<f64>) -> Answer<f64> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok(one + other),
        (Ok(count), Err(_)) | (Err(_), Ok(count)) if count > 0.0 => Ok(count),
        (Err(why), _) | (_, Err(why)) => Err(why),
    }
}

/// Returns the peaks of complete minutes. They say nothing about writes that were throttled in the minutes after them.
fn peaks(
    bytes: &MetricSeries,
    records: &MetricSeries,
    throttles: &MetricSeries,
    with_newest: &MetricSeries,
) -> Answer<StreamPeaks> {
    if let Some(why) = bytes.incomplete.as_ref().or(records.incomplete.as_ref()) {
        return Err(why.clone());
    }
    let count = |series: &MetricSeries| series.sum().unwrap_or(0.0);
    if count(throttles) == 0.0 && count(with_newest) > 0.0 {
        return Err("the minutes in which they were throttled are not counted yet".to_owned());
    }
    let peak = |series: &MetricSeries| series.points.iter().map(|point| point.value).fold(0.0, f64::max);
    Ok(StreamPeaks { bytes: peak(bytes), records: peak(records) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_are_those_of_complete_minutes_of_complete_series() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let of = |points: &[(i64, f64)]| MetricSeries::of_minutes_before(now, points);
        let incomplete = MetricSeries { incomplete: Some("InternalError".into()), ..of(&[(5, 1.0)]) };
        let (bytes, records) = (of(&[(5, 70.0), (4, 20.0)]), of(&[(5, 7.0)]));
        let throttles = of(&[(5, 1.0)]);
        let judged = |bytes, records, writes: &MetricSeries| peaks(bytes, records, &writes.settled(now), writes);
        assert_eq!(judged(&bytes, &records, &throttles), Ok(StreamPeaks { bytes: 70.0, records: 7.0 }));
        assert_eq!(judged(&incomplete, &records, &throttles), Err("InternalError".into()));
        assert_eq!(judged(&bytes, &incomplete, &throttles), Err("InternalError".into()));
        assert!(judged(&bytes, &records, &of(&[(1, 3.0)])).unwrap_err().contains("not counted yet"));
    }

    #[test]
    fn missing_points_count_as_none_only_where_the_series_is_complete() {
        let incomplete = MetricSeries { points: Vec::new(), incomplete: Some("Forbidden".into()) };
        assert_eq!(total(&MetricSeries::default()), Ok(0.0));
        assert_eq!(total(&incomplete), Err("Forbidden".to_owned()));
        assert_eq!(both(Ok(0.0), Err("no".into())), Err("no".to_owned()));
        assert_eq!(both(Ok(2.0), Err("no".into())), Ok(2.0));
    }
}
