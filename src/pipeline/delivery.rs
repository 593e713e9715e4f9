//! The way of one record from the stream to the table: what the function's log, the event source mapping and the
//! dead-letter table say about it.

use std::cmp::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;

use super::{PutReceipt, compare_sequence_numbers};
use crate::aws::{AwsFailure, Clients, FailureCause};

/// Events of the log that are looked at.
const LOG_EVENTS: i32 = 100;
/// How much the clocks of this machine and of AWS may differ.
const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// The places that know about a record.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryRoute<'a> {
    /// SDK clients.
    pub clients: &'a Clients,
    /// The stream.
    pub stream: &'a str,
    /// The function.
    pub function: &'a str,
    /// The function's log group.
    pub log_group: String,
    /// The dead-letter table.
    pub rejects_table: &'a str,
}

/// The invocation that had a record in its batch, by the function's log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Invocation {
    /// When it began, by the function's clock.
    pub began: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// The reason why something of the batch was not stored.
    pub error: Option<String>,
}

/// An event source mapping from the stream to the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MappingState {
    /// `Enabled`, `Disabled` and so on.
    pub state: String,
    /// The result of its last batch.
    pub last_result: String,
}

/// Why a record is in the dead-letter table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadLetterReason {
    /// The class of the reason.
    pub code: String,
    /// The reason.
    pub reason: String,
}

/// A line of the function's log (docs/semantics.md, The function without sensorctl).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LogLine {
    #[serde(rename = "_aws")]
    aws: LogTime,
    shard_id: String,
    first_sequence_number: String,
    last_sequence_number: String,
    duration: f64,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LogTime {
    timestamp: u64,
}

impl DeliveryRoute<'_> {
    /// Returns the last invocation that had the record in its batch, if the log shows one already.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(crate) async fn invocation(
        &self,
        receipt: &PutReceipt,
        sent: SystemTime,
    ) -> Result<Option<Invocation>, AwsFailure> {
        let resource = format!("log group {}", self.log_group);
        let call = self.clients.call("CloudWatch Logs", "FilterLogEvents", &resource);
        let since = sent.checked_sub(CLOCK_SKEW).and_then(|since| since.duration_since(UNIX_EPOCH).ok());
        let request = self
            .clients
            .logs
            .filter_log_events()
            .log_group_name(&self.log_group)
            .set_start_time(since.and_then(|since| i64::try_from(since.as_millis()).ok()))
            .filter_pattern(format!("\"LastSequenceNumber\" \"{}\"", receipt.shard_id))
            .limit(LOG_EVENTS);
        let mut token = None;
        let mut found = None;
        loop {
            let answer = call.answer(request.clone().set_next_token(token).send().await)?;
            let messages = answer.events.unwrap_or_default().into_iter().filter_map(|event| event.message);
            found = messages.filter_map(|message| invocation_of(&message, receipt)).next_back().or(found);
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Returns the event source mapping, if there is one.
    ///
    /// # Errors
    /// If the mappings cannot be listed.
    pub(crate) async fn mapping(&self) -> Result<Option<MappingState>, AwsFailure> {
        let resource = format!("function {}", self.function);
        let call = self.clients.call("Lambda", "ListEventSourceMappings", &resource);
        let request = self.clients.lambda.list_event_source_mappings().function_name(self.function);
        let Some(answer) = call.optional(request.send().await)? else { return Ok(None) };
        let suffix = format!(":stream/{}", self.stream);
        let mut mappings = answer.event_source_mappings.unwrap_or_default().into_iter();
        let of_stream =
            mappings.find(|mapping| mapping.event_source_arn.as_ref().is_some_and(|arn| arn.ends_with(&suffix)));
        Ok(of_stream.map(|mapping| MappingState {
            state: mapping.state.unwrap_or_default(),
            last_result: mapping.last_processing_result.unwrap_or_default(),
        }))
    }

    /// Returns the reason of the record's dead letter, if there is one.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(crate) async fn dead_letter(&self, receipt: &PutReceipt) -> Result<Option<DeadLetterReason>, AwsFailure> {
        let resource = format!("table {}", self.rejects_table);
        let call = self.clients.call("DynamoDB", "Query", &resource);
        let request = self
            .clients
            .dynamodb
            .query()
            .table_name(self.rejects_table)
            .consistent_read(true)
            .key_condition_expression("#shard = :shard AND begins_with(#id, :id)")
            .projection_expression("#code, #reason")
            .expression_attribute_names("#shard", "ShardId")
            .expression_attribute_names("#id", "RejectId")
            .expression_attribute_names("#code", "Code")
            .expression_attribute_names("#reason", "Reason")
            .expression_attribute_values(":shard", AttributeValue::S(receipt.shard_id.clone()))
            .expression_attribute_values(":id", AttributeValue::S(format!("{}#", receipt.sequence_number)))
            .limit(1);
        let Some(answer) = call.optional(request.send().await)? else { return Ok(None) };
        let text = |name: &str| match answer.items.as_ref()?.first()?.get(name) {
            Some(AttributeValue::S(text)) => Some(text.clone()),
            _ => Some(String::new()),
        };
        Ok(text("Code").zip(text("Reason")).map(|(code, reason)| DeadLetterReason { code, reason }))
    }

    /// Looks for the record's dead letter until there is one.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(crate) async fn wait_for_dead_letter(&self, receipt: &PutReceipt) -> Result<DeadLetterReason, AwsFailure> {
        let pause = Duration::from_millis(if self.clients.is_loopback() { 200 } else { 2000 });
        loop {
            tokio::time::sleep(pause).await;
            match self.dead_letter(receipt).await {
                Ok(Some(reason)) => return Ok(reason),
                Ok(None) => {}
                Err(failure) if failure.is_transient() || failure.cause == FailureCause::Unreachable => {}
                Err(failure) => return Err(failure),
            }
        }
    }
}

