//! Tests that the authorizer sees the same resources in a request as the database uses.

use std::cell::Cell;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::DynamoDb;
use crate::auth::permissions::Named;
use crate::diagnostics::Diagnostics;
use crate::durability::Durability;
use crate::identity::Identity;
use crate::latency_profile::LatencyProfile;
use crate::protocol::aws_json::Request;

const HERE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/";
/// Text that occurs only in the items and tags of the table `secret`.
const MARK: &str = "only-in-secret";

fn database(directory: &std::path::Path) -> DynamoDb {
    let identity = Identity::new("us-east-1");
    let path = directory.join("dynamodb.sqlite");
    DynamoDb::open(&path, identity, &LatencyProfile::default(), Durability::Process, Diagnostics::default()).unwrap()
}

fn request(operation: &str, body: &(impl ToString + ?Sized)) -> Request {
    let request = http::Request::post("/").header("x-amz-target", format!("DynamoDB_20120810.{operation}"));
    request.body(body.to_string().into()).unwrap()
}

/// Creates the tables `open` and `secret`, each with one item and a stream.
async fn with_tables(database: &DynamoDb) {
    for name in ["open", "secret"] {
        let mark = if name == "secret" { MARK } else { "harmless" };
        let create = json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST", "Tags": [{"Key": "mark", "Value": mark}],
            "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"},
            "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
        });
        call(database, "CreateTable", create).await;
        call(database, "PutItem", json!({"TableName": name, "Item": {"k": {"S": "a"}, "mark": {"S": mark}}})).await;
    }
}

async fn call(database: &DynamoDb, operation: &str, body: Value) -> Value {
    let response = database.handle(request(operation, &body)).await;
    assert_eq!(response.status(), 200, "{operation}: {:?}", response.body());
    serde_json::from_slice(response.body()).unwrap()
}

async fn stream_arn(database: &DynamoDb, table: &str) -> String {
    let table = call(database, "DescribeTable", json!({"TableName": table})).await;
    table["Table"]["LatestStreamArn"].as_str().unwrap().to_owned()
}

/// Returns the whole content of the table `secret`.
async fn secret(database: &DynamoDb) -> (Value, Value) {
    let items = call(database, "Scan", json!({"TableName": "secret"})).await;
    (items, call(database, "ListTagsOfResource", json!({"ResourceArn": format!("{HERE}secret")})).await)
}

