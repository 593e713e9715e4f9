//! Markers: `up --verify` sends one through, `down --drain` shows by them that the stream is consumed. None stays, or it is
//! named.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Home, Neighbour, Run, Stranger};

#[test]
fn up_verify_sends_a_reading_through_and_leaves_none() {
    let home = Home::with_local_cloud();
    let up = home.run(["up", "--local", "--verify", "-o", "json"]).succeeded().json();
    assert!(up["verified_after_ms"].as_u64().is_some(), "{up}");
    assert!(home.rows(0).is_empty());
    // Also where there is nothing to do.
    let up = home.run(["up", "--local", "--verify", "-o", "json"]).succeeded().json();
    assert!(up["changed"] == 0 && up["verified_after_ms"].as_u64().is_some(), "{up}");
    home.run(["up", "--local", "--verify", "--no-wait"]).exited(2);
}

#[test]
fn a_pipeline_that_swallows_readings_is_not_verified() {
    let home = Home::with_pipeline();
    Neighbour::with_our_names(&home).puts_policy("theirs", "Deny", "dynamodb:*");
    home.run(["up", "--local", "--verify", "--timeout", "1"]).exited(1).says(&[
        "a reading does not come through",
        "shardId-000000000000",
        "SensorData",
        "sensorctl status",
    ]);
}

#[test]
fn a_drained_stream_was_consumed_to_its_end_in_every_shard_and_lane() {
    for (lanes, markers) in [("1", 4), ("3", 192)] {
        let home = Home::with_local_cloud();
        home.write("sensorctl.toml", format!("[stream]\nshards = 2\n[mapping]\nparallelization = {lanes}\n"));
        home.run(["up", "--local"]).succeeded();
        let readings: String = (0..3000)
            .map(|n| format!("{{\"sensor_id\":\"s{}\",\"temperature\":1,\"current_time\":{n}}}\n", n % 40))
            .collect();
        home.run_with_input(["put", "--local", "--file", "-"], readings.as_bytes()).succeeded();
        let down = home.run(["down", "--local", "--yes", "--drain", "--keep-data", "-o", "json"]).succeeded();
        let report = down.says(&["consumed", &format!("markers: {markers}")]).json();
        assert_eq!((&report["drained"]["shards"], &report["drained"]["markers"]), (&2.into(), &markers.into()));
        // No waiting: whoever consumed it is gone by now.
        assert_eq!(home.rows(0).len(), 3000);
    }
}

#[test]
fn what_cannot_be_drained_is_not_deleted() {
    let home = Home::with_pipeline();
    let everything = Stranger::of(&home).everything();
    Neighbour::with_our_names(&home).puts_policy("theirs", "Deny", "dynamodb:*");
    home.run(["down", "--local", "--yes", "--drain", "--timeout", "1"]).exited(1).says(&["nothing was deleted"]);
    home.run(["up", "--local", "--set", "mapping.enabled=false"]).succeeded();
    home.run(["down", "--local", "--yes", "--drain"])
        .exited(1)
        .says(&["its mapping is Disabled", "nothing was deleted"]);
    let after = Stranger::of(&home).everything();
    assert_eq!(after[..4], everything[..4]);
    home.run(["down", "--local", "--yes"]).succeeded();
    home.run(["down", "--local", "--yes", "--drain"]).succeeded().says(&["no stream to drain"]);
}

