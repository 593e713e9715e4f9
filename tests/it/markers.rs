//! Markers: `up --verify` sends one through, `down --drain` shows by them that the stream is consumed. None stays.

use crate::support::{Home, Neighbour, Stranger};

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
    for (lanes, markers) in [("1", 2), ("3", 96)] {
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
