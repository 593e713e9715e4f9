//! `CloudWatch` metrics: any number of series in one `GetMetricData`.
//!
//! A point that is missing is not a zero: most metrics have points only while something happens. Points of the newest
//! two minutes are incomplete ([`series::SETTLING`]).

mod query;
mod read;
mod series;

pub(crate) use query::{MetricQuery, MetricWindow, Statistic};
pub(crate) use read::{MetricsUnavailable, read_metrics};
pub(crate) use series::{MetricPoint, MetricSeries};
