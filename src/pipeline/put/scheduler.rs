//! Sends readings: takes them from the input while there is room, makes requests of what is ready, and settles answers.
//!
//! One task does all of it, so that its state needs no locks. Encoding a request is the only work that takes long, and
//! connections and the input have threads of their own.

mod answers;
mod checkpoint;

use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use self::checkpoint::saved;
use super::abort_signal::AbortSignal;
use super::checkpoint::checkpoint_saver::CheckpointSaver;
use super::checkpoint::settled_items::SettledItems;
use super::intake::{Intake, IntakeCounts, Next};
use super::key_groups::KeyGroups;
use super::map_refresh::MapRefresh;
use super::put_options::{PutOptions, SendPlan};
use super::rate_limit::{ShardLimits, ShardRate};
use super::request::PutRequest;
use super::retry::EntryResult;
use super::shard_map::{ShardMap, ShardRange};
use super::stream_writer::StreamWriter;
use crate::aws::AwsFailure;
use crate::pipeline::input::spare_texts::SpareTexts;
use crate::pipeline::{ParsedChunks, PutObserver, Record};

/// Requests in flight.
const IN_FLIGHT: usize = 4;
/// Bytes of readings that wait at most, give or take a chunk of the input. A shard that throttles may use all of it
/// before the others have to wait.
const WAITING_BYTES: usize = 6 * 1024 * 1024;

/// Counts of the sent readings.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Readings that the stream accepted.
    pub accepted: u64,
    /// Records of these readings.
    pub records: u64,
    /// Data bytes of these records.
    pub bytes: u64,
    /// Records that were sent again.
    pub retries: u64,
    /// Readings that were not accepted. Those of a sensor are in input order.
    pub failed: Vec<Record>,
}

/// The end of a call.
enum Done {
    Put(PutRequest, Option<Result<Vec<EntryResult>, AwsFailure>>),
    Listed(Result<Vec<ShardRange>, AwsFailure>),
}

type Calls<'s> = FuturesUnordered<LocalBoxFuture<'s, Done>>;

/// The state of a bulk put.
pub(crate) struct Scheduler<'a, W> {
    writer: &'a W,
    halt: &'a AbortSignal,
    observer: &'a PutObserver,
    intake: Intake<'a>,
    is_at_end: bool,
    plan: SendPlan,
    groups: KeyGroups,
    /// The rates of the shards, in their order.
    rates: Vec<ShardRate>,
    refresh: MapRefresh,
    saver: Option<CheckpointSaver>,
    spares: SpareTexts,
    /// The shards that follow when nothing is in flight.
    next_map: Option<ShardMap>,
    in_flight: usize,
    anything_accepted: bool,
    sent: Sent,
}

impl<'a, W: StreamWriter> Scheduler<'a, W> {
    /// Creates the state at the beginning.
    pub(crate) fn new(writer: &'a W, options: PutOptions<'a>, halt: &'a AbortSignal) -> Self {
        let PutOptions { plan, rate, max_errors, rejects, checkpoint, observer, .. } = options;
        let now = Instant::now();
        let (settled, saver) = match checkpoint {
            Some(kept) => {
                (Some(SettledItems::after(kept.settled)), Some(CheckpointSaver::new(kept.store, kept.interval, now)))
            }
            None => (None, None),
        };
        Scheduler {
            writer,
            halt,
            observer,
            intake: Intake::new(rejects, observer, rate, max_errors, settled),
            is_at_end: false,
            groups: KeyGroups::new(plan.map.clone(), plan.aggregation),
            rates: rates(&plan.map, plan.limits, now),
            refresh: MapRefresh::fresh(now),
            saver,
            spares: SpareTexts::default(),
            next_map: None,
            in_flight: 0,
            anything_accepted: false,
            sent: Sent::default(),
            plan,
        }
    }

