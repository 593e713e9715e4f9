//! The model of `size` against a local cloud that enforces the limits of AWS. What the machine is too slow for is no fault of
//! the model, so that the lower bounds are wide.

use serde_json::{Value, json};

use crate::support::{ApiClient, TestEnv, eventually};

/// Readings for some seconds of one shard.
const AGGREGATED: usize = 60_000;
const SEPARATE: usize = 6000;

fn readings(count: usize) -> String {
    let line = |at: usize| {
        let (sensor, time, temperature) = (at % 1000, 1_700_000_000 + at / 1000, 20 + at % 10);
        format!(
            "{{\"sensor_id\":\"sensor-{sensor}\",\"temperature\":{temperature}.5,\"current_time\":{time},\"humidity\":{}}}\n",
            at % 100
        )
    };
    (0..count).map(line).collect()
}

/// Returns the readings a second that one shard takes, as `size` says for a load of half as many.
fn predicted(env: &TestEnv, sample: &str, mode: &str, half: &str, limit: &str) -> f64 {
    let load = ["--rate", half, "--headroom", "0", "--file", sample, "--aggregation", mode];
    let sizing = env.run(["size", "-o", "json"].into_iter().chain(load)).assert_success().json();
    let shards = sizing["settings"].as_array().unwrap().iter().find(|found| found["key"] == "stream.shards").unwrap();
    assert_eq!(shards["needed"], "1", "{sizing}");
    let limits = sizing["bottlenecks"].as_array().unwrap();
    let limit = limits.iter().find(|found| found["name"] == limit).unwrap_or_else(|| panic!("no {limit} in {sizing}"));
    half.parse::<f64>().unwrap() * 100.0 / limit["percent"].as_f64().unwrap()
}

#[test]
fn size_predicts_what_one_shard_takes() {
    let env = TestEnv::new();
    env.run(["local", "start", "--port", "0", "--timing", "aws/100"]).assert_success();
    let api = ApiClient::new(&env);
    let modes = [("always", AGGREGATED, "5000", "bytes of a shard"), ("never", SEPARATE, "500", "records of a shard")];
    for (mode, count, half, limit) in modes {
        let file = env.path(&format!("{mode}.ndjson"));
        std::fs::write(&file, readings(count)).unwrap();
        let file = file.to_str().unwrap();
        let predicted = predicted(&env, file, mode, half, limit);
        let stream = format!("sized-{mode}");
        let (status, said) =
            api.call("Kinesis_20131202.CreateStream", &json!({"StreamName": stream, "ShardCount": 1}).to_string());
        assert_eq!(status, 200, "{said}");
        let describe =
            || api.call("Kinesis_20131202.DescribeStreamSummary", &json!({"StreamName": stream}).to_string()).1;
        eventually("the stream is active", describe, |said| said.contains("\"ACTIVE\""));
        let name = format!("stream.name={stream}");
        let put = ["put", "--local", "-o", "json", "--set", &name, "--file", file, "--aggregation", mode];
        let report = env.run(put).assert_success().json();
        let number = |key: &str| report[key].as_f64().unwrap_or_else(|| panic!("no {key} in {report}"));
        let (accepted, seconds) = (number("accepted"), number("seconds"));
        assert_eq!(report["accepted"], count);
        // The shard lends one second at the beginning.
        let least_seconds = accepted / (predicted * 1.15) - 1.0;
        assert!(seconds >= least_seconds, "{mode}: {seconds} s, and {predicted} readings/s were predicted");
        assert!(accepted / seconds >= predicted * 0.6, "{mode}: {predicted} readings/s were predicted: {report}");
    }
}

#[test]
fn size_assumes_the_log_and_metrics_that_an_invocation_has() {
    let env = TestEnv::with_local_cloud();
    env.run(["up", "--local"]).assert_success();
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--wait"]).assert_success();
    let log = || env.run(["logs", "--local", "-o", "ndjson", "--since", "1h"]).assert_success().stdout;
    let log = eventually("the report of the invocation is logged", log, |log| log.contains("\"kind\":\"report\""));
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_kind = |kind: &'static str| lines.iter().filter(move |line| line["kind"] == kind);
    let invocations = of_kind("report").count();
    let bytes: usize = lines.iter().map(|line| line["message"].as_str().unwrap().len() + 26).sum();
    // The assumption of `size` is 1,624.
    assert!((1000..=1700).contains(&(bytes / invocations)), "{bytes} bytes of {invocations} invocations");
    let metrics = of_kind("metrics").next().expect("a line of metrics")["message"].as_str().unwrap().to_owned();
    let metrics: Value = serde_json::from_str(&metrics).unwrap();
    let count = metrics["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len();
    assert!((12..=13).contains(&count), "`size` counts 13: {metrics}");
}
