//! `scan`: readings from the table.

mod conditions;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use sensor_model::Decimal;

use self::conditions::{AskedConditions, TypedConditions};
use crate::aws::AwsFailure;
use crate::context::Context;
use crate::error::Error;
use crate::output::{Rows, Warning};
use crate::pipeline::{
    Condition, PageRetry, ReadQuery, RowPage, StoredReading, parse_condition, parse_time_or_age, read_pages,
};
use crate::stack::QUIET_WAIT;

const AFTER_HELP: &str = r#"Examples:
  sensorctl scan --sensor kitchen --since 1h
  sensorctl scan --sensor kitchen --reverse --limit 10
  sensorctl scan --latest -o json
  sensorctl scan --where 'humidity > 40 and site in ("lab", "roof")'
  sensorctl scan -o ndjson | sensorctl --stage copy put --file -

Without --sensor, scan reads the whole table, whatever the other conditions, and rows come in no order.
`put --file` reads NDJSON back without loss. CSV has the columns sensor_id, temperature, current_time, then
the other fields of the first 500 rows by name, then shard_id, sequence_number and `more`: a JSON object of
fields that first appear later.

--where compares fields with numbers, texts in quotes, true, false or null (= <> < <= > >=, between A and B,
in (A, B)), knows begins_with(FIELD, TEXT), contains(FIELD, VALUE) and exists(FIELD), and joins conditions by
and, or, not and parentheses. current_time also takes a time such as "2010-01-01" or "15m". A part of a map or
a list is map.member or list[0]; other names stand in backticks. A number never equals a text, and a missing
field matches only <> and not. The service filters what it has read: a filter does not make a scan cheaper."#;

/// Show stored readings, of the whole table or of one sensor
#[derive(Debug, ClapArgs)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ScanArgs {
    /// Show readings of this sensor only, in order of time (a Query by key)
    #[arg(long, value_name = "ID")]
    sensor: Option<String>,
    /// Earliest time (inclusive): seconds since 1970, 2010-01-01T01:00:00Z, or an age such as 15m, 1h or 2d
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = parse_time_or_age)]
    since: Option<Decimal>,
    /// Latest time (inclusive), in the same forms
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = parse_time_or_age)]
    until: Option<Decimal>,
    /// Minimum temperature (inclusive)
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = decimal)]
    min_temp: Option<Decimal>,
    /// Maximum temperature (inclusive)
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = decimal)]
    max_temp: Option<Decimal>,
    /// Show readings that match, as in 'humidity > 40 and site = "lab"' (see below)
    #[arg(long = "where", value_name = "EXPRESSION", value_parser = parse_condition)]
    filter: Option<Condition>,
    /// Stop after COUNT readings
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Show the newest reading of each sensor (without --sensor, this reads the whole table)
    #[arg(long)]
    latest: bool,
    /// Sort the rows: collects all of them in memory and applies --limit after sorting
    #[arg(long, value_enum, value_name = "BY")]
    sort: Option<Sort>,
    /// Show the newest first with --sensor; reverse the order of --sort
    #[arg(long)]
    reverse: bool,
    /// Include everything stored up to now (consistent reads, at twice the cost)
    #[arg(long)]
    consistent: bool,
    /// Retry for this many seconds while the table's read capacity is used up
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

/// The sort key of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// Oldest first.
    Time,
    /// Coldest first.
    Temp,
    /// By sensor, then time.
    Sensor,
}

pub(super) async fn run(context: &Context, mut args: ScanArgs) -> Result<(), Error> {
    if matches!((&args.min_temp, &args.max_temp), (Some(low), Some(high)) if low > high) {
        return Err(Error::usage("`--min-temp` is above `--max-temp`"));
    }
    let typed = TypedConditions {
        sensor: args.sensor.take(),
        since: args.since.clone(),
        until: args.until.clone(),
        filter: args.filter.clone(),
    };
    let asked = typed.settled()?;
    args.sensor.clone_from(&asked.sensor);
    if args.reverse && args.sort.is_none() && args.sensor.is_none() && !args.latest {
        return Err(Error::usage("`--reverse` without `--sensor` has no order to reverse")
            .hint("`--sensor ID` reads one sensor in order of time; `--sort time` sorts all rows in memory"));
    }
    let question = read_query(&args, asked);
    let clients = context.clients().await?;
    let table = &context.settings.pipeline.table.name;
    let mut shown = LimitedRows { rows: context.output.rows(), left: args.limit.unwrap_or(u64::MAX) };
    let mut gathered = RowCollector::of(&args);
    let mut foreign = 0;
    let is_told = AtomicBool::new(false);
    let waiting = |waited: Duration, failure: &AwsFailure| {
        if waited >= QUIET_WAIT && !is_told.swap(true, Ordering::Relaxed) {
            context.output.status(format!("still waiting for rows of table {table}: {}", failure.said()));
        }
    };
    let retry = PageRetry { limit: Duration::from_secs(args.timeout), waiting: &waiting };
    let reading = read_pages(clients, table, &question, retry, |page: RowPage| {
        foreign += page.foreign;
        for row in page.rows {
            match &mut gathered {
                RowCollector::Nothing => shown.push(&row)?,
                RowCollector::Newest(newest) => keep_newest(newest, row),
                RowCollector::All(all) => all.push(row),
            }
        }
        // Rows held back in a page of a table are not visible yet, but a closed pipe is.
        Ok(shown.left > 0 && !context.output.is_closed())
    });
    let result = context.or_interrupt(reading, || Error::interrupted("interrupted; not all rows were read")).await;
    if result.is_ok() {
        for row in gathered.sorted(&args) {
            shown.push(&row)?;
        }
    }
    let is_empty = shown.rows.is_empty();
    if result.is_ok() || !is_empty {
        shown.rows.finish::<StoredReading>()?;
    }
    if result.is_ok() && is_empty {
        context.output.status(nothing_found(&args, table, foreign));
    }
    if foreign > 0 {
        context.output.warn(&Warning::ForeignItems { table: table.clone(), count: foreign });
    }
    result
}

