//! Runs the aggregation codec as a filter, to compare it with other implementations.
//!
//! Each line of stdin is JSON. A list of records `[partition key, explicit hash key or null, data in base64]` gives the
//! aggregated record in base64. An aggregated record in base64, as a JSON string, gives the list, or `null` if the
//! record is not aggregated.

use std::io::{BufRead as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sensor_model::aggregation::{AggregatedUserRecord, decode, encode};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?)? {
            Value::String(record) => json!(decode(&STANDARD.decode(record)?).map(|records| {
                let record = |record: AggregatedUserRecord<'_>| {
                    json!([record.partition_key, record.explicit_hash_key, STANDARD.encode(record.data)])
                };
                records.map(record).collect::<Vec<_>>()
            })),
            records => {
                let records: Vec<(String, Option<String>, String)> = serde_json::from_value(records)?;
                let data = records.iter().map(|(.., data)| STANDARD.decode(data)).collect::<Result<Vec<_>, _>>()?;
                let records = records.iter().zip(&data).map(|((key, hash_key, _), data)| AggregatedUserRecord {
                    partition_key: key,
                    explicit_hash_key: hash_key.as_deref(),
                    data,
                });
                json!(STANDARD.encode(encode(records)))
            }
        };
        writeln!(out, "{answer}")?;
    }
    Ok(())
}
