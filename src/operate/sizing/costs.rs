//! The costs of a month, item by item.

use serde::Serialize;

use super::arithmetic::Arithmetic;
use super::fixed::Fixed;
use super::function::FunctionPlan;
use super::limits::{
    DAY_HOURS, FUNCTION_METRICS, GB, INVOCATION_LOG_BYTES, ITEM_STORAGE, MAPPING_METRICS, MONTH_HOURS, MONTH_SECONDS,
};
use super::load::Load;
use super::records::Records;
use crate::pipeline::prices::{
    ARM_TIME, EXTENDED_SHARD_HOURS, LOG_INGESTION, LOG_STORAGE, LONG_RETENTION, METRICS, ON_DEMAND_EXTENDED,
    ON_DEMAND_IN, ON_DEMAND_OUT, PUT_UNITS, Price, RARE_READ_UNIT_HOURS, RARE_TABLE_STORAGE, RARE_TABLE_WRITES,
    RARE_WRITE_UNIT_HOURS, READ_UNIT_HOURS, RECOVERY, REQUESTS, SHARD_HOURS, STREAM_HOURS, TABLE_STORAGE, TABLE_WRITES,
    WRITE_UNIT_HOURS, X86_TIME,
};
use crate::settings::{Pipeline, TableClass};

/// Days that the longest-kept rows and log lines are counted for, where nothing expires: the price is that of the twelfth
/// month.
const YEAR_DAYS: u64 = 365;
/// Hours of stream retention that cost nothing more.
const FREE_RETENTION: u64 = 24;
/// Hours of stream retention above which the price is by the byte.
const LONG_RETENTION_HOURS: u64 = 168;

/// An item of the bill of a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Cost {
    /// The paid item.
    pub item: &'static str,
    /// USD a month, rounded to cents.
    pub usd: Fixed,
    /// How it came about.
    pub arithmetic: Arithmetic,
    /// The unit of its price.
    pub unit: &'static str,
    /// The units of the free tier a month, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_units: Option<Fixed>,
}

/// The capacity of the table of readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableCapacity {
    /// Each write is paid.
    OnDemand,
    /// Units are paid, used or not.
    Provisioned { read_units: u64, write_units: u64 },
}

/// The load and its settings, that a bill is made of.
#[derive(Debug)]
pub(super) struct Bill<'a> {
    /// The load.
    pub load: &'a Load,
    /// Its records.
    pub records: &'a Records<'a>,
    /// The function and the mapping.
    pub function: &'a FunctionPlan,
    /// The settings.
    pub pipeline: &'a Pipeline,
    /// True for an on-demand stream.
    pub on_demand: bool,
    /// The table's capacity.
    pub table: TableCapacity,
    /// True if the free tiers are taken off.
    pub free_tier: bool,
}

