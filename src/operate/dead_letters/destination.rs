//! Documents that Lambda sends to a failure destination: which records of the stream were given up
//! (docs/facts/event-source-mapping.md, Failed batches).

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sensor_model::Decimal;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::source_record::SourceRecord;
use crate::pipeline::parse_time;

/// The version of the documents that is known.
const VERSION: &str = "1.0";
/// Envelopes around a document: a message of a topic in a message of a queue in the answer of a tool.
const MAX_ENVELOPES: u32 = 6;

/// A batch that Lambda gave up.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FailureDocument {
    /// The region of the stream.
    pub region: String,
    /// Its account.
    pub account: String,
    /// The stream.
    pub stream: String,
    /// The shard.
    pub shard_id: String,
    /// The first sequence number of the batch.
    pub first: String,
    /// The last one.
    pub last: String,
    /// The number of its records.
    pub records: u64,
    /// Why it was given up, such as `RetryAttemptsExhausted`.
    pub condition: String,
    /// When its first record arrived in the stream, in seconds since 1970.
    pub arrived: Option<Decimal>,
    /// The records themselves, which only a bucket gets.
    pub payload: Option<Vec<SourceRecord>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    version: Option<String>,
    request_context: Option<RequestContext>,
    #[serde(rename = "KinesisBatchInfo")]
    batch: Batch,
    payload: Option<String>,
}

#[derive(Deserialize)]
struct RequestContext {
    condition: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    shard_id: String,
    start_sequence_number: String,
    end_sequence_number: String,
    approximate_arrival_of_first_record: Option<String>,
    #[serde(rename = "batchSize")]
    records: u64,
    stream_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    records: Vec<EventRecord>,
}

