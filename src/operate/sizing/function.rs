//! The function and event source mapping that keep up with the stream.

use super::arithmetic::Arithmetic;
use super::fixed::Fixed;
use super::limits::{
    AGGREGATED_CPU, BATCH_SIZE, EVENT_BYTES, EVENT_RECORD_BYTES, INVOCATION_MS, MAX_PARALLELIZATION, MAX_TIMEOUT,
    MEMORY_STEPS, SEPARATE_CPU, VCPU_MB, WRITE_MS, WRITES_IN_FLIGHT,
};
use super::load::Load;
use super::records::Records;
use crate::error::Error;
use crate::pipeline::AGGREGATE_BYTES;
use crate::settings::Pipeline;

/// Memory and batch of a function: the settings that price a stream and that the settings of the user decide, unless they
/// do not keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FunctionSize {
    /// Memory in MB.
    pub memory: u64,
    /// Records in a batch at most.
    pub batch_size: u64,
}

impl FunctionSize {
    /// Returns the size of the settings, and those to take where it does not keep up, in this order: a larger batch, then
    /// more memory. From any of these sizes, the same larger ones follow.
    pub(super) fn steps(pipeline: &Pipeline) -> Vec<FunctionSize> {
        let (memory, batch_size) = (whole(pipeline.function.memory_mb), whole(pipeline.mapping.batch_size));
        let larger = batch_size.max(BATCH_SIZE);
        let more = MEMORY_STEPS.into_iter().filter(|step| *step > memory);
        let mut steps = vec![FunctionSize { memory, batch_size }];
        steps.extend([memory].into_iter().chain(more).map(|memory| FunctionSize { memory, batch_size: larger }));
        steps.dedup();
        steps
    }
}

/// The sizes of function and mapping.
#[derive(Clone, Debug)]
pub(super) struct FunctionPlan {
    /// Memory and batch.
    pub size: FunctionSize,
    /// Batches of a shard at a time.
    pub parallelization: u64,
    /// Seconds that an invocation may take.
    pub timeout: u64,
    /// Microseconds of a reading.
    pub reading_us: Arithmetic,
    /// Milliseconds of the largest batch.
    pub batch_ms: Arithmetic,
    /// Readings a second that the batches of one shard store.
    pub capacity: Arithmetic,
    /// The readings a second of one shard that must fit.
    pub shard_load: Arithmetic,
    /// Invocations a second of the average rate.
    pub invocations: Arithmetic,
    /// GB-seconds a second of it.
    pub time: Arithmetic,
}

impl FunctionPlan {
    /// Returns the least parallelization, with the first of these sizes that keeps up.
    ///
    /// # Errors
    /// None keeps up.
    pub(super) fn new(
        load: &Load,
        records: &Records<'_>,
        pipeline: &Pipeline,
        sizes: &[FunctionSize],
    ) -> Result<Self, Error> {
        let shard_load = shard_load(load, records);
        for &size in sizes {
            let FunctionSize { memory, batch_size } = size;
            let reading_us = reading_us(records, memory);
            let (readings, batch_ms) = largest_batch(load, records, batch_size, &reading_us);
            let lane = Fixed::whole(readings).over(batch_ms.value()).times(Fixed::whole(1000));
            let parallelization = shard_load.value().over(lane).ceil().max(1);
            if parallelization > MAX_PARALLELIZATION.min(load.sensors) {
                continue;
            }
            let capacity = Arithmetic::of(Fixed::whole(parallelization), "at a time")
                .times(Fixed::whole(readings), "readings")
                .over(batch_ms.value().tidy(), "ms")
                .times(Fixed::whole(1000), "ms/s");
            let invocations = invocations(load, records, pipeline, parallelization, batch_size);
            let time = time(load, &invocations, &reading_us, memory);
            let wanted =
                batch_ms.value().times(Fixed::ratio(100 + load.headroom_percent, 100)).over(Fixed::whole(1000));
            let timeout = whole(pipeline.function.timeout_seconds).max(wanted.ceil());
            if timeout > MAX_TIMEOUT {
                continue;
            }
            return Ok(FunctionPlan {
                size,
                parallelization,
                timeout,
                reading_us,
                batch_ms,
                capacity,
                shard_load,
                invocations,
                time,
            });
        }
        Err(Error::usage(format!(
            "the function does not keep up with {} readings a second of one shard, whatever its settings",
            shard_load.value().tidy()
        )))
    }
}

