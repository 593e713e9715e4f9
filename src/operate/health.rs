//! Judgement of the pipeline by its metrics, its event source mapping, its lag and its dead letters together.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::dead_letter_count::{DeadLetterCount, dead_letter_reasons};
use super::given_up::{GIVEN_UP_HOURS, GivenUpBatch, given_up_batches, given_up_records};
use super::lag::{Lag, StreamLag, is_doubtful, lag_by_metrics};
use super::metrics::{MetricSeries, MetricsUnavailable};
use super::pipeline_metrics::{PipelineMetrics, PipelineNames};
use crate::aws::{AwsFailure, Clients, ServiceClock};

/// Lag from which a pipeline is not well: a batch window is five minutes at most.
const LONG_LAG: Duration = Duration::from_mins(6);

/// Age up to which failed and throttled calls count.
const RECENT: Duration = Duration::from_mins(10);

/// A report that has something to say without an answer waits no longer for it.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// A difference of the clocks of this machine and of the service that shifts no minute of a metric by more than one.
const SAME_TIME: Duration = Duration::from_mins(1);

/// Readings beside the resources themselves.
#[derive(Clone, Debug)]
pub(crate) struct HealthReadings {
    /// The clock of the service.
    pub clock: ServiceClock,
    /// The metrics, or the reason why there are none.
    pub metrics: Result<PipelineMetrics, MetricsUnavailable>,
    /// The number of dead letters, or the reason why it is not known.
    pub dead_letters: Result<DeadLetterCount, String>,
    /// The batches that the mapping gave up, where a log tells them, or the reason why they are not known.
    pub given_up: Result<Option<Vec<GivenUpBatch>>, String>,
}

/// The event source mapping, as far as it concerns health.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MappingHealth<'a> {
    /// `Enabled`, `Disabled` and so on.
    pub state: &'a str,
    /// The result of the last batch. It has no time, and idle polls do not clear it, so it may be old.
    pub last_result: &'a str,
    /// True if the result is never old, as in the local cloud.
    pub is_current: bool,
}

/// How far the consumer is behind, and what does not work.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    /// The lag, or the reason why nothing says it.
    pub lag: Result<Lag, String>,
    /// When the table was last written, to the minute.
    pub last_write: Option<Timestamp>,
    /// Failures, as clauses without an end.
    pub problems: Vec<String>,
    /// The reason why it is not known whether the mapping gave up records, where a log would tell it.
    pub given_up_reason: Option<String>,
}

impl HealthReadings {
    /// Reads the metrics and the number of dead letters. Reads the metrics again where the clock of this machine is wrong:
    /// the minutes of metrics are those of the service.
    pub(crate) async fn read(clients: &Clients, names: &PipelineNames) -> Self {
        let clock = ServiceClock::default();
        let dead_letters = async {
            match dead_letter_reasons(clients, &names.rejects_table, &clock).await {
                Ok(Some(found)) => Ok(found.count),
                Ok(None) => Err(format!("table {} does not exist", names.rejects_table)),
                Err(failure) => Err(said(&failure)),
            }
        };
        let here = Timestamp::now();
        let given_up = given_up_batches(clients, &names.log_group, here.as_millisecond());
        let late = |_| format!("no answer in {} s", ANSWER_LIMIT.as_secs());
        let (mut metrics, dead_letters, given_up) = futures::join!(
            PipelineMetrics::read(clients, names, here),
            timeout(ANSWER_LIMIT, dead_letters),
            timeout(ANSWER_LIMIT, given_up)
        );
        let dead_letters = dead_letters.unwrap_or_else(|elapsed| Err(late(elapsed)));
        let given_up =
            given_up.map_or_else(|elapsed| Err(late(elapsed)), |read| read.map_err(|failure| said(&failure)));
        let there = time_of(&clock);
        if there.duration_since(Timestamp::now()).unsigned_abs() > SAME_TIME {
            metrics = PipelineMetrics::read(clients, names, there).await;
        }
        HealthReadings { clock, metrics, dead_letters, given_up }
    }

    /// Returns the time by the clock of the service.
    pub(crate) fn now(&self) -> Timestamp {
        time_of(&self.clock)
    }