#[derive(Deserialize)]
struct EventRecord {
    kinesis: KinesisRecord,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KinesisRecord {
    partition_key: String,
    sequence_number: String,
    data: String,
    approximate_arrival_timestamp: Option<Box<RawValue>>,
}

/// Reads all documents of a file: messages as a queue, a topic or a bucket has them, one after the other or in an array.
///
/// # Errors
/// If something in it is no such document. The error is a message.
pub(crate) fn read_documents(source: impl Read) -> Result<Vec<FailureDocument>, String> {
    let mut found = Vec::new();
    for (number, value) in (1..).zip(serde_json::Deserializer::from_reader(source).into_iter::<Value>()) {
        let value = value.map_err(|error| format!("value {number} is not JSON: {error}"))?;
        let before = found.len();
        unwrap(value, 0, &mut found).map_err(|reason| format!("value {number}: {reason}"))?;
        if found.len() == before {
            return Err(format!("value {number} holds no document of a failure destination"));
        }
    }
    Ok(found)
}

/// Takes the envelopes off.
fn unwrap(value: Value, depth: u32, found: &mut Vec<FailureDocument>) -> Result<(), String> {
    let none = || Err("it is no document of a failure destination: it has no `KinesisBatchInfo`".to_owned());
    if depth > MAX_ENVELOPES {
        return none();
    }
    match value {
        Value::Array(values) => values.into_iter().try_for_each(|value| unwrap(value, depth + 1, found)),
        Value::String(text) => {
            let inner = serde_json::from_str(&text);
            unwrap(inner.map_err(|_| "its message is no JSON".to_owned())?, depth + 1, found)
        }
        Value::Object(mut members) => {
            if members.contains_key("KinesisBatchInfo") {
                found.push(document(Value::Object(members))?);
                return Ok(());
            }
            // SQS, SNS, the local cloud's log, `sensorctl logs`.
            let envelopes = ["Messages", "Body", "Message", "record", "message"];
            match envelopes.iter().find_map(|name| members.remove(*name)) {
                Some(inner) => unwrap(inner, depth + 1, found),
                None => none(),
            }
        }
        _ => none(),
    }
}

fn document(value: Value) -> Result<FailureDocument, String> {
    let document: Document = serde_json::from_value(value).map_err(|error| format!("a member is missing: {error}"))?;
    let Document { version, request_context, batch, payload } = document;
    if version.as_deref().is_some_and(|version| version != VERSION) {
        return Err(format!("its version is not {VERSION}, so its meaning is not known"));
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(&batch.start_sequence_number) || !is_number(&batch.end_sequence_number) {
        return Err("its sequence numbers are no numbers".to_owned());
    }
    let arrived = batch.approximate_arrival_of_first_record.as_deref().and_then(|text| parse_time(text).ok());
    let [region, account, stream] = stream_place(&batch.stream_arn).ok_or("its `streamArn` names no stream")?;
    Ok(FailureDocument {
        region: region.to_owned(),
        account: account.to_owned(),
        stream: stream.to_owned(),
        payload: payload.map(|text| payload_records(&text, &batch.shard_id)).transpose()?,
        shard_id: batch.shard_id,
        first: batch.start_sequence_number,
        last: batch.end_sequence_number,
        records: batch.records,
        condition: request_context.and_then(|context| context.condition).unwrap_or_else(|| "unknown".to_owned()),
        arrived,
    })
}

/// Returns the region, account and name of a stream by its ARN, or by that of a consumer of it.
fn stream_place(arn: &str) -> Option<[&str; 3]> {
    let mut parts = arn.splitn(6, ':');
    let (arn, _, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let name = resource.strip_prefix("stream/")?.split('/').next()?;
    let is_whole = arn == "arn" && service == "kinesis" && ![region, account, name].contains(&"");
    is_whole.then_some([region, account, name])
}

fn payload_records(text: &str, shard_id: &str) -> Result<Vec<SourceRecord>, String> {
    let event: Event = serde_json::from_str(text).map_err(|_| "its `payload` is no event of Kinesis".to_owned())?;
    let record = |EventRecord { kinesis }: EventRecord| {
        let number = kinesis.approximate_arrival_timestamp;
        Ok(SourceRecord {
            shard_id: shard_id.to_owned(),
            data: STANDARD.decode(kinesis.data).map_err(|_| "a record of its `payload` is not base64".to_owned())?,
            partition_key: kinesis.partition_key,
            sequence_number: kinesis.sequence_number,
            arrived: number.and_then(|number| Decimal::parse(number.get()).ok()),
        })
    };
    event.records.into_iter().map(record).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn batch() -> Value {
        json!({
            "requestContext": {"requestId": "r", "functionArn": "f", "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 3},
            "version": "1.0", "timestamp": "2019-11-14T00:38:06.021Z",
            "KinesisBatchInfo": {"shardId": "shardId-000000000001", "startSequenceNumber": "495", "endSequenceNumber": "497",
                "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
                "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.580Z", "batchSize": 3,
                "streamArn": "arn:aws:kinesis:us-east-2:123456789012:stream/mystream"},
        })
    }

    fn read(text: &str) -> Result<Vec<FailureDocument>, String> {
        read_documents(text.as_bytes())
    }

    #[test]
    fn documents_are_read_out_of_queues_topics_and_logs() {
        let found = read(&batch().to_string()).unwrap();
        let FailureDocument { stream, shard_id, first, last, records, condition, arrived, payload, region, account } =
            &found[0];
        assert_eq!((stream.as_str(), shard_id.as_str()), ("mystream", "shardId-000000000001"));
        assert_eq!((region.as_str(), account.as_str()), ("us-east-2", "123456789012"));
        assert_eq!((first.as_str(), last.as_str(), *records), ("495", "497", 3));
        assert_eq!((condition.as_str(), payload), ("RetryAttemptsExhausted", &None));
        assert_eq!(arrived.as_ref().unwrap().to_string(), "1573691884.835");
        let text = batch().to_string();
        let topic = json!({"Type": "Notification", "Message": text}).to_string();
        for enveloped in [
            json!([batch()]),
            json!({"Messages": [{"MessageId": "m", "Body": text}]}),
            json!({"Messages": [{"Body": topic}]}),
            json!({"type": "discarded", "record": batch()}),
            json!({"time": "t", "message": json!({"type": "discarded", "record": batch()}).to_string()}),
        ] {
            assert_eq!(read(&enveloped.to_string()).as_ref(), Ok(&found), "{enveloped}");
        }
        assert_eq!(read(&format!("{text}\n{text}")).unwrap().len(), 2);
        assert_eq!(read(""), Ok(Vec::new()));
    }

    #[test]
    fn payload_of_a_bucket_has_the_records() {
        let event = json!({"Records": [{"kinesis": {"partitionKey": "k", "sequenceNumber": "496", "data": "aGk=",
            "approximateArrivalTimestamp": 1_545_084_650.987}}]});
        let mut document = batch();
        document["payload"] = event.to_string().into();
        document["KinesisBatchInfo"]["streamArn"] = "arn:aws:kinesis:r:1:stream/mystream/consumer/c:7".into();
        let found = read(&document.to_string()).unwrap();
        let [record] = &found[0].payload.as_ref().unwrap()[..] else { panic!("one record") };
        assert_eq!((record.sequence_number.as_str(), record.data.as_slice()), ("496", &b"hi"[..]));
        assert_eq!(
            (record.arrived.as_ref().unwrap().as_str(), found[0].stream.as_str()),
            ("1545084650.987", "mystream")
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let mut other = batch();
        other["version"] = "2.0".into();
        let mut cut = batch();
        cut["KinesisBatchInfo"].as_object_mut().unwrap().remove("shardId");
        let mut nowhere = batch();
        nowhere["KinesisBatchInfo"]["streamArn"] = "arn:aws:kinesis:us-east-2::stream/mystream".into();
        for (text, part) in [
            (nowhere.to_string(), "its `streamArn` names no stream"),
            (other.to_string(), "version is not 1.0"),
            (cut.to_string(), "missing field `shardId`"),
            ("{}".to_owned(), "no `KinesisBatchInfo`"),
            ("[]".to_owned(), "holds no document"),
            (json!({"Body": "text"}).to_string(), "its message is no JSON"),
            ("{".to_owned(), "value 1 is not JSON"),
        ] {
            let said = read(&text).unwrap_err();
            assert!(said.contains(part), "{text}: {said}");
        }
    }
}