/// Reads a line of the log, in plain form or as the message of a line in Lambda's JSON form.
fn invocation_of(message: &str, receipt: &PutReceipt) -> Option<Invocation> {
    let message = message.trim();
    let line = serde_json::from_str::<LogLine>(message).ok().or_else(|| {
        #[derive(Deserialize)]
        struct Wrapped {
            message: String,
        }
        serde_json::from_str(&serde_json::from_str::<Wrapped>(message).ok()?.message).ok()
    })?;
    let number = &receipt.sequence_number;
    let is_of_batch = line.shard_id == receipt.shard_id
        && compare_sequence_numbers(&line.first_sequence_number, number) != Ordering::Greater
        && compare_sequence_numbers(&line.last_sequence_number, number) != Ordering::Less;
    let ended = UNIX_EPOCH.checked_add(Duration::from_millis(line.aws.timestamp)).filter(|_| is_of_batch)?;
    let took = Duration::try_from_secs_f64(line.duration / 1000.0).ok()?;
    Some(Invocation { began: ended.checked_sub(took)?, ended, error: line.error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invocation_is_found_by_shard_and_range_of_sequence_numbers() {
        let line = |shard: &str, first: &str, last: &str| {
            format!(
                "{{\"_aws\":{{\"Timestamp\":5000,\"CloudWatchMetrics\":[]}},\"ShardId\":\"{shard}\",\
                 \"FirstSequenceNumber\":\"{first}\",\"LastSequenceNumber\":\"{last}\",\"Duration\":1500.0,\"Error\":\"no\"}}\n"
            )
        };
        let receipt = PutReceipt { shard_id: "shardId-1".to_owned(), sequence_number: "100".to_owned() };
        let at = |milliseconds| UNIX_EPOCH + Duration::from_millis(milliseconds);
        let found = Invocation { began: at(3500), ended: at(5000), error: Some("no".to_owned()) };
        assert_eq!(invocation_of(&line("shardId-1", "99", "100"), &receipt), Some(found.clone()));
        let wrapped = serde_json::json!({"message": line("shardId-1", "7", "1000")}).to_string();
        assert_eq!(invocation_of(&wrapped, &receipt), Some(found));
        for (shard, first, last) in [("shardId-2", "99", "101"), ("shardId-1", "101", "102"), ("shardId-1", "8", "99")]
        {
            assert_eq!(invocation_of(&line(shard, first, last), &receipt), None);
        }
        assert_eq!(invocation_of("START RequestId: 1", &receipt), None);
    }
}
