//! `logs`: the function's log.

use std::time::Duration;

use clap::Args as ClapArgs;
use sensor_model::Decimal;
use tokio::time::{Instant, sleep};

use super::positive_count::parse_positive_count;
use crate::aws::{AwsFailure, Clients, FailureCause};
use crate::context::Context;
use crate::error::Error;
use crate::operate::{InvocationMetrics, LogFollower, LogKind, LogLine, LogQuery, read_log};
use crate::output::{Format, LiveRows, MetricsRow, Output};
use crate::pipeline::{parse_time_or_age, whole_milliseconds};
use crate::stack::QUIET_WAIT;

/// How far back the log is shown by default.
const RECENT: Duration = Duration::from_mins(10);
/// The longest pause between two polls, as a multiple of the shortest.
const LONGEST_PAUSE: u32 = 4;
/// The shortest pause on AWS, where `FilterLogEvents` may be called 5 times a second in some regions.
const PAUSE: Duration = Duration::from_secs(1);
/// The shortest pause on this machine.
const LOCAL_PAUSE: Duration = Duration::from_millis(100);
/// Occurs in every line of metrics, in each log format.
const METRICS_PATTERN: &str = "\"CloudWatchMetrics\"";

/// Show the function's log
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  sensorctl logs --since 1h --kind error --kind rejected
  sensorctl logs --follow
  sensorctl logs --metrics --since 15m
  sensorctl logs --filter '?timeout ?AccessDenied' -o ndjson

Each line has a kind: cold-start, start, end, report, error, rejected (metrics of an invocation that rejected
readings), metrics, message. Off a terminal the messages come as they are, one JSON object a line. On a terminal
reports and metrics are summed up, and the starts and ends of invocations are left out unless -v or --kind asks.

--follow reads the last minute again each time, so that a line that arrives late is shown, after later ones. It ends
with Ctrl-C, and waits where the log group does not exist yet.")]
pub(crate) struct LogsArgs {
    /// Go on with new lines as they come, until Ctrl-C
    #[arg(short, long, conflicts_with = "until")]
    follow: bool,
    /// Earliest time: seconds since 1970, 2010-01-01T01:00:00Z, or an age such as 15m, 1h or 2d (default: 10m)
    #[arg(long, value_name = "TIME", value_parser = parse_time_or_age)]
    since: Option<Decimal>,
    /// Latest time (inclusive), in the same forms
    #[arg(long, value_name = "TIME", value_parser = parse_time_or_age)]
    until: Option<Decimal>,
    /// Only lines that match this filter pattern of CloudWatch Logs
    #[arg(long, value_name = "PATTERN")]
    filter: Option<String>,
    /// Only lines of this kind; may be given several times
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Vec<LogKind>,
    /// Show the metrics of each invocation in columns
    #[arg(long, conflicts_with_all = ["filter", "kind"])]
    metrics: bool,
    /// Stop after COUNT lines
    #[arg(long, value_name = "COUNT", value_parser = parse_positive_count)]
    limit: Option<u64>,
}

pub(super) async fn run(context: &Context, args: LogsArgs) -> Result<(), Error> {
    let query = args.query(context)?;
    let mut printer = Printer {
        output: &context.output,
        rows: context.output.live_rows(),
        shows_steps: context.output.is_verbose(),
        left: args.limit.unwrap_or(u64::MAX),
        args: &args,
    };
    let clients = context.clients().await?;
    if args.follow {
        return follow(context, clients, query, printer).await;
    }
    let group = query.group.clone();
    let work = async {
        let found = read_log(clients, &query, |line| printer.print(&line)).await?;
        found.ok_or_else(|| missing(&group))
    };
    let result = context.or_interrupt(work, || Error::interrupted("interrupted")).await;
    let count = printer.finish()?;
    result?;
    if count == 0 {
        context.output.status(format!("No lines in log group {group}{}", args.asked_since()));
    }
    Ok(())
}

impl LogsArgs {
    fn query(&self, context: &Context) -> Result<LogQuery, Error> {
        let ms = |time: &Option<Decimal>, flag: &str| match time {
            None => Ok(None),
            Some(time) => match whole_milliseconds(time) {
                Some(ms) if ms >= 0 => Ok(Some(ms)),
                _ => Err(Error::usage(format!("`{flag}` is before 1970 or no time of this calendar"))),
            },
        };
        let (since, until) = (ms(&self.since, "--since")?, ms(&self.until, "--until")?);
        let recent = jiff::Timestamp::now().as_millisecond() - i64::try_from(RECENT.as_millis()).unwrap_or(i64::MAX);
        // Nothing is recent before a time in the past.
        let default = if until.is_some_and(|until| until < recent) { 0 } else { recent };
        let since = since.unwrap_or(default);
        if until.is_some_and(|until| until < since) {
            return Err(Error::usage("`--since` is later than `--until`"));
        }
        let pattern = self.filter.clone().or_else(|| self.metrics.then(|| METRICS_PATTERN.to_owned()));
        let group = context.settings.pipeline.log_group_name();
        Ok(LogQuery { group, since_ms: Some(since), until_ms: until, pattern })
    }

