//! Which stream is cheaper: provisioned or on demand.

use std::cmp::Reverse;

use super::function::FunctionSize;
use super::load::Load;
use super::plan::{Choice, Plan};
use crate::error::Error;
use crate::settings::Pipeline;

/// The cheaper stream beside the other.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    /// The cheaper.
    pub best: Plan<'a>,
    /// The other, with the function of the cheaper where that keeps up.
    pub other: Result<Plan<'a>, Error>,
    /// The size of the cheaper's function, and the larger ones.
    pub sizes: Vec<FunctionSize>,
}

impl<'a> Comparison<'a> {
    /// Compares both streams.
    ///
    /// One of them may need a larger batch or more memory than the settings have. The other is priced with these as well:
    /// once they are set, it may be the cheaper. So what is found stays the answer when it is set and the load is sized again.
    ///
    /// # Errors
    /// No stream carries the load: the error of the provisioned one.
    pub(super) fn new(load: &'a Load, pipeline: &Pipeline, choice: Choice, free_tier: bool) -> Result<Self, Error> {
        let mut sizes = FunctionSize::steps(pipeline);
        loop {
            let streams = |sizes: &[FunctionSize]| {
                [false, true]
                    .map(|on_demand| Plan::new(load, pipeline, Choice { on_demand, ..choice }, sizes, free_tier))
            };
            let [shards, on_demand] = streams(&sizes);
            let (best, other) = match (shards, on_demand) {
                (Ok(shards), Ok(on_demand)) if on_demand.total() < shards.total() => (on_demand, Ok(shards)),
                (Ok(shards), on_demand) => (shards, on_demand),
                (Err(too_much), Ok(on_demand)) => (on_demand, Err(too_much)),
                (Err(too_much), Err(_)) => return Err(too_much),
            };
            let needed = sizes.iter().position(|size| *size == best.function.size).unwrap_or_default();
            // Up to what the cheaper needs, the other may be cheaper still. Of equal ones, that of the cheaper counts.
            let priced = (0..=needed).flat_map(|step| {
                streams(&sizes[step..=step]).into_iter().flatten().map(move |plan| (plan.total(), Reverse(step)))
            });
            let step = priced.min().map_or(needed, |(_, Reverse(step))| step);
            if step == 0 {
                return Ok(Comparison { best, other, sizes });
            }
            sizes.drain(..step);
        }
    }
}
