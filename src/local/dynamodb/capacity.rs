//! Read capacity of a provisioned table under a latency profile.
//!
//! A table has its read units, and those unused in the last five minutes (AWS: "Burst and adaptive capacity", DynamoDB
//! developer guide).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;

use super::DynamoDb;
use crate::protocol::aws_json::{AMZ_JSON_1_0, Response, ServiceError};

/// Seconds of unused capacity that a table accumulates.
const BURST: f64 = 300.0;

/// The available read units of all tables; clones share them.
#[derive(Clone, Default)]
pub(super) struct ReadCapacity(Arc<Mutex<HashMap<String, Bucket>>>);

struct Bucket {
    /// Negative after a read that consumed more than was available: the debt is repaid before the next read.
    units: f64,
    /// Units a second.
    rate: f64,
    filled: Instant,
}

impl ReadCapacity {
    /// Admits a read while the table has units left; `id` distinguishes tables of the same name.
    ///
    /// # Errors
    /// `ProvisionedThroughputExceededException`.
    pub(super) fn admit(&self, id: &str, units_a_second: f64) -> Result<(), ServiceError> {
        let mut buckets = self.0.lock();
        let now = Instant::now();
        let full = units_a_second * BURST;
        let bucket = buckets.entry(id.to_owned()).or_insert(Bucket { units: full, rate: units_a_second, filled: now });
        bucket.units = (bucket.units + bucket.filled.elapsed().as_secs_f64() * bucket.rate).min(full);
        (bucket.filled, bucket.rate) = (now, units_a_second);
        if bucket.units > 0.0 {
            return Ok(());
        }
        let message = "The level of configured provisioned throughput for the table was exceeded. Consider increasing your \
                       provisioning level with the UpdateTable API.";
        Err(ServiceError::bad_request("ProvisionedThroughputExceededException", message))
    }

    /// Subtracts the units that a read consumed.
    pub(super) fn take(&self, id: &str, units: f64) {
        let mut buckets = self.0.lock();
        if let Some(bucket) = buckets.get_mut(id) {
            bucket.units -= units;
        }
    }
}

/// Returns whether an operation reads one table and consumes read units.
pub(super) fn is_read(operation: &str) -> bool {
    matches!(operation, "GetItem" | "Query" | "Scan")
}

/// Returns the read units a second in a table's settings, or `None` for on-demand billing.
pub(super) fn read_units(provisioned: Option<&str>, billing_mode: Option<&str>) -> Option<f64> {
    if billing_mode == Some("PAY_PER_REQUEST") {
        return None;
    }
    let settings: Value = serde_json::from_str(provisioned?).ok()?;
    settings.get("ReadCapacityUnits")?.as_f64().filter(|units| *units > 0.0)
}

/// Makes a read return its consumed capacity. Returns the request, and whether the caller asked for that itself.
pub(super) fn counted(text: &str) -> Option<(String, bool)> {
    let mut input: Value = serde_json::from_str(text).ok()?;
    let members = input.as_object_mut()?;
    let asked = members.get("ReturnConsumedCapacity").is_some_and(|wanted| !wanted.is_null() && wanted != "NONE");
    if !asked {
        members.insert("ReturnConsumedCapacity".to_owned(), "TOTAL".into());
    }
    Some((input.to_string(), asked))
}

/// Returns the consumed units of a response, and the response without them unless the caller asked for them.
pub(super) fn consumed(answer: &[u8], asked: bool) -> Option<(Vec<u8>, f64)> {
    let mut answer: Value = serde_json::from_slice(answer).ok()?;
    let units = answer.get("ConsumedCapacity")?.get("CapacityUnits")?.as_f64()?;
    if !asked {
        answer.as_object_mut()?.remove("ConsumedCapacity");
    }
    Some((answer.to_string().into_bytes(), units))
}

impl DynamoDb {
    /// Returns the response of a provisioned table, within its read capacity.
    pub(super) fn answer_within_capacity(&self, operation: &str, input: &Value, body: &Bytes) -> Response {
        let limited = || {
            let name = input.get("TableName").filter(|_| is_read(operation))?.as_str()?;
            let name = name.rsplit('/').next().unwrap_or_default();
            let table = self.database.get_table_metadata(name).ok().flatten()?;
            let units = read_units(table.provisioned_throughput.as_deref(), table.billing_mode.as_deref())?;
            let (text, asked) = counted(std::str::from_utf8(body).ok()?)?;
            Some((table.table_id.unwrap_or_else(|| name.to_owned()), units * self.speed, text, asked))
        };
        let Some((id, units, text, asked)) = limited() else { return self.answer(operation, body) };
        if let Err(error) = self.read_capacity.admit(&id, units) {
            return error.json(AMZ_JSON_1_0);
        }
        let mut answer = self.answer(operation, &text.into());
        if answer.status().is_success()
            && let Some((body, units)) = consumed(answer.body(), asked)
        {
            self.read_capacity.take(&id, units);
            *answer.body_mut() = body.into();
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_capacity_throttles_after_burst_and_recovers() {
        let capacity = ReadCapacity::default();
        let admits = || capacity.admit("t", 5.0).map_err(|error| error.code);
        admits().unwrap();
        capacity.take("t", 1400.0);
        admits().unwrap();
        capacity.take("t", 128.0);
        assert_eq!(admits().unwrap_err(), "ProvisionedThroughputExceededException");
        capacity.admit("another", 5.0).unwrap();
        let mut buckets = capacity.0.lock();
        buckets.get_mut("t").unwrap().filled -= std::time::Duration::from_secs(6);
        drop(buckets);
        admits().unwrap();
    }

    #[test]
    fn read_units_are_those_of_a_provisioned_table() {
        let settings = Some(r#"{"ReadCapacityUnits":5,"WriteCapacityUnits":1}"#);
        assert_eq!(read_units(settings, None), Some(5.0));
        assert_eq!(read_units(settings, Some("PROVISIONED")), Some(5.0));
        assert_eq!(read_units(settings, Some("PAY_PER_REQUEST")), None);
        assert_eq!(read_units(None, None), None);
    }

    #[test]
    fn consumed_capacity_is_returned_only_on_request() {
        for (text, wanted) in [("{}", false), (r#"{"ReturnConsumedCapacity":"INDEXES"}"#, true)] {
            let (request, asked) = counted(text).unwrap();
            assert!(request.contains("ReturnConsumedCapacity"));
            let answer = br#"{"Items":[],"ConsumedCapacity":{"CapacityUnits":2.5}}"#;
            let (answer, units) = consumed(answer, asked).unwrap();
            assert_eq!((asked, units), (wanted, 2.5));
            assert_eq!(String::from_utf8(answer).unwrap().contains("ConsumedCapacity"), wanted);
        }
    }
}
