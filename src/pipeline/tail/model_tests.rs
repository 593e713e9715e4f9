//! A model of a stream whose shards split, merge, throttle, forget iterators and lose answers while it is written and
//! read: every record is read exactly once, and after all records of its shard and of its shard's ancestors before it.

mod ledger;
mod model_stream;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

use self::model_stream::{Faults, ModelStream, Reshard};
use super::coordinator::{TailEnd, TailOptions, TailStart, TailStream};
use super::event::TailEvent;
use super::read_pace::ReadPace;
use super::tail_page::TailPage;
use crate::aws::FailureCause;
use crate::error::Error;
use crate::observer::Observer;

/// Counts the events.
#[derive(Default)]
struct Events(Mutex<BTreeMap<&'static str, usize>>);

impl Observer<TailEvent<'_>> for Events {
    fn on(&self, event: &TailEvent<'_>) {
        let name = match event {
            TailEvent::Reading { .. } => "reading",
            TailEvent::Waiting { .. } => "waiting",
            TailEvent::Recovered { was_throttled: true, .. } => "throttled",
            TailEvent::Recovered { .. } => "recovered",
            TailEvent::Renewed { .. } => "renewed",
            TailEvent::Closed { .. } => "closed",
            TailEvent::Trimmed { .. } => "trimmed",
        };
        *self.0.lock().entry(name).or_default() += 1;
    }
}

impl Events {
    fn count(&self, name: &str) -> usize {
        self.0.lock().get(name).copied().unwrap_or_default()
    }
}

/// A step of the writer.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Puts so many records.
    Put(u8),
    Reshard(Reshard),
    /// Waits so many milliseconds.
    Pause(u16),
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1_u8..60).prop_map(Step::Put),
        1 => any::<usize>().prop_map(|choice| Step::Reshard(Reshard::Split(choice))),
        1 => any::<usize>().prop_map(|choice| Step::Reshard(Reshard::Merge(choice))),
        5 => (1_u16..2000).prop_map(Step::Pause),
    ];
    prop::collection::vec(step, 1..60)
}

fn any_faults() -> impl Strategy<Value = Faults> {
    let share = || prop_oneof![2 => 0_u8..1, 1 => 0_u8..35];
    (share(), share(), share(), share(), share(), share(), any::<bool>()).prop_map(
        |(throttled, failed, lost, expired, empty, stale, hides_children)| Faults {
            throttled,
            failed,
            lost,
            expired,
            empty,
            stale,
            hides_children,
        },
    )
}

fn paused<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(work)
}

fn options(from: TailStart, until: Option<TailEnd>) -> TailOptions {
    TailOptions { from, until, shards: Vec::new(), pace: ReadPace::shared(None) }
}

async fn write(stream: ModelStream, steps: Vec<Step>) {
    for step in steps {
        match step {
            Step::Put(count) => (0..count).for_each(|_| stream.put()),
            Step::Reshard(reshard) => stream.reshard(reshard),
            Step::Pause(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds.into())).await,
        }
    }
}

/// Returns the sequence numbers of the pages up to the end of the tail.
async fn read_all(mut tail: TailStream, pause: Duration) -> Result<Vec<u64>, Error> {
    let mut numbers = Vec::new();
    while let Some(page) = tail.next().await? {
        numbers.extend(numbers_of(&page));
        tokio::time::sleep(pause).await;
    }
    Ok(numbers)
}