    /// Returns the lag: by the metrics where they can say, else by the stream and the table, which are not read more often
    /// than once a minute with the same `by_stream`.
    ///
    /// # Errors
    /// The reason why neither can say.
    pub(crate) async fn lag(
        &self,
        clients: &Clients,
        names: &PipelineNames,
        now: Timestamp,
        mapping: Option<MappingHealth<'_>>,
        by_stream: &mut StreamLag,
    ) -> Result<Lag, String> {
        let is_reading = mapping.is_some_and(|mapping| mapping.state == "Enabled" && !mapping.has_problem());
        let by_metrics = match &self.metrics {
            Ok(metrics) => {
                let is_served = in_last(&metrics.throttles, now) == Some(0.0);
                lag_by_metrics(metrics, now, is_reading && is_served).ok_or("the metrics do not say".to_owned())
            }
            Err(unavailable) => Err(unavailable.reason().to_owned()),
        };
        match by_metrics {
            // The records behind the last batch of a minute are in no metric; those of the stream are.
            Ok(lag) if is_doubtful(&lag, is_reading) => {
                let least = Lag { is_at_least: lag.is_at_least || !is_reading, ..lag };
                Ok(by_stream.read(clients, names, now).await.unwrap_or(least))
            }
            Ok(lag) => Ok(lag),
            Err(why) => by_stream.read(clients, names, now).await.map_err(|failed| format!("{why}, and {failed}")),
        }
    }

    /// Judges what was read.
    pub(crate) fn judge(&self, now: Timestamp, lag: Result<Lag, String>, mapping: Option<MappingHealth<'_>>) -> Health {
        let mut problems = Vec::new();
        let metrics = self.metrics.as_ref().ok();
        if let Some(mapping) = mapping.filter(MappingHealth::has_problem)
            && (mapping.is_current || !is_contradicted(metrics, lag.as_ref().ok(), now))
        {
            problems.push("the event source mapping reports a problem".to_owned());
        }
        if let Some(MappingHealth { state: state @ ("Disabled" | "Disabling"), .. }) = mapping {
            problems.push(format!("the event source mapping is {state}, so that nothing is delivered"));
        }
        // The last result is newer than the metrics where it is never old.
        let is_over = mapping.is_some_and(|mapping| mapping.is_current && !mapping.has_problem());
        if let Some(metrics) = metrics.filter(|_| !is_over) {
            problems.extend(failing(metrics, now));
            if let Some(throttled) = in_last(&metrics.throttles, now).filter(|throttled| *throttled > 0.0) {
                problems.push(format!("the function was throttled ({throttled:.0} times in 10 min)"));
            }
        }
        if let Some(metrics) = metrics {
            let all = [
                ("writes to the table", &metrics.table_throttles, &metrics.written),
                ("puts into the stream", &metrics.put_throttles, &metrics.incoming),
            ];
            problems.extend(all.into_iter().filter_map(|(name, throttles, passed)| {
                let throttled = throttled_at_last(throttles, passed, now)?;
                Some(format!("{name} were throttled ({throttled:.0} in 10 min)"))
            }));
        }
        if let Ok(lag) = &lag
            && u128::from(lag.milliseconds) >= LONG_LAG.as_millis()
        {
            problems.push(format!("the oldest record waits for {} min", lag.milliseconds / 60_000));
        }
        if let Ok(DeadLetterCount { count: count @ 1.., is_at_least }) = self.dead_letters {
            let least = if is_at_least { "at least " } else { "" };
            problems.push(format!("{least}{count} dead letter{}", if count == 1 { "" } else { "s" }));
        }
        if let Ok(Some(batches)) = &self.given_up
            && !batches.is_empty()
        {
            let lost = given_up_records(batches);
            problems.push(format!("{lost} given up in the last {GIVEN_UP_HOURS} h, and not tried again"));
        }
        let last_write = metrics.and_then(|metrics| newest_above_zero(&metrics.written));
        let given_up_reason = self.given_up.as_ref().err().cloned();
        Health { lag, last_write, problems, given_up_reason }
    }
}

fn said(failure: &AwsFailure) -> String {
    format!("{} {} failed ({})", failure.service, failure.operation, failure.said())
}

fn time_of(clock: &ServiceClock) -> Timestamp {
    Timestamp::from_millisecond(clock.now_ms()).unwrap_or_else(|_| Timestamp::now())
}

impl MappingHealth<'_> {
    /// Returns whether the last result is a problem.
    pub(crate) fn has_problem(&self) -> bool {
        self.last_result.starts_with("PROBLEM")
    }
}

/// Returns whether the metrics and the lag show that an earlier problem of the mapping is over.
fn is_contradicted(metrics: Option<&PipelineMetrics>, lag: Option<&Lag>, now: Timestamp) -> bool {
    // The table alone does not: a record that fails the function is no row of it, and no reading to look for.
    let (Some(metrics), Some(lag)) = (metrics, lag) else { return false };
    let is_calm = |series| in_last(series, now) == Some(0.0);
    is_calm(&metrics.errors) && is_calm(&metrics.throttles) && lag.milliseconds == 0
}

