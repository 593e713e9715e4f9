//! The checkpoint of a put that may be killed at any call: what it says is settled is in the stream, and a run that goes
//! on from it sends the rest.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};
use tokio::sync::mpsc;

use super::*;
use crate::pipeline::PutCheckpoint;
use crate::pipeline::input::parsed_chunk::ParsedChunk;
use crate::pipeline::put::checkpoint::checkpoint_saver::CheckpointStore;
use crate::pipeline::put::checkpoint::settled_items::SettledInput;

/// Keeps what was saved last.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<SettledInput>>>);

impl CheckpointStore for Kept {
    fn save(&self, inputs: &[SettledInput]) -> Result<(), Error> {
        *self.0.lock() = inputs.to_vec();
        Ok(())
    }
}

impl Kept {
    /// Returns the number of settled items of each of the two inputs.
    fn items(&self) -> [usize; 2] {
        let kept = self.0.lock();
        let items = |input: usize| kept.get(input).map_or(0, |part| part.settled.items);
        [0, 1].map(|input| usize::try_from(items(input)).unwrap())
    }
}

/// The first input has this many items.
const FIRST: usize = 50;

/// Puts what is not settled, in chunks of one input each.
fn put_rest(lines: &[Line], stream: &ModelStream, plan: (Aggregation, ShardLimits), kept: &Kept) -> PutOutcome {
    let [first, second] = kept.items();
    let bounds = [(0, first, FIRST.min(lines.len())), (1, FIRST + second, lines.len())];
    let chunks = bounds.into_iter().flat_map(|(input, begin, end)| {
        let items: Vec<_> = (begin..end).map(|number| parsed(number, lines[number])).collect();
        let mut chunks = Vec::new();
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            let chunk: ParsedChunk = items.by_ref().take(20).collect();
            chunks.push(ParsedChunk { input, ..chunk });
        }
        chunks
    });
    let (sender, waiting) = mpsc::channel(100);
    chunks.for_each(|chunk| sender.try_send(Ok(chunk)).unwrap());
    drop(sender);
    let settled = kept.0.lock().clone();
    let checkpoint = PutCheckpoint { settled, store: Arc::new(kept.clone()), interval: Duration::from_millis(40) };
    let interrupt = stream.interrupt();
    paused(async {
        let options = PutOptions {
            plan: SendPlan { map: ShardMap::new(stream.open()).unwrap(), aggregation: plan.0, limits: plan.1 },
            rate: None,
            max_errors: None,
            rejects: None,
            checkpoint: Some(checkpoint),
            observer: &Deaf,
            interrupt: &interrupt,
        };
        put_all(ParsedChunks::from_channel(waiting), stream, options).await
    })
}

/// Asserts that all items that are settled are in the stream or rejected lines.
fn assert_settled(kept: &Kept, lines: &[Line], stream: &ModelStream) {
    let [first, second] = kept.items();
    let settled = (0..first).chain(FIRST..FIRST + second);
    let read: BTreeSet<_> = stream.read_as_kcl().into_iter().collect();
    let lost: Vec<_> = settled.filter(|number| !lines[*number].is_rejected && !read.contains(number)).collect();
    assert!(lost.is_empty(), "{lost:?} are settled, {first} and {second}, and not in the stream");
    assert!(second == 0 || first == FIRST, "an input is settled before the next");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn checkpoint_of_a_put_killed_at_any_call_has_no_gap_and_the_next_run_sends_the_rest(
        lines in prop::collection::vec(any_line(), 0..600),
        plan in any_plan(),
        shards in 1_usize..6,
        reshards in any_reshards(),
        seed in any::<u64>(),
        call in 0_usize..40,
        end in prop_oneof![Just(None), Just(Some(FailureCause::Missing))],
    ) {
        let faults = Faults { throttled: 10, internal: 3, refused: 5, lost: 5, list_fails: 30, ends_at: None };
        let kept = Kept::default();
        let look = |faults| {
            let (kept, lines) = (kept.clone(), lines.clone());
            let stream = ModelStream::new(shards, reshards.clone(), faults, seed);
            stream.at_each_call(move |stream| assert_settled(&kept, &lines, stream))
        };
        let first = look(Faults { ends_at: Some((call, end)), ..faults });
        let stopped = put_rest(&lines, &first, plan, &kept);
        assert_settled(&kept, &lines, &first);
        let [one, two] = kept.items();
        // All of the input is settled where the run was not ended early, except what failed.
        if stopped.summary.failed == 0 && stopped.stopped.is_none() && !first.interrupt().is_cancelled() {
            prop_assert_eq!(one + two, lines.len());
        }
        let second = ModelStream::new(shards, Vec::new(), faults, seed);
        let outcome = put_rest(&lines, &second, plan, &kept);
        prop_assert!(balanced(&outcome) && outcome.stopped.is_none());
        prop_assert_eq!(outcome.summary.read, (lines.len() - one - two) as u64);
        prop_assert_eq!(kept.items().iter().sum::<usize>(), lines.len());
        let both: BTreeSet<_> = first.read_as_kcl().into_iter().chain(second.read_as_kcl()).collect();
        prop_assert_eq!(both, readings(&lines), "no reading is left out");
        let rejected = lines.iter().filter(|line| line.is_rejected).count() as u64;
        prop_assert_eq!(kept.0.lock().iter().map(|part| part.settled.rejected).sum::<u64>(), rejected);
    }
}

#[test]
fn checkpoint_that_cannot_be_written_ends_the_put() {
    struct Full;
    impl CheckpointStore for Full {
        fn save(&self, _: &[SettledInput]) -> Result<(), Error> {
            Err(Error::failed("could not write checkpoint c"))
        }
    }
    let line = Line { sensor: 1, time: 0, padding: 1, is_rejected: false, pause: 0 };
    let stream = ModelStream::new(1, Vec::new(), Faults::default(), 1);
    let outcome = paused(async {
        let (sender, waiting) = mpsc::channel(1);
        let feed = tokio::spawn(async move {
            let mut number = 0;
            while sender.send(Ok([parsed(number, line)].into_iter().collect())).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
                number += 1;
            }
            number
        });
        let interrupt = CancellationToken::new();
        let checkpoint = PutCheckpoint { settled: Vec::new(), store: Arc::new(Full), interval: Duration::from_secs(1) };
        let options = PutOptions {
            plan: SendPlan::unknown(),
            rate: None,
            max_errors: None,
            rejects: None,
            checkpoint: Some(checkpoint),
            observer: &Deaf,
            interrupt: &interrupt,
        };
        let outcome = put_all(ParsedChunks::from_channel(waiting), &stream, options).await;
        assert!(feed.await.unwrap() < 200, "endless input is not read on");
        outcome
    });
    assert!(balanced(&outcome) && outcome.summary.accepted > 0);
    assert_eq!(outcome.stopped.unwrap().to_string(), "could not write checkpoint c");
}
