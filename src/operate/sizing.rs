//! Sizes a pipeline for a load: settings, bottlenecks, quotas and the bill of a month, each with its arithmetic.
//!
//! Pure: nothing is looked up, and all numbers are exact. docs/sizing.md has the formulas and their sources.
//!
//! ```text
//! load → records (shards) → function, mapping → costs → the cheaper plan → settings, bottlenecks, quotas
//! ```

mod arithmetic;
mod bottlenecks;
mod comparison;
mod costs;
mod fixed;
mod function;
mod limits;
mod load;
mod needed_settings;
mod plan;
mod records;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub(crate) use self::arithmetic::Figure;
pub(crate) use self::bottlenecks::{Bottleneck, Quota};
pub(crate) use self::costs::Cost;
pub(crate) use self::fixed::Fixed;
pub(crate) use self::load::{Load, LoadSummary};
pub(crate) use self::needed_settings::NeededSetting;

use self::comparison::Comparison;
use self::limits::{
    AGGREGATED_CPU, CONCURRENCY_QUOTA, INVOCATION_LOG_BYTES, INVOCATION_MS, PUT_AGGREGATED, PUT_SEPARATE, SEPARATE_CPU,
    VCPU_MB, WRITE_MS,
};
use self::plan::{Choice, Plan};
use super::quotas::NEW_ACCOUNT_CONCURRENCY;
use crate::error::Error;
use crate::pipeline::AggregationChoice;
use crate::pipeline::prices::{PRICES_DATE, PRICES_REGION, PRICES_SOURCE};
use crate::settings::{Billing, Pipeline};

/// Further inputs besides the load and the settings.
#[derive(Clone, Debug)]
pub(crate) struct SizingOptions {
    /// True if readings share records.
    pub aggregation: AggregationChoice,
    /// True if the free tiers are taken off.
    pub free_tier: bool,
    /// The region of the pipeline, if it is known.
    pub region: Option<String>,
}

/// The needs and costs of a load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sizing {
    /// The load.
    pub load: LoadSummary,
    /// The region of the quotas.
    pub region: String,
    /// Where the prices are from.
    pub prices: PriceOrigin,
    /// The settings that depend on the load.
    pub settings: Vec<NeededSetting>,
    /// True if readings share records.
    pub aggregated: bool,
    /// Processes that put.
    pub put_processes: u64,
    /// The average flow.
    pub flow: Vec<Figure>,
    /// All limits, the nearest first.
    pub bottlenecks: Vec<Bottleneck>,
    /// The limit that is reached first when the load grows.
    pub next_bottleneck: Option<&'static str>,
    /// Quotas to raise.
    pub quotas: Vec<Quota>,
    /// The bill of a month.
    pub costs: Vec<Cost>,
    /// The price of a month.
    pub total_usd: Fixed,
    /// True if the free tiers are taken off.
    pub free_tier_applied: bool,
    /// Other ways to carry the load.
    pub alternatives: Vec<Alternative>,
    /// Assumptions that were not measured, and costs that the price leaves out.
    pub assumptions: Vec<String>,
}

/// Where the prices are from.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct PriceOrigin {
    /// Their region.
    pub region: &'static str,
    /// Their month.
    pub date: &'static str,
    /// Their currency.
    pub currency: &'static str,
    /// Their source.
    pub source: &'static str,
}

/// Another way to carry the load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Alternative {
    /// The other choice.
    pub choice: &'static str,
    /// Its shards, where they are set.
    pub shards: Option<u64>,
    /// The price of a month.
    pub total_usd: Fixed,
}

