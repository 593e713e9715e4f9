//! `tail`: readings as they enter the stream.

mod flags;
mod report;
mod view;

use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;
use sensor_model::MAX_SENSOR_ID_BYTES;
use tokio::time::{Interval, MissedTickBehavior, interval};

use self::flags::{TailStartParser, TailUntilParser, shard_id};
use self::view::View;
use super::positive_count::parse_positive_count;
use crate::context::Context;
use crate::error::{Error, ErrorKind};
use crate::output::TailProgress;
use crate::pipeline::{
    FanOutReader, PollingReader, ReadPace, StreamConsumer, TailEnd, TailOptions, TailStart, TailStream,
};

/// How often the reader of stdout is looked for while no row is written.
const PIPE_CHECK: Duration = Duration::from_millis(500);
/// The interval of `--stats`.
const STATS_INTERVAL: Duration = Duration::from_secs(1);

/// Show readings as they enter the stream
///
/// Reads every shard, closed ones before those that they were split or merged into, and takes aggregated records apart.
/// Without --until and --limit it goes on until Ctrl-C.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  sensorctl tail
  sensorctl tail --from 15m --sensor kitchen
  sensorctl tail --from trim-horizon --until now --raw -o ndjson
  sensorctl tail --from 1d --until now | sensorctl --stage copy put --file -

NDJSON, JSON and CSV have the form of `scan`; a table and --raw also show when a record arrived in the stream, and
how long before it was received (lag). Records that are not readings are counted at the end; --raw shows them. Order
holds within a shard, and from a shard to its children, but not between shards.")]
pub(crate) struct TailArgs {
    /// First records: latest (from now on), trim-horizon (the oldest), or those since a time: seconds since 1970,
    /// 2010-01-01T01:00:00Z, or an age such as 15m, 1h or 2d
    #[arg(long, value_name = "WHERE", allow_negative_numbers = true, default_value = "latest", hide_possible_values = true,
        value_parser = TailStartParser)]
    from: TailStart,
    /// Stop after the records that have arrived by now, or by a time
    #[arg(long, value_name = "WHEN", allow_negative_numbers = true, hide_possible_values = true,
        value_parser = TailUntilParser)]
    until: Option<TailEnd>,
    /// Stop after COUNT rows
    #[arg(long, value_name = "COUNT", value_parser = parse_positive_count)]
    limit: Option<u64>,
    /// Show readings of this sensor only (repeatable)
    #[arg(long = "sensor", value_name = "ID")]
    sensors: Vec<String>,
    /// Read this shard only, and not those that it is split or merged into: shardId-000000000000, or 0 (repeatable)
    #[arg(long = "shard", value_name = "SHARD", value_parser = shard_id)]
    shards: Vec<String>,
    /// Show records as they are, those included that are not readings: shard, sequence number, partition key, arrival,
    /// and the data as text or base64
    #[arg(long)]
    raw: bool,
    /// Read as a consumer of its own with enhanced fan-out: records are pushed and take nothing of what other readers
    /// share. It is registered for this run, and costs money by the hour for each shard
    #[arg(long)]
    fan_out: bool,
    /// Read as this registered consumer, which stays. Who else reads as it loses the shards to this run
    #[arg(long, value_name = "NAME", requires = "fan_out")]
    consumer: Option<String>,
    /// Show rates once a second instead of rows
    #[arg(long, conflicts_with_all = ["raw", "limit"])]
    stats: bool,
}

pub(super) async fn run(context: &Context, args: TailArgs) -> Result<(), Error> {
    args.check()?;
    let clients = context.clients().await?.clone();
    let stream = context.settings.pipeline.stream.name.as_str();
    let pause = context.settings.tail.pause;
    let pace = if clients.settles_at_once() { ReadPace::unlimited(pause) } else { ReadPace::shared(pause) };
    let progress = Arc::new(TailProgress::new(&context.output, args.introduction(stream)));
    let options = TailOptions { from: args.from, until: args.until, shards: args.shards.clone(), pace };
    let mut view = View::new(&context.output, &args, progress.clone());
    let (result, resume) = if args.fan_out {
        as_consumer(context, &args, options, progress, &mut view).await
    } else {
        let mut tail = TailStream::start(PollingReader::new(clients, stream), options, progress);
        (follow(context, &mut tail, &mut view).await, tail.resume())
    };
    let result = result.and(view.finish());
    let summary = view.summary();
    if context.output.is_closed() && result.is_ok() {
        return Ok(());
    }
    let read_nothing =
        summary.records == 0 && result.as_ref().is_err_and(|error| error.kind() != ErrorKind::Interrupted);
    if !read_nothing {
        report::print(context, &args, stream, &summary);
    }
    result.map_err(|error| report::complete(error, &args, &summary, resume))
}

/// Reads as a registered consumer. One of this run is deregistered however the tail ends.
async fn as_consumer(
    context: &Context,
    args: &TailArgs,
    options: TailOptions,
    progress: Arc<TailProgress>,
    view: &mut View,
) -> (Result<(), Error>, Option<TailStart>) {
    let stream = context.settings.pipeline.stream.name.as_str();
    let found = async {
        let clients = context.clients().await?.clone();
        let consumer = match &args.consumer {
            Some(name) => StreamConsumer::existing(clients.clone(), stream, name).await?,
            None => StreamConsumer::register(clients.clone(), stream).await?,
        };
        Ok::<_, Error>((clients, consumer))
    };
    let (clients, consumer) = match found.await {
        Ok(found) => found,
        Err(error) => return (Err(error), None),
    };
    if args.consumer.is_none() {
        let name = &consumer.name;
        context.output.note(format!(
            "registered consumer {name}: about 0.015 USD an hour for each shard, and 0.013 USD for each GB, until this \
             command ends"
        ));
    }
    let options = TailOptions { pace: options.pace.pushed(), ..options };
    let mut tail = TailStream::start(FanOutReader::new(clients, stream, &consumer), options, progress);
    let result = follow(context, &mut tail, view).await;
    let resume = tail.resume();
    drop(tail);
    let result = match (result, consumer.deregister().await) {
        (Err(error), Err(left)) => Err(left.hints().iter().fold(error.hint(left.to_string()), Error::hint)),
        (result, deregistered) => result.and(deregistered),
    };
    (result, resume)
}

/// Shows pages until the tail ends, the view has enough, or nobody reads it any more.
async fn follow(context: &Context, tail: &mut TailStream, view: &mut View) -> Result<(), Error> {
    let mut pipe_check = ticks(PIPE_CHECK);
    let mut stats = ticks(STATS_INTERVAL);
    loop {
        tokio::select! {
            biased;
            () = context.interrupt.cancelled() => return Err(Error::interrupted("interrupted")),
            _ = stats.tick(), if view.is_stats() => view.show_rates()?,
            _ = pipe_check.tick() => context.output.check_reader(),
            page = tail.next() => match page? {
                Some(page) => view.show(&page)?,
                None => return Ok(()),
            },
        }
        if view.is_full() || context.output.is_closed() {
            return Ok(());
        }
    }
}

/// Returns ticks that begin after a period.
fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.reset();
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}
