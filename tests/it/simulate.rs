//! `simulate`: deterministic readings, figures of `--verify` that are right under every fault, and `--delete`.

use std::collections::BTreeMap;

use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{ApiClient, Run, TestEnv, eventually, send_signal};

fn simulate(env: &TestEnv, arguments: &[&str]) -> Run {
    env.run(["simulate", "--local", "-o", "json"].into_iter().chain(arguments.iter().copied()))
}

/// Returns these counts of a report.
fn counts<const N: usize>(report: &Value, names: [&str; N]) -> [u64; N] {
    names.map(|name| report[name].as_u64().unwrap_or_else(|| panic!("no {name} in {report}")))
}

/// Returns the rows of simulated sensors by sensor and time, without shard and sequence number.
fn values(rows: Vec<Value>) -> BTreeMap<String, Value> {
    let value = |mut row: Value| {
        let row_map = row.as_object_mut().unwrap();
        row_map.remove("shard_id");
        row_map.remove("sequence_number");
        (format!("{}/{}", row["sensor_id"], row["current_time"]), row)
    };
    rows.into_iter().map(value).collect()
}

#[test]
fn simulate_verify_finds_every_reading_stored_under_faults() {
    let env = TestEnv::with_local_cloud();
    env.run(["up", "--local", "--set", "stream.shards=2"]).assert_success();
    ApiClient::new(&env).set_faults(
        "seed=3;kinesis:PutRecords=lost@#2;kinesis:PutRecords=partial(30%)@50%;dynamodb:BatchWriteItem=unprocessed(50%)@30%;\
         lambda:Invoke=error@#3",
    );
    let arguments = ["--count", "3000", "--sensors", "20", "--late", "5%", "--duplicates", "5%", "--verify"];
    let report = simulate(&env, &[&arguments[..], &["--late-after", "50s"]].concat()).assert_success().json();
    assert_eq!(counts(&report, ["read", "accepted", "rejected", "failed"]), [3000, 3000, 0, 0]);
    assert_eq!(counts(&report, ["lost", "replaced", "dead_letters", "late"]), [0; 4]);
    let [distinct, stored, retries] = counts(&report, ["distinct", "stored", "retries"]);
    assert!(distinct == stored && distinct < 3000 && distinct > 2700 && retries > 0, "{report}");
    let [p50, p99, max] = counts(&report, ["p50_ms", "p99_ms", "max_ms"]);
    assert!(p50 <= p99 && p99 <= max && max < 50_000, "{report}");
    let shards = report["shards"].as_array().unwrap();
    assert_eq!(shards.len(), 2);
    assert_eq!(shards.iter().map(|shard| counts(shard, ["stored"])[0]).sum::<u64>(), stored);
    assert_eq!(env.rows(0).len() as u64, stored);
}

#[test]
fn simulate_same_seed_stores_same_rows_at_any_rate() {
    let env = TestEnv::with_pipeline();
    let seed = ["--seed", "7", "--count", "300", "--sensors", "7", "--outages", "10%", "--outliers", "5%"];
    let first = simulate(&env, &[&seed[..], &["--verify"]].concat()).assert_success().json();
    let stored = usize::try_from(counts(&first, ["stored"])[0]).unwrap();
    let rows = values(env.rows(stored));
    assert_eq!(rows.len(), stored);
    // Rows that are there already would pass for those that are sent.
    let again = simulate(&env, &[&seed[..], &["--verify"]].concat()).assert_code(1);
    again.assert_stderr_contains(&["holds readings of this simulation already (seed 7)", "simulate --local --delete"]);
    let deleted = env.run(["simulate", "--local", "--delete", "--yes", "-o", "json"]).assert_success().json();
    assert_eq!(deleted, json!({"deleted": stored}));
    assert!(env.rows(0).is_empty());
    let slow = simulate(&env, &[&seed[..], &["--rate", "600", "--verify"]].concat()).assert_success().json();
    assert_eq!(counts(&slow, ["stored"])[0], stored as u64);
    assert_eq!(values(env.rows(stored)), rows);
    assert!(slow["seconds"].as_f64().unwrap() > 0.45, "{slow}");
}

#[test]
fn simulate_interrupted_reports_ledger_and_exits_130() {
    let env = TestEnv::with_pipeline();
    let cloud = ApiClient::new(&env);
    cloud.set_faults("kinesis:PutRecords=delay(1ms)");
    let child = env.spawn(["simulate", "--local", "-o", "json", "--duration", "1h", "--rate", "100", "--verify"]);
    cloud.wait_for_call("kinesis:PutRecords", 3);
    send_signal(&child, Signal::INT);
    let run = Run::of_child(child).assert_code(130);
    let [read, accepted, failed] = counts(&run.json(), ["read", "accepted", "failed"]);
    assert!(read > 0 && read == accepted + failed, "{}", run.stdout);
    run.assert_stderr_contains(&["interrupted; ", " accepted", "simulate --local --delete"]);
}

#[test]
fn simulate_denied_stream_fails_and_reports_nothing_accepted() {
    let env = TestEnv::with_pipeline();
    ApiClient::new(&env).set_faults("kinesis:PutRecords=denied");
    let run = simulate(&env, &["--count", "10", "--verify"]).assert_code(1);
    assert_eq!(counts(&run.json(), ["read", "accepted", "failed", "lost", "stored"]), [10, 0, 10, 0, 0]);
    run.assert_stderr_contains(&["AccessDenied"]);
}

#[test]
fn simulated_readings_arrive_without_verification_too() {
    let env = TestEnv::with_pipeline();
    let report = simulate(&env, &["--count", "20", "--outages", "0", "--duplicates", "0", "--late", "0"]);
    let report = report.assert_success().json();
    assert_eq!(counts(&report, ["accepted"]), [20]);
    assert!(report.get("lost").is_none(), "{report}");
    let rows = || env.rows(0).len();
    eventually("the table holds 20 rows", rows, |rows| *rows == 20);
}