/// Sizes a pipeline for a load.
///
/// # Errors
/// No settings carry the load.
pub(crate) fn size(load: &Load, pipeline: &Pipeline, options: &SizingOptions) -> Result<Sizing, Error> {
    load.check()?;
    let choice = Choice {
        on_demand: false,
        aggregated: is_aggregated(pipeline, options.aggregation),
        on_demand_table: pipeline.table.billing == Billing::OnDemand,
    };
    let Comparison { best, other, sizes } = Comparison::new(load, pipeline, choice, options.free_tier)?;
    let plan = |choice| Plan::new(load, pipeline, choice, &sizes, options.free_tier);
    let total = best.total();
    if total >= Fixed::MAX.cents() {
        return Err(Error::usage("the load is too large to be computed"));
    }
    let chosen = best.choice;
    let is_only_stream = other.is_err();
    let mut alternatives = Vec::new();
    let mut alternative = |name, plan: Result<Plan<'_>, Error>| {
        if let Ok(plan) = plan {
            let shards = (!plan.choice.on_demand).then(|| plan.records.shards());
            alternatives.push(Alternative { choice: name, shards, total_usd: plan.total() });
        }
    };
    alternative(if chosen.on_demand { "a provisioned stream" } else { "an on-demand stream" }, other);
    if best.records.is_aggregated() {
        alternative("a record for each reading", plan(Choice { aggregated: false, ..chosen }));
    }
    let table = if chosen.on_demand_table { "a provisioned table" } else { "an on-demand table" };
    alternative(table, plan(Choice { on_demand_table: !chosen.on_demand_table, ..chosen }));

    let region = options.region.clone().unwrap_or_else(|| PRICES_REGION.to_owned());
    let bottlenecks = bottlenecks::bottlenecks(&best, pipeline, &region);
    let growing = bottlenecks.iter().filter(|bottleneck| bottleneck.reached_at.is_some());
    let next_bottleneck = growing.min_by_key(|bottleneck| bottleneck.reached_at).map(|bottleneck| bottleneck.name);
    Ok(Sizing {
        load: load.summary(),
        prices: PriceOrigin { region: PRICES_REGION, date: PRICES_DATE, currency: "USD", source: PRICES_SOURCE },
        settings: needed_settings::needed_settings(&best, pipeline, is_only_stream),
        aggregated: best.records.is_aggregated(),
        put_processes: best.records.producers(),
        flow: best.flow(),
        next_bottleneck,
        bottlenecks,
        quotas: bottlenecks::quotas(&best, pipeline, &region),
        total_usd: total,
        free_tier_applied: options.free_tier,
        alternatives,
        assumptions: assumptions(load, &best, pipeline),
        costs: best.costs,
        region,
    })
}

/// Returns whether readings share records: as `put` decides, where all readers are those of the settings.
fn is_aggregated(pipeline: &Pipeline, choice: AggregationChoice) -> bool {
    match choice {
        AggregationChoice::Always => true,
        AggregationChoice::Never => false,
        AggregationChoice::Auto => pipeline.function.zip.is_none() && pipeline.mapping.filters.is_empty(),
    }
}

fn assumptions(load: &Load, plan: &Plan<'_>, pipeline: &Pipeline) -> Vec<String> {
    let cpu = if plan.records.is_aggregated() { AGGREGATED_CPU } else { SEPARATE_CPU };
    let put = Fixed::whole(if plan.records.is_aggregated() { PUT_AGGREGATED } else { PUT_SEPARATE });
    let mut assumed = vec![
        format!(
            "assumed: the function takes {cpu} µs of a vCPU for a reading (docs/benchmarks.md), and has 1 vCPU for {} MB",
            Fixed::whole(VCPU_MB)
        ),
        format!(
            "assumed: the table answers BatchWriteItem in {WRITE_MS} ms; an invocation takes {INVOCATION_MS} ms besides"
        ),
        format!(
            "assumed: an invocation logs {} bytes; the event source mapping asks each shard once a second",
            Fixed::whole(INVOCATION_LOG_BYTES)
        ),
        format!("assumed: one `put` sends {put} readings a second; all sensors send the same number"),
        format!(
            "assumed: the account may run {} invocations at a time; a new one may run {NEW_ACCOUNT_CONCURRENCY}",
            Fixed::whole(CONCURRENCY_QUOTA)
        ),
    ];
    if load.retention_days.is_none() {
        let rows = "assumed: rows are kept for good; their storage is priced after 12 months, and grows each month";
        assumed.push(rows.to_owned());
    } else if pipeline.table.ttl_attribute.is_none() {
        let expiry = "rows expire only by `table.ttl_attribute`: set it to a field of the readings with that time";
        assumed.push(expiry.to_owned());
    }
    if plan.choice.on_demand {
        let shards = plan.records.shards();
        assumed.push(format!("assumed: Kinesis gives the on-demand stream {shards} shards at the peak"));
    }
    if pipeline.stream.existing || pipeline.table.existing {
        assumed.push(
            "resources with `existing = true` are not changed by `up`: set their capacity where they are made"
                .to_owned(),
        );
    }
    assumed.push(
        "not in the price: reads of the table, `tail --fan-out`, KMS, alarms, transfer out of AWS, resends, dead letters".to_owned(),
    );
    assumed
}
