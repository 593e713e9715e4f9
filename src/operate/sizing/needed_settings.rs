//! The settings that a plan needs, beside those that there are.

use serde::Serialize;

use super::bottlenecks::reserved_concurrency;
use super::costs::TableCapacity;
use super::fixed::Fixed;
use super::plan::Plan;
use crate::pipeline::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};
use crate::settings::{Billing, Capacity, Pipeline};

/// A setting, as a TOML value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NeededSetting {
    /// Its name.
    pub key: &'static str,
    /// Its value now; nothing where the mode of the stream has none.
    pub now: Option<String>,
    /// The value that the load needs; nothing where it is left out.
    pub needed: Option<String>,
    /// True if it must be set.
    pub changes: bool,
    /// Why.
    pub reason: String,
}

impl NeededSetting {
    fn new(key: &'static str, now: Option<String>, needed: Option<String>, reason: String) -> Self {
        NeededSetting { key, changes: now != needed, now, needed, reason }
    }
}

/// Returns the settings that depend on the load. `is_only_stream` says that a stream of the other mode does not hold it.
pub(super) fn needed_settings(plan: &Plan<'_>, pipeline: &Pipeline, is_only_stream: bool) -> Vec<NeededSetting> {
    let function = &plan.function;
    let number = |now: i32, needed: u64| (Some(now.to_string()), Some(needed.to_string()));
    let is_larger = u64::try_from(pipeline.mapping.batch_size).is_ok_and(|now| function.size.batch_size > now);
    let mut found = stream_settings(plan, pipeline, is_only_stream);
    let mut push = |key, (now, needed): (Option<String>, Option<String>), reason: String| {
        found.push(NeededSetting::new(key, now, needed, reason));
    };
    let (load, capacity_of_shard) = (function.shard_load.equation(), function.capacity.equation());
    push(
        "mapping.parallelization",
        number(pipeline.mapping.parallelization, function.parallelization),
        format!("{load} readings/s of a shard, of {capacity_of_shard}"),
    );
    push(
        "mapping.batch_size",
        number(pipeline.mapping.batch_size, function.size.batch_size),
        format!("records, or an event of 6 MB{}", if is_larger { "; fewer do not keep up, or cost more" } else { "" }),
    );
    push(
        "function.memory_mb",
        number(pipeline.function.memory_mb, function.size.memory),
        format!("{} µs a reading, assumed", function.reading_us.equation()),
    );
    push(
        "function.timeout_seconds",
        number(pipeline.function.timeout_seconds, function.timeout),
        format!("the largest batch takes {} ms", function.batch_ms.equation()),
    );
    if let (Some(now), Some(needed)) = (pipeline.function.reserved_concurrency, reserved_concurrency(plan, pipeline)) {
        push("function.reserved_concurrency", number(now, needed), plan.concurrency().to_string());
    }
    let writes = plan.writes(plan.load.demand());
    push(
        "table.billing",
        (Some(billing(pipeline.table.billing)), Some(capacity(plan.table))),
        format!("{} write units/s", writes.equation()),
    );
    found
}

fn stream_settings(plan: &Plan<'_>, pipeline: &Pipeline, is_only_stream: bool) -> Vec<NeededSetting> {
    let mode = |on_demand| Some(if on_demand { "\"on-demand\"" } else { "\"provisioned\"" }.to_owned());
    let (is_on_demand, shards) = match pipeline.stream.capacity {
        Capacity::OnDemand => (true, None),
        Capacity::Shards(shards) => (false, Some(shards.to_string())),
    };
    let reason = if is_only_stream { "the other does not hold this load" } else { "the cheaper of both for this load" };
    let mode = NeededSetting::new("stream.mode", mode(is_on_demand), mode(plan.choice.on_demand), reason.to_owned());
    if plan.choice.on_demand {
        let reason = "Kinesis sets them on demand: leave it out".to_owned();
        return vec![mode, NeededSetting::new("stream.shards", shards, None, reason)];
    }
    let (records, demand) = (&plan.records, plan.load.demand().value());
    let count = records.of_hottest_shard(records.count(demand).value(), "records/s");
    let bytes = records.of_hottest_shard(records.bytes(demand).value(), "bytes/s");
    let (most_records, most_bytes) = (Fixed::whole(SHARD_RECORDS_PER_SECOND.into()), SHARD_BYTES_PER_SECOND);
    let most_bytes = Fixed::whole(most_bytes.into());
    let reason = if count.value().over(most_records) >= bytes.value().over(most_bytes) {
        format!("{}, of {most_records} records/s of a shard", count.equation())
    } else {
        format!("{}, of {most_bytes} bytes/s of a shard", bytes.equation())
    };
    vec![mode, NeededSetting::new("stream.shards", shards, Some(records.shards().to_string()), reason)]
}

fn billing(billing: Billing) -> String {
    match billing {
        Billing::OnDemand => capacity(TableCapacity::OnDemand),
        Billing::Provisioned { read_units, write_units } => capacity(TableCapacity::Provisioned {
            read_units: u64::try_from(read_units).unwrap_or_default(),
            write_units: u64::try_from(write_units).unwrap_or_default(),
        }),
    }
}

fn capacity(capacity: TableCapacity) -> String {
    match capacity {
        TableCapacity::OnDemand => "\"on-demand\"".to_owned(),
        TableCapacity::Provisioned { read_units, write_units } => {
            format!("{{ read_units = {read_units}, write_units = {write_units} }}")
        }
    }
}
