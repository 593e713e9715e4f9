//! `rejects` shows, exports and deletes dead letters, those of other writers included.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{ApiClient, Interposed, Run, TestEnv, eventually, send_signal};

const TABLE: &str = "SensorDataRejects";
const SHARD: &str = "shardId-000000000000";

/// Stores one part of a dead letter as the function does.
fn store(api: &ApiClient, sequence: u64, part: (u32, u32), data: &[u8], arrived: &str) {
    let text = |text: &str| json!({"S": text});
    let item = json!({
        "ShardId": text(SHARD), "RejectId": text(&format!("{sequence}#0000000#{:03}", part.0)),
        "SequenceNumber": text(&sequence.to_string()), "PartitionKey": text("kitchen"), "Code": text("not-json"),
        "Reason": text("not JSON (at byte 0)"), "ExpiresAt": {"N": "4102444800"}, "Parts": {"N": part.1.to_string()},
        "ArrivalTime": {"N": arrived}, "Data": {"B": STANDARD.encode(data)},
    });
    put(api, &item);
}

fn put(api: &ApiClient, item: &Value) {
    api.json("DynamoDB_20120810.PutItem", &json!({"TableName": TABLE, "Item": item}));
}

fn count(api: &ApiClient) -> u64 {
    let answer = api.json("DynamoDB_20120810.Scan", &json!({"TableName": TABLE, "Select": "COUNT"}));
    answer["Count"].as_u64().unwrap()
}

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// Returns an environment with tables, and without a function that could write to them.
fn env_with_tables() -> (TestEnv, ApiClient) {
    let env = TestEnv::with_local_cloud();
    env.run(["up", "--local", "--set", "mapping.enabled=false"]).assert_success();
    let api = ApiClient::new(&env);
    (env, api)
}

#[test]
fn rejects_export_keeps_every_byte_and_writes_no_half_file() {
    let (env, api) = env_with_tables();
    let all: [&[u8]; 4] = [b"{\"a\":1}", b"a\nb", b"\xff\0\x1b[2J", b""];
    for (sequence, data) in (10..).zip(all) {
        store(&api, sequence, (0, 1), data, "100");
    }
    let path = env.path("rejects.ndjson.gz");
    let name = path.to_str().unwrap();
    env.run(["rejects", "export", "--local", "--to", name]).assert_success();
    env.run(["rejects", "export", "--local", "--to", name]).assert_code(2).assert_stderr_contains(&["--force"]);
    let mut unpacked = String::new();
    GzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_string(&mut unpacked).unwrap();
    let exported = rows(&env.run(["rejects", "export", "--local"]).assert_success().stdout);
    assert_eq!((&rows(&unpacked), exported.len()), (&exported, all.len()));
    for (row, data) in exported.iter().zip(all) {
        let text = row["data"].as_str().unwrap();
        let bytes = if row["encoding"] == "base64" { STANDARD.decode(text).unwrap() } else { text.as_bytes().to_vec() };
        assert_eq!(bytes, data);
    }
    let run = env.run(["rejects", "export", "--local", "--raw"]).assert_code(3);
    assert!(run.stdout.starts_with("{\"a\":1}\n") && !run.stdout.contains("a\nb"), "{}", run.stdout);
    run.assert_stderr_contains(&["1 dead letter not written", "the same command without `--raw`"]);
    // A missing id does not hide another error, and no file is written without all ids that were asked for.
    let raw = ["rejects", "export", "--local", "--raw", &format!("{SHARD}/11/0"), &format!("{SHARD}/7/0")];
    env.run(raw).assert_code(3).assert_stderr_contains(&[
        "1 dead letter not written",
        "besides",
        "shardId-000000000000/7/0",
    ]);
    let few = env.path("few.ndjson");
    let to = ["rejects", "export", "--local", "--to", few.to_str().unwrap()];
    env.run(to.into_iter().chain([&*format!("{SHARD}/7/0")])).assert_code(1).assert_stderr_contains(&["does not hold"]);
    assert!(!few.exists());
    env.run(["rejects", "export", "--local", "-o", "csv"]).assert_code(2);
    let other = env.path("rejects.parquet");
    let other = other.to_str().unwrap();
    env.run(["rejects", "export", "--local", "--to", other]).assert_code(2).assert_stderr_contains(&["`.parquet`"]);
    let array = env.run(["rejects", "export", "--local", "-o", "json"]).assert_success().json();
    assert_eq!(array.as_array().map(Vec::len), Some(4));
}

