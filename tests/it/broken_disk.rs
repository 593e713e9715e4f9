//! A full disk and damaged files: told with the file, never mended by deletion, and nothing acknowledged is lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::support::{Home, Stranger};

const PATIENCE: Duration = Duration::from_secs(60);

/// A local cloud none of whose files may grow past 256 or 512 KiB (shells differ): `File too large` is what it gets
/// then, as it would get `No space left on device`.
fn on_a_small_disk(home: &Home) -> Child {
    let plain = home.command(["local", "run", "--port", "0"]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f 512; exec \"$@\"", "sh"])
        .arg(plain.get_program())
        .args(plain.get_args());
    shell.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let child = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while home.announced().is_none() {
        assert!(Instant::now() < deadline, "it does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

/// Calls until it is refused for want of room; gives how often it was not, and what the refusal said.
fn until_full(mut call: impl FnMut(usize) -> (u16, String)) -> (usize, String) {
    for number in 0..5000 {
        match call(number) {
            (200 | 201, _) => {}
            (500, said) => return (number, said),
            (status, said) => panic!("{status}: {said}"),
        }
    }
    panic!("it is never full");
}

#[test]
fn a_full_disk_is_told_with_the_file_and_costs_nothing_that_was_acknowledged() {
    let home = Home::new();
    let mut process = on_a_small_disk(&home);
    let owner = Stranger::of(&home);
    let role = |name: &str| {
        let trust = r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let trust = percent_encoding::utf8_percent_encode(trust, percent_encoding::NON_ALPHANUMERIC);
        let text = "x".repeat(900);
        let body = format!("Action=CreateRole&RoleName={name}&Description={text}&AssumeRolePolicyDocument={trust}");
        owner.send("POST /", "iam", "Content-Type: application/x-www-form-urlencoded", &body)
    };
    assert_eq!(role("first").0, 200);
    owner.call("Kinesis_20131202.CreateStream", r#"{"StreamName":"s","ShardCount":1}"#);
    owner.call(
        "DynamoDB_20120810.CreateTable",
        r#"{"TableName":"rows","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"k","KeyType":"HASH"}],
            "AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}]}"#,
    );
    owner.call("Logs_20140328.CreateLogGroup", r#"{"logGroupName":"g"}"#);
    owner.call("Logs_20140328.CreateLogStream", r#"{"logGroupName":"g","logStreamName":"s"}"#);

    let data = "A".repeat(8000);
    let put = |number: usize| {
        let records = json!([{ "PartitionKey": number.to_string(), "Data": data }]);
        owner.call("Kinesis_20131202.PutRecords", &json!({ "StreamName": "s", "Records": records }).to_string())
    };
    let (records, said) = until_full(put);
    assert!(said.contains("00000000000000000001.log: File too large"), "{said}");
    // It is no worse the second time, and reading goes on.
    assert_eq!(put(records).0, 500);
    assert_eq!(read(&owner).len(), records);

    let item = |number: usize| {
        let item = json!({ "k": { "S": number.to_string() }, "data": { "S": data } });
        let input = json!({ "RequestItems": { "rows": [{ "PutRequest": { "Item": item } }] } });
        owner.call("DynamoDB_20120810.BatchWriteItem", &input.to_string())
    };
    let (rows, said) = until_full(item);
    assert!(said.contains("data/dynamodb.sqlite: ") && said.contains("InternalServerError"), "{said}");
    assert_eq!(count(&owner), rows);

    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let event = |number: usize| {
        let events = json!([{ "timestamp": u64::try_from(now).unwrap() + number as u64, "message": data }]);
        let input = json!({ "logGroupName": "g", "logStreamName": "s", "logEvents": events });
        owner.call("Logs_20140328.PutLogEvents", &input.to_string())
    };
    let (events, said) = until_full(event);
    assert!(said.contains("data/logs/g/s.ndjson: File too large"), "{said}");

    let (roles, said) = until_full(|number| role(&format!("r{number}")));
    assert!(said.contains("data/iam.json: File too large"), "{said}");
    let listed = owner.everything().pop().unwrap();
    assert!(listed.contains("<RoleName>first<"), "{listed}");

    let arn = "arn:aws:iam::000000000000:role/first";
    let function = json!({ "FunctionName": "f", "Role": arn, "Runtime": "provided.al2023", "Handler": "bootstrap",
        "Code": { "ZipFile": BASE64.encode(fs::read(function_zip(&home)).unwrap()) } });
    let (status, said) = owner.send("POST /2015-03-31/functions", "lambda", "X-Nothing: 2", &function.to_string());
    assert!(
        status == 500 && said.contains("could not store the code in ") && said.contains("File too large"),
        "{said}"
    );

    let notices = home.run(["local", "status", "-o", "json"]).succeeded().json()["notices"].to_string();
    assert!(notices.contains("00000000000000000001.log") && notices.contains("dynamodb.sqlite"), "{notices}");
    process.kill().unwrap();
    process.wait().unwrap();

    // With room again everything that was acknowledged is there, and goes on.
    home.run(["local", "start", "--port", "0"]).succeeded();
    let owner = Stranger::of(&home);
    assert_eq!((read(&owner).len(), count(&owner)), (records, rows));
    let found = owner.call("Logs_20140328.FilterLogEvents", r#"{"logGroupName":"g"}"#).1;
    assert_eq!(found.matches("eventId").count(), events);
    let last = format!("Action=GetRole&RoleName=r{}", roles - 1);
    assert_eq!(owner.send("POST /", "iam", "Content-Type: application/x-www-form-urlencoded", &last).0, 200);
    let input = json!({ "StreamName": "s", "PartitionKey": "k", "Data": data }).to_string();
    assert_eq!(owner.call("Kinesis_20131202.PutRecord", &input).0, 200);
    assert_eq!(read(&owner).len(), records + 1);
}

/// The data of all records of the stream `s`.
fn read(owner: &Stranger) -> Vec<String> {
    let call = |target: &str, input: Value| -> Value {
        let (status, body) = owner.call(target, &input.to_string());
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    let start = json!({ "StreamName": "s", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON" });
    let iterator = call("Kinesis_20131202.GetShardIterator", start);
    let page = call("Kinesis_20131202.GetRecords", json!({ "ShardIterator": iterator["ShardIterator"] }));
    page["Records"].as_array().unwrap().iter().map(|record| record["Data"].as_str().unwrap().to_owned()).collect()
}

fn count(owner: &Stranger) -> usize {
    let body = owner.call("DynamoDB_20120810.Scan", r#"{"TableName":"rows","Select":"COUNT"}"#).1;
    let body: Value = serde_json::from_str(&body).unwrap();
    usize::try_from(body["Count"].as_u64().unwrap()).unwrap()
}

fn function_zip(home: &Home) -> PathBuf {
    let path = home.path("function.zip");
    home.run(["export", "function-zip", path.to_str().unwrap()]).succeeded();
    path
}

/// A copy of a home's data, in a home of its own.
fn copy_of(home: &Home) -> Home {
    let copy = Home::new();
    let copied = Command::new("cp").args(["-a"]).arg(home.path("data")).arg(copy.path("data")).status().unwrap();
    assert!(copied.success());
    copy
}

/// The one file below a directory whose path ends so.
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

/// A pipeline that has stored a reading, stopped.
fn stopped_pipeline() -> Home {
    let home = Home::with_pipeline();
    home.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1", "--wait"]).succeeded();
    home.run(["local", "stop"]).succeeded();
    home
}

/// What a stopped pipeline cannot be started without, each by the end of its path.
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
fn a_damaged_state_file_keeps_it_from_starting_and_stays_as_it_is() {
    let home = stopped_pipeline();
    for end in STATE_FILES {
        let copy = copy_of(&home);
        let path = file_like(&copy.path("data"), end);
        let mut content = fs::read(&path).unwrap();
        content[0] ^= 0x55;
        fs::write(&path, &content).unwrap();
        let run = copy.run(["local", "start", "--port", "0"]);
        assert_eq!(run.code, 1, "it starts in spite of {end}");
        run.says(&["the local cloud did not start", path.to_str().unwrap(), "hint: `sensorctl local reset`"]);
        assert_eq!(fs::read(&path).unwrap(), content, "{end}");
    }
}

/// Paths below a directory, but those of the process that owned it.
fn everything_in(directory: &Path) -> Vec<PathBuf> {
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
fn a_missing_state_file_keeps_it_from_starting_and_nothing_is_swept_away() {
    let home = stopped_pipeline();
    let copy = copy_of(&home);
    let data = copy.path("data");
    for end in STATE_FILES {
        let path = file_like(&data, end);
        let aside = copy.path("aside");
        fs::rename(&path, &aside).unwrap();
        // Also where nothing says that it was there, as code, checkpoints, logs and shards are.
        let marks = ["complete.json", "none"];
        for mark in if end.starts_with("/l") || end == "/stream.json" { &marks[..] } else { &marks[1..] } {
            let (mark, mark_aside) = (data.join(mark), copy.path("mark"));
            let has_mark = fs::rename(&mark, &mark_aside).is_ok();
            let before = everything_in(&data);
            let run = copy.run(["local", "start", "--port", "0"]);
            assert_eq!(run.code, 1, "it starts without {end}");
            run.says(&["did not start", path.to_str().unwrap(), "is missing", "hint: ", "`sensorctl local reset`"]);
            assert_eq!(everything_in(&data), before, "{end}");
            if has_mark {
                fs::rename(&mark_aside, &mark).unwrap();
            }
        }
        fs::rename(&aside, &path).unwrap();
    }
    copy.run(["local", "start", "--port", "0"]).succeeded();
    assert_eq!(copy.rows(1).len(), 1);
}

#[test]
fn a_damaged_announcement_keeps_nobody_from_starting() {
    let home = stopped_pipeline();
    fs::write(home.path("data/endpoint.json"), "").unwrap();
    home.run(["local", "status"]).succeeded();
    home.run(["local", "start", "--port", "0"]).succeeded();
    assert_eq!(home.rows(1).len(), 1);
}

#[test]
fn a_damaged_log_is_told_to_its_owner_its_readers_and_its_writers() {
    let home = stopped_pipeline();
    let path = file_like(&home.path("data/kinesis"), ".log");
    let mut content = fs::read(&path).unwrap();
    *content.last_mut().unwrap() ^= 1;
    fs::write(&path, &content).unwrap();
    home.run(["local", "start", "--port", "0"]).succeeded();
    let file = path.to_str().unwrap();
    home.run(["put", "--local", "--sensor", "a", "--temp", "2", "--time", "2"])
        .exited(1)
        .says(&[file, "is damaged at byte 0"]);
    let status = home.run(["local", "status", "-o", "json"]).succeeded().json();
    assert!(status["notices"].to_string().contains(file), "{status}");
    let owner = Stranger::of(&home);
    let start = json!({ "StreamName": "temperature-sensor-data", "ShardId": "shardId-000000000000",
        "ShardIteratorType": "TRIM_HORIZON" });
    let iterator: Value =
        serde_json::from_str(&owner.call("Kinesis_20131202.GetShardIterator", &start.to_string()).1).unwrap();
    let read = json!({ "ShardIterator": iterator["ShardIterator"] }).to_string();
    let (code, said) = owner.call("Kinesis_20131202.GetRecords", &read);
    assert!(code == 500 && said.contains(file), "{said}");
    assert_eq!(fs::read(&path).unwrap(), content);
}

fn until_its_mapping_names(home: &Home, path: &Path) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = home.run(["status", "--local", "-o", "json"]).json();
        let result = status["mapping"]["last_processing_result"].as_str().unwrap().to_owned();
        if result.starts_with("PROBLEM: ") && result.contains(path.to_str().unwrap()) {
            break;
        }
        assert!(Instant::now() < deadline, "{result}");
    }
}

#[test]
fn a_damaged_checkpoint_stops_its_mapping_and_says_so() {
    let home = stopped_pipeline();
    let folder = home.path("data/lambda/checkpoints");
    let path = file_like(&folder, ".json");
    fs::write(&path, "{\"shardId-000000000000\":").unwrap();
    home.run(["local", "start", "--port", "0"]).succeeded();
    home.run(["put", "--local", "--sensor", "a", "--temp", "2", "--time", "2"]).succeeded();
    until_its_mapping_names(&home, &path);
    assert_eq!(fs::read(&path).unwrap(), b"{\"shardId-000000000000\":");
    assert_eq!(home.rows(1).len(), 1, "nothing is brought again, and nothing left out");
}

#[test]
fn a_missing_checkpoint_stops_its_mapping_and_says_so() {
    let home = stopped_pipeline();
    let path = file_like(&home.path("data/lambda/checkpoints"), ".json");
    fs::remove_file(&path).unwrap();
    home.run(["local", "start", "--port", "0"]).succeeded();
    until_its_mapping_names(&home, &path);
    assert!(!path.exists(), "it is not made up");
}

#[test]
fn a_damaged_page_of_the_tables_is_told_with_the_file() {
    let home = stopped_pipeline();
    let path = home.path("data/dynamodb.sqlite");
    let mut content = fs::read(&path).unwrap();
    assert!(content.len() > 8192 && !home.path("data/dynamodb.sqlite-wal").exists(), "all is in the one file");
    content[4096..].fill(0x55);
    fs::write(&path, &content).unwrap();
    let started = home.run(["local", "start", "--port", "0"]);
    let said =
        if started.code == 0 { home.run(["scan", "--local"]).exited(1).stderr } else { started.exited(1).stderr };
    assert!(said.contains(path.to_str().unwrap()) && said.contains("malformed"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), content);
}
