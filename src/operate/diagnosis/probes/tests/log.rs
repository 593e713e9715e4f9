//! Causes that the log proves, and those that it leaves open.

use super::*;

#[test]
fn log_without_a_batch_excludes_nothing_while_the_stream_has_records() {
    let mut seen = Observations { log: Ok(evidence(&[])), ..healthy() };
    assert_eq!((names(&seen), unknown(&seen)), (vec![], UNDELIVERED.to_vec()), "records came in");
    let idle = |incoming: Result<f64, String>, emptiness| Observations {
        metrics: Ok(MetricFacts { newest_incoming: incoming.clone(), incoming, ..metrics() }),
        emptiness: Some(emptiness),
        ..seen.clone()
    };
    let mut resting = idle(Ok(0.0), Ok(Emptiness::HasRecords));
    assert_eq!(unknown(&resting), [], "the last batch was stored, and nothing came since");
    mapping(&mut resting).last_result = "No records processed".into();
    assert_eq!(unknown(&resting), UNDELIVERED);
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
fn crash_is_proven_only_while_nothing_else_works_and_the_mapping_has_a_problem() {
    let timeout = report(NOW - 9, "Status: timeout");
    let delivered = batch(NOW - 20, "shardId-0", 1.0, None);
    let mut seen = Observations { log: Ok(evidence(&[delivered.clone(), timeout.clone()])), ..healthy() };
    assert_eq!((names(&seen), unknown(&seen)), (vec![], vec![CauseName::FunctionTimeout]), "it may be by hand");
    mapping(&mut seen).last_result = "PROBLEM: Function call failed".into();
    assert_eq!(names(&seen), [CauseName::FunctionTimeout]);
    seen.log = Ok(evidence(&[delivered, timeout, report(NOW - 5, "")]));
    mapping(&mut seen).last_result = "OK".into();
    assert_eq!((names(&seen), unknown(&seen)), (vec![], vec![]), "one shard, in order");
    mapping(&mut seen).parallelization = 2;
    assert_eq!((names(&seen), unknown(&seen)), (vec![], vec![CauseName::FunctionTimeout]));
    mapping(&mut seen).parallelization = 1;
    seen.stream.as_mut().unwrap().as_mut().unwrap().open_shards = 2;
    assert_eq!(
        (names(&seen), unknown(&seen)),
        (vec![], vec![CauseName::FunctionTimeout]),
        "another shard may be blocked"
    );
    let again = |ms| {
        let timeout = |ago| report(NOW - ms - ago, "Status: timeout");
        Ok(evidence(&[batch(NOW - ms - 9, "shardId-0", 1.0, None), timeout(8), timeout(5), report(NOW - ms, "")]))
    };
    mapping(&mut seen).last_result = "PROBLEM: Function call failed".into();
    seen.log = again(0);
    assert_eq!(names(&seen), [CauseName::FunctionTimeout], "again and again, while the other shard is delivered");
    seen.log = again(4 * MINUTE);
    let open = [CauseName::FunctionTimeout, CauseName::MappingFailing];
    assert_eq!((names(&seen), unknown(&seen)), (vec![], open.to_vec()), "not any more");
}

#[test]
fn failed_batch_of_a_shard_is_one_of_the_mapping_only_with_its_problem_or_by_its_retries() {
    let failed = |ago| batch(NOW - ago, "shardId-0", 1.0, Some("NoRejectsTable: no"));
    let mut seen = Observations { log: Ok(evidence(&[failed(9)])), ..healthy() };
    assert_eq!((names(&seen), unknown(&seen)), (vec![], vec![CauseName::FunctionFailing]), "`invoke --from-stream`");
    seen.log = Ok(evidence(&[failed(9), failed(8)]));
    assert_eq!(names(&seen), [], "the result is that of the only shard");
    seen.stream.as_mut().unwrap().as_mut().unwrap().open_shards = 2;
    assert_eq!(names(&seen), [CauseName::FunctionFailing], "the result may be that of the other shard");
}

#[test]
fn failed_invocation_of_no_shard_is_proven_only_with_a_problem_of_the_mapping() {
    let lines = [batch(NOW - 9, "shardId-0", 1.0, None), batch(NOW - 8, "", 1.0, Some("AccessDeniedException: no"))];
    let mut seen = Observations { log: Ok(evidence(&lines)), ..healthy() };
    assert_eq!((names(&seen), unknown(&seen)), (vec![], vec![CauseName::RoleLacksAction]));
    mapping(&mut seen).last_result = "PROBLEM: Function call failed".into();
    assert_eq!(names(&seen), [CauseName::RoleLacksAction]);
}

/// Returns the evidence of a log that was not read as a whole.
fn cut(mut log: LogEvidence, lacks_newest: bool) -> LogEvidence {
    (log.is_cut, log.lacks_newest) = (true, lacks_newest);
    log
}

#[test]
fn log_that_was_cut_excludes_nothing_and_without_its_newest_lines_proves_nothing() {
    let failing = [batch(NOW - 9, "shardId-0", 20.0 * HOUR, Some("NoRejectsTable: no"))];
    let judged = |log: LogEvidence| {
        let seen = Observations { log: Ok(log), ..with_problem() };
        (names(&seen), unknown(&seen))
    };
    let (known, open) = judged(cut(evidence(&failing), false));
    assert_eq!(known, [CauseName::FunctionFailing, CauseName::ConsumerBehindRetention]);
    let others = [CauseName::FunctionTimeout, CauseName::FunctionOutOfMemory, CauseName::TableThrottled];
    assert_eq!(open, others);
    let (known, open) = judged(cut(evidence(&failing), true));
    assert!(!known.contains(&CauseName::FunctionFailing) && !known.contains(&CauseName::ConsumerBehindRetention));
    assert!(
        open.contains(&CauseName::FunctionFailing) && open.contains(&CauseName::ConsumerBehindRetention),
        "{open:?}"
    );
    let well = evidence(&[batch(NOW - 9, "shardId-0", 1.0, None)]);
    let open = unknown(&Observations { log: Ok(cut(well, false)), ..healthy() });
    assert!(open.contains(&CauseName::ConsumerBehindRetention), "an older batch may be behind: {open:?}");
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
        let log = Ok(evidence(&[batch(NOW, "shardId-0", 1000.0, Some(error))]));
        let seen = Observations { log, ..with_problem() };
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
    let seen = Observations { log: Ok(evidence(&lines)), ..with_problem() };
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
    let log = Ok(evidence(&[batch(NOW - 60 * MINUTE, "shardId-0", 11.5 * HOUR, Some("X: no"))]));
    let blocked = Observations { log, ..with_problem() };
    assert_eq!(names(&blocked), [CauseName::FunctionFailing, CauseName::ConsumerBehindRetention]);
}

#[test]
fn one_old_batch_after_a_pause_is_no_trend() {
    let of = |lines: &[_]| names(&Observations { log: Ok(evidence(lines)), ..healthy() });
    let old = |ago, age| batch(NOW - ago, "shardId-0", age, None);
    assert_eq!(of(&[old(2 * MINUTE, 100.0), old(9, 65_000.0)]), []);
    assert_eq!(of(&[old(2 * MINUTE, 100.0), old(9, 65_000.0), old(8, 66_000.0)]), [], "of one moment");
}

#[test]
fn function_that_is_not_as_the_settings_say_is_restored_by_up() {
    let mut seen = with_problem();
    seen.log = Ok(evidence(&[report(NOW - 9, "Status: timeout")]));
    function(&mut seen).timeout_seconds = 2;
    let remedy = proven(&seen)[0].remedy.clone();
    assert!(remedy.starts_with("`sensorctl up` restores function") && remedy.contains("its time limit is 2 s"));
    let mut foreign = with_problem();
    foreign.log = Ok(evidence(&[report(NOW - 9, "Status: error\tError Type: Runtime.ExitError")]));
    function(&mut foreign).architecture = crate::stack::Architecture::of_this_machine().unwrap().to_string();
    function(&mut foreign).code_sha256 = "theirs".into();
    let remedy = proven(&foreign)[0].remedy.clone();
    assert!(remedy.starts_with("`sensorctl up` restores function"), "{remedy}");
}

#[test]
fn missing_log_group_is_a_cause() {
    let mut log = evidence(&[]);
    log.exists = false;
    let seen = Observations { log: Ok(log), ..healthy() };
    assert_eq!(names(&seen), [CauseName::LogGroupMissing]);
    assert!(proven(&seen)[0].remedy.starts_with("`sensorctl up` creates it"));
}
