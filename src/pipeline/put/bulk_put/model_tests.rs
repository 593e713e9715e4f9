//! A model of a stream whose shards split, merge, throttle and lose answers, read as the KCL reads it: nothing is lost,
//! counts balance, order holds while nothing fails, and the last reading of each row wins.

mod checkpoint;
mod model_stream;

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::model_stream::{Faults, ModelStream, Reshard};
use super::tests::{Deaf, balanced, paused};
use super::*;
use crate::aws::FailureCause;
use crate::pipeline::input::parsed_line::ParsedLine;
use crate::pipeline::put::aggregation::Aggregation;
use crate::pipeline::put::put_options::SendPlan;
use crate::pipeline::put::rate_limit::ShardLimits;
use crate::pipeline::put::shard_map::ShardMap;
use crate::pipeline::{Record, RejectedLine};

/// A line of the input.
#[derive(Clone, Copy, Debug)]
struct Line {
    sensor: u8,
    time: u8,
    padding: u16,
    is_rejected: bool,
    /// The pause before it, in milliseconds.
    pause: u8,
}

fn any_line() -> impl Strategy<Value = Line> {
    let padding = prop_oneof![8 => 0_u16..400, 2 => 400_u16..4000, 1 => 20_000_u16..60_000];
    let line = (0_u8..24, 0_u8..4, padding, prop::bool::weighted(0.05), prop_oneof![20 => Just(0_u8), 1 => 0_u8..250]);
    line.prop_map(|(sensor, time, padding, is_rejected, pause)| Line { sensor, time, padding, is_rejected, pause })
}

fn any_aggregation() -> impl Strategy<Value = Aggregation> {
    prop_oneof![
        1 => Just(Aggregation::Off),
        2 => Just(Aggregation::On { keeps_group_key: false }),
        2 => Just(Aggregation::On { keeps_group_key: true }),
    ]
}

fn any_plan() -> impl Strategy<Value = (Aggregation, ShardLimits)> {
    (any_aggregation(), prop_oneof![Just(ShardLimits::Unknown), Just(ShardLimits::Provisioned)])
}

fn any_reshards() -> impl Strategy<Value = Vec<(usize, Reshard)>> {
    let reshard = prop_oneof![any::<usize>().prop_map(Reshard::Split), any::<usize>().prop_map(Reshard::Merge)];
    prop::collection::vec((1_usize..40, reshard), 0..6)
}

