//! The streams and consumers that a request names, for the authorizer. They are read with the handlers' own parsers.

use serde::Deserialize;

use super::Kinesis;
use super::api::{OneConsumer, OnlyTarget, stream_of_token};
use super::iterator::ShardIterator;
use super::validation::{Checks, invalid};
use crate::auth::permissions::Named;
use crate::protocol::aws_json;
use crate::protocol::aws_json::{Request, ServiceError};
use crate::protocol::wire_format::WireFormat;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NewStream {
    stream_name: Option<String>,
}

#[derive(Deserialize)]
struct OnlyStreamArn {
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
}

#[derive(Deserialize)]
struct OnlyResourceArn {
    #[serde(rename = "ResourceARN")]
    resource_arn: Option<String>,
}

#[derive(Deserialize)]
struct OnlyConsumerArn {
    #[serde(rename = "ConsumerARN")]
    consumer_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OnlyIterator {
    shard_iterator: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OnlyToken {
    next_token: Option<String>,
}

impl Kinesis {
    /// Returns the resources that a request names.
    pub(crate) fn named_in(&self, request: &Request) -> Named {
        let form = WireFormat::of(request.headers());
        self.resolve(aws_json::operation(request), form, request.body()).unwrap_or(Named::Unclear)
    }

    fn resolve(&self, operation: &str, form: WireFormat, body: &[u8]) -> Result<Named, ServiceError> {
        let one = |name: &str| Named::These(vec![self.0.identity.stream_arn(name)]);
        match operation {
            "ListStreams" | "DescribeLimits" => Ok(Named::All),
            "CreateStream" => {
                let name = form.read::<NewStream>(body)?.stream_name;
                Checks::default().present("streamName", name.as_ref()).name("streamName", name.as_deref()).done()?;
                Ok(one(&name.unwrap_or_default()))
            }
            "GetRecords" => {
                let iterator = form.read::<OnlyIterator>(body)?.shard_iterator;
                let stream = iterator.as_deref().and_then(ShardIterator::stream_in);
                stream.map(|stream| one(&stream)).ok_or_else(|| invalid("Invalid ShardIterator."))
            }
            "ListShards" => match form.read::<OnlyToken>(body)?.next_token {
                // The token's stream counts, even if the request also names a stream.
                Some(token) => stream_of_token(&token).map(|stream| one(&stream)).ok_or_else(|| invalid("NextToken")),
                None => Ok(one(&self.target(&form.read::<OnlyTarget>(body)?.target)?)),
            },
            "UpdateStreamMode" | "UpdateMaxRecordSize" | "RegisterStreamConsumer" | "ListStreamConsumers" => {
                let arn = form.read::<OnlyStreamArn>(body)?.stream_arn;
                Ok(one(&self.named(None, arn.as_deref())?))
            }
            "DescribeStreamConsumer" | "DeregisterStreamConsumer" => self.consumer_in(&form.read(body)?),
            "TagResource" | "UntagResource" | "ListTagsForResource" => {
                self.resource(form.read::<OnlyResourceArn>(body)?.resource_arn)
            }
            "SubscribeToShard" => self.resource(form.read::<OnlyConsumerArn>(body)?.consumer_arn),
            "PutRecord"
            | "PutRecords"
            | "GetShardIterator"
            | "DescribeStream"
            | "DescribeStreamSummary"
            | "DeleteStream"
            | "UpdateStreamWarmThroughput"
            | "UpdateShardCount"
            | "SplitShard"
            | "MergeShards"
            | "IncreaseStreamRetentionPeriod"
            | "DecreaseStreamRetentionPeriod"
            | "AddTagsToStream"
            | "RemoveTagsFromStream"
            | "ListTagsForStream"
            | "StartStreamEncryption"
            | "StopStreamEncryption"
            | "EnableEnhancedMonitoring"
            | "DisableEnhancedMonitoring" => Ok(one(&self.target(&form.read::<OnlyTarget>(body)?.target)?)),
            _ => Ok(Named::Unclear),
        }
    }

    /// Returns the stream or consumer of an ARN, which must belong to this account and region.
    fn resource(&self, arn: Option<String>) -> Result<Named, ServiceError> {
        let arn = arn.ok_or_else(|| invalid("an ARN is missing"))?;
        self.name_of(&arn)?;
        Ok(Named::These(vec![arn]))
    }

    /// Returns a consumer and its stream, or the stream alone if the consumer does not exist.
    fn consumer_in(&self, input: &OneConsumer) -> Result<Named, ServiceError> {
        let stream = self.consumers_stream(input)?;
        let stream_arn = self.0.identity.stream_arn(&stream);
        let consumer = self.consumer(input).ok().and_then(|(_, name)| {
            let stream = self.stream(&stream).ok()?;
            let state = &stream.read().state;
            state.consumers.get(&name).map(|consumer| consumer.arn(&stream_arn, &name))
        });
        Ok(Named::These([stream_arn].into_iter().chain(consumer).collect()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::diagnostics::Diagnostics;
    use crate::identity::Identity;
    use crate::kinesis::StreamOptions;

    const OPERATIONS: [&str; 35] = [
        "AddTagsToStream",
        "CreateStream",
        "DecreaseStreamRetentionPeriod",
        "DeleteStream",
        "DeregisterStreamConsumer",
        "DescribeLimits",
        "DescribeStream",
        "DescribeStreamConsumer",
        "DescribeStreamSummary",
        "DisableEnhancedMonitoring",
        "EnableEnhancedMonitoring",
        "GetRecords",
        "GetShardIterator",
        "IncreaseStreamRetentionPeriod",
        "ListShards",
        "ListStreamConsumers",
        "ListStreams",
        "ListTagsForResource",
        "ListTagsForStream",
        "MergeShards",
        "Nonsense",
        "PutRecord",
        "PutRecords",
        "RegisterStreamConsumer",
        "RemoveTagsFromStream",
        "SplitShard",
        "StartStreamEncryption",
        "StopStreamEncryption",
        "SubscribeToShard",
        "TagResource",
        "UntagResource",
        "UpdateMaxRecordSize",
        "UpdateShardCount",
        "UpdateStreamMode",
        "UpdateStreamWarmThroughput",
    ];
    const NAMES: [&str; 7] =
        ["StreamName", "StreamARN", "ResourceARN", "ConsumerARN", "ShardIterator", "NextToken", "ConsumerName"];

    fn kinesis(directory: &std::path::Path) -> Kinesis {
        Kinesis::open(directory, Identity::new("us-east-1"), StreamOptions::default(), Diagnostics::default()).unwrap()
    }

    fn request(operation: &str, content_type: &str, body: Vec<u8>) -> Request {
        let request = http::Request::post("/")
            .header("content-type", content_type)
            .header("x-amz-target", format!("Kinesis_20131202.{operation}"));
        request.body(body.into()).unwrap()
    }

    fn json_request(operation: &str, body: &Value) -> Request {
        request(operation, "application/x-amz-json-1.1", body.to_string().into())
    }

    /// Returns every other member that an operation may need.
    fn rest() -> Map<String, Value> {
        let all = json!({
            "Data": "eA==", "PartitionKey": "k", "Records": [{"Data": "eA==", "PartitionKey": "k"}],
            "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON", "Tags": {"a": "b"}, "TagKeys": ["a"],
            "ShardCount": 1, "TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING", "RetentionPeriodHours": 48,
            "ShardLevelMetrics": ["ALL"], "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis",
            "StreamModeDetails": {"StreamMode": "PROVISIONED"}, "MaxRecordSizeInKiB": 1024,
            "StartingPosition": {"Type": "LATEST"},
            "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "170141183460469231731687303715884105728",
        });
        all.as_object().unwrap().clone()
    }

    const STREAMS: [&str; 2] = ["open", "secret"];

    fn arn(stream: &str) -> String {
        format!("arn:aws:kinesis:us-east-1:000000000000:stream/{stream}")
    }

    fn iterator(stream: &str) -> String {
        ShardIterator { stream: stream.into(), shard: 0, created: 1, next: 1 }
            .token(crate::protocol::aws_json::now_ms())
    }

    fn token(stream: &str) -> String {
        use base64::Engine;
        let token =
            json!({"stream": stream, "created": 1, "after": 0, "filter": "All", "made": crate::protocol::aws_json::now_ms()})
                .to_string();
        base64::engine::general_purpose::STANDARD.encode(token)
    }

    /// Generates a valid member that names a stream.
    fn well_named() -> impl Strategy<Value = (&'static str, Value)> {
        let pairs = STREAMS.into_iter().flat_map(|stream| {
            [
                ("StreamName", stream.into()),
                ("StreamARN", arn(stream).into()),
                ("ResourceARN", arn(stream).into()),
                ("ConsumerARN", format!("{}/consumer/c:1", arn(stream)).into()),
                ("ShardIterator", iterator(stream).into()),
                ("NextToken", token(stream).into()),
            ]
        });
        prop::sample::select(pairs.collect::<Vec<_>>())
    }

    /// Generates valid and invalid ways to name a stream.
    fn name() -> impl Strategy<Value = Value> {
        let texts = STREAMS.into_iter().flat_map(|stream| {
            let arn = arn(stream);
            [
                stream.to_owned(),
                arn.clone(),
                format!("{arn}/consumer/c:1"),
                format!("{arn}/"),
                arn.replace("us-east-1", "us-west-2"),
                arn.replace("000000000000", "111111111111"),
                format!("{stream}/x"),
                iterator(stream),
                token(stream),
            ]
        });
        let mut all: Vec<Value> = texts.map(Value::from).collect();
        all.extend([json!(5), Value::Null, json!(["secret"]), json!("")]);
        prop::sample::select(all)
    }

    #[test]
    fn requested_streams_names_match_the_handlers_parsing() {
        let dir = tempfile::tempdir().unwrap();
        let kinesis = kinesis(dir.path());
        let token = ShardIterator { stream: "inside".into(), shard: 0, created: 1, next: 1 }.token(0);
        let these = |name: &str| Named::These(vec![arn(name)]);
        for (operation, body, wanted) in [
            ("PutRecord", json!({"StreamName": "s", "Data": "eA==", "NextToken": 5}), these("s")),
            ("PutRecord", json!({"StreamName": "s", "ShardIterator": token}), these("s")),
            ("PutRecord", json!({"StreamARN": arn("s/consumer/c:1")}), these("s")),
            ("PutRecord", json!({"StreamARN": "arn:aws:kinesis:us-west-2:000000000000:stream/s"}), Named::Unclear),
            ("PutRecord", json!({"StreamName": "a", "StreamARN": arn("b")}), Named::Unclear),
            ("DeleteStream", json!({"StreamARN": arn("s"), "ShardIterator": token}), these("s")),
            ("UpdateStreamMode", json!({"StreamName": "a", "StreamARN": arn("s")}), these("s")),
            ("TagResource", json!({"StreamName": "a", "ResourceARN": arn("s")}), these("s")),
            ("GetRecords", json!({"ShardIterator": token, "StreamARN": "arn:other"}), these("inside")),
            ("GetRecords", json!({"ShardIterator": "nonsense"}), Named::Unclear),
            ("ListShards", json!({"NextToken": "nonsense"}), Named::Unclear),
            ("ListShards", json!({"StreamName": 5}), Named::Unclear),
            ("ListStreams", json!({"Limit": 1}), Named::All),
        ] {
            let mut cbor = Vec::new();
            ciborium::into_writer(&body, &mut cbor).unwrap();
            assert_eq!(kinesis.named_in(&json_request(operation, &body)), wanted, "{operation} {body}");
            let asked = request(operation, "application/x-amz-cbor-1.1", cbor);
            assert_eq!(kinesis.named_in(&asked), wanted, "{operation} {body} in CBOR");
        }
        let broken = request("PutRecord", "application/x-amz-json-1.1", b"{".to_vec());
        assert_eq!(kinesis.named_in(&broken), Named::Unclear);
    }

    mod slow {
        use super::*;

        #[test]
        fn requested_streams_authorizer_sees_the_stream_that_the_handler_touches() {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let dir = tempfile::tempdir().unwrap();
            let kinesis = kinesis(dir.path());
            for stream in STREAMS {
                let create = json_request("CreateStream", &json!({"StreamName": stream, "ShardCount": 1}));
                assert_eq!(runtime.block_on(kinesis.handle(create)).status(), 200);
            }
            let any = (prop::sample::select(&NAMES[..]), name());
            let named = prop::collection::vec(prop_oneof![any, well_named()], 1..4);
            let operation = prop::sample::select(&OPERATIONS[..]);
            let config = ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() };
            let (touching, work) = (std::cell::Cell::new(0), tokio_util::task::TaskTracker::new());
            proptest!(config, |(operation in operation, named in named, is_cbor: bool, is_twice: bool)| {
                let mut members = rest();
                members.extend(named.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
                let mut body = Value::Object(members).to_string();
                if let Some((name, value)) = named.first().filter(|_| is_twice) {
                    body = body.replacen('{', &format!("{{\"{name}\":{value},"), 1);
                }
                let asked = if is_cbor {
                    let body: Value = serde_json::from_str(&body).unwrap();
                    let mut cbor = Vec::new();
                    ciborium::into_writer(&body, &mut cbor).unwrap();
                    request(operation, "application/x-amz-cbor-1.1", cbor)
                } else {
                    request(operation, "application/x-amz-json-1.1", body.into())
                };
                let seen = kinesis.named_in(&asked);
                kinesis.0.touched.take();
                if operation == "SubscribeToShard" {
                    runtime.block_on(kinesis.subscribe(asked, &work));
                } else {
                    runtime.block_on(kinesis.handle(asked));
                }
                for touched in kinesis.0.touched.take() {
                    touching.set(touching.get() + 1);
                    let is_seen = match &seen {
                        Named::All => false,
                        Named::These(arns) => arns.iter().any(|arn| *arn == touched
                            || arn.strip_prefix(&touched).is_some_and(|rest| rest.starts_with('/'))),
                        Named::Unclear => true,
                    };
                    prop_assert!(is_seen, "{operation} touched {touched} and was asked about {seen:?}");
                }
            });
            assert!(touching.get() > 500, "hardly any request came as far as a stream: {}", touching.get());
        }
    }
}
