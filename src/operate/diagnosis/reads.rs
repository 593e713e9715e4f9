//! Reads the services, for observations. Every call here only reads.

mod kinesis;
mod lambda;

use aws_sdk_kinesis::primitives::DateTime;

use super::answer::Answer;
use super::log_evidence::LogEvidence;
use crate::aws::{AwsFailure, Clients, FailureCause};
use crate::operate::{LogQuery, read_log};

pub(super) use kinesis::{batch_records, emptiness, stream};
pub(super) use lambda::{function, mapping, other_readers};

/// For how long the log is looked back. A blocked batch is retried far more often.
const LOG_WINDOW_MS: i64 = 15 * 60 * 1000;
/// Lines of the log that are read at most: about three pages.
const MAX_LOG_LINES: usize = 20_000;

/// Turns a refusal into an answer that says so.
///
/// # Errors
/// Where no other call can succeed either: without credentials, or without an answer of AWS.
pub(super) fn answered<T>(result: Result<T, AwsFailure>) -> Result<Answer<T>, AwsFailure> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(failure) => match failure.cause {
            FailureCause::Credentials
            | FailureCause::NoCredentials
            | FailureCause::Unreachable
            | FailureCause::ForeignAnswer => Err(failure),
            _ => Ok(Err(format!("{} {} failed: {}", failure.service, failure.operation, failure.said()))),
        },
    }
}

/// Reads the status of a table, if it exists.
pub(super) async fn table_status(clients: &Clients, name: &str) -> Result<Option<String>, AwsFailure> {
    let resource = format!("table {name}");
    let call = clients.call("DynamoDB", "DescribeTable", &resource);
    let answer = call.optional(clients.dynamodb.describe_table().table_name(name).send().await)?;
    let status = answer.and_then(|answer| answer.table).map(|table| table.table_status);
    Ok(status.map(|status| status.map_or_else(|| "unknown".to_owned(), |status| status.as_str().to_owned())))
}

/// Reads how the newest invocations ended.
pub(super) async fn log(clients: &Clients, group: &str, now_ms: i64) -> Result<LogEvidence, AwsFailure> {
    let query = LogQuery {
        group: group.to_owned(),
        since_ms: Some(now_ms - LOG_WINDOW_MS),
        until_ms: None,
        // A pattern would have to name every way in which an invocation can end.
        pattern: None,
    };
    let mut evidence = LogEvidence::within(LOG_WINDOW_MS);
    let found = read_log(clients, &query, |line| {
        evidence.add(&line);
        evidence.is_cut = evidence.lines >= MAX_LOG_LINES;
        Ok::<_, AwsFailure>(!evidence.is_cut)
    });
    evidence.exists = found.await?.is_some();
    Ok(evidence)
}

fn ms(time: Option<DateTime>) -> Option<i64> {
    time.and_then(|time| time.to_millis().ok())
}
