//! The lag by `CloudWatch`'s metrics. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::{Lag, LagSource};
use crate::operate::metrics::MetricPoint;
use crate::operate::pipeline_metrics::PipelineMetrics;

/// Length of a point.
const MINUTE: Duration = Duration::from_secs(60);

/// Age up to which the newest complete point counts as of now: two minutes until it is complete, and its own.
const RECENT: Duration = Duration::from_secs(240);

/// Age of a batch from which a later one of the same minute may have caught up.
const LATE: Duration = Duration::from_secs(10);

/// Returns the lag by the metrics, or `None` where they cannot say.
///
/// `IteratorAge` has points only while the function is invoked: without newer ones nothing has come, or nothing is
/// delivered. `IncomingRecords` tells which. `is_reading` is false where the event source mapping is known not to read
/// or not to deliver: then other consumers of the stream prove nothing.
pub(crate) fn lag_by_metrics(metrics: &PipelineMetrics, now: Timestamp, is_reading: bool) -> Option<Lag> {
    let needed = [&metrics.iterator_age, &metrics.incoming, &metrics.errors];
    if needed.iter().any(|series| series.incomplete.is_some()) {
        return None;
    }
    let since = |point: MetricPoint| milliseconds(now.duration_since(point.time));
    let lag = |milliseconds, source| Lag { milliseconds, is_at_least: false, source };
    let sent = metrics.iterator_age.newest();
    let is_later = |point: &&MetricPoint| point.value > 0.0 && sent.is_none_or(|sent| point.time > sent.time);
    if let Some(first) = metrics.incoming.points.iter().find(is_later) {
        // The records of a minute came at its end at the latest.
        let milliseconds = since(*first).saturating_sub(MINUTE.as_millis().try_into().unwrap_or(u64::MAX));
        return Some(Lag { milliseconds, is_at_least: true, source: LagSource::WaitingRecords });
    }
    if let Some(sent) = sent {
        let is_recent = since(sent) <= RECENT.as_millis().try_into().unwrap_or(u64::MAX);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an age in milliseconds")]
        let age = sent.value.max(0.0) as u64;
        if is_recent {
            return Some(lag(age, LagSource::IteratorAge));
        }
        // The last batch was done, and nothing has come since.
        if failed_in(metrics, sent.time) == 0.0 && is_reading {
            return Some(lag(0, LagSource::IteratorAge));
        }
        // It failed, or what became of it is not known: it may still wait.
        return (!is_reading || failed_in(metrics, sent.time) > 0.0).then(|| Lag {
            milliseconds: age.saturating_add(since(sent)),
            is_at_least: false,
            source: LagSource::IteratorAge,
        });
    }
    let read = metrics.stream_age.newest().filter(|_| metrics.stream_age.incomplete.is_none());
    let read = read.filter(|point| is_reading && point.value == 0.0);
    let read = read.filter(|point| since(*point) <= RECENT.as_millis().try_into().unwrap_or(u64::MAX));
    read.map(|_| lag(0, LagSource::StreamIteratorAge))
}

/// Returns whether the newest records of the stream say more than this lag by the metrics: the age is the greatest of a
/// minute, in which later batches may have caught up, and where nothing is read it is that of an older batch.
pub(crate) fn is_doubtful(lag: &Lag, is_reading: bool) -> bool {
    let is_late = u128::from(lag.milliseconds) > LATE.as_millis();
    lag.source == LagSource::IteratorAge && (is_late || !is_reading)
}

/// Returns the failed invocations of the minute at `time`.
fn failed_in(metrics: &PipelineMetrics, time: Timestamp) -> f64 {
    metrics.errors.points.iter().find(|point| point.time == time).map_or(0.0, |point| point.value)
}

