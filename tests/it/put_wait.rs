//! `put --wait` names the hops of a reading, and the one that did not happen.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{ApiClient, Run, TestEnv, eventually, send_signal};

const PUT: [&str; 10] = ["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1", "-o", "json"];

fn put_wait(env: &TestEnv, timeout: &str) -> Run {
    env.run(PUT.into_iter().chain(["--wait", "--timeout", timeout]))
}

/// Returns the milliseconds of each hop.
fn hops(report: &Value) -> Vec<(&str, Option<u64>)> {
    let hops = report["hops"].as_array().unwrap_or_else(|| panic!("no hops in {report}"));
    hops.iter().map(|hop| (hop["hop"].as_str().unwrap(), hop["ms"].as_u64())).collect()
}

fn names_of_hops(report: &Value) -> Vec<&str> {
    hops(report).into_iter().filter_map(|(hop, ms)| ms.map(|_| hop)).collect()
}

#[test]
fn put_wait_reports_time_of_every_hop_in_order() {
    let env = TestEnv::with_pipeline();
    let run = put_wait(&env, "60s").assert_success();
    let report = run.json();
    assert_eq!(names_of_hops(&report), ["accepted", "delivered", "stored", "read_back"]);
    let times: Vec<_> = hops(&report).iter().map(|(_, ms)| ms.unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(report["stored_after_ms"], times[3]);
    run.assert_stderr_contains(&[
        "  accepted ",
        "by shardId-000000000000 at",
        "  delivered ",
        "  stored ",
        "  read back ",
    ]);
}

#[test]
fn put_wait_interrupted_reports_reading_that_the_stream_took() {
    let env = TestEnv::with_local_cloud();
    env.run(["up", "--local", "--set", "mapping.enabled=false"]).assert_success();
    let cloud = ApiClient::new(&env);
    cloud.set_faults("dynamodb:GetItem=delay(1ms)");
    let child = env.spawn(PUT.into_iter().chain(["--wait"]));
    cloud.wait_for_call("dynamodb:GetItem", 2);
    send_signal(&child, Signal::INT);
    let run = Run::of_child(child).assert_code(130);
    assert_eq!(names_of_hops(&run.json()), ["accepted"]);
    run.assert_stderr_contains(&["the stream took the reading"]);
}

mod slow {
    use super::{ApiClient, PUT, Run, TestEnv, Value, eventually, json, names_of_hops, put_wait};

    #[test]
    fn put_wait_disabled_mapping_is_named_with_command_that_enables_it() {
        let env = TestEnv::with_local_cloud();
        env.run(["up", "--local", "--set", "mapping.enabled=false"]).assert_success();
        let run = put_wait(&env, "500ms").assert_code(1);
        assert_eq!(names_of_hops(&run.json()), ["accepted"]);
        run.assert_stderr_contains(&["not delivered: the event source mapping is Disabled", "`sensorctl up --local`"]);
    }

    #[test]
    fn put_wait_without_mapping_says_so() {
        let env = TestEnv::with_pipeline();
        let cloud = ApiClient::new(&env);
        let path = cloud.event_source_mapping_path();
        cloud.lambda(&format!("DELETE {path}"), &Value::Null);
        eventually("the mapping is gone", || cloud.event_source_mappings().len(), |count| *count == 0);
        put_wait(&env, "500ms")
            .assert_code(1)
            .assert_stderr_contains(&["not delivered: no event source mapping reads"]);
    }

    #[test]
    fn put_wait_failing_table_write_says_that_function_failed_and_why() {
        let env = TestEnv::with_pipeline();
        ApiClient::new(&env).set_faults("dynamodb:BatchWriteItem=denied");
        let run = put_wait(&env, "4s").assert_code(1);
        let report = run.json();
        let hops = names_of_hops(&report);
        assert!(hops == ["accepted", "delivered"], "{report}");
        run.assert_stderr_contains(&[
            "it was not stored: the function ProcessKinesisRecords got it and failed: ",
            "AccessDenied",
        ]);
    }

    #[test]
    fn put_wait_ends_early_with_reason_of_dead_letter() {
        let env = TestEnv::with_local_cloud();
        env.run(["up", "--local", "--set", "mapping.enabled=false"]).assert_success();
        let cloud = ApiClient::new(&env);
        cloud.set_faults("kinesis:PutRecord=delay(1ms)");
        let child = env.spawn(PUT.into_iter().chain(["--wait", "--timeout", "60s"]));
        let iterator = json!({"StreamName": "temperature-sensor-data", "ShardId": "shardId-000000000000",
            "ShardIteratorType": "TRIM_HORIZON"});
        let iterator = || cloud.json("Kinesis_20131202.GetShardIterator", &iterator)["ShardIterator"].clone();
        let records = || {
            let answer = cloud.json("Kinesis_20131202.GetRecords", &json!({"ShardIterator": iterator()}));
            answer["Records"].as_array().unwrap().clone()
        };
        let records = eventually("the stream has the reading", records, |records| !records.is_empty());
        let number = records[0]["SequenceNumber"].as_str().unwrap();
        let item = json!({"ShardId": {"S": "shardId-000000000000"}, "RejectId": {"S": format!("{number}#0000000#00")},
            "Code": {"S": "too-large"}, "Reason": {"S": "the item is too large"}});
        cloud.json("DynamoDB_20120810.PutItem", &json!({"TableName": "SensorDataRejects", "Item": item}));
        Run::of_child(child).assert_code(3).assert_stderr_contains(&[
            "the function rejected it (too-large): the item is too large",
            "table SensorDataRejects holds it",
        ]);
    }
}
