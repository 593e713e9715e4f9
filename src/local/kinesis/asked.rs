//! Which stream a request is about, for who decides whether it may be asked.

use serde::Deserialize;

use super::form::Form;
use super::iterator::ShardIterator;
use crate::local::wire::Request;

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
}

/// The stream of a request, in whichever form it is written.
pub(crate) fn asked_stream(request: &Request) -> AskedStream {
    let members: Members = Form::of(request.headers()).read(request.body()).unwrap_or_default();
    // What is in the iterator is read, whatever is said beside it.
    let name = members.shard_iterator.as_deref().and_then(ShardIterator::stream_in).or(members.stream_name);
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

    fn asked(content_type: &str, body: Vec<u8>) -> AskedStream {
        let request = axum::http::Request::post("/").header("content-type", content_type);
        asked_stream(&request.body(body.into()).unwrap())
    }

    #[test]
    fn a_stream_is_found_in_both_forms_and_inside_an_iterator() {
        let token = ShardIterator { stream: "inside".into(), shard: 0, created: 1, next: 1 }.token(0);
        let name = |name: &str| AskedStream::Name(name.into());
        for (body, wanted) in [
            (json!({"StreamName": "s", "Data": "eA=="}), name("s")),
            (json!({"StreamARN": "arn:s"}), AskedStream::Arn("arn:s".into())),
            (json!({"ShardIterator": token, "StreamARN": "arn:other"}), name("inside")),
            (json!({"ShardIterator": "nonsense"}), AskedStream::None),
            (json!({"Limit": 1}), AskedStream::None),
        ] {
            let mut cbor = Vec::new();
            ciborium::into_writer(&body, &mut cbor).unwrap();
            assert_eq!(asked("application/x-amz-json-1.1", body.to_string().into()), wanted, "{body}");
            assert_eq!(asked("application/x-amz-cbor-1.1", cbor), wanted, "{body}");
        }
        assert_eq!(asked("application/x-amz-json-1.1", b"{".to_vec()), AskedStream::None);
    }
}
