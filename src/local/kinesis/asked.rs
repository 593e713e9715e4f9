//! Which stream a request is about, for who decides whether it may be asked.

use serde::Deserialize;

use super::api::stream_of_token;
use super::form::Form;
use super::iterator::ShardIterator;
use crate::local::wire::{self, Request};

/// A stream, as far as a request names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AskedStream {
    /// By ARN; a consumer's or stream's.
    Arn(String),
    /// By name.
    Name(String),
    /// By none: it is about all of them, or cannot be read.
    None,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Members {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    #[serde(rename = "ResourceARN")]
    resource_arn: Option<String>,
    #[serde(rename = "ConsumerARN")]
    consumer_arn: Option<String>,
    shard_iterator: Option<String>,
    next_token: Option<String>,
}

/// The stream of a request, in whichever form it is written.
pub(crate) fn asked_stream(request: &Request) -> AskedStream {
    let members: Members = Form::of(request.headers()).read(request.body()).unwrap_or_default();
    // What is inside is read, whatever is said beside it; by other operations it is not looked at.
    let inside = match wire::operation(request) {
        "GetRecords" => members.shard_iterator.as_deref().and_then(ShardIterator::stream_in),
        "ListShards" => members.next_token.as_deref().and_then(stream_of_token),
        _ => None,
    };
    let name = inside.or(members.stream_name);
    let arn = members.stream_arn.or(members.resource_arn).or(members.consumer_arn);
    match (name, arn) {
        (Some(name), _) => AskedStream::Name(name),
        (None, Some(arn)) => AskedStream::Arn(arn),
        (None, None) => AskedStream::None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(operation: &str, content_type: &str, body: Vec<u8>) -> AskedStream {
        let request = http::Request::post("/")
            .header("content-type", content_type)
            .header("x-amz-target", format!("Kinesis_20131202.{operation}"));
        asked_stream(&request.body(body.into()).unwrap())
    }

    #[test]
    fn a_stream_is_found_in_both_forms_and_inside_an_iterator_or_a_token() {
        let token = ShardIterator { stream: "inside".into(), shard: 0, created: 1, next: 1 }.token(0);
        let name = |name: &str| AskedStream::Name(name.into());
        for (operation, body, wanted) in [
            ("PutRecord", json!({"StreamName": "s", "Data": "eA=="}), name("s")),
            ("PutRecord", json!({"StreamName": "s", "ShardIterator": token}), name("s")),
            ("DeleteStream", json!({"StreamARN": "arn:s", "ShardIterator": token}), AskedStream::Arn("arn:s".into())),
            ("GetRecords", json!({"ShardIterator": token, "StreamARN": "arn:other"}), name("inside")),
            ("GetRecords", json!({"ShardIterator": "nonsense"}), AskedStream::None),
            ("ListShards", json!({"NextToken": "nonsense"}), AskedStream::None),
            ("ListStreams", json!({"Limit": 1}), AskedStream::None),
        ] {
            let mut cbor = Vec::new();
            ciborium::into_writer(&body, &mut cbor).unwrap();
            assert_eq!(asked(operation, "application/x-amz-json-1.1", body.to_string().into()), wanted, "{body}");
            assert_eq!(asked(operation, "application/x-amz-cbor-1.1", cbor), wanted, "{body}");
        }
        assert_eq!(asked("PutRecord", "application/x-amz-json-1.1", b"{".to_vec()), AskedStream::None);
    }
}
