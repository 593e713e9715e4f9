//! `export policy --for COMMAND` suffices for the command.

use std::cell::Cell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{ApiClient, Run, TestEnv, percent_encode, role_session};

const ROLE: &str = "caller";

/// A caller whose policy the test changes.
pub struct PolicyCaller<'a> {
    env: &'a TestEnv,
    api: ApiClient,
    keys: Vec<(&'static str, String)>,
}

/// Command lines with their exit codes when all is allowed.
pub type Lines<'a> = &'a [(&'a str, i32)];

/// The commands that can run again and again on one pipeline. `SEQUENCE` is the sequence number of a record.
pub const ON_PIPELINE: [(&str, Lines<'static>); 9] = [
    ("plan", &[("plan -v", 0)]),
    ("status", &[("status -v", 0)]),
    ("simulate", &[("simulate --count 5 --yes --verify", 0), ("simulate --delete --yes", 0)]),
    ("scan", &[("scan -v", 0), ("scan --sensor a", 0)]),
    (
        "tail",
        &[
            ("tail --from trim-horizon --until now --limit 1", 0),
            ("tail --from trim-horizon --until now --limit 1 --fan-out", 0),
        ],
    ),
    ("invoke", &[("invoke", 0), ("invoke --from-stream shardId-000000000000:SEQUENCE", 0)]),
    ("why", &[("why", 0)]),
    ("logs", &[("logs", 0)]),
    ("put", &[("put --file readings.ndjson", 0)]),
];

/// Puts into a pipeline whose mapping is disabled, so that `--wait` looks for the reason.
pub const PUT: (&str, Lines<'static>) = (
    "put",
    &[
        ("put --sensor a --temp 1 --time 1", 0),
        ("put --file readings.ndjson", 0),
        ("put --sensor a --temp 1 --time 2 --wait --timeout 1s", 1),
    ],
);

/// Every kind of action on dead letters. [`DeadLetters`] prepares for them.
pub const REJECTS: (&str, Lines<'static>) = (
    "rejects",
    &[
        ("rejects list", 0),
        ("rejects show shardId-000000000000/10/0", 0),
        ("rejects replay --yes", 0),
        ("rejects from-destination --file failed.json", 0),
        ("rejects from-destination --file failed.json --replay --yes", 0),
    ],
);

/// Creates the dead letter and the given-up batch that the commands of [`REJECTS`] work on.
pub struct DeadLetters<'a> {
    api: ApiClient,
    env: &'a TestEnv,
    stored: Cell<u32>,
}

impl<'a> DeadLetters<'a> {
    /// Writes the document of a batch with one record, which is in the stream.
    pub fn new(env: &'a TestEnv) -> Self {
        let put = ["put", "--local", "--sensor", "a", "--temp", "1", "--time", "9", "-o", "json", "--wait"];
        let sequence = env.run(put).assert_success().json()["sequence_number"].clone();
        let batch = json!({"shardId": "shardId-000000000000", "startSequenceNumber": sequence,
            "endSequenceNumber": sequence, "batchSize": 1,
            "approximateArrivalOfFirstRecord": jiff::Timestamp::now().to_string(),
            "streamArn": "arn:aws:kinesis:us-east-1:000000000000:stream/temperature-sensor-data"});
        let document = json!({"version": "1.0", "requestContext": {"condition": "RetryAttemptsExhausted"},
            "KinesisBatchInfo": batch});
        env.write("failed.json", document.to_string());
        DeadLetters { api: ApiClient::new(env), env, stored: Cell::default() }
    }

    /// Stores a dead letter whose reading is not in the table. The one before may be left.
    pub fn store(&self) {
        let time = self.stored.replace(self.stored.get() + 1);
        let data = format!(r#"{{"sensor_id":"replayed","temperature":1,"current_time":{time}}}"#);
        let text = |text: &str| json!({"S": text});
        let item = json!({
            "ShardId": text("shardId-000000000000"), "RejectId": text("10#0000000#000"), "SequenceNumber": text("10"),
            "PartitionKey": text("replayed"), "Code": text("wrong-type"), "Reason": text("`temperature` is not a number"),
            "ExpiresAt": {"N": "4102444800"}, "Parts": {"N": "1"}, "ArrivalTime": {"N": "1700000000.5"},
            "Data": {"B": STANDARD.encode(data)},
        });
        self.api.json("DynamoDB_20120810.PutItem", &json!({"TableName": "SensorDataRejects", "Item": item}));
        let key = json!({"SensorId": text("a"), "CurrentTime": {"N": "9"}});
        self.api.json("DynamoDB_20120810.DeleteItem", &json!({"TableName": "SensorData", "Key": key}));
        self.env.wait_for_mapping_result("OK", |result| result == "OK");
    }
}

/// `up` from nothing, with a change of every kind and back.
pub const UP: (&str, Lines<'static>) = (
    "up",
    &[
        ("up --timeout 10s", 0),
        (
            "up --yes --timeout 10s --set function.memory_mb=512 --set function.reserved_concurrency=5 \
             --set mapping.batch_size=7 --set stream.shards=2 --set stream.retention_hours=48 \
             --set stream.encryption=\"aws/kinesis\" --set table.ttl_attribute=\"x\" --set table.billing={read_units=5,write_units=5} \
             --set table.point_in_time_recovery=true --set log_group.retention_days=\"never\" --set tags.a=\"b\" \
             --set role.permissions=\"managed\"",
            0,
        ),
        ("up --yes --timeout 10s --set stream.mode=\"on-demand\"", 0),
        ("up --yes --timeout 10s --verify", 0),
    ],
);

/// `down` of a pipeline.
pub const DOWN: (&str, Lines<'static>) = ("down", &[("down --yes --drain --timeout 10s -v", 0)]);

/// A policy that allows nothing: one without statements is refused.
const NOTHING: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"a:b","Resource":"*"}}"#;

impl<'a> PolicyCaller<'a> {
    /// Creates the caller, without permissions.
    pub fn new(env: &'a TestEnv) -> Self {
        env.write("readings.ndjson", "{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":5}\n");
        let api = ApiClient::new(env);
        let keys = role_session(&api, ROLE, NOTHING);
        PolicyCaller { env, api, keys }
    }

    /// Replaces the policy.
    pub fn allow(&self, policy: &Value) {
        let is_empty = policy["Statement"].as_array().is_some_and(Vec::is_empty);
        let policy = percent_encode(&if is_empty { NOTHING.to_owned() } else { policy.to_string() });
        self.api.iam(&format!("Action=PutRolePolicy&RoleName={ROLE}&PolicyName=caller&PolicyDocument={policy}"));
    }

    /// Runs a command with the keys of the caller.
    pub fn run(&self, line: &str) -> Run {
        let endpoint = self.env.endpoint()["endpoint"].as_str().unwrap().to_owned();
        let words = line.split_whitespace();
        let mut command = self.env.command(words.chain(["--region", "us-east-1", "--endpoint-url", &endpoint]));
        command.envs(self.keys.iter().map(|(name, value)| (name, value)));
        Run::of(&mut command)
    }

    /// Runs the lines until one shows that something is denied. Returns its output, if there is one.
    pub fn denied_line(&self, lines: Lines<'_>, operation: &str) -> Option<String> {
        lines.iter().find_map(|(line, code)| {
            let run = self.run(line);
            let said = format!("{}{}", run.stderr, run.stdout);
            (run.code != *code || said.contains(operation)).then_some(said)
        })
    }

    /// Asserts that the lines do what they do for the owner.
    #[track_caller]
    pub fn assert_works(&self, lines: Lines<'_>) {
        for (line, code) in lines {
            let run = self.run(line).assert_code(*code);
            let said = format!("{}{}", run.stderr, run.stdout);
            assert!(!said.contains("AccessDenied") && !said.contains("not authorized"), "{line}: {said}");
        }
    }
}

/// Returns the policy for one command.
pub fn policy_for(env: &TestEnv, command: &str) -> Value {
    let arguments = ["export", "policy", "--for", command, "--account", "000000000000", "--region", "us-east-1"];
    env.run(arguments).assert_success().json()
}

/// Returns the lines with the sequence number of a record that was put now.
pub fn with_sequence(env: &TestEnv, lines: Lines<'_>) -> Vec<(String, i32)> {
    let put = env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "9", "-o", "json", "--wait"]);
    let sequence = put.assert_success().json()["sequence_number"].as_str().unwrap().to_owned();
    lines.iter().map(|(line, code)| (line.replace("SEQUENCE", &sequence), *code)).collect()
}