mod slow {
    use base64::Engine as _;

    use super::{ApiClient, Run, STANDARD, Signal, TestEnv, Value, counts, json, send_signal, simulate};

    #[test]
    fn simulate_verify_counts_lost_replaced_and_dead_readings() {
        let env = TestEnv::with_pipeline();
        let seed = ["--seed", "9", "--count", "50", "--sensors", "5", "--duplicates", "0", "--verify"];
        simulate(&env, &seed).assert_success();
        let rows = env.rows(50);
        env.run(["simulate", "--local", "--delete", "--yes"]).assert_success();
        env.run(["up", "--local", "--set", "mapping.enabled=false"]).assert_success();
        let cloud = ApiClient::new(&env);
        cloud.set_faults("kinesis:PutRecords=delay(1ms)");
        let wait = ["--late-after", "3s", "--timeout", "3s"];
        let arguments = ["simulate", "--local", "-o", "json"].into_iter().chain(seed).chain(wait);
        let child = env.spawn(arguments);
        cloud.wait_for_call("kinesis:PutRecords", 1);
        // Two are lost, two rows have other values, and one is a dead letter.
        let item = |row: &Value, temperature: &str| {
            let number = |name: &str| json!({"N": row[name].to_string()});
            json!({"SensorId": {"S": row["sensor_id"]}, "CurrentTime": number("current_time"),
                "Temperature": {"N": temperature}, "humidity": number("humidity"), "simulation": number("simulation"),
                "ShardID": {"S": "shardId-000000000000"}, "SequenceNumber": {"S": "1"}})
        };
        let put = |table: &str, item: Value| {
            cloud.json("DynamoDB_20120810.PutItem", &json!({"TableName": table, "Item": item}));
        };
        for row in &rows[..45] {
            put("SensorData", item(row, &row["temperature"].to_string()));
        }
        for row in &rows[45..47] {
            put("SensorData", item(row, "99"));
        }
        let dead = &rows[47];
        let data = format!(
            "{{\"sensor_id\":{},\"temperature\":{},\"current_time\":{}}}",
            dead["sensor_id"], dead["temperature"], dead["current_time"]
        );
        put(
            "SensorDataRejects",
            json!({"ShardId": {"S": "shardId-000000000000"}, "RejectId": {"S": "1#0#0"},
                "PartitionKey": {"S": dead["sensor_id"]}, "Data": {"B": STANDARD.encode(data)}}),
        );
        let run = Run::of_child(child).assert_code(3);
        let report = run.json();
        assert_eq!(counts(&report, ["distinct", "stored", "lost", "replaced", "dead_letters"]), [50, 45, 2, 2, 1]);
        run.assert_stderr_contains(&[
            "2 lost",
            "2 replaced",
            "1 dead letters",
            "sensorctl status",
            "SensorDataRejects",
        ]);
    }

    #[test]
    fn simulate_verify_slow_function_makes_readings_late() {
        let env = TestEnv::with_pipeline();
        ApiClient::new(&env).set_faults("lambda:Invoke=delay(2s)@#1");
        let run = simulate(&env, &["--count", "100", "--verify", "--late-after", "1s"]).assert_code(3);
        let report = run.json();
        let [stored, lost, late, max] = counts(&report, ["stored", "lost", "late", "max_ms"]);
        assert!(stored > 0 && lost == 0 && late > 0 && late <= stored && max >= 2000, "{report}");
        run.assert_stderr_contains(&["late", "stream.shards"]);
    }

    #[test]
    fn simulate_delete_deletes_only_rows_of_simulated_sensors() {
        let env = TestEnv::with_pipeline();
        let cloud = ApiClient::new(&env);
        let others = ["sim", "simple", "SIM-0001", "kitchen"];
        for sensor in others {
            env.run(["put", "--local", "--sensor", sensor, "--temp", "1", "--time", "1", "--wait"]).assert_success();
        }
        let report = simulate(&env, &["--count", "400", "--verify"]).assert_success().json();
        let stored = counts(&report, ["stored"])[0];
        env.run(["simulate", "--local", "--delete"]).assert_code(2).assert_stderr_contains(&["--yes"]);
        // Interrupted in the middle, it says how many rows it deleted.
        cloud.set_faults("dynamodb:BatchWriteItem=delay(300ms)");
        let child = env.spawn(["simulate", "--local", "--delete", "--yes"]);
        cloud.wait_for_call("dynamodb:BatchWriteItem", 5);
        send_signal(&child, Signal::INT);
        Run::of_child(child).assert_code(130).assert_stderr_contains(&[" deleted, the others are left", "continues"]);
        let left = env.rows(0).len() - others.len();
        assert!(left > 0 && (left as u64) < stored, "{left}");
        cloud.set_faults("dynamodb:BatchWriteItem=unprocessed(50%);dynamodb:Scan=throttle@#1");
        let rest = env.run(["simulate", "--local", "--delete", "--yes", "-o", "json"]).assert_success().json();
        assert_eq!(rest, json!({"deleted": left}));
        let mut sensors: Vec<_> = env.rows(0).iter().map(|row| row["sensor_id"].as_str().unwrap().to_owned()).collect();
        sensors.sort();
        assert_eq!(sensors, ["SIM-0001", "kitchen", "sim", "simple"]);
        let nothing = env.run(["simulate", "--local", "--delete", "--yes", "-o", "json"]).assert_success().json();
        assert_eq!(nothing, json!({"deleted": 0}));
    }
}