/// Returns that the function fails, if it failed in the last minute in which it was invoked.
fn failing(metrics: &PipelineMetrics, now: Timestamp) -> Option<String> {
    let last = metrics.errors.newest().filter(|point| point.value > 0.0)?;
    let failed = in_last(&metrics.errors, now).filter(|failed| *failed > 0.0)?;
    let Some(all) = in_last(&metrics.invocations, now).filter(|_| metrics.invocations.incomplete.is_none()) else {
        return Some(format!("the function fails ({failed:.0} invocations in 10 min)"));
    };
    let is_all = metrics.invocations.newest().is_none_or(|invoked| invoked.value <= last.value);
    is_all.then(|| format!("the function fails ({failed:.0} of {all:.0} invocations in 10 min)"))
}

/// Returns the throttles of the last minutes, unless something passed in a minute after the last one.
fn throttled_at_last(throttles: &MetricSeries, passed: &MetricSeries, now: Timestamp) -> Option<f64> {
    let count = in_last(throttles, now).filter(|count| *count > 0.0)?;
    let last = throttles.points.iter().rev().find(|point| point.value > 0.0)?;
    newest_above_zero(passed).is_none_or(|passed| passed <= last.time).then_some(count)
}

/// Returns the sum of the points of the last minutes, or `None` where points are missing that may be above zero.
fn in_last(series: &MetricSeries, now: Timestamp) -> Option<f64> {
    let since = now.checked_sub(RECENT).unwrap_or(Timestamp::MIN);
    let sum = series.since(since).sum().unwrap_or(0.0);
    (sum > 0.0 || series.incomplete.is_none()).then_some(sum)
}