fn whole(setting: i32) -> u64 {
    u64::try_from(setting).unwrap_or_default()
}

/// Returns the readings a second of one shard that must be stored: those of the only one, or of a full one of many, so that
/// a shard that has fallen behind catches up.
fn shard_load(load: &Load, records: &Records<'_>) -> Arithmetic {
    if records.shards() == 1 { load.demand() } else { records.full_shard() }
}

fn reading_us(records: &Records<'_>, memory: u64) -> Arithmetic {
    let cpu = if records.is_aggregated() { AGGREGATED_CPU } else { SEPARATE_CPU };
    // More than one vCPU does not help: the function uses one.
    let share = Fixed::whole(memory.min(VCPU_MB));
    let waiting = Arithmetic::of(Fixed::whole(WRITE_MS * 1000), "µs of a write");
    Arithmetic::of(cpu, "µs of a vCPU")
        .times(Fixed::whole(VCPU_MB), "MB/vCPU")
        .over(share, "MB")
        .plus(waiting.over(Fixed::whole(WRITES_IN_FLIGHT), "readings in flight"))
}

fn records_of_event(load: &Load, records: &Records<'_>, batch_size: u64) -> u64 {
    let data = if records.is_aggregated() { Fixed::whole(AGGREGATE_BYTES as u64) } else { load.data() };
    let base64 = data.times(Fixed::whole(4)).over(Fixed::whole(3)).plus(Fixed::whole(EVENT_RECORD_BYTES));
    Fixed::whole(EVENT_BYTES).over(base64).floor().clamp(1, batch_size)
}

/// Returns the readings of the largest batch, and how long it takes.
fn largest_batch(load: &Load, records: &Records<'_>, batch_size: u64, reading_us: &Arithmetic) -> (u64, Arithmetic) {
    let readings = records_of_event(load, records, batch_size) * records.fit();
    let busy = Arithmetic::of(Fixed::whole(readings), "readings").times(reading_us.value().tidy(), "µs");
    let busy = busy.over(Fixed::whole(1000), "µs/ms");
    (readings, Arithmetic::of(Fixed::whole(INVOCATION_MS), "ms").plus(busy))
}

/// Returns the invocations a second: each shard is asked once a second, or once a window, and answers with one event for
/// each batch at a time; never more than there are records, and never fewer than full events hold them.
fn invocations(
    load: &Load,
    records: &Records<'_>,
    pipeline: &Pipeline,
    parallelization: u64,
    batch_size: u64,
) -> Arithmetic {
    let count = || Arithmetic::of(records.count(load.rate).value().tidy(), "records/s");
    let window = u64::try_from(pipeline.mapping.window_seconds).unwrap_or_default().max(1);
    let polls = Arithmetic::count(records.shards(), "shard")
        .times(Fixed::whole(parallelization), "at a time")
        .over(Fixed::whole(window), "s");
    let full = Fixed::whole(records_of_event(load, records, batch_size));
    polls.or_less(count()).or_more(count().over(full, "records of a full event"))
}

fn time(load: &Load, invocations: &Arithmetic, reading_us: &Arithmetic, memory: u64) -> Arithmetic {
    let calls = Arithmetic::of(invocations.value().tidy(), "invocations/s").times(Fixed::whole(INVOCATION_MS), "ms");
    let readings = Arithmetic::of(load.rate, "readings/s").times(reading_us.value().tidy(), "µs");
    calls
        .plus(readings.over(Fixed::whole(1000), "µs/ms"))
        .times(Fixed::whole(memory), "MB")
        .over(Fixed::whole(1000 * 1024), "ms and MB")
}
