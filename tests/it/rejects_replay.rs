//! `rejects replay` stores what can be stored, deletes it only then, and can be killed anywhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{ApiClient, Interposed, TestEnv, eventually, with_body};

const TABLE: &str = "SensorDataRejects";
const SHARD: &str = "shardId-000000000000";
const REPLAY: [&str; 4] = ["rejects", "replay", "--local", "--yes"];

/// Stores a dead letter as the function does.
fn store(api: &ApiClient, sequence: &str, data: &str) {
    let text = |text: &str| json!({"S": text});
    let item = json!({
        "ShardId": text(SHARD), "RejectId": text(&format!("{sequence}#0000000#000")), "SequenceNumber": text(sequence),
        "PartitionKey": text("kitchen"), "Code": text("wrong-type"), "Reason": text("`temperature` is not a number"),
        "ExpiresAt": {"N": "4102444800"}, "Parts": {"N": "1"}, "ArrivalTime": {"N": "1700000000.5"},
        "Data": {"B": STANDARD.encode(data)},
    });
    api.json("DynamoDB_20120810.PutItem", &json!({"TableName": TABLE, "Item": item}));
}

fn reading(time: u32, temperature: &str) -> String {
    format!(r#"{{"sensor_id":"kitchen","temperature":{temperature},"current_time":{time}}}"#)
}

fn letters(api: &ApiClient) -> Vec<String> {
    let answer = api.json("DynamoDB_20120810.Scan", &json!({"TableName": TABLE}));
    let number = |item: &Value| item["SequenceNumber"]["S"].as_str().unwrap().to_owned();
    answer["Items"].as_array().unwrap().iter().map(number).collect()
}

fn counts<const N: usize>(report: &Value, keys: [&str; N]) -> [u64; N] {
    keys.map(|key| report[key].as_u64().unwrap_or_else(|| panic!("{key} in {report}")))
}

const LEDGER: [&str; 5] = ["found", "replayed", "refused", "rejected_again", "failed"];

fn rows(env: &TestEnv) -> Vec<(String, String)> {
    let run = env.run(["scan", "--local", "-o", "ndjson", "--sensor", "kitchen"]).assert_success();
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        (row["current_time"].to_string(), row["temperature"].to_string())
    };
    run.stdout.lines().map(row).collect()
}

#[test]
fn rejects_replay_stores_mended_readings_and_keeps_the_others() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    env.run(["put", "--local", "--sensor", "kitchen", "--temp", "9", "--time", "3", "--wait"]).assert_success();
    store(&api, "10", &reading(1, "\"21.50\""));
    store(&api, "11", &reading(2, "22"));
    store(&api, "12", &reading(3, "\"23\""));
    store(&api, "13", "no JSON");
    store(&api, "14", &reading(1, "\"21.5\""));
    let dry = env.run(["rejects", "replay", "--local", "--dry-run"]).assert_code(3).json();
    assert_eq!(counts(&dry, ["found", "ready", "refused", "replayed"]), [5, 1, 4, 0], "{dry}");
    assert_eq!(dry["reasons"], json!({"wrong-type": 3, "not-json": 1}));
    env.run(["rejects", "replay", "--local"]).assert_code(2).assert_stderr_contains(&["--yes"]);
    let run = env.run(REPLAY.into_iter().chain(["--coerce"])).assert_code(3);
    let report = run.json();
    assert_eq!(counts(&report, LEDGER), [5, 3, 2, 0, 0], "{report}");
    assert_eq!(report["reasons"], json!({"other-values": 1, "not-json": 1}));
    run.assert_stderr_contains(&[
        "shardId-000000000000/12/0: refused: the table holds other values",
        "not all of 5 dead letters were replayed: 2 refused (1 not-json, 1 other-values)",
    ]);
    assert_eq!(letters(&api), ["12", "13"]);
    let text = |time: &str, temperature: &str| (time.to_owned(), temperature.to_owned());
    assert_eq!(rows(&env), [text("1", "21.5"), text("2", "22"), text("3", "9")]);
    let report = env.run(REPLAY.into_iter().chain(["--coerce", "--overwrite"])).assert_code(3).json();
    assert_eq!(counts(&report, LEDGER), [2, 1, 1, 0, 0], "{report}");
    assert_eq!(rows(&env)[2], text("3", "23"));
    // Again: what is left is refused, and nothing else happens.
    store(&api, "15", &reading(1, "21.5"));
    let report = env.run(REPLAY).assert_code(3).json();
    assert_eq!(counts(&report, ["replayed", "already_stored", "refused"]), [1, 1, 1], "{report}");
}

