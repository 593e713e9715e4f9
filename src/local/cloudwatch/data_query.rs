//! `GetMetricData`: its queries, and their results from the services' counters.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::metrics::{MINUTE, Metric, MetricStore, Samples};
use crate::protocol::aws_json::ServiceError;

/// Limit of queries in a request (API reference, `GetMetricData`).
const MOST_QUERIES: usize = 500;

/// A request, as it comes.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(default)]
    metric_data_queries: Vec<InputQuery>,
    start_time: Option<InputTime>,
    end_time: Option<InputTime>,
    scan_by: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InputQuery {
    id: Option<String>,
    metric_stat: Option<InputStat>,
    label: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    return_data: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InputStat {
    metric: InputMetric,
    #[serde(deserialize_with = "number")]
    period: f64,
    stat: String,
    unit: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InputMetric {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<InputDimension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InputDimension {
    name: String,
    value: String,
}

/// A time in epoch seconds, or as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum InputTime {
    Seconds(f64),
    Text(Timestamp),
}

/// A valid request.
pub(super) struct GetMetricData {
    queries: Vec<DataQuery>,
    /// Epoch milliseconds.
    start: u64,
    /// Epoch milliseconds; not included.
    end: u64,
    is_ascending: bool,
}

struct DataQuery {
    id: String,
    label: String,
    namespace: String,
    metric: Metric,
    resource: String,
    /// Milliseconds.
    period: u64,
    statistic: Statistic,
    has_unit: bool,
    is_returned: bool,
}

#[derive(Clone, Copy)]
enum Statistic {
    Sum,
    Average,
    Minimum,
    Maximum,
    SampleCount,
}

/// The points of one query.
#[derive(Debug, PartialEq)]
pub(super) struct MetricDataResult {
    pub id: String,
    pub label: String,
    /// Epoch seconds.
    pub timestamps: Vec<u64>,
    pub values: Vec<f64>,
}

impl GetMetricData {
    /// Checks a request.
    ///
    /// # Errors
    /// The service would refuse it, or it asks for a metric or statistic that the local cloud does not have.
    pub(super) fn parse(input: Value) -> Result<GetMetricData, ServiceError> {
        let input: Input = serde_json::from_value(input).map_err(|_| {
            ServiceError::bad_request(
                "SerializationException",
                "A member of the request is missing or of another type.",
            )
        })?;
        let count = input.metric_data_queries.len();
        if !(1..=MOST_QUERIES).contains(&count) {
            return Err(invalid(format!("MetricDataQueries must have 1 to {MOST_QUERIES} queries, and has {count}")));
        }
        let time = |time: Option<InputTime>, name: &str| {
            let at = time.and_then(InputTime::milliseconds);
            at.ok_or_else(|| invalid(format!("The parameter {name} must be a time.")))
        };
        let (start, end) = (time(input.start_time, "StartTime")?, time(input.end_time, "EndTime")?);
        if start >= end {
            return Err(invalid("The parameter StartTime must be less than the parameter EndTime."));
        }
        let is_ascending = match input.scan_by.as_deref() {
            None | Some("TimestampDescending") => false,
            Some("TimestampAscending") => true,
            Some(_) => return Err(invalid("ScanBy must be TimestampAscending or TimestampDescending.")),
        };
        let queries: Vec<DataQuery> =
            input.metric_data_queries.into_iter().map(DataQuery::parse).collect::<Result<_, _>>()?;
        let ids: BTreeSet<&str> = queries.iter().map(|query| query.id.as_str()).collect();
        if ids.len() < queries.len() {
            return Err(invalid("The values of the parameter Id in MetricDataQueries must be unique."));
        }
        Ok(GetMetricData { queries, start, end, is_ascending })
    }

    /// Returns the points of each query from the counters of the services, `by_namespace`.
    pub(super) fn results<'a>(&self, by_namespace: impl Fn(&str) -> &'a MetricStore) -> Vec<MetricDataResult> {
        let result = |query: &DataQuery| {
            let start = self.start - self.start % query.period;
            let mut periods: Vec<(u64, Samples)> = Vec::new();
            let store = by_namespace(&query.namespace);
            let minutes = query.has_unit.then(|| store.points(query.metric, &query.resource, start, self.end));
            for (minute, samples) in minutes.into_iter().flatten() {
                let begin = minute - minute % query.period;
                match periods.last_mut().filter(|(last, _)| *last == begin) {
                    Some((_, all)) => all.add(&samples),
                    None => periods.push((begin, samples)),
                }
            }
            if !self.is_ascending {
                periods.reverse();
            }
            MetricDataResult {
                id: query.id.clone(),
                label: query.label.clone(),
                timestamps: periods.iter().map(|(begin, _)| begin / 1000).collect(),
                values: periods.iter().map(|(_, samples)| query.statistic.of(samples)).collect(),
            }
        };
        self.queries.iter().filter(|query| query.is_returned).map(result).collect()
    }
}

impl DataQuery {
    fn parse(input: InputQuery) -> Result<DataQuery, ServiceError> {
        let id = input.id.unwrap_or_default();
        let is_id = id.starts_with(|first: char| first.is_ascii_lowercase())
            && id.len() <= 255
            && id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !is_id {
            return Err(invalid(
                "The value of an Id must begin with a lower-case letter, and have letters and digits.",
            ));
        }
        let Some(InputStat { metric, period, stat, unit }) = input.metric_stat else {
            return Err(invalid(format!("The query {id} must have a MetricStat.")));
        };
        let period = whole(period).filter(|seconds| *seconds > 0 && seconds % 60 == 0).ok_or_else(|| {
            invalid(format!("The Period of {id} must be a multiple of 60: the local cloud counts by the minute."))
        })?;
        let statistic = Statistic::named(&stat).ok_or_else(|| {
            invalid(format!(
                "The local cloud has no statistic {} (in {id}): ask for Sum, Average, Minimum, Maximum or SampleCount.",
                shown(&stat)
            ))
        })?;
        let (namespace, name) = (metric.namespace.unwrap_or_default(), metric.metric_name.unwrap_or_default());
        let not_counted = || {
            let of: Vec<String> = metric.dimensions.iter().map(|dimension| shown(&dimension.name)).collect();
            invalid(format!(
                "The local cloud does not count the metric {} {} by [{}] (in {id}).",
                shown(&namespace),
                shown(&name),
                of.join(", ")
            ))
        };
        let [dimension] = metric.dimensions.as_slice() else { return Err(not_counted()) };
        let found = Metric::find(&namespace, &name, &dimension.name).ok_or_else(not_counted)?;
        let label = input.label.filter(|label| !label.is_empty()).unwrap_or(name);
        if label.contains("${") {
            return Err(invalid(format!("The local cloud has no dynamic labels (in {id}).")));
        }
        Ok(DataQuery {
            id,
            label,
            metric: found,
            resource: dimension.value.clone(),
            namespace,
            period: period * 1000,
            statistic,
            has_unit: unit.is_none_or(|unit| unit == found.unit()),
            is_returned: input.return_data.unwrap_or(true),
        })
    }
}

impl Statistic {
    fn named(name: &str) -> Option<Statistic> {
        Some(match name {
            "Sum" => Statistic::Sum,
            "Average" => Statistic::Average,
            "Minimum" => Statistic::Minimum,
            "Maximum" => Statistic::Maximum,
            "SampleCount" => Statistic::SampleCount,
            _ => return None,
        })
    }

    fn of(self, samples: &Samples) -> f64 {
        match self {
            Statistic::Sum => samples.sum,
            Statistic::Average => samples.sum / samples.count,
            Statistic::Minimum => samples.minimum,
            Statistic::Maximum => samples.maximum,
            Statistic::SampleCount => samples.count,
        }
    }
}

impl InputTime {
    fn milliseconds(self) -> Option<u64> {
        match self {
            InputTime::Seconds(seconds) => whole(seconds * 1000.0),
            InputTime::Text(time) => u64::try_from(time.as_millisecond()).ok(),
        }
        // A sum of two times must not overflow.
        .filter(|at| *at < u64::MAX / (2 * MINUTE))
    }
}

/// Returns a number without its fraction, if it is not negative.
fn whole(number: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range of milliseconds")]
    (0.0..1e15).contains(&number).then_some(number as u64)
}

/// Returns a name as an error may repeat it.
fn shown(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(100).collect()
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::bad_request("ValidationError", message)
}

/// Reads a number, which the query protocol sends as text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Number(f64),
        Text(String),
    }
    match Number::deserialize(deserializer)? {
        Number::Number(number) => Ok(number),
        Number::Text(text) => text.parse().map_err(|_| serde::de::Error::custom("not a number")),
    }
}

/// Reads a flag, which the query protocol sends as text.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(flag)),
        Value::String(text) if text == "true" || text == "false" => Ok(Some(text == "true")),
        _ => Err(serde::de::Error::custom("not a flag")),
    }
}

#[cfg(test)]
mod tests;
