//! Readings keep every value from `put` to `scan`.

use std::collections::BTreeMap;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{ApiClient, Run, TestEnv, eventually, repository, send_signal};

/// Returns the readings by time, without shard and sequence number.
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
fn scan_every_output_format_has_same_rows() {
    let env = TestEnv::with_pipeline();
    let readings = "{\"sensor_id\":\"a\",\"temperature\":-1.50,\"current_time\":1.25,\"note\":\"x,\\\"y\\\"\"}\n\
                    {\"sensor_id\":\"b\",\"temperature\":12345678901234567890.123456789,\"current_time\":2}\n";
    env.run_with_input(["put", "--local", "--file", "-"], readings.as_bytes()).assert_success();
    let rows = env.rows(2);
    assert_eq!(rows.len(), 2);
    let scan = |form: &str| env.run(["scan", "--local", "--sort", "sensor", "-o", form]).assert_success().stdout;
    assert!(scan("ndjson").contains("\"temperature\":12345678901234567890.123456789,"));
    let json: Vec<Value> = serde_json::from_str(&scan("json")).unwrap();
    assert_eq!(json[0]["temperature"].to_string(), "-1.5");
    assert_eq!(json[0]["note"], "x,\"y\"");
    let csv = scan("csv");
    assert!(csv.starts_with("sensor_id,temperature,current_time,note,shard_id,sequence_number"), "{csv}");
    assert!(csv.contains("a,-1.5,1.25,\"x,\"\"y\"\"\",shardId-"), "{csv}");
    assert!(scan("table").contains("12345678901234567890.123456789"));
    // The output is valid input.
    let copy = env.run_with_input(["put", "--local", "--file", "-", "-o", "json"], scan("ndjson").as_bytes());
    assert_eq!(copy.assert_success().json()["accepted"], 2);
}

