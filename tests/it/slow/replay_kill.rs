//! `rejects replay` with SIGKILL at random moments, and with SIGINT among faults: no reading is lost, none is stored otherwise, and no dead letter is
//! left or doubled.
//!
//! `SENSORCTL_SEED=N` repeats the moments of an earlier run.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{ApiClient, Run, TestEnv, send_signal};

const COUNT: u64 = 3000;
/// Each of so many dead letters is no reading.
const BAD: u64 = 50;
/// Items of a `BatchWriteItem`.
const BATCH: usize = 25;

fn item(number: u64) -> Value {
    let (sensor, text) = (format!("s{}", number % 40), |text: &str| json!({"S": text}));
    let reading = json!({"sensor_id": sensor, "temperature": "21.5", "current_time": number});
    let data = if number.is_multiple_of(BAD) { "no reading".to_owned() } else { reading.to_string() };
    json!({"PutRequest": {"Item": {
        "ShardId": text("shardId-000000000000"), "RejectId": text(&format!("{}#0000000#000", 1_000_000 + number)),
        "Code": text("wrong-type"), "Reason": text("`temperature` is not a number"), "PartitionKey": text(&sensor),
        "ExpiresAt": {"N": "4102444800"}, "Parts": {"N": "1"}, "Data": {"B": STANDARD.encode(data)},
    }}})
}

/// Stores all dead letters.
fn fill(api: &ApiClient) {
    let items: Vec<_> = (0..COUNT).map(item).collect();
    for batch in items.chunks(BATCH) {
        let input = json!({"RequestItems": {"SensorDataRejects": batch}});
        let answer = api.json("DynamoDB_20120810.BatchWriteItem", &input);
        assert!(answer["UnprocessedItems"].as_object().is_none_or(serde_json::Map::is_empty), "{answer}");
    }
}

/// Asserts that each reading is a row, once and as it was, and that only what is no reading is still a dead letter.
#[track_caller]
fn assert_everything_is_replayed(env: &TestEnv) {
    let stored = env.run(["scan", "--local", "-o", "ndjson"]).assert_success().stdout;
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["temperature"], 21.5);
        (row["sensor_id"].as_str().unwrap().to_owned(), row["current_time"].as_u64().unwrap())
    };
    let rows: Vec<_> = stored.lines().map(row).collect();
    let expected = (0..COUNT).filter(|number| !number.is_multiple_of(BAD));
    let expected: BTreeSet<_> = expected.map(|number| (format!("s{}", number % 40), number)).collect();
    assert_eq!((rows.len(), rows.into_iter().collect::<BTreeSet<_>>()), (expected.len(), expected));
    let left = env.run(["rejects", "list", "--local", "-q"]).assert_success().stdout;
    assert_eq!(left.lines().count() as u64, COUNT / BAD, "only what is no reading is left");
}

#[test]
fn rejects_replay_killed_at_random_moments_loses_and_doubles_nothing() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    fill(&api);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = std::env::var("SENSORCTL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(now);
    eprintln!("SENSORCTL_SEED={seed}");
    let mut moments = StdRng::seed_from_u64(seed);
    let mut kills = 0;
    let last = loop {
        let mut child = env.spawn(["rejects", "replay", "--local", "--yes", "--coerce", "-o", "json"]);
        std::thread::sleep(Duration::from_millis(moments.random_range(100..1500)));
        if kills >= 6 || child.try_wait().unwrap().is_some() {
            break Run::of_child(child);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    };
    assert!(kills >= 2, "{kills} kills");
    let report = last.assert_code(3).json();
    assert_eq!(report["reasons"], json!({"not-json": COUNT / BAD}), "{report}");
    assert_everything_is_replayed(&env);
}

#[test]
fn rejects_replay_interrupted_among_faults_adds_up_and_goes_on() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    fill(&api);
    api.set_faults(
        "seed=7;kinesis:PutRecords=partial(20%)@50%;dynamodb:DeleteItem=error@10%;dynamodb:BatchGetItem=throttle@10%",
    );
    let replay = ["rejects", "replay", "--local", "--yes", "--coerce", "-o", "json"];
    let child = env.spawn(replay);
    // Some are replayed, and others are on their way.
    api.wait_for_call("dynamodb:DeleteItem", 400);
    send_signal(&child, Signal::INT);
    let run = Run::of_child(child).assert_code(130);
    let report = run.json();
    let count = |key: &str| report[key].as_u64().unwrap_or_else(|| panic!("{key} in {report}"));
    let ends = ["replayed", "refused", "rejected_again", "failed"].map(count);
    assert_eq!(count("found"), ends.iter().sum::<u64>(), "{report}");
    assert!(0 < ends[0] && ends[0] < COUNT - COUNT / BAD, "it was interrupted among them: {report}");
    assert_eq!(ends[2], 0, "{report}");
    // Only replayed dead letters are deleted.
    let left = || env.run(["rejects", "list", "--local", "-q"]).assert_success().stdout.lines().count() as u64;
    api.set_faults("");
    assert_eq!(left(), COUNT - ends[0], "{report}");
    let report = env.run(replay).assert_code(3).json();
    assert_eq!(report["reasons"], json!({"not-json": COUNT / BAD}), "{report}");
    assert_everything_is_replayed(&env);
}