fn numbers_of(page: &TailPage) -> Vec<u64> {
    page.records.iter().map(|record| record.sequence_number.parse().unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn tail_reads_every_record_once_and_in_the_order_of_its_lineage(
        shards in 1_usize..5,
        before in any_steps(),
        during in any_steps(),
        faults in any_faults(),
        from_latest in any::<bool>(),
        consumer_pause in prop_oneof![4 => 0_u64..1, 1 => 0_u64..400_000],
        seed in any::<u64>(),
    ) {
        let stream = ModelStream::new(shards, faults, seed);
        let events = Arc::new(Events::default());
        let (numbers, start_ms, end_ms) = paused(async {
            write(stream.clone(), before).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
            let start_ms = stream.now_ms();
            let (from, end_ms) = if from_latest { (TailStart::Latest, start_ms + 60_000) } else { (TailStart::TrimHorizon, start_ms + 60_000) };
            let tail = TailStream::start(stream.clone(), options(from, Some(TailEnd::Time(end_ms))), events.clone());
            let writer = tokio::spawn(write(stream.clone(), during));
            let numbers = read_all(tail, Duration::from_millis(consumer_pause)).await.unwrap();
            writer.await.unwrap();
            (numbers, start_ms, end_ms)
        });
        // Records of the first milliseconds may have come before the service's time was asked for.
        let begin = if from_latest { start_ms + 1000 } else { 0 };
        let expected = stream.numbers(begin, end_ms);
        let read: BTreeSet<u64> = numbers.iter().copied().collect();
        prop_assert_eq!(read.len(), numbers.len(), "a record was read twice");
        let lost: Vec<_> = expected.difference(&read).collect();
        prop_assert!(lost.is_empty(), "lost: {:?}", lost);
        let allowed = stream.numbers(if from_latest { start_ms } else { 0 }, end_ms);
        prop_assert!(read.is_subset(&allowed), "too early or too late: {:?}", read.difference(&allowed));
        prop_assert_eq!(stream.first_out_of_order(&numbers), None);
        prop_assert!(events.count("reading") > 0);
    }
}

#[test]
fn tail_until_now_reads_what_was_there_and_ends() {
    let stream = ModelStream::new(3, Faults::default(), 1);
    let numbers = paused(async {
        let steps = [
            Step::Put(50),
            Step::Reshard(Reshard::Split(0)),
            Step::Put(50),
            Step::Reshard(Reshard::Merge(1)),
            Step::Put(50),
        ];
        write(stream.clone(), steps.into()).await;
        let until = options(TailStart::TrimHorizon, Some(TailEnd::Now));
        let tail = TailStream::start(stream.clone(), until, Arc::new(Events::default()));
        let later = tokio::spawn(write(stream.clone(), vec![Step::Pause(500), Step::Put(200)]));
        let numbers = read_all(tail, Duration::ZERO).await.unwrap();
        later.await.unwrap();
        numbers
    });
    assert_eq!(numbers.len(), 150);
    assert_eq!(stream.first_out_of_order(&numbers), None);
}

#[test]
fn tail_of_named_shards_ends_with_them_and_does_not_follow_children() {
    let stream = ModelStream::new(2, Faults::default(), 2);
    let events = Arc::new(Events::default());
    let numbers = paused(async {
        write(stream.clone(), vec![Step::Put(40), Step::Reshard(Reshard::Split(0)), Step::Put(40)]).await;
        let only = TailOptions { shards: vec!["shardId-000000000000".into()], ..options(TailStart::TrimHorizon, None) };
        read_all(TailStream::start(stream.clone(), only, events.clone()), Duration::ZERO).await.unwrap()
    });
    assert_eq!(numbers.iter().copied().collect::<BTreeSet<_>>(), stream.numbers_of_shard(0));
    assert_eq!(events.count("closed"), 1);
    let unknown = TailOptions { shards: vec!["shardId-000000000009".into()], ..options(TailStart::Latest, None) };
    let error = paused(async {
        let tail = TailStream::start(stream, unknown, Arc::new(Events::default()));
        read_all(tail, Duration::ZERO).await.unwrap_err()
    });
    assert_eq!(error.to_string(), "stream s has no shard `shardId-000000000009`");
    assert!(error.hints()[0].contains("shardId-000000000000, shardId-000000000001"), "{:?}", error.hints());
}

#[test]
fn tail_of_a_deleted_stream_ends_with_its_name_after_all_pages() {
    let stream = ModelStream::new(2, Faults::default(), 3);
    let (numbers, error) = paused(async {
        stream.put();
        let mut tail =
            TailStream::start(stream.clone(), options(TailStart::TrimHorizon, None), Arc::new(Events::default()));
        let numbers = numbers_of(&tail.next().await.unwrap().unwrap());
        stream.delete();
        (numbers, tail.next().await.unwrap_err())
    });
    assert_eq!(numbers.len(), 1);
    assert!(error.to_string().starts_with("stream s was deleted while it was read"), "{error}");
    assert!(error.hints()[0].contains("`sensorctl up`"), "{:?}", error.hints());
}

#[test]
fn tail_of_a_stream_that_is_created_again_says_so() {
    let stream = ModelStream::new(1, Faults::default(), 4);
    let error = paused(async {
        stream.put();
        let mut tail =
            TailStream::start(stream.clone(), options(TailStart::TrimHorizon, None), Arc::new(Events::default()));
        tail.next().await.unwrap().unwrap();
        stream.create_again();
        stream.put();
        tail.next().await.unwrap_err()
    });
    assert_eq!(error.to_string(), "stream s was deleted and created again while it was read");
}

#[test]
fn shard_that_is_trimmed_is_reported_and_its_children_are_read() {
    let stream = ModelStream::new(1, Faults::default(), 5);
    let events = Arc::new(Events::default());
    let numbers = paused(async {
        let mut tail = TailStream::start(stream.clone(), options(TailStart::TrimHorizon, None), events.clone());
        write(stream.clone(), vec![Step::Put(3), Step::Pause(5000)]).await;
        let before = numbers_of(&tail.next().await.unwrap().unwrap());
        assert_eq!(before.len(), 3);
        stream.reshard(Reshard::Split(0));
        stream.trim(0);
        stream.put();
        numbers_of(&tail.next().await.unwrap().unwrap())
    });
    assert_eq!((numbers.len(), events.count("trimmed")), (1, 1));
}

#[test]
fn permanent_failure_ends_the_tail_and_a_throttle_never_does() {
    let stream = ModelStream::new(1, Faults::default(), 6);
    let events = Arc::new(Events::default());
    let error = paused(async {
        let mut tail = TailStream::start(stream.clone(), options(TailStart::TrimHorizon, None), events.clone());
        stream.fail_with(Some(FailureCause::Throttled));
        tokio::time::sleep(Duration::from_secs(3600)).await;
        stream.fail_with(None);
        stream.put();
        assert_eq!(numbers_of(&tail.next().await.unwrap().unwrap()).len(), 1);
        assert_eq!(events.count("throttled"), 1);
        stream.fail_with(Some(FailureCause::Denied));
        tail.next().await.unwrap_err()
    });
    assert!(error.to_string().contains("GetRecords of stream s failed"), "{error}");
    assert!((10..100).contains(&events.count("waiting")), "{}", events.count("waiting"));
}
