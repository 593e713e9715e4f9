//! Partial failures: `PutRecords` with failed records, `BatchWriteItem` with unprocessed items.

use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use super::FaultRng;
use crate::dynamodb::MAX_REQUESTS;
use crate::kinesis::{MAX_RECORDS, WireFormat};
use crate::protocol::aws_json;
use crate::protocol::aws_json::{AMZ_JSON_1_0, AMZ_JSON_1_1, Request, Response};

/// The share of a call's records or items that fails.
#[derive(Clone, Debug)]
pub(crate) struct PartialBatch {
    pub(super) share: f64,
    pub(super) dice: FaultRng,
}

/// Withheld entries, to be inserted into the response.
pub(crate) enum HeldBack {
    /// Which of the records were withheld, and the wire format of the response.
    Records { held: Vec<bool>, stream: String, form: WireFormat },
    /// Requests by table.
    Items(Map<String, Value>),
}

impl PartialBatch {
    /// Removes the records or items that must fail; returns `None` if the operation has no partial failures.
    pub(crate) fn hold_back(&self, request: &mut Request) -> Option<HeldBack> {
        let form = WireFormat::of(request.headers());
        let mut input: Value = form.json(request.body())?;
        let held = if aws_json::operation(request) == "PutRecords" {
            // The service accepts both formats; the rewritten request is JSON.
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(AMZ_JSON_1_1));
            self.hold_records(&mut input, form)?
        } else {
            self.hold_items(&mut input)?
        };
        *request.body_mut() = input.to_string().into();
        Some(held)
    }

    fn hold_records(&self, input: &mut Value, form: WireFormat) -> Option<HeldBack> {
        let stream = input.get("StreamName").or(input.get("StreamARN"))?.as_str()?;
        // An ARN ends in the name.
        let stream = stream.rsplit('/').next()?.to_owned();
        let records = input.get_mut("Records")?.as_array_mut()?;
        // The service itself rejects a call with too many records.
        if records.len() > MAX_RECORDS {
            return None;
        }
        let held = self.choose(records.len());
        let mut index = 0;
        records.retain(|_| {
            index += 1;
            !held[index - 1]
        });
        Some(HeldBack::Records { held, stream, form })
    }

    fn hold_items(&self, input: &mut Value) -> Option<HeldBack> {
        let tables = input.get_mut("RequestItems")?.as_object_mut()?;
        let count = tables.values().map(|requests| requests.as_array().map_or(0, Vec::len)).sum();
        if count > MAX_REQUESTS {
            return None;
        }
        let mut held = self.choose(count);
        // If no item at all is accepted, the service rejects the call instead (docs/facts/dynamodb.md, Writes).
        if let Some(first) = held.first_mut() {
            *first = false;
        }
        let mut index = 0;
        let mut back = Map::new();
        for (table, requests) in tables.iter_mut() {
            let Some(requests) = requests.as_array_mut() else { continue };
            let (mut kept, mut unprocessed) = (Vec::new(), Vec::new());
            for request in requests.drain(..) {
                (if held[index] { &mut unprocessed } else { &mut kept }).push(request);
                index += 1;
            }
            *requests = kept;
            if !unprocessed.is_empty() {
                back.insert(table.clone(), unprocessed.into());
            }
        }
        tables.retain(|_, requests| requests.as_array().is_none_or(|requests| !requests.is_empty()));
        Some(HeldBack::Items(back))
    }

    /// Chooses the failing entries: at least one, if there are any.
    fn choose(&self, count: usize) -> Vec<bool> {
        let mut held: Vec<bool> = (0..count).map(|index| self.dice.roll(index + 1) < self.share).collect();
        if self.share > 0.0
            && !held.contains(&true)
            && let Some(last) = held.last_mut()
        {
            *last = true;
        }
        held
    }
}

impl HeldBack {
    /// Returns the response if all entries were withheld, so that the service need not be called.
    pub(crate) fn nothing_left(&self) -> Option<Response> {
        match self {
            HeldBack::Records { held, .. } if !held.is_empty() && held.iter().all(|held| *held) => {
                Some(aws_json::json_as(200, AMZ_JSON_1_1, &json!({"FailedRecordCount": 0, "Records": []})))
            }
            _ => None,
        }
    }

    /// Inserts the withheld entries into the service's response.
    pub(crate) fn put_back(self, response: Response) -> Response {
        if !response.status().is_success() {
            return response;
        }
        let Ok(mut answer) = serde_json::from_slice::<Value>(response.body()) else { return response };
        match self {
            HeldBack::Records { held, stream, form } => {
                let taken = answer["Records"].as_array().cloned().unwrap_or_default();
                let mut taken = taken.into_iter();
                let mut failed = answer["FailedRecordCount"].as_u64().unwrap_or_default();
                let mut all = Vec::new();
                for (index, held) in held.into_iter().enumerate() {
                    if held {
                        failed += 1;
                        all.push(failed_record(index, &stream));
                    } else {
                        all.extend(taken.next());
                    }
                }
                answer["Records"] = all.into();
                answer["FailedRecordCount"] = failed.into();
                form.members(&answer)
            }
            HeldBack::Items(back) => {
                let unprocessed = answer["UnprocessedItems"].as_object().cloned().unwrap_or_default();
                let mut unprocessed = unprocessed;
                for (table, requests) in back {
                    let list = unprocessed.entry(table).or_insert_with(|| json!([]));
                    if let (Some(list), Value::Array(requests)) = (list.as_array_mut(), requests) {
                        list.extend(requests);
                    }
                }
                answer["UnprocessedItems"] = unprocessed.into();
                aws_json::json_as(200, AMZ_JSON_1_0, &answer)
            }
        }
    }
}

