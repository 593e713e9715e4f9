//! Causes that need another function, other filters, or records that are no readings.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

/// Puts a record that is no reading.
fn put_garbage(api: &ApiClient) {
    let record = json!({"StreamName": "temperature-sensor-data", "PartitionKey": "k", "Data": "bm8="});
    api.json("Kinesis_20131202.PutRecord", &record);
}

/// Returns the zip of a function that runs these lines of bash with its first event.
fn function_that(does: &str) -> String {
    let script = format!(
        "#!/bin/bash\nexec 3<>\"/dev/tcp/${{AWS_LAMBDA_RUNTIME_API%:*}}/${{AWS_LAMBDA_RUNTIME_API#*:}}\"\nprintf 'GET \
         /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: l\\r\\n\\r\\n' >&3\nread -r _ <&3\n{does}\nexec sleep 60\n"
    );
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    zip.write_all(script.as_bytes()).unwrap();
    STANDARD.encode(zip.finish().unwrap().into_inner())
}

/// Replaces the program of the function, puts a reading, and waits for the cause.
fn cause_of_function_that(does: &str, timeout_seconds: u32, cause: &str) -> String {
    let (env, api) = env_with_reading();
    api.lambda_when_accepted(&format!("PUT {FUNCTION}/code"), &json!({"ZipFile": function_that(does)}));
    let limits = json!({"Timeout": timeout_seconds, "MemorySize": 128});
    api.lambda_when_accepted(&format!("PUT {FUNCTION}/configuration"), &limits);
    put(&env);
    until(&env, &[cause])["causes"][0]["evidence"].as_str().unwrap().to_owned()
}

// Elsewhere the local cloud does not see how much memory a process has.
#[cfg(target_os = "linux")]
#[test]
fn function_that_uses_up_its_memory_is_a_cause() {
    // The last program of these does not read, so that the one before it keeps all that it holds.
    let does = "head -c 400000000 /dev/zero | tail -c 300000000 | sleep 30";
    let evidence = cause_of_function_that(does, 30, "function-out-of-memory");
    assert!(evidence.contains("used up its 128 MB"), "{evidence}");
}

#[test]
fn batch_that_does_not_reach_its_failure_destination_is_a_cause() {
    let env = InProcessEnv::with_local_cloud();
    let queue = "mapping.on_failure=arn:aws:sqs:us-east-1:000000000000:failed";
    env.run(["up", "--local", "--set", queue, "--set", "mapping.retry_attempts=0"]).assert_success();
    let api = ApiClient::new(&env);
    without_dead_letters(&api);
    put_garbage(&api);
    let is_there = |(_, names): &(Value, Vec<String>)| names.iter().any(|name| name == "destination-failing");
    eventually("the batch is given up", || diagnosis(&env), is_there);
}

#[test]
fn mapping_without_partial_batch_responses_is_a_cause() {
    let (env, api) = env_with_reading();
    let path = format!("PUT {}", api.event_source_mapping_path());
    api.lambda_when_accepted(&path, &json!({"FunctionResponseTypes": []}));
    until(&env, &["partial-batch-off"]);
}

#[test]
fn mapping_that_cannot_read_the_stream_is_a_cause() {
    let (env, api) = env_with_reading();
    api.set_faults("kinesis:GetRecords=error");
    until(&env, &["mapping-failing"]);
}

#[test]
fn filters_that_drop_everything_are_named() {
    let env = InProcessEnv::with_pipeline();
    let api = ApiClient::new(&env);
    let filters = |pattern: &str| json!({"FilterCriteria": {"Filters": [{"Pattern": pattern}]}});
    let path = format!("PUT {}", api.event_source_mapping_path());
    api.lambda_when_accepted(&path, &filters(r#"{"data":{"cold":[true]}}"#));
    put(&env);
    let (report, names) = diagnosis(&env);
    assert_eq!((names, &report["healthy"]), (vec![], &false.into()), "{report}");
    let unknown = report["unknown"].as_array().unwrap();
    let reason = |name: &str| unknown.iter().find(|open| open["name"] == name).unwrap()["reason"].as_str().unwrap();
    assert!(reason("filters-drop-records").contains(r#"{"data":{"cold":[true]}}"#), "{report}");
    assert!(reason("function-failing").contains("the log shows no batch"), "{report}");
    let other = r#"mapping.filters=['{"data":{"cold":[false]}}']"#;
    let run = env.run(["why", "--local", "--set", other, "-o", "json"]).assert_code(3);
    assert_eq!(run.json()["causes"][0]["name"], "filters-drop-records");
}

#[test]
fn dead_letters_are_a_cause_with_their_reasons() {
    let (env, api) = env_with_reading();
    put_garbage(&api);
    let report = until(&env, &["dead-letters"]);
    let evidence = report["causes"][0]["evidence"].as_str().unwrap();
    assert!(evidence.contains("holds 1 dead letter,") && evidence.ends_with(": 1 not-json"), "{evidence}");
    let remedy = report["causes"][0]["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("`sensorctl rejects list --local`"), "{remedy}");
}

#[test]
fn newest_lines_of_a_long_log_are_judged() {
    let (env, api) = env_with_reading();
    let now = jiff::Timestamp::now().as_millisecond();
    let stream = json!({"logGroupName": GROUP, "logStreamName": "2026/11/29/[$LATEST]1"});
    api.json("Logs_20140328.CreateLogStream", &stream);
    let write = |events: Vec<Value>| {
        let mut put = stream.clone();
        put["logEvents"] = events.into();
        api.json("Logs_20140328.PutLogEvents", &put);
    };
    // More lines than one read takes, and after them the one that tells.
    let old = now - 10 * 60_000;
    for part in 0..3 {
        write((0..7000).map(|n| json!({"timestamp": old + part * 7000 + n, "message": "old"})).collect());
    }
    let metrics = json!({"_aws": {"Timestamp": now}, "ShardId": "shardId-000000000000", "Rejected": 0,
        "FirstSequenceNumber": "1", "LastSequenceNumber": "9".repeat(57), "IteratorAge": 20.0 * 3600.0 * 1000.0});
    write(vec![json!({"timestamp": now, "message": metrics.to_string()})]);
    let report = until(&env, &["consumer-behind-retention"]);
    let open = report["unknown"].to_string();
    assert!(open.contains("the log has more lines in 15 min than were read"), "{report}");
}

mod slow {
    use super::*;

    #[test]
    fn function_that_takes_too_long_is_a_cause() {
        let evidence = cause_of_function_that("", 2, "function-timeout");
        assert!(evidence.contains("was ended at its time limit after 2 s"), "{evidence}");
    }
}
