//! Tests that any request, however malformed, gets a response.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{STREAM, with_stream};

const OPERATIONS: [&str; 12] = [
    "CreateStream",
    "PutRecord",
    "PutRecords",
    "GetRecords",
    "GetShardIterator",
    "ListShards",
    "DescribeStream",
    "ListStreams",
    "UpdateShardCount",
    "SplitShard",
    "AddTagsToStream",
    "DescribeStreamConsumer",
];

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!(STREAM)),
        "shardId-[0-9]{12}|[0-9]{1,60}|.{0,20}".prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "StreamName",
        "StreamARN",
        "ShardId",
        "Data",
        "PartitionKey",
        "Records",
        "ShardIterator",
        "ShardCount",
        "Limit",
        "ShardIteratorType",
        "StartingSequenceNumber",
        "Timestamp",
        "ShardFilter",
        "Type",
        "Tags",
        "NextToken",
    ]);
    leaf.prop_recursive(3, 20, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn malformed_request_gets_a_client_error_never_an_internal_failure(
        operation in prop::sample::select(OPERATIONS.as_slice()), input in any_value(), raw: Vec<u8>, is_raw: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (local, _) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
            let body = if is_raw { raw } else { input.to_string().into_bytes() };
            for form in ["application/x-amz-json-1.1", "application/x-amz-cbor-1.1"] {
                let request = http::Request::post("/")
                    .header("content-type", form)
                    .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
                    .body(body.clone().into())
                    .unwrap();
                let status = local.handle(request).await.status().as_u16();
                assert!(status < 500, "{status}");
            }
        });
    }
}
