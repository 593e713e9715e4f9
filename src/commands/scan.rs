//! `scan`: readings from the table.

mod args;
mod conditions;
mod row_count;
mod row_sink;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(crate) use self::args::ScanArgs;
use self::conditions::{AskedConditions, TypedConditions};
use self::row_count::RowCount;
use self::row_sink::RowSink;
use crate::aws::AwsFailure;
use crate::context::Context;
use crate::error::Error;
use crate::output::{Format, Output, OutputFile, Row, Rows, Warning, read_usage_line};
use crate::pipeline::{
    HiddenAttributes, ListedName, PageRetry, RawItem, ReadQuery, ReadUsage, RowField, RowPage, SortableRow,
    StoredReading, TableReader, listed_names, newest_rows,
};
use crate::stack::QUIET_WAIT;

pub(super) async fn run(context: &Context, args: ScanArgs) -> Result<(), Error> {
    if matches!((&args.min_temp, &args.max_temp), (Some(low), Some(high)) if low > high) {
        return Err(Error::usage("`--min-temp` is above `--max-temp`"));
    }
    let typed = TypedConditions {
        sensors: args.sensors.clone(),
        since: args.since.clone(),
        until: args.until.clone(),
        filter: args.filter.clone(),
        is_count: args.count,
    };
    let asked = typed.settled()?;
    if args.reverse && args.sort.is_none() && asked.sensors.is_empty() && args.latest.is_none() {
        return Err(Error::usage("`--reverse` without `--sensor` has no order to reverse")
            .hint("`--sensor ID` reads one sensor in order of time; `--sort time` sorts all rows"));
    }
    let fields = fields(&args)?;
    if args.target.as_deref().is_some_and(|path| path.as_os_str() == "-") {
        return Err(Error::usage("`--to -` is standard output, where rows go without `--to`")
            .hint("leave `--to` out, or name the file `./-`"));
    }
    let unknown_ending = args.target.as_deref().and_then(OutputFile::unknown_ending);
    if let (Some(ending), Format::Auto) = (unknown_ending, context.output.chosen_format()) {
        return Err(Error::usage(format!("`.{ending}` is no form that `scan --to` writes")).hint(
            "write .csv, .json or .ndjson, and .gz or .zst behind it; `-o` chooses the form whatever the name is",
        ));
    }
    let file = args.target.as_ref().map(|path| OutputFile::create(path, args.force)).transpose()?;
    let output = file.as_ref().map_or_else(|| context.output.clone(), |file| context.output.to_file(file));
    let rows = rows::rows(&output, &args)?;
    let query = read_query(context, &args, asked, &fields);
    let clients = context.clients().await?;
    let table = &context.settings.pipeline.table.name;
    let is_told = AtomicBool::new(false);
    let waiting = |waited: Duration, failure: &AwsFailure| {
        if waited >= QUIET_WAIT && !is_told.swap(true, Ordering::Relaxed) {
            context.output.status(format!("still waiting for rows of table {table}: {}", failure.said()));
        }
    };
    let retry = PageRetry { limit: args.timeout, waiting: &waiting };
    let mut scan = Scan { context, args: &args, query, fields, reader: TableReader::new(clients, table, retry), table };
    scan.choose_segments().await?;
    match (args.count, args.raw) {
        (true, _) => scan.count(&output).await,
        (false, true) => scan.show::<RawItem>(rows).await,
        (false, false) => scan.show::<StoredReading>(rows).await,
    }?;
    if let Some(file) = file {
        file.finish()?;
        context.output.status(format!("Wrote {}.", file.name()));
    }
    Ok(())
}

/// One scan, ready to be read.
struct Scan<'a> {
    context: &'a Context,
    args: &'a ScanArgs,
    query: ReadQuery,
    fields: Vec<RowField>,
    reader: TableReader<'a>,
    table: &'a str,
}

