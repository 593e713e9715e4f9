//! Reads the services, for observations. Every call here only reads.

mod kinesis;
mod lambda;

use aws_sdk_dynamodb::types::BillingMode;
use aws_sdk_kinesis::primitives::DateTime;

use super::answer::Answer;
use super::log_evidence::LogEvidence;
use crate::aws::{AwsFailure, Clients, FailureCause};
use crate::operate::{LogQuery, read_log};

pub(super) use kinesis::{batch_records, emptiness, stream};
pub(super) use lambda::{function, mapping, other_readers};

/// For how long the log is looked back. A blocked batch is retried far more often.
const LOG_WINDOW_MS: i64 = 15 * 60 * 1000;
/// Lines of the log that are read at once at most: about three pages.
const MAX_LOG_LINES: usize = 20_000;
/// Reads of a log that has more lines, each from a later start.
const MAX_LOG_READS: usize = 4;

/// Turns a refusal into an answer that says so.
///
/// # Errors
/// Where no other call can succeed either: without credentials, or where another program answers. One service may be out of
/// reach although others answer.
pub(super) fn answered<T>(result: Result<T, AwsFailure>) -> Result<Answer<T>, AwsFailure> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(failure) => match failure.cause {
            FailureCause::Credentials | FailureCause::NoCredentials | FailureCause::ForeignAnswer => Err(failure),
            _ => Ok(Err(format!("{} {} failed: {}", failure.service, failure.operation, failure.said()))),
        },
    }
}

/// Reads the status of a table, if it exists, and whether it is on demand.
pub(super) async fn table_status(clients: &Clients, name: &str) -> Result<(Option<String>, bool), AwsFailure> {
    let resource = format!("table {name}");
    let call = clients.call("DynamoDB", "DescribeTable", &resource);
    let answer = call.optional(clients.dynamodb.describe_table().table_name(name).send().await)?;
    let Some(table) = answer.and_then(|answer| answer.table) else { return Ok((None, false)) };
    let billing = table.billing_mode_summary.and_then(|summary| summary.billing_mode);
    let status = table.table_status.map_or_else(|| "unknown".to_owned(), |status| status.as_str().to_owned());
    Ok((Some(status), billing == Some(BillingMode::PayPerRequest)))
}

/// Reads how the newest invocations ended. Lines come with the oldest first: where there are too many, those of a shorter
/// time are read.
pub(super) async fn log(clients: &Clients, group: &str, now_ms: i64) -> Result<LogEvidence, AwsFailure> {
    let mut since_ms = now_ms - LOG_WINDOW_MS;
    let mut is_shorter = false;
    let mut reads_left = MAX_LOG_READS;
    loop {
        reads_left -= 1;
        let query = LogQuery {
            group: group.to_owned(),
            since_ms: Some(since_ms),
            until_ms: None,
            // A pattern would have to name every way in which an invocation can end.
            pattern: None,
        };
        let mut evidence = LogEvidence::within(LOG_WINDOW_MS);
        let found = read_log(clients, &query, |line| {
            evidence.lacks_newest = evidence.lines >= MAX_LOG_LINES;
            if !evidence.lacks_newest {
                evidence.add(&line);
            }
            Ok::<_, AwsFailure>(!evidence.lacks_newest)
        });
        evidence.exists = found.await?.is_some();
        evidence.is_cut = is_shorter || evidence.lacks_newest;
        if !evidence.lacks_newest || reads_left == 0 {
            return Ok(evidence);
        }
        since_ms = later_start(since_ms, evidence.last_line_ms.unwrap_or(since_ms), now_ms);
        is_shorter = true;
    }
}

/// Returns where to begin after a read from `since_ms` that was cut at `cut_ms`: half of the time that the lines of one
/// read took, before now.
fn later_start(since_ms: i64, cut_ms: i64, now_ms: i64) -> i64 {
    (now_ms - (cut_ms - since_ms) / 2).max(cut_ms)
}

fn ms(time: Option<DateTime>) -> Option<i64> {
    time.and_then(|time| time.to_millis().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_that_was_cut_is_read_again_from_a_later_start() {
        let minute = 60_000;
        assert_eq!(later_start(0, 4 * minute, 15 * minute), 13 * minute);
        assert_eq!(later_start(0, 0, 15 * minute), 15 * minute, "all lines are of one moment");
        assert_eq!(later_start(0, 14 * minute, 15 * minute), 14 * minute, "never what was read already");
    }
}
