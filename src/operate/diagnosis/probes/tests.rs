//! Answers that the local cloud cannot give, and the judgments that need a clock.

mod given_up;
mod log;
mod metrics;

use serde_json::json;

use super::super::finding::{Cause, CauseName, Finding};
use super::super::log_evidence::LogEvidence;
use super::super::log_evidence::tests::{batch, evidence, report};
use super::super::metric_facts::{MetricFacts, NewestMinutes, StreamPeaks};
use super::super::observations::{Emptiness, FunctionFacts, MappingFacts, MappingFilters, Observations, StreamFacts};
use super::findings;
use crate::operate::dead_letter_count::{DeadLetterCount, DeadLetterReasons};
use crate::settings::Pipeline;
use crate::stack::{RoleAccess, RolePolicy};

const NOW: i64 = 1_800_000_000_000;
const MINUTE: i64 = 60_000;
const HOUR: f64 = 3_600_000.0;

/// Returns what a pipeline that works looks like.
fn healthy() -> Observations {
    let variables = [("SENSORCTL_TABLE", "SensorData"), ("SENSORCTL_PARTIAL_BATCH", "1")];
    Observations {
        settings: Pipeline::by_default().unwrap(),
        now_ms: NOW,
        mapping_in_force_ms: 3 * MINUTE,
        is_result_current: false,
        mapping: Ok(Some(MappingFacts {
            uuid: "u".into(),
            state: "Enabled".into(),
            last_result: "OK".into(),
            changed_ms: Some(NOW - 60 * MINUTE),
            source_arn: "arn:aws:kinesis:us-east-1:1:stream/s".into(),
            reports_partial_batches: true,
            parallelization: 1,
            ..MappingFacts::default()
        })),
        function: Ok(Some(FunctionFacts {
            state: "Active".into(),
            last_update: "Successful".into(),
            changed_ms: Some(NOW - 60 * MINUTE),
            variables: Some(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
            has_variables: true,
            ..FunctionFacts::default()
        })),
        stream: Ok(Some(StreamFacts {
            arn: "arn:aws:kinesis:us-east-1:1:stream/s".into(),
            status: "ACTIVE".into(),
            retention_hours: 24,
            open_shards: 1,
            ..StreamFacts::default()
        })),
        table: Ok(Some("ACTIVE".into())),
        is_table_on_demand: false,
        rejects: Ok(Some("ACTIVE".into())),
        dead_letters: Ok(Some(DeadLetterReasons::default())),
        role: Ok(Some(role(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"})))),
        log: Ok(evidence(&[batch(NOW - MINUTE, "shardId-0", 100.0, None)])),
        given_up: Ok(None),
        counted_given_up: None,
        emptiness: None,
        metrics: Ok(metrics()),
        other_readers: None,
    }
}

/// Returns the same with a mapping that reports a problem.
fn with_problem() -> Observations {
    let mut seen = healthy();
    mapping(&mut seen).last_result = "PROBLEM: Function call failed".into();
    seen
}

fn metrics() -> MetricFacts {
    MetricFacts {
        minutes: 15,
        newest: NewestMinutes::default(),
        peaks: Ok(StreamPeaks { bytes: 1000.0, records: 10.0 }),
        incoming: Ok(10.0),
        newest_incoming: Ok(10.0),
        write_throttles: Ok(0.0),
        read_throttles: Ok(0.0),
        function_throttles: Ok(0.0),
        delivery_failures: Ok(0.0),
        table_throttles: Ok(0.0),
        key_range_throttles: Ok(0.0),
    }
}

fn role(statement: &serde_json::Value) -> RoleAccess {
    RoleAccess {
        name: "r".into(),
        arn: "arn:aws:iam::1:role/r".into(),
        created_ms: Some(NOW - 90 * MINUTE),
        trust: json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com"}}}),
        policies: vec![policy("sensorctl", statement)],
        boundary: None,
    }
}

fn policy(name: &str, statement: &serde_json::Value) -> RolePolicy {
    let document = json!({"Version": "2012-10-17", "Statement": statement});
    RolePolicy { name: name.into(), is_inline: true, document }
}

fn mapping(seen: &mut Observations) -> &mut MappingFacts {
    seen.mapping.as_mut().unwrap().as_mut().unwrap()
}

fn function(seen: &mut Observations) -> &mut FunctionFacts {
    seen.function.as_mut().unwrap().as_mut().unwrap()
}

fn proven(seen: &Observations) -> Vec<Cause> {
    let causes = findings(seen).into_iter().filter_map(|finding| match finding {
        Finding::Proven(cause) => Some(cause),
        _ => None,
    });
    causes.collect()
}

fn names(seen: &Observations) -> Vec<CauseName> {
    proven(seen).into_iter().map(|cause| cause.name).collect()
}

fn unknown(seen: &Observations) -> Vec<CauseName> {
    let open = findings(seen).into_iter().filter_map(|finding| match finding {
        Finding::Unknown(unknown) => Some(unknown.name),
        _ => None,
    });
    open.collect()
}

#[test]
fn healthy_pipeline_has_no_finding_but_exclusions() {
    let found = findings(&healthy());
    assert!(found.iter().all(|finding| matches!(finding, Finding::Excluded(_))), "{found:?}");
    assert_eq!(found.len(), CauseName::ALL.len());
}

#[test]
fn denied_reads_are_unknown_and_never_exclusions() {
    let denied = || "denied".to_owned();
    let seen = Observations {
        mapping: Err(denied()),
        function: Err(denied()),
        stream: Err(denied()),
        table: Err(denied()),
        rejects: Err(denied()),
        dead_letters: Err(denied()),
        role: Err(denied()),
        log: Err(denied()),
        emptiness: Some(Err(denied())),
        metrics: Err(denied()),
        ..healthy()
    };
    assert_eq!(unknown(&seen), CauseName::ALL);
    // One of the two tables is not enough to exclude either cause.
    let one = Observations { rejects: Err(denied()), ..healthy() };
    assert_eq!(unknown(&one), [CauseName::TableMissing, CauseName::TableNotReady]);
}

#[test]
fn denied_read_leaves_open_what_other_reads_alone_do_not_exclude() {
    use CauseName::{
        AutoDistribution, ConsumerBehindRetention, FunctionFailing, FunctionOutOfMemory, FunctionTimeout,
        RoleLacksAction, StaleKmsGrant, StreamEmpty, StreamMissing, StreamNotReady,
    };
    let denied = || "denied".to_owned();
    let without_stream = Observations { stream: Err(denied()), ..healthy() };
    let expected = [RoleLacksAction, StreamMissing, StreamNotReady, ConsumerBehindRetention, AutoDistribution];
    assert_eq!(unknown(&without_stream), expected);
    let silent = Observations { log: Ok(evidence(&[])), metrics: Err(denied()), ..without_stream };
    for open in [FunctionFailing, FunctionTimeout, FunctionOutOfMemory, StreamEmpty] {
        assert!(unknown(&silent).contains(&open), "{open:?}");
    }
    let without_function = Observations { function: Err(denied()), ..healthy() };
    assert!(unknown(&without_function).contains(&RoleLacksAction));
    let without_mapping = Observations { mapping: Err(denied()), ..healthy() };
    assert!([RoleLacksAction, StaleKmsGrant].iter().all(|open| unknown(&without_mapping).contains(open)));
    let mut undecryptable = healthy();
    function(&mut undecryptable).variables = None;
    assert_eq!(unknown(&undecryptable), [RoleLacksAction]);
}

#[test]
fn mapping_that_changes_for_long_is_stuck_and_a_recent_change_is_waited_for() {
    let mut seen = healthy();
    mapping(&mut seen).state = "Updating".into();
    assert_eq!(names(&seen), [CauseName::MappingStuck]);
    mapping(&mut seen).changed_ms = Some(NOW - 2 * MINUTE);
    assert_eq!((names(&seen), unknown(&seen)), (vec![], vec![CauseName::MappingStuck]));
    mapping(&mut seen).state = "Enabled".into();
    // A batch came after the change: the pollers run.
    assert_eq!(unknown(&seen), []);
    seen.log = Ok(evidence(&[]));
    assert_eq!(unknown(&seen), [&[CauseName::MappingStuck][..], &UNDELIVERED].concat());
}

/// The causes that stay open where nothing shows a delivery.
const UNDELIVERED: [CauseName; 4] = [
    CauseName::FunctionFailing,
    CauseName::FunctionTimeout,
    CauseName::FunctionOutOfMemory,
    CauseName::ConsumerBehindRetention,
];

#[test]
fn filters_other_than_those_of_the_settings_are_said() {
    let pattern = |text: &str| MappingFilters::Known(vec![text.into()]);
    let mut seen = healthy();
    mapping(&mut seen).filters = pattern(r#"{"data": {"cold": [true]}}"#);
    // An adopted mapping may have filters that are meant.
    assert_eq!((names(&seen), unknown(&seen)), (vec![], vec![CauseName::FiltersDropRecords]));
    seen.settings.mapping.filters = vec![r#"{"data":{"hot":[true]}}"#.into()];
    let causes = proven(&seen);
    assert_eq!(names(&seen), [CauseName::FiltersDropRecords]);
    assert!(causes[0].evidence.contains(r#"match {"data": {"cold": [true]}},"#), "{}", causes[0].evidence);
    seen.settings.mapping.filters = vec![r#"{"data":{"cold":[true]}}"#.into()];
    assert_eq!((names(&seen), unknown(&seen)), (vec![], vec![]), "the same by meaning");
    seen.log = Ok(evidence(&[]));
    assert!(unknown(&seen).contains(&CauseName::FiltersDropRecords), "they may drop everything");
    mapping(&mut seen).filters = MappingFilters::Hidden("encrypted".into());
    assert!(unknown(&seen).contains(&CauseName::FiltersDropRecords));
}

#[test]
fn problem_of_the_mapping_is_a_cause_only_without_a_better_explanation() {
    let mut seen = Observations { log: Ok(evidence(&[])), ..healthy() };
    mapping(&mut seen).last_result = "PROBLEM: Lambda internal error.".into();
    let causes = proven(&seen);
    assert_eq!(names(&seen), [CauseName::MappingFailing]);
    assert!(causes[0].evidence.contains("`PROBLEM: Lambda internal error.`"), "{}", causes[0].evidence);
    seen.table = Ok(Some("INACCESSIBLE_ENCRYPTION_CREDENTIALS".into()));
    assert_eq!(names(&seen), [CauseName::TableNotReady]);
}

#[test]
fn problem_of_the_mapping_is_weighed_against_what_was_delivered_since() {
    for (result, cause) in [
        ("PROBLEM: Lambda internal error.", CauseName::MappingFailing),
        ("PROBLEM: Lambda was unable to decrypt the environment variables", CauseName::StaleKmsGrant),
    ] {
        let mut seen = healthy();
        mapping(&mut seen).last_result = result.into();
        let judged = |seen: &Observations| (names(seen).contains(&cause), unknown(seen).contains(&cause));
        assert_eq!(judged(&seen), (false, true), "a batch ended well");
        seen.is_result_current = true;
        assert_eq!(judged(&seen), (true, false), "the result of the local cloud is never old");
        seen.is_result_current = false;
        seen.log = Ok(evidence(&[]));
        assert_eq!(judged(&seen), (true, false), "records came, and nothing shows that they were delivered");
        seen.log = Ok(evidence(&[batch(NOW - 9, "", 1.0, None)]));
        assert_eq!(judged(&seen), (true, false), "an invocation by hand");
        seen.log = Ok(evidence(&[]));
        let idle = MetricFacts { newest_incoming: Ok(0.0), ..metrics() };
        seen.metrics = Ok(idle.clone());
        assert_eq!(judged(&seen), (false, true), "an idle stream keeps it");
        seen.metrics = Ok(MetricFacts { function_throttles: Ok(2.0), ..idle.clone() });
        assert!(!judged(&seen).1, "something was tried");
        seen.metrics = Ok(MetricFacts { newest_incoming: Err("denied".into()), ..idle });
        assert_eq!(judged(&seen), (true, false));
    }
}

#[test]
fn function_that_is_not_ready_shows_the_reason_of_the_service() {
    for (state, update) in [("Failed", "Successful"), ("Pending", "Successful"), ("Active", "Failed")] {
        let mut seen = healthy();
        let it = function(&mut seen);
        (it.state, it.last_update) = (state.into(), update.into());
        (it.state_reason, it.last_update_reason) = ("KMSKeyAccessDenied: no".into(), "KMSKeyAccessDenied: no".into());
        let causes = proven(&seen);
        assert_eq!(names(&seen), [CauseName::FunctionNotReady]);
        assert!(causes[0].evidence.contains("KMSKeyAccessDenied"), "{}", causes[0].evidence);
    }
}

#[test]
fn partial_batch_responses_without_the_mapping_lose_readings() {
    let mut seen = healthy();
    mapping(&mut seen).reports_partial_batches = false;
    assert_eq!(names(&seen), [CauseName::PartialBatchOff]);
    function(&mut seen).variables = None;
    let open = vec![CauseName::RoleLacksAction, CauseName::PartialBatchOff];
    assert_eq!((names(&seen), unknown(&seen)), (vec![], open));
    function(&mut seen).variables = Some([].into());
    assert_eq!((names(&seen), unknown(&seen)), (vec![], vec![]));
}

#[test]
fn missing_statement_and_denial_are_proven_and_a_condition_is_not() {
    let mut seen = healthy();
    seen.role = Ok(Some(role(&json!({"Effect": "Allow", "NotAction": "dynamodb:*", "Resource": "*"}))));
    let causes = proven(&seen);
    assert_eq!(names(&seen), [CauseName::RoleLacksAction]);
    assert!(
        causes[0].evidence.ends_with("lack dynamodb:BatchWriteItem on arn:aws:dynamodb:us-east-1:1:table/SensorData"),
        "{}",
        causes[0].evidence
    );
    seen.role = Ok(Some(role(&json!([{"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "kinesis:GetRecords", "Resource": "*"}]))));
    assert!(proven(&seen)[0].evidence.contains("deny kinesis:GetRecords on arn:aws:kinesis"));
    let guarded = json!({"Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}});
    seen.role = Ok(Some(role(&guarded)));
    assert_eq!((names(&seen), unknown(&seen)), (vec![], vec![CauseName::RoleLacksAction]));
}

#[test]
fn policy_that_denies_is_named_with_the_command_that_removes_it() {
    let mut seen = healthy();
    let deny = policy("theirs", &json!({"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*"}));
    seen.role.as_mut().unwrap().as_mut().unwrap().policies.push(deny);
    let remedy = &proven(&seen)[0].remedy;
    assert!(remedy.contains("`aws iam delete-role-policy --role-name r --policy-name theirs`"), "{remedy}");
    assert!(!remedy.contains("`sensorctl up"), "{remedy}");
}

#[test]
fn role_created_after_the_function_has_no_grant_for_its_variables() {
    let mut seen = healthy();
    seen.log = Ok(evidence(&[]));
    mapping(&mut seen).last_result = "PROBLEM: Function call failed".into();
    assert!(unknown(&seen).contains(&CauseName::StaleKmsGrant));
    assert_eq!(names(&seen), [CauseName::MappingFailing]);
    seen.role.as_mut().unwrap().as_mut().unwrap().created_ms = Some(NOW - MINUTE);
    assert_eq!(names(&seen), [CauseName::StaleKmsGrant]);
    seen.metrics = Ok(MetricFacts { newest_incoming: Ok(0.0), ..metrics() });
    assert_eq!(names(&seen), [], "the problem may be an old one");
    seen.metrics = Ok(metrics());
    let log = std::mem::replace(&mut seen.log, Err("denied".into()));
    assert!(!names(&seen).contains(&CauseName::StaleKmsGrant), "it may have run");
    seen.log = log;
    function(&mut seen).has_variables = false;
    assert_eq!(names(&seen), [CauseName::MappingFailing]);
}

#[test]
fn dead_letters_are_counted_by_their_most_frequent_reasons() {
    let of = |count, is_at_least, reasons: &[(&str, u64)]| {
        let reasons = reasons.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
        let found = DeadLetterReasons { count: DeadLetterCount { count, is_at_least }, reasons };
        Observations { dead_letters: Ok(Some(found)), ..healthy() }
    };
    let seen = of(17, true, &[("not-json", 9), ("wrong-type", 5), ("too-large", 2), ("no-key", 1)]);
    assert_eq!(names(&seen), [CauseName::DeadLetters]);
    let text = &proven(&seen)[0].evidence;
    assert!(text.contains("holds at least 17 dead letters"), "{text}");
    assert!(text.ends_with("9 not-json, 5 wrong-type, 2 too-large, 1 of other reasons"), "{text}");
    assert_eq!(unknown(&of(0, true, &[])), [CauseName::DeadLetters]);
    assert_eq!(unknown(&Observations { dead_letters: Ok(None), ..healthy() }), []);
}

#[test]
fn stream_that_chooses_shards_itself_loses_the_order() {
    let mut seen = healthy();
    seen.stream.as_mut().unwrap().as_mut().unwrap().is_distributed_by_service = true;
    assert_eq!(names(&seen), [CauseName::AutoDistribution]);
}

#[test]
fn stream_is_empty_only_if_every_shard_was_seen_empty() {
    for (emptiness, is_cause) in
        [(Emptiness::Empty { shards: 2 }, true), (Emptiness::HasRecords, false), (Emptiness::Undecided, false)]
    {
        let is_open = emptiness == Emptiness::Undecided;
        let seen = Observations { emptiness: Some(Ok(emptiness)), ..healthy() };
        assert_eq!((names(&seen) == [CauseName::StreamEmpty], !unknown(&seen).is_empty()), (is_cause, is_open));
    }
}
