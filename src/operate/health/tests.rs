//! Judgments of what was read.

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

fn healthy_mapping() -> MappingHealth<'static> {
    MappingHealth {
        uuid: "u",
        state: "Enabled",
        last_result: "OK",
        is_current: true,
        publishes_events: false,
        is_limited: false,
    }
}

fn problems(
    metrics: Result<PipelineMetrics, MetricsUnavailable>,
    dead: (u64, bool),
    lag: Result<Lag, String>,
    (last_result, is_current): (&str, bool),
) -> String {
    let dead_letters = Ok(DeadLetterCount { count: dead.0, is_at_least: dead.1 });
    let mapping = MappingHealth { last_result, is_current, ..healthy_mapping() };
    HealthReadings { clock: ServiceClock::default(), metrics, dead_letters, given_up: Ok(None), counted_given_up: None }
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
    let readings = HealthReadings {
        clock: ServiceClock::default(),
        metrics: Ok(metrics),
        dead_letters,
        given_up: Ok(None),
        counted_given_up: None,
    };
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
        Ok(PipelineMetrics { errors: series(errors), invocations: series(invocations), ..PipelineMetrics::default() })
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
    let said = "writes to the table were throttled (5 in 10 min); puts into the stream were throttled (5 in 10 min)";
    assert_eq!(of(&[(3, 5.0)], &[(4, 1.0), (3, 1.0)]), said);
    assert_eq!(of(&[(3, 5.0)], &[]), said);
    assert_eq!(of(&[(3, 5.0)], &[(2, 1.0)]), "");
    assert_eq!(of(&[(30, 5.0)], &[]), "");
}

#[test]
fn disabled_mapping_is_a_problem_whatever_the_settings_say() {
    let dead_letters = Ok(DeadLetterCount { count: 0, is_at_least: false });
    let metrics = Ok(PipelineMetrics::default());
    let readings = HealthReadings {
        clock: ServiceClock::default(),
        metrics,
        dead_letters,
        given_up: Ok(None),
        counted_given_up: None,
    };
    let mapping = MappingHealth { state: "Disabled", ..healthy_mapping() };
    let problems = readings.judge(now(), Ok(lag(0)), Some(mapping)).problems;
    assert_eq!(problems, ["the event source mapping is Disabled, so that nothing is delivered"]);
}

#[test]
fn given_up_records_are_unknown_where_retries_are_limited_and_nothing_counts_them() {
    let dead_letters = Ok(DeadLetterCount { count: 0, is_at_least: false });
    let mut readings = HealthReadings {
        clock: ServiceClock::default(),
        metrics: Ok(PipelineMetrics::default()),
        dead_letters,
        given_up: Ok(None),
        counted_given_up: None,
    };
    let limited = MappingHealth { is_limited: true, ..healthy_mapping() };
    let judged = |readings: &HealthReadings, mapping| {
        let Health { problems, given_up, .. } = readings.judge(now(), Ok(lag(0)), mapping);
        (problems, given_up.map(|records| records.map(|records| records.count)))
    };
    assert_eq!(judged(&readings, Some(healthy_mapping())), (vec![], Ok(None)), "it gives up none");
    let (problems, given_up) = judged(&readings, Some(limited));
    assert!(problems.is_empty() && given_up.clone().unwrap_err().contains("`mapping.metrics`"), "{given_up:?}");
    assert_eq!(judged(&readings, None), (vec![], Err("there is no event source mapping".to_owned())));
    readings.counted_given_up = Some(Ok(None));
    assert_eq!(judged(&readings, Some(limited)), (vec![], Ok(None)), "its metrics count them");
    readings.counted_given_up = Some(Err("denied".to_owned()));
    assert_eq!(judged(&readings, Some(limited)), (vec![], Err("denied".to_owned())));
}

#[test]
fn throttles_lag_and_dead_letters_are_problems() {
    let throttled = Ok(PipelineMetrics { throttles: series(&[(3, 4.0)]), ..PipelineMetrics::default() });
    assert_eq!(
        problems(throttled, (1000, true), Ok(lag(600_000)), ("OK", false)),
        "the function was throttled (4 times in 10 min); the oldest record waits for 10 min; \
         at least 1000 dead letters"
    );
    assert_eq!(problems(Ok(PipelineMetrics::default()), (1, false), Ok(lag(359_999)), ("OK", true)), "1 dead letter");
}
