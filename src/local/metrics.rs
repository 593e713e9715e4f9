//! The metrics that the services of one local cloud count, as `CloudWatch` returns them: one-minute points of the last
//! three hours, in memory.

mod catalog;
mod store;

pub(crate) use self::catalog::Metric;
pub(crate) use self::store::{MINUTE, MetricStore, Samples};