fn parsed(number: usize, line: Line) -> ParsedLine {
    let (input, line_number) = (u32::from(number >= 50), number as u64 + 1);
    if line.is_rejected {
        let (reason, raw) = ("not JSON".to_owned(), Vec::new());
        let rejected =
            RejectedLine { file: "f".into(), line: line_number, code: "not-json", reason, raw, truncated: false };
        return ParsedLine::Rejected(rejected);
    }
    let Line { sensor, time, padding, .. } = line;
    let pad = "x".repeat(padding.into());
    let data =
        format!(r#"{{"sensor_id":"s{sensor}","temperature":1,"current_time":{time},"number":{number},"pad":"{pad}"}}"#);
    let row = u64::from(sensor) * 256 + u64::from(time);
    ParsedLine::Ready(Record { data, partition_key: format!("s{sensor}").into(), row, input, line: line_number })
}

/// Puts the lines into the stream on the paused clock.
fn put(lines: &[Line], stream: &ModelStream, plan: (Aggregation, ShardLimits)) -> PutOutcome {
    let lines = lines.to_vec();
    paused(async {
        let (sender, chunks) = mpsc::channel(2);
        let feed = tokio::spawn(async move {
            for (chunk, some) in lines.chunks(20).enumerate() {
                tokio::time::sleep(Duration::from_millis(some[0].pause.into())).await;
                let items = some.iter().enumerate().map(|(at, line)| parsed(chunk * 20 + at, *line)).collect();
                if sender.send(Ok(items)).await.is_err() {
                    return;
                }
            }
        });
        let map = ShardMap::new(stream.open()).unwrap();
        let interrupt = stream.interrupt();
        let options = PutOptions {
            plan: SendPlan { map, aggregation: plan.0, limits: plan.1 },
            rate: None,
            max_errors: None,
            rejects: None,
            checkpoint: None,
            observer: &Deaf,
            interrupt: &interrupt,
        };
        let outcome = put_all(ParsedChunks::from_channel(chunks), stream, options).await;
        feed.await.unwrap();
        outcome
    })
}

/// Returns the numbers of the lines that are readings.
fn readings(lines: &[Line]) -> BTreeSet<usize> {
    lines.iter().enumerate().filter(|(_, line)| !line.is_rejected).map(|(number, _)| number).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn put_all_without_failures_keeps_order_and_sends_once_through_resharding(
        lines in prop::collection::vec(any_line(), 0..600),
        plan in any_plan(),
        shards in 1_usize..6,
        reshards in any_reshards(),
        seed in any::<u64>(),
    ) {
        let stream = ModelStream::new(shards, reshards, Faults::default(), seed);
        let outcome = put(&lines, &stream, plan);
        prop_assert!(balanced(&outcome), "{:?}", outcome.summary);
        prop_assert_eq!((outcome.summary.failed, outcome.summary.retries), (0, 0));
        prop_assert_eq!(outcome.summary.records, stream.records());
        let read = stream.read_as_kcl();
        prop_assert_eq!(read.len() as u64, outcome.summary.accepted, "no reading is there twice");
        prop_assert_eq!(read.iter().copied().collect::<BTreeSet<_>>(), readings(&lines));
        let mut last: HashMap<u8, usize> = HashMap::new();
        for number in read {
            let before = last.insert(lines[number].sensor, number);
            prop_assert!(before.is_none_or(|before| before < number), "{before:?} {number}");
        }
    }

    #[test]
    fn put_all_with_failures_loses_nothing_and_the_last_reading_of_each_row_wins(
        lines in prop::collection::vec(any_line(), 0..600),
        plan in any_plan(),
        shards in 1_usize..6,
        reshards in any_reshards(),
        seed in any::<u64>(),
    ) {
        let faults = Faults { throttled: 10, internal: 3, refused: 5, lost: 5, list_fails: 30, ends_at: None };
        let stream = ModelStream::new(shards, reshards, faults, seed);
        let outcome = put(&lines, &stream, plan);
        prop_assert!(balanced(&outcome), "{:?}", outcome.summary);
        prop_assert_eq!(outcome.summary.failed, 0);
        let read = stream.read_as_kcl();
        prop_assert_eq!(read.iter().copied().collect::<BTreeSet<_>>(), readings(&lines), "nothing is lost");
        let row = |number: usize| (lines[number].sensor, lines[number].time);
        let stored: HashMap<_, _> = read.iter().map(|number| (row(*number), *number)).collect();
        let wanted: HashMap<_, _> = readings(&lines).into_iter().map(|number| (row(number), number)).collect();
        prop_assert_eq!(stored, wanted);
    }

    #[test]
    fn put_all_that_ends_early_accounts_for_every_reading(
        lines in prop::collection::vec(any_line(), 0..600),
        plan in any_plan(),
        shards in 1_usize..6,
        reshards in any_reshards(),
        seed in any::<u64>(),
        call in 0_usize..12,
        end in prop_oneof![
            Just(None),
            Just(Some(FailureCause::Missing)),
            Just(Some(FailureCause::Credentials)),
            Just(Some(FailureCause::Denied)),
        ],
    ) {
        let faults = Faults { throttled: 10, internal: 3, refused: 5, lost: 5, list_fails: 30, ends_at: Some((call, end)) };
        let stream = ModelStream::new(shards, reshards, faults, seed);
        let outcome = put(&lines, &stream, plan);
        prop_assert!(balanced(&outcome), "{:?}", outcome.summary);
        if outcome.stopped.is_none() && !stream.interrupt().is_cancelled() {
            prop_assert_eq!(outcome.summary.read, lines.len() as u64);
        }
        // Accepted readings are there. The others are kept, and may be there, too, if an answer was lost.
        let read: BTreeSet<_> = stream.read_as_kcl().into_iter().collect();
        let failed: BTreeSet<_> =
            outcome.failed.iter().map(|record| usize::try_from(record.line).unwrap() - 1).collect();
        prop_assert_eq!(failed.len() as u64, outcome.summary.failed);
        prop_assert_eq!(outcome.failed.iter().all(|record| record.input == u32::from(record.line > 50)), true);
        let read_lines = usize::try_from(outcome.summary.read).unwrap();
        let of_input: BTreeSet<_> = readings(&lines).into_iter().filter(|number| *number < read_lines).collect();
        prop_assert_eq!(read.union(&failed).copied().collect::<BTreeSet<_>>(), of_input);
        prop_assert!(read.len() as u64 >= outcome.summary.accepted);
    }
}

#[test]
fn put_all_throttled_shard_does_not_stall_the_others() {
    let stream = ModelStream::new(4, Vec::new(), Faults::default(), 1);
    let blocked = stream.block_shard(0);
    let lines: Vec<_> = (0..4000_u16)
        .map(|number| Line { sensor: (number % 24) as u8, time: 0, padding: 100, is_rejected: false, pause: 1 })
        .collect();
    let on = Aggregation::On { keeps_group_key: false };
    let outcome = put(&lines, &stream, (on, ShardLimits::Provisioned));
    assert!(balanced(&outcome));
    let read: BTreeSet<_> = stream.read_as_kcl().into_iter().collect();
    let (of_blocked, others): (Vec<_>, Vec<_>) = (0..lines.len()).partition(|number| blocked(lines[*number].sensor));
    assert!(!of_blocked.is_empty() && others.iter().all(|number| read.contains(number)), "all others were accepted");
    assert_eq!(outcome.summary.failed, of_blocked.len() as u64);
    let stopped = outcome.stopped.unwrap().to_string();
    assert!(stopped.contains("took nothing for 60 s") && stopped.contains("(shardId-000000000000)"), "{stopped}");
}

#[test]
fn put_all_max_errors_stops_at_the_next_rejected_line() {
    let lines: Vec<_> = (0..200_u8)
        .map(|number| Line { sensor: 1, time: 0, padding: 1, is_rejected: number % 10 == 9, pause: 0 })
        .collect();
    for (most, rejected) in [(0, 1), (3, 4), (20, 20)] {
        let stream = ModelStream::new(1, Vec::new(), Faults::default(), 1);
        let outcome = paused(async {
            let (sender, chunks) = mpsc::channel(300);
            for (number, line) in lines.iter().enumerate() {
                sender.try_send(Ok([parsed(number, *line)].into_iter().collect())).unwrap();
            }
            drop(sender);
            let interrupt = CancellationToken::new();
            let options = PutOptions {
                plan: SendPlan::unknown(),
                rate: None,
                max_errors: Some(most),
                rejects: None,
                checkpoint: None,
                observer: &Deaf,
                interrupt: &interrupt,
            };
            put_all(ParsedChunks::from_channel(chunks), &stream, options).await
        });
        assert!(balanced(&outcome));
        // Readings between input and sending count, too.
        assert!(outcome.summary.rejected >= rejected);
        let accepted = if most == 20 { 180 } else { (most + 1) * 9 };
        assert_eq!(outcome.summary.accepted, accepted);
        let stopped = outcome.stopped.map(|error| error.to_string());
        assert_eq!(stopped.is_some_and(|error| error.contains("`--max-errors`")), most < 20);
    }
}

#[test]
fn put_all_shard_that_is_split_beside_a_group_border_keeps_order() {
    let lines: Vec<_> = (0..600_u16)
        .map(|number| Line {
            // They are in the first group of the second shard.
            sensor: [136, 170, 254][usize::from(number % 3)],
            time: 0,
            padding: 300 + number % 90,
            is_rejected: false,
            pause: 90,
        })
        .collect();
    for seed in 0..20 {
        // Two shards of the model meet 16 hash keys below the middle, where the merged one is split. The shards are listed
        // again after all of that.
        let reshards = vec![(2, Reshard::Merge(0)), (3, Reshard::Split(0)), (4, Reshard::Split(0))];
        let stream = ModelStream::new(2, reshards, Faults::default(), seed);
        let outcome = put(&lines, &stream, (Aggregation::On { keeps_group_key: true }, ShardLimits::Unknown));
        assert_eq!(outcome.summary.accepted, 600);
        let mut last: HashMap<u8, usize> = HashMap::new();
        for number in stream.read_as_kcl() {
            let before = last.insert(lines[number].sensor, number);
            assert!(before.is_none_or(|before| before < number), "seed {seed}: {number} after {before:?}");
        }
    }
}
