//! `put --checkpoint` with SIGKILL at random moments: the run that goes on leaves out no reading.
//!
//! `SENSORCTL_SEED=N` repeats the moments of an earlier run.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flate2::write::GzEncoder;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use crate::support::{ApiClient, Run, TestEnv, eventually};

/// Fewer kills than this would be no test.
const MIN_KILLS: u32 = 2;

type Row = (String, u64);

/// Writes files of several forms. Returns the rows that they make, and the lines that are rejected, by their file.
fn write_files(env: &TestEnv) -> (BTreeSet<Row>, BTreeSet<(String, u64)>) {
    let (mut rows, mut rejected) = (BTreeSet::new(), BTreeSet::new());
    let mut text = GzEncoder::new(Vec::new(), flate2::Compression::default());
    for line in 1..=12_000_u64 {
        if line % 500 == 9 {
            writeln!(text, "no reading").unwrap();
            rejected.insert(("lines.gz".to_owned(), line));
        } else {
            let sensor = format!("line-{}", line % 30);
            writeln!(text, "{{\"sensor_id\":\"{sensor}\",\"temperature\":1,\"current_time\":{line}}}").unwrap();
            rows.insert((sensor, line));
        }
    }
    env.write("lines.gz", text.finish().unwrap());
    let mut wide = "\u{feff}current_time,in_celsius,out_celsius\r\n".to_owned();
    for row in 0..4000_u64 {
        wide.push_str(&format!("{row},1,2\r\n"));
        rows.extend([("wide/in".to_owned(), row), ("wide/out".to_owned(), row)]);
    }
    env.write("wide.csv", wide.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
    let element = |n: u64| format!("{{\"sensor_id\":\"array\",\"temperature\":1,\"current_time\":{n}}}");
    env.write("array.json", format!("[{}]", (0..6000).map(element).collect::<Vec<_>>().join(",")));
    rows.extend((0..6000).map(|n| ("array".to_owned(), n)));
    (rows, rejected)
}

/// Kills the put again and again until it ends by itself. Returns its last run and the number of kills.
fn put(env: &TestEnv, arguments: &[&str], moments: &mut StdRng) -> (Run, u32) {
    let (mut kills, mut settled) = (0, 0);
    loop {
        let all = ["put", "--local", "-o", "json", "--rejects", "bad", "--checkpoint", "c"];
        let mut child = env.spawn(all.into_iter().chain(arguments.iter().copied()));
        let moment = Duration::from_millis(moments.random_range(100..3000));
        std::thread::sleep(moment);
        if child.try_wait().unwrap().is_some() {
            return (Run::of_child(child), kills);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        // A put that was killed before its first save has an empty checkpoint, or none.
        let text = std::fs::read(env.path("c")).unwrap_or_default();
        let Ok(checkpoint) = serde_json::from_slice::<Value>(&text) else { continue };
        let parts = checkpoint["files"].as_array().unwrap().iter();
        let now: u64 = parts.map(|file| file["part"]["settled"]["items"].as_u64().unwrap()).sum();
        assert!(now >= settled, "{now} items after {settled}");
        settled = now;
    }
}

#[test]
fn put_checkpoint_sigkill_at_random_moments_leaves_out_no_reading() {
    let seed = std::env::var("SENSORCTL_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into());
    println!("SENSORCTL_SEED={seed}");
    let mut moments = StdRng::seed_from_u64(seed);
    for aggregation in ["always", "never"] {
        let env = TestEnv::with_local_cloud();
        env.run(["up", "--local", "--set", "stream.shards=3"]).assert_success();
        let faults = ["partial@10%", "lost@3%", "delay(50ms)@50%"].map(|fault| format!("kinesis:PutRecords={fault}"));
        ApiClient::new(&env).set_faults(&format!("seed={seed};{}", faults.join(";")));
        let (rows, rejected) = write_files(&env);
        let sending = ["--rate", "4000", "--aggregation", aggregation];
        let several = ["--file", "lines.gz", "--file", "array.json"];
        let wide = ["--file", "wide.csv", "--map", "temperature=*_celsius", "--sensor", "wide"];
        let (mut kills, mut settled, mut lines) = (0, Vec::new(), BTreeSet::new());
        for files in [&several[..], &wide[..]] {
            let (run, killed) = put(&env, &[files, &sending].concat(), &mut moments);
            // Rejected lines may all have been settled before the last run.
            assert!(run.code == 0 || run.code == 3, "{}", run.stderr);
            kills += killed;
            settled.push(run.json()["settled_before"].as_u64().unwrap());
            for (file, old) in [("c", "old-c"), ("bad", "old-bad")] {
                std::fs::rename(env.path(file), env.path(old)).unwrap();
            }
            lines.extend(std::fs::read_to_string(env.path("old-bad")).unwrap().lines().map(place));
        }
        let scan = || {
            let scan = env.run(["scan", "--local", "--consistent", "-o", "ndjson"]).assert_success();
            scan.stdout.lines().map(row).collect::<BTreeSet<_>>()
        };
        let missing = || rows.difference(&scan()).count();
        eventually("all readings are stored", missing, |missing| *missing == 0);
        assert_eq!(scan(), rows);
        assert_eq!(lines, rejected, "each rejected line is there and whole");
        assert!(kills >= MIN_KILLS, "{kills} kills only");
        println!("{aggregation}: {kills} kills; {settled:?} items were settled before the last runs");
    }
}

fn row(line: &str) -> Row {
    let row: Value = serde_json::from_str(line).unwrap();
    (row["sensor_id"].as_str().unwrap().to_owned(), row["current_time"].as_u64().unwrap())
}

/// Returns file and line of a rejected line.
fn place(line: &str) -> (String, u64) {
    let line: Value = serde_json::from_str(line).unwrap();
    (line["file"].as_str().unwrap().to_owned(), line["line"].as_u64().unwrap())
}
