//! Canaries: `up --verify` sends one through the pipeline, `down --drain` uses them to confirm that the stream is
//! consumed. None stays in the table without being reported.

use rustix::process::Signal;
use serde_json::json;

use crate::support::{ApiClient, ForeignStack, Run, TestEnv, send_signal};

#[test]
fn up_verify_sends_canary_through_and_deletes_it() {
    let env = TestEnv::with_local_cloud();
    let up = env.run(["up", "--local", "--verify", "-o", "json"]).assert_success().json();
    assert!(up["verified_after_ms"].as_u64().is_some(), "{up}");
    assert!(env.rows(0).is_empty());
    // Also without any change.
    let up = env.run(["up", "--local", "--verify", "-o", "json"]).assert_success().json();
    assert!(up["changed"] == 0 && up["verified_after_ms"].as_u64().is_some(), "{up}");
    env.run(["up", "--local", "--verify", "--no-wait"]).assert_code(2);
}

#[test]
fn up_verify_lost_reading_fails() {
    let env = TestEnv::with_pipeline();
    ForeignStack::with_default_names(&env).put_policy("theirs", "Deny", "dynamodb:*");
    env.run(["up", "--local", "--verify", "--timeout", "1s"]).assert_code(1).assert_stderr_contains(&[
        "a test reading did not reach the table",
        "shardId-000000000000",
        "SensorData",
        "sensorctl status",
    ]);
}

#[test]
fn down_drain_waits_until_every_shard_and_parallel_batch_is_consumed() {
    for (parallel_batches, canaries) in [("1", 4), ("3", 192)] {
        let env = TestEnv::with_local_cloud();
        env.write("sensorctl.toml", format!("[stream]\nshards = 2\n[mapping]\nparallelization = {parallel_batches}\n"));
        env.run(["up", "--local"]).assert_success();
        let readings: String = (0..3000)
            .map(|n| format!("{{\"sensor_id\":\"s{}\",\"temperature\":1,\"current_time\":{n}}}\n", n % 40))
            .collect();
        env.run_with_input(["put", "--local", "--file", "-"], readings.as_bytes()).assert_success();
        let down = env.run(["down", "--local", "--yes", "--drain", "--keep-data", "-o", "json"]).assert_success();
        let report = down
            .assert_stderr_contains(&[
                "Drained: everything put so far has been processed",
                &format!("({canaries} test readings"),
            ])
            .json();
        assert_eq!((&report["drained"]["shards"], &report["drained"]["markers"]), (&2.into(), &canaries.into()));
        // Nothing can store more rows: the function is deleted.
        assert_eq!(env.rows(0).len(), 3000);
    }
}

#[test]
fn down_drain_failed_deletes_nothing() {
    let env = TestEnv::with_pipeline();
    let everything = ApiClient::new(&env).list_all();
    ForeignStack::with_default_names(&env).put_policy("theirs", "Deny", "dynamodb:*");
    env.run(["down", "--local", "--yes", "--drain", "--timeout", "1s"])
        .assert_code(1)
        .assert_stderr_contains(&["nothing was deleted"]);
    env.run(["up", "--local", "--set", "mapping.enabled=false"]).assert_success();
    env.run(["down", "--local", "--yes", "--drain"])
        .assert_code(1)
        .assert_stderr_contains(&["its event source mapping is Disabled", "nothing was deleted"]);
    let after = ApiClient::new(&env).list_all();
    assert_eq!(after[..4], everything[..4]);
    env.run(["down", "--local", "--yes"]).assert_success();
    env.run(["down", "--local", "--yes", "--drain"]).assert_success().assert_stderr_contains(&["there is no stream"]);
}

#[test]
fn up_verify_late_canary_is_reported() {
    let env = TestEnv::with_pipeline();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.put_policy("theirs", "Deny", "dynamodb:*");
    let up = env.run(["up", "--local", "--verify", "--timeout", "1s"]).assert_code(1).assert_stderr_contains(&[
        "test readings may remain in table SensorData",
        "it may come late",
        // Without the first part, the command would go to a real account.
        "`(eval \"$(sensorctl local env)\" && aws dynamodb delete-item --table-name SensorData --key",
    ]);
    foreign.api.iam("Action=DeleteRolePolicy&RoleName=kinesis-lambda-dynamodb&PolicyName=theirs");
    for row in env.rows(1) {
        let (sensor, time) = (row["sensor_id"].as_str().unwrap(), &row["current_time"]);
        assert!(up.stderr.contains(&format!("SensorId {sensor}, CurrentTime {time}")), "{row}: {}", up.stderr);
    }
}