#[test]
fn rejects_delete_counts_every_failure_and_names_the_first() {
    let (env, api) = env_with_tables();
    for sequence in 1..=3 {
        store(&api, sequence, (0, 1), b"x", "100");
    }
    api.set_faults("dynamodb:DeleteItem=denied@#1-2");
    let run = env.run(["rejects", "delete", "--local", "--yes", "-o", "json"]).assert_code(1);
    assert_eq!(
        serde_json::from_str::<Value>(&run.stdout).unwrap(),
        json!({"found": 3, "deleted": 1, "changed": 0, "failed": 2})
    );
    run.assert_stderr_contains(&["2 dead letters not deleted, first shardId-", "dynamodb:DeleteItem"]);
    assert_eq!(count(&api), 2);
}

#[test]
fn rejects_delete_deletes_all_parts_of_what_is_meant_and_keeps_what_changed() {
    let (env, api) = env_with_tables();
    for part in 0..3 {
        store(&api, 10, (part, 3), &[b'x'; 1000], "100");
    }
    store(&api, 11, (0, 1), b"other", "200");
    env.run(["rejects", "delete", "--local"]).assert_code(2).assert_stderr_contains(&["--yes"]);
    let id = format!("{SHARD}/10/0");
    let report = env.run(["rejects", "delete", "--local", "--yes", &id]).assert_success().json();
    assert_eq!(report, json!({"found": 1, "deleted": 1, "changed": 0, "failed": 0}));
    assert_eq!(count(&api), 1);
    let missing = env.run(["rejects", "delete", "--local", "--yes", &id]).assert_code(1);
    missing.assert_stderr_contains(&["does not hold", &id]);
    // The function writes it again, with a later expiry, just before it is deleted.
    let function = api.clone();
    let cloud = Interposed::new(&env, move |request, _| {
        if request.operation() == "DeleteItem" {
            let item = json!({"ShardId": {"S": SHARD}, "RejectId": {"S": "11#0000000#000"},
                "ExpiresAt": {"N": "4102444801"}, "Data": {"B": STANDARD.encode("other")}});
            put(&function, &item);
        }
        None
    });
    let run = cloud.run(&env, ["rejects", "delete", "--yes", "-o", "json"]).assert_code(3);
    assert_eq!(run.json(), json!({"found": 1, "deleted": 0, "changed": 1, "failed": 0}));
    assert_eq!(count(&api), 1, "it is kept");
    env.run(["rejects", "delete", "--local", "--yes", "--reason", ""]).assert_success();
    assert_eq!(count(&api), 0);
    // The rest of a deletion that was killed between two parts.
    store(&api, 12, (0, 3), b"rest", "100");
    let run = env.run(["rejects", "replay", "--local", "--yes"]).assert_code(3);
    run.assert_stderr_contains(&["2 of its parts are missing, so it can only be deleted, by `rejects delete`"]);
    let report = env.run(["rejects", "delete", "--local", "--yes"]).assert_success().json();
    assert_eq!((report["deleted"].as_u64(), count(&api)), (Some(1), 0));
}

#[test]
fn rejects_delete_on_a_terminal_deletes_what_the_question_counted() {
    let (env, api) = env_with_tables();
    for sequence in 10..12 {
        store(&api, sequence, (0, 1), b"data", "100");
    }
    let delete = ["rejects", "delete", "--local", "--reason", "not-json"];
    // One comes before the answer, between the others.
    let late = || store(&api, 11_000, (0, 1), b"late", "50");
    let run = env.run_on_terminal(delete, late).assert_code(0);
    assert_eq!(run.json(), json!({"found": 2, "deleted": 2, "changed": 0, "failed": 0}));
    let said: String = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("Delete 2 dead letters (2 not-json) of table SensorDataRejects in us-east-1?"), "{said}");
    assert!(said.contains("1 dead letter came after the question, and was left alone"), "{said}");
    assert_eq!(count(&api), 1);
    let missing = format!("{SHARD}/10/0");
    for verb in ["delete", "replay"] {
        let run = env.run_on_terminal(["rejects", verb, "--local", &missing], || panic!("nothing to ask about"));
        run.assert_code(1).assert_stderr_contains(&["does not hold", &missing]);
    }
}

