//! Tests of service behavior that clients depend on and where dynoxide differs.

use serde_json::{Value, json};

use super::DynamoDb;
use crate::diagnostics::Diagnostics;
use crate::durability::Durability;
use crate::identity::Identity;
use crate::latency_profile::LatencyProfile;
use crate::protocol::aws_json::Request;

const ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/tab";

async fn with_table(directory: &std::path::Path) -> DynamoDb {
    let identity = Identity::new("us-east-1");
    let path = directory.join("dynamodb.sqlite");
    let database =
        DynamoDb::open(&path, identity, &LatencyProfile::default(), Durability::Process, Diagnostics::default())
            .unwrap();
    let create = json!({
        "TableName": "tab", "BillingMode": "PAY_PER_REQUEST", "SSESpecification": {"Enabled": true},
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "k", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"},
        ],
    });
    ok(&database, "CreateTable", create).await;
    database
}

async fn call(database: &DynamoDb, operation: &str, body: &Value) -> (u16, Value) {
    let request = http::Request::post("/").header("x-amz-target", format!("DynamoDB_20120810.{operation}"));
    let request: Request = request.body(body.to_string().into()).unwrap();
    let response = database.handle(request).await;
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

async fn ok(database: &DynamoDb, operation: &str, body: Value) -> Value {
    let (status, answer) = call(database, operation, &body).await;
    assert_eq!(status, 200, "{operation}: {answer}");
    answer
}

/// Returns the code and message of an error.
async fn refused(database: &DynamoDb, operation: &str, body: Value) -> (String, String) {
    let (status, answer) = call(database, operation, &body).await;
    assert_eq!(status, 400, "{operation}: {answer}");
    let message = answer.get("message").or_else(|| answer.get("Message")).unwrap();
    (answer["__type"].as_str().unwrap().to_owned(), message.as_str().unwrap().to_owned())
}

fn key(n: u32) -> Value {
    json!({"k": {"S": "a"}, "n": {"N": n.to_string()}})
}

#[tokio::test]
async fn update_item_of_missing_item_returns_no_old_attributes() {
    let dir = tempfile::tempdir().unwrap();
    let database = with_table(dir.path()).await;
    let update = |n: u32| {
        json!({
            "TableName": "tab", "Key": key(n), "UpdateExpression": "SET c = :c", "ReturnValues": "ALL_OLD",
            "ExpressionAttributeValues": {":c": {"S": "x"}},
        })
    };
    assert_eq!(ok(&database, "UpdateItem", update(1)).await.get("Attributes"), None);
    assert_eq!(ok(&database, "UpdateItem", update(1)).await["Attributes"]["c"], json!({"S": "x"}));
    ok(&database, "PutItem", json!({"TableName": "tab", "Item": key(2)})).await;
    assert_eq!(ok(&database, "UpdateItem", update(2)).await["Attributes"], key(2), "it was there, with its key alone");
}

#[tokio::test]
async fn query_takes_key_conditions_beside_a_filter_expression() {
    let dir = tempfile::tempdir().unwrap();
    let database = with_table(dir.path()).await;
    for n in 0..4 {
        let mut item = key(n);
        item["even"] = json!({"BOOL": n % 2 == 0});
        ok(&database, "PutItem", json!({"TableName": "tab", "Item": item})).await;
    }
    let query = json!({
        "TableName": "tab", "FilterExpression": "even = :t", "ExpressionAttributeValues": {":t": {"BOOL": true}},
        "KeyConditions": {
            "k": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]},
            "n": {"ComparisonOperator": "GE", "AttributeValueList": [{"N": "1"}]},
        },
    });
    let answer = ok(&database, "Query", query).await;
    assert_eq!((&answer["Count"], &answer["Items"][0]["n"]), (&json!(1), &json!({"N": "2"})));
}

#[tokio::test]
async fn table_arn_is_accepted_in_every_operation_and_returned() {
    let dir = tempfile::tempdir().unwrap();
    let database = with_table(dir.path()).await;
    ok(&database, "PutItem", json!({"TableName": ARN, "Item": key(1)})).await;
    for operation in ["DescribeTable", "DescribeTimeToLive", "DescribeContinuousBackups"] {
        ok(&database, operation, json!({"TableName": ARN})).await;
    }
    let live = json!({"TableName": ARN, "TimeToLiveSpecification": {"Enabled": true, "AttributeName": "t"}});
    ok(&database, "UpdateTimeToLive", live).await;
    ok(&database, "UpdateTable", json!({"TableName": ARN, "DeletionProtectionEnabled": false})).await;
    let batch = json!({"RequestItems": {ARN: {"Keys": [key(1)]}}});
    let answer = ok(&database, "BatchGetItem", batch).await;
    assert_eq!(answer["Responses"][ARN][0], key(1));
    assert_eq!(ok(&database, "DeleteTable", json!({"TableName": ARN})).await["TableDescription"]["TableArn"], ARN);
}

