//! Invokes the function once, outside of the stream.

mod kinesis_event;

use std::time::Duration;

use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::config::StalledStreamProtectionConfig;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LogType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

pub(crate) use self::kinesis_event::{EventOrigin, EventRecord, event_record, read_record, records_event};
use super::{InvocationMetrics, InvocationUsage};
use crate::aws::{AwsFailure, Clients, FailureCause};

/// A function may run for 15 minutes (docs/facts/lambda.md, Function limits). The rest is for the response.
const INVOKE_TIMEOUT: Duration = Duration::from_mins(16);

/// The result of an invocation.
#[derive(Debug, Serialize)]
pub(crate) struct FunctionInvocation {
    /// HTTP status of the call. It is 200 even if the function failed.
    pub status: i32,
    /// The executed version.
    pub executed_version: Option<String>,
    /// The response, as a JSON string if it is not JSON.
    pub answer: Box<RawValue>,
    /// `Unhandled` or `Handled` if the function failed.
    pub function_error: Option<String>,
    /// Time and memory, as the end of the log reports them.
    pub usage: Option<InvocationUsage>,
    /// The last 4 KB of its log, as lines.
    pub log: Vec<String>,
}

/// Invokes a function with an event and waits for its response.
///
/// # Errors
/// If the call fails. A failure of the function itself is part of the response.
pub(crate) async fn invoke(clients: &Clients, function: &str, event: String) -> Result<FunctionInvocation, AwsFailure> {
    let resource = format!("function {function}");
    let call = clients.call("Lambda", "Invoke", &resource);
    // Its own limits: the response takes as long as the function runs, and a retry would run the function twice.
    let patient = Builder::new()
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(INVOKE_TIMEOUT).build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(RetryConfig::disabled());
    let request = clients.lambda.invoke().function_name(function).log_type(LogType::Tail).payload(Blob::new(event));
    let answer = match call.answer(request.customize().config_override(patient).send().await) {
        Ok(answer) => answer,
        Err(failure) => return Err(clients.with_account_context(failure).await),
    };
    if answer.executed_version.is_none() && answer.request_id().is_none() {
        // By the protocol any web page counts as a success. Only its headers tell it apart.
        let why = "what answered is not Lambda: it gave neither the version that ran nor a request id";
        return Err(AwsFailure { cause: FailureCause::ForeignAnswer, ..call.build_failure(why) });
    }
    FunctionInvocation::read(answer).map_err(|why| call.build_failure(why))
}

impl FunctionInvocation {
    fn read(answer: InvokeOutput) -> Result<Self, String> {
        let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
        let payload = String::from_utf8_lossy(&payload).into_owned();
        let json = RawValue::from_string(payload.clone()).or_else(|_| to_raw_value(&payload));
        let log = answer.log_result.map(|text| STANDARD.decode(text)).transpose();
        let log = log.map_err(|error| format!("the log in Lambda's answer is not base64: {error}"))?;
        let log: Vec<String> = String::from_utf8_lossy(&log.unwrap_or_default()).lines().map(str::to_owned).collect();
        Ok(FunctionInvocation {
            status: answer.status_code,
            executed_version: answer.executed_version,
            answer: json.map_err(|error| format!("could not read the answer: {error}"))?,
            function_error: answer.function_error,
            usage: log.iter().rev().find_map(|line| InvocationUsage::of(line)),
            log,
        })
    }

    /// Returns the kind and the message of a function error.
    #[must_use]
    pub(crate) fn failure(&self) -> Option<(&str, String)> {
        self.function_error.as_deref().map(|kind| (kind, reason(&self.answer)))
    }

    /// Returns the number of rejected readings and records, from the metrics in its log, or 0 without metrics.
    #[must_use]
    pub(crate) fn rejected(&self) -> u64 {
        self.counts().map_or(0, |counts| counts.rejected)
    }

    /// Returns the counts from the metrics in its log, or `None` without metrics.
    #[must_use]
    pub(crate) fn counts(&self) -> Option<InvocationMetrics> {
        self.log.iter().rev().find_map(|line| InvocationMetrics::of(line))
    }

    /// Returns the sequence numbers in its partial batch response.
    #[must_use]
    pub(crate) fn not_stored(&self) -> Vec<String> {
        not_stored(&self.answer)
    }
}

/// Returns the sequence numbers in a partial batch response (docs/facts/event-source-mapping.md, Failed batches), or
/// nothing for any other response.
fn not_stored(answer: &RawValue) -> Vec<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Partly {
        batch_item_failures: Vec<Item>,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Item {
        item_identifier: String,
    }
    let partly: Result<Partly, _> = serde_json::from_str(answer.get());
    partly.map_or_else(|_| Vec::new(), |it| it.batch_item_failures.into_iter().map(|it| it.item_identifier).collect())
}

/// Returns the error type and message in the form of the Lambda runtimes.
fn reason(answer: &RawValue) -> String {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failed {
        error_type: Option<String>,
        error_message: Option<String>,
    }
    match serde_json::from_str(answer.get()) {
        Ok(Failed { error_type: Some(kind), error_message: Some(message) }) => format!("{kind}: {message}"),
        Ok(Failed { error_type: Some(text), .. } | Failed { error_message: Some(text), .. }) => text,
        _ => "it gave no reason".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invocation_reports_response_as_json_and_log_as_lines() {
        let answer = |payload: &str| {
            let answer = InvokeOutput::builder()
                .status_code(200)
                .executed_version("$LATEST")
                .payload(Blob::new(payload))
                .log_result(STANDARD.encode("START\nEND\n"))
                .build();
            serde_json::to_string(&FunctionInvocation::read(answer).unwrap()).unwrap()
        };
        let expected = |answer: &str| {
            format!(
                r#"{{"status":200,"executed_version":"$LATEST","answer":{answer},"function_error":null,"usage":null,"log":["START","END"]}}"#
            )
        };
        assert_eq!(answer(r#"{"batchItemFailures":[]}"#), expected(r#"{"batchItemFailures":[]}"#));
        assert_eq!(answer("plain"), expected(r#""plain""#));
        assert_eq!(answer(""), expected(r#""""#));
    }

    #[test]
    fn not_stored_reads_partial_batch_response() {
        let not_stored = |text: &str| not_stored(&RawValue::from_string(text.to_owned()).unwrap());
        assert_eq!(not_stored(r#"{"batchItemFailures":[{"itemIdentifier":"495"}]}"#), ["495"]);
        for all in [r#"{"batchItemFailures":[]}"#, "null", "\"text\"", r#"{"batchItemFailures":null}"#] {
            assert!(not_stored(all).is_empty(), "{all}");
        }
    }

    #[test]
    fn function_error_reports_type_and_message() {
        let reason = |text: &str| reason(&RawValue::from_string(text.to_owned()).unwrap());
        assert_eq!(reason(r#"{"errorType":"Panic","errorMessage":"lost"}"#), "Panic: lost");
        assert_eq!(
            reason(r#"{"errorMessage":"Task timed out after 3.00 seconds"}"#),
            "Task timed out after 3.00 seconds"
        );
        assert_eq!(reason("null"), "it gave no reason");
    }
}
