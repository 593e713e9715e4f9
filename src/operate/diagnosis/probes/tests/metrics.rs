//! Causes that metrics prove, and those that they leave open.

use super::*;

#[test]
fn throttled_writers_are_a_hot_shard_or_a_stream_that_is_too_small() {
    let judged = |open_shards: i32, is_on_demand: bool, peak_bytes: f64| {
        let peaks = Ok(StreamPeaks { bytes: peak_bytes, records: 0.0 });
        let metrics = MetricFacts { write_throttles: Ok(3.0), peaks, ..metrics() };
        let mut seen = Observations { metrics: Ok(metrics), ..healthy() };
        let stream = seen.stream.as_mut().unwrap().as_mut().unwrap();
        (stream.open_shards, stream.is_on_demand) = (open_shards, is_on_demand);
        names(&seen)
    };
    let full = 60.0 * 1024.0 * 1024.0 * 4.0;
    assert_eq!(judged(4, false, full / 4.0), [CauseName::HotShard]);
    assert_eq!(judged(4, false, full), [CauseName::StreamThrottled]);
    // One shard alone is not busier than the others, and a stream on demand grows.
    assert_eq!(judged(1, false, 1.0), [CauseName::StreamThrottled]);
    assert_eq!(judged(4, true, 1.0), [CauseName::StreamThrottled]);
    let with_shards = |open_shards: i32| {
        let metrics = MetricFacts { write_throttles: Ok(3.0), peaks: Err("InternalError".into()), ..metrics() };
        let mut seen = Observations { metrics: Ok(metrics), ..healthy() };
        seen.stream.as_mut().unwrap().as_mut().unwrap().open_shards = open_shards;
        (names(&seen), unknown(&seen))
    };
    assert_eq!(with_shards(4), (vec![], vec![CauseName::HotShard, CauseName::StreamThrottled]));
    assert_eq!(with_shards(1), (vec![CauseName::StreamThrottled], vec![]));
}

#[test]
fn throttled_table_is_a_hot_key_only_by_the_metric_of_partitions() {
    let judged = |key_range_throttles| {
        let metrics = MetricFacts { table_throttles: Ok(9.0), key_range_throttles, ..metrics() };
        let seen = Observations { metrics: Ok(metrics), ..healthy() };
        (names(&seen), unknown(&seen))
    };
    assert_eq!(judged(Ok(7.0)), (vec![CauseName::TableThrottled, CauseName::HotKey], vec![]));
    assert_eq!(judged(Ok(0.0)), (vec![CauseName::TableThrottled], vec![]));
    assert_eq!(judged(Err("refused".into())), (vec![CauseName::TableThrottled], vec![CauseName::HotKey]));
}

#[test]
fn throttled_reads_name_the_readers_that_lambda_knows() {
    let metrics = MetricFacts { read_throttles: Ok(2.0), ..metrics() };
    let judged = |others: &[&str]| {
        let others = others.iter().map(|name| (*name).to_owned()).collect();
        let seen = Observations { metrics: Ok(metrics.clone()), other_readers: Some(Ok(others)), ..healthy() };
        (proven(&seen), unknown(&seen))
    };
    let (causes, _) = judged(&["Theirs"]);
    assert_eq!((causes.len(), causes[0].name), (1, CauseName::AnotherReader));
    assert!(causes[0].evidence.ends_with("event source mappings of Theirs read it, too"), "{}", causes[0].evidence);
    assert_eq!(judged(&[]), (vec![], vec![CauseName::AnotherReader]), "the mapping itself may have been throttled");
    let others = Some(Ok(vec!["Theirs".to_owned()]));
    let mut seen = Observations { metrics: Ok(metrics.clone()), other_readers: others, ..healthy() };
    seen.is_result_current = true;
    mapping(&mut seen).last_result = "PROBLEM: ProvisionedThroughputExceededException: Rate exceeded.".into();
    assert_eq!(names(&seen), [CauseName::AnotherReader], "the other reader explains the result");
    mapping(&mut seen).last_result = "PROBLEM: Lambda internal error.".into();
    assert_eq!(names(&seen), [CauseName::MappingFailing, CauseName::AnotherReader]);
    let unknown_readers = Some(Err("denied".into()));
    let seen = Observations { metrics: Ok(metrics), other_readers: unknown_readers, ..healthy() };
    assert_eq!((names(&seen), unknown(&seen)), (vec![], vec![CauseName::AnotherReader]));
}

