//! CBOR as the Java SDK sends it.

use ciborium::Value as Cbor;

use super::{Local, STREAM};
use crate::kinesis::{Kinesis, StreamOptions};
use crate::protocol::aws_json::now_ms;

async fn call_cbor(kinesis: &Kinesis, operation: &str, input: &Cbor) -> (u16, Vec<(Cbor, Cbor)>) {
    let mut body = Vec::new();
    ciborium::into_writer(input, &mut body).unwrap();
    let request = http::Request::post("/")
        .header("content-type", "application/x-amz-cbor-1.1")
        .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
        .body(body.into())
        .unwrap();
    let response = kinesis.handle(request).await;
    assert_eq!(response.headers()["content-type"], "application/x-amz-cbor-1.1");
    let body = response.body();
    let answer = if body.is_empty() {
        Vec::new()
    } else {
        ciborium::from_reader::<Cbor, _>(&body[..]).unwrap().into_map().unwrap()
    };
    (response.status().as_u16(), answer)
}

fn map(members: Vec<(&str, Cbor)>) -> Cbor {
    Cbor::Map(members.into_iter().map(|(name, value)| (Cbor::from(name), value)).collect())
}

fn member(members: &[(Cbor, Cbor)], name: &str) -> Cbor {
    let found = members.iter().find(|(member, _)| *member == Cbor::from(name));
    found.unwrap_or_else(|| panic!("no {name} in {members:?}")).1.clone()
}

#[tokio::test]
async fn cbor_response_to_java_has_times_in_milliseconds() {
    let local = Local::new(StreamOptions::default());
    let stream = || ("StreamName", Cbor::from(STREAM));
    let start = now_ms();
    let (status, answer) = call_cbor(&local, "CreateStream", &map(vec![stream(), ("ShardCount", Cbor::from(1))])).await;
    assert_eq!((status, answer.len()), (200, 0));
    let put = map(vec![stream(), ("PartitionKey", Cbor::from("k")), ("Data", Cbor::Bytes(vec![0, 255]))]);
    assert_eq!(call_cbor(&local, "PutRecord", &put).await.0, 200);
    let entry = map(vec![("PartitionKey", Cbor::from("k")), ("Data", Cbor::Bytes(vec![7]))]);
    let (_, answer) =
        call_cbor(&local, "PutRecords", &map(vec![stream(), ("Records", Cbor::Array(vec![entry]))])).await;
    assert_eq!(member(&answer, "FailedRecordCount"), Cbor::from(0));

    let at = |time: Cbor| {
        map(vec![
            stream(),
            ("ShardId", Cbor::from("shardId-000000000000")),
            ("ShardIteratorType", Cbor::from("AT_TIMESTAMP")),
            ("Timestamp", time),
        ])
    };
    for time in [Cbor::from(start), Cbor::Tag(1, Box::new(Cbor::from(start)))] {
        let (status, answer) = call_cbor(&local, "GetShardIterator", &at(time)).await;
        assert_eq!(status, 200, "{answer:?}");
        let iterator = map(vec![("ShardIterator", member(&answer, "ShardIterator"))]);
        let (_, answer) = call_cbor(&local, "GetRecords", &iterator).await;
        let records = member(&answer, "Records").into_array().unwrap();
        assert_eq!(records.len(), 2);
        let record = records[0].clone().into_map().unwrap();
        assert_eq!(member(&record, "Data"), Cbor::Bytes(vec![0, 255]));
        let Cbor::Tag(1, arrival) = member(&record, "ApproximateArrivalTimestamp") else { panic!("no time") };
        let arrival = u64::try_from(arrival.into_integer().unwrap()).unwrap();
        assert!((start..=now_ms()).contains(&arrival), "{arrival}");
    }
    let (_, answer) = call_cbor(&local, "DescribeStreamSummary", &map(vec![stream()])).await;
    let about = member(&answer, "StreamDescriptionSummary").into_map().unwrap();
    let Cbor::Tag(1, created) = member(&about, "StreamCreationTimestamp") else { panic!("no time") };
    assert!(u64::try_from(created.into_integer().unwrap()).unwrap() >= start);

    let (status, answer) = call_cbor(&local, "DescribeStream", &map(vec![("StreamName", Cbor::from("none"))])).await;
    assert_eq!((status, member(&answer, "__type")), (400, Cbor::from("ResourceNotFoundException")));
}