#[test]
fn rejects_replay_sets_fields_and_reads_paths() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    store(&api, "10", r#"{"device":"kitchen","payload":{"t":"21.5"},"current_time":1700000000}"#);
    let report = env
        .run(REPLAY.into_iter().chain([
            "--map",
            "sensor_id=device",
            "--map",
            "temperature=payload.t",
            "--field",
            "site=lab",
            "--reason",
            "wrong-type",
        ]))
        .assert_success()
        .json();
    assert_eq!(counts(&report, LEDGER), [1, 1, 0, 0, 0]);
    let row = env.run(["scan", "--local", "-o", "ndjson"]).assert_success().json();
    assert_eq!((&row["temperature"], &row["site"]), (&json!(21.5), &json!("lab")));
    env.run(REPLAY.into_iter().chain(["--field", "a=1e999"])).assert_code(2);
    assert!(letters(&api).is_empty());
}

#[test]
fn rejects_replay_rejected_again_replaces_the_dead_letter() {
    let env = TestEnv::with_local_cloud();
    env.run(["up", "--local", "--set", "mapping.enabled=false"]).assert_success();
    let api = ApiClient::new(&env);
    store(&api, "10", &reading(1, "21.5"));
    // The function rejects what the stream takes.
    let function = api.clone();
    let cloud = Interposed::new(&env, move |request, forward| {
        if request.operation() != "PutRecords" {
            return None;
        }
        let answer = forward();
        with_body(&answer, |body| {
            let answer: Value = serde_json::from_str(body).unwrap();
            store(&function, answer["Records"][0]["SequenceNumber"].as_str().unwrap(), &reading(1, "21.5"));
            body.to_owned()
        });
        Some(answer)
    });
    let run = cloud.run(&env, ["rejects", "replay", "--yes", "-o", "json"]).assert_code(3);
    let report = run.json();
    assert_eq!(counts(&report, LEDGER), [1, 0, 0, 1, 0], "{report}");
    let [left] = &letters(&api)[..] else { panic!("one dead letter") };
    assert!(left != "10", "the new one replaced it");
}

#[test]
fn rejects_replay_not_stored_in_time_keeps_the_dead_letter() {
    let env = TestEnv::with_local_cloud();
    env.run(["up", "--local", "--set", "mapping.enabled=false"]).assert_success();
    let api = ApiClient::new(&env);
    store(&api, "10", &reading(1, "21.5"));
    let run = env.run(REPLAY.into_iter().chain(["--timeout", "1s"])).assert_code(3);
    assert_eq!(counts(&run.json(), LEDGER), [1, 0, 0, 0, 1]);
    run.assert_stderr_contains(&["not stored within 1 s (not-stored)"]);
    assert_eq!(letters(&api), ["10"]);
}

#[test]
fn rejects_replay_killed_at_any_call_loses_and_doubles_nothing() {
    const COUNT: u32 = 40;
    // What a kill leaves decides which calls the next replay makes, so those of the second group have dead letters of
    // their own.
    let groups: [&[(&str, u64)]; 2] = [
        &[
            ("dynamodb:Scan", 1),
            ("dynamodb:BatchGetItem", 1),
            ("kinesis:PutRecords", 1),
            ("dynamodb:DeleteItem", 1),
            ("dynamodb:DeleteItem", 3),
        ],
        &[("dynamodb:BatchGetItem", 2), ("dynamodb:DeleteItem", 20)],
    ];
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    let replay = REPLAY.into_iter().chain(["--coerce"]);
    for (group, kills) in (1..).zip(groups) {
        let numbers = || (group * 1000..).take(COUNT as usize);
        for number in numbers() {
            store(&api, &number.to_string(), &reading(number, "\"21.5\""));
        }
        for (call, n) in kills {
            assert!(env.kill_at_call(replay.clone(), &api, call, *n), "{call} {n}");
            let kept = letters(&api);
            let stored: Vec<_> = rows(&env).into_iter().map(|(time, _)| time).collect();
            let is_lost = |number: &u32| !kept.contains(&number.to_string()) && !stored.contains(&number.to_string());
            assert_eq!(numbers().find(is_lost), None, "{call} {n}");
        }
        let report = env.run(replay.clone()).assert_success().json();
        assert_eq!(report["found"], report["replayed"]);
        assert!(letters(&api).is_empty());
        let rows = rows(&env);
        assert_eq!(rows.len(), (group * COUNT) as usize);
        assert!(rows.iter().all(|(_, temperature)| temperature == "21.5"));
    }
}

#[test]
fn rejects_replay_edit_sends_what_the_editor_left() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    store(&api, "10", &reading(1, "\"warm\""));
    store(&api, "11", &reading(2, "\"cold\""));
    let edit = REPLAY.into_iter().chain(["--edit"]);
    env.run_with_env(edit.clone(), &[("EDITOR", ""), ("VISUAL", "")])
        .assert_code(2)
        .assert_stderr_contains(&["neither VISUAL nor EDITOR"]);
    env.run_with_env(edit.clone(), &[("EDITOR", "false")]).assert_code(1).assert_stderr_contains(&["nothing was sent"]);
    assert_eq!(letters(&api), ["10", "11"]);
    let editor = r#"sed -i -e 's/"warm"/21.5/' -e '/"cold"/d'"#;
    let run = env.run_with_env(edit, &[("EDITOR", editor)]).assert_code(3);
    assert_eq!(counts(&run.json(), LEDGER), [2, 1, 1, 0, 0]);
    assert_eq!(run.json()["reasons"], json!({"left-out": 1}));
    assert_eq!((letters(&api), rows(&env)), (vec!["11".to_owned()], vec![("1".to_owned(), "21.5".to_owned())]));
}

