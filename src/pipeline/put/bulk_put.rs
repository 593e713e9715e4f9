//! Puts many readings into the stream: reads an input, batches readings, feeds the put workers and counts the results.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::dispatcher::{Dispatched, Dispatcher};
use super::put_options::PutOptions;
use super::put_worker::{self, AbortSignal, WorkerStats};
use super::retry::EntryResult;
use crate::aws::AwsFailure;
use crate::error::Error;
use crate::pipeline::input::parsed_line::ParsedLine;
use crate::pipeline::input::unread::{COUNT_LIMIT, Positions};
use crate::pipeline::{InputSummary, ParsedChunks, PutEvent, PutSummary, Record, Unread};

/// Number of put workers. Each has one request in flight. The readings of a sensor share a worker.
const LANES: usize = 4;

/// The result of a bulk put.
#[derive(Debug)]
pub(crate) struct PutOutcome {
    /// The counts.
    pub summary: PutSummary,
    /// Records that the stream did not accept. The readings of a sensor are in input order.
    pub failed: Vec<Record>,
    /// The error that ended it early. `None` after the end of the input, and after an interrupt.
    pub stopped: Option<Error>,
    /// The inputs that were not read to their end.
    pub unread: Vec<Unread>,
}

/// Sends all records of `chunks`.
pub(crate) async fn put_all<S>(chunks: ParsedChunks, send: S, plan: PutOptions<'_>) -> PutOutcome
where
    S: AsyncFn(&[&Record]) -> Result<Vec<EntryResult>, AwsFailure>,
{
    let began = Instant::now();
    let (positions, facts) = (chunks.positions(), chunks.facts());
    let halt = AbortSignal::under(plan.interrupt);
    let observer = plan.observer;
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..LANES).map(|_| mpsc::channel(1)).unzip();
    let lanes = join_all(receivers.into_iter().map(|batches| put_worker::run(batches, &send, observer, &halt)));
    let dispatcher = Dispatcher::new(senders, plan, &halt);
    let (Dispatched { read, rejected, reasons, error, left }, tallies) = tokio::join!(dispatcher.run(chunks), lanes);
    let mut sum = WorkerStats::default();
    for tally in tallies {
        sum.accepted += tally.accepted;
        sum.records += tally.records;
        sum.bytes += tally.bytes;
        sum.retries += tally.retries;
        sum.failed.extend(tally.failed);
    }
    sum.failed.extend(left);
    let summary = PutSummary {
        read,
        accepted: sum.accepted,
        rejected,
        failed: sum.failed.len() as u64,
        records: sum.records,
        bytes: sum.bytes,
        retries: sum.retries,
        ..PutSummary::default()
    };
    let stopped = error.or_else(|| halt.into_reason());
    let mut summary = summary.within(began.elapsed());
    let unread = unread(positions).await;
    summary.input = InputSummary::new(&facts, reasons, &unread);
    PutOutcome { summary, failed: sum.failed, stopped, unread }
}

/// Counts the unread input on a blocking thread, away from the put workers.
async fn unread(positions: Positions) -> Vec<Unread> {
    let counting = positions.clone();
    let counted = tokio::task::spawn_blocking(move || counting.unread(COUNT_LIMIT)).await;
    counted.unwrap_or_else(|_| positions.unread(Duration::ZERO))
}

