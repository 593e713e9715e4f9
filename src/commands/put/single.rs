//! One reading from flags.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

use sensor_model::Reading;
use sensor_model::limits::READING_KEYS;

use super::PutArgs;
use super::wait::{Followed, SentReading};
use crate::context::Context;
use crate::error::Error;
use crate::output::PutReport;
use crate::pipeline::{ConstantField, StoredReading, now, put_one, value_of};

/// Keys of the report of `--wait`, which would be in it twice.
const WAITED: [&str; 2] = ["stored_after_ms", "hops"];

pub(super) async fn run(context: &Context, args: PutArgs) -> Result<(), Error> {
    let (wait, limit, dry_run) = (args.wait, args.timeout, args.dry_run);
    let reading = reading(args)?;
    if dry_run {
        let row = StoredReading { reading, shard_id: None, sequence_number: None };
        context.output.status("a valid reading; nothing was sent (--dry-run)");
        return context.output.report(&PutReport { row, stored_after_ms: None, hops: Vec::new() });
    }
    let clients = context.clients().await?;
    let stream = &context.settings.pipeline.stream.name;
    let sent = (Instant::now(), SystemTime::now());
    let put = async { put_one(clients, stream, &reading).await.map_err(Error::from) };
    let unsure = || Error::interrupted(format!("interrupted; stream {stream} may or may not have taken the reading"));
    let receipt = context.or_interrupt(put, unsure).await?;
    let accepted = sent.0.elapsed();
    if !wait {
        let row = StoredReading::new(reading, receipt);
        return context.output.report(&PutReport { row, stored_after_ms: None, hops: Vec::new() });
    }
    let followed = SentReading { context, reading: &reading, receipt: &receipt, sent, accepted }.follow(limit).await;
    let Followed { hops, stored_after_ms, result } = followed;
    context.output.report(&PutReport { row: StoredReading::new(reading, receipt), stored_after_ms, hops })?;
    result
}

fn reading(args: PutArgs) -> Result<Reading, Error> {
    if let Some(flag) = args.input.flags_for_files().first() {
        return Err(Error::usage(format!("`{flag}` is for `--file`")));
    }
    let (sensor_id, temperature) = match (args.sensor, args.temp) {
        (Some(sensor_id), Some(temperature)) => (sensor_id, temperature),
        (sensor_id, temperature) => {
            let missing = match (sensor_id, temperature) {
                (None, None) => "`put` needs a reading (`--sensor` and `--temp`) or a file (`--file`)",
                (None, _) => "the reading has no sensor: `--sensor` is missing",
                (_, _) => "the reading has no temperature: `--temp` is missing",
            };
            return Err(Error::usage(missing)
                .hint("`sensorctl put --sensor kitchen --temp 21.5` puts one reading")
                .hint("`sensorctl put --file FILE` puts all readings of a file, `--file -` those of standard input"));
        }
    };
    let mut fields = BTreeMap::new();
    for ConstantField { name, value } in args.fields {
        let value = value_of(&value).map_err(Error::usage)?;
        if READING_KEYS.contains(&name.as_str()) {
            return Err(Error::usage(format!("`{name}` cannot be a further field"))
                .hint("`--sensor`, `--temp` and `--time` set a reading's own keys"));
        }
        if args.wait && WAITED.contains(&name.as_str()) {
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
    reading.check().map_err(|refusal| Error::usage(format!("not a valid reading: {refusal}")))?;
    Ok(reading)
}
