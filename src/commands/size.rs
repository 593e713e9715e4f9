//! `size`: what a load needs and costs.

use std::path::{Path, PathBuf};

use sensor_model::limits::{LEAST_JSON_BYTES, MAX_ITEM_BYTES};

use crate::commands::layouts;
use crate::context::Context;
use crate::error::Error;
use crate::operate::{Fixed, Load, NeededSetting, SizingOptions, size};
use crate::output::{SampleSummary, SizingReport, units};
use crate::pipeline::{
    AggregationChoice, ConstantField, InputOptions, InputOrigin, Inputs, MeasuredSample, ParsedChunks, ReadingSizes,
    measure,
};
use crate::settings::{SettingOrigin, Settings};

/// Bytes of a reading as JSON that are assumed: `{"sensor_id":"sensor-2","temperature":88.8,"current_time":987654321}` has
/// 68, and a further field or two is common.
const READING_BYTES: u64 = 100;
/// Bytes of a sensor id that are assumed.
const KEY_BYTES: u64 = 12;
/// Sensors and readings a second at most: far beyond what the services take.
const MOST: u64 = 1_000_000_000;

/// Say what a load needs and costs: settings, limits, quotas and the price of a month
///
/// Every figure has its arithmetic. What the settings have is taken as it is, unless the load needs more: memory, batches,
/// retention of stream and log, the function's architecture, the table's billing and class. Needs no network and no
/// credentials. docs/sizing.md has the formulas, their sources, and what is assumed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sensorctl size --sensors 200 --rate 20
  sensorctl size --sensors 50000 --rate 5000 --peak 20000 --reading-bytes 180 --retention 90
  sensorctl size --file sample.csv --map current_time=date --sensors 1000 --rate 100
  sensorctl size --sensors 10 --rate 0.2 --free-tier -o json")]
pub(crate) struct SizeArgs {
    /// Number of sensors [default: that of --file]
    #[arg(long, value_name = "N", required_unless_present = "file", value_parser = clap::value_parser!(u64).range(1..=MOST))]
    sensors: Option<u64>,
    /// Readings a second, of all sensors together, on average
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    rate: Fixed,
    /// Readings a second when there are most [default: --rate]
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    peak: Option<Fixed>,
    /// Percent of the peak that must fit besides
    #[arg(long, value_name = "PERCENT", default_value_t = 25, value_parser = clap::value_parser!(u64).range(0..=900))]
    headroom: u64,
    /// Bytes of a reading as JSON [default: 100]
    #[arg(long, value_name = "BYTES", conflicts_with = "file")]
    #[arg(value_parser = clap::value_parser!(u64).range(LEAST_JSON_BYTES as u64..=MAX_ITEM_BYTES as u64))]
    reading_bytes: Option<u64>,
    /// Measure the readings of this file instead, which is read as `put` reads it; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Days that the table keeps a reading [default: for good]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=36_500))]
    retention: Option<u64>,
    /// When readings are aggregated into Kinesis records
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    aggregation: AggregationChoice,
    /// Take the free tiers of an account off the price
    #[arg(long)]
    free_tier: bool,
    /// The sensor of files that do not name one
    #[arg(long, value_name = "ID", requires = "file")]
    sensor: Option<String>,
    /// A further field of every reading (repeatable)
    #[arg(long = "field", value_name = "NAME=VALUE", requires = "file")]
    fields: Vec<ConstantField>,
    #[command(flatten)]
    input: InputOptions,
}

