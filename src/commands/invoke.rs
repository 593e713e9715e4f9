//! `invoke`: runs the function once on a test event.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::config::StalledStreamProtectionConfig;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LogType;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args as ClapArgs;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::context::Context;
use crate::error::Error;
use crate::output::Report;

/// The walkthrough's test event: sensor-1, 99.9, 123456789.
pub(super) const TEST_EVENT: &str = include_str!("../../templates/test-lambda-input.json");
/// A function may run for 15 minutes (facts B); the answer has to come back, too.
const LONGEST_RUN: Duration = Duration::from_mins(16);
/// Bytes of a synchronous invocation's event (facts B6).
const LARGEST_EVENT: usize = 6 * 1024 * 1024;

/// Run the function once on a test event and show what it answered and logged
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The bundled event is one Kinesis record: the reading of sensor-1, 99.9 degrees, at 123456789. The function really
runs: afterwards the table has its row.")]
pub struct Args {
    /// The event, a JSON document; `-` is standard input [default: the bundled test event]
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
}

/// What the function did.
#[derive(Debug, Serialize)]
pub(super) struct Invocation {
    /// HTTP status of the call; 200 also where the function failed.
    status: i32,
    executed_version: Option<String>,
    /// What it answered; a text where that is not JSON.
    answer: Box<RawValue>,
    /// `Unhandled` or `Handled` where the function failed.
    function_error: Option<String>,
    /// The last 4 KB of its log.
    log: Vec<String>,
}

pub(super) async fn run(context: &Context, args: Args) -> Result<(), Error> {
    let event = match args.event {
        None => TEST_EVENT.to_owned(),
        Some(path) => {
            let reading = tokio::task::spawn_blocking(move || read_event(&path));
            let work = async { reading.await.map_err(|error| Error::failed("could not read").caused_by(error))? };
            context.or_interrupt(work, || Error::interrupted("interrupted; the function was not run")).await?
        }
    };
    let function = &context.settings.pipeline.function.name;
    let progress = context.output.progress();
    let step = progress.step(format!("function {function}"));
    let left = || Error::interrupted(format!("interrupted; function {function} may still be running"));
    let result = context.or_interrupt(Box::pin(invoke(context, function, event)), left).await;
    let invocation = match result {
        Ok(invocation) => invocation,
        Err(error) => {
            step.failed();
            return Err(error);
        }
    };
    step.done("invoked");
    context.output.report(&invocation)?;
    invocation.succeeded(function).map_err(|error| error.hint("the log above is the end of what it wrote"))
}

impl Invocation {
    /// Whether the function itself did not fail.
    pub(super) fn succeeded(&self, function: &str) -> Result<(), Error> {
        self.function_error.as_ref().map_or(Ok(()), |kind| {
            Err(Error::failed(format!("function {function} failed ({kind}): {}", reason(&self.answer))))
        })
    }
}

fn read_event(path: &PathBuf) -> Result<String, Error> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    let name = path.display();
    read.map_err(|error| Error::failed(format!("could not read {name}")).caused_by(error))?;
    if let Err(error) = serde_json::from_str::<&RawValue>(&text) {
        let place = format!("line {}, column {}", error.line(), error.column());
        return Err(Error::usage(format!("{name} is not one JSON document: {place}"))
            .hint("the event has the form that Lambda gets from Kinesis: {\"Records\":[…]}"));
    }
    if text.len() > LARGEST_EVENT {
        return Err(Error::usage(format!("{name} has {} bytes; Lambda takes at most {LARGEST_EVENT}", text.len())));
    }
    Ok(text)
}