#[test]
fn down_drain_interrupted_deletes_or_reports_its_canaries() {
    let env = TestEnv::with_local_cloud();
    env.write("sensorctl.toml", "[mapping]\nparallelization = 2\n");
    env.run(["up", "--local"]).assert_success();
    let api = ApiClient::new(&env);
    // The rows are stored a second after the puts.
    api.set_faults("dynamodb:BatchWriteItem=delay(1s)");
    let down = env.spawn(["down", "--local", "--yes", "--drain"]);
    api.wait_for_call("dynamodb:BatchWriteItem", 1);
    send_signal(&down, Signal::INT);
    let run = Run::of_child(down).assert_code(130).assert_stderr_contains(&["interrupted"]);
    api.set_faults("");
    // A reading that is put after all canaries is stored after them, or together with the last.
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--wait"]).assert_success();
    for row in env.rows(1).iter().filter(|row| row["sensor_id"] != "a") {
        assert!(run.stderr.contains(row["sensor_id"].as_str().unwrap()), "{row}: {}", run.stderr);
    }
}

#[test]
fn canaries_under_faults_are_deleted_or_reported() {
    let faults = "dynamodb:BatchWriteItem=lost@50%;dynamodb:DeleteItem=throttle@50%;dynamodb:GetItem=throttle@50%;\
                  dynamodb:GetItem=drop@10%;kinesis:PutRecord=throttle@50%;kinesis:PutRecord=lost@10%;\
                  kinesis:ListShards=throttle@50%";
    for seed in 1..4 {
        let env = TestEnv::with_local_cloud();
        env.write("sensorctl.toml", "[mapping]\nparallelization = 2\n");
        env.run(["up", "--local"]).assert_success();
        let api = ApiClient::new(&env);
        api.set_faults(&format!("seed={seed};{faults}"));
        let up = env.run(["up", "--local", "--verify", "-o", "json"]).assert_success();
        assert!(up.json()["verified_after_ms"].as_u64().is_some());
        let down = env
            .run(["down", "--local", "--yes", "--drain", "--keep-data"])
            .assert_success()
            .assert_stderr_contains(&["(64 test readings"]);
        api.set_faults("");
        for row in env.rows(0) {
            let sensor = row["sensor_id"].as_str().unwrap();
            assert!(up.stderr.contains(sensor) || down.stderr.contains(sensor), "{row}: {} {}", up.stderr, down.stderr);
        }
    }
}

#[test]
fn up_verify_undeletable_canary_is_a_warning() {
    let env = TestEnv::with_pipeline();
    ApiClient::new(&env).set_faults("dynamodb:DeleteItem=denied");
    let up = env.run(["up", "--local", "--verify"]).assert_success().assert_stderr_contains(&[
        "warning:",
        "not deleted",
        "AccessDenied",
    ]);
    let row = &env.rows(1)[0];
    assert!(up.stderr.contains(row["sensor_id"].as_str().unwrap()), "{row}: {}", up.stderr);
}

#[test]
fn up_verify_function_without_concurrency_fails_at_once() {
    let env = TestEnv::with_pipeline();
    for command in [&["up", "--local", "--verify"][..], &["down", "--local", "--yes", "--drain"]] {
        let arguments = ["--set", "function.reserved_concurrency=0"];
        env.run(command.iter().chain(&arguments).copied())
            .assert_code(2)
            .assert_stderr_contains(&["`function.reserved_concurrency` is 0"]);
    }
    let path = "PUT /2017-10-31/functions/ProcessKinesisRecords/concurrency";
    ApiClient::new(&env).lambda(path, &json!({"ReservedConcurrentExecutions": 0}));
    env.run(["down", "--local", "--yes", "--drain"])
        .assert_code(1)
        .assert_stderr_contains(&["concurrency is 0", "nothing was deleted"]);
}
