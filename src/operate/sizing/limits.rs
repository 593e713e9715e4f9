//! Limits of the services, and what is assumed of speeds and sizes. docs/sizing.md has each with its source.

use super::fixed::Fixed;
use crate::operate::quotas;
use crate::settings;

/// Hours of a month, as the price pages count them.
pub(super) const MONTH_HOURS: u64 = 730;
/// Seconds of a month.
pub(super) const MONTH_SECONDS: u64 = MONTH_HOURS * 3600;
/// Hours of a day.
pub(super) const DAY_HOURS: u64 = 24;
/// Bytes of a GB, as all but marketing counts them.
pub(super) const GB: u64 = 1 << 30;

/// Bytes that can be read from a shard in a second, by all polling readers (docs/facts/kinesis.md, Read limits).
pub(super) const SHARD_READ_BYTES: u64 = 2 * 1_048_576;
/// Shards of a stream at most, by the settings.
pub(super) const MAX_SHARDS: u64 = settings::MAX_SHARDS as u64;
/// Regions with the high default quotas of Kinesis (docs/facts/kinesis.md, Capacity modes).
const LARGE_REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "us-west-2"];
/// Bytes that a new on-demand stream takes in a second (docs/facts/kinesis.md, Capacity modes).
pub(super) const ON_DEMAND_FIRST_BYTES: u64 = 4 * 1_048_576;
/// Shards of an on-demand stream at first: as many as take these bytes.
pub(super) const ON_DEMAND_FIRST_SHARDS: u64 = quotas::ON_DEMAND_FIRST_SHARDS as u64;
/// An on-demand stream splits a shard that takes more than half of its limits (docs/facts/kinesis.md, Capacity modes).
pub(super) const ON_DEMAND_SHARE: u64 = 2;

/// Returns the shards of an account and region, by default (docs/facts/kinesis.md, Capacity modes).
pub(super) fn shard_quota(region: &str) -> u64 {
    if LARGE_REGIONS.contains(&region) { 20_000 } else { 1000 }
}

/// Returns the bytes that an on-demand stream takes in a second at most, by default (docs/facts/kinesis.md, Capacity
/// modes).
pub(super) fn on_demand_quota(region: &str) -> u64 {
    if LARGE_REGIONS.contains(&region) { 10 << 30 } else { 200 << 20 }
}

/// Invocations of all functions of an account at a time, by default (docs/facts/lambda.md, Function limits).
pub(super) const CONCURRENCY_QUOTA: u64 = 1000;
/// Invocations that must stay unreserved.
pub(super) const UNRESERVED: u64 = quotas::UNRESERVED_CONCURRENCY as u64;
/// Batches of a shard at a time (docs/facts/event-source-mapping.md, Parameters).
pub(super) const MAX_PARALLELIZATION: u64 = 10;
/// Bytes of an event (docs/facts/event-source-mapping.md, Parameters), with room for what surrounds its records.
pub(super) const EVENT_BYTES: u64 = 6_000_000;
/// Bytes of a record in an event besides its data (docs/facts/event-source-mapping.md, Event).
pub(super) const EVENT_RECORD_BYTES: u64 = 600;
/// The longest time limit of a function, in seconds (docs/facts/lambda.md, Function limits).
pub(super) const MAX_TIMEOUT: u64 = 900;
/// MB of memory that come with one vCPU (docs/facts/lambda.md, Function limits). The function uses one.
pub(super) const VCPU_MB: u64 = 1769;
/// Memory that the function may be given, in MB, where less does not keep up.
pub(super) const MEMORY_STEPS: [u64; 3] = [512, 1024, VCPU_MB];
/// Records of a batch where those of the settings do not keep up: the default.
pub(super) const BATCH_SIZE: u64 = 1000;

/// Write units of an on-demand table in a second, by default (docs/facts/dynamodb.md, Capacity).
pub(super) const TABLE_QUOTA: u64 = MAX_TABLE_UNITS;
/// Units of a provisioned table at most, by the settings.
pub(super) const MAX_TABLE_UNITS: u64 = settings::MAX_TABLE_UNITS as u64;
/// Write units of a new on-demand table in a second (docs/facts/dynamodb.md, Capacity).
pub(super) const TABLE_FIRST_WRITES: u64 = 4000;
/// Write units that one partition, and so one sensor, takes in a second (docs/facts/dynamodb.md, Capacity).
pub(super) const PARTITION_WRITES: u64 = 1000;
/// Bytes that the table stores for an item besides those of the item (docs/facts/dynamodb.md, Capacity).
pub(super) const ITEM_STORAGE: u64 = 100;

/// Assumed: CPU of a reading in microseconds on one vCPU, in a record of its own (docs/benchmarks.md, The function).
pub(super) const SEPARATE_CPU: Fixed = Fixed::millionths(6_550_000);
/// Assumed: the same in an aggregated record.
pub(super) const AGGREGATED_CPU: Fixed = Fixed::millionths(4_720_000);
/// Assumed: milliseconds until `BatchWriteItem` answers.
pub(super) const WRITE_MS: u64 = 20;
/// Readings in flight to the table: eight requests of 25 (`lambda/src/store.rs`).
pub(super) const WRITES_IN_FLIGHT: u64 = 8 * 25;
/// Assumed: milliseconds of an invocation besides its readings: one answer of the table, and 5 ms.
pub(super) const INVOCATION_MS: u64 = WRITE_MS + 5;
/// Assumed: bytes of the log of an invocation: four lines of 1,520 bytes together, and 26 that the service adds to each.
pub(super) const INVOCATION_LOG_BYTES: u64 = 1520 + 4 * 26;
/// Metrics that the function writes in the embedded metric format (`lambda/src/metrics.rs`).
pub(super) const FUNCTION_METRICS: u64 = 13;
/// Metrics of the event source mapping, where they are on.
pub(super) const MAPPING_METRICS: u64 = 6;
/// Assumed: readings that one `put` sends in a second, aggregated: a third of what docs/benchmarks.md has for a machine
/// without a network between.
pub(super) const PUT_AGGREGATED: u64 = 450_000;
/// Assumed: the same for a record of each reading.
pub(super) const PUT_SEPARATE: u64 = 170_000;

/// Bytes of a reading in an aggregate besides its data and key: fields and indices of the format.
pub(super) const AGGREGATED_FRAME: u64 = 11;
/// Bytes of a partition key in an aggregate besides the key.
pub(super) const KEY_FRAME: u64 = 2;
/// Bytes of an aggregate besides its readings: mark, digest, hash key and partition key.
pub(super) const AGGREGATE_FRAME: u64 = 80;
/// Readings wait so many times a second at most for others: after 100 ms an aggregate goes as it is.
pub(super) const FLUSHES_PER_SECOND: u64 = 10;
/// Bytes by which an average record is rounded up to 1 KB.
pub(super) const HALF_KB: u64 = 512;
