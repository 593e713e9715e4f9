//! Rounds of generated requests: one round in a test run, many by hand (`.ci/fuzz-requests`).
//!
//! The DynamoDB requests are nearly valid, above all in their expressions, statements and nested values.

use std::io::Write;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::auth::signature::testing::signed_lines;
use crate::connection_info::AccessKey;

/// Runs one round, each with a seed of its own, or as many as fit into `SENSORCTL_FUZZ_SECONDS`.
///
/// The first seed is `SENSORCTL_FUZZ_SEED`, or random. Each seed is printed before its round, past the capture of the
/// test harness: after a crash of the process only this output identifies the round.
pub(crate) fn rounds(mut round: impl FnMut(u64)) {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
    };
    let first = number("SENSORCTL_FUZZ_SEED").unwrap_or_else(|| rand::random_range(0..1_000_000_000));
    let end = Instant::now() + Duration::from_secs(number("SENSORCTL_FUZZ_SECONDS").unwrap_or_default());
    for seed in first.. {
        writeln!(std::io::stderr(), "malformed requests: SENSORCTL_FUZZ_SEED={seed}").unwrap();
        round(seed);
        if Instant::now() >= end {
            return;
        }
    }
}

/// Returns a runner of `cases` cases that are the same for the same seed.
pub(crate) fn runner(seed: u64, cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Table that the requests use.
pub(crate) const TABLE: &str = r#"{"TableName":"fuzzed","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"k","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}]}"#;

/// Generates a complete request of a DynamoDB operation, as bytes.
pub(crate) fn dynamodb_request(access: AccessKey) -> impl Strategy<Value = Vec<u8>> {
    let (one, two, value) = (near_expression(), near_expression(), near_value());
    (select(&OPERATIONS[..]), one, two, value, near_statement()).prop_map(
        move |(operation, one, two, value, statement)| {
            dynamodb_bytes(&access, operation, &body(operation, &one, &two, &value, &statement))
        },
    )
}

/// Returns a signed request of a DynamoDB operation.
pub(crate) fn dynamodb_bytes(access: &AccessKey, operation: &str, body: &str) -> Vec<u8> {
    let target = format!("DynamoDB_20120810.{operation}");
    let signed = signed_lines(access, "dynamodb", &target, "POST /", body.as_bytes());
    format!(
        "POST / HTTP/1.1\r\n{signed}\r\nconnection: close\r\n\
         content-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

const OPERATIONS: [&str; 13] = [
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "GetItem",
    "Query",
    "Scan",
    "BatchGetItem",
    "BatchWriteItem",
    "TransactWriteItems",
    "TransactGetItems",
    "ExecuteStatement",
    "ExecuteTransaction",
    "BatchExecuteStatement",
];

fn body(operation: &str, one: &str, two: &str, value: &str, statement: &str) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let (one, two, statement) = (text(one), text(two), text(statement));
    let table = r#""TableName":"fuzzed""#;
    let names = format!(
        r##""ExpressionAttributeNames":{{"#n":"a"}},"ExpressionAttributeValues":{{":v":{value},":w":{{"N":"1"}}}}"##
    );
    let item = format!(r#""Item":{{"k":{{"S":"x"}},"a":{value}}}"#);
    let key = r#""Key":{"k":{"S":"x"}}"#;
    let get = format!(r##"{table},{key},"ProjectionExpression":{one},"ExpressionAttributeNames":{{"#n":"a"}}"##);
    let run = format!(r#""Statement":{statement},"Parameters":[{value}]"#);
    let members = match operation {
        "PutItem" => format!(r#"{table},{item},"ConditionExpression":{one},{names}"#),
        "UpdateItem" => format!(r#"{table},{key},"UpdateExpression":{one},"ConditionExpression":{two},{names}"#),
        "DeleteItem" => format!(r#"{table},{key},"ConditionExpression":{one},{names}"#),
        "GetItem" => get,
        "Query" => format!(r#"{table},"KeyConditionExpression":{one},"FilterExpression":{two},{names}"#),
        "Scan" => format!(r#"{table},"FilterExpression":{one},"ProjectionExpression":{two},{names}"#),
        "BatchGetItem" => {
            let keys = r#""Keys":[{"k":{"S":"x"}}]"#;
            format!(r#""RequestItems":{{"fuzzed":{{{keys},"ProjectionExpression":{one}}}}}"#)
        }
        "BatchWriteItem" => format!(r#""RequestItems":{{"fuzzed":[{{"PutRequest":{{{item}}}}}]}}"#),
        "TransactWriteItems" => format!(
            r#""TransactItems":[{{"Put":{{{table},{item},"ConditionExpression":{one},{names}}}}},{{"Update":{{{table},"Key":{{"k":{{"S":"y"}}}},"UpdateExpression":{two},{names}}}}}]"#
        ),
        "TransactGetItems" => format!(r#""TransactItems":[{{"Get":{{{get}}}}}]"#),
        "ExecuteStatement" => run,
        "ExecuteTransaction" => format!(r#""TransactStatements":[{{{run}}}]"#),
        _ => format!(r#""Statements":[{{{run}}}]"#),
    };
    format!("{{{members}}}")
}

const TOKENS: [&str; 34] = [
    "(",
    ")",
    "((",
    "))",
    " NOT ",
    " AND ",
    " OR ",
    " IN (",
    " BETWEEN ",
    " a ",
    " k ",
    "#n",
    " :v ",
    " :w ",
    "=",
    "<>",
    "<",
    ">=",
    "+",
    "-",
    ",",
    ".",
    "[0]",
    "[",
    "]",
    "size(",
    "attribute_exists(",
    "begins_with(",
    "if_not_exists(a,",
    "list_append(a,",
    "SET a = ",
    "REMOVE a",
    "ADD a :w",
    "é",
];

/// Generates an expression: random tokens, one token many times, or a well-formed deep one.
fn near_expression() -> impl Strategy<Value = String> {
    let tokens = || select(&TOKENS[..]);
    prop_oneof![
        4 => vec(tokens(), 0..40).prop_map(|tokens| tokens.concat()),
        2 => (vec(tokens(), 0..4), tokens(), 0..5000_usize, vec(tokens(), 0..4))
            .prop_map(|(before, token, times, after)| before.concat() + &token.repeat(times) + &after.concat()),
        2 => (0..150_usize, select(&["(", "NOT (", "a = :v AND (", "NOT a = :v OR ("][..])).prop_map(|(depth, open)| {
            format!("{}a = :v{}", open.repeat(depth), ")".repeat(depth))
        }),
        1 => (0..150_usize).prop_map(|depth| format!("SET a = {}a{}", "if_not_exists(a,".repeat(depth), ")".repeat(depth))),
        1 => (0..400_usize).prop_map(|count| std::vec::from_elem("a = :v", count).join(" AND ")),
        1 => (0..2000_usize).prop_map(|depth| format!("a{}", ".a".repeat(depth))),
        1 => "\\PC{0,40}",
    ]
}

/// Generates a statement of `PartiQL`.
fn near_statement() -> impl Strategy<Value = String> {
    let begin = select(
        &[
            "SELECT * FROM fuzzed WHERE ",
            "SELECT a FROM fuzzed WHERE k = 'x' AND ",
            "INSERT INTO fuzzed VALUE ",
            "UPDATE fuzzed SET a = ",
            "DELETE FROM fuzzed WHERE k = 'x' AND ",
            "",
        ][..],
    );
    let token = || {
        select(
            &[
                "(", ")", "[", "]", "{'a':", "}", "<<", ">>", " NOT ", " AND ", " a", "=", "1", "'x'", "-", "?",
                "size(", " IN [",
            ][..],
        )
    };
    (begin, vec(token(), 0..20), token(), prop_oneof![3 => 0..3_usize, 1 => 0..4000_usize])
        .prop_map(|(begin, tokens, token, times)| begin.to_owned() + &tokens.concat() + &token.repeat(times))
}

/// Generates an attribute value; some are nested deep.
fn near_value() -> impl Strategy<Value = String> {
    let depth = prop_oneof![6 => 0..3_usize, 2 => 25..70_usize, 1 => 0..3000_usize];
    let leaf = prop_oneof![
        Just(r#"{"S":"x"}"#.to_owned()),
        Just(r#"{"N":"1"}"#.to_owned()),
        Just(r#"{"L":[]}"#.to_owned()),
        Just(r#"{"SS":["x","y"]}"#.to_owned()),
        "[0-9.eE+-]{0,45}".prop_map(|number| format!(r#"{{"N":"{number}"}}"#)),
        Just("{}".to_owned()),
        Just("[[[".to_owned()),
    ];
    (leaf, vec(any::<bool>(), 1..4), depth).prop_map(|(leaf, maps, depth)| {
        let (mut open, mut close) = (String::new(), String::new());
        for is_map in maps.iter().cycle().take(depth) {
            open += if *is_map { r#"{"M":{"a":"# } else { r#"{"L":["# };
            close.insert_str(0, if *is_map { "}}" } else { "]}" });
        }
        open + &leaf + &close
    })
}
