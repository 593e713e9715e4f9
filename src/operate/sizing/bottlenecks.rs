//! How far each limit is, and the quotas that must be raised.

use serde::Serialize;

use super::arithmetic::Arithmetic;
use super::costs::TableCapacity;
use super::fixed::Fixed;
use super::limits::{
    CONCURRENCY_QUOTA, ON_DEMAND_FIRST_BYTES, PARTITION_WRITES, SHARD_READ_BYTES, TABLE_FIRST_WRITES, TABLE_QUOTA,
    UNRESERVED, on_demand_quota, shard_quota,
};
use super::plan::Plan;
use crate::operate::quotas::{CONCURRENCY_CODE, CONCURRENCY_NAME};
use crate::pipeline::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};
use crate::settings::Pipeline;

/// A limit, and what the load takes of it at its peak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Bottleneck {
    /// The limit.
    pub name: &'static str,
    /// The part that the load takes.
    pub used: Fixed,
    /// The capacity with the settings and quotas of the sizing.
    pub limit: Fixed,
    /// The unit of both.
    pub unit: &'static str,
    /// Percent of the limit.
    pub percent: Fixed,
    /// The readings a second at the peak at which the limit is reached, about; nothing where it does not depend on them.
    pub reached_at: Option<Fixed>,
    /// The setting or quota that raises the limit.
    pub raised_by: &'static str,
    /// How `used` came about.
    pub arithmetic: Arithmetic,
}

/// A quota that must be raised, or a capacity that must be asked for before the load comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Quota {
    /// The name of the quota.
    pub name: &'static str,
    /// The service's code, where it is known.
    pub code: Option<&'static str>,
    /// The default of an account.
    pub default: u64,
    /// The need of the load.
    pub needed: u64,
    /// The unit of both.
    pub unit: &'static str,
    /// The way to raise it.
    pub how: String,
}

const BATCH_TIME: &str = "time limit of the function";
const CONCURRENCY: &str = "invocations at a time";
const RESERVED: &str = "reserved invocations at a time";
const SHARD_RECORDS: &str = "records of a shard";
const ACCOUNT_SHARDS: &str = "shards of the account";

fn bottleneck(
    name: &'static str,
    used: Arithmetic,
    limit: Fixed,
    unit: &'static str,
    raised_by: &'static str,
) -> Bottleneck {
    let percent = used.value().times(Fixed::whole(100)).over(limit).tenths();
    let (limit, arithmetic) = (limit.tidy(), used);
    Bottleneck { name, used: arithmetic.value().tidy(), limit, unit, percent, reached_at: None, raised_by, arithmetic }
}

impl Bottleneck {
    /// Says at which peak it is reached, where what is used grows with it.
    fn growing_with(self, peak: Fixed) -> Self {
        let used = self.arithmetic.value();
        Bottleneck { reached_at: Some(peak.times(self.limit).over(used).tidy()), ..self }
    }
}

/// Returns all limits, the nearest first.
pub(super) fn bottlenecks(plan: &Plan<'_>, pipeline: &Pipeline, region: &str) -> Vec<Bottleneck> {
    let (load, records, function) = (plan.load, &plan.records, &plan.function);
    let peak = || Arithmetic::of(load.peak, "readings/s at the peak");
    let bytes = records.bytes(load.peak);
    let batch = Arithmetic::of(function.batch_ms.value().tidy(), "ms").over(Fixed::whole(1000), "ms/s");
    let mut found = vec![
        bottleneck(
            "readings of a shard in the function",
            records.of_hottest_shard(load.peak, "readings/s at the peak"),
            function.capacity.value(),
            "readings/s",
            "`mapping.parallelization`, `function.memory_mb`",
        ),
        bottleneck(
            BATCH_TIME,
            batch,
            Fixed::whole(function.timeout),
            "s",
            "`function.timeout_seconds`, a smaller `mapping.batch_size`",
        ),
        bottleneck(
            "writes of one sensor",
            load.sensor_writes(peak()),
            Fixed::whole(PARTITION_WRITES),
            "write units/s",
            "nothing: more sensor ids",
        ),
        bottleneck(
            "`put` processes",
            peak(),
            records.producer_limit().value(),
            "readings/s",
            "more processes, each with a part of the sensors",
        ),
        bottleneck(
            CONCURRENCY,
            plan.concurrency(),
            Fixed::whole(concurrency_limit(plan)),
            "invocations",
            CONCURRENCY_NAME,
        ),
    ];
    if let Some(reserved) = reserved_concurrency(plan, pipeline) {
        let limit = Fixed::whole(reserved);
        found.push(bottleneck(RESERVED, plan.concurrency(), limit, "invocations", "`function.reserved_concurrency`"));
    }
    if plan.choice.on_demand {
        let limit = Fixed::whole(stream_limit(plan, region));
        found.push(bottleneck("bytes of the on-demand stream", bytes, limit, "bytes/s", "Kinesis quota"));
    } else {
        found.extend(of_shards(plan, region));
    }
    let (limit, raised_by) = match plan.table {
        TableCapacity::OnDemand => (table_limit(plan), "DynamoDB quota"),
        TableCapacity::Provisioned { write_units, .. } => (write_units, "`table.billing`"),
    };
    found.push(bottleneck("writes of the table", plan.writes(peak()), Fixed::whole(limit), "write units/s", raised_by));
    let is_one_shard = records.shards() == 1;
    let depends = |bottleneck: &Bottleneck| match bottleneck.name {
        BATCH_TIME => false,
        // They grow with the shards, and one shard takes more than it gets.
        CONCURRENCY | RESERVED | ACCOUNT_SHARDS => !is_one_shard,
        // More readings fill the records of one process, and make no more of them.
        SHARD_RECORDS => !(records.is_aggregated() && records.producers() == 1),
        _ => true,
    };
    let mut found: Vec<_> = found
        .into_iter()
        .map(|bottleneck| if depends(&bottleneck) { bottleneck.growing_with(load.peak) } else { bottleneck })
        .collect();
    // A stable sort: those that are as near stay in their order.
    found.sort_by_key(|bottleneck| (std::cmp::Reverse(bottleneck.percent), bottleneck.reached_at));
    found
}

