//! `invoke`: runs the function once on a test event.

use std::io::Read;
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueHint};
use sensor_model::Reading;
use serde_json::value::RawValue;

use crate::aws::AwsFailure;
use crate::context::Context;
use crate::error::Error;
use crate::operate::{EventOrigin, EventRecord, FunctionInvocation, invoke, read_record};
use crate::output::InvocationReport;
use crate::stack::partition;

/// The walkthrough's test event: sensor-1, 99.9, 123456789.
pub(super) const TEST_EVENT: &str = include_str!("../../templates/test-lambda-input.json");
/// Bytes of a synchronous invocation's event (docs/facts/lambda.md, Invoke).
const LARGEST_EVENT: usize = 6 * 1024 * 1024;

/// Run the function once, and show the result
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  sensorctl invoke
  sensorctl invoke --reading '{\"sensor_id\":\"kitchen\",\"temperature\":21.5,\"current_time\":1700000000}'
  sensorctl invoke --from-stream shardId-000000000000:49590338271490256608559692538361571095921575989136588898

The bundled event is one Kinesis record: the reading of sensor-1, 99.9 degrees, at 123456789. The function really
runs: it stores this sample reading in the table, where `scan` shows it from then on. With -v, the log is shown. Exit
code 3: the function rejected readings, which are then in the dead-letter table, or could not store all records.")]
pub(crate) struct InvokeArgs {
    /// Read the event, a JSON document, from this file; `-` is standard input [default: the bundled test event]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    event: Option<PathBuf>,
    /// Pass this reading, a JSON object. What is not a reading is passed as well: the function then rejects it
    #[arg(long, value_name = "JSON", conflicts_with = "event")]
    reading: Option<String>,
    /// Pass the record of the stream at this shard and sequence number again
    #[arg(long, value_name = "SHARD:SEQUENCE", conflicts_with_all = ["event", "reading"], value_parser = Place::parse)]
    from_stream: Option<Place>,
}

/// The place of a record in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    shard_id: String,
    sequence_number: String,
}

impl Place {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || "write SHARD:SEQUENCE, such as shardId-000000000000:4959033827149025660855969253836157109592".to_owned();
        let (shard, number) = text.split_once(':').ok_or_else(wrong)?;
        // A number alone is short for its shard.
        let shard_id = match shard.parse::<u64>() {
            Ok(number) if shard.len() <= 12 => format!("shardId-{number:012}"),
            _ => shard.to_owned(),
        };
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if shard.is_empty() || !is_number {
            return Err(wrong());
        }
        Ok(Place { shard_id, sequence_number: number.to_owned() })
    }
}

pub(super) async fn run(context: &Context, args: InvokeArgs) -> Result<(), Error> {
    let is_bundled = args.event.is_none() && args.reading.is_none() && args.from_stream.is_none();
    let left = || Error::interrupted("interrupted; the function was not run");
    let event = context.or_interrupt(Box::pin(event_of(context, args)), left).await?;
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
    outcome.map_err(|error| {
        if shows_log { error } else { error.hint("`sensorctl logs` shows its log, as this command does with `-v`") }
    })?;
    if is_bundled {
        context.output.status("Next: `sensorctl scan --sensor sensor-1` shows its row.");
    }
    Ok(())
}

/// Returns the event to pass.
async fn event_of(context: &Context, args: InvokeArgs) -> Result<String, Error> {
    if let Some(path) = args.event {
        let reading = tokio::task::spawn_blocking(move || read_event(&path));
        return reading.await.map_err(|error| Error::failed("could not read").with_source(error))?;
    }
    if args.reading.is_none() && args.from_stream.is_none() {
        return Ok(TEST_EVENT.to_owned());
    }
    let clients = context.clients().await?;
    let stream = &context.settings.pipeline.stream.name;
    let region = clients.region.as_str();
    let record = if let Some(Place { shard_id, sequence_number }) = args.from_stream {
        let found = read_record(clients, stream, &shard_id, &sequence_number).await?;
        found.ok_or_else(|| {
            Error::failed(format!("stream {stream} has no record at {sequence_number} in {shard_id}"))
                .hint("it may be older than the stream's retention; `sensorctl tail --raw --from trim-horizon` shows what is there")
        })?
    } else {
        let text = args.reading.unwrap_or_default();
        let partition_key = match Reading::from_json(text.as_bytes()) {
            Ok(reading) => reading.sensor_id,
            Err(error) => {
                context.output.note(format!("it is not a reading: {error}"));
                "sensorctl-invoke".to_owned()
            }
        };
        EventRecord {
            shard_id: "shardId-000000000000".to_owned(),
            // No record of the stream has it, and no two invocations: dead letters are stored under it.
            sequence_number: jiff::Timestamp::now().as_nanosecond().to_string(),
            partition_key,
            data: text.into_bytes(),
            arrived: jiff::Timestamp::now().as_duration().as_secs_f64(),
        }
    };
    // The account is not asked for: the function does not read it.
    let stream_arn = format!("arn:{}:kinesis:{region}:000000000000:stream/{stream}", partition(region));
    let event = record.event(EventOrigin { region, stream_arn: &stream_arn });
    if event.len() > LARGEST_EVENT {
        return Err(Error::usage(format!("the event is larger than the {LARGEST_EVENT} bytes that Lambda accepts")));
    }
    Ok(event)
}

/// Checks that the function rejected no record.
fn nothing_rejected(invocation: &FunctionInvocation, function: &str, rejects: &str) -> Result<(), Error> {
    let what = match invocation.rejected() {
        0 => return Ok(()),
        1 => "1 reading".to_owned(),
        more => format!("{more} readings"),
    };
    Err(Error::incomplete(format!("function {function} rejected {what}: see table {rejects}"))
        .hint("`sensorctl rejects list` shows them with their reasons"))
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
