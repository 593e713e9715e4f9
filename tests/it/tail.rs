//! `tail`: every reading once, whatever happens to shards and calls; what is not a reading is counted and can be shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{ApiClient, Interposed, Run, TestEnv, eventually, send_signal};

const STREAM: &str = "temperature-sensor-data";
const SHARD: &str = "shardId-000000000000";
const ALL: [&str; 6] = ["tail", "--local", "--from", "trim-horizon", "--until", "now"];

/// Creates a stream alone: its readers are those of the test.
fn with_stream() -> (TestEnv, ApiClient) {
    let env = TestEnv::with_local_cloud();
    let api = ApiClient::new(&env);
    api.json("Kinesis_20131202.CreateStream", &json!({"StreamName": STREAM, "ShardCount": 1}));
    (env, api)
}

fn tail(env: &TestEnv, arguments: &[&str]) -> Run {
    env.run(ALL.into_iter().chain(arguments.iter().copied()))
}

fn rows(run: &Run) -> Vec<Value> {
    run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn readings(count: usize) -> String {
    let line = |n| format!("{{\"sensor_id\":\"s{}\",\"temperature\":{n}.5,\"current_time\":{n}}}\n", n % 10);
    (0..count).map(line).collect()
}

/// Puts data as it is.
fn put(api: &ApiClient, key: &str, data: &[u8]) {
    let input = json!({"StreamName": STREAM, "PartitionKey": key, "Data": STANDARD.encode(data)});
    api.json("Kinesis_20131202.PutRecord", &input);
}

fn reading(sensor: &str, time: usize) -> String {
    format!(r#"{{"sensor_id":"{sensor}","temperature":1,"current_time":{time}}}"#)
}

fn split(api: &ApiClient, shard: &str) {
    let input = json!({"StreamName": STREAM, "ShardToSplit": shard, "NewStartingHashKey": (1_u128 << 126).to_string()});
    api.json_when_accepted("Kinesis_20131202.SplitShard", &input);
}

fn merge(api: &ApiClient, shards: [&str; 2]) {
    let input = json!({"StreamName": STREAM, "ShardToMerge": shards[0], "AdjacentShardToMerge": shards[1]});
    api.json_when_accepted("Kinesis_20131202.MergeShards", &input);
}

/// A tail that runs, with its output in files.
struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    fn start(env: &TestEnv, arguments: &[&str]) -> Self {
        let (stdout, stderr) = (env.path("tail.out"), env.path("tail.err"));
        let mut command = env.command(["tail", "--local"].into_iter().chain(arguments.iter().copied()));
        command.stdout(File::create(&stdout).unwrap()).stderr(File::create(&stderr).unwrap());
        let running = Running { child: command.spawn().unwrap(), stdout, stderr };
        running.wait_for_stderr("Reading ");
        running
    }

    fn text(path: &PathBuf) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    fn wait_for_stderr(&self, part: &str) {
        eventually(&format!("stderr has `{part}`"), || Self::text(&self.stderr), |text| text.contains(part));
    }

    fn wait_for_rows(&self, count: usize) {
        let lines = || Self::text(&self.stdout).lines().count();
        eventually(&format!("{count} rows are shown"), lines, |lines| *lines >= count);
    }

    fn end(mut self) -> Run {
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Run { code, stdout: Self::text(&self.stdout), stderr: Self::text(&self.stderr) }
    }
}

#[test]
fn tail_copies_a_stream_of_aggregated_readings_exactly() {
    let (env, api) = with_stream();
    let input = readings(2000);
    let put = ["put", "--local", "-o", "json", "--file", "-", "--aggregation", "always"];
    let report = env.run_with_input(put, input.as_bytes()).assert_success().json();
    assert!(report["records"].as_u64().unwrap() < 50, "{report}");
    let first = tail(&env, &[]).assert_success().assert_stderr_contains(&["2,000 readings in "]);
    let other = format!("{STREAM}-copy");
    api.json("Kinesis_20131202.CreateStream", &json!({"StreamName": other, "ShardCount": 2}));
    let to = ["put", "--local", "--stage", "copy", "-o", "json", "--file", "-", "--aggregation", "always"];
    env.run_with_input(to, first.stdout.as_bytes()).assert_success();
    let second = tail(&env, &["--stage", "copy"]).assert_success();
    let own = |run: &Run| -> BTreeMap<String, String> {
        let rows = rows(run).into_iter().map(|mut row| {
            assert!(row["shard_id"].as_str().is_some() && row["sequence_number"].as_str().is_some(), "{row}");
            row.as_object_mut().unwrap().retain(|key, _| key != "shard_id" && key != "sequence_number");
            (row["current_time"].to_string(), row.to_string())
        });
        rows.collect()
    };
    assert_eq!((rows(&first).len(), own(&first).len()), (2000, 2000));
    assert_eq!(own(&first), own(&second));
    assert_eq!(input.lines().count(), own(&first).len());
}

#[test]
fn tail_follows_splits_and_merges_until_it_is_interrupted() {
    let (env, api) = with_stream();
    put(&api, "a", reading("before", 0).as_bytes());
    let running = Running::start(&env, &["-v", "--from", "latest"]);
    let put_some = |from: usize| (from..from + 20).for_each(|n| put(&api, &n.to_string(), reading("s", n).as_bytes()));
    put_some(1);
    split(&api, SHARD);
    put_some(21);
    merge(&api, ["shardId-000000000001", "shardId-000000000002"]);
    put_some(41);
    running.wait_for_rows(60);
    send_signal(&running.child, Signal::INT);
    let run = running.end().assert_code(130).assert_stderr_contains(&[
        "Reading 1 shard of stream temperature-sensor-data from now on; Ctrl-C ends it",
        "shardId-000000000000 was closed and is read to its end; its records go to shardId-000000000001 and \
         shardId-000000000002 now",
        "60 readings in 60 records.",
        "error: interrupted after 60 rows",
    ]);
    let rows = rows(&run);
    let times: BTreeSet<u64> = rows.iter().map(|row| row["current_time"].as_u64().unwrap()).collect();
    assert_eq!((rows.len(), times), (60, (1..=60).collect()));
    let shard = |row: &Value| row["shard_id"].as_str().unwrap().rsplit('-').next().unwrap().parse::<u32>().unwrap();
    let generations: Vec<_> = rows.iter().map(|row| shard(row).div_ceil(2)).collect();
    assert!(generations.is_sorted(), "parents come before their children: {generations:?}");
}

#[test]
fn tail_counts_what_is_not_a_reading_and_shows_it_raw() {
    let (env, api) = with_stream();
    put(&api, "kitchen", reading("kitchen", 1).as_bytes());
    put(&api, "zipped", b"\x1f\x8b\x08\0\0");
    put(&api, "twice", STANDARD.encode(reading("twice", 2)).as_bytes());
    put(&api, "kitchen", b"not JSON");
    put(&api, "broken", b"\xf3\x89\x9a\xc2and no more than that");
    let run = tail(&env, &[]).assert_success().assert_stderr_contains(&[
        "1 reading in 5 records, and 4 user records that are not readings.",
        "warning: 4 records are not readings in stream temperature-sensor-data: 1 base64, 1 broken-aggregation, 1 gzip, \
         1 not-json",
        "hint: `sensorctl tail --local --from trim-horizon --until now --raw` shows them",
    ]);
    assert_eq!(rows(&run).len(), 1);
    let run = tail(&env, &["--raw"]).assert_success();
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    let raw = rows(&run);
    let shown: Vec<_> = raw.iter().map(|row| (&row["partition_key"], &row["reason"], &row["encoding"])).collect();
    let expected = [
        ("kitchen", None, "text"),
        ("zipped", Some("gzip"), "base64"),
        ("twice", Some("base64"), "text"),
        ("kitchen", Some("not-json"), "text"),
        ("broken", Some("broken-aggregation"), "base64"),
    ];
    let expected = expected.map(|(key, reason, encoding)| (json!(key), json!(reason), json!(encoding)));
    assert_eq!(shown, expected.iter().map(|(key, reason, encoding)| (key, reason, encoding)).collect::<Vec<_>>());
    assert_eq!((&raw[1]["data"], &raw[3]["data"]), (&json!("H4sIAAA="), &json!("not JSON")));
    assert!(raw[0]["arrived"].as_str().unwrap().ends_with('Z') && raw[0]["lag_ms"].as_u64().is_some(), "{}", raw[0]);
    let of_sensor = tail(&env, &["--raw", "--sensor", "kitchen"]).assert_success();
    assert_eq!(rows(&of_sensor).len(), 2, "its reading, and what was put with its key");
}

#[test]
fn tail_limit_ends_inside_an_aggregate_and_sensors_and_times_select() {
    let (env, api) = with_stream();
    let put_file = ["put", "--local", "-o", "json", "--file", "-", "--aggregation", "always"];
    env.run_with_input(put_file, readings(100).as_bytes()).assert_success();
    let limited = env.run(["tail", "--local", "--from", "trim-horizon", "--limit", "7"]).assert_success();
    assert_eq!(rows(&limited), rows(&tail(&env, &[]))[..7]);
    let selected = tail(&env, &["--sensor", "s3", "--sensor", "s4", "-o", "csv"]).assert_success();
    selected.assert_stderr_contains(&["20 readings of the named sensors in "]);
    let raw = tail(&env, &["--raw", "--limit", "3"]).assert_success();
    assert_eq!(rows(&raw)[2]["user_record"], 2);
    let arrived = rows(&raw)[2]["arrived"].as_str().unwrap().to_owned();
    // Later than all before.
    std::thread::sleep(std::time::Duration::from_millis(2));
    put(&api, "late", reading("late", 7).as_bytes());
    let until = ["tail", "--local", "--from", "trim-horizon", "--until", &arrived];
    assert_eq!(rows(&env.run(until).assert_success()).len(), 100);
    let unknown = env.run(["tail", "--local", "--shard", "7"]).assert_code(2);
    assert!(!unknown.stderr.contains("No records."), "nothing was read: {}", unknown.stderr);
    unknown.assert_stderr_contains(&["has no shard `shardId-000000000007`", "its shards are shardId-000000000000"]);
    let missing = env.run(["tail", "--local", "--stage", "other"]).assert_code(1);
    assert!(!missing.stderr.contains("No records."), "nothing was read: {}", missing.stderr);
    split(&api, SHARD);
    put(&api, "late", reading("late", 8).as_bytes());
    let one = env.run(["tail", "--local", "--from", "trim-horizon", "--shard", "0"]).assert_success();
    assert_eq!(rows(&one).len(), 101);
    one.assert_stderr_contains(&["shardId-000000000000 was closed and is read to its end", "without `--shard`"]);
}

#[test]
fn tail_stats_show_rates_instead_of_rows() {
    let (env, _) = with_stream();
    env.run_with_input(["put", "--local", "--file", "-", "--aggregation", "always"], readings(500).as_bytes())
        .assert_success();
    let run = tail(&env, &["--stats"]).assert_success();
    let rates = rows(&run);
    assert!(!rates.is_empty() && rates.iter().all(|row| row.get("sensor_id").is_none()), "{}", run.stdout);
    let last = rates.last().unwrap();
    for name in ["readings_per_second", "records_per_second", "bytes_per_second"] {
        assert!(last[name].as_f64().unwrap() > 0.0, "{last}");
    }
    assert!(last["lag_ms"].as_u64().is_some() && last["time"].as_str().is_some(), "{last}");
}

#[test]
fn tail_with_closed_pipe_ends_well_though_nothing_comes() {
    let (env, api) = with_stream();
    put(&api, "a", reading("a", 1).as_bytes());
    let mut command = env.command(["tail", "--local", "--from", "trim-horizon"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = eventually("the tail ends", || child.try_wait().unwrap(), Option::is_some);
    assert_eq!(ended.unwrap().code(), Some(0));
}

#[test]
fn tail_of_a_stream_that_is_deleted_names_it_and_what_creates_it() {
    deleted_stream_is_named(&["--from", "trim-horizon"]);
}

#[test]
fn tail_by_fan_out_of_a_stream_that_is_deleted_names_it_and_what_creates_it() {
    deleted_stream_is_named(&["--from", "trim-horizon", "--fan-out"]);
}

fn deleted_stream_is_named(flags: &[&str]) {
    let (env, api) = with_stream();
    put(&api, "a", reading("a", 1).as_bytes());
    let running = Running::start(&env, flags);
    running.wait_for_rows(1);
    let delete = json!({"StreamName": STREAM, "EnforceConsumerDeletion": true});
    api.json("Kinesis_20131202.DeleteStream", &delete);
    let run = running.end().assert_code(1);
    run.assert_stderr_contains(&[
        "stream temperature-sensor-data was deleted while it was read",
        "`sensorctl up --local`",
    ]);
    let missing = env.run(["tail", "--local"]).assert_code(1);
    missing.assert_stderr_contains(&[
        "Kinesis ListShards of stream temperature-sensor-data failed",
        "`sensorctl up --local`",
    ]);
}

#[test]
fn tail_by_fan_out_reads_the_same_across_a_split_and_leaves_no_consumer() {
    let (env, api) = with_stream();
    let stream = api.json("Kinesis_20131202.DescribeStreamSummary", &json!({"StreamName": STREAM}));
    let arn = stream["StreamDescriptionSummary"]["StreamARN"].clone();
    let consumers = || {
        let list = api.json("Kinesis_20131202.ListStreamConsumers", &json!({"StreamARN": arn}));
        let names =
            list["Consumers"].as_array().unwrap().iter().map(|it| it["ConsumerName"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    put(&api, "a", reading("a", 0).as_bytes());
    let running = Running::start(&env, &["--fan-out", "--from", "trim-horizon"]);
    assert!(matches!(&consumers()[..], [name] if name.starts_with("sensorctl-tail-")), "{:?}", consumers());
    (1..30).for_each(|n| put(&api, &n.to_string(), reading("a", n).as_bytes()));
    split(&api, SHARD);
    (30..60).for_each(|n| put(&api, &n.to_string(), reading("a", n).as_bytes()));
    running.wait_for_rows(60);
    send_signal(&running.child, Signal::INT);
    let run = running.end().assert_code(130).assert_stderr_contains(&["note: registered consumer sensorctl-tail-"]);
    let times: BTreeSet<_> = rows(&run).iter().map(|row| row["current_time"].as_u64().unwrap()).collect();
    assert_eq!((rows(&run).len(), times), (60, (0..60).collect()));
    assert_eq!(consumers(), [""; 0]);
    // One whose registration was not answered is of this run all the same.
    api.set_faults("kinesis:RegisterStreamConsumer=lost@#1");
    let run = tail(&env, &["--fan-out"]).assert_success();
    assert_eq!((rows(&run).len(), consumers()), (60, Vec::new()));
    api.set_faults("");
    // An existing one stays, and ends what was asked for.
    api.json("Kinesis_20131202.RegisterStreamConsumer", &json!({"StreamARN": arn, "ConsumerName": "theirs"}));
    let run = tail(&env, &["--fan-out", "--consumer", "theirs"]).assert_success();
    assert_eq!((rows(&run).len(), consumers()), (60, vec!["theirs".to_owned()]));
    let unknown = tail(&env, &["--fan-out", "--consumer", "nobody"]).assert_code(1);
    unknown.assert_stderr_contains(&["DescribeStreamConsumer", "nobody"]);
}

#[test]
fn tail_that_is_denied_in_the_middle_names_the_permission_and_the_command_that_goes_on() {
    let (env, api) = with_stream();
    let running = Running::start(&env, &["--from", "1h", "--sensor", "a"]);
    put(&api, "a", reading("a", 1).as_bytes());
    running.wait_for_rows(1);
    api.set_faults("kinesis:GetRecords=denied");
    running.end().assert_code(1).assert_stderr_contains(&[
        "kinesis:GetRecords",
        "hint: `sensorctl tail --local --from 20",
        "--sensor=a` goes on from there; it may repeat some records",
    ]);
}

mod slow {
    use super::{AtomicUsize, BTreeSet, Interposed, Ordering, SHARD, put, reading, rows, split, with_stream};

    #[test]
    fn tail_reads_every_record_once_despite_throttles_expired_iterators_and_lost_connections() {
        let (env, api) = with_stream();
        for n in 0..300 {
            put(&api, "a", reading("s", n).as_bytes());
        }
        split(&api, SHARD);
        for n in 300..400 {
            put(&api, &n.to_string(), reading("s", n).as_bytes());
        }
        let calls = AtomicUsize::new(0);
        let cloud = Interposed::new(&env, move |request, forward| match request.operation().as_str() {
            "GetRecords" => match calls.fetch_add(1, Ordering::Relaxed) % 5 {
                1 => Some(request.failure(400, "ExpiredIteratorException", "Iterator expired.")),
                2 => Some(request.failure(400, "ProvisionedThroughputExceededException", "Rate exceeded for shard")),
                // The answer is lost.
                3 => {
                    forward();
                    Some(String::new())
                }
                4 => Some(request.failure(500, "InternalFailure", "")),
                _ => None,
            },
            _ => None,
        });
        let run = cloud.run(&env, ["tail", "--from", "trim-horizon", "--until", "now", "-v"]);
        let run = run.assert_success().assert_stderr_contains(&["400 readings in 400 records.", "Iterator expired."]);
        let times: Vec<_> = rows(&run).iter().map(|row| row["current_time"].as_u64().unwrap()).collect();
        assert_eq!((times.len(), times.iter().collect::<BTreeSet<_>>().len()), (400, 400));
        assert!(times[..300].is_sorted(), "the order of the first shard");
    }
}
