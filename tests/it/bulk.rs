//! A hundred thousand readings: the table holds exactly the last one of each key, the rejects exactly the rest.

mod generator;
mod others;

use std::collections::BTreeMap;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::value::RawValue;

use self::generator::{Key, Values, readings};
use self::others::{others, stored_rejects};
use crate::support::{Home, Stranger};

const LINES: u64 = 100_000;

#[test]
fn a_hundred_thousand_readings_are_in_the_table_or_among_the_rejects() {
    let made = readings(4, LINES);
    let others = others(5, 120);
    assert!(made.rows.len() < 60_000, "many readings are replaced");
    assert!(made.bad.len() > 2_000, "many lines are no readings");

    let home = Home::with_pipeline();
    let stranger = Stranger::of(&home);
    let file = home.write("readings.ndjson", &made.text);
    let rejects = home.path("rejects.ndjson");
    let began = Instant::now();
    let put = std::thread::scope(|scope| {
        scope.spawn(|| others.put(&stranger, "temperature-sensor-data"));
        let arguments = ["--file", file.to_str().unwrap(), "--rejects", rejects.to_str().unwrap()];
        home.run(["put", "--local", "-o", "json"].into_iter().chain(arguments))
    });
    let put = put.exited(3).says(&["not all readings were put", "rejects.ndjson has the rejected lines"]);
    let report = put.json();
    let ledger = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(ledger("read"), LINES);
    assert_eq!(ledger("accepted"), made.good);
    assert_eq!(ledger("rejected"), made.bad.len() as u64);
    assert_eq!(ledger("failed"), 0);
    let put_seconds = began.elapsed().as_secs_f64();

    // One shard, read in its order: when the second marker is stored, so is every batch before its own.
    for time in ["1", "2"] {
        let marker = ["--sensor", "marker", "--temp", "0", "--time", time, "--wait", "--timeout", "5m"];
        home.run(["put", "--local", "-q"].into_iter().chain(marker)).succeeded();
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut expected = made.rows;
    expected.extend(others.rows);
    let mut stored = rows(&home);
    for time in ["1", "2"] {
        assert!(stored.remove(&("\"marker\"".to_owned(), time.to_owned())).is_some());
    }
    for (key, values) in &expected {
        assert_eq!(stored.remove(key).as_ref(), Some(values), "{key:?}");
    }
    assert!(stored.is_empty(), "{} rows that nobody sent", stored.len());

    assert_eq!(lines_refused(&std::fs::read_to_string(&rejects).unwrap(), file.to_str().unwrap()), made.bad);
    let stored = stored_rejects(&stranger, "SensorDataRejects");
    assert_eq!(stored.len(), others.rejects.len());
    assert!(stored == others.rejects, "a reject has other bytes or another code");
    // Shown where a test is run with its output.
    println!("put in {put_seconds:.1} s, stored within {seconds:.1} s, all in {:.1} s", began.elapsed().as_secs_f64());
}

/// All rows, each value in its JSON text.
fn rows(home: &Home) -> BTreeMap<Key, Values> {
    let scan = home.run(["scan", "--local", "--consistent", "-o", "ndjson"]).succeeded();
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
    assert_eq!(rows.len(), count, "no row comes twice");
    rows
}

/// Line, code and bytes of each entry of a rejects file.
fn lines_refused(text: &str, file: &str) -> Vec<(u64, &'static str, Vec<u8>)> {
    let codes = [
        "not-json",
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