#[test]
fn throttled_invocations_and_failed_deliveries_are_causes() {
    let metrics = MetricFacts { function_throttles: Ok(5.0), delivery_failures: Ok(1.0), ..metrics() };
    let mut seen = Observations { metrics: Ok(metrics), ..healthy() };
    assert_eq!(names(&seen), [CauseName::FunctionThrottled, CauseName::DestinationFailing]);
    function(&mut seen).reserved_concurrency = Some(2);
    assert!(proven(&seen)[0].evidence.ends_with("its reserved concurrency is 2"), "{:?}", proven(&seen)[0]);
    let without_function = Observations { function: Err("denied".into()), ..seen.clone() };
    let evidence = &proven(&without_function)[0].evidence;
    assert!(evidence.ends_with("its reserved concurrency is not known (denied)"), "{evidence}");
    function(&mut seen).reserved_concurrency = Some(0);
    assert_eq!(names(&seen), [CauseName::NoConcurrency, CauseName::DestinationFailing]);
}

#[test]
fn throttles_are_over_when_something_passed_after_their_last_minute() {
    let newest = NewestMinutes {
        invocation_throttled: Some(NOW - 3 * MINUTE),
        table_throttled: Some(NOW - 3 * MINUTE),
        put_throttled: Some(NOW - 3 * MINUTE),
        records_put: Some(NOW - 3 * MINUTE),
        ..NewestMinutes::default()
    };
    let throttled = MetricFacts {
        function_throttles: Ok(5.0),
        table_throttles: Ok(5.0),
        write_throttles: Ok(5.0),
        newest,
        ..metrics()
    };
    let mut seen = Observations { metrics: Ok(throttled.clone()), ..healthy() };
    assert_eq!(names(&seen), [CauseName::StreamThrottled], "a batch ended well a minute ago");
    assert!(proven(&seen)[0].evidence.contains("last in the minute of"), "{}", proven(&seen)[0].evidence);
    seen.log = Ok(evidence(&[batch(NOW - 3 * MINUTE, "shardId-0", 100.0, None)]));
    let all = [CauseName::FunctionThrottled, CauseName::TableThrottled, CauseName::StreamThrottled];
    assert_eq!(names(&seen), all, "it may have been before");
    assert!(!proven(&seen)[0].evidence.contains("used up"), "no call shows that");
    let with = |newest| Ok(MetricFacts { newest, ..throttled.clone() });
    seen.metrics = with(NewestMinutes { records_put: Some(NOW), ..newest });
    assert_eq!(names(&seen), [CauseName::FunctionThrottled, CauseName::TableThrottled]);
    // The log says nothing, for instance because its group was deleted.
    let passed = Some(NOW - 2 * MINUTE);
    seen.metrics = with(NewestMinutes { invoked: passed, written: passed, ..newest });
    assert_eq!(names(&seen), [CauseName::StreamThrottled]);
}

#[test]
fn throttles_of_an_invocation_that_still_runs_are_not_over() {
    let newest = NewestMinutes { table_throttled: Some(NOW - MINUTE), ..NewestMinutes::default() };
    let throttled = MetricFacts { table_throttles: Ok(5.0), newest, ..metrics() };
    let mut seen = Observations { metrics: Ok(throttled), is_result_current: true, ..healthy() };
    assert_eq!(names(&seen), [], "the last result is good");
    function(&mut seen).timeout_seconds = 60;
    seen.log.as_mut().unwrap().running.insert("id".into(), NOW - 1000);
    assert_eq!(names(&seen), [CauseName::TableThrottled]);
}

#[test]
fn remedy_of_a_throttled_table_names_no_setting_that_changes_nothing() {
    let throttled = MetricFacts { table_throttles: Ok(9.0), ..metrics() };
    let mut seen = Observations { metrics: Ok(throttled), ..healthy() };
    assert!(proven(&seen)[0].remedy.contains("table.billing=on-demand"));
    seen.is_table_on_demand = true;
    assert!(!proven(&seen)[0].remedy.contains("table.billing"), "{}", proven(&seen)[0].remedy);
}