/// Reads and validates the whole input and sends nothing. `accepted` counts the records that would be sent.
pub(crate) async fn validate_only(mut chunks: ParsedChunks, mut plan: PutOptions<'_>) -> PutOutcome {
    let began = Instant::now();
    let (positions, facts) = (chunks.positions(), chunks.facts());
    let mut summary = PutSummary::default();
    let mut reasons = BTreeMap::new();
    let mut stopped = None;
    while let Some(chunk) = tokio::select! {
        biased;
        () = plan.interrupt.cancelled() => None,
        chunk = chunks.next() => chunk,
    } {
        let result = chunk.and_then(|items| {
            for item in items {
                summary.read += 1;
                match item {
                    ParsedLine::Ready(_) => summary.accepted += 1,
                    ParsedLine::Rejected(rejection) => {
                        summary.rejected += 1;
                        *reasons.entry(rejection.code).or_default() += 1;
                        plan.observer.event(&PutEvent::Rejected(&rejection));
                        plan.rejects.as_mut().map_or(Ok(()), |file| file.write(&rejection))?;
                    }
                }
            }
            Ok(())
        });
        if let Err(error) = result {
            stopped = Some(error);
            break;
        }
    }
    drop(chunks);
    let mut summary = summary.within(began.elapsed());
    let unread = unread(positions).await;
    summary.input = InputSummary::new(&facts, reasons, &unread);
    PutOutcome { summary, failed: Vec::new(), stopped, unread }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;

    use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use sensor_model::Reading;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::aws::FailureCause;
    use crate::pipeline::PutObserver;
    use crate::pipeline::RejectedLine;

    /// An observer that ignores events.
    struct Deaf;

    impl PutObserver for Deaf {
        fn event(&self, _event: &PutEvent<'_>) {}
    }

    fn item(index: usize, sensor: u8, bad: bool) -> ParsedLine {
        let file = "f".into();
        let line = index as u64 + 1;
        if bad {
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
        ParsedLine::Ready(Record::new(&Reading::from_json(json.as_bytes()).unwrap(), &file, line).unwrap())
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

    async fn run<S>(items: Vec<ParsedLine>, send: S, rate: Option<f64>, interrupt: &CancellationToken) -> PutOutcome
    where
        S: AsyncFn(&[&Record]) -> Result<Vec<EntryResult>, AwsFailure>,
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
        let outcome = put_all(chunks, send, PutOptions { rate, rejects: None, observer: &Deaf, interrupt }).await;
        feed.await.unwrap();
        outcome
    }

    fn balanced(outcome: &PutOutcome) -> bool {
        let sums = &outcome.summary;
        sums.read == sums.accepted + sums.rejected + sums.failed && sums.failed == outcome.failed.len() as u64
    }

    fn paused<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(work)
    }

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
            let send = async |records: &[&Record]| {
                tokio::time::sleep(Duration::from_millis(u64::from(fate()))).await;
                if fate() == 0 {
                    return Err(failure(FailureCause::Throttled, "ProvisionedThroughputExceededException"));
                }
                Ok(records.iter().map(|record| {
                    if fate() < 2 {
                        return EntryResult::Failed("InternalFailure".into());
                    }
                    table.borrow_mut().insert(record.row, record.data.clone());
                    EntryResult::Accepted
                }).collect())
            };
            let items: Vec<_> = inputs.iter().enumerate().map(|(index, (sensor, bad))| item(index, *sensor, *bad)).collect();
            let mut wanted = HashMap::new();
            for (index, (sensor, bad)) in inputs.iter().enumerate() {
                if let ParsedLine::Ready(record) = item(index, *sensor, *bad) {
                    wanted.insert(record.row, record.data);
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

    #[test]
    fn put_all_missing_stream_aborts_and_fails_all_read_records() {
        let calls = RefCell::new(0);
        let send = async |_: &[&Record]| {
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
        let send = async |records: &[&Record]| {
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
        let send = async |records: &[&Record]| {
            *calls.borrow_mut() += 1;
            interrupt.cancel();
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(records.iter().map(|_| EntryResult::Accepted).collect())
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
        let send = async |_: &[&Record]| {
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
        let send = async |_: &[&Record]| panic!("nothing is sent after a halt");
        let outcome = paused(async {
            let (sender, chunks) = mpsc::channel(2);
            for chunk in [0..100, 100..150] {
                sender.try_send(Ok(chunk.map(|index| item(index, 1, index % 10 == 0)).collect())).unwrap();
            }
            drop(sender);
            let plan = PutOptions { rate: None, rejects: None, observer: &Deaf, interrupt: &interrupt };
            put_all(ParsedChunks::from_channel(chunks), send, plan).await
        });
        assert!(balanced(&outcome));
        let sums = &outcome.summary;
        assert_eq!((sums.read, sums.accepted, sums.rejected, sums.failed), (150, 0, 15, 135));
    }

    #[test]
    fn rate_limit_after_input_pause_has_no_burst() {
        let sizes = RefCell::new(Vec::new());
        let send = async |records: &[&Record]| {
            sizes.borrow_mut().push(records.len());
            Ok(records.iter().map(|_| EntryResult::Accepted).collect())
        };
        let outcome = paused(async {
            let (sender, chunks) = mpsc::channel(2);
            let feed = tokio::spawn(async move {
                sender.send(Ok(vec![item(0, 1, false)])).await.unwrap();
                tokio::time::sleep(Duration::from_secs(60)).await;
                sender.send(Ok((1..101).map(|index| item(index, 1, false)).collect())).await.unwrap();
            });
            let interrupt = CancellationToken::new();
            let plan = PutOptions { rate: Some(100.0), rejects: None, observer: &Deaf, interrupt: &interrupt };
            let outcome = put_all(ParsedChunks::from_channel(chunks), send, plan).await;
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
        let send = async |records: &[&Record]| {
            *calls.borrow_mut() += 1;
            Ok(records.iter().map(|_| EntryResult::Accepted).collect())
        };
        let items = (0..51).map(|index| item(index, 1, false)).collect();
        let outcome = paused(run(items, send, Some(5.0), &CancellationToken::new()));
        assert_eq!(outcome.summary.accepted, 51);
        assert!((10.0..10.3).contains(&outcome.summary.seconds), "{}", outcome.summary.seconds);
        assert_eq!(*calls.borrow(), 51);
    }
}
