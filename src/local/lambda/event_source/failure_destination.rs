//! Records that are given up. The service tells an on-failure destination of them (docs/facts/event-source-mapping.md,
//! Failed batches). There are no queues, topics and buckets here: what the destination would have been told is written
//! into the function's log group, with or without a destination, so that no loss goes unseen.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::batch::{Condition, GivenUp};
use super::stream_item::StreamItem;
use crate::lambda::api::function_name::LATEST;
use crate::lambda::api::function_name::function_name_from_arn;
use crate::lambda::permissions;
use crate::lambda::runtime::log_forwarder::Destination;
use crate::lambda::service::Lambda;
use crate::lambda::state::MappingRecord;
use crate::protocol::aws_json::now_ms;

/// The last try of a batch.
#[derive(Clone, Debug)]
pub(crate) struct LastAttempt {
    pub request_id: String,
    /// The function failed; else it answered that records failed.
    pub failed: bool,
}

/// Writes down what is given up; gives what to say of it.
pub(crate) async fn log_discarded(
    lambda: &Lambda,
    mapping: &MappingRecord,
    shard_id: &str,
    given_up: &GivenUp<StreamItem>,
    last_try: Option<&LastAttempt>,
) -> String {
    let line = json!({
        "type": "discarded",
        "destination": mapping.settings.on_failure,
        "delivered": false,
        "record": document(mapping, shard_id, given_up, last_try),
    });
    let place = log(lambda, mapping, line.to_string()).await;
    let is_unseen = place.is_err();
    let count = given_up.records.len();
    let told = match &mapping.settings.on_failure {
        Some(arn) => format!("; the local cloud does not deliver to {arn}"),
        None => String::new(),
    };
    let place = match place {
        Ok(place) => format!("see {place}"),
        // It is told to the owner as well, and stays in `local status` when the mapping goes on.
        Err(why) => {
            let number = |item: Option<&StreamItem>| item.map(|item| item.sequence_number.clone()).unwrap_or_default();
            let (first, last) = (number(given_up.records.first()), number(given_up.records.last()));
            format!("the sequence numbers {first} to {last} are written down nowhere else, since {why}")
        }
    };
    let lost = format!("{count} records of {shard_id} were discarded ({:?}){told}; {place}", given_up.condition);
    if is_unseen {
        lambda.deps().notices.tell(&lost);
    }
    format!("PROBLEM: {lost}")
}

/// Writes a line into the function's log; gives where it is to be found, or why it is not.
async fn log(lambda: &Lambda, mapping: &MappingRecord, line: String) -> Result<String, String> {
    let name = function_name_from_arn(&lambda.deps().identity, &mapping.function_arn);
    let Some(function) = lambda.function(&name) else { return Err(format!("there is no function {name}")) };
    let group = function.logging.group.clone();
    let access = permissions::log_access(lambda.deps(), &function.role, &function.name, &group);
    if !access.write {
        return Err("the function's role may not write its log".to_owned());
    }
    let stream = format!("event-source-mapping/{}", mapping.uuid);
    let logs = lambda.deps().logs.clone();
    let destination = Destination { logs, group: group.clone(), stream: stream.clone(), access };
    if destination.write(vec![(now_ms(), line)], true).await {
        Ok(format!("{stream} in the log group {group}"))
    } else {
        Err(format!("the log group {group} does not take it"))
    }
}

/// What the service sends to a destination.
fn document(
    mapping: &MappingRecord,
    shard_id: &str,
    given_up: &GivenUp<StreamItem>,
    last_try: Option<&LastAttempt>,
) -> Value {
    let (first, last) = (given_up.records.first(), given_up.records.last());
    let number = |item: Option<&StreamItem>| item.map(|item| item.sequence_number.clone());
    let arrival = |item: Option<&StreamItem>| item.map(|item| moment(item.arrival));
    let request_id = last_try.map_or_else(|| Uuid::new_v4().to_string(), |last| last.request_id.clone());
    let mut document = json!({
        "requestContext": {
            "requestId": request_id,
            "functionArn": mapping.function_arn,
            "condition": format!("{:?}", given_up.condition),
            "approximateInvokeCount": given_up.tries,
        },
        "version": "1.0",
        "timestamp": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "KinesisBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": number(first),
            "endSequenceNumber": number(last),
            "approximateArrivalOfFirstRecord": arrival(first),
            "approximateArrivalOfLastRecord": arrival(last),
            "batchSize": given_up.records.len(),
            "streamArn": mapping.stream_arn,
        },
    });
    if given_up.condition == Condition::RetryAttemptsExhausted {
        // A partial answer is no error of the function.
        let error = last_try.filter(|last| last.failed).map(|_| "Unhandled");
        document["responseContext"] = json!({"statusCode": 200, "executedVersion": LATEST, "functionError": error});
    }
    document
}

/// Epoch seconds as the service writes them here.
fn moment(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit")]
    let millis = (seconds * 1000.0).round() as i64;
    Timestamp::from_millisecond(millis).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