/// Returns one of the two ways in which a record fails (docs/facts/kinesis.md, Partial failures).
fn failed_record(index: usize, stream: &str) -> Value {
    if index.is_multiple_of(2) {
        let message =
            format!("Rate exceeded for shard shardId-000000000000 in stream {stream} under account 000000000000.");
        json!({"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": message})
    } else {
        json!({"ErrorCode": "InternalFailure", "ErrorMessage": "Internal service failure."})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portion(share: f64) -> PartialBatch {
        PartialBatch { share, dice: FaultRng { seed: 1, rule: 0, call: "x".into(), n: 1 } }
    }

    fn request(operation: &str, body: &Value) -> Request {
        http::Request::post("/").header("x-amz-target", format!("X.{operation}")).body(body.to_string().into()).unwrap()
    }

    #[test]
    fn partial_batch_failed_records_keep_their_position_in_the_response() {
        let records: Vec<Value> = (0..20).map(|n| json!({"PartitionKey": n.to_string(), "Data": ""})).collect();
        let mut request = request("PutRecords", &json!({"StreamName": "s", "Records": records}));
        let held = portion(0.5).hold_back(&mut request).unwrap();
        let passed: Value = serde_json::from_slice(request.body()).unwrap();
        let passed: Vec<Value> = passed["Records"].as_array().unwrap().clone();
        assert!((1..20).contains(&passed.len()));
        let taken: Vec<Value> = passed.iter().map(|record| json!({"SequenceNumber": record["PartitionKey"]})).collect();
        let answer = held.put_back(aws_json::json(200, &json!({"FailedRecordCount": 0, "Records": taken})));
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        let all = answer["Records"].as_array().unwrap();
        assert_eq!(all.len(), 20);
        assert_eq!(answer["FailedRecordCount"], 20 - passed.len());
        for (index, record) in all.iter().enumerate() {
            let own = record["SequenceNumber"].as_str() == Some(index.to_string().as_str());
            assert!(record["ErrorCode"].is_string() || own, "{index} {record}");
        }
    }

    #[test]
    fn partial_batch_oversized_call_is_left_to_the_service() {
        let records = vec![json!({"PartitionKey": "k", "Data": ""}); 501];
        let items = vec![json!({"DeleteRequest": {"Key": {}}}); 26];
        for (operation, input) in [
            ("PutRecords", json!({"StreamName": "s", "Records": records})),
            ("BatchWriteItem", json!({"RequestItems": {"t": items}})),
        ] {
            let mut request = request(operation, &input);
            assert!(portion(0.5).hold_back(&mut request).is_none());
            assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), input);
        }
    }

    #[test]
    fn partial_batch_works_in_cbor() {
        use ciborium::Value as Cbor;
        let pair = |name: &str, value: Cbor| (Cbor::from(name), value);
        let record = Cbor::Map(vec![pair("PartitionKey", "k".into()), pair("Data", Cbor::Bytes(vec![0, 255]))]);
        let input = Cbor::Map(vec![pair("StreamName", "s".into()), pair("Records", Cbor::Array(vec![record; 20]))]);
        let mut body = Vec::new();
        ciborium::into_writer(&input, &mut body).unwrap();
        let mut request = request("PutRecords", &json!({}));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-cbor-1.1"));
        *request.body_mut() = body.into();
        let held = portion(0.5).hold_back(&mut request).unwrap();
        let passed: Value = serde_json::from_slice(request.body()).unwrap();
        let passed = passed["Records"].as_array().unwrap();
        assert!((1..20).contains(&passed.len()) && passed[0]["Data"] == "AP8=", "{passed:?}");
        assert_eq!(request.headers()[CONTENT_TYPE], AMZ_JSON_1_1);
        let taken = vec![json!({ "SequenceNumber": "1" }); passed.len()];
        let answer = held.put_back(aws_json::json(200, &json!({"FailedRecordCount": 0, "Records": taken})));
        let answer: Cbor = ciborium::from_reader(&answer.body()[..]).unwrap();
        let members = answer.into_map().unwrap();
        let (_, records) = members.into_iter().find(|(name, _)| *name == "Records".into()).unwrap();
        assert_eq!(records.into_array().unwrap().len(), 20);
    }

    #[test]
    fn partial_batch_items_are_written_or_unprocessed() {
        let items: Vec<Value> = (0..10).map(|n| json!({"PutRequest": {"Item": {"n": {"N": n.to_string()}}}})).collect();
        for share in [0.1, 0.5, 1.0] {
            let mut request = request("BatchWriteItem", &json!({"RequestItems": {"t": items}}));
            let held = portion(share).hold_back(&mut request).unwrap();
            let passed: Value = serde_json::from_slice(request.body()).unwrap();
            let answer = held.put_back(aws_json::json(200, &json!({"UnprocessedItems": {}})));
            let answer: Value = serde_json::from_slice(answer.body()).unwrap();
            let written = passed["RequestItems"]["t"].as_array().unwrap().len();
            let back = answer["UnprocessedItems"]["t"].as_array().unwrap().len();
            assert!(written >= 1 && back >= 1 && written + back == 10, "{written} {back}");
        }
    }
}