#[test]
fn scan_csv_put_into_another_stage_keeps_texts_and_numbers() {
    let env = TestEnv::with_pipeline();
    let readings = [
        r#"{"sensor_id":"a","temperature":-1.50,"current_time":1700000000.25,"note":"x,\"y\"\r\nz; -w","humidity":40.50}"#,
        r#"{"sensor_id":"=b","temperature":2,"current_time":1700000001,"note":"=1+1"}"#,
    ];
    env.run_with_input(["put", "--local", "--file", "-"], readings.join("\n").as_bytes()).assert_success();
    let scan = |flags: &[&str]| {
        let flags = ["scan", "--local", "--consistent", "--sort", "time"].iter().chain(flags);
        env.run(flags.copied()).assert_success().stdout
    };
    let rows = |flags: &[&str]| -> Vec<String> {
        let lines = scan(&[&["-o", "ndjson"], flags].concat());
        lines.lines().map(|line| line.split(",\"shard_id\"").next().unwrap().to_owned()).collect()
    };
    let stored = eventually("the readings are stored", || rows(&[]), |rows| rows.len() == 2);
    env.run(["up", "--local", "--stage", "copy", "--yes"]).assert_success();
    let put = |csv: &str| {
        let put = ["put", "--local", "--stage", "copy", "--untyped", "--file", "-", "-o", "json"];
        assert_eq!(env.run_with_input(put, csv.as_bytes()).assert_success().json()["accepted"], 2);
    };
    let csv = scan(&["-o", "csv"]);
    // `more` is only there for fields of later rows.
    let with_more = csv.replacen(",\n", ",\"{\"\"late\"\":1}\"\n", 1);
    let put_more = ["put", "--local", "--stage", "copy", "--untyped", "--dry-run", "--file", "-", "-o", "json"];
    let rejected = env.run_with_input(put_more, with_more.as_bytes()).assert_code(3).json();
    assert_eq!((&rejected["reasons"]["more-fields"], &rejected["accepted"]), (&1.into(), &1.into()), "{rejected}");
    assert_eq!(csv.matches("\r\n").count(), 1, "only that of the text: {csv:?}");
    put(&csv);
    let copied = || rows(&["--stage", "copy"]);
    assert_eq!(eventually("the readings are copied", copied, |rows| rows.len() == 2), stored);
    // The apostrophes of a file for spreadsheets stay.
    put(&scan(&["-o", "csv", "--csv-safe"]));
    let safe =
        eventually("the rows for spreadsheets are stored", copied, |rows| rows.len() == 3 && rows[0] != stored[0]);
    assert!(safe[0].contains(r#""note":"x,\"y\"\r\nz; '-w""#) && safe[0].contains(r#""humidity":40.5"#), "{safe:?}");
    assert!(
        safe.iter().any(|row| row.contains(r#""sensor_id":"'=b""#) && row.contains(r#""note":"'=1+1""#)),
        "{safe:?}"
    );
}

#[test]
fn put_invalid_lines_are_rejected_with_line_numbers() {
    let env = TestEnv::with_pipeline();
    let lines = "{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":1}\nnot json\n{\"sensor_id\":\"\",\"temperature\":1,\
                 \"current_time\":1}\n{\"sensor_id\":\"a\",\"temperature\":\"warm\",\"current_time\":1}\n";
    let file = env.write("readings.ndjson", lines);
    let run = env.run(["put", "--local", "--file", file.to_str().unwrap(), "-o", "json"]).assert_code(3);
    let report = run.json();
    assert_eq!((&report["accepted"], &report["rejected"]), (&1.into(), &3.into()));
    let run = run.assert_stderr_contains(&["readings.ndjson:2", "readings.ndjson:3", "readings.ndjson:4"]);
    assert!(!run.stderr.contains("warm"), "a reading's content is not printed: {}", run.stderr);
    assert_eq!(env.rows(1).len(), 1);
}

#[test]
fn invoke_test_event_is_stored() {
    let env = TestEnv::with_pipeline();
    let answer = env.run(["invoke", "--local", "-o", "json"]).assert_success().json();
    assert_eq!(answer["status"], 200);
    assert!(answer["log"].as_array().unwrap().iter().any(|line| line.as_str().unwrap().starts_with("REPORT")));
    let rows = env.rows(1);
    assert_eq!((&rows[0]["sensor_id"], rows[0]["temperature"].to_string()), (&"sensor-1".into(), "99.9".into()));
    let event = env.write("event.json", "{}");
    env.run(["invoke", "--local", "--event", event.to_str().unwrap()])
        .assert_code(1)
        .assert_stderr_contains(&["failed"]);
}

mod slow {
    use std::io::Read as _;

    use super::{ApiClient, BTreeMap, Run, Signal, TestEnv, Value, by_time, eventually, repository, send_signal};

    #[test]
    fn put_station_file_stores_every_value() {
        let env = TestEnv::with_pipeline();
        let file = repository("tests/fixtures/seattle-hourly.ndjson");
        let report =
            env.run(["put", "--local", "--file", file.to_str().unwrap(), "-o", "json"]).assert_success().json();
        assert_eq!(
            (&report["read"], &report["accepted"], &report["rejected"], &report["failed"]),
            (&8759.into(), &8759.into(), &0.into(), &0.into())
        );
        let text = std::fs::read_to_string(&file).unwrap();
        // DynamoDB drops trailing zeros, so 4.0 and 4 are the same number.
        let as_numbers = |rows: BTreeMap<String, Value>| -> BTreeMap<String, BTreeMap<String, String>> {
            let plain = |value: &Value| value.as_f64().map_or_else(|| value.to_string(), |number| number.to_string());
            rows.into_iter()
                .map(|(time, row)| {
                    (time, row.as_object().unwrap().iter().map(|(key, value)| (key.clone(), plain(value))).collect())
                })
                .collect()
        };
        let sent = as_numbers(by_time(text.lines().map(|line| serde_json::from_str(line).unwrap())));
        let stored = as_numbers(by_time(env.rows(8759)));
        assert_eq!(stored.len(), 8759);
        assert_eq!(stored, sent);
    }

    #[test]
    fn scan_output_put_into_another_stage_copies_every_value() {
        let env = TestEnv::with_pipeline();
        let readings = [
            r#"{"sensor_id":"a","temperature":-1.50,"current_time":1700000000.25,"note":"x,\"y\"\n\u009b","n":null}"#,
            r#"{"sensor_id":"=b \u00fc","temperature":12345678901234567890.123456789,"current_time":1700000000}"#,
            r#"{"sensor_id":"c","temperature":1e-100,"current_time":1700000001,"tiny":-9.9e-130,"huge":9.9e125}"#,
            r#"{"sensor_id":"c","temperature":0,"current_time":1700000002,"deep":{"e":"","l":[1.10,[],{},true,"1"]}}"#,
            r#"{"sensor_id":"c","temperature":0.1,"current_time":1700000003,"digits":12345678901234567890123456789012345678}"#,
        ];
        env.run_with_input(["put", "--local", "--file", "-"], readings.join("\n").as_bytes()).assert_success();
        // As text: a number that went through a float would be another.
        let scan = |flags: &[&str]| {
            let flags = ["scan", "--local", "--consistent", "--sort", "time", "-o", "ndjson"].iter().chain(flags);
            let run = env.run(flags.copied()).assert_success();
            run.stdout.lines().map(|line| line.split(",\"shard_id\"").next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let is_complete = |rows: &Vec<String>| rows.len() == readings.len();
        let stored = eventually("the readings are stored", || scan(&[]), is_complete);
        env.run(["up", "--local", "--stage", "copy", "--yes"]).assert_success();
        let lines = env.run(["scan", "--local", "-o", "ndjson"]).assert_success().stdout;
        let copy =
            env.run_with_input(["put", "--local", "--stage", "copy", "--file", "-", "-o", "json"], lines.as_bytes());
        assert_eq!(copy.assert_success().json()["accepted"], readings.len());
        assert_eq!(eventually("the readings are copied", || scan(&["--stage", "copy"]), is_complete), stored);
        let digits = ["12345678901234567890.123456789", "12345678901234567890123456789012345678", "\"tiny\":-9.9E-130"];
        assert!(digits.iter().all(|digits| lines.contains(digits)), "{lines}");
    }

    #[test]
    fn scan_interrupted_shows_the_rows_so_far_and_leaves_no_file() {
        let env = TestEnv::with_pipeline();
        let text: String = (0..12_000)
            .map(|time| format!("{{\"sensor_id\":\"s{}\",\"temperature\":1,\"current_time\":{time}}}\n", time % 40))
            .collect();
        env.run_with_input(["put", "--local", "--file", "-"], text.as_bytes()).assert_success();
        let count = || env.run(["scan", "--local", "--count", "-o", "json"]).assert_success().json()["count"].clone();
        eventually("the readings are stored", count, |count| *count == 12_000);
        let api = ApiClient::new(&env);
        for (flags, has_rows) in [(&[][..], true), (&["--to", "rows.json"], false)] {
            // The pages of two of the four segments do not come.
            api.set_faults("dynamodb:Scan=hang@#3-99");
            let mut child = env.command(["scan", "--local", "-o", "json"]).args(flags).spawn().unwrap();
            let hangs = || api.has_hung_call();
            eventually("a page hangs", hangs, |hangs| *hangs);
            // The first byte shows that a page was read.
            let mut shown = vec![0; usize::from(has_rows)];
            child.stdout.as_mut().unwrap().read_exact(&mut shown).unwrap();
            send_signal(&child, Signal::INT);
            let run = Run::of_child(child).assert_code(130).assert_stderr_contains(&["interrupted"]);
            if has_rows {
                let document = String::from_utf8(shown).unwrap() + &run.stdout;
                // A part of the rows is no JSON document, which its reader would take for all rows.
                assert!(serde_json::from_str::<Value>(&document).is_err(), "{document}");
                let rows: Vec<Value> = serde_json::from_str(&(document + "]")).unwrap();
                assert!(!rows.is_empty() && rows.len() < 12_000, "{}", rows.len());
            }
            api.set_faults("");
        }
        let files = std::fs::read_dir(env.path(".")).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(files.into_iter().all(|name| !name.to_string_lossy().contains("rows.json")));
    }
}