#[tokio::test]
async fn missing_table_error_has_the_code_of_the_operation() {
    let dir = tempfile::tempdir().unwrap();
    let database = with_table(dir.path()).await;
    let none = ARN.replace("tab", "none").replace("nonele", "table");
    let (code, message) = refused(&database, "ListTagsOfResource", json!({"ResourceArn": none})).await;
    assert!(code.ends_with("ResourceNotFoundException") && message.contains(&format!("ResourcArn: {none} not found")));
    let enable = json!({"TableName": "none", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true}});
    for (operation, input) in
        [("DescribeContinuousBackups", json!({"TableName": "none"})), ("UpdateContinuousBackups", enable)]
    {
        let (code, message) = refused(&database, operation, input).await;
        assert_eq!((code.as_str(), message.as_str()), ("TableNotFoundException", "Table not found: none"));
    }
}

#[tokio::test]
async fn encrypted_table_key_arn_has_this_region_and_account() {
    let dir = tempfile::tempdir().unwrap();
    let database = with_table(dir.path()).await;
    let described = ok(&database, "DescribeTable", json!({"TableName": "tab"})).await;
    let arn = described["Table"]["SSEDescription"]["KMSMasterKeyArn"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:kms:us-east-1:000000000000:"), "{arn}");
}

#[tokio::test]
async fn execute_transaction_of_writes_returns_a_response_for_each() {
    let dir = tempfile::tempdir().unwrap();
    let database = with_table(dir.path()).await;
    let insert = |n: u32| json!({"Statement": format!("INSERT INTO tab VALUE {{'k': 'a', 'n': {n}}}")});
    let answer = ok(&database, "ExecuteTransaction", json!({"TransactStatements": [insert(1), insert(2)]})).await;
    assert_eq!(answer["Responses"], json!([{}, {}]));
}

#[tokio::test]
async fn validation_error_names_no_type_of_a_library() {
    let dir = tempfile::tempdir().unwrap();
    let database = with_table(dir.path()).await;
    for (operation, input, words) in [
        ("BatchWriteItem", json!({}), "Value null at 'requestItems'"),
        ("BatchGetItem", json!({"RequestItems": {"tab": {}}}), "Value null at 'keys'"),
        (
            "BatchWriteItem",
            json!({"RequestItems": {"tab": [{"DeleteRequest": []}]}}),
            "Start of list found where not expected",
        ),
    ] {
        let (_, message) = refused(&database, operation, input).await;
        assert!(message.contains(words), "{operation}: {message}");
        assert!(!message.contains("struct") && !message.contains('`'), "{message}");
    }
}

#[tokio::test]
async fn scanned_count_of_a_cut_page_equals_its_count() {
    let dir = tempfile::tempdir().unwrap();
    let database = with_table(dir.path()).await;
    for n in 0..25 {
        let mut item = key(n);
        item["text"] = json!({"S": "x".repeat(43_000)});
        ok(&database, "PutItem", json!({"TableName": "tab", "Item": item})).await;
    }
    let query = json!({
        "TableName": "tab", "KeyConditionExpression": "k = :k", "ExpressionAttributeValues": {":k": {"S": "a"}},
    });
    for (operation, mut input) in [("Scan", json!({"TableName": "tab"})), ("Query", query)] {
        let mut count = 0;
        loop {
            let page = ok(&database, operation, input.clone()).await;
            assert_eq!(page["Count"], page["ScannedCount"], "{operation}");
            count += page["Count"].as_u64().unwrap();
            let Some(last) = page.get("LastEvaluatedKey") else { break };
            input["ExclusiveStartKey"] = last.clone();
        }
        assert_eq!(count, 25, "{operation}");
    }
}

#[tokio::test]
async fn provisioned_table_with_latency_profile_throttles_reads_beyond_burst() {
    let dir = tempfile::tempdir().unwrap();
    let timing = "aws/1000".parse().unwrap();
    let path = dir.path().join("dynamodb.sqlite");
    let database =
        DynamoDb::open(&path, Identity::new("us-east-1"), &timing, Durability::Process, Diagnostics::default())
            .unwrap();
    let create = json!({
        "TableName": "tab", "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
    });
    ok(&database, "CreateTable", create).await;
    let read = json!({"TableName": "tab", "Key": {"k": {"S": "a"}}, "ConsistentRead": true});
    let is_ready = async || call(&database, "GetItem", &read).await;
    let (_, answer) = crate::tests::eventually("the table is there", is_ready, |(status, _)| *status == 200).await;
    assert_eq!(answer.get("ConsumedCapacity"), None, "nobody asked for it");
    let id = database.database.get_table_metadata("tab").unwrap().unwrap().table_id.unwrap();
    // Simulates a scan of many pages; a thousand units a second come back.
    database.read_capacity.take(&id, 1e9);
    let (code, _) = refused(&database, "GetItem", read.clone()).await;
    assert_eq!(code, "ProvisionedThroughputExceededException");
    let (code, _) = refused(&database, "Scan", json!({"TableName": "tab"})).await;
    assert_eq!(code, "ProvisionedThroughputExceededException");
    ok(&database, "PutItem", json!({"TableName": "tab", "Item": {"k": {"S": "a"}}})).await;
}