/// Counts of a scan beside its rows.
#[derive(Default)]
struct Seen {
    foreign: u64,
    hidden: HiddenAttributes,
    sensors: u64,
    usage: ReadUsage,
}

impl Scan<'_> {
    async fn choose_segments(&mut self) -> Result<(), Error> {
        if !TableReader::is_parallel_scan(&self.query) {
            return Ok(());
        }
        let (context, args) = (self.context, self.args);
        let work = async { Ok(self.reader.choose_segments().await) };
        let said = match context.or_interrupt(work, || left(args)).await? {
            Ok(segments) => format!("Scanning table {} in {segments} segments.", self.table),
            // Scans need no permission to describe the table, and its other failures are theirs, too.
            Err(failure) => format!("Scanning table {} in a few segments: {}", self.table, failure.said()),
        };
        context.output.detail(said);
        Ok(())
    }

    async fn count(&self, output: &Output) -> Result<(), Error> {
        let work = self.reader.count(&self.query);
        let usage = self.context.or_interrupt(work, || left(self.args)).await?;
        output.report(&RowCount { count: usage.matched })?;
        let mut seen = Seen { usage, ..Seen::default() };
        if !self.args.has_conditions() {
            seen.foreign = usage.scanned.saturating_sub(usage.matched);
        }
        self.tell(&seen);
        Ok(())
    }

    async fn show<R: SortableRow + Row>(&self, rows: Rows) -> Result<(), Error> {
        let output = &self.context.output;
        let mut sink = RowSink::new(rows, self.args, &self.query, &self.fields);
        let mut seen = Seen::default();
        let work = self.read::<R>(&mut sink, &mut seen);
        // Rows that came before an interruption are shown.
        let result = self.context.or_interrupt(work, || left(self.args)).await;
        let shown = sink.finish::<R>(result.is_ok())?;
        if result.is_ok() && shown.rows == 0 {
            output.status(self.nothing_found(seen.foreign));
        }
        for RowField { title, path } in shown.unseen_fields {
            let hint = if path.parts.is_empty() { "" } else { "; a field of that name stands in double quotes" };
            output.note(format!("no row has a field `{title}`{hint}"));
        }
        self.tell(&seen);
        result
    }

    async fn read<R: SortableRow + Row>(&self, sink: &mut RowSink, seen: &mut Seen) -> Result<(), Error> {
        let output = &self.context.output;
        if let Some(newest) = self.args.latest {
            return self.read_latest::<R>(newest, sink, seen).await;
        }
        let each = |page: RowPage<R>| {
            seen.foreign += page.foreign;
            seen.hidden += page.hidden;
            seen.usage += page.usage;
            page.rows.iter().try_for_each(|row| sink.push(row))?;
            // Rows held back in a page of a table are not visible yet, but a closed pipe is.
            Ok(!sink.is_full() && !output.is_closed())
        };
        self.reader.read_pages(&self.query, each).await
    }

    async fn read_latest<R: SortableRow + Row>(
        &self,
        newest: u64,
        sink: &mut RowSink,
        seen: &mut Seen,
    ) -> Result<(), Error> {
        let output = &self.context.output;
        if let Some(query) = conditions::per_sensor(&self.query) {
            return self
                .reader
                .read_latest(&query, newest, |found| {
                    seen.foreign += found.foreign;
                    seen.hidden += found.hidden;
                    seen.sensors += found.sensors;
                    seen.usage += found.usage;
                    found.rows.iter().try_for_each(|row: &R| sink.push(row))?;
                    Ok(!output.is_closed())
                })
                .await;
        }
        // A condition that no Query of a sensor takes: every row is looked at.
        let mut kept: BTreeMap<String, Vec<R>> = BTreeMap::new();
        self.reader
            .read_pages(&self.query, |page: RowPage<R>| {
                seen.foreign += page.foreign;
                seen.hidden += page.hidden;
                seen.usage += page.usage;
                for row in page.rows {
                    let rows = kept.entry(row.sensor().to_owned()).or_default();
                    rows.push(row);
                    *rows = newest_rows(std::mem::take(rows), newest);
                }
                Ok(!output.is_closed())
            })
            .await?;
        kept.values().flatten().try_for_each(|row| sink.push(row))
    }

    /// Says what was left out, and what reading took.
    fn tell(&self, seen: &Seen) {
        let output = &self.context.output;
        let table = self.table.to_owned();
        if seen.foreign > 0 {
            output.warn(&Warning::ForeignItems { table: table.clone(), count: seen.foreign });
        }
        if seen.hidden.rows > 0 {
            let HiddenAttributes { rows, names } = &seen.hidden;
            let names = names.iter().copied().collect();
            output.warn(&Warning::HiddenAttributes { table, rows: *rows, names });
        }
        output.detail(read_usage_line(&seen.usage, seen.sensors));
    }

    /// Says that no row was found, and of what.
    fn nothing_found(&self, foreign: u64) -> String {
        let table = self.table;
        let matching = if self.args.has_conditions() { " that match" } else { "" };
        match &self.query.sensors[..] {
            [sensor] => format!("No readings of sensor `{sensor}`{matching} in table {table}."),
            [] if matching.is_empty() && foreign == 0 => {
                format!(
                    "Table {table} is empty. Next: `sensorctl put --sensor kitchen --temp 21.5 --wait` puts a reading."
                )
            }
            [] => format!("No readings{matching} in table {table}."),
            sensors => format!("No readings of {} sensors{matching} in table {table}.", sensors.len()),
        }
    }
}