/// Waits until the local cloud has seen a call and is through with it.
fn until_seen(cloud: &Stranger, call: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !cloud.seen().iter().any(|seen| seen.call == call) {
        assert!(Instant::now() < deadline, "no {call}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_marker_that_comes_late_is_named() {
    let home = Home::with_pipeline();
    let somebody = Neighbour::with_our_names(&home);
    somebody.puts_policy("theirs", "Deny", "dynamodb:*");
    let up = home.run(["up", "--local", "--verify", "--timeout", "1"]).exited(1).says(&[
        "marker readings may stay in table SensorData",
        "it may come late",
        "aws dynamodb delete-item --table-name SensorData --key",
    ]);
    somebody.cloud.iam("Action=DeleteRolePolicy&RoleName=kinesis-lambda-dynamodb&PolicyName=theirs");
    for row in home.rows(1) {
        let (sensor, time) = (row["sensor_id"].as_str().unwrap(), &row["current_time"]);
        assert!(up.stderr.contains(&format!("SensorId {sensor}, CurrentTime {time}")), "{row}: {}", up.stderr);
    }
}

#[test]
fn markers_of_an_interrupted_drain_are_taken_away_or_named() {
    let home = Home::with_local_cloud();
    home.write("sensorctl.toml", "[mapping]\nparallelization = 2\n");
    home.run(["up", "--local"]).succeeded();
    let cloud = Stranger::of(&home);
    // The rows come a moment after the puts.
    cloud.set_faults("dynamodb:BatchWriteItem=delay(1s)");
    let down = home.spawn(["down", "--local", "--yes", "--drain"]);
    until_seen(&cloud, "dynamodb:BatchWriteItem");
    let pid = rustix::process::Pid::from_raw(i32::try_from(down.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let run = Run::of(&down.wait_with_output().unwrap()).exited(130).says(&["interrupted"]);
    cloud.set_faults("");
    // What is put after all of them is stored after all of them, or beside the last.
    home.run(["put", "--local", "--sensor", "a", "--temp", "1", "--wait"]).succeeded();
    for row in home.rows(1).iter().filter(|row| row["sensor_id"] != "a") {
        assert!(run.stderr.contains(row["sensor_id"].as_str().unwrap()), "{row}: {}", run.stderr);
    }
}

#[test]
fn no_fault_leaves_a_marker_behind_unnamed() {
    let faults = "dynamodb:BatchWriteItem=lost@50%;dynamodb:DeleteItem=throttle@50%;dynamodb:GetItem=throttle@50%;\
                  dynamodb:GetItem=drop@10%;kinesis:PutRecord=throttle@50%;kinesis:PutRecord=lost@10%;\
                  kinesis:ListShards=throttle@50%";
    for seed in 1..4 {
        let home = Home::with_local_cloud();
        home.write("sensorctl.toml", "[mapping]\nparallelization = 2\n");
        home.run(["up", "--local"]).succeeded();
        let cloud = Stranger::of(&home);
        cloud.set_faults(&format!("seed={seed};{faults}"));
        let up = home.run(["up", "--local", "--verify", "-o", "json"]).succeeded();
        assert!(up.json()["verified_after_ms"].as_u64().is_some());
        let down = home.run(["down", "--local", "--yes", "--drain", "--keep-data"]).succeeded().says(&["markers: 64"]);
        cloud.set_faults("");
        for row in home.rows(0) {
            let sensor = row["sensor_id"].as_str().unwrap();
            assert!(up.stderr.contains(sensor) || down.stderr.contains(sensor), "{row}: {} {}", up.stderr, down.stderr);
        }
    }
}

#[test]
fn a_marker_that_cannot_be_deleted_is_no_failure_of_the_pipeline() {
    let home = Home::with_pipeline();
    Stranger::of(&home).set_faults("dynamodb:DeleteItem=denied");
    let up = home.run(["up", "--local", "--verify"]).succeeded().says(&["warning:", "not deleted", "AccessDenied"]);
    let row = &home.rows(1)[0];
    assert!(up.stderr.contains(row["sensor_id"].as_str().unwrap()), "{row}: {}", up.stderr);
}

#[test]
fn a_function_that_never_runs_is_told_at_once() {
    let home = Home::with_pipeline();
    for command in [&["up", "--local", "--verify"][..], &["down", "--local", "--yes", "--drain"]] {
        let arguments = ["--set", "function.reserved_concurrency=0"];
        home.run(command.iter().chain(&arguments).copied()).exited(2).says(&["`function.reserved_concurrency` at 0"]);
    }
    let path = "PUT /2017-10-31/functions/ProcessKinesisRecords/concurrency";
    let body = json!({"ReservedConcurrentExecutions": 0}).to_string();
    assert_eq!(Stranger::of(&home).send(path, "lambda", "Content-Type: application/json", &body).0, 200);
    home.run(["down", "--local", "--yes", "--drain"]).exited(1).says(&["concurrency is 0", "nothing was deleted"]);
}
