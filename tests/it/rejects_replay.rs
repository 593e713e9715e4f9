//! `rejects replay` stores what can be stored, deletes it only then, and can be killed anywhere.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{ApiClient, Interposed, Run, TestEnv, eventually, send_signal, with_body};

const TABLE: &str = "SensorDataRejects";
pub(super) const SHARD: &str = "shardId-000000000000";
const REPLAY: [&str; 4] = ["rejects", "replay", "--local", "--yes"];

/// Stores a dead letter as the function does.
pub(super) fn store(api: &ApiClient, sequence: &str, data: &str) {
    let text = |text: &str| json!({"S": text});
    let item = json!({
        "ShardId": text(SHARD), "RejectId": text(&format!("{sequence}#0000000#000")), "SequenceNumber": text(sequence),
        "PartitionKey": text("kitchen"), "Code": text("wrong-type"), "Reason": text("`temperature` is not a number"),
        "ExpiresAt": {"N": "4102444800"}, "Parts": {"N": "1"}, "ArrivalTime": {"N": "1700000000.5"},
        "Data": {"B": STANDARD.encode(data)},
    });
    api.json("DynamoDB_20120810.PutItem", &json!({"TableName": TABLE, "Item": item}));
}

pub(super) fn reading(time: u32, temperature: &str) -> String {
    format!(r#"{{"sensor_id":"kitchen","temperature":{temperature},"current_time":{time}}}"#)
}

pub(super) fn letters(api: &ApiClient) -> Vec<String> {
    let answer = api.json("DynamoDB_20120810.Scan", &json!({"TableName": TABLE}));
    let number = |item: &Value| item["SequenceNumber"]["S"].as_str().unwrap().to_owned();
    answer["Items"].as_array().unwrap().iter().map(number).collect()
}

pub(super) fn counts<const N: usize>(report: &Value, keys: [&str; N]) -> [u64; N] {
    keys.map(|key| report[key].as_u64().unwrap_or_else(|| panic!("{key} in {report}")))
}

pub(super) const LEDGER: [&str; 5] = ["found", "replayed", "refused", "rejected_again", "failed"];

pub(super) fn rows(env: &TestEnv) -> Vec<(String, String)> {
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
    let run = env.run(["rejects", "replay", "--local", "--dry-run"]).assert_code(3);
    let dry = run.json();
    run.assert_stderr_contains(&["not all of 5 dead letters would be replayed"]);
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
    // An item of another writer is not replaced.
    let item = json!({"SensorId": {"S": "kitchen"}, "CurrentTime": {"N": "7"}, "Note": {"S": "mine"}});
    api.json("DynamoDB_20120810.PutItem", &json!({"TableName": "SensorData", "Item": item}));
    store(&api, "16", &reading(7, "21.5"));
    let id = format!("{SHARD}/16/0");
    let run = env.run(REPLAY.into_iter().chain(["--overwrite", &id])).assert_code(3);
    assert_eq!(run.json()["reasons"], json!({"foreign-row": 1}));
    let missing = format!("{SHARD}/17/0");
    let run = env.run(REPLAY.into_iter().chain([&*id, &*missing])).assert_code(3);
    run.assert_stderr_contains(&["not all of 1 dead letter were replayed", "does not hold", &missing]);
    env.run(["rejects", "delete", "--local", "--yes", &id]).assert_success();
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
fn rejects_replay_with_overwrite_replaces_no_reading_of_the_same_replay() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    store(&api, "10", &reading(5, "\"1\""));
    store(&api, "11", &reading(5, "\"2\""));
    let flags = ["--coerce", "--overwrite"];
    let dry = env.run(["rejects", "replay", "--local", "--dry-run"].into_iter().chain(flags)).assert_code(3).json();
    let report = env.run(REPLAY.into_iter().chain(flags)).assert_code(3).json();
    assert_eq!(counts(&report, LEDGER), [2, 1, 1, 0, 0], "{report}");
    assert_eq!(report["reasons"], json!({"same-key": 1}));
    assert_eq!((&dry["reasons"], &dry["ready"]), (&report["reasons"], &json!(1)));
    assert_eq!((letters(&api), rows(&env)), (vec!["11".to_owned()], vec![("5".to_owned(), "1".to_owned())]));
}

#[test]
fn rejects_replay_keeps_all_members_of_a_dead_letter() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    let map = ["--map", "sensor_id=id", "--map", "temperature=data.temp", "--map", "current_time=data.ts"];
    let data = r#"{"id":"kitchen","data":{"temp":21.5,"ts":1700000000000},"site":"roof","battery":88}"#;
    store(&api, "10", data);
    store(&api, "11", &data.replace("\"site\"", "\"temperature\"").replace("000000000}", "000001000}"));
    let report = env.run(REPLAY.into_iter().chain(map)).assert_code(3).json();
    assert_eq!(counts(&report, LEDGER), [2, 1, 1, 0, 0], "{report}");
    assert_eq!((&report["reasons"], &report["left_out"]), (&json!({"fields-left-out": 1}), &json!(0)));
    let row = env.run(["scan", "--local", "-o", "ndjson"]).assert_success().json();
    assert_eq!((&row["site"], &row["battery"]), (&json!("roof"), &json!(88)));
    let drop = map.into_iter().chain(["--drop", "temperature"]);
    let dry = env.run(["rejects", "replay", "--local", "--dry-run"].into_iter().chain(drop.clone())).assert_success();
    assert_eq!(dry.json()["left_out"], json!(1));
    let run = env.run(REPLAY.into_iter().chain(drop)).assert_success();
    let run = run.assert_stderr_contains(&["left out (`--drop`): 1 member of dead letters"]);
    assert_eq!(counts(&run.json(), ["replayed", "left_out"]), [1, 1]);
    assert!(letters(&api).is_empty());
}

