//! Bulk put of 100,000 lines: the table has exactly the last reading of each key, the rejects exactly the rest.

mod generator;
mod others;

use std::collections::BTreeMap;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::value::RawValue;

use self::generator::{Key, Values, generate};
use self::others::{other_clients, stored_rejects};
use crate::support::{ApiClient, TestEnv};

const LINES: u64 = 100_000;

#[test]
fn bulk_put_every_reading_is_stored_or_rejected() {
    let made = generate(4, LINES);
    let others = other_clients(5, 120);
    assert!(made.rows.len() < 60_000, "many readings are replaced");
    assert!(made.bad.len() > 2_000, "many lines are invalid");

    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    let file = env.write("readings.ndjson", &made.text);
    let rejects = env.path("rejects.ndjson");
    let began = Instant::now();
    let put = std::thread::scope(|scope| {
        scope.spawn(|| others.put(&api, "temperature-sensor-data"));
        let arguments = ["--file", file.to_str().unwrap(), "--rejects", rejects.to_str().unwrap()];
        env.run(["put", "--local", "-o", "json"].into_iter().chain(arguments))
    });
    let put = put
        .assert_code(3)
        .assert_stderr_contains(&["not all readings were put", "rejects.ndjson has the rejected lines"]);
    let report = put.json();
    let ledger = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(ledger("read"), LINES);
    assert_eq!(ledger("accepted"), made.good);
    assert_eq!(ledger("rejected"), made.bad.len() as u64);
    assert_eq!(ledger("failed"), 0);
    let put_seconds = began.elapsed().as_secs_f64();

    // The only shard is read in order: when the second canary is stored, so is every earlier batch.
    for time in ["1", "2"] {
        let marker = ["--sensor", "marker", "--temp", "0", "--time", time, "--wait", "--timeout", "5m"];
        env.run(["put", "--local", "-q"].into_iter().chain(marker)).assert_success();
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut expected = made.rows;
    expected.extend(others.rows);
    let mut stored = rows(&env);
    for time in ["1", "2"] {
        assert!(stored.remove(&("\"marker\"".to_owned(), time.to_owned())).is_some());
    }
    for (key, values) in &expected {
        assert_eq!(stored.remove(key).as_ref(), Some(values), "{key:?}");
    }
    assert!(stored.is_empty(), "{} unexpected rows", stored.len());

    assert_eq!(rejected_lines(&std::fs::read_to_string(&rejects).unwrap(), file.to_str().unwrap()), made.bad);
    let stored = stored_rejects(&api, "SensorDataRejects");
    assert_eq!(stored.len(), others.rejects.len());
    let different: Vec<_> = stored.iter().zip(&others.rejects).filter(|(stored, made)| stored != made).collect();
    let codes: Vec<_> =
        different.iter().map(|(stored, made)| (&stored.0, stored.1.len(), &made.0, made.1.len())).collect();
    assert!(codes.is_empty(), "rejects with other bytes or another code: {:?}", &codes[..codes.len().min(5)]);
    // Visible with `--nocapture`.
    println!("put in {put_seconds:.1} s, stored within {seconds:.1} s, all in {:.1} s", began.elapsed().as_secs_f64());
}

/// Returns all rows, each value as its JSON text.
fn rows(env: &TestEnv) -> BTreeMap<Key, Values> {
    let scan = env.run(["scan", "--local", "--consistent", "-o", "ndjson"]).assert_success();
    let row = |line: &str| {
        let row: BTreeMap<String, Box<RawValue>> = serde_json::from_str(line).unwrap();
        let mut values: Values = row.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect();
        assert!(values.remove("shard_id").unwrap().starts_with("\"shardId-"), "{line}");
        assert!(values.remove("sequence_number").unwrap().len() > 50, "{line}");
        ((values["sensor_id"].clone(), values["current_time"].clone()), values)
    };
    let all: Vec<_> = scan.stdout.lines().map(row).collect();
    let count = all.len();
    let rows: BTreeMap<_, _> = all.into_iter().collect();
    assert_eq!(rows.len(), count, "no row is printed twice");
    rows
}

/// Returns line, code and bytes of each entry of a rejects file.
fn rejected_lines(text: &str, file: &str) -> Vec<(u64, &'static str, Vec<u8>)> {
    let codes = [
        "not-json",
        "not-utf-8",
        "not-an-object",
        "missing-key",
        "wrong-type",
        "id-empty",
        "id-too-long",
        "number-out-of-range",
        "too-many-digits",
        "duplicate-key",
    ];
    let entry = |line: &str| {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert_eq!(entry["file"], file);
        let raw = match entry["raw"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => STANDARD.decode(entry["raw_base64"].as_str().unwrap()).unwrap(),
        };
        let code = entry["code"].as_str().unwrap();
        let code = codes.iter().find(|known| **known == code).unwrap_or_else(|| panic!("{code}"));
        (entry["line"].as_u64().unwrap(), *code, raw)
    };
    text.lines().map(entry).collect()
}
