//! The arguments of `scan`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use jiff::tz::TimeZone;
use sensor_model::Decimal;

use crate::commands::positive_count::parse_positive_count;
use crate::output::{TimeFormat, TimeStyle};
use crate::pipeline::{Condition, RowOrder, parse_condition, parse_duration, parse_time_or_age, parse_time_zone};

const AFTER_HELP: &str = r#"Examples:
  sensorctl scan --sensor kitchen --since 1h
  sensorctl scan --sensor kitchen --reverse --limit 10
  sensorctl scan --latest -o json
  sensorctl scan --where 'humidity > 40 and site in ("lab", "roof")'
  sensorctl scan --fields sensor_id,humidity,site.room --to rows.csv
  sensorctl scan -o ndjson | sensorctl --stage copy put --file -

Without --sensor, scan reads the whole table, whatever the other conditions, and rows come in no order; with
several, each sensor's rows are in order. `put --file` reads NDJSON back without loss. CSV has the columns
sensor_id, temperature, current_time, then the other fields of the first 500 rows by name, then shard_id,
sequence_number and `more`: a JSON object of fields that first appear later.

--where compares fields with numbers, texts in quotes, true, false or null (= <> < <= > >=, between A and B,
in (A, B)), knows begins_with(FIELD, TEXT), contains(FIELD, VALUE) and exists(FIELD), and joins conditions by
and, or, not and parentheses. current_time also takes a time such as "2010-01-01" or "15m". A part of a map or
a list is map.member or list[0]; other names stand in backticks. A number never equals a text, and a missing
field matches only <> and not. The service filters what it has read: a filter does not make a scan cheaper.

-v says how much was read, and what that costs."#;

/// Show stored readings, of the whole table or of some sensors
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, ClapArgs)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ScanArgs {
    /// Show readings of this sensor only, in order of time (a Query by key; repeatable)
    #[arg(long = "sensor", value_name = "ID")]
    pub sensors: Vec<String>,
    /// Earliest time (inclusive): seconds since 1970, 2010-01-01T01:00:00Z, or an age such as 15m, 1h or 2d
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = parse_time_or_age)]
    pub since: Option<Decimal>,
    /// Latest time (inclusive), in the same forms
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = parse_time_or_age)]
    pub until: Option<Decimal>,
    /// Minimum temperature (inclusive)
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = decimal)]
    pub min_temp: Option<Decimal>,
    /// Maximum temperature (inclusive)
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = decimal)]
    pub max_temp: Option<Decimal>,
    /// Show readings that match, as in 'humidity > 40 and site = "lab"' (see below)
    #[arg(long = "where", value_name = "EXPRESSION", allow_hyphen_values = true, value_parser = parse_condition)]
    pub filter: Option<Condition>,
    /// Show these columns only, in this order, as in `sensor_id,humidity,site.room` (a name with a comma or a point stands
    /// in double quotes)
    #[arg(long, conflicts_with = "raw", value_name = "NAMES", value_delimiter = ',')]
    pub fields: Vec<String>,
    /// Stop after COUNT readings
    #[arg(long, value_name = "COUNT", value_parser = parse_positive_count)]
    pub limit: Option<u64>,
    /// Show the newest reading of each sensor, or the COUNT newest, without reading the others
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "1")]
    #[arg(value_parser = parse_positive_count)]
    pub latest: Option<u64>,
    /// Show every item, readings or not, in DynamoDB's JSON, as `aws dynamodb scan` does; -o json or ndjson
    #[arg(long)]
    pub raw: bool,
    /// Show how many readings there are, instead of the readings
    #[arg(long, conflicts_with_all = ["fields", "limit", "latest", "sort", "reverse", "raw"])]
    pub count: bool,
    /// Sort the rows (in temporary files where they are many), and apply --limit after sorting
    #[arg(long, value_enum, value_name = "BY")]
    pub sort: Option<Sort>,
    /// Show the newest first with --sensor; reverse the order of --sort
    #[arg(long)]
    pub reverse: bool,
    /// Write to FILE instead of standard output: whole or not at all, in the form of its ending (.csv, .json, .ndjson),
    /// compressed where it ends in .gz or .zst
    #[arg(long = "to", value_name = "FILE")]
    pub target: Option<PathBuf>,
    /// Overwrite a file of --to that holds something
    #[arg(long, requires = "target")]
    pub force: bool,
    /// Write CSV in which no text is a formula for a spreadsheet: an apostrophe stands before = + - @ where a cell or a
    /// line begins
    #[arg(long)]
    pub csv_safe: bool,
    /// The form of times in tables: rfc3339, seconds, or a pattern such as '%d.%m.%Y %H:%M' [default: rfc3339]
    #[arg(long, value_name = "FORMAT", value_parser = TimeFormat::parse)]
    pub time_format: Option<TimeFormat>,
    /// The zone of times in tables: an IANA name such as Europe/Berlin, or an offset such as +01:00 [default: UTC]
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true, value_parser = parse_time_zone)]
    pub time_zone: Option<TimeZone>,
    /// Include everything stored up to now (consistent reads, at twice the cost)
    #[arg(long)]
    pub consistent: bool,
    /// Retry for this long while the table's read capacity is used up: 30s, 5m, or a number of seconds
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = seconds_or_duration)]
    pub timeout: Duration,
}

/// Parses a length of time. A number alone was the only form once.
fn seconds_or_duration(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => parse_duration(text),
    }
}

/// The sort key of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// Oldest first.
    Time,
    /// Coldest first.
    Temp,
    /// By sensor, then time.
    Sensor,
}

impl From<Sort> for RowOrder {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Time => RowOrder::Time,
            Sort::Temp => RowOrder::Temperature,
            Sort::Sensor => RowOrder::Sensor,
        }
    }
}

impl ScanArgs {
    /// Returns whether one Query answers in the requested order.
    pub(super) fn is_query_order(&self, sensors: usize) -> bool {
        sensors == 1 && matches!(self.sort, None | Some(Sort::Time | Sort::Sensor))
    }

    /// Returns the style of times in tables, if one was asked for.
    pub(super) fn times(&self) -> Option<TimeStyle> {
        let is_asked = self.time_format.is_some() || self.time_zone.is_some();
        let format = self.time_format.clone().unwrap_or_default();
        is_asked.then(|| TimeStyle { zone: self.time_zone.clone(), format })
    }

    /// Returns whether rows are left out by more than the sensor.
    pub(super) fn has_conditions(&self) -> bool {
        let conditions = [&self.since, &self.until, &self.min_temp, &self.max_temp];
        self.filter.is_some() || conditions.iter().any(|condition| condition.is_some())
    }
}

fn decimal(text: &str) -> Result<Decimal, String> {
    Decimal::parse(text).map_err(|error| error.to_string())
}