#[test]
fn rejects_replay_keeps_dead_letters_that_an_edit_gives_the_same_sensor_and_time() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    for number in 10..20 {
        store(&api, &number.to_string(), r#"{"sensor_id":"kitchen","temperature":21.5}"#);
    }
    let replay = REPLAY.into_iter().chain(["--field", "current_time=1700000000"]);
    let run = env.run(replay.clone()).assert_code(3);
    assert_eq!(counts(&run.json(), LEDGER), [10, 1, 9, 0, 0]);
    assert_eq!(run.json()["reasons"], json!({"same-key-after-edit": 9}));
    assert_eq!(counts(&env.run(replay).assert_code(3).json(), LEDGER), [9, 0, 9, 0, 0], "again");
    assert_eq!((letters(&api).len(), rows(&env).len()), (9, 1));
    // Equal but for a sensor that `--map` replaces.
    for sensor in ["20", "21"] {
        let data = format!(r#"{{"sensor_id":"{sensor}","room":"kitchen","temperature":1,"current_time":5}}"#);
        store(&api, sensor, &data);
    }
    let map = ["--map", "sensor_id=room", "--drop", "sensor_id", "--until", "1700000001", "--shard", SHARD];
    let dry = env.run(["rejects", "replay", "--local", "--dry-run"].into_iter().chain(map)).assert_code(3).json();
    let report = env.run(REPLAY.into_iter().chain(map)).assert_code(3).json();
    assert_eq!(report["reasons"]["same-key-after-edit"], json!(1), "{report}");
    assert_eq!((&dry["reasons"], &dry["ready"]), (&report["reasons"], &report["replayed"]), "dry");
    assert_eq!(letters(&api).len(), 10);
}

/// Returns a cloud in which `reject` stores the dead letter of each record that the stream takes, by its sequence number.
fn rejecting(env: &TestEnv, reject: impl Fn(&str) + Send + Sync + 'static) -> Interposed {
    Interposed::new(env, move |request, forward| {
        if request.operation() != "PutRecords" {
            return None;
        }
        let answer = forward();
        with_body(&answer, |body| {
            let answer: Value = serde_json::from_str(body).unwrap();
            reject(answer["Records"][0]["SequenceNumber"].as_str().unwrap());
            body.to_owned()
        });
        Some(answer)
    })
}

#[test]
fn rejects_replay_rejected_again_replaces_the_dead_letter() {
    let env = TestEnv::with_local_cloud();
    env.run(["up", "--local", "--set", "mapping.enabled=false"]).assert_success();
    let api = ApiClient::new(&env);
    store(&api, "10", &reading(1, "21.5"));
    let function = api.clone();
    let cloud = rejecting(&env, move |number| store(&function, number, &reading(1, "21.5")));
    let run = cloud.run(&env, ["rejects", "replay", "--yes", "-o", "json"]).assert_code(3);
    let report = run.json();
    assert_eq!(counts(&report, LEDGER), [1, 0, 0, 1, 0], "{report}");
    let [left] = &letters(&api)[..] else { panic!("one dead letter") };
    assert!(left != "10", "the new one replaced it");
}

/// Stores one of two parts of a dead letter.
fn store_part(api: &ApiClient, sequence: &str, part: usize) {
    let data = reading(1, "21.5");
    let (front, back) = data.split_at(20);
    store(api, sequence, [front, back][part]);
    let key = json!({"ShardId": {"S": SHARD}, "RejectId": {"S": format!("{sequence}#0000000#000")}});
    let answer = api.json("DynamoDB_20120810.GetItem", &json!({"TableName": TABLE, "Key": key}));
    let mut item = answer["Item"].clone();
    item["Parts"] = json!({"N": "2"});
    item["RejectId"] = json!({"S": format!("{sequence}#0000000#00{part}")});
    api.json("DynamoDB_20120810.DeleteItem", &json!({"TableName": TABLE, "Key": key}));
    api.json("DynamoDB_20120810.PutItem", &json!({"TableName": TABLE, "Item": item}));
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
fn rejects_replay_interrupted_ends_resends_of_records() {
    let env = TestEnv::with_local_cloud();
    env.run(["up", "--local", "--set", "mapping.enabled=false"]).assert_success();
    let api = ApiClient::new(&env);
    store(&api, "10", &reading(1, "21.5"));
    api.set_faults("kinesis:PutRecords=partial(100%)");
    let child = env.spawn(REPLAY);
    api.wait_for_call("kinesis:PutRecords", 3);
    let began = Instant::now();
    send_signal(&child, Signal::INT);
    let run = Run::of_child(child).assert_code(130);
    assert!(began.elapsed() < Duration::from_secs(20), "resends go on for a minute: {:?}", began.elapsed());
    assert_eq!(run.json()["reasons"], json!({"not-taken": 1}));
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

mod slow {
    use super::{
        ApiClient, Duration, LEDGER, REPLAY, Run, SHARD, Signal, TestEnv, counts, eventually, letters, reading,
        rejecting, send_signal, store, store_part,
    };

    #[test]
    fn rejects_replay_rejected_again_waits_for_all_parts_of_the_new_dead_letter() {
        let env = TestEnv::with_local_cloud();
        env.run(["up", "--local", "--set", "mapping.enabled=false"]).assert_success();
        let api = ApiClient::new(&env);
        // The first function is killed between the parts.
        for parts in [1, 2] {
            for part in [1, 0] {
                store_part(&api, "10", part);
            }
            let function = api.clone();
            let cloud = rejecting(&env, move |number| {
                for part in (0..parts).rev() {
                    store_part(&function, number, part);
                }
            });
            let id = format!("{SHARD}/10/0");
            let run =
                cloud.run(&env, ["rejects", "replay", "--yes", "-o", "json", "--timeout", "2s", &id]).assert_code(3);
            let expected = if parts == 2 { [1, 0, 0, 1, 0] } else { [1, 0, 0, 0, 1] };
            assert_eq!(counts(&run.json(), LEDGER), expected, "{parts} parts: {}", run.stderr);
            let is_kept = letters(&api).contains(&"10".to_owned());
            assert_eq!(is_kept, parts == 1, "{parts} parts");
        }
    }

    #[test]
    fn rejects_replay_edit_removes_its_file_also_after_two_signals() {
        let env = TestEnv::with_pipeline();
        store(&ApiClient::new(&env), "10", &reading(1, "\"warm\""));
        let seen = env.path("seen");
        let editor = format!("f() {{ echo \"$1\" >{}; exec sleep 9; }}; f", seen.display());
        let mut command = env.command(REPLAY.into_iter().chain(["--edit"]));
        let child = command.env("EDITOR", editor).spawn().unwrap();
        let path = || std::fs::read_to_string(&seen).unwrap_or_default().trim().to_owned();
        let path = eventually("the editor has the file", path, |path| !path.is_empty());
        assert!(std::path::Path::new(&path).exists());
        // The second one comes so late that it is no part of the first wish.
        for _ in 0..2 {
            send_signal(&child, Signal::INT);
            std::thread::sleep(Duration::from_millis(1500));
        }
        assert!(!std::path::Path::new(&path).exists(), "{path}");
        Run::of_child(child).assert_code(130);
    }
}
