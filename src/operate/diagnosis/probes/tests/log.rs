//! What the log proves, and what it leaves open.

use super::*;

#[test]
fn log_without_a_batch_excludes_nothing_while_the_stream_has_records() {
    let mut seen = Observations { log: Ok(evidence(&[])), ..healthy() };
    assert_eq!((names(&seen), unknown(&seen)), (vec![], UNDELIVERED.to_vec()), "records came in");
    let idle = |incoming, emptiness| Observations {
        metrics: Ok(MetricFacts { incoming, ..metrics() }),
        emptiness: Some(emptiness),
        ..seen.clone()
    };
    assert_eq!(unknown(&idle(Ok(0.0), Ok(Emptiness::HasRecords))), UNDELIVERED);
    assert_eq!(unknown(&idle(Ok(0.0), Ok(Emptiness::Empty { shards: 1 }))), []);
    assert_eq!(unknown(&idle(Err("no".into()), Ok(Emptiness::Empty { shards: 1 }))), []);
    // The log of a program that writes no metrics of its own says nothing about its batches.
    let line = batch(NOW, "", 1.0, None);
    seen.log = Ok(evidence(&[crate::operate::LogLine { message: "stored".into(), ..line }]));
    assert_eq!(unknown(&seen), UNDELIVERED);
    let mut without_age = batch(NOW, "shardId-0", 1.0, None);
    without_age.message = without_age.message.replace("IteratorAge", "Other");
    seen.log = Ok(evidence(&[without_age]));
    assert_eq!(unknown(&seen), [CauseName::ConsumerBehindRetention]);
}

#[test]
fn failed_batch_is_classified_by_the_code_of_its_reason() {
    for (error, name) in [
        ("AccessDeniedException: not authorized to perform: dynamodb:BatchWriteItem", CauseName::RoleLacksAction),
        ("ThrottlingException: Throughput exceeds the current capacity", CauseName::TableThrottled),
        ("UnprocessedItems: the table's capacity was used up", CauseName::TableThrottled),
        ("ResourceNotFoundException: no table", CauseName::TableMissing),
        ("NoRejectsTable: not JSON", CauseName::FunctionFailing),
    ] {
        let seen = Observations { log: Ok(evidence(&[batch(NOW, "shardId-0", 1000.0, Some(error))])), ..healthy() };
        assert_eq!(names(&seen), [name], "{error}");
        let text = &proven(&seen)[0].evidence;
        assert!(
            text.contains("shardId-0, records 1 to 9 failed") && text.ends_with("its records expire in 24.0 h"),
            "{text}"
        );
    }
}

#[test]
fn two_shards_that_fail_for_two_reasons_are_two_causes() {
    let lines = [
        batch(NOW - 9, "shardId-0", 10.0, Some("ThrottlingException: slow")),
        batch(NOW - 8, "shardId-1", 10.0, Some("NoRejectsTable: not JSON")),
        batch(NOW - 7, "shardId-2", 10.0, Some("NoRejectsTable: not JSON")),
    ];
    let seen = Observations { log: Ok(evidence(&lines)), ..healthy() };
    assert_eq!(names(&seen), [CauseName::FunctionFailing, CauseName::TableThrottled]);
    let text = &proven(&seen)[0].evidence;
    assert!(text.contains("shardId-1") && text.contains("shardId-2"), "{text}");
}

#[test]
fn consumer_behind_retention_shows_the_hours_that_are_left() {
    let with = |lines: &[_]| Observations { log: Ok(evidence(lines)), ..healthy() };
    let old = with(&[batch(NOW, "shardId-0", 20.0 * HOUR, None)]);
    assert_eq!(names(&old), [CauseName::ConsumerBehindRetention]);
    assert!(proven(&old)[0].evidence.ends_with("the first are lost in 4.0 h"), "{}", proven(&old)[0].evidence);
    // By half a second a second.
    let rising =
        with(&[batch(NOW - 10 * MINUTE, "shardId-0", 60_000.0, None), batch(NOW, "shardId-0", 360_000.0, None)]);
    assert!(proven(&rising)[0].evidence.ends_with("lost in 47.8 h"), "{}", proven(&rising)[0].evidence);
    let falling =
        with(&[batch(NOW - 10 * MINUTE, "shardId-0", 360_000.0, None), batch(NOW, "shardId-0", 120_000.0, None)]);
    assert_eq!(names(&falling), []);
    // A blocked batch ages while it is blocked.
    let blocked = with(&[batch(NOW - 60 * MINUTE, "shardId-0", 11.5 * HOUR, Some("X: no"))]);
    assert_eq!(names(&blocked), [CauseName::FunctionFailing, CauseName::ConsumerBehindRetention]);
}