/// Returns the limits of the shards that the stream has, and of their number.
fn of_shards(plan: &Plan<'_>, region: &str) -> Vec<Bottleneck> {
    let records = &plan.records;
    let bytes = records.bytes(plan.load.peak);
    let count = records.count(plan.load.peak);
    let of_hottest = |all: &Arithmetic, label| records.of_hottest_shard(all.value(), label);
    let shard = |limit: u32| Fixed::whole(limit.into());
    vec![
        bottleneck(
            SHARD_RECORDS,
            of_hottest(&count, "records/s"),
            shard(SHARD_RECORDS_PER_SECOND),
            "records/s",
            "`stream.shards`, `put --aggregation`",
        ),
        bottleneck(
            "bytes of a shard",
            of_hottest(&bytes, "bytes/s"),
            shard(SHARD_BYTES_PER_SECOND),
            "bytes/s",
            "`stream.shards`",
        ),
        bottleneck(
            "reads of a shard",
            of_hottest(&bytes, "bytes/s"),
            Fixed::whole(SHARD_READ_BYTES),
            "bytes/s",
            "`stream.shards`; `tail --fan-out` for a second reader",
        ),
        bottleneck(
            ACCOUNT_SHARDS,
            Arithmetic::count(records.shards(), "shard"),
            Fixed::whole(shard_limit(plan, region)),
            "shards",
            "Kinesis quota",
        ),
    ]
}

/// Returns what must be asked for.
pub(super) fn quotas(plan: &Plan<'_>, pipeline: &Pipeline, region: &str) -> Vec<Quota> {
    let ask = |service: &str| format!("ask for it in the console: Service Quotas, {service}");
    let quota = |name, code, default, needed, unit, how| Quota { name, code, default, needed, unit, how };
    let mut found = Vec::new();
    let concurrency = concurrency_limit(plan);
    let how = format!(
        "`aws service-quotas request-service-quota-increase --service-code lambda --quota-code {CONCURRENCY_CODE} \
         --desired-value {concurrency}`; new accounts have less than the default"
    );
    found.push(quota(
        "Lambda, invocations at a time",
        Some(CONCURRENCY_CODE),
        CONCURRENCY_QUOTA,
        concurrency,
        "invocations",
        how,
    ));
    if plan.choice.on_demand {
        let (default, needed) = (on_demand_quota(region), stream_limit(plan, region));
        found.push(quota("Kinesis, bytes of an on-demand stream", None, default, needed, "bytes/s", ask("Kinesis")));
        let how = "raise the load to at most twice its peak within 15 minutes, or begin with a provisioned stream";
        let needed = plan.records.bytes(plan.load.demand().value()).value().ceil();
        let name = "Kinesis, bytes of a new on-demand stream";
        found.push(quota(name, None, ON_DEMAND_FIRST_BYTES, needed, "bytes/s", how.to_owned()));
    } else {
        let (default, needed) = (shard_quota(region), shard_limit(plan, region));
        found.push(quota("Kinesis, shards of an account", None, default, needed, "shards", ask("Kinesis")));
    }
    if plan.table == TableCapacity::OnDemand {
        let needed = table_limit(plan);
        found.push(quota("DynamoDB, writes of a table", None, TABLE_QUOTA, needed, "write units/s", ask("DynamoDB")));
        let first = plan.writes(plan.load.demand()).value().ceil();
        let how = format!(
            "raise the load to at most twice its peak within 30 minutes, or `aws dynamodb update-table --table-name {} \
             --warm-throughput WriteUnitsPerSecond={first}`, which is paid once",
            pipeline.table.name
        );
        found.push(quota("DynamoDB, writes of a new table", None, TABLE_FIRST_WRITES, first, "write units/s", how));
    }
    found.retain(|quota| quota.needed > quota.default);
    found
}

/// Returns the reserved concurrency that is needed, where there is one.
pub(super) fn reserved_concurrency(plan: &Plan<'_>, pipeline: &Pipeline) -> Option<u64> {
    let reserved = u64::try_from(pipeline.function.reserved_concurrency?).unwrap_or_default();
    Some(reserved.max(plan.concurrency().value().ceil()))
}

fn concurrency_limit(plan: &Plan<'_>) -> u64 {
    let needed = plan.concurrency().value().ceil().saturating_add(UNRESERVED);
    needed.max(CONCURRENCY_QUOTA)
}

fn shard_limit(plan: &Plan<'_>, region: &str) -> u64 {
    plan.records.shards().max(shard_quota(region))
}

fn stream_limit(plan: &Plan<'_>, region: &str) -> u64 {
    plan.records.bytes(plan.load.demand().value()).value().ceil().max(on_demand_quota(region))
}

fn table_limit(plan: &Plan<'_>) -> u64 {
    plan.writes(plan.load.demand()).value().ceil().max(TABLE_QUOTA)
}
