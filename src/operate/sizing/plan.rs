//! A way to carry a load: a capacity mode, with what follows from it.

use super::arithmetic::{Arithmetic, Figure};
use super::costs::{Bill, Cost, TableCapacity, total};
use super::fixed::Fixed;
use super::function::{FunctionPlan, FunctionSize};
use super::limits::{MAX_TABLE_UNITS, ON_DEMAND_FIRST_SHARDS, ON_DEMAND_SHARE};
use super::load::Load;
use super::records::{Records, least_shards, shards_needed};
use crate::error::Error;
use crate::settings::{Billing, Pipeline};

/// The settings that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// True for an on-demand stream.
    pub on_demand: bool,
    /// True if readings share records.
    pub aggregated: bool,
    /// True for an on-demand table.
    pub on_demand_table: bool,
}

/// A way to carry a load.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// The chosen settings.
    pub choice: Choice,
    /// The load.
    pub load: &'a Load,
    /// Its records, in so many shards as are needed or, on demand, assumed.
    pub records: Records<'a>,
    /// The function and the mapping.
    pub function: FunctionPlan,
    /// The table's capacity.
    pub table: TableCapacity,
    /// The bill of a month.
    pub costs: Vec<Cost>,
}

/// Read units of a provisioned table whose settings have none.
const READ_UNITS: u64 = 5;

impl<'a> Plan<'a> {
    /// Makes the plan of a choice, with the first of these sizes of the function that keeps up.
    ///
    /// # Errors
    /// The load is too large for the choice.
    pub(super) fn new(
        load: &'a Load,
        pipeline: &Pipeline,
        choice: Choice,
        sizes: &[FunctionSize],
        free_tier: bool,
    ) -> Result<Self, Error> {
        let demand = load.demand().value();
        let aggregated = choice.aggregated;
        let records = if choice.on_demand {
            let split = demand.times(Fixed::whole(ON_DEMAND_SHARE));
            Records::on_demand(load, aggregated, least_shards(load, aggregated, split).max(ON_DEMAND_FIRST_SHARDS))
        } else {
            Records::new(load, aggregated, shards_needed(load, aggregated, demand)?)
        };
        let function = FunctionPlan::new(load, &records, pipeline, sizes)?;
        let table = table_capacity(load, pipeline, choice.on_demand_table)?;
        let on_demand = choice.on_demand;
        let bill = Bill { load, records: &records, function: &function, pipeline, on_demand, table, free_tier };
        let costs = bill.costs();
        Ok(Plan { choice, load, records, function, table, costs })
    }

    /// Returns the price of a month.
    pub(super) fn total(&self) -> Fixed {
        total(&self.costs)
    }

    /// Returns what flows, on average.
    pub(super) fn flow(&self) -> Vec<Figure> {
        let rate = self.load.rate;
        let writes = self.writes(Arithmetic::of(rate, "readings/s"));
        let each = Arithmetic::of(rate, "readings/s")
            .over(self.records.count(rate).value().tidy(), "records/s")
            .figure("readings in a record", "readings");
        vec![
            self.load.demand().figure("to be carried", "readings/s"),
            self.records.count(rate).figure("records", "records/s"),
            each,
            self.records.bytes(rate).figure("bytes", "bytes/s"),
            self.function.invocations.clone().figure("invocations", "invocations/s"),
            self.function.reading_us.clone().figure("time of a reading in the function", "µs"),
            self.function.batch_ms.clone().figure("time of the largest batch", "ms"),
            writes.figure("writes", "write units/s"),
        ]
    }

    /// Returns the invocations that may run at a time.
    pub(super) fn concurrency(&self) -> Arithmetic {
        Arithmetic::count(self.records.shards(), "shard")
            .times(Fixed::whole(self.function.parallelization), "at a time")
    }

    /// Returns the write units a second of so many readings a second.
    pub(super) fn writes(&self, readings: Arithmetic) -> Arithmetic {
        readings.times_count(self.load.write_units(), "write unit")
    }
}

fn table_capacity(load: &Load, pipeline: &Pipeline, on_demand: bool) -> Result<TableCapacity, Error> {
    if on_demand {
        return Ok(TableCapacity::OnDemand);
    }
    let read_units = match pipeline.table.billing {
        Billing::Provisioned { read_units, .. } => u64::try_from(read_units).unwrap_or(READ_UNITS),
        Billing::OnDemand => READ_UNITS,
    };
    let write_units = load.demand().value().times(load.write_units()).ceil();
    if write_units > MAX_TABLE_UNITS {
        return Err(Error::usage(format!(
            "the load takes {write_units} write units a second, and a provisioned table has at most {MAX_TABLE_UNITS}"
        ))
        .hint("`--set table.billing=on-demand`"));
    }
    Ok(TableCapacity::Provisioned { read_units, write_units })
}