pub(super) async fn run(context: &Context, args: SizeArgs) -> Result<(), Error> {
    let peak = args.peak.unwrap_or(args.rate);
    if peak < args.rate {
        return Err(Error::usage(format!("`--peak` ({peak}) is below `--rate` ({}), the average", args.rate)));
    }
    if args.file.is_none()
        && let Some((flag, _)) = args.input.flags().first()
    {
        return Err(Error::usage(format!("`{flag}` says how a file is read, and there is no `--file`")));
    }
    let sample = match &args.file {
        Some(file) => Some(sample(context, file, &args).await?),
        None => None,
    };
    let bytes = args.reading_bytes.unwrap_or(READING_BYTES);
    let assumed = ReadingSizes::of_one(bytes, KEY_BYTES);
    let load = Load {
        sensors: args.sensors.or(sample.as_ref().map(|sample| sample.sensors)).unwrap_or(1),
        rate: args.rate,
        peak,
        headroom_percent: args.headroom,
        sizes: sample.as_ref().map_or(assumed, |sample| sample.sizes),
        retention_days: args.retention,
    };
    let settings = &context.settings;
    let options = SizingOptions {
        aggregation: args.aggregation,
        free_tier: args.free_tier,
        region: settings.region.clone().filter(|_| !settings.local),
    };
    let mut sizing = size(&load, &settings.pipeline, &options)?;
    if args.file.is_none() {
        let assumed = if args.reading_bytes.is_none() {
            format!("readings of {READING_BYTES} bytes and ")
        } else {
            String::new()
        };
        let sizes = format!("assumed: {assumed}keys of {KEY_BYTES} bytes; `--file SAMPLE` measures both");
        sizing.assumptions.insert(0, sizes);
    }
    // JSON has the commands complete, too, so that they can be copied.
    for quota in &mut sizing.quotas {
        quota.how = context.output.hint_flags().complete(&quota.how).into_owned();
    }
    let command = command(settings, &sizing.settings).unwrap_or_else(|unsettable| {
        context.output.note(unsettable);
        None
    });
    context.output.report(&SizingReport::new(sizing, command, sample.as_ref().map(summary)))
}

/// Returns the command that sets what changes, if anything does.
///
/// # Errors
/// No command can, and why: a setting that is given must be left out, and `--set` cannot do that.
fn command(settings: &Settings, needed: &[NeededSetting]) -> Result<Option<String>, String> {
    let mut words = Vec::new();
    for NeededSetting { key, needed, .. } in needed.iter().filter(|setting| setting.changes) {
        match (needed, settings.origin(key)) {
            // Text needs no quotes behind `--set`.
            (Some(value), _) => {
                words.extend(["--set".to_owned(), format!("{key}={}", value.trim_matches('"'))]);
            }
            (None, None | Some(SettingOrigin::Default)) => {}
            (None, Some(origin)) => {
                return Err(format!(
                    "`{key}` ({origin}) must be left out, which no command does: change the settings file"
                ));
            }
        }
    }
    let command = || settings.hints.command("up", &words).trim_matches('`').to_owned();
    Ok((!words.is_empty()).then(command))
}

/// Measures the readings of a file.
async fn sample(context: &Context, file: &Path, args: &SizeArgs) -> Result<MeasuredSample, Error> {
    let options = args.input.clone().typed(args.sensor.clone(), args.fields.clone());
    let options = layouts::layouts(&context.settings).resolved(&options)?;
    let origins = [InputOrigin::from(file)];
    let opening = tokio::task::spawn_blocking(move || Inputs::open(&origins, &options));
    let work = async { opening.await.map_err(|error| Error::failed("could not read").with_source(error))? };
    let inputs = context.or_interrupt(work, || Error::interrupted("interrupted")).await?;
    let sample = measure(ParsedChunks::of(inputs), &context.interrupt).await?;
    if sample.sizes.readings > 0 {
        if sample.rejected > 0 {
            let lines = units::counted(sample.rejected, "line");
            context.output.note(format!("not readings, and left out: {lines} of {}", file.display()));
        }
        return Ok(sample);
    }
    Err(Error::incomplete(format!("no reading was found in {}", file.display()))
        .hint("`sensorctl inspect FILE` shows what the file is and which options read it"))
}

fn summary(sample: &MeasuredSample) -> SampleSummary {
    SampleSummary { readings: sample.sizes.readings, sensors: sample.sensors, rejected: sample.rejected }
}

fn rate(text: &str) -> Result<Fixed, String> {
    let rate = Fixed::parse(text)?;
    if rate > Fixed::whole(MOST) { Err("write at most 1000000000".to_owned()) } else { Ok(rate) }
}
