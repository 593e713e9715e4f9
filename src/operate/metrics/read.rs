//! Reads metrics with `GetMetricData`, which no caller needs: where it is denied or not served, the reason is returned.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, MessageData, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode,
};
use jiff::Timestamp;
use tokio::time::timeout;

use super::query::{MetricQuery, MetricWindow};
use super::series::{MetricPoint, MetricSeries};
use crate::aws::{AwsFailure, Clients, FailureCause};
use crate::operate::answer_limit::{ANSWER_LIMIT, no_answer};

/// Limit of metrics in one call (API reference, `GetMetricData`).
const MOST_QUERIES: usize = 500;

/// Limit of pages of one answer. The points of a few metrics over hours fill less than one.
const MOST_PAGES: usize = 10;

/// The reason why there are no metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MetricsUnavailable {
    /// The caller lacks `cloudwatch:GetMetricData`.
    Denied(String),
    /// The endpoint has no such operation, or not these metrics.
    NotServed(String),
    /// The call failed otherwise.
    Failed(String),
}

impl MetricsUnavailable {
    /// Returns the reason in one sentence without its end.
    pub(crate) fn reason(&self) -> &str {
        let (MetricsUnavailable::Denied(reason)
        | MetricsUnavailable::NotServed(reason)
        | MetricsUnavailable::Failed(reason)) = self;
        reason
    }

    fn of(failure: &AwsFailure) -> Self {
        let said = failure.said();
        let is_unknown = failure.code.as_deref().is_some_and(|code| {
            let unknown = ["UnknownOperation", "InvalidAction", "NotImplemented", "HTTP 404", "HTTP 405", "HTTP 501"];
            unknown.iter().any(|unknown| code.contains(unknown))
        });
        match failure.cause {
            FailureCause::Denied => MetricsUnavailable::Denied(format!("cloudwatch:GetMetricData is denied ({said})")),
            _ if is_unknown => MetricsUnavailable::NotServed(format!("GetMetricData is not served here ({said})")),
            FailureCause::ForeignAnswer | FailureCause::Missing => {
                MetricsUnavailable::NotServed(format!("GetMetricData is not served here ({said})"))
            }
            _ => MetricsUnavailable::Failed(format!("GetMetricData failed ({said})")),
        }
    }
}

