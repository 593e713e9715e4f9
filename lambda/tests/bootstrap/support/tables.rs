//! A whole `DynamoDB` in memory, with the tables of the pipeline.

use dynoxide::Database;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A running one.
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
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
        Tables { address, database }
    }

    /// All rows of a table, sorted by their JSON.
    pub fn rows(&self, table: &str) -> Vec<Value> {
        let request = serde_json::from_value(json!({ "TableName": table })).unwrap();
        let answer = serde_json::to_value(self.database.scan(request).unwrap()).unwrap();
        assert!(answer.get("LastEvaluatedKey").is_none(), "more than one page");
        let mut rows = answer["Items"].as_array().unwrap().clone();
        rows.sort_by_key(ToString::to_string);
        rows
    }
}
