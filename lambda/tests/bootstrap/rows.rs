//! Tests of the rows and rejects of a batch.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sensor_model::aggregation::{self, AggregatedUserRecord};
use serde_json::{Value, json};

use crate::support::{Function, PARTIAL, REJECTS, SHARD, Tables, event, reading, record, sequence};

fn row(sensor: &str, time: &str, temperature: &str, sequence: &str) -> Value {
    json!({
        "SensorId": {"S": sensor},
        "CurrentTime": {"N": time},
        "Temperature": {"N": temperature},
        "ShardID": {"S": SHARD},
        "SequenceNumber": {"S": sequence},
    })
}

fn sub<'a>(data: &'a str, partition_key: &'a str) -> AggregatedUserRecord<'a> {
    AggregatedUserRecord { partition_key, explicit_hash_key: None, data: data.as_bytes() }
}

#[tokio::test]
async fn walkthrough_test_event_becomes_its_row() {
    let tables = Tables::start().await;
    let mut function = Function::start(&tables.address, &[]).await;
    let bundled = serde_json::from_str(include_str!("../../../templates/test-lambda-input.json")).unwrap();
    assert_eq!(function.invoke(&bundled).await.failures(), [""; 0]);
    let mut expected = row("sensor-1", "123456789", "99.9", "49590338271490256608559692538361571095921575989136588898");
    expected["ShardID"]["S"] = json!("shardId-000000000000");
    assert_eq!(tables.rows("SensorData"), [expected]);
}

#[tokio::test]
async fn further_keys_become_attributes_with_exact_numbers() {
    let tables = Tables::start().await;
    let mut function = Function::start(&tables.address, &[]).await;
    let data = r#"{"sensor_id":"s","temperature":1.10,"current_time":1668000000.123,"shard_id":"x","n":0.12345678901234567890,"l":[null,true,{"k":"v"}]}"#;
    function.invoke(&event([record(1, data.as_bytes())])).await.failures();
    let mut expected = row("s", "1668000000.123", "1.1", &sequence(1));
    expected["n"] = json!({"N": "0.1234567890123456789"});
    expected["l"] = json!({"L": [{"NULL": true}, {"BOOL": true}, {"M": {"k": {"S": "v"}}}]});
    assert_eq!(tables.rows("SensorData"), [expected]);
}

#[tokio::test]
async fn aggregated_record_becomes_one_row_per_reading() {
    let tables = Tables::start().await;
    let mut function = Function::start(&tables.address, &[]).await;
    let readings: Vec<_> = (0..300).map(|time| reading("s", time, "7")).collect();
    let aggregate = aggregation::encode(readings.iter().map(|reading| sub(reading, "s")));
    let answer = function.invoke(&event([record(1, &aggregate), record(2, reading("t", 1, "8").as_bytes())])).await;
    assert_eq!(answer.failures(), [""; 0]);
    let rows = tables.rows("SensorData");
    assert_eq!(rows.len(), 301);
    assert!(rows.contains(&row("s", "299", "7", &sequence(1))));
    assert!(rows.contains(&row("t", "1", "8", &sequence(2))));
    let log = function.log_line().await;
    assert_eq!((&log["Records"], &log["Readings"], &log["Stored"]), (&json!(2), &json!(301), &json!(301)));
}