fn newest_above_zero(series: &MetricSeries) -> Option<Timestamp> {
    // The newest points may be those that are missing.
    let points = series.incomplete.is_none().then_some(&series.points)?;
    points.iter().rev().find(|point| point.value > 0.0).map(|point| point.time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::lag::LagSource;

    const NOW: i64 = 600_000;
    const FAILED: &str = "PROBLEM: Function call failed";

    fn now() -> Timestamp {
        Timestamp::from_second(NOW * 60).unwrap()
    }

    fn series(points: &[(i64, f64)]) -> MetricSeries {
        MetricSeries::of_minutes_before(now(), points)
    }

    fn lag(milliseconds: u64) -> Lag {
        Lag { milliseconds, is_at_least: false, source: LagSource::IteratorAge }
    }

    fn problems(
        metrics: Result<PipelineMetrics, MetricsUnavailable>,
        dead: (u64, bool),
        lag: Result<Lag, String>,
        (last_result, is_current): (&str, bool),
    ) -> String {
        let dead_letters = Ok(DeadLetterCount { count: dead.0, is_at_least: dead.1 });
        let mapping = MappingHealth { state: "Enabled", last_result, is_current };
        HealthReadings { clock: ServiceClock::default(), metrics, dead_letters, given_up: Ok(None) }
            .judge(now(), lag, Some(mapping))
            .problems
            .join("; ")
    }

    #[test]
    fn old_problem_of_the_mapping_does_not_count_when_the_metrics_contradict_it() {
        let calm = || Ok(PipelineMetrics { errors: series(&[(30, 3.0)]), ..PipelineMetrics::default() });
        assert_eq!(problems(calm(), (0, false), Ok(lag(0)), (FAILED, false)), "");
        let reported = "the event source mapping reports a problem";
        assert_eq!(problems(calm(), (0, false), Ok(lag(0)), (FAILED, true)), reported);
        assert_eq!(problems(calm(), (0, false), Ok(lag(5)), (FAILED, false)), reported, "something waits");
        assert_eq!(problems(calm(), (0, false), Err(String::new()), (FAILED, false)), reported, "nothing contradicts");
        let denied = || Err(MetricsUnavailable::Denied("denied".to_owned()));
        assert_eq!(
            problems(denied(), (0, false), Ok(lag(0)), (FAILED, false)),
            reported,
            "the table does not have what fails"
        );
        for incomplete in [true, false] {
            let mut errors = series(&[(30, 3.0)]);
            errors.incomplete = incomplete.then(|| "InternalError".to_owned());
            let metrics = Ok(PipelineMetrics { errors, ..PipelineMetrics::default() });
            let said = problems(metrics, (0, false), Ok(lag(0)), (FAILED, false));
            assert_eq!(said == reported, incomplete, "missing points are not zero");
        }
    }

    #[test]
    fn incomplete_metrics_prove_what_they_show_and_nothing_else() {
        let incomplete = |points: &[(i64, f64)]| MetricSeries { incomplete: Some("x".into()), ..series(points) };
        let metrics = PipelineMetrics {
            errors: incomplete(&[(3, 2.0)]),
            invocations: incomplete(&[(3, 9.0)]),
            throttles: incomplete(&[(3, 4.0)]),
            written: incomplete(&[(9, 1.0)]),
            ..PipelineMetrics::default()
        };
        let dead_letters = Ok(DeadLetterCount { count: 0, is_at_least: false });
        let readings =
            HealthReadings { clock: ServiceClock::default(), metrics: Ok(metrics), dead_letters, given_up: Ok(None) };
        let health = readings.judge(now(), Ok(lag(0)), None);
        assert_eq!(
            health.problems,
            ["the function fails (2 invocations in 10 min)", "the function was throttled (4 times in 10 min)"]
        );
        assert_eq!(health.last_write, None, "a newer point may be missing");
    }

    #[test]
    fn function_that_failed_at_last_is_a_problem_and_one_that_recovered_is_not() {
        let metrics = |errors: &[(i64, f64)], invocations: &[(i64, f64)]| {
            Ok(PipelineMetrics {
                errors: series(errors),
                invocations: series(invocations),
                ..PipelineMetrics::default()
            })
        };
        let fails = metrics(&[(4, 0.0), (3, 2.0)], &[(4, 5.0), (3, 2.0)]);
        assert_eq!(problems(fails.clone(), (0, false), Ok(lag(0)), ("OK", true)), "", "the last result is newer");
        assert_eq!(
            problems(fails, (0, false), Ok(lag(0)), ("OK", false)),
            "the function fails (2 of 7 invocations in 10 min)"
        );
        let recovered = metrics(&[(4, 2.0), (3, 0.0)], &[(4, 2.0), (3, 1.0)]);
        assert_eq!(problems(recovered, (0, false), Ok(lag(0)), ("OK", false)), "");
        let retried = metrics(&[(3, 1.0)], &[(3, 5.0)]);
        assert_eq!(problems(retried, (0, false), Ok(lag(0)), ("OK", false)), "");
        let long_ago = metrics(&[(30, 2.0)], &[(30, 2.0)]);
        assert_eq!(problems(long_ago, (0, false), Ok(lag(0)), ("OK", false)), "");
    }

    #[test]
    fn throttled_tables_and_streams_are_a_problem_until_something_passes_in_a_later_minute() {
        let of = |throttles: &[(i64, f64)], passed: &[(i64, f64)]| {
            let metrics = PipelineMetrics {
                table_throttles: series(throttles),
                written: series(passed),
                put_throttles: series(throttles),
                incoming: series(passed),
                ..PipelineMetrics::default()
            };
            problems(Ok(metrics), (0, false), Ok(lag(0)), ("OK", true))
        };
        let said =
            "writes to the table were throttled (5 in 10 min); puts into the stream were throttled (5 in 10 min)";
        assert_eq!(of(&[(3, 5.0)], &[(4, 1.0), (3, 1.0)]), said);
        assert_eq!(of(&[(3, 5.0)], &[]), said);
        assert_eq!(of(&[(3, 5.0)], &[(2, 1.0)]), "");
        assert_eq!(of(&[(30, 5.0)], &[]), "");
    }

    #[test]
    fn disabled_mapping_is_a_problem_whatever_the_settings_say() {
        let dead_letters = Ok(DeadLetterCount { count: 0, is_at_least: false });
        let metrics = Ok(PipelineMetrics::default());
        let readings = HealthReadings { clock: ServiceClock::default(), metrics, dead_letters, given_up: Ok(None) };
        let mapping = MappingHealth { state: "Disabled", last_result: "OK", is_current: true };
        let problems = readings.judge(now(), Ok(lag(0)), Some(mapping)).problems;
        assert_eq!(problems, ["the event source mapping is Disabled, so that nothing is delivered"]);
    }

    #[test]
    fn throttles_lag_and_dead_letters_are_problems() {
        let throttled = Ok(PipelineMetrics { throttles: series(&[(3, 4.0)]), ..PipelineMetrics::default() });
        assert_eq!(
            problems(throttled, (1000, true), Ok(lag(600_000)), ("OK", false)),
            "the function was throttled (4 times in 10 min); the oldest record waits for 10 min; \
             at least 1000 dead letters"
        );
        assert_eq!(
            problems(Ok(PipelineMetrics::default()), (1, false), Ok(lag(359_999)), ("OK", true)),
            "1 dead letter"
        );
    }
}
