//! Judgement of the pipeline by its metrics, its event source mapping, its lag and its dead letters together.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::answer_limit::{ANSWER_LIMIT, no_answer};
use super::dead_letter_count::{DeadLetterCount, dead_letter_reasons};
use super::given_up::{GivenUpLog, GivenUpRecords, counted_given_up, given_up_batches};
use super::lag::{Lag, StreamLag, is_doubtful, lag_by_metrics};
use super::metrics::{MetricSeries, MetricsUnavailable};
use super::pipeline_metrics::{PipelineMetrics, PipelineNames};
use crate::aws::{AwsFailure, Clients, ServiceClock};

/// Lag from which a pipeline is not well: a batch window is five minutes at most.
const LONG_LAG: Duration = Duration::from_mins(6);

/// Age up to which failed and throttled calls count.
const RECENT: Duration = Duration::from_mins(10);

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
    pub given_up: Result<Option<GivenUpLog>, String>,
    /// The records that it gave up by its metrics, where the log does not tell them and it publishes some.
    pub counted_given_up: Option<Result<Option<GivenUpRecords>, String>>,
}

/// The event source mapping, as far as it concerns health.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MappingHealth<'a> {
    /// Its UUID.
    pub uuid: &'a str,
    /// `Enabled`, `Disabled` and so on.
    pub state: &'a str,
    /// The result of the last batch. It has no time, and idle polls do not clear it, so it may be old.
    pub last_result: &'a str,
    /// True if the result is never old, as in the local cloud.
    pub is_current: bool,
    /// True if it publishes the metrics of its events.
    pub publishes_events: bool,
    /// True if it gives up a failed batch before its records expire.
    pub is_limited: bool,
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
    /// The records that the mapping gave up, if any, or the reason why they are not known.
    pub given_up: Result<Option<GivenUpRecords>, String>,
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
        let late = |_| no_answer();
        let (mut metrics, dead_letters, given_up) = futures::join!(
            PipelineMetrics::read(clients, names, here),
            timeout(ANSWER_LIMIT, dead_letters),
            timeout(ANSWER_LIMIT, given_up)
        );
        let dead_letters = dead_letters.unwrap_or_else(|elapsed| Err(late(elapsed)));
        let given_up =
            given_up.map_or_else(|elapsed| Err(late(elapsed)), |read| read.map_err(|failure| said(&failure)));
        let given_up = match given_up {
            Ok(Some(batches)) => Ok(Some(GivenUpLog::look_up(clients, names, batches).await)),
            Ok(None) => Ok(None),
            Err(why) => Err(why),
        };
        let there = time_of(&clock);
        if there.duration_since(Timestamp::now()).unsigned_abs() > SAME_TIME {
            metrics = PipelineMetrics::read(clients, names, there).await;
        }
        HealthReadings { clock, metrics, dead_letters, given_up, counted_given_up: None }
    }

    /// Counts the records that the mapping gave up by its metrics, with one call, where the log does not tell them and it
    /// publishes these metrics.
    pub(crate) async fn count_given_up(&mut self, clients: &Clients, mapping: Option<MappingHealth<'_>>) {
        let Some(mapping) = mapping.filter(|mapping| mapping.publishes_events) else { return };
        if self.counted_given_up.is_none() && !matches!(self.given_up, Ok(Some(_))) {
            self.counted_given_up = Some(counted_given_up(clients, mapping.uuid, self.now()).await);
        }
    }

    /// Returns the records that the mapping gave up, if any: by the log, else by its metrics. A mapping that gives up
    /// nothing has none.
    fn given_up(&self, mapping: Option<MappingHealth<'_>>) -> Result<Option<GivenUpRecords>, String> {
        match (&self.given_up, &self.counted_given_up, mapping) {
            (Ok(Some(log)), ..) => Ok(GivenUpRecords::of(log)),
            (_, Some(counted), _) => counted.clone(),
            (Err(why), ..) => Err(why.clone()),
            (Ok(None), None, None) => Err("there is no event source mapping".to_owned()),
            (Ok(None), None, Some(mapping)) if mapping.is_limited => {
                Err("the retries or the record age of the event source \
                mapping are limited, and it publishes no metric of what it gives up: `mapping.metrics`"
                    .to_owned())
            }
            (Ok(None), None, Some(_)) => Ok(None),
        }
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
        let given_up = self.given_up(mapping);
        if let Ok(Some(lost)) = &given_up
            && !lost.is_restored()
        {
            let (what, when, until) = (lost.described(), lost.when(), lost.until());
            let rest = match &lost.missing {
                Ok(missing) => format!("readings in neither table: {missing}, "),
                Err(_) => String::new(),
            };
            problems.push(format!("{what} given up {when} and not tried again ({rest}named until {until})"));
        }
        let last_write = metrics.and_then(|metrics| newest_above_zero(&metrics.written));
        Health { lag, last_write, problems, given_up }
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
mod tests;
