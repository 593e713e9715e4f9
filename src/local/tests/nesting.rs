//! Tests of requests with excessive nesting: each is rejected, and the process continues.

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::start;
use super::tables::create_table;
use crate::LocalCloud;
use crate::auth::signature::testing::signed_lines;
use crate::tests::clients::Clients;
use crate::tests::wire::raw;

/// Returns texts of at most 4 KB that nest 2,000 levels deep.
fn deep_texts() -> [String; 4] {
    ["(".repeat(2000), "NOT ".repeat(1000), "SET b = ".to_owned() + &"(".repeat(4000), "a AND (".repeat(580)]
}

async fn is_alive(clients: &Clients) {
    clients.dynamodb.list_tables().send().await.unwrap();
}

/// Sends a DynamoDB request that no SDK would send, and returns the response.
async fn send(cloud: &LocalCloud, operation: &str, body: &str) -> (u16, String) {
    let target = format!("DynamoDB_20120810.{operation}");
    let signed = signed_lines(&cloud.connection_info().access_key, "dynamodb", &target, "POST /", body.as_bytes());
    let head = format!("POST / HTTP/1.1\r\n{signed}\r\ncontent-type: application/x-amz-json-1.0");
    let (status, _, body) = raw(cloud, &head, body).await;
    (status, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn nesting_deep_expression_is_rejected_without_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    create_table(&clients).await;
    let id = || AttributeValue::S("a".into());
    let time = || AttributeValue::N("1".into());
    for text in deep_texts() {
        let scan = clients.dynamodb.scan().table_name("SensorData").filter_expression(&text).send().await;
        let refused = scan.unwrap_err();
        assert_eq!(refused.code(), Some("ValidationException"));
        assert!(refused.message().unwrap().starts_with("Invalid FilterExpression: "), "{refused:?}");
        let query = clients.dynamodb.query().table_name("SensorData").key_condition_expression(&text);
        assert_eq!(query.send().await.unwrap_err().code(), Some("ValidationException"));
        let update = clients.dynamodb.update_item().table_name("SensorData").key("SensorId", id());
        let update = update.key("CurrentTime", time()).update_expression(&text).send().await;
        assert_eq!(update.unwrap_err().code(), Some("ValidationException"));
        let put = Put::builder().table_name("SensorData").item("SensorId", id()).item("CurrentTime", time());
        let put = TransactWriteItem::builder().put(put.condition_expression(&text).build().unwrap()).build();
        let transaction = clients.dynamodb.transact_write_items().transact_items(put).send().await;
        assert_eq!(transaction.unwrap_err().code(), Some("ValidationException"));
        let update = Update::builder().table_name("SensorData").key("SensorId", id()).key("CurrentTime", time());
        let update = TransactWriteItem::builder().update(update.update_expression(&text).build().unwrap()).build();
        let transaction = clients.dynamodb.transact_write_items().transact_items(update).send().await;
        assert_eq!(transaction.unwrap_err().code(), Some("ValidationException"));
        is_alive(&clients).await;
    }
    cloud.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nesting_expression_within_limits_is_evaluated() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    create_table(&clients).await;
    let put = clients.dynamodb.put_item().table_name("SensorData").item("SensorId", AttributeValue::S("a".into()));
    put.item("CurrentTime", AttributeValue::N("1".into())).send().await.unwrap();
    // 99 levels, each with its own operator: the deepest accepted expression. All of it is evaluated.
    let deep = (0..99).fold("CurrentTime = :t".to_owned(), |inner, _| format!("CurrentTime = :t AND ({inner})"));
    // 300 operators side by side; the service itself rejects a longer list.
    let long = |count: usize| vec!["CurrentTime=:t"; count].join(" AND ");
    for (text, is_refused) in [(deep, false), (long(150), false), (long(151), true)] {
        let scan = clients.dynamodb.scan().table_name("SensorData").filter_expression(&text);
        match scan.expression_attribute_values(":t", AttributeValue::N("1".into())).send().await {
            Ok(found) => assert_eq!((found.count, is_refused), (1, false)),
            Err(error) => {
                let words = "Invalid FilterExpression: The expression contains too many operators; operator count: 301";
                assert_eq!((error.message(), is_refused), (Some(words), true));
            }
        }
    }
    cloud.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nesting_deep_value_is_rejected_without_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    create_table(&clients).await;
    for depth in [32, 60, 1900] {
        let value = format!("{}{{\"S\":\"x\"}}{}", r#"{"M":{"n":"#.repeat(depth), "}}".repeat(depth));
        let item = format!(r#"{{"SensorId":{{"S":"a"}},"CurrentTime":{{"N":"1"}},"Text":{value}}}"#);
        for (operation, body) in [
            ("PutItem", format!(r#"{{"TableName":"SensorData","Item":{item}}}"#)),
            ("BatchWriteItem", format!(r#"{{"RequestItems":{{"SensorData":[{{"PutRequest":{{"Item":{item}}}}}]}}}}"#)),
            (
                "Scan",
                format!(
                    r#"{{"TableName":"SensorData","FilterExpression":"a = :v","ExpressionAttributeValues":{{":v":{value}}}}}"#
                ),
            ),
        ] {
            let (status, answer) = send(&cloud, operation, &body).await;
            assert_eq!(status, 400, "{operation}: {answer}");
            assert!(answer.contains("Nesting Levels have exceeded supported limits"), "{operation} {depth}: {answer}");
        }
    }
    // Deeper than the service reads at all, and deep input that is not a value.
    for body in ["[".repeat(100_000), r#"{"a":"#.repeat(100_000), r#"{"TableName":"#.to_owned() + &"[".repeat(5000)] {
        let (status, answer) = send(&cloud, "PutItem", &body).await;
        assert_eq!(status, 400);
        assert!(answer.contains("SerializationException"), "{answer}");
    }
    is_alive(&clients).await;
    cloud.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nesting_deep_partiql_statement_is_rejected_without_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    create_table(&clients).await;
    for statement in [
        "SELECT * FROM SensorData WHERE ".to_owned() + &"(".repeat(8000),
        "SELECT * FROM SensorData WHERE ".to_owned() + &"NOT ".repeat(2000) + "a = 1",
        "SELECT * FROM SensorData WHERE a = ".to_owned() + &"[".repeat(8000),
        "SELECT * FROM SensorData WHERE a = ".to_owned() + &"-".repeat(8000) + "1",
        "INSERT INTO SensorData VALUE ".to_owned() + &"{'a':".repeat(1500),
        "UPDATE SensorData SET a = ".to_owned() + &"list_append(".repeat(600),
    ] {
        let text = serde_json::json!({ "Statement": statement }).to_string();
        assert_eq!(send(&cloud, "ExecuteStatement", &text).await.0, 400, "{}", &statement[..50]);
        let many = serde_json::json!({ "TransactStatements": [{ "Statement": statement }] }).to_string();
        assert_eq!(send(&cloud, "ExecuteTransaction", &many).await.0, 400, "{}", &statement[..50]);
        is_alive(&clients).await;
    }
    cloud.shutdown().await.unwrap();
}
