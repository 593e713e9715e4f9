//! Tests with the largest events that Lambda sends: just under 6 MB of JSON.

use sensor_model::aggregation::{self, AggregatedUserRecord};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{
    Answer, Function, PARTIAL, REJECTS, Said, Scripted, event, failure, plain, reading, record, sent_items, sequence,
    stored,
};

const LARGEST: usize = 6 * 1024 * 1024;
/// Maximum memory. A release build for musl needs 25 MiB, the build tested here 36. The smallest function has 128.
#[cfg(target_os = "linux")]
const MOST_MIB: u64 = 48;

/// The items that a service received, by table.
type Taken = Arc<Mutex<HashSet<(String, String)>>>;

async fn taking() -> (Scripted, Taken) {
    let taken = Taken::default();
    let seen = Arc::clone(&taken);
    let scripted = Scripted::start(move |request: &Value| {
        let mut seen = seen.lock().unwrap();
        for (table, sort) in [("SensorData", "CurrentTime"), ("SensorDataRejects", "RejectId")] {
            for item in sent_items(request, table) {
                let new = seen.insert((table.to_owned(), item[sort].to_string()));
                assert!(new, "put twice: {item}");
            }
        }
        stored()
    })
    .await;
    (scripted, taken)
}

/// Returns an event with as many of the records as fit.
fn largest(records: impl Iterator<Item = Value>) -> Value {
    let mut bytes = 20;
    let fitting = records.take_while(|record| {
        bytes += record.to_string().len() + 1;
        bytes < LARGEST
    });
    let event = event(fitting);
    let bytes = event.to_string().len();
    assert!((LARGEST - LARGEST / 5..LARGEST).contains(&bytes), "{bytes}");
    event
}

async fn all_of(event: &Value, readings: usize, rejects: usize) {
    let (service, taken) = taking().await;
    let mut function = Function::start(&service.address, &[REJECTS, PARTIAL]).await;
    let answer = function.invoke_within(event, Duration::from_secs(110)).await;
    let Answer::Response(_) = &answer else { panic!("{answer:?}") };
    assert_eq!(answer.failures(), [""; 0]);
    let taken = taken.lock().unwrap();
    let of = |table: &str| taken.iter().filter(|(name, _)| name == table).count();
    assert_eq!((of("SensorData"), of("SensorDataRejects")), (readings, rejects));
    #[cfg(target_os = "linux")]
    assert!(function.peak_mib() < MOST_MIB, "{} MiB", function.peak_mib());
}

#[tokio::test]
async fn largest_plain_event_is_stored_whole() {
    let sensor = &"sensor-".repeat(14);
    let event = largest((1..=10_000).map(|number| record(number, reading(sensor, number, "20.25").as_bytes())));
    let readings = event["Records"].as_array().unwrap().len();
    assert!(readings > 9_000, "{readings}");
    all_of(&event, readings, 0).await;
}

/// A user record as small as the smallest reading that is not a reading.
const TINY: AggregatedUserRecord<'_> = AggregatedUserRecord {
    partition_key: "",
    explicit_hash_key: None,
    data: br#"{"sensor_id":"a","temperature":0,"current_tim":0}"#,
};

/// There are more user records than readings fit into their bytes, so each record is kept whole.
#[tokio::test]
async fn flood_of_empty_user_records_is_one_reject_per_record() {
    let sub = AggregatedUserRecord { data: b"", ..TINY };
    let records = (1..=4).map(|number| record(number, &aggregation::encode(std::iter::repeat_n(sub, 12_000))));
    all_of(&event(records), 0, 4).await;
}