/// Says that no row was found, and of what.
fn nothing_found(args: &ScanArgs, table: &str, foreign: u64) -> String {
    let conditions = [&args.since, &args.until, &args.min_temp, &args.max_temp];
    let is_limited = args.filter.is_some() || conditions.iter().any(|condition| condition.is_some());
    let matching = if is_limited { " that match" } else { "" };
    match &args.sensor {
        Some(sensor) => format!("No readings of sensor `{sensor}`{matching} in table {table}."),
        None if matching.is_empty() && foreign == 0 => {
            format!("Table {table} is empty. Next: `sensorctl put --sensor kitchen --temp 21.5 --wait` puts a reading.")
        }
        None => format!("No readings{matching} in table {table}."),
    }
}

fn read_query(args: &ScanArgs, asked: AskedConditions) -> ReadQuery {
    let newest_first = args.sensor.is_some() && (args.latest || args.is_query_order_reversed());
    // Each row of the answer counts only where nothing is left out or sorted afterwards.
    let limit = match (args.latest, args.sensor.is_some()) {
        (true, true) => Some(1),
        (true, false) => None,
        (false, _) => args.limit.filter(|_| args.sort.is_none() || args.is_query_order()),
    };
    ReadQuery {
        sensor: asked.sensor,
        since: asked.since,
        until: asked.until,
        filter: asked.filter,
        min_temperature: args.min_temp.clone(),
        max_temperature: args.max_temp.clone(),
        newest_first,
        consistent: args.consistent,
        limit,
    }
}

impl ScanArgs {
    /// Returns whether a Query answers in the requested order.
    fn is_query_order(&self) -> bool {
        self.sensor.is_some() && matches!(self.sort, None | Some(Sort::Time | Sort::Sensor))
    }

    fn is_query_order_reversed(&self) -> bool {
        self.is_query_order() && self.reverse
    }
}

/// Rows on their way out, up to the limit.
struct LimitedRows {
    rows: Rows,
    left: u64,
}

impl LimitedRows {
    fn push(&mut self, row: &StoredReading) -> Result<(), Error> {
        if self.left > 0 {
            self.left -= 1;
            self.rows.push(row)?;
        }
        Ok(())
    }
}

/// Rows that have to wait for the last one.
enum RowCollector {
    /// None has to.
    Nothing,
    /// One for each sensor.
    Newest(BTreeMap<String, StoredReading>),
    /// All.
    All(Vec<StoredReading>),
}

impl RowCollector {
    fn of(args: &ScanArgs) -> Self {
        match (args.latest, args.sort) {
            (true, _) => RowCollector::Newest(BTreeMap::new()),
            (false, Some(_)) if !args.is_query_order() => RowCollector::All(Vec::new()),
            (false, _) => RowCollector::Nothing,
        }
    }

    fn sorted(self, args: &ScanArgs) -> Vec<StoredReading> {
        let mut rows = match self {
            RowCollector::Nothing => Vec::new(),
            RowCollector::Newest(newest) => newest.into_values().collect(),
            RowCollector::All(all) => all,
        };
        let by = |left: &StoredReading, right: &StoredReading| {
            let (left, right) = (&left.reading, &right.reading);
            let times = || left.current_time.cmp(&right.current_time);
            let sensors = || left.sensor_id.cmp(&right.sensor_id);
            match args.sort.unwrap_or(Sort::Sensor) {
                Sort::Time => times().then_with(sensors),
                Sort::Temp => left.temperature.cmp(&right.temperature).then_with(times).then_with(sensors),
                Sort::Sensor => sensors().then_with(times),
            }
        };
        rows.sort_by(|left, right| if args.reverse { by(right, left) } else { by(left, right) });
        rows
    }
}

fn keep_newest(newest: &mut BTreeMap<String, StoredReading>, row: StoredReading) {
    let sensor = &row.reading.sensor_id;
    let newer = newest.get(sensor).is_none_or(|known| known.reading.current_time < row.reading.current_time);
    if newer {
        newest.insert(sensor.clone(), row);
    }
}

fn decimal(text: &str) -> Result<Decimal, String> {
    Decimal::parse(text).map_err(|error| error.to_string())
}