/// Returns the members that an operation needs beside the top-level names.
fn rest(operation: &str, table: &Value) -> Map<String, Value> {
    let name = table.as_str().unwrap_or("open");
    let key = json!({"k": {"S": "a"}});
    let item = json!({"k": {"S": "a"}, "new": {"S": "v"}});
    let body = match operation {
        "BatchGetItem" => json!({"RequestItems": {name: {"Keys": [key]}}}),
        "BatchWriteItem" => json!({"RequestItems": {name: [{"PutRequest": {"Item": item}}]}}),
        "TransactGetItems" => json!({"TransactItems": [{"Get": {"TableName": table, "Key": key}}]}),
        "TransactWriteItems" => json!({"TransactItems": [{"Put": {"TableName": table, "Item": item}}]}),
        "Query" => json!({"KeyConditionExpression": "k = :k", "ExpressionAttributeValues": {":k": {"S": "a"}}}),
        "UpdateItem" => {
            json!({"Key": key, "UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "1"}}})
        }
        "ExecuteStatement" => json!({"Statement": "SELECT * FROM secret"}),
        "GetShardIterator" => json!({"ShardId": "s", "ShardIteratorType": "TRIM_HORIZON"}),
        "TagResource" => json!({"Tags": [{"Key": "mark", "Value": "changed"}]}),
        "UntagResource" => json!({"TagKeys": ["mark"]}),
        "PutItem" => json!({"Item": item}),
        _ => json!({"Key": key}),
    };
    body.as_object().unwrap().clone()
}

#[tokio::test]
async fn requested_tables_names_match_the_databases() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(dir.path());
    with_tables(&database).await;
    let stream = stream_arn(&database, "open").await;
    let iterator = STANDARD.encode(json!({"table_name": "open", "shard_id": "s", "position": 0}).to_string());
    let these = |names: &[&str]| Named::These(names.iter().map(|name| format!("{HERE}{name}")).collect());
    let put = |table: &str| json!({"Put": {"TableName": table, "Item": {"k": {"S": "x"}}}});
    for (operation, body, wanted) in [
        ("BatchWriteItem", json!({"RequestItems": {"a": [], format!("{HERE}b"): []}}), these(&["a", "b"])),
        ("TransactWriteItems", json!({"TransactItems": [put("a"), put("b")]}), these(&["a", "b"])),
        ("Query", json!({"TableName": "a", "IndexName": "i"}), these(&["a/index/i"])),
        ("GetItem", json!({"TableName": "a", "IndexName": "i"}), these(&["a"])),
        ("TagResource", json!({"ResourceArn": format!("{HERE}a")}), these(&["a"])),
        ("TagResource", json!({"ResourceArn": "arn:aws:dynamodb:x:y:table/a"}), Named::Unclear),
        ("DescribeStream", json!({"StreamArn": stream}), Named::These(vec![stream.clone()])),
        ("DescribeStream", json!({"StreamArn": format!("{HERE}open/stream/old")}), Named::These(vec![stream.clone()])),
        ("GetShardIterator", json!({"StreamArn": "x/open"}), Named::Unclear),
        ("GetRecords", json!({"ShardIterator": iterator}), Named::These(vec![stream.clone()])),
        ("GetRecords", json!({"ShardIterator": "nonsense"}), Named::Unclear),
        ("PutItem", json!({"TableName": 5}), Named::Unclear),
        ("PutItem", json!({"TableName": "a", "RequestItems": 5}), Named::Unclear),
        ("PutItem", json!({}), Named::Unclear),
        ("BatchExecuteStatement", json!({}), Named::Unclear),
        ("ListTables", json!({}), Named::All),
    ] {
        assert_eq!(database.named_in(&request(operation, &body)), wanted, "{operation} {body}");
    }
    let twice = r#"{"TableName":"a","TableName":"b"}"#;
    assert_eq!(database.named_in(&request("GetItem", twice)), Named::Unclear);
}

#[tokio::test]
async fn requested_tables_arn_of_another_region_or_account_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(dir.path());
    with_tables(&database).await;
    for arn in [format!("{HERE}open").replace("us-east-1", "eu-west-1"), format!("{HERE}open").replace("0000000", "1")]
    {
        for (operation, body) in [
            ("TagResource", json!({"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "b"}]})),
            ("UntagResource", json!({"ResourceArn": arn, "TagKeys": ["a"]})),
            ("ListTagsOfResource", json!({"ResourceArn": arn})),
            ("DescribeStream", json!({"StreamArn": format!("{arn}/stream/l")})),
            (
                "GetShardIterator",
                json!({"StreamArn": format!("{arn}/stream/l"), "ShardId": "s", "ShardIteratorType": "LATEST"}),
            ),
        ] {
            let response = database.handle(request(operation, &body)).await;
            let said = String::from_utf8_lossy(response.body()).into_owned();
            assert!(
                response.status() == 400 && said.contains("ResourceNotFoundException"),
                "{operation} {body}: {said}"
            );
        }
    }
}

mod slow {
    use super::*;

    #[test]
    fn requested_tables_authorizer_sees_the_table_that_the_database_uses() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let database = database(dir.path());
        runtime.block_on(with_tables(&database));
        let mut names: Vec<Value> = vec![json!(5), Value::Null, json!("")];
        for table in ["open", "secret"] {
            let stream = runtime.block_on(stream_arn(&database, table));
            let iterator = |shard: &str| {
                STANDARD.encode(json!({"table_name": table, "shard_id": shard, "position": 0}).to_string())
            };
            let shards = runtime.block_on(call(&database, "DescribeStream", json!({"StreamArn": stream})));
            let shard = shards["StreamDescription"]["Shards"][0]["ShardId"].as_str().unwrap();
            names.extend([
                json!(table),
                json!(format!("{HERE}{table}")),
                json!(format!("{HERE}{table}/index/i")),
                json!(format!("arn:aws:dynamodb:x:y:table/{table}")),
                json!(format!("{HERE}open/{table}")),
                json!(format!("x/{table}/stream/y")),
                json!(format!("{HERE}{table}/stream/2000-01-01T00:00:00.000")),
                json!(stream),
                json!(stream.replace("us-east-1", "eu-west-1")),
                json!(iterator(shard)),
            ]);
        }
        let members = ["TableName", "ResourceArn", "StreamArn", "ShardIterator", "IndexName", "Replaced"];
        let operations = [
            "BatchGetItem",
            "BatchWriteItem",
            "DeleteItem",
            "DescribeStream",
            "DescribeTable",
            "ExecuteStatement",
            "GetItem",
            "GetRecords",
            "GetShardIterator",
            "ListStreams",
            "ListTables",
            "ListTagsOfResource",
            "PutItem",
            "Query",
            "Scan",
            "TagResource",
            "TransactGetItems",
            "TransactWriteItems",
            "UntagResource",
            "UpdateItem",
        ];
        let members_named =
            prop::collection::vec((prop::sample::select(members.to_vec()), prop::sample::select(names.clone())), 1..4);
        let inner = prop::sample::select(names);
        let operation = prop::sample::select(operations.to_vec());
        let config = ProptestConfig { cases: 2500, failure_persistence: None, ..ProptestConfig::default() };
        let (reading, changing) = (Cell::new(0), Cell::new(0));
        proptest!(config, |(operation in operation, named in members_named, inner in inner, is_escaped: bool)| {
            let before = runtime.block_on(secret(&database));
            let mut body = rest(operation, &inner);
            body.extend(named.into_iter().map(|(name, value)| (name.to_owned(), value)));
            let mut body = Value::Object(body).to_string();
            if is_escaped {
                body = body.replace("arn:", "\\u0061rn:");
            }
            let asked = request(operation, &body);
            let seen = database.named_in(&asked);
            let response = runtime.block_on(database.handle(asked));
            let is_read = String::from_utf8_lossy(response.body()).contains(MARK);
            let is_changed = runtime.block_on(secret(&database)) != before;
            reading.set(reading.get() + usize::from(is_read));
            changing.set(changing.get() + usize::from(is_changed));
            let is_seen = match &seen {
                Named::All => false,
                Named::These(arns) => {
                    let of_secret = |arn: &String| {
                        arn.strip_prefix(HERE).is_some_and(|name| name == "secret" || name.starts_with("secret/"))
                    };
                    arns.iter().any(of_secret)
                }
                Named::Unclear => true,
            };
            prop_assert!(is_seen || !(is_read || is_changed), "{operation} {body}: seen {seen:?}");
            if is_changed {
                // Put the item back, so that it can be read again.
                let put = json!({"TableName": "secret", "Item": {"k": {"S": "a"}, "mark": {"S": MARK}}});
                runtime.block_on(call(&database, "PutItem", put));
                let tag = json!({"ResourceArn": format!("{HERE}secret"), "Tags": [{"Key": "mark", "Value": MARK}]});
                runtime.block_on(call(&database, "TagResource", tag));
            }
        });
        // The cases are random. About 135 read and 35 change data; so few that these minimums fail by chance do not occur.
        assert!(reading.get() > 20 && changing.get() > 5, "{reading:?} {changing:?}");
    }
}