#[test]
fn rejects_delete_interrupted_says_how_to_go_on_with_the_same_dead_letters() {
    let (env, api) = env_with_tables();
    store(&api, 10, (0, 1), b"data", "100");
    api.set_faults("dynamodb:Scan=hang");
    let child = env.spawn(["rejects", "delete", "--local", "--yes", "--reason", "not-json", "-o", "table"]);
    eventually("it reads", || api.has_hung_call(), |has_hung| *has_hung);
    send_signal(&child, Signal::INT);
    let run = Run::of_child(child).assert_code(130);
    run.assert_stderr_contains(&["hint: the same command continues"]);
    api.set_faults("");
    assert_eq!(count(&api), 1);
}

#[test]
fn rejects_show_names_commands_for_the_same_dead_letter_in_the_same_cloud() {
    let (env, api) = env_with_tables();
    let data = format!(r#"{{"sensor_id":"a","temperature":1,"current_time":1,"text":"{}"}}"#, "x".repeat(9000));
    store(&api, 10, (0, 1), data.as_bytes(), "100");
    let id = format!("{SHARD}/10/0");
    let shown = env.run(["rejects", "show", "--local", "-o", "table", &id]).assert_success().stdout;
    for verb in ["replay", "export"] {
        assert!(shown.contains(&format!("`sensorctl rejects {verb} --local {id}`")), "{shown}");
    }
}

mod slow {
    use super::{SHARD, Value, env_with_tables, json, put, rows, store};

    #[test]
    fn rejects_list_joins_parts_filters_and_leaves_out_items_of_others() {
        let (env, api) = env_with_tables();
        store(&api, 10, (0, 1), b"one", "100.5");
        // More than a page of 1 MB.
        for part in 0..4 {
            store(&api, 11, (part, 4), &vec![b'a' + u8::try_from(part).unwrap(); 300_000], "200");
        }
        store(&api, 12, (1, 3), b"rest", "300");
        put(
            &api,
            &json!({"ShardId": {"S": SHARD}, "RejectId": {"S": "7#3#0"}, "Data": {"B": ""}, "Text": {"S": "mine"}}),
        );
        let list = |more: &[&str]| {
            let run = env.run(["rejects", "list", "--local"].iter().chain(more).copied()).assert_success();
            (rows(&run.stdout), run.stderr)
        };
        let (found, said) = list(&[]);
        let shown = |row: &Value| (row["id"].clone(), row["bytes"].clone(), row["missing_parts"].clone());
        let id = |sequence: u64| json!(format!("{SHARD}/{sequence}/0"));
        assert_eq!(
            found.iter().map(shown).collect::<Vec<_>>(),
            [(id(10), json!(3), Value::Null), (id(11), json!(1_200_000), Value::Null), (id(12), json!(4), json!(2)),]
        );
        assert!(said.contains("1 items of table SensorDataRejects are not of the function"), "{said}");
        let sequences = |more: &[&str]| {
            let (found, _) = list(more);
            found.iter().map(|row| row["sequence_number"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(sequences(&["--since", "100.5", "--until", "200"]), ["10", "11"]);
        assert_eq!(sequences(&["--shard", SHARD, "--since", "201"]), ["12"]);
        assert_eq!(sequences(&["--limit", "1"]), ["10"]);
        assert!(sequences(&["--reason", "panic"]).is_empty() && sequences(&["--shard", "shardId-7"]).is_empty());
        let (counts, _) = list(&["--counts"]);
        assert_eq!(counts[0]["count"], json!(3), "{counts:?}");
        env.run(["rejects", "list", "--local", "--since", "2", "--until", "1"]).assert_code(2);
    }
}
