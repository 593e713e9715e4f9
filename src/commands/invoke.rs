//! `invoke`: runs the function once on a test event.

use std::io::Read;
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueHint};
use serde_json::value::RawValue;

use crate::aws::AwsFailure;
use crate::context::Context;
use crate::error::Error;
use crate::output::InvocationReport;
use crate::pipeline::{FunctionInvocation, invoke};

/// The walkthrough's test event: sensor-1, 99.9, 123456789.
pub(super) const TEST_EVENT: &str = include_str!("../../templates/test-lambda-input.json");
/// Bytes of a synchronous invocation's event (docs/facts/lambda.md, Invoke).
const LARGEST_EVENT: usize = 6 * 1024 * 1024;

/// Run the function once on a test event, and show the result
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The bundled event is one Kinesis record: the reading of sensor-1, 99.9 degrees, at 123456789. The function really
runs: it stores this sample reading in the table, where `scan` shows it from then on. With -v, the log is shown. Exit
code 3: the function rejected readings, which are then in the dead-letter table, or could not store all records.")]
pub(crate) struct InvokeArgs {
    /// Read the event, a JSON document, from this file; `-` is standard input [default: the bundled test event]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    event: Option<PathBuf>,
}

pub(super) async fn run(context: &Context, args: InvokeArgs) -> Result<(), Error> {
    let is_bundled = args.event.is_none();
    let event = match args.event {
        None => TEST_EVENT.to_owned(),
        Some(path) => {
            let reading = tokio::task::spawn_blocking(move || read_event(&path));
            let work = async { reading.await.map_err(|error| Error::failed("could not read").with_source(error))? };
            context.or_interrupt(work, || Error::interrupted("interrupted; the function was not run")).await?
        }
    };
    let function = &context.settings.pipeline.function.name;
    let progress = context.output.progress();
    let step = progress.step(format!("function {function}"));
    let left = || Error::interrupted(format!("interrupted; function {function} may still be running"));
    let work = async { invoke(context.clients().await?, function, event).await.map_err(told) };
    let result = context.or_interrupt(Box::pin(work), left).await;
    let invocation = match result {
        Ok(invocation) => invocation,
        Err(error) => {
            step.failed();
            return Err(error);
        }
    };
    step.done("invoked");
    let rejects = &context.settings.pipeline.rejects.table.name;
    let outcome = succeeded(&invocation, function).and_then(|()| nothing_rejected(&invocation, function, rejects));
    let shows_log = context.output.is_verbose() || invocation.function_error.is_some();
    context.output.report(&InvocationReport { invocation: &invocation, shows_log })?;
    outcome.map_err(|error| if shows_log { error } else { error.hint("`sensorctl invoke -v` shows its log") })?;
    if is_bundled {
        context.output.status("Next: `sensorctl scan --sensor sensor-1` shows its row.");
    }
    Ok(())
}

/// Checks that the function rejected no record.
fn nothing_rejected(invocation: &FunctionInvocation, function: &str, rejects: &str) -> Result<(), Error> {
    let what = match invocation.rejected() {
        0 => return Ok(()),
        1 => "1 reading".to_owned(),
        more => format!("{more} readings"),
    };
    Err(Error::incomplete(format!("function {function} rejected {what}: see table {rejects}")))
}

/// The error with what to do about it.
fn told(failure: AwsFailure) -> Error {
    let is_of_the_role_before = failure.code.as_deref() == Some("KMSAccessDeniedException");
    let error = Error::from(failure);
    if !is_of_the_role_before {
        return error;
    }
    error.hint(
        "the function's role may have been deleted and created again under the same name, and Lambda encrypted the \
         function's variables for the previous role: set another role for the function and then this one again, or delete \
         the function: `sensorctl up` creates it again",
    )
}

/// Checks that the function did not fail and stored every record.
pub(super) fn succeeded(invocation: &FunctionInvocation, function: &str) -> Result<(), Error> {
    if let Some((kind, reason)) = invocation.failure() {
        return Err(Error::failed(format!("function {function} failed ({kind}): {reason}")));
    }
    match invocation.not_stored().first() {
        None => Ok(()),
        Some(first) => Err(Error::incomplete(format!(
            "function {function} could not store everything: records from sequence number {first} on may be missing"
        ))),
    }
}

fn read_event(path: &PathBuf) -> Result<String, Error> {
    let mut text = String::new();
    // No more than tells that it is too large: the file may have no end.
    let most = LARGEST_EVENT as u64 + 1;
    let read = if path.as_os_str() == "-" {
        std::io::stdin().take(most).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(most).read_to_string(&mut text))
    };
    let name = path.display();
    read.map_err(|error| Error::failed(format!("could not read {name}")).with_source(error))?;
    if text.len() > LARGEST_EVENT {
        return Err(Error::usage(format!("{name} is larger than the {LARGEST_EVENT} bytes that Lambda accepts")));
    }
    if let Err(error) = serde_json::from_str::<&RawValue>(&text) {
        let place = format!("line {}, column {}", error.line(), error.column());
        return Err(Error::usage(format!("{name} is not one JSON document: {place}"))
            .hint("the event has the form that Lambda gets from Kinesis: {\"Records\":[…]}"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn the_bundled_event_holds_the_reading_of_the_walkthrough() {
        let event: serde_json::Value = serde_json::from_str(TEST_EVENT).unwrap();
        let data = event["Records"][0]["kinesis"]["data"].as_str().unwrap();
        let reading = sensor_model::Reading::from_json(&STANDARD.decode(data).unwrap()).unwrap();
        assert_eq!(reading.to_json(), r#"{"sensor_id":"sensor-1","temperature":99.9,"current_time":123456789}"#);
    }
}