/// Each number would be 126 digits.
#[tokio::test]
async fn reading_of_too_many_values_is_refused_within_memory_limit() {
    let values = "1e125,".repeat(500_000);
    let json = format!(r#"{{"sensor_id":"s","temperature":1,"current_time":1,"a":[{values}0]}}"#);
    // A part of a reject has 384 KiB.
    all_of(&event([record(1, json.as_bytes())]), 0, json.len().div_ceil(384 * 1024)).await;
}

/// The key of a user record has no limit of its own, but a reject must fit into an item.
#[tokio::test]
async fn reject_with_long_partition_key_is_stored() {
    let key = "k".repeat(900_000);
    let sub = AggregatedUserRecord { partition_key: &key, explicit_hash_key: None, data: b"{}" };
    all_of(&event([record(1, &aggregation::encode([sub]))]), 0, 1).await;
    let (service, _) = taking().await;
    let mut function = Function::start(&service.address, &[REJECTS, PARTIAL]).await;
    function.invoke(&event([record(1, &aggregation::encode([sub]))])).await;
    let kept = sent_items(&service.requests()[0], "SensorDataRejects")[0]["PartitionKey"]["S"].to_string();
    assert_eq!(kept.len(), 256 + 2);
}

mod slow {
    use super::*;

    #[tokio::test]
    async fn largest_aggregated_event_is_stored_whole() {
        let aggregated = |number: u32| {
            let readings: Vec<_> = (0..600).map(|index| reading("sensor-1", number * 600 + index, "20.25")).collect();
            let sub = |data| AggregatedUserRecord { partition_key: "lane", explicit_hash_key: None, data };
            record(number, &aggregation::encode(readings.iter().map(|reading| sub(reading.as_bytes()))))
        };
        let event = largest((1..).map(aggregated));
        let readings = event["Records"].as_array().unwrap().len() * 600;
        assert!(readings > 40_000, "{readings}");
        all_of(&event, readings, 0).await;
    }

    /// Each of them becomes a reject many times its own size.
    #[tokio::test]
    async fn rejects_of_many_tiny_user_records_stay_within_memory_limit() {
        let records = (1..=4).map(|number| record(number, &aggregation::encode(std::iter::repeat_n(TINY, 12_000))));
        all_of(&event(records), 0, 4 * 12_000).await;
    }

    /// Each number has 126 digits and takes 2 bytes of an item.
    #[tokio::test]
    async fn readings_of_many_large_numbers_stay_within_memory_limit() {
        let values = "1e125,".repeat(136_000);
        let json = |number| format!(r#"{{"sensor_id":"s","temperature":1,"current_time":{number},"a":[{values}0]}}"#);
        let event = largest((1..).map(|number| record(number, json(number).as_bytes())));
        let readings = event["Records"].as_array().unwrap().len();
        all_of(&event, readings, 0).await;
    }

    /// Covers records full of small values, and large responses of a proxy.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn peak_memory_is_bounded_for_any_records_and_responses() {
        /// Returns the peak memory and the unstored records of a function. `answer` gives the response to the nth request.
        async fn peak(
            records: impl IntoIterator<Item = Value>,
            said: impl Fn(usize) -> Said + Send + 'static,
        ) -> (u64, Vec<String>) {
            let mut requests = 0;
            let dynamodb = Scripted::start(move |_: &Value| {
                requests += 1;
                said(requests)
            })
            .await;
            let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]).await;
            let answer = function.invoke_within(&event(records), Duration::from_secs(110)).await;
            (function.peak_mib(), answer.failures().into_iter().map(str::to_owned).collect())
        }
        let with = |values: String| format!(r#"{{"sensor_id":"s","temperature":1,"current_time":1,"a":{values}}}"#);
        let list = with(format!("[{}0]", "0,".repeat(1_600_000)));
        let map = with(format!("{{{}\"\":0}}", "\"\":0,".repeat(640_000)));
        let sub_records = aggregation::encode(std::iter::repeat_n(TINY, 55_000));
        let empty = aggregation::encode(std::iter::repeat_n(AggregatedUserRecord { data: b"", ..TINY }, 740_000));
        let all_stored = |_| stored().into();
        // Tens of thousands of rejects would take long.
        let denied_after_two_hundred =
            |request| if request > 200 { failure("AccessDeniedException", "no").into() } else { stored().into() };
        // Each of the twelve batches gets this response twice, eight at a time.
        let too_large = |request| if request > 24 { stored().into() } else { Said::text(200, &"x".repeat(17 << 20)) };
        let (list, map, sub_records, empty, answers) = (
            peak([record(1, list.as_bytes())], all_stored).await,
            peak([record(1, map.as_bytes())], all_stored).await,
            peak([record(1, &sub_records)], denied_after_two_hundred).await,
            peak([record(1, &empty)], all_stored).await,
            peak((1..=300).map(plain), too_large).await,
        );
        let failures = [&list.1, &map.1, &sub_records.1, &empty.1, &answers.1];
        assert_eq!(failures, [&vec![], &vec![], &vec![sequence(1)], &vec![], &vec![]]);
        let peaks = [
            ("list", list.0),
            ("map", map.0),
            ("sub-records", sub_records.0),
            ("empty sub-records", empty.0),
            ("answers", answers.0),
        ];
        assert!(peaks.iter().all(|(_, mib)| *mib < MOST_MIB), "{peaks:?}");
    }
}