    /// Returns the end of the sentence that says what was looked for.
    fn asked_since(&self) -> &'static str {
        if self.since.is_some() || self.until.is_some() {
            return " in this time.";
        }
        " in the last 10 minutes; `--since 1h` looks further back."
    }
}

fn missing(group: &str) -> Error {
    Error::failed(format!("log group {group} does not exist"))
        .hint("`sensorctl up` creates it, and the function writes to it when it runs")
}

/// Prints what is asked for.
struct Printer<'a> {
    output: &'a Output,
    rows: LiveRows,
    args: &'a LogsArgs,
    shows_steps: bool,
    left: u64,
}

impl Printer<'_> {
    /// Prints a line. Returns whether more lines are wanted.
    fn print(&mut self, line: &LogLine) -> Result<bool, Error> {
        if self.output.is_closed() || self.left == 0 {
            return Ok(false);
        }
        if self.args.metrics {
            let Some(metrics) = InvocationMetrics::of(&line.message) else { return Ok(true) };
            self.rows.push(&MetricsRow { time: line.rfc3339(), metrics })?;
        } else if !self.is_asked(line.kind) {
            return Ok(true);
        } else if self.is_for_people() {
            self.output.log_line(line)?;
        } else {
            self.rows.push(line)?;
        }
        self.left -= 1;
        Ok(self.left > 0)
    }

    fn is_for_people(&self) -> bool {
        self.output.row_format() == Format::Table
    }

    fn is_asked(&self, kind: LogKind) -> bool {
        if !self.args.kind.is_empty() {
            return self.args.kind.contains(&kind);
        }
        let is_step = matches!(kind, LogKind::Start | LogKind::End);
        !(is_step && self.is_for_people() && !self.shows_steps)
    }

    /// Shows all lines so far.
    fn show(&mut self) -> Result<(), Error> {
        if self.args.metrics { self.rows.show::<MetricsRow>() } else { self.rows.show::<LogLine>() }
    }

    /// Shows the rest and closes the document. Returns the number of lines.
    fn finish(self) -> Result<u64, Error> {
        let printed = self.args.limit.unwrap_or(u64::MAX) - self.left;
        if self.args.metrics {
            self.rows.finish::<MetricsRow>()?;
        } else if !self.is_for_people() {
            self.rows.finish::<LogLine>()?;
        }
        Ok(printed)
    }
}

/// Shows new lines until Ctrl-C, a closed pipe or the limit.
async fn follow(context: &Context, clients: &Clients, query: LogQuery, mut printer: Printer<'_>) -> Result<(), Error> {
    let group = query.group.clone();
    let shortest = if context.settings.local { LOCAL_PAUSE } else { PAUSE };
    let mut follower = LogFollower::new(query);
    let mut pause = shortest;
    let mut troubled: Option<Instant> = None;
    let (mut is_told, mut has_answered) = (false, false);
    let work = async {
        while printer.left > 0 && !context.output.is_closed() {
            let polled = follower.poll(clients, |line| printer.print(&line).map_err(FollowError::Output)).await;
            printer.show()?;
            let trouble = match polled {
                Ok(Some(new)) => {
                    has_answered = true;
                    pause = if new > 0 { shortest } else { (pause * 2).min(shortest * LONGEST_PAUSE) };
                    None
                }
                Ok(None) => {
                    if !std::mem::replace(&mut has_answered, true) {
                        context.output.status(format!("waiting: log group {group} does not exist yet"));
                        is_told = true;
                    }
                    Some(format!("log group {group} does not exist"))
                }
                Err(FollowError::Output(error)) => return Err(error),
                // A wrong endpoint would be waited for without end.
                Err(FollowError::Call(failure)) if has_answered && is_passing(&failure) => {
                    pause = (pause * 2).min(PAUSE * 10);
                    Some(failure.said())
                }
                Err(FollowError::Call(failure)) => return Err(failure.into()),
            };
            match (&trouble, troubled) {
                (None, _) => (troubled, is_told) = (None, false),
                (Some(_), None) => troubled = Some(Instant::now()),
                (Some(reason), Some(since)) if !is_told && since.elapsed() >= QUIET_WAIT => {
                    is_told = true;
                    context.output.status(format!("still waiting: {reason}"));
                }
                _ => {}
            }
            if printer.left > 0 {
                sleep(pause).await;
            }
        }
        Ok(())
    };
    let result = context.or_interrupt(work, || Error::interrupted("interrupted")).await;
    printer.finish()?;
    result
}

/// Returns whether the next poll may succeed.
fn is_passing(failure: &AwsFailure) -> bool {
    failure.is_transient() || failure.cause == FailureCause::Unreachable
}

/// Why a poll ended.
enum FollowError {
    Call(AwsFailure),
    Output(Error),
}

impl From<AwsFailure> for FollowError {
    fn from(failure: AwsFailure) -> Self {
        FollowError::Call(failure)
    }
}
