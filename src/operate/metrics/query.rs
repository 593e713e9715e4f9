//! Which metrics to read, and over which time.

use std::time::Duration;

use jiff::Timestamp;

/// A metric of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetricQuery {
    /// `AWS/Lambda`.
    pub namespace: &'static str,
    /// `Invocations`.
    pub name: &'static str,
    /// `FunctionName` and the function's name, for example.
    pub dimensions: Vec<(&'static str, String)>,
    /// The statistic of each point.
    pub statistic: Statistic,
}

/// A statistic of the samples of one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statistic {
    Sum,
    Maximum,
}

/// A time range, and the length of each point in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MetricWindow {
    /// Begin of the first point.
    pub start: Timestamp,
    /// End, not included.
    pub end: Timestamp,
    /// Length of a point: a multiple of 60 s.
    pub period: Duration,
}

impl MetricQuery {
    /// Returns the query of a metric of a function.
    pub(crate) fn of_function(name: &'static str, function: &str, statistic: Statistic) -> Self {
        Self::of("AWS/Lambda", name, "FunctionName", function, statistic)
    }

    /// Returns the query of a metric of a stream.
    pub(crate) fn of_stream(name: &'static str, stream: &str, statistic: Statistic) -> Self {
        Self::of("AWS/Kinesis", name, "StreamName", stream, statistic)
    }

    /// Returns the query of a metric of a table.
    pub(crate) fn of_table(name: &'static str, table: &str, statistic: Statistic) -> Self {
        Self::of("AWS/DynamoDB", name, "TableName", table, statistic)
    }

    /// Returns the query of a metric of an event source mapping.
    pub(crate) fn of_mapping(name: &'static str, uuid: &str, statistic: Statistic) -> Self {
        Self::of("AWS/Lambda", name, "EventSourceMappingUUID", uuid, statistic)
    }

    fn of(
        namespace: &'static str,
        name: &'static str,
        dimension: &'static str,
        resource: &str,
        statistic: Statistic,
    ) -> Self {
        MetricQuery { namespace, name, dimensions: vec![(dimension, resource.to_owned())], statistic }
    }
}

impl Statistic {
    /// Returns its name in requests.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Statistic::Sum => "Sum",
            Statistic::Maximum => "Maximum",
        }
    }
}

impl MetricWindow {
    /// Returns the window of the minutes before `end`, with the minute that `end` is in.
    pub(crate) fn last(minutes: u32, end: Timestamp) -> Self {
        let before = end.checked_sub(Duration::from_secs(u64::from(minutes) * 60));
        MetricWindow { start: before.unwrap_or(Timestamp::MIN), end, period: Duration::from_secs(60) }
    }
}
