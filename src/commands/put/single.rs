//! One reading from flags.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sensor_model::Reading;
use sensor_model::limits::READING_KEYS;

use super::PutArgs;
use crate::aws::wait::WaitError;
use crate::context::Context;
use crate::error::Error;
use crate::output::PutReport;
use crate::pipeline::{ConstantField, PutReceipt, StoredReading, now, put_one, value_of, wait_until_stored};

/// The key of the report of `--wait`, which would be in it twice.
const WAITED: &str = "stored_after_ms";

pub(super) async fn run(context: &Context, args: PutArgs) -> Result<(), Error> {
    let (wait, limit, dry_run) = (args.wait, args.timeout, args.dry_run);
    let reading = reading(args)?;
    if dry_run {
        let row = StoredReading { reading, shard_id: None, sequence_number: None };
        context.output.status("this is a reading; nothing was sent (--dry-run)");
        return context.output.report(&PutReport { row, stored_after_ms: None });
    }
    let clients = context.clients().await?;
    let stream = &context.settings.pipeline.stream.name;
    let began = Instant::now();
    let put = async { put_one(clients, stream, &reading).await.map_err(Error::from) };
    let unsure = || Error::interrupted(format!("interrupted; stream {stream} may or may not have taken the reading"));
    let receipt = context.or_interrupt(put, unsure).await?;
    if !wait {
        return context.output.report(&PutReport { row: StoredReading::new(reading, receipt), stored_after_ms: None });
    }
    let waited = wait_for_row(context, &reading, &receipt, limit).await;
    let stored_after_ms = waited.is_ok().then(|| u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    context.output.report(&PutReport { row: StoredReading::new(reading, receipt), stored_after_ms })?;
    waited
}

async fn wait_for_row(
    context: &Context,
    reading: &Reading,
    receipt: &PutReceipt,
    limit: Duration,
) -> Result<(), Error> {
    let clients = context.clients().await?;
    let table = &context.settings.pipeline.table.name;
    let progress = context.output.progress();
    let step = progress.step(format!("row in {table}"));
    let wait = async {
        let result = wait_until_stored(clients, table, reading, &receipt.sequence_number, limit).await;
        result.map_err(|error| match error {
            WaitError::Failed(failure) => Error::from(failure),
            timed_out @ WaitError::TimedOut { .. } => {
                Error::failed(format!("the stream took the reading, but table {table} does not hold it"))
                    .with_source(timed_out)
                    .hint("`sensorctl status` shows whether the function and its mapping work")
                    .hint("a reading that the function cannot store is in the table of rejected readings")
            }
        })
    };
    let left = || Error::interrupted("interrupted; the stream took the reading, but it was not seen in the table yet");
    let result = context.or_interrupt(wait, left).await;
    match &result {
        Ok(()) => step.done("stored"),
        Err(_) => step.failed(),
    }
    result
}

fn reading(args: PutArgs) -> Result<Reading, Error> {
    if let Some(flag) = args.input.flags_for_files().first() {
        return Err(Error::usage(format!("`{flag}` is for `--file`")));
    }
    let (Some(sensor_id), Some(temperature)) = (args.sensor, args.temp) else {
        return Err(Error::usage("a reading needs `--sensor` and `--temp`"));
    };
    let mut fields = BTreeMap::new();
    for ConstantField { name, value } in args.fields {
        let value = value_of(&value).map_err(Error::usage)?;
        if READING_KEYS.contains(&name.as_str()) {
            return Err(Error::usage(format!("`{name}` cannot be a further field"))
                .hint("`--sensor`, `--temp` and `--time` set a reading's own keys"));
        }
        if args.wait && name == WAITED {
            return Err(Error::usage(format!("`{name}` cannot be a further field of a reading that is waited for"))
                .hint(format!("`--wait` reports its own `{name}`: put this reading without `--wait`")));
        }
        if fields.insert(name.clone(), value).is_some() {
            return Err(Error::usage(format!("the field `{name}` was given twice")));
        }
    }
    let current_time = match args.time {
        Some(time) => args.input.time(&time).map_err(|reason| Error::usage(format!("`--time`: {reason}")))?,
        None => now().map_err(Error::failed)?,
    };
    let reading = Reading { sensor_id, temperature, current_time, fields };
    reading.check().map_err(|refusal| Error::usage(format!("this is no reading: {refusal}")))?;
    Ok(reading)
}
