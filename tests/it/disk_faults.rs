//! A full disk and damaged files: errors name the file, nothing is repaired by deletion, and no acknowledged data is
//! lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use crate::support::{ApiClient, TestEnv, eventually, percent_encode};

/// Starts a local cloud with files that cannot grow past 256 or 512 KiB (shells differ): a write fails with `File too
/// large`, as it would with `No space left on device`.
fn start_on_small_disk(env: &TestEnv) -> Child {
    let plain = env.command(["local", "run", "--port", "0"]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f 512; exec \"$@\"", "sh"])
        .arg(plain.get_program())
        .args(plain.get_args());
    shell.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let child = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("the local cloud starts", || env.endpoint_file(), Option::is_some);
    child
}

/// Repeats a call until the disk is full. Returns the number of accepted calls and the body of the error.
fn call_until_full(mut call: impl FnMut(usize) -> (u16, String)) -> (usize, String) {
    for number in 0..5000 {
        match call(number) {
            (200 | 201, _) => {}
            (500, said) => return (number, said),
            (status, said) => panic!("{status}: {said}"),
        }
    }
    panic!("the disk is never full");
}

/// Returns the data of all records of the stream `s`.
fn read(api: &ApiClient) -> Vec<String> {
    let start = json!({ "StreamName": "s", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON" });
    let iterator = api.json("Kinesis_20131202.GetShardIterator", &start);
    let page = api.json("Kinesis_20131202.GetRecords", &json!({ "ShardIterator": iterator["ShardIterator"] }));
    page["Records"].as_array().unwrap().iter().map(|record| record["Data"].as_str().unwrap().to_owned()).collect()
}

fn count(api: &ApiClient) -> usize {
    let page = api.json("DynamoDB_20120810.Scan", &json!({ "TableName": "rows", "Select": "COUNT" }));
    usize::try_from(page["Count"].as_u64().unwrap()).unwrap()
}

/// Returns a new environment with a copy of the data directory.
fn copy_of(env: &TestEnv) -> TestEnv {
    let copy = TestEnv::new();
    let copied = Command::new("cp").args(["-a"]).arg(env.path("data")).arg(copy.path("data")).status().unwrap();
    assert!(copied.success());
    copy
}

/// Returns the only file below a directory with this end of its path.
fn file_like(directory: &Path, end: &str) -> PathBuf {
    let mut found = Vec::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().unwrap().ends_with(end) {
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "{end}: {found:?}");
    found.remove(0)
}

/// Creates a pipeline that has stored a reading, and stops its local cloud.
fn stopped_pipeline() -> TestEnv {
    let env = TestEnv::with_pipeline();
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1", "--wait"]).assert_success();
    env.run(["local", "stop"]).assert_success();
    env
}

/// The files without which the local cloud does not start, each by the end of its path.
const STATE_FILES: [&str; 7] = [
    "/keys.json",
    "/iam.json",
    "/logs/groups.json",
    "/lambda/functions.json",
    "/lambda/mappings.json",
    "/stream.json",
    "/dynamodb.sqlite",
];

#[test]
fn damaged_state_file_prevents_start_and_stays_unchanged() {
    let env = stopped_pipeline();
    for end in STATE_FILES {
        let copy = copy_of(&env);
        let path = file_like(&copy.path("data"), end);
        let mut content = fs::read(&path).unwrap();
        content[0] ^= 0x55;
        fs::write(&path, &content).unwrap();
        let run = copy.run(["local", "start", "--port", "0"]);
        assert_eq!(run.code, 1, "it starts in spite of {end}");
        run.assert_stderr_contains(&[
            "the local cloud did not start",
            path.to_str().unwrap(),
            "is damaged",
            "hint: `sensorctl local reset`",
        ]);
        assert_eq!(fs::read(&path).unwrap(), content, "{end}");
    }
}

#[test]
fn emptied_state_file_prevents_start_and_stays_empty() {
    let env = stopped_pipeline();
    for end in STATE_FILES {
        let copy = copy_of(&env);
        let path = file_like(&copy.path("data"), end);
        fs::write(&path, "").unwrap();
        let run = copy.run(["local", "start", "--port", "0"]);
        assert_eq!(run.code, 1, "it starts with an empty {end}");
        run.assert_stderr_contains(&[path.to_str().unwrap(), "is damaged", "hint: `sensorctl local reset`"]);
        assert_eq!(fs::read(&path).unwrap(), b"", "{end}");
    }
}

/// Returns all paths below a data directory except those of the process that owned it.
fn paths_in(directory: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            if !["lock", "local.log"].iter().any(|name| path.ends_with(name)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn missing_state_file_prevents_start_and_deletes_nothing() {
    let env = stopped_pipeline();
    let copy = copy_of(&env);
    let data = copy.path("data");
    for end in STATE_FILES {
        let path = file_like(&data, end);
        let aside = copy.path("aside");
        fs::rename(&path, &aside).unwrap();
        // Also without `complete.json`: code, checkpoints, logs and shards still show that the file existed.
        let marks = ["complete.json", "none"];
        for mark in if end.starts_with("/l") || end == "/stream.json" { &marks[..] } else { &marks[1..] } {
            let (mark, mark_aside) = (data.join(mark), copy.path("mark"));
            let has_mark = fs::rename(&mark, &mark_aside).is_ok();
            let before = paths_in(&data);
            let run = copy.run(["local", "start", "--port", "0"]);
            assert_eq!(run.code, 1, "it starts without {end}");
            run.assert_stderr_contains(&[
                "did not start",
                path.to_str().unwrap(),
                "is missing",
                "hint: ",
                "`sensorctl local reset`",
            ]);
            assert_eq!(paths_in(&data), before, "{end}");
            if has_mark {
                fs::rename(&mark_aside, &mark).unwrap();
            }
        }
        fs::rename(&aside, &path).unwrap();
    }
    copy.run(["local", "start", "--port", "0"]).assert_success();
    assert_eq!(copy.rows(1).len(), 1);
}

#[test]
fn damaged_endpoint_file_does_not_prevent_start() {
    let env = stopped_pipeline();
    fs::write(env.path("data/endpoint.json"), "").unwrap();
    env.run(["local", "status"]).assert_code(3);
    env.run(["local", "start", "--port", "0"]).assert_success();
    assert_eq!(env.rows(1).len(), 1);
}

#[test]
fn damaged_shard_log_is_reported_to_owner_readers_and_writers() {
    let env = stopped_pipeline();
    let path = file_like(&env.path("data/kinesis"), ".log");
    let mut content = fs::read(&path).unwrap();
    *content.last_mut().unwrap() ^= 1;
    fs::write(&path, &content).unwrap();
    env.run(["local", "start", "--port", "0"]).assert_success();
    let file = path.to_str().unwrap();
    env.run(["put", "--local", "--sensor", "a", "--temp", "2", "--time", "2"])
        .assert_code(1)
        .assert_stderr_contains(&[file, "is damaged at byte 0"]);
    let status = env.run(["local", "status", "-o", "json"]).assert_success().json();
    assert!(status["notices"].to_string().contains(file), "{status}");
    let api = ApiClient::new(&env);
    let start = json!({ "StreamName": "temperature-sensor-data", "ShardId": "shardId-000000000000",
        "ShardIteratorType": "TRIM_HORIZON" });
    let iterator = api.json("Kinesis_20131202.GetShardIterator", &start);
    let read = json!({ "ShardIterator": iterator["ShardIterator"] }).to_string();
    let (code, said) = api.call("Kinesis_20131202.GetRecords", &read);
    assert!(code == 500 && said.contains(file), "{said}");
    assert_eq!(fs::read(&path).unwrap(), content);
}

fn wait_for_mapping_problem(env: &TestEnv, path: &Path) {
    let path = path.to_str().unwrap();
    let is_problem = |result: &str| result.starts_with("PROBLEM: ") && result.contains(path);
    env.wait_for_mapping_result(&format!("a problem with {path}"), is_problem);
}

#[test]
fn damaged_checkpoint_stops_mapping_with_problem() {
    let env = stopped_pipeline();
    let folder = env.path("data/lambda/checkpoints");
    let path = file_like(&folder, ".json");
    fs::write(&path, "{\"shardId-000000000000\":").unwrap();
    env.run(["local", "start", "--port", "0"]).assert_success();
    env.run(["put", "--local", "--sensor", "a", "--temp", "2", "--time", "2"]).assert_success();
    wait_for_mapping_problem(&env, &path);
    assert_eq!(fs::read(&path).unwrap(), b"{\"shardId-000000000000\":");
    assert_eq!(env.rows(1).len(), 1, "no record is delivered again, and none is skipped");
}

#[test]
fn missing_checkpoint_stops_mapping_with_problem() {
    let env = stopped_pipeline();
    let path = file_like(&env.path("data/lambda/checkpoints"), ".json");
    fs::remove_file(&path).unwrap();
    env.run(["local", "start", "--port", "0"]).assert_success();
    wait_for_mapping_problem(&env, &path);
    assert!(!path.exists(), "it is not recreated");
}

#[test]
fn damaged_table_page_error_names_file() {
    let env = stopped_pipeline();
    let path = env.path("data/dynamodb.sqlite");
    let mut content = fs::read(&path).unwrap();
    assert!(content.len() > 8192 && !env.path("data/dynamodb.sqlite-wal").exists(), "all is in the one file");
    content[4096..].fill(0x55);
    fs::write(&path, &content).unwrap();
    let started = env.run(["local", "start", "--port", "0"]);
    let said = if started.code == 0 {
        env.run(["scan", "--local"]).assert_code(1).stderr
    } else {
        started.assert_code(1).stderr
    };
    assert!(said.contains(path.to_str().unwrap()) && said.contains("malformed"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), content);
}

mod slow {
    use base64::Engine as _;

    use super::{ApiClient, BASE64, TestEnv, call_until_full, count, json, percent_encode, read, start_on_small_disk};

    #[test]
    fn full_disk_error_names_file_and_acknowledged_data_is_kept() {
        let env = TestEnv::new();
        let mut process = start_on_small_disk(&env);
        let api = ApiClient::new(&env);
        let role = |name: &str| {
            let trust = r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
            let (trust, text) = (percent_encode(trust), "x".repeat(900));
            api.query(
                "iam",
                &format!("Action=CreateRole&RoleName={name}&Description={text}&AssumeRolePolicyDocument={trust}"),
            )
        };
        assert_eq!(role("first").0, 200);
        api.call("Kinesis_20131202.CreateStream", r#"{"StreamName":"s","ShardCount":1}"#);
        api.call(
            "DynamoDB_20120810.CreateTable",
            r#"{"TableName":"rows","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"k","KeyType":"HASH"}],
                "AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}]}"#,
        );
        api.call("Logs_20140328.CreateLogGroup", r#"{"logGroupName":"g"}"#);
        api.call("Logs_20140328.CreateLogStream", r#"{"logGroupName":"g","logStreamName":"s"}"#);

        let data = "A".repeat(8000);
        let put = |number: usize| {
            let records = json!([{ "PartitionKey": number.to_string(), "Data": data }]);
            api.call("Kinesis_20131202.PutRecords", &json!({ "StreamName": "s", "Records": records }).to_string())
        };
        let (records, said) = call_until_full(put);
        assert!(said.contains("00000000000000000001.log: File too large"), "{said}");
        // The next write fails in the same way, and reads work.
        assert_eq!(put(records).0, 500);
        assert_eq!(read(&api).len(), records);

        let item = |number: usize| {
            let item = json!({ "k": { "S": number.to_string() }, "data": { "S": data } });
            let input = json!({ "RequestItems": { "rows": [{ "PutRequest": { "Item": item } }] } });
            api.call("DynamoDB_20120810.BatchWriteItem", &input.to_string())
        };
        let (rows, said) = call_until_full(item);
        assert!(said.contains("data/dynamodb.sqlite: ") && said.contains("InternalServerError"), "{said}");
        assert_eq!(count(&api), rows);

        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let event = |number: usize| {
            let events = json!([{ "timestamp": u64::try_from(now).unwrap() + number as u64, "message": data }]);
            let input = json!({ "logGroupName": "g", "logStreamName": "s", "logEvents": events });
            api.call("Logs_20140328.PutLogEvents", &input.to_string())
        };
        let (events, said) = call_until_full(event);
        assert!(said.contains("data/logs/g/s.ndjson: File too large"), "{said}");

        let (roles, said) = call_until_full(|number| role(&format!("r{number}")));
        assert!(said.contains("data/iam.json: File too large"), "{said}");
        let listed = api.list_all().pop().unwrap();
        assert!(listed.contains("<RoleName>first<"), "{listed}");

        let arn = "arn:aws:iam::000000000000:role/first";
        let function = json!({ "FunctionName": "f", "Role": arn, "Runtime": "provided.al2023", "Handler": "bootstrap",
            "Code": { "ZipFile": BASE64.encode(env.rebuilt_function_zip()) } });
        let (status, said) = api.send_lambda("POST /2015-03-31/functions", &function);
        assert!(
            status == 500 && said.contains("could not store the code in ") && said.contains("File too large"),
            "{said}"
        );

        let notices = env.run(["local", "status", "-o", "json"]).assert_success().json()["notices"].to_string();
        assert!(notices.contains("00000000000000000001.log") && notices.contains("dynamodb.sqlite"), "{notices}");
        process.kill().unwrap();
        process.wait().unwrap();

        // With free space, everything acknowledged is there, and writes work.
        env.run(["local", "start", "--port", "0"]).assert_success();
        let api = ApiClient::new(&env);
        assert_eq!((read(&api).len(), count(&api)), (records, rows));
        let found = api.call("Logs_20140328.FilterLogEvents", r#"{"logGroupName":"g"}"#).1;
        assert_eq!(found.matches("eventId").count(), events);
        let last = format!("Action=GetRole&RoleName=r{}", roles - 1);
        assert_eq!(api.query("iam", &last).0, 200);
        let input = json!({ "StreamName": "s", "PartitionKey": "k", "Data": data }).to_string();
        assert_eq!(api.call("Kinesis_20131202.PutRecord", &input).0, 200);
        assert_eq!(read(&api).len(), records + 1);
    }
}
