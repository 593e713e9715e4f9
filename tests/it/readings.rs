//! Readings go in and come out value by value.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Home, repository};

/// Key and values of a reading, without its place in the stream.
fn by_time(rows: impl IntoIterator<Item = Value>) -> BTreeMap<String, Value> {
    rows.into_iter()
        .map(|mut row| {
            let row_map = row.as_object_mut().unwrap();
            row_map.remove("shard_id");
            row_map.remove("sequence_number");
            (row["current_time"].to_string(), row)
        })
        .collect()
}

#[test]
fn the_station_s_readings_are_in_the_table_value_by_value() {
    let home = Home::with_pipeline();
    let file = repository("tests/fixtures/seattle-hourly.ndjson");
    let report = home.run(["put", "--local", "--file", file.to_str().unwrap(), "-o", "json"]).succeeded().json();
    assert_eq!(
        (&report["read"], &report["accepted"], &report["rejected"], &report["failed"]),
        (&8759.into(), &8759.into(), &0.into(), &0.into())
    );
    let text = std::fs::read_to_string(&file).unwrap();
    // DynamoDB drops zeros at the end of a number, so 4.0 and 4 are the same; both are compared as numbers here.
    let as_numbers = |rows: BTreeMap<String, Value>| -> BTreeMap<String, BTreeMap<String, String>> {
        let plain = |value: &Value| value.as_f64().map_or_else(|| value.to_string(), |number| number.to_string());
        rows.into_iter()
            .map(|(time, row)| {
                (time, row.as_object().unwrap().iter().map(|(key, value)| (key.clone(), plain(value))).collect())
            })
            .collect()
    };
    let sent = as_numbers(by_time(text.lines().map(|line| serde_json::from_str(line).unwrap())));
    let stored = as_numbers(by_time(home.rows(8759)));
    assert_eq!(stored.len(), 8759);
    assert_eq!(stored, sent);
}

#[test]
fn every_form_of_scan_gives_the_same_rows() {
    let home = Home::with_pipeline();
    let readings = "{\"sensor_id\":\"a\",\"temperature\":-1.50,\"current_time\":1.25,\"note\":\"x,\\\"y\\\"\"}\n\
                    {\"sensor_id\":\"b\",\"temperature\":12345678901234567890.123456789,\"current_time\":2}\n";
    home.run_with_input(["put", "--local", "--file", "-"], readings.as_bytes()).succeeded();
    let rows = home.rows(2);
    assert_eq!(rows.len(), 2);
    let scan = |form: &str| home.run(["scan", "--local", "--sort", "sensor", "-o", form]).succeeded().stdout;
    assert!(scan("ndjson").contains("\"temperature\":12345678901234567890.123456789,"));
    let json: Vec<Value> = serde_json::from_str(&scan("json")).unwrap();
    assert_eq!(json[0]["temperature"].to_string(), "-1.5");
    assert_eq!(json[0]["note"], "x,\"y\"");
    let csv = scan("csv");
    assert!(csv.starts_with("sensor_id,temperature,current_time,note,shard_id,sequence_number"), "{csv}");
    assert!(csv.contains("a,-1.5,1.25,\"x,\"\"y\"\"\",shardId-"), "{csv}");
    assert!(scan("table").contains("12345678901234567890.123456789"));
    // What comes out goes in again.
    let copy = home.run_with_input(["put", "--local", "--file", "-", "-o", "json"], scan("ndjson").as_bytes());
    assert_eq!(copy.succeeded().json()["accepted"], 2);
}

#[test]
fn what_is_no_reading_is_rejected_where_it_enters_or_in_the_function() {
    let home = Home::with_pipeline();
    let lines = "{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":1}\nnot json\n{\"sensor_id\":\"\",\"temperature\":1,\
                 \"current_time\":1}\n{\"sensor_id\":\"a\",\"temperature\":\"warm\",\"current_time\":1}\n";
    let file = home.write("readings.ndjson", lines);
    let run = home.run(["put", "--local", "--file", file.to_str().unwrap(), "-o", "json"]).exited(3);
    let report = run.json();
    assert_eq!((&report["accepted"], &report["rejected"]), (&1.into(), &3.into()));
    let run = run.says(&["readings.ndjson:2", "readings.ndjson:3", "readings.ndjson:4"]);
    assert!(!run.stderr.contains("warm"), "a reading's content is not shown: {}", run.stderr);
    assert_eq!(home.rows(1).len(), 1);
}

#[test]
fn the_test_event_is_stored_by_the_function() {
    let home = Home::with_pipeline();
    let answer = home.run(["invoke", "--local", "-o", "json"]).succeeded().json();
    assert_eq!(answer["status"], 200);
    assert!(answer["log"].as_array().unwrap().iter().any(|line| line.as_str().unwrap().starts_with("REPORT")));
    let rows = home.rows(1);
    assert_eq!((&rows[0]["sensor_id"], rows[0]["temperature"].to_string()), (&"sensor-1".into(), "99.9".into()));
    let event = home.write("event.json", "{}");
    home.run(["invoke", "--local", "--event", event.to_str().unwrap()]).exited(1).says(&["failed"]);
}