fn milliseconds(duration: jiff::SignedDuration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::metrics::MetricSeries;

    const NOW: i64 = 600_000;

    fn now() -> Timestamp {
        Timestamp::from_second(NOW * 60).unwrap()
    }

    fn series(points: &[(i64, f64)]) -> MetricSeries {
        MetricSeries::of_minutes_before(now(), points)
    }

    fn told(metrics: &PipelineMetrics) -> Option<(u64, &'static str, bool)> {
        lag_by_metrics(metrics, now(), true).map(|lag| (lag.milliseconds, lag.source.name(), lag.is_at_least))
    }

    #[test]
    fn lag_is_the_iterator_age_while_the_function_is_invoked() {
        let metrics = PipelineMetrics {
            iterator_age: series(&[(3, 90_000.0), (2, 150_000.4)]),
            incoming: series(&[(10, 5.0), (2, 0.0)]),
            errors: series(&[(3, 1.0), (2, 1.0)]),
            ..PipelineMetrics::default()
        };
        assert_eq!(told(&metrics), Some((150_000, "iterator-age", false)));
    }

    #[test]
    fn lag_is_zero_when_the_last_batch_was_done_and_nothing_has_come_since() {
        let mut metrics = PipelineMetrics {
            iterator_age: series(&[(60, 250.0)]),
            incoming: series(&[(60, 5.0), (30, 0.0)]),
            errors: series(&[(60, 0.0)]),
            ..PipelineMetrics::default()
        };
        assert_eq!(told(&metrics), Some((0, "iterator-age", false)));
        metrics.errors = series(&[(60, 1.0)]);
        let hour = 3_600_250;
        assert_eq!(told(&metrics), Some((hour, "iterator-age", false)), "the failed batch may still wait");
        metrics.errors = series(&[(60, 0.0)]);
        let blocked = lag_by_metrics(&metrics, now(), false).map(|lag| lag.milliseconds);
        assert_eq!(blocked, Some(hour), "a mapping that does not read proves nothing");
    }

    #[test]
    fn lag_is_the_age_of_the_first_minute_with_records_and_without_invocation_after_it() {
        let mut metrics = PipelineMetrics {
            iterator_age: series(&[(20, 250.0)]),
            incoming: series(&[(20, 5.0), (19, 0.0), (15, 1.0), (3, 1.0)]),
            ..PipelineMetrics::default()
        };
        assert_eq!(told(&metrics), Some((14 * 60_000, "waiting-records", true)));
        metrics.iterator_age = series(&[]);
        assert_eq!(told(&metrics), Some((19 * 60_000, "waiting-records", true)));
    }

    #[test]
    fn age_of_an_older_batch_is_compared_with_the_stream() {
        let of = |milliseconds, source| Lag { milliseconds, is_at_least: false, source };
        assert!(is_doubtful(&of(62_100, LagSource::IteratorAge), true), "all may have been caught up");
        assert!(is_doubtful(&of(6_403, LagSource::IteratorAge), false), "a later record waits");
        assert!(!is_doubtful(&of(6_403, LagSource::IteratorAge), true));
        assert!(!is_doubtful(&of(70_000, LagSource::WaitingRecords), false));
    }

    #[test]
    fn incomplete_metrics_do_not_say_the_lag() {
        let whole = PipelineMetrics {
            iterator_age: series(&[(60, 250.0)]),
            incoming: series(&[(60, 5.0), (30, 0.0)]),
            errors: series(&[(60, 0.0)]),
            ..PipelineMetrics::default()
        };
        assert_eq!(told(&whole), Some((0, "iterator-age", false)));
        let all: [fn(&mut PipelineMetrics) -> &mut MetricSeries; 3] =
            [|metrics| &mut metrics.iterator_age, |metrics| &mut metrics.incoming, |metrics| &mut metrics.errors];
        for of in all {
            let mut metrics = whole.clone();
            of(&mut metrics).incomplete = Some("InternalError".into());
            assert_eq!(told(&metrics), None);
        }
        let mut idle = PipelineMetrics { stream_age: series(&[(2, 0.0)]), ..PipelineMetrics::default() };
        idle.stream_age.incomplete = Some("InternalError".into());
        assert_eq!(told(&idle), None);
    }

    #[test]
    fn lag_of_an_idle_pipeline_is_zero_only_if_its_consumers_have_read_to_the_end() {
        let mut metrics = PipelineMetrics { stream_age: series(&[(2, 0.0)]), ..PipelineMetrics::default() };
        assert_eq!(told(&metrics), Some((0, "stream-iterator-age", false)));
        assert_eq!(lag_by_metrics(&metrics, now(), false), None, "another consumer may have read");
        metrics.stream_age = series(&[(5, 0.0)]);
        assert_eq!(told(&metrics), None, "no point is not zero");
        metrics.stream_age = series(&[(2, 5.0)]);
        assert_eq!(told(&metrics), None, "another consumer may be behind");
        assert_eq!(told(&PipelineMetrics::default()), None);
    }
}
