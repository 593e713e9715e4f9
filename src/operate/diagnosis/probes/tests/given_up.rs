//! Records that the mapping gave up or passed over.

use super::*;
use crate::operate::FailureDocument;
use crate::operate::given_up::{GivenUpBatch, GivenUpLog, GivenUpRecords};

/// Returns a batch that was given up, of whose readings so many are missing.
fn log(missing: Result<u64, String>) -> GivenUpLog {
    let document = FailureDocument {
        shard_id: "shardId-0".into(),
        first: "1".into(),
        last: "9".into(),
        records: 9,
        condition: "RetryAttemptsExhausted".into(),
        ..FailureDocument::default()
    };
    GivenUpLog { batches: vec![GivenUpBatch { time_ms: NOW - MINUTE, document }], missing }
}

#[test]
fn given_up_batches_of_the_log_are_a_cause_although_the_last_result_is_ok() {
    let seen = Observations { given_up: Ok(Some(log(Ok(9)))), is_result_current: true, ..healthy() };
    let causes = proven(&seen);
    assert_eq!(names(&seen), [CauseName::RecordsGivenUp]);
    assert!(causes[0].evidence.contains("9 records (RetryAttemptsExhausted)"), "{}", causes[0].evidence);
    assert!(causes[0].remedy.contains("`sensorctl rejects from-destination --file given-up.ndjson --replay`"));
    assert!(causes[0].evidence.contains("readings in neither table: 9; named until "), "{}", causes[0].evidence);
    let unknown_rest = Observations { given_up: Ok(Some(log(Err("denied".into())))), ..healthy() };
    let evidence = &proven(&unknown_rest)[0].evidence;
    assert!(evidence.contains("it is not known whether the tables have their readings by now (denied)"), "{evidence}");
    for over in [GivenUpLog { batches: Vec::new(), missing: Ok(0) }, log(Ok(0))] {
        let seen = Observations { given_up: Ok(Some(over)), ..healthy() };
        assert_eq!((names(&seen), unknown(&seen)), (vec![], vec![]), "none, or the tables have them by now");
    }
}

#[test]
fn given_up_records_are_unknown_where_retries_are_limited_and_nothing_counts_them() {
    let mut seen = with_problem();
    seen.log = Ok(evidence(&[batch(NOW - 9, "shardId-0", 1.0, Some("X: no"))]));
    assert!(!unknown(&seen).contains(&CauseName::RecordsGivenUp), "it is tried until it expires");
    mapping(&mut seen).retry_attempts = Some(3);
    assert!(unknown(&seen).contains(&CauseName::RecordsGivenUp));
    seen.counted_given_up = Some(Ok(None));
    assert!(!unknown(&seen).contains(&CauseName::RecordsGivenUp), "the metric counts them");
    seen.counted_given_up = Some(Ok(GivenUpRecords::of(&log(Ok(9)))));
    mapping(&mut seen).on_failure = Some("arn:aws:sqs:us-east-1:1:q".into());
    let cause = proven(&seen).into_iter().find(|cause| cause.name == CauseName::RecordsGivenUp).unwrap();
    assert!(cause.remedy.contains("arn:aws:sqs:us-east-1:1:q"), "{}", cause.remedy);
    let mut well = healthy();
    mapping(&mut well).retry_attempts = Some(3);
    assert_eq!(unknown(&well), [], "nothing failed");
    mapping(&mut well).last_result = "PROBLEM: 1 records of shardId-0 were discarded (RetryAttemptsExhausted)".into();
    assert!(names(&well).contains(&CauseName::RecordsGivenUp));
}

#[test]
fn record_that_does_not_come_again_is_passed_to_the_function_by_its_remedy() {
    let mut seen = with_problem();
    seen.log = Ok(evidence(&[batch(NOW - 9, "shardId-0", 1.0, Some("NoRejectsTable: no table for rejects is set"))]));
    let cause =
        |seen: &Observations| proven(seen).into_iter().find(|cause| cause.name == CauseName::FunctionFailing).unwrap();
    assert!(cause(&seen).remedy.ends_with("and the record becomes a dead letter"));
    let again = "`sensorctl invoke --from-stream shardId-0:1`";
    mapping(&mut seen).retry_attempts = Some(0);
    assert!(cause(&seen).evidence.contains("it was given up"), "{}", cause(&seen).evidence);
    assert!(cause(&seen).remedy.contains(again) && !cause(&seen).remedy.contains("becomes a dead letter"));
    mapping(&mut seen).retry_attempts = Some(5);
    assert!(cause(&seen).evidence.contains("it is given up after 5 retries"), "{}", cause(&seen).evidence);
    mapping(&mut seen).retry_attempts = None;
    mapping(&mut seen).reports_partial_batches = false;
    assert!(cause(&seen).evidence.contains("passed over"), "{}", cause(&seen).evidence);
    assert!(cause(&seen).remedy.contains(again), "{}", cause(&seen).remedy);
}

#[test]
fn batch_that_was_given_up_before_the_last_result_is_no_failure_any_more() {
    let mut seen = healthy();
    seen.is_result_current = true;
    seen.stream.as_mut().unwrap().as_mut().unwrap().open_shards = 2;
    let failed = |ago| batch(NOW - ago, "shardId-0", 1.0, Some("NoRejectsTable: no"));
    seen.log = Ok(evidence(&[failed(9), failed(8)]));
    assert_eq!(names(&seen), [CauseName::FunctionFailing], "the result may be that of the other shard");
    seen.given_up = Ok(Some(log(Ok(9))));
    assert_eq!(names(&seen), [CauseName::RecordsGivenUp]);
}
