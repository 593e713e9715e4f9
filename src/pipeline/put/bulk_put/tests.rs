//! Counts and order of a bulk put under failures, on the paused clock.

use std::cell::RefCell;
use std::collections::HashMap;

use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sensor_model::Reading;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::aggregation::Aggregation;
use super::super::aggregation_mode::AggregationChoice;
use super::super::parcel::PutEntry;
use super::super::put_options::SendPlan;
use super::super::retry::EntryResult;
use super::super::shard_map::ShardRange;
use super::*;
use crate::aws::{AwsFailure, FailureCause};
use crate::observer::Observer;
use crate::pipeline::input::parsed_line::ParsedLine;
use crate::pipeline::{PutEvent, RejectedLine};

/// An observer that ignores events.
pub(super) struct Deaf;

impl Observer<PutEvent<'_>> for Deaf {
    fn on(&self, _: &PutEvent<'_>) {}
}

fn item(index: usize, sensor: u8, bad: bool) -> ParsedLine {
    let line = index as u64 + 1;
    if bad {
        let file = "f".into();
        let reason = "not JSON".to_owned();
        return ParsedLine::Rejected(RejectedLine {
            file,
            line,
            code: "not-json",
            reason,
            raw: Vec::new(),
            truncated: false,
        });
    }
    // Few rows, so that many readings replace each other. The field distinguishes them.
    let json = format!(r#"{{"sensor_id":"s{sensor}","temperature":1,"current_time":7,"index":{index}}}"#);
    ParsedLine::Ready(Record::new(&Reading::from_json(json.as_bytes()).unwrap(), 0, line).unwrap())
}

fn failure(cause: FailureCause, code: &str) -> AwsFailure {
    AwsFailure {
        service: "Kinesis",
        operation: "PutRecords",
        resource: "stream s".into(),
        location: "here".into(),
        code: Some(code.into()),
        message: "no".into(),
        cause,
    }
}

/// A stream whose shards are not known.
struct Stream<S>(S);

impl<S: AsyncFn(&[PutEntry<'_>]) -> Result<Vec<EntryResult>, AwsFailure>> StreamWriter for Stream<S> {
    async fn put(&self, entries: &[PutEntry<'_>]) -> Result<Vec<EntryResult>, AwsFailure> {
        self.0(entries).await
    }

    async fn open_shards(&self) -> Result<Vec<ShardRange>, AwsFailure> {
        Err(failure(FailureCause::Denied, "AccessDeniedException"))
    }
}

fn options(rate: Option<f64>, interrupt: &CancellationToken) -> PutOptions<'_> {
    PutOptions {
        plan: SendPlan::unknown(),
        rate,
        max_errors: None,
        rejects: None,
        checkpoint: None,
        observer: &Deaf,
        interrupt,
    }
}

fn accepted() -> EntryResult {
    EntryResult::Accepted { shard_id: "shardId-000000000000".into() }
}

fn all_accepted(entries: &[PutEntry<'_>]) -> Vec<EntryResult> {
    entries.iter().map(|_| accepted()).collect()
}

/// Returns the sensor and time of a reading.
fn row(data: &[u8]) -> (String, String) {
    let reading = Reading::from_json(data).unwrap();
    (reading.sensor_id, reading.current_time.to_string())
}

async fn run<S>(items: Vec<ParsedLine>, send: S, rate: Option<f64>, interrupt: &CancellationToken) -> PutOutcome
where
    S: AsyncFn(&[PutEntry<'_>]) -> Result<Vec<EntryResult>, AwsFailure>,
{
    let (sender, chunks) = mpsc::channel(2);
    let feed = tokio::spawn(async move {
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            let chunk = items.by_ref().take(100).collect();
            if sender.send(Ok(chunk)).await.is_err() {
                return;
            }
        }
    });
    let chunks = ParsedChunks::from_channel(chunks);
    let outcome = put_all(chunks, &Stream(send), options(rate, interrupt)).await;
    feed.await.unwrap();
    outcome
}

pub(super) fn balanced(outcome: &PutOutcome) -> bool {
    let sums = &outcome.summary;
    sums.read == sums.accepted + sums.rejected + sums.failed && sums.failed == outcome.failed.len() as u64
}

pub(super) fn paused<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(work)
}

#[test]
fn put_all_missing_stream_aborts_and_fails_all_read_records() {
    let calls = RefCell::new(0);
    let send = async |_: &[PutEntry<'_>]| {
        *calls.borrow_mut() += 1;
        Err(failure(FailureCause::Missing, "ResourceNotFoundException"))
    };
    let items = (0..5000).map(|index| item(index, 1, false)).collect();
    let outcome = paused(run(items, send, None, &CancellationToken::new()));
    assert!(balanced(&outcome));
    assert_eq!(*calls.borrow(), 1);
    assert_eq!(outcome.summary.accepted, 0);
    assert!(outcome.summary.read < 5000, "the rest of the input is not read");
    assert!(outcome.stopped.unwrap().to_string().contains("ResourceNotFoundException"));
}

#[test]
fn put_all_without_progress_gives_up_after_a_minute() {
    let send = async |records: &[PutEntry<'_>]| {
        Ok(records.iter().map(|_| EntryResult::Failed("ProvisionedThroughputExceededException".into())).collect())
    };
    let items = (0..10).map(|index| item(index, 1, false)).collect();
    let outcome = paused(run(items, send, None, &CancellationToken::new()));
    assert!(balanced(&outcome));
    assert_eq!(outcome.summary.failed, 10);
    assert!((60.0..70.0).contains(&outcome.summary.seconds), "{}", outcome.summary.seconds);
    let lines: Vec<_> = outcome.failed.iter().map(|record| record.line).collect();
    assert_eq!(lines, (1..=10).collect::<Vec<_>>());
    assert!(outcome.stopped.unwrap().to_string().contains("took nothing for 60 s"));
}

#[test]
fn put_all_interrupt_waits_for_request_in_flight_and_sends_no_other() {
    let interrupt = CancellationToken::new();
    let calls = RefCell::new(0);
    let send = async |records: &[PutEntry<'_>]| {
        *calls.borrow_mut() += 1;
        interrupt.cancel();
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(all_accepted(records))
    };
    let items = (0..5000).map(|index| item(index, 1, false)).collect();
    let outcome = paused(run(items, send, None, &interrupt));
    assert!(balanced(&outcome));
    assert_eq!((*calls.borrow(), outcome.summary.accepted), (1, 500));
    assert!(outcome.stopped.is_none());
}

#[test]
fn put_all_interrupt_wait_is_bounded() {
    let interrupt = CancellationToken::new();
    let send = async |_: &[PutEntry<'_>]| {
        interrupt.cancel();
        std::future::pending().await
    };
    let items = (0..600).map(|index| item(index, 1, false)).collect();
    let outcome = paused(run(items, send, None, &interrupt));
    assert!(balanced(&outcome));
    assert_eq!((outcome.summary.accepted, outcome.summary.failed), (0, outcome.summary.read));
    assert!((10.0..10.5).contains(&outcome.summary.seconds), "{}", outcome.summary.seconds);
}

#[test]
fn put_all_abort_counts_queued_records_as_failed() {
    let interrupt = CancellationToken::new();
    interrupt.cancel();
    let send = async |_: &[PutEntry<'_>]| panic!("nothing is sent after a halt");
    let outcome = paused(async {
        let (sender, chunks) = mpsc::channel(2);
        for chunk in [0..100, 100..150] {
            sender.try_send(Ok(chunk.map(|index| item(index, 1, index % 10 == 0)).collect())).unwrap();
        }
        drop(sender);
        put_all(ParsedChunks::from_channel(chunks), &Stream(send), options(None, &interrupt)).await
    });
    assert!(balanced(&outcome));
    let sums = &outcome.summary;
    assert_eq!((sums.read, sums.accepted, sums.rejected, sums.failed), (150, 0, 15, 135));
}

#[test]
fn rate_limit_after_input_pause_has_no_burst() {
    let sizes = RefCell::new(Vec::new());
    let send = async |records: &[PutEntry<'_>]| {
        sizes.borrow_mut().push(records.len());
        Ok(all_accepted(records))
    };
    let outcome = paused(async {
        let (sender, chunks) = mpsc::channel(2);
        let feed = tokio::spawn(async move {
            sender.send(Ok([item(0, 1, false)].into_iter().collect())).await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
            sender.send(Ok((1..101).map(|index| item(index, 1, false)).collect())).await.unwrap();
        });
        let interrupt = CancellationToken::new();
        let options = options(Some(100.0), &interrupt);
        let outcome = put_all(ParsedChunks::from_channel(chunks), &Stream(send), options).await;
        feed.await.unwrap();
        outcome
    });
    assert_eq!(outcome.summary.accepted, 101);
    assert!((60.8..61.2).contains(&outcome.summary.seconds), "{}", outcome.summary.seconds);
    assert!(sizes.borrow().iter().all(|records| *records <= 21), "{:?}", sizes.borrow());
}

#[test]
fn rate_limit_is_kept_and_slow_readings_are_sent_after_linger() {
    let calls = RefCell::new(0);
    let send = async |records: &[PutEntry<'_>]| {
        *calls.borrow_mut() += 1;
        Ok(all_accepted(records))
    };
    let items = (0..51).map(|index| item(index, 1, false)).collect();
    let outcome = paused(run(items, send, Some(5.0), &CancellationToken::new()));
    assert_eq!(outcome.summary.accepted, 51);
    assert!((10.0..10.3).contains(&outcome.summary.seconds), "{}", outcome.summary.seconds);
    assert_eq!(*calls.borrow(), 51);
}

#[test]
fn dry_run_estimates_the_records_and_bytes_that_a_put_sends() {
    let items = || (0..20_000_usize).map(|index| item(index, u8::try_from(index % 200).unwrap(), index % 50 == 7));
    let chunks = || {
        let (sender, chunks) = mpsc::channel(256);
        let items: Vec<_> = items().collect();
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            sender.try_send(Ok(items.by_ref().take(100).collect())).unwrap();
        }
        ParsedChunks::from_channel(chunks)
    };
    let interrupt = CancellationToken::new();
    let send = async |records: &[PutEntry<'_>]| Ok(all_accepted(records));
    paused(async {
        let estimator = Estimator::new(AggregationChoice::Auto, None);
        let estimate = validate_only(chunks(), options(None, &interrupt), estimator).await.summary.estimate.unwrap();
        let aggregations = [Aggregation::On { keeps_group_key: false }, Aggregation::Off];
        for (aggregation, estimated) in aggregations.into_iter().zip([estimate.aggregated, estimate.separate]) {
            let plan = SendPlan { aggregation, ..SendPlan::unknown() };
            let options = PutOptions { plan, ..options(None, &interrupt) };
            let summary = put_all(chunks(), &Stream(send), options).await.summary;
            assert_eq!((summary.accepted, summary.rejected), (19_600, 400));
            let estimated = estimated.unwrap();
            assert_eq!((estimated.records, estimated.bytes), (summary.records, summary.bytes), "{aggregation:?}");
        }
    });
}

mod slow {
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn put_all_random_failures_counts_balance_and_last_reading_of_each_row_wins(
            inputs in prop::collection::vec((0_u8..12, prop::bool::weighted(0.05)), 0..1800),
            seed in any::<u64>(),
        ) {
            let table = RefCell::new(HashMap::new());
            let luck = RefCell::new(StdRng::seed_from_u64(seed));
            let fate = || luck.borrow_mut().random_range(0..10_u8);
            let send = async |records: &[PutEntry<'_>]| {
                tokio::time::sleep(Duration::from_millis(u64::from(fate()))).await;
                if fate() == 0 {
                    return Err(failure(FailureCause::Throttled, "ProvisionedThroughputExceededException"));
                }
                Ok(records.iter().map(|record| {
                    if fate() < 2 {
                        return EntryResult::Failed("InternalFailure".into());
                    }
                    table.borrow_mut().insert(row(record.data), record.data.to_vec());
                    accepted()
                }).collect())
            };
            let items: Vec<_> = inputs.iter().enumerate().map(|(index, (sensor, bad))| item(index, *sensor, *bad)).collect();
            let mut wanted = HashMap::new();
            for (index, (sensor, bad)) in inputs.iter().enumerate() {
                if let ParsedLine::Ready(record) = item(index, *sensor, *bad) {
                    wanted.insert(row(record.data.as_bytes()), record.data.into_bytes());
                }
            }
            let outcome = paused(run(items, send, None, &CancellationToken::new()));
            prop_assert!(balanced(&outcome), "{:?}", outcome.summary);
            prop_assert_eq!(outcome.summary.read, inputs.len() as u64);
            prop_assert_eq!(outcome.summary.failed, 0);
            prop_assert!(outcome.summary.records >= outcome.summary.accepted);
            prop_assert_eq!(table.into_inner(), wanted);
        }
    }
}