/// Creates a pipeline that delivers nothing.
pub fn without_delivery() -> TestEnv {
    let env = TestEnv::with_local_cloud();
    env.run(["up", "--local", "--set", "mapping.enabled=false"]).assert_success();
    env
}

#[test]
fn policy_of_each_command_suffices_on_a_pipeline() {
    let env = TestEnv::with_pipeline();
    let caller = PolicyCaller::new(&env);
    for (command, lines) in ON_PIPELINE {
        let lines = with_sequence(&env, lines);
        let lines: Vec<_> = lines.iter().map(|(line, code)| (line.as_str(), *code)).collect();
        caller.allow(&policy_for(&env, command));
        caller.assert_works(&lines);
    }
}

#[test]
fn policy_of_rejects_suffices() {
    let env = TestEnv::with_pipeline();
    let caller = PolicyCaller::new(&env);
    let letters = DeadLetters::new(&env);
    letters.store();
    caller.allow(&policy_for(&env, "rejects"));
    caller.assert_works(REJECTS.1);
}

#[test]
fn policy_has_the_names_of_the_settings_file_and_of_the_local_cloud() {
    let env = TestEnv::with_local_cloud();
    env.write("sensorctl.toml", "[stream]\nname = \"weather\"\n");
    let policy = env.run(["export", "policy", "--local", "--for", "put", "--stage", "blue"]).assert_success();
    assert!(policy.stdout.contains("arn:aws:kinesis:us-east-1:000000000000:stream/weather-blue"), "{}", policy.stdout);
    let of_function = env.run(["export", "policy", "--local", "--for", "function"]).assert_success().json();
    env.run(["up", "--local"]).assert_success();
    let api = ApiClient::new(&env);
    let role = "RoleName=kinesis-lambda-dynamodb&PolicyName=sensorctl";
    let written = api.iam(&format!("Action=GetRolePolicy&{role}"));
    let written = written.split_once("<PolicyDocument>").unwrap().1.split_once('<').unwrap().0.to_owned();
    let written = percent_encoding::percent_decode_str(&written).decode_utf8().unwrap();
    assert_eq!(written, of_function.to_string(), "what `up` gives to the role");
}