pub(super) async fn invoke(context: &Context, function: &str, event: String) -> Result<Invocation, Error> {
    let clients = context.clients().await?;
    // Its own limits: the answer takes as long as the function runs, and running it twice is not what was asked.
    let patient = Builder::new()
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(LONGEST_RUN).build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(RetryConfig::disabled());
    let request = clients
        .lambda
        .invoke()
        .function_name(function)
        .log_type(LogType::Tail)
        .payload(Blob::new(event))
        .customize()
        .config_override(patient);
    match request.send().await {
        Ok(answer) if answer.executed_version.is_none() && answer.request_id().is_none() => {
            // Any web page is a success, as far as the protocol goes; only its headers tell.
            let why = "what answered is not Lambda: it gave neither the version that ran nor a request id";
            Err(clients.not_made("Lambda", "Invoke", &format!("function {function}"), why).into())
        }
        Ok(answer) => invocation(answer),
        Err(error) => {
            let failure = clients.failure("Lambda", "Invoke", &format!("function {function}"), &error);
            Err(clients.located(failure).await.into())
        }
    }
}

fn invocation(answer: InvokeOutput) -> Result<Invocation, Error> {
    let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
    let payload = String::from_utf8_lossy(&payload).into_owned();
    let json = RawValue::from_string(payload.clone()).or_else(|_| to_raw_value(&payload));
    let log = answer.log_result.map(|text| STANDARD.decode(text)).transpose();
    let log = log.map_err(|error| Error::failed("the log in Lambda's answer is not base64").caused_by(error))?;
    Ok(Invocation {
        status: answer.status_code,
        executed_version: answer.executed_version,
        answer: json.map_err(|error| Error::failed("could not read the answer").caused_by(error))?,
        function_error: answer.function_error,
        log: String::from_utf8_lossy(&log.unwrap_or_default()).lines().map(str::to_owned).collect(),
    })
}

/// Error type and message, as runtimes answer them.
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

impl Report for Invocation {
    fn table(&self) -> String {
        let visible = |text: &str| -> String {
            text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
        };
        let mut lines = vec![
            format!("status   {}", self.status),
            format!("version  {}", visible(self.executed_version.as_deref().unwrap_or("unknown"))),
        ];
        lines.extend(self.function_error.as_deref().map(|error| format!("error    {}", visible(error))));
        lines.push(format!("answer   {}", visible(self.answer.get())));
        lines.extend((!self.log.is_empty()).then(|| "log".to_owned()));
        lines.extend(self.log.iter().map(|line| format!("  {}", visible(&line.replace('\t', "  ")))));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_event_holds_the_reading_of_the_walkthrough() {
        let event: serde_json::Value = serde_json::from_str(TEST_EVENT).unwrap();
        let data = event["Records"][0]["kinesis"]["data"].as_str().unwrap();
        let reading = sensor_model::Reading::from_json(&STANDARD.decode(data).unwrap()).unwrap();
        assert_eq!(reading.to_json(), r#"{"sensor_id":"sensor-1","temperature":99.9,"current_time":123456789}"#);
    }

    #[test]
    fn the_report_has_the_answer_as_json_and_the_log_as_lines() {
        let answer = |payload: &str| {
            let answer = InvokeOutput::builder()
                .status_code(200)
                .executed_version("$LATEST")
                .payload(Blob::new(payload))
                .log_result(STANDARD.encode("START\nEND\n"))
                .build();
            serde_json::to_string(&invocation(answer).unwrap()).unwrap()
        };
        let expected = |answer: &str| {
            format!(
                r#"{{"status":200,"executed_version":"$LATEST","answer":{answer},"function_error":null,"log":["START","END"]}}"#
            )
        };
        assert_eq!(answer(r#"{"batchItemFailures":[]}"#), expected(r#"{"batchItemFailures":[]}"#));
        assert_eq!(answer("plain"), expected(r#""plain""#));
        assert_eq!(answer(""), expected(r#""""#));
    }

    #[test]
    fn a_failed_function_is_quoted_with_type_and_message() {
        let reason = |text: &str| reason(&RawValue::from_string(text.to_owned()).unwrap());
        assert_eq!(reason(r#"{"errorType":"Panic","errorMessage":"lost"}"#), "Panic: lost");
        assert_eq!(
            reason(r#"{"errorMessage":"Task timed out after 3.00 seconds"}"#),
            "Task timed out after 3.00 seconds"
        );
        assert_eq!(reason("null"), "it gave no reason");
    }
}