/// Reads metrics, in the order of the queries. Makes one call, unless the service returns more than a page.
///
/// # Errors
/// The reason why there are none.
pub(crate) async fn read_metrics(
    clients: &Clients,
    queries: &[MetricQuery],
    window: MetricWindow,
) -> Result<Vec<MetricSeries>, MetricsUnavailable> {
    let failed = |why: String| MetricsUnavailable::Failed(format!("GetMetricData failed ({why})"));
    if queries.len() > MOST_QUERIES {
        return Err(failed(format!("{} metrics are more than one call can ask for", queries.len())));
    }
    let queries = queries.iter().enumerate().map(|(at, query)| data_query(at, query, window));
    let queries: Vec<MetricDataQuery> = queries.collect();
    let count = queries.len();
    let call = clients.call("CloudWatch", "GetMetricData", "the pipeline");
    let request = clients
        .cloudwatch
        .get_metric_data()
        .set_metric_data_queries(Some(queries))
        .start_time(DateTime::from_secs(window.start.as_second()))
        .end_time(DateTime::from_secs(window.end.as_second() + 1))
        .scan_by(ScanBy::TimestampAscending);
    let mut pages = Pages::default();
    let mut token = None;
    for _ in 0..MOST_PAGES {
        let Ok(answer) = timeout(ANSWER_LIMIT, request.clone().set_next_token(token).send()).await else {
            return Err(failed(no_answer()));
        };
        let answer = call.answer(answer);
        let answer = answer.map_err(|failure| MetricsUnavailable::of(&failure))?;
        pages.add(answer.metric_data_results(), answer.messages());
        token = answer.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    if token.is_some() {
        // Pages begin with the oldest points, so the newest are missing.
        pages.doubts.push("CloudWatch has more points than expected".into());
    }
    Ok(pages.into_series(count))
}

/// The pages of one answer.
#[derive(Debug, Default)]
struct Pages {
    series: BTreeMap<String, MetricSeries>,
    /// Metrics of which the next page should have more points.
    partial: BTreeSet<String>,
    /// Doubts that concern all metrics.
    doubts: Vec<String>,
}

impl Pages {
    fn add(&mut self, results: &[MetricDataResult], messages: &[MessageData]) {
        self.doubts.extend(messages.iter().map(|message| format!("CloudWatch says {}", text(message))));
        for result in results {
            let id = result.id().unwrap_or_default();
            add(self.series.entry(id.to_owned()).or_default(), result);
            if result.status_code() == Some(&StatusCode::PartialData) {
                self.partial.insert(id.to_owned());
            } else {
                self.partial.remove(id);
            }
        }
    }

    /// Returns the series of each query. One that is missing, or ends with partial data, is incomplete.
    fn into_series(mut self, count: usize) -> Vec<MetricSeries> {
        let mut of_query = |at: usize| {
            let id = id(at);
            let found = self.series.remove(&id);
            let doubt = match &found {
                None => Some("CloudWatch returned nothing about this metric".to_owned()),
                Some(_) if self.partial.contains(&id) => Some("CloudWatch returned a part of this metric".to_owned()),
                Some(_) => None,
            };
            let mut series = found.unwrap_or_default();
            series.incomplete = series.incomplete.or(doubt).or_else(|| self.doubts.first().cloned());
            series
        };
        (0..count).map(&mut of_query).collect()
    }
}

/// Returns the id of a query in a request.
fn id(at: usize) -> String {
    format!("m{at}")
}

fn data_query(at: usize, query: &MetricQuery, window: MetricWindow) -> MetricDataQuery {
    let dimensions = query.dimensions.iter().map(|(name, value)| Dimension::builder().name(*name).value(value).build());
    let metric = Metric::builder()
        .namespace(query.namespace)
        .metric_name(query.name)
        .set_dimensions(Some(dimensions.collect()))
        .build();
    let stat = MetricStat::builder()
        .metric(metric)
        .period(i32::try_from(window.period.as_secs()).unwrap_or(i32::MAX))
        .stat(query.statistic.name())
        .build();
    MetricDataQuery::builder().id(id(at)).metric_stat(stat).build()
}

/// Adds the points of a page.
fn add(series: &mut MetricSeries, result: &MetricDataResult) {
    let times = result.timestamps().iter().filter_map(|time| Timestamp::from_second(time.secs()).ok());
    series.points.extend(times.zip(result.values()).map(|(time, value)| MetricPoint { time, value: *value }));
    series.points.sort_by_key(|point| point.time);
    let said: Vec<String> = result.messages().iter().map(text).collect();
    let of_status = match result.status_code() {
        // More points of partial data follow on the next page.
        None | Some(StatusCode::Complete | StatusCode::PartialData) => None,
        Some(other) => Some(other.as_str()),
    };
    if of_status.is_some() || !said.is_empty() {
        let parts: Vec<&str> = of_status.into_iter().chain(said.iter().map(String::as_str)).collect();
        series.incomplete = Some(format!("CloudWatch says of this metric: {}", parts.join(", ")));
    }
}

fn text(message: &MessageData) -> String {
    [message.code(), message.value()].into_iter().flatten().collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(cause: FailureCause, code: &str) -> AwsFailure {
        AwsFailure {
            service: "CloudWatch",
            operation: "GetMetricData",
            resource: String::new(),
            location: "".into(),
            code: Some(code.to_owned()),
            message: "m".to_owned(),
            cause,
        }
    }

    fn result(id: &str, status: StatusCode, message: Option<&str>) -> MetricDataResult {
        let messages = message.map(|text| vec![MessageData::builder().code("Code").value(text).build()]);
        let result = MetricDataResult::builder().id(id).status_code(status).set_messages(messages);
        result.timestamps(DateTime::from_secs(60)).values(1.0).build()
    }

    #[test]
    fn incomplete_series_say_why_in_the_words_of_the_service() {
        let mut pages = Pages::default();
        pages.add(
            &[
                result("m0", StatusCode::Complete, None),
                result("m1", StatusCode::Forbidden, Some("not yours")),
                result("m2", StatusCode::PartialData, None),
                result("m3", StatusCode::PartialData, None),
                result("m4", StatusCode::InternalError, None),
            ],
            &[],
        );
        pages.add(&[result("m2", StatusCode::Complete, None), result("m4", StatusCode::Complete, None)], &[]);
        let series = pages.into_series(6);
        let why: Vec<_> = series.iter().map(|series| series.incomplete.as_deref().unwrap_or_default()).collect();
        assert_eq!(
            why,
            [
                "",
                "CloudWatch says of this metric: Forbidden, Code: not yours",
                "",
                "CloudWatch returned a part of this metric",
                "CloudWatch says of this metric: InternalError",
                "CloudWatch returned nothing about this metric",
            ]
        );
        let mut pages = Pages::default();
        pages.add(&[result("m0", StatusCode::Complete, None)], &[MessageData::builder().value("too many").build()]);
        assert_eq!(pages.into_series(1)[0].incomplete.as_deref(), Some("CloudWatch says too many"));
    }

    #[test]
    fn unavailable_metrics_are_denied_not_served_or_failed() {
        let of = |cause, code| MetricsUnavailable::of(&failure(cause, code));
        assert_eq!(
            of(FailureCause::Denied, "AccessDenied"),
            MetricsUnavailable::Denied("cloudwatch:GetMetricData is denied (AccessDenied: m)".to_owned())
        );
        for code in ["UnknownOperationException", "InvalidAction", "HTTP 404", "HTTP 501"] {
            assert!(matches!(of(FailureCause::Other, code), MetricsUnavailable::NotServed(_)), "{code}");
        }
        assert!(matches!(of(FailureCause::ForeignAnswer, "HTTP 200"), MetricsUnavailable::NotServed(_)));
        let failed = of(FailureCause::Throttled, "Throttling");
        assert_eq!(failed.reason(), "GetMetricData failed (Throttling: m)");
    }
}