#[tokio::test]
async fn duplicate_key_last_reading_wins_by_sequence_and_sub_index() {
    let tables = Tables::start().await;
    let mut function = Function::start(&tables.address, &[]).await;
    let (older, newer) = (reading("s", 1, "3"), reading("s", 1, "4.0"));
    let aggregate = aggregation::encode([sub(&older, "a"), sub(&newer, "b")]);
    let last = reading("t", 1, "6");
    // Delivered out of order, the longer sequence number first: as texts "10…0" is before "9…9".
    let records = [record(2, last.as_bytes()), record(1, reading("t", 1, "5").as_bytes()), record(0, &aggregate)];
    assert_eq!(function.invoke(&event(records)).await.failures(), [""; 0]);
    assert_eq!(tables.rows("SensorData"), [row("s", "1", "4", &sequence(0)), row("t", "1", "6", &sequence(2))]);
    let log = function.log_line().await;
    assert_eq!((&log["Stored"], &log["Replaced"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn invalid_reading_is_rejected_with_its_bytes_and_blocks_nothing() {
    let tables = Tables::start().await;
    let mut function = Function::start(&tables.address, &[REJECTS, PARTIAL]).await;
    let good = reading("s", 1, "1");
    let aggregate = aggregation::encode([sub(&good, "k0"), sub("{\"sensor_id\":1}", "k1")]);
    let mut cut = aggregate.clone();
    cut.pop();
    let mut no_base64 = record(4, b"");
    no_base64["kinesis"]["data"] = json!("?!");
    let records = [record(1, b"hello \xff"), record(2, &aggregate), record(3, &cut), no_base64, record(5, b"")];
    assert_eq!(function.invoke(&event(records)).await.failures(), [""; 0]);
    assert_eq!(tables.rows("SensorData"), [row("s", "1", "1", &sequence(2))]);

    let mut rejects = tables.rows("SensorDataRejects");
    rejects.sort_by_key(|reject| reject["SequenceNumber"]["S"].as_str().unwrap().parse::<u128>().unwrap());
    let summary: Vec<_> = rejects
        .iter()
        .map(|reject| {
            let text = |name: &str| reject[name]["S"].as_str().unwrap();
            (
                text("RejectId"),
                text("Code"),
                text("PartitionKey"),
                STANDARD.decode(reject["Data"]["B"].as_str().unwrap()).unwrap(),
            )
        })
        .collect();
    let id = |number, rest: &str| format!("{}#{rest}", sequence(number));
    assert_eq!(
        summary,
        [
            (id(1, "0000000#000").as_str(), "not-json", "outer", b"hello \xff".to_vec()),
            (id(2, "0000001#000").as_str(), "wrong-type", "k1", b"{\"sensor_id\":1}".to_vec()),
            (id(3, "0000000#000").as_str(), "broken-aggregation", "outer", cut),
            (id(4, "0000000#000").as_str(), "not-base64", "outer", b"?!".to_vec()),
            (id(5, "0000000#000").as_str(), "not-json", "outer", Vec::new()),
        ]
    );
    let first = &rejects[0];
    assert_eq!(first["ShardId"]["S"], SHARD);
    assert_eq!(first["ArrivalTime"]["N"], "1545084650.987");
    assert_eq!(first["Parts"]["N"], "1");
    let expires: u64 = first["ExpiresAt"]["N"].as_str().unwrap().parse().unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!((29 * 86_400..=30 * 86_400).contains(&(expires - now)), "{expires}");
    assert_eq!(function.log_line().await["Rejected"], 5);
}

#[tokio::test]
async fn rejects_expire_after_the_configured_days() {
    let tables = Tables::start().await;
    let mut function = Function::start(&tables.address, &[REJECTS, PARTIAL, ("SENSORCTL_REJECTS_DAYS", "7")]).await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert_eq!(function.invoke(&event([record(1, b"x")])).await.failures(), [""; 0]);
    let expires: u64 = tables.rows("SensorDataRejects")[0]["ExpiresAt"]["N"].as_str().unwrap().parse().unwrap();
    assert!((7 * 86_400..8 * 86_400).contains(&(expires - now)), "{expires}");
}

/// This happens after a lost response, or when the lease of a shard moves.
#[tokio::test]
async fn batch_delivered_twice_leaves_the_same_tables() {
    let tables = Tables::start().await;
    let mut function = Function::start(&tables.address, &[REJECTS, PARTIAL]).await;
    let readings: Vec<_> = (0..60).map(|time| reading("s", time, "7")).collect();
    let aggregate = aggregation::encode(readings.iter().map(|reading| sub(reading, "s")).chain([sub("x", "k")]));
    let batch = || {
        let replacing = record(3, reading("s", 5, "8").as_bytes());
        event([record(1, b"hello"), record(2, &aggregate), replacing, record(4, &vec![b'x'; 500_000])])
    };
    let mut left = Vec::new();
    for _ in 0..2 {
        assert_eq!(function.invoke(&batch()).await.failures(), [""; 0]);
        let mut rejects = tables.rows("SensorDataRejects");
        // The one attribute that depends on the time of the write.
        for reject in &mut rejects {
            reject["ExpiresAt"] = Value::Null;
        }
        left.push((tables.rows("SensorData"), rejects));
    }
    assert_eq!((left[0].0.len(), left[0].1.len()), (60, 4));
    assert_eq!(left[0], left[1]);
}

#[tokio::test]
async fn partition_key_lone_surrogate_does_not_fail_the_batch() {
    let tables = Tables::start().await;
    let mut function = Function::start(&tables.address, &[REJECTS, PARTIAL]).await;
    let records = [record(1, reading("s", 1, "1").as_bytes()), record(2, b"hello")];
    let event = event(records).to_string().replace("\"outer\"", r#""k\ud800""#);
    assert_eq!(function.invoke_with(event.into_bytes()).await.failures(), [""; 0]);
    assert_eq!(tables.rows("SensorData").len(), 1);
    assert_eq!(tables.rows("SensorDataRejects")[0]["PartitionKey"]["S"], r"k\ud800");
}

#[tokio::test]
async fn reject_larger_than_an_item_is_stored_in_parts() {
    let tables = Tables::start().await;
    let mut function = Function::start(&tables.address, &[REJECTS, PARTIAL]).await;
    let data: Vec<u8> = (0..1_000_000_u32).map(|number| number.to_le_bytes()[0] ^ 0x80).collect();
    assert_eq!(function.invoke(&event([record(1, &data)])).await.failures(), [""; 0]);
    let mut parts = tables.rows("SensorDataRejects");
    parts.sort_by_key(|part| part["RejectId"]["S"].to_string());
    assert_eq!(parts.len(), 3);
    assert!(parts.iter().all(|part| part["Parts"]["N"] == "3"));
    let whole = parts.iter().flat_map(|part| STANDARD.decode(part["Data"]["B"].as_str().unwrap()).unwrap());
    assert!(whole.eq(data));
}