#[test]
fn policy_without_credentials_names_the_flag_that_needs_none() {
    let env = TestEnv::new();
    env.run(["export", "policy", "--region", "eu-central-1"])
        .assert_code(1)
        .assert_stderr_contains(&["no AWS credentials found", "--account 123456789012"]);
    env.run(["export", "policy", "--region", "eu-central-1", "--for", "put,scan"]).assert_code(1).assert_stderr_contains(&[
        "`sensorctl export policy --region eu-central-1 --for put,scan --account 123456789012` needs no credentials",
    ]);
    env.run(["export", "policy", "--account", "*"])
        .assert_success()
        .assert_stderr_contains(&["no region is set", "for all regions"]);
}

#[test]
fn put_wait_names_each_look_that_is_denied() {
    let env = without_delivery();
    let caller = PolicyCaller::new(&env);
    let stream = "arn:aws:kinesis:us-east-1:000000000000:stream/temperature-sensor-data";
    let table = "arn:aws:dynamodb:us-east-1:000000000000:table/SensorData";
    caller.allow(&json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": stream},
        {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": table}]}));
    caller.run("put --sensor a --temp 1 --time 2 --wait --timeout 1s").assert_code(1).assert_stderr_contains(&[
        "note: dead letters are not looked for: DynamoDB Query",
        "note: when the function had the reading is not known: CloudWatch Logs FilterLogEvents",
        "note: the state of the event source mapping is not known: Lambda ListEventSourceMappings",
    ]);
}

mod slow {
    use super::{DOWN, PUT, PolicyCaller, TestEnv, UP, policy_for, without_delivery};

    #[test]
    fn policies_of_up_put_and_down_suffice() {
        let env = TestEnv::with_local_cloud();
        let caller = PolicyCaller::new(&env);
        for (command, lines) in [UP, DOWN] {
            caller.allow(&policy_for(&env, command));
            caller.assert_works(lines);
        }
        let env = without_delivery();
        let caller = PolicyCaller::new(&env);
        caller.allow(&policy_for(&env, "put"));
        caller.assert_works(PUT.1);
    }
}