#[test]
fn rejects_from_destination_replays_what_the_stream_still_has() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    let put = |time: &str| {
        let put = ["put", "--local", "--sensor", "kitchen", "--temp", "1", "--time", time, "--wait", "-o", "json"];
        env.run(put).assert_success().json()["sequence_number"].as_str().unwrap().to_owned()
    };
    let numbers = ["1", "2", "3", "4"].map(put);
    // Those of the batch were not stored, but the last of them.
    for time in ["2", "3"] {
        let key = json!({"SensorId": {"S": "kitchen"}, "CurrentTime": {"N": time}});
        api.json("DynamoDB_20120810.DeleteItem", &json!({"TableName": "SensorData", "Key": key}));
    }
    let batch = json!({"shardId": SHARD, "startSequenceNumber": numbers[1], "endSequenceNumber": numbers[3],
        "approximateArrivalOfFirstRecord": jiff::Timestamp::now().to_string(), "batchSize": 3,
        "streamArn": "arn:aws:kinesis:us-east-1:000000000000:stream/temperature-sensor-data"});
    let mut document = json!({"version": "1.0", "requestContext": {"condition": "RetryAttemptsExhausted"},
        "KinesisBatchInfo": batch});
    let path = env.write("failed.json", json!({"Messages": [{"Body": document.to_string()}]}).to_string());
    let from = ["rejects", "from-destination", "--local", "--file", path.to_str().unwrap()];
    let row = env.run(from).assert_success().json();
    assert_eq!((&row["records"], &row["reason"]), (&json!(3), &json!("RetryAttemptsExhausted")));
    assert!((23.0..=24.0).contains(&row["hours_left"].as_f64().unwrap()), "{row}");
    let target = env.path("records.ndjson");
    env.run(from.into_iter().chain(["--to", target.to_str().unwrap()])).assert_success();
    let exported = std::fs::read_to_string(&target).unwrap();
    assert_eq!(exported.lines().count(), 3, "{exported}");
    env.run(from.into_iter().chain(["--replay"])).assert_code(2).assert_stderr_contains(&["--yes"]);
    env.run(from.into_iter().chain(["--overwrite"])).assert_code(2).assert_stderr_contains(&["is for `--replay`"]);
    let report = env.run(from.into_iter().chain(["--replay", "--yes"])).assert_success().json();
    assert_eq!(counts(&report, ["found", "replayed", "already_stored"]), [3, 3, 1], "{report}");
    assert_eq!(rows(&env).len(), 4);
    // More than the stream has.
    document["KinesisBatchInfo"]["batchSize"] = 5.into();
    let path = env.write("more.json", document.to_string());
    env.run(["rejects", "from-destination", "--local", "--replay", "--yes", "--file", path.to_str().unwrap()])
        .assert_code(3)
        .assert_stderr_contains(&["2 records are lost"]);
    document["KinesisBatchInfo"]["streamArn"] = "arn:aws:kinesis:us-east-1:000000000000:stream/other".into();
    let path = env.write("other.json", document.to_string());
    env.run(["rejects", "from-destination", "--local", "--file", path.to_str().unwrap()])
        .assert_code(2)
        .assert_stderr_contains(&["is about stream other"]);
}

#[test]
fn rejects_from_destination_reads_what_the_local_cloud_logs_of_a_batch_that_was_given_up() {
    let env = TestEnv::with_local_cloud();
    env.run(["up", "--local", "--set", "mapping.retry_attempts=0", "--set", "mapping.bisect=false"]).assert_success();
    let api = ApiClient::new(&env);
    api.set_faults("dynamodb:BatchWriteItem=denied");
    env.run(["put", "--local", "--sensor", "kitchen", "--temp", "21.5", "--time", "1"]).assert_success();
    let log = || env.run(["logs", "--local", "--filter", "discarded", "-o", "ndjson"]).assert_success().stdout;
    let log = eventually("the batch is given up", log, |log| !log.is_empty());
    api.set_faults("");
    let from = ["rejects", "from-destination", "--local", "--file", "-"];
    let row = env.run_with_input(from, log.as_bytes()).assert_success().json();
    assert_eq!((&row["records"], &row["has_records"]), (&json!(1), &json!(false)));
    let run = env.run_with_input(from.into_iter().chain(["--replay", "--yes"]), log.as_bytes()).assert_success();
    assert_eq!(counts(&run.json(), LEDGER), [1, 1, 0, 0, 0]);
    assert_eq!(rows(&env), [("1".to_owned(), "21.5".to_owned())]);
}