    /// Sends the whole input, until it ends or the put is aborted.
    pub(crate) async fn run(mut self, mut chunks: ParsedChunks) -> (IntakeCounts, Sent) {
        let (writer, halt) = (self.writer, self.halt);
        self.spares = chunks.spare_texts();
        let mut calls = Calls::new();
        loop {
            let now = Instant::now();
            let is_halted = halt.is_set();
            let mut wake = None;
            let mut wants_chunk = false;
            if self.in_flight == 0
                && let Some(map) = self.next_map.take()
            {
                self.change_map(map, now);
            }
            if !is_halted {
                (wants_chunk, wake) = self.absorb(now);
                wake = earliest(wake, self.launch(now, &mut calls));
                wake = earliest(wake, self.save_when_due(now));
                match self.refresh.try_start(now) {
                    Ok(true) => calls.push(async { Done::Listed(writer.open_shards().await) }.boxed_local()),
                    Ok(false) => {}
                    Err(later) => wake = earliest(wake, Some(later)),
                }
            }
            let is_done = self.is_input_over() && self.groups.bytes() == 0;
            if self.in_flight == 0 && (is_halted || is_done) {
                break;
            }
            tokio::select! {
                biased;
                () = halt.set(), if !is_halted => {}
                Some(done) = calls.next(), if !calls.is_empty() => match done {
                    Done::Put(request, answer) => self.settle(request, answer, Instant::now()),
                    Done::Listed(shards) => self.take_map(shards, Instant::now()),
                },
                chunk = chunks.next(), if wants_chunk => match chunk {
                    Some(chunk) => self.intake.add(chunk),
                    None => self.is_at_end = true,
                },
                saved = saved(&mut self.saver) => if let Err(error) = saved {
                    halt.abort_with(error);
                },
                () = sleep_until(wake.unwrap_or(now)), if wake.is_some() => {}
            }
        }
        if let Err(error) = self.save_at_end().await {
            halt.abort_with(error);
        }
        self.sent.failed = self.groups.into_waiting();
        let mut counts = self.intake.finish(chunks, halt.is_set()).await;
        self.sent.failed.append(&mut counts.left);
        (counts, self.sent)
    }

    fn is_input_over(&self) -> bool {
        self.is_at_end || self.intake.has_failed()
    }

    /// Takes readings from the input while there is room for them. Returns whether a chunk is needed, and the time of
    /// the next reading.
    fn absorb(&mut self, now: Instant) -> (bool, Option<Instant>) {
        // The readings that wait are grouped again before others join them.
        while self.next_map.is_none() && self.groups.bytes() < WAITING_BYTES {
            match self.intake.next(now) {
                Next::Reading(record) => {
                    if let Some(text) = self.groups.push(record, self.intake.read() - 1, now) {
                        self.spares.give(text);
                    }
                }
                Next::Until(turn) => return (false, Some(turn)),
                Next::Chunk => return (!self.is_input_over(), None),
            }
        }
        (false, None)
    }

    /// Begins requests with what is ready. Returns the time of the next look.
    fn launch<'s>(&mut self, now: Instant, calls: &mut Calls<'s>) -> Option<Instant>
    where
        'a: 's,
    {
        let is_last = self.is_input_over();
        while self.next_map.is_none() && self.in_flight < IN_FLIGHT {
            let mut request = PutRequest::default();
            let wake = self.groups.take_ready(now, is_last, &mut self.rates, &mut request);
            if request.is_empty() {
                return wake;
            }
            request.write_digests();
            self.in_flight += 1;
            self.sent.retries += request.resent();
            let (writer, halt) = (self.writer, self.halt);
            let call = async move {
                let answer = {
                    let entries = request.entries();
                    halt.answer_of(writer.put(&entries)).await
                };
                Done::Put(request, answer)
            };
            calls.push(call.boxed_local());
        }
        None
    }

    /// Takes a new list of shards, if it differs.
    fn take_map(&mut self, shards: Result<Vec<ShardRange>, AwsFailure>, now: Instant) {
        let map = shards.ok().and_then(ShardMap::new).filter(|map| map != self.groups.map());
        self.refresh.finish(map.is_some(), now);
        if map.is_some() {
            self.next_map = map;
        }
    }

    /// Groups what waits by other shards. Nothing is in flight, so that a sensor's readings cannot overtake each other.
    fn change_map(&mut self, map: ShardMap, now: Instant) {
        let mut new = rates(&map, self.plan.limits, now);
        let old = std::mem::replace(&mut self.groups, KeyGroups::new(map, self.plan.aggregation));
        for (shard, rate) in old.map().shards().iter().zip(std::mem::take(&mut self.rates)) {
            if let Some(at) = self.groups.map().shards().iter().position(|new| new.id == shard.id) {
                new[at] = rate;
            }
        }
        self.rates = new;
        self.sent.retries += old.resent();
        let first = old.first_unsettled().unwrap_or_default();
        for record in old.into_waiting() {
            self.groups.push(record, first, now);
        }
    }
}

fn rates(map: &ShardMap, limits: ShardLimits, now: Instant) -> Vec<ShardRate> {
    map.shards().iter().map(|_| ShardRate::new(limits, now)).collect()
}

fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}
