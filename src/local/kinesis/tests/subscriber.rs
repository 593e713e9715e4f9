//! A client of `SubscribeToShard` for the tests, in process.

use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::Message;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::{Local, STREAM, text, with_stream};
use crate::identity::Identity;
use crate::kinesis::Kinesis;
use crate::protocol::aws_json::AMZ_JSON_1_1;
use crate::protocol::event_stream::EVENT_STREAM;
use crate::protocol::response_body::ResponseBody;

/// The first shard.
pub(super) const SHARD: &str = "shardId-000000000000";

/// A message of a subscription.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Received {
    Event(Value),
    Exception(String, String),
    End,
}

/// A client's end of a subscription.
pub(super) struct Subscribed {
    events: mpsc::Receiver<Bytes>,
    pub(super) work: TaskTracker,
}

impl Subscribed {
    pub(super) async fn next(&mut self) -> Received {
        let Some(mut bytes) = self.events.recv().await else { return Received::End };
        let message = read_message_from(&mut bytes).unwrap();
        assert!(bytes.is_empty(), "one message");
        let body: Value = serde_json::from_slice(message.payload()).unwrap();
        assert_eq!(header(&message, ":content-type").unwrap(), "application/json");
        match header(&message, ":message-type").unwrap().as_str() {
            "event" => {
                assert_eq!(header(&message, ":event-type").unwrap(), "SubscribeToShardEvent");
                Received::Event(body)
            }
            "exception" => {
                Received::Exception(header(&message, ":exception-type").unwrap(), text(&body["message"]).to_owned())
            }
            other => panic!("{other}"),
        }
    }

    pub(super) async fn event(&mut self) -> Value {
        match self.next().await {
            Received::Event(event) => event,
            other => panic!("{other:?}"),
        }
    }

    /// Returns the next event with records, or the last one.
    pub(super) async fn records(&mut self) -> Value {
        loop {
            let event = self.event().await;
            let is_last = event["ContinuationSequenceNumber"].is_null();
            if is_last || !event["Records"].as_array().unwrap().is_empty() {
                return event;
            }
        }
    }

    /// Returns the message that is not a sign of life.
    pub(super) async fn last(&mut self) -> Received {
        loop {
            match self.next().await {
                Received::Event(event) if event["Records"] == json!([]) => {}
                other => return other,
            }
        }
    }
}

fn header(message: &Message, name: &str) -> Option<String> {
    let found = message.headers().iter().find(|header| header.name().as_str() == name)?;
    Some(found.value().as_string().unwrap().as_str().to_owned())
}

pub(super) fn data(event: &Value) -> Vec<String> {
    let data = |record: &Value| String::from_utf8(BASE64.decode(text(&record["Data"])).unwrap()).unwrap();
    event["Records"].as_array().unwrap().iter().map(data).collect()
}

pub(super) async fn subscribe_with(kinesis: &Kinesis, input: &Value) -> Result<Subscribed, (u16, Value)> {
    let request = http::Request::post("/")
        .header("content-type", AMZ_JSON_1_1)
        .header("x-amz-target", "Kinesis_20131202.SubscribeToShard")
        .body(input.to_string().into())
        .unwrap();
    let work = TaskTracker::new();
    let (parts, body) = kinesis.subscribe(request, &work).await.into_parts();
    match body {
        ResponseBody::Events(mut events) => {
            assert_eq!((parts.status.as_u16(), &parts.headers["content-type"]), (200, &EVENT_STREAM.parse().unwrap()));
            let initial = read_message_from(&mut events.recv().await.unwrap()).unwrap();
            assert_eq!(header(&initial, ":event-type").as_deref(), Some("initial-response"));
            assert_eq!(&initial.payload()[..], b"{}");
            Ok(Subscribed { events, work })
        }
        ResponseBody::Whole(body) => Err((parts.status.as_u16(), serde_json::from_slice(&body).unwrap())),
    }
}

pub(super) fn input(consumer: &str, position: &Value) -> Value {
    json!({ "ConsumerARN": consumer, "ShardId": SHARD, "StartingPosition": position })
}

pub(super) async fn subscribe(kinesis: &Kinesis, consumer: &str, position: Value) -> Subscribed {
    subscribe_with(kinesis, &input(consumer, &position)).await.map_err(|(_, body)| body).unwrap()
}

/// Returns the code and message of an error.
pub(super) async fn refused(kinesis: &Kinesis, input: &Value) -> (String, String) {
    let (status, body) = subscribe_with(kinesis, input).await.err().expect("it was taken");
    assert_eq!(status, 400, "{body}");
    (text(&body["__type"]).to_owned(), text(&body["message"]).to_owned())
}

pub(super) async fn register(local: &Local, name: &str) -> String {
    let arn = Identity::new("us-east-1").stream_arn(STREAM);
    let answer = local.ok("RegisterStreamConsumer", json!({ "StreamARN": arn, "ConsumerName": name })).await;
    text(&answer["Consumer"]["ConsumerARN"]).to_owned()
}

pub(super) async fn with_consumer() -> (Local, String) {
    let (local, _) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let consumer = register(&local, "c").await;
    (local, consumer)
}

pub(super) async fn put(local: &Local, data: &str) -> String {
    let input = json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": BASE64.encode(data) });
    text(&local.ok("PutRecord", input).await["SequenceNumber"]).to_owned()
}
