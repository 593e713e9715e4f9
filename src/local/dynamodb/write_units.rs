//! Consumed write units, a metric of each table.

use dynoxide::actions::batch_write_item::{BatchWriteItemRequest, BatchWriteItemResponse};
use dynoxide::actions::delete_item::{DeleteItemRequest, DeleteItemResponse};
use dynoxide::actions::put_item::{PutItemRequest, PutItemResponse};
use dynoxide::actions::update_item::{UpdateItemRequest, UpdateItemResponse};
use dynoxide::types::{self, ConsumedCapacity};
use dynoxide::{Database, DynoxideError, Item};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::expression_limits::Expressions;
use super::{DynamoDb, decode, to_json};
use crate::metrics::{Metric, MetricStore};

/// A request to write one item.
pub(super) trait WriteRequest {
    /// Returns its `ReturnConsumedCapacity`.
    fn wanted_capacity(&mut self) -> &mut Option<String>;
}

/// The response to a request to write one item.
pub(super) trait WriteResponse {
    /// Returns its `ConsumedCapacity`.
    fn consumed_capacity(&mut self) -> &mut Option<ConsumedCapacity>;
}

macro_rules! writes {
    ($($request:ty, $response:ty;)*) => {$(
        impl WriteRequest for $request {
            fn wanted_capacity(&mut self) -> &mut Option<String> {
                &mut self.return_consumed_capacity
            }
        }

        impl WriteResponse for $response {
            fn consumed_capacity(&mut self) -> &mut Option<ConsumedCapacity> {
                &mut self.consumed_capacity
            }
        }
    )*};
}

writes! {
    PutItemRequest, PutItemResponse;
    UpdateItemRequest, UpdateItemResponse;
    DeleteItemRequest, DeleteItemResponse;
}

impl DynamoDb {
    /// Writes one item, and counts the units.
    pub(super) fn write<I, O>(
        &self,
        text: &str,
        write: impl FnOnce(I) -> Result<O, DynoxideError>,
    ) -> Result<String, DynoxideError>
    where
        I: DeserializeOwned + Expressions + WriteRequest,
        O: Serialize + WriteResponse,
    {
        let mut request: I = decode::checked(text)?;
        let was_wanted = want(request.wanted_capacity());
        let mut response = write(request)?;
        let consumed = response.consumed_capacity();
        count(&self.metrics, consumed.as_slice());
        if !was_wanted {
            *consumed = None;
        }
        to_json(&response)
    }
}

/// Writes a batch by dynoxide's own path, and counts the units.
pub(super) fn write_batch(
    database: &Database,
    metrics: &MetricStore,
    mut request: BatchWriteItemRequest,
) -> Result<BatchWriteItemResponse, DynoxideError> {
    let was_wanted = want(&mut request.return_consumed_capacity);
    let mut response = database.batch_write_item(request)?;
    count(metrics, response.consumed_capacity.as_deref().unwrap_or_default());
    if !was_wanted {
        response.consumed_capacity = None;
    }
    Ok(response)
}

/// Returns the units of puts.
pub(super) fn units(items: &[Item]) -> f64 {
    items.iter().map(|item| types::write_capacity_units(types::item_size(item))).sum()
}

/// Makes a response have its consumed units; returns whether the caller asked for them itself.
fn want(capacity: &mut Option<String>) -> bool {
    let was_wanted = capacity.as_deref().is_some_and(|wanted| wanted != "NONE");
    if !was_wanted {
        *capacity = Some("TOTAL".to_owned());
    }
    was_wanted
}

fn count(metrics: &MetricStore, consumed: &[ConsumedCapacity]) {
    for of_table in consumed {
        metrics.add(Metric::ConsumedWriteUnits, &of_table.table_name, of_table.capacity_units);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::diagnostics::Diagnostics;
    use crate::durability::Durability;
    use crate::identity::Identity;
    use crate::latency_profile::LatencyProfile;

    #[test]
    fn consumed_write_units_are_counted_without_showing_them() {
        let dir = tempfile::tempdir().unwrap();
        let (path, identity, timing) = (dir.path().join("t"), Identity::new("us-east-1"), LatencyProfile::default());
        let dynamodb = DynamoDb::open(&path, identity, &timing, Durability::Process, Diagnostics::default()).unwrap();
        let call = |operation: &str, input: Value| -> Value {
            let answer = dynamodb.answer(operation, &Bytes::from(input.to_string()));
            assert!(answer.status().is_success(), "{operation}: {answer:?}");
            serde_json::from_slice(answer.body()).unwrap()
        };
        call(
            "CreateTable",
            json!({
                "TableName": "rows", "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{ "AttributeName": "k", "KeyType": "HASH" }],
                "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "S" }],
            }),
        );
        let item = |key: &str, size: usize| json!({ "k": { "S": key }, "x": { "S": "x".repeat(size) } });
        let put = json!({ "TableName": "rows", "Item": item("a", 1500) });
        assert_eq!(call("PutItem", put), json!({}));
        let update = json!({ "TableName": "rows", "Key": { "k": { "S": "b" } }, "ReturnConsumedCapacity": "TOTAL" });
        assert_eq!(call("UpdateItem", update)["ConsumedCapacity"]["CapacityUnits"], 1.0);
        let puts = json!([{ "PutRequest": { "Item": item("c", 1) } }, { "PutRequest": { "Item": item("d", 3000) } }]);
        call("BatchWriteItem", json!({ "RequestItems": { "rows": puts } }));
        let deletes = json!([{ "DeleteRequest": { "Key": { "k": { "S": "c" } } } }]);
        let answer = call("BatchWriteItem", json!({ "RequestItems": { "rows": deletes } }));
        assert_eq!(answer.get("ConsumedCapacity"), None);
        call("DeleteItem", json!({ "TableName": "rows", "Key": { "k": { "S": "d" } } }));
        let points = dynamodb.metrics().points(Metric::ConsumedWriteUnits, "rows", 0, u64::MAX);
        let sum: f64 = points.iter().map(|(_, samples)| samples.sum).sum();
        let expected = 2.0 + 1.0 + (1.0 + 3.0) + 1.0 + 3.0;
        assert!((sum - expected).abs() < 1e-9, "{sum}, not {expected}");
    }
}
