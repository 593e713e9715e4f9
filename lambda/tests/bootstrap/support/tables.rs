//! A complete `DynamoDB` in memory, with the tables of the pipeline.

use bytes::Bytes;
use dynoxide::{Database, DynoxideError};
use http_body_util::Full;
use hyper::{Request, Response};
use serde_json::{Value, json};

use super::http::serve;

/// A running service.
pub struct Tables {
    /// `127.0.0.1:port`
    pub address: String,
    database: Database,
}

impl Tables {
    /// Starts it with both tables, empty.
    pub async fn start() -> Self {
        let database = Database::memory().unwrap();
        for (table, partition, sort, sort_type) in
            [("SensorData", "SensorId", "CurrentTime", "N"), ("SensorDataRejects", "ShardId", "RejectId", "S")]
        {
            let request = json!({
                "TableName": table,
                "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [
                    {"AttributeName": partition, "KeyType": "HASH"},
                    {"AttributeName": sort, "KeyType": "RANGE"},
                ],
                "AttributeDefinitions": [
                    {"AttributeName": partition, "AttributeType": "S"},
                    {"AttributeName": sort, "AttributeType": sort_type},
                ],
            });
            database.create_table(serde_json::from_value(request).unwrap()).unwrap();
        }
        let served = database.clone();
        let address = serve(move |request| std::future::ready(answer(&served, &request))).await;
        Tables { address, database }
    }

    /// Returns all rows of a table, sorted by their JSON.
    pub fn rows(&self, table: &str) -> Vec<Value> {
        let request = serde_json::from_value(json!({ "TableName": table })).unwrap();
        let answer = serde_json::to_value(self.database.scan(request).unwrap()).unwrap();
        assert!(answer.get("LastEvaluatedKey").is_none(), "more than one page");
        let mut rows = answer["Items"].as_array().unwrap().clone();
        rows.sort_by_key(ToString::to_string);
        rows
    }
}

/// Handles `BatchWriteItem`, the only operation that the function calls.
fn answer(database: &Database, request: &Request<Bytes>) -> Response<Full<Bytes>> {
    assert_eq!(request.headers()["x-amz-target"], "DynamoDB_20120810.BatchWriteItem");
    let input = serde_json::from_slice(request.body());
    let input = input.map_err(|error| DynoxideError::ValidationException(error.to_string()));
    let (status, body) = match input.and_then(|input| database.batch_write_item(input)) {
        Ok(output) => (200, serde_json::to_string(&output).unwrap()),
        Err(error) => (error.status_code(), error.to_json()),
    };
    let head = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
    head.body(Full::from(body)).unwrap()
}