impl Bill<'_> {
    /// Returns all items.
    pub(super) fn costs(&self) -> Vec<Cost> {
        let mut costs = if self.on_demand { self.on_demand_stream() } else { self.provisioned_stream() };
        costs.extend(self.lambda());
        costs.extend(self.dynamodb());
        costs.extend(self.cloudwatch());
        costs
    }

    fn provisioned_stream(&self) -> Vec<Cost> {
        let shards = || hours(self.records.shards(), "shard");
        let units = month(figure(&self.records.put_units(self.load.rate), "PUT units/s"));
        let mut costs =
            vec![cost("Kinesis, shards", shards(), &SHARD_HOURS), cost("Kinesis, PUT units", units, &PUT_UNITS)];
        if self.retention_hours() > FREE_RETENTION {
            costs.push(cost("Kinesis, retention above 24 h", shards(), &EXTENDED_SHARD_HOURS));
        }
        costs.extend(self.long_retention());
        costs
    }

    fn on_demand_stream(&self) -> Vec<Cost> {
        let (rounded, bytes) = (self.records.rounded_bytes(self.load.rate), self.records.bytes(self.load.rate));
        let mut costs = vec![
            cost("Kinesis, stream", hours(1, "stream"), &STREAM_HOURS),
            cost("Kinesis, data in", gigabytes(month(figure(&rounded, "bytes/s"))), &ON_DEMAND_IN),
            cost("Kinesis, data out", gigabytes(month(figure(&bytes, "bytes/s"))), &ON_DEMAND_OUT),
        ];
        let extended = self.retention_hours().min(LONG_RETENTION_HOURS).saturating_sub(FREE_RETENTION);
        if extended > 0 {
            costs.push(cost("Kinesis, retention above 24 h", self.kept_for(extended), &ON_DEMAND_EXTENDED));
        }
        costs.extend(self.long_retention());
        costs
    }

    fn long_retention(&self) -> Option<Cost> {
        let hours = self.retention_hours().saturating_sub(LONG_RETENTION_HOURS);
        (hours > 0).then(|| cost("Kinesis, retention above 7 days", self.kept_for(hours), &LONG_RETENTION))
    }

    /// Returns what a stream holds that is kept for so many hours more.
    fn kept_for(&self, hours: u64) -> Arithmetic {
        let bytes = figure(&self.records.bytes(self.load.rate), "bytes/s");
        gigabytes(bytes.times(Fixed::whole(hours * 3600), "s kept"))
    }

    fn retention_hours(&self) -> u64 {
        u64::try_from(self.pipeline.stream.retention_hours).unwrap_or_default()
    }

    fn lambda(&self) -> Vec<Cost> {
        let price = if self.pipeline.function.architecture == Some("arm64") { &ARM_TIME } else { &X86_TIME };
        let invocations = month(figure(&self.function.invocations, "invocations/s"));
        let time = month(figure(&self.function.time, "GB-seconds/s"));
        vec![
            self.free_cost("Lambda, invocations", invocations, &REQUESTS, 1_000_000),
            self.free_cost("Lambda, time", time, price, 400_000),
        ]
    }

    fn dynamodb(&self) -> Vec<Cost> {
        let is_rare = self.pipeline.table.class == TableClass::InfrequentAccess;
        let by_class = |standard, rare| if is_rare { rare } else { standard };
        let mut costs = match self.table {
            TableCapacity::OnDemand => {
                let writes = month(Arithmetic::of(self.load.rate, "readings/s"));
                let writes = writes.times_count(self.load.write_units(), "write unit");
                vec![cost("DynamoDB, writes", writes, by_class(&TABLE_WRITES, &RARE_TABLE_WRITES))]
            }
            TableCapacity::Provisioned { read_units, write_units } => {
                let (writes, reads) = (hours(write_units, "unit"), hours(read_units, "unit"));
                vec![
                    cost("DynamoDB, write units", writes, by_class(&WRITE_UNIT_HOURS, &RARE_WRITE_UNIT_HOURS)),
                    cost("DynamoDB, read units", reads, by_class(&READ_UNIT_HOURS, &RARE_READ_UNIT_HOURS)),
                ]
            }
        };
        let days = self.load.retention_days.unwrap_or(YEAR_DAYS);
        let stored = || {
            let item = self.load.item().plus(Fixed::whole(ITEM_STORAGE));
            let seconds = Fixed::whole(days * DAY_HOURS * 3600);
            gigabytes(Arithmetic::of(self.load.rate, "readings/s").times(seconds, "s kept").times(item, "bytes"))
        };
        let price = by_class(&TABLE_STORAGE, &RARE_TABLE_STORAGE);
        costs.push(self.free_cost("DynamoDB, storage", stored(), price, if is_rare { 0 } else { 25 }));
        if self.pipeline.table.point_in_time_recovery {
            costs.push(cost("DynamoDB, point-in-time recovery", stored(), &RECOVERY));
        }
        costs
    }

    fn cloudwatch(&self) -> Vec<Cost> {
        let lines = || {
            let invocations = figure(&self.function.invocations, "invocations/s");
            invocations.times(Fixed::whole(INVOCATION_LOG_BYTES), "bytes of log")
        };
        let days =
            self.pipeline.log_group.retention_days.and_then(|days| u64::try_from(days).ok()).unwrap_or(YEAR_DAYS);
        let kept = gigabytes(lines().times(Fixed::whole(days * DAY_HOURS * 3600), "s kept"));
        let metrics = Arithmetic::of(Fixed::whole(FUNCTION_METRICS), "metrics of the function");
        let metrics = if self.pipeline.mapping.metrics {
            metrics.plus(Arithmetic::of(Fixed::whole(MAPPING_METRICS), "of the mapping"))
        } else {
            metrics
        };
        vec![
            self.free_cost("CloudWatch, log lines in", gigabytes(month(lines())), &LOG_INGESTION, 5),
            cost("CloudWatch, log lines kept", kept, &LOG_STORAGE),
            self.free_cost("CloudWatch, embedded metrics", metrics, &METRICS, 10),
        ]
    }

    fn free_cost(&self, item: &'static str, quantity: Arithmetic, price: &Price, free: u64) -> Cost {
        if free == 0 {
            return cost(item, quantity, price);
        }
        let quantity = if self.free_tier { quantity.less(Fixed::whole(free), "free") } else { quantity };
        Cost { free_units: Some(Fixed::whole(free)), ..cost(item, quantity, price) }
    }
}

fn cost(item: &'static str, quantity: Arithmetic, price: &Price) -> Cost {
    let usd = Fixed::millionths(price.micro_usd);
    let arithmetic = if price.per == 1 {
        quantity.times(usd, format!("USD/{}", price.unit))
    } else {
        quantity.over(Fixed::whole(price.per), price.unit).times(usd, "USD")
    };
    Cost { item, usd: arithmetic.value().cents(), arithmetic, unit: price.unit, free_units: None }
}

/// Returns the sum of all items.
pub(super) fn total(costs: &[Cost]) -> Fixed {
    costs.iter().fold(Fixed::ZERO, |sum, cost| sum.plus(cost.usd))
}

/// Begins with the value of a figure, as it is shown.
fn figure(arithmetic: &Arithmetic, label: &'static str) -> Arithmetic {
    Arithmetic::of(arithmetic.value().tidy(), label)
}

fn hours(count: u64, name: &str) -> Arithmetic {
    Arithmetic::count(count, name).times(Fixed::whole(MONTH_HOURS), "h")
}

fn month(second: Arithmetic) -> Arithmetic {
    second.times(Fixed::whole(MONTH_SECONDS), "s")
}

fn gigabytes(bytes: Arithmetic) -> Arithmetic {
    bytes.over(Fixed::whole(GB), "bytes/GB")
}
