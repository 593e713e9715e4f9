//! `put`: one reading from flags, or many from files.

mod bulk;
mod checkpoint;
mod output_files;
mod resume;
mod send_plan;
mod single;
mod wait;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use sensor_model::Decimal;

pub(super) use self::send_plan::send_plan;
use crate::context::Context;
use crate::error::Error;
use crate::pipeline::{AggregationChoice, ConstantField, InputOptions, parse_duration};

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
// `requires` alone is not enough: clap drops it where what is required conflicts with something that is there.
/// Put one reading, or many from files, into the stream
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  sensorctl put --sensor kitchen --temp 21.5 --field humidity=41 --wait
  sensorctl put --file readings.ndjson --rejects bad.ndjson
  sensorctl put --file year.csv.gz --checkpoint year.checkpoint   # again after a crash: goes on
  sensorctl inspect hourly.csv                        # what it is, and the command for it
  sensorctl put --file hourly.csv --sensor seattle --map current_time=date
  sensorctl put --file uplinks.json.gz --layout the-things-stack
  sensorctl put --file pond.csv --layout hoboware --sensor pond --unit temperature=F:C
  sensorctl scan -o ndjson | sensorctl --stage copy put --file -

Recognized by content: NDJSON, JSON (arrays, glued or over several lines), CSV with any delimiter, InfluxDB line
protocol, SenML, lines of mosquitto_sub -v; gzip, zstd, UTF-16. A reading has the keys
{\"sensor_id\":\"kitchen\",\"temperature\":21.5,\"current_time\":987654321}; `--map` names them where the file
does not, and everything else of a row becomes a further field. Rejected, with the option that reads them: times
without a certain unit or order of day and month, a comma that may separate thousands, rows of another width than the
header, files of several units. Counted in the report: readings that replace one another, times taken as UTC, rows that
were not joined, a last line that may be cut (`--strict` fails). docs/semantics.md has the rules.")]
pub(crate) struct PutArgs {
    /// The sensor; with `--file`, the sensor of files that do not name one
    #[arg(long, value_name = "ID")]
    sensor: Option<String>,
    /// The temperature, exactly as written; may be negative
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = decimal)]
    #[arg(conflicts_with = "files")]
    temp: Option<Decimal>,
    /// When: seconds since 1970, or 2010-01-01T01:00:00Z [default: now, with milliseconds]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, conflicts_with = "files")]
    time: Option<String>,
    /// A further field; a JSON number, true, false or null where it is one, else text (repeatable); with `--file`, of every
    /// reading
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<ConstantField>,
    /// Wait until the table holds the reading, and show when it took each hop
    #[arg(long, conflicts_with_all = ["files", "dry_run"])]
    wait: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "60s", requires = "wait")]
    timeout: Duration,
    /// Put all readings of this file; `-` is standard input (repeatable)
    #[arg(long = "file", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write rejected lines to this file, as NDJSON with file, line, reason and the raw line; `-` is standard output, and the
    /// report then goes to standard error
    #[arg(long, value_name = "FILE", requires = "files", conflicts_with = "temp")]
    rejects: Option<PathBuf>,
    /// Write readings that were read and not taken by the stream to this file, as NDJSON to be put again; `-` is standard
    /// output, as for --rejects
    #[arg(long, value_name = "FILE", requires = "files", conflicts_with_all = ["dry_run", "temp"])]
    failed: Option<PathBuf>,
    /// Keep in this file how far each input is settled (accepted or rejected), so that the same command goes on there after
    /// it was killed, and with lines that were added since: some readings may be sent twice, none is left out
    #[arg(long, value_name = "FILE", requires = "files", conflicts_with_all = ["dry_run", "temp", "failed"])]
    checkpoint: Option<PathBuf>,
    /// Overwrite the files of --rejects and --failed, if there is something in them
    #[arg(long, requires = "files", conflicts_with = "temp")]
    force: bool,
    /// Send at most so many readings per second
    #[arg(long, value_name = "PER_SECOND", value_parser = rate, requires = "files", conflicts_with = "temp")]
    rate: Option<f64>,
    /// When to aggregate readings into Kinesis records, in the format of the Kinesis Producer Library
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, requires = "files", conflicts_with = "temp")]
    aggregation: AggregationChoice,
    /// Send a record for each reading
    #[arg(long, hide = true, requires = "files", conflicts_with_all = ["temp", "aggregation"])]
    no_aggregation: bool,
    /// Stop (exit 1) when more lines than this are rejected
    #[arg(long, value_name = "LINES", requires = "files", conflicts_with = "temp")]
    max_errors: Option<u64>,
    /// Fail (exit 3) where a reading replaces another of the file, a time is taken as UTC, local times are ambiguous, rows
    /// are not joined, or the last line has no end
    #[arg(long, requires = "files", conflicts_with = "temp")]
    strict: bool,
    /// Check everything and send nothing; with --file, estimate records, bytes, the time that shards need, and the price
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    input: InputOptions,
}

pub(super) async fn run(context: &Context, args: PutArgs) -> Result<(), Error> {
    if args.files.is_empty() { single::run(context, args).await } else { bulk::run(context, args).await }
}

impl PutArgs {
    /// Returns whether readings share records.
    fn aggregation(&self) -> AggregationChoice {
        if self.no_aggregation { AggregationChoice::Never } else { self.aggregation }
    }

    /// Returns the options of the files, those of their layout included.
    fn input_options(&self) -> InputOptions {
        self.input.clone().typed(self.sensor.clone(), self.fields.clone())
    }
}

fn decimal(text: &str) -> Result<Decimal, String> {
    Decimal::parse(text).map_err(|error| error.to_string())
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.parse().ok();
    rate.filter(|rate| rate.is_finite() && *rate >= 0.001).ok_or_else(|| "write a number above 0".to_owned())
}