fn left(args: &ScanArgs) -> Error {
    Error::interrupted(match &args.target {
        Some(path) => format!("interrupted; {} was not written", path.display()),
        None => "interrupted; not all rows were read".to_owned(),
    })
}

fn fields(args: &ScanArgs) -> Result<Vec<RowField>, Error> {
    let mut fields: Vec<RowField> = Vec::new();
    for ListedName { name, is_quoted } in listed_names(&args.fields) {
        if name.trim().is_empty() {
            return Err(Error::usage("`--fields` names an empty field").hint("names are separated by one comma: a,b"));
        }
        let parsed = if is_quoted { Ok(RowField::of_name(&name)) } else { RowField::parse(&name) };
        let field = parsed.map_err(|reason| {
            Error::usage(format!("`--fields`: `{}` {reason}", name.trim())).hint(
                "`a.b` and `a[0]` are parts of a field; a name with such signs stands in double quotes: '\"a.b\",c'",
            )
        })?;
        if fields.iter().any(|other| other.path == field.path || other.title == field.title) {
            return Err(Error::usage(format!("`--fields` names `{}` twice", field.title)));
        }
        fields.push(field);
    }
    Ok(fields)
}

/// Returns the attributes of the table that have these fields, each once.
fn attributes(fields: &[RowField]) -> Vec<String> {
    let attributes: BTreeSet<_> = fields.iter().map(|field| field.path.attribute.clone()).collect();
    attributes.into_iter().collect()
}

fn read_query(context: &Context, args: &ScanArgs, asked: AskedConditions, fields: &[RowField]) -> ReadQuery {
    let sensors = asked.sensors.len();
    let is_sorted = args.sort.is_some() && !args.is_query_order(sensors);
    ReadQuery {
        since: asked.since,
        until: asked.until,
        filter: asked.filter,
        key_filter: asked.key_filter,
        min_temperature: args.min_temp.clone(),
        max_temperature: args.max_temp.clone(),
        attributes: attributes(fields),
        newest_first: sensors > 0 && args.reverse && !is_sorted,
        consistent: args.consistent,
        // Each row of the answer counts only where nothing is left out or sorted afterwards.
        limit: args.limit.filter(|_| args.latest.is_none() && !is_sorted),
        reports_capacity: context.output.is_verbose(),
        is_count: args.count,
        sensors: asked.sensors,
        page_items: None,
    }
}
