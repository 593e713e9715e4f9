//! The batches that the local cloud gave up: it writes each into the function's log.

use super::GIVEN_UP_HOURS;
use crate::aws::{AwsFailure, Clients};
use crate::operate::dead_letters::{FailureDocument, read_documents};
use crate::operate::function_log::{LogQuery, read_log};

/// A term of the lines that the local cloud writes.
const TERM: &str = "discarded";

/// A batch that was given up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GivenUpBatch {
    /// When, in ms since 1970.
    pub time_ms: i64,
    /// Its place in the stream, and why it was given up.
    pub document: FailureDocument,
}

/// Returns the batches that the mapping gave up in the last [`GIVEN_UP_HOURS`], the oldest first, by the log of the local
/// cloud. Returns `None` where no log tells them: on AWS, and without the log group.
///
/// # Errors
/// If the log cannot be read.
pub(crate) async fn given_up_batches(
    clients: &Clients,
    group: &str,
    now_ms: i64,
) -> Result<Option<Vec<GivenUpBatch>>, AwsFailure> {
    if !clients.is_loopback() {
        return Ok(None);
    }
    let query = LogQuery {
        group: group.to_owned(),
        since_ms: Some(now_ms - i64::from(GIVEN_UP_HOURS) * 3_600_000),
        until_ms: None,
        pattern: Some(TERM.to_owned()),
    };
    let mut batches = Vec::new();
    let found = read_log(clients, &query, |line| {
        batches.extend(batch(line.time, &line.message));
        Ok::<_, AwsFailure>(true)
    });
    Ok(found.await?.map(|()| batches))
}

/// Parses a line of the log; the function may write the term, too.
fn batch(time_ms: i64, message: &str) -> Option<GivenUpBatch> {
    let line: serde_json::Value = serde_json::from_str(message).ok()?;
    if line.get("type").and_then(serde_json::Value::as_str) != Some(TERM) {
        return None;
    }
    let document = read_documents(message.as_bytes()).ok()?.into_iter().next()?;
    Some(GivenUpBatch { time_ms, document })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_of_the_local_cloud_is_a_batch_and_a_line_of_the_function_is_none() {
        let line = r#"{"type":"discarded","destination":null,"delivered":false,"record":{"version":"1.0",
            "requestContext":{"condition":"RetryAttemptsExhausted"},"KinesisBatchInfo":{"shardId":"shardId-0",
            "startSequenceNumber":"3","endSequenceNumber":"9","batchSize":7,
            "streamArn":"arn:aws:kinesis:us-east-1:000000000000:stream/s"}}}"#;
        let found = batch(5, line).unwrap();
        let FailureDocument { records, last, condition, .. } = &found.document;
        assert_eq!((found.time_ms, *records, last.as_str()), (5, 7, "9"));
        assert_eq!(condition, "RetryAttemptsExhausted");
        assert_eq!(batch(5, "a reading was discarded"), None);
        assert_eq!(batch(5, r#"{"type":"other","text":"discarded"}"#), None);
    }
}
