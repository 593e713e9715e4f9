//! The function's log: its lines, what they say, and reading them as they come.

mod follower;
mod kind;
mod line;
mod metrics;
mod usage;

pub(crate) use follower::LogFollower;
pub(crate) use kind::LogKind;
pub(crate) use line::{LogLine, LogQuery, read_log};
pub(crate) use metrics::InvocationMetrics;
pub(crate) use usage::InvocationUsage;
