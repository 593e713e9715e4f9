//! Counts throttled calls that a fault plan injects, as the services count their own.

use serde_json::Value;

use super::auth::permissions::Named;
use super::faults::InjectedError;
use super::router::Service;
use super::services::Services;
use crate::kinesis::WireFormat;
use crate::metrics::Metric;
use crate::protocol::aws_json::Request;

/// Counts a call that is refused as throttled.
pub(super) fn count_refused(
    services: &Services,
    service: Service,
    operation: &str,
    request: &Request,
    injected: InjectedError,
) {
    // The metrics of a reason count besides those of all throttles.
    let table_metrics: &[Metric] = match injected {
        InjectedError::HotKey => &[Metric::WriteThrottles, Metric::KeyRangeWriteThrottles],
        _ => &[Metric::WriteThrottles],
    };
    match service {
        Service::Kinesis(form) => {
            let (metric, calls) = match operation {
                "PutRecord" => (Metric::WriteThroughputExceeded, 1),
                "PutRecords" => (Metric::WriteThroughputExceeded, count_in(form, request, "Records")),
                "GetRecords" => (Metric::ReadThroughputExceeded, 1),
                _ => return,
            };
            for stream in names(services.kinesis.named_in(request)) {
                services.kinesis.metrics().add(metric, &stream, as_value(calls));
            }
        }
        Service::DynamoDb if operation == "BatchWriteItem" => {
            let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            if let Some(tables) = body.get("RequestItems").and_then(Value::as_object) {
                for metric in table_metrics {
                    count_writes(services, *metric, tables.iter());
                }
            }
        }
        Service::DynamoDb if matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem") => {
            for table in names(services.dynamodb.named_in(request)) {
                for metric in table_metrics {
                    services.dynamodb.metrics().add(*metric, &table, 1.0);
                }
            }
        }
        Service::Lambda if operation == "Invoke" => {
            let needed = services.lambda.needed_by(request).into_iter();
            for function in needed.flat_map(|needed| names(needed.named)) {
                services.lambda.count_throttle(&function);
            }
        }
        _ => {}
    }
}

/// Counts records of a `PutRecords` that a fault plan holds back.
pub(super) fn count_records(services: &Services, stream: &str, records: usize) {
    services.kinesis.metrics().add(Metric::WriteThroughputExceeded, stream, as_value(records));
}

/// Counts requests of a `BatchWriteItem`, by table, that are not processed.
pub(super) fn count_items<'a>(services: &Services, by_table: impl Iterator<Item = (&'a String, &'a Value)>) {
    count_writes(services, Metric::WriteThrottles, by_table);
}

fn count_writes<'a>(services: &Services, metric: Metric, by_table: impl Iterator<Item = (&'a String, &'a Value)>) {
    for (table, requests) in by_table {
        let count = requests.as_array().map_or(0, Vec::len);
        let name = table.rsplit('/').next().unwrap_or_default();
        services.dynamodb.metrics().add(metric, name, as_value(count));
    }
}

fn count_in(form: WireFormat, request: &Request, list: &str) -> usize {
    form.json(request.body()).and_then(|body| body.get(list)?.as_array().map(Vec::len)).unwrap_or(1)
}

/// Returns the last parts of ARNs: the names of streams, tables and functions.
fn names(named: Named) -> Vec<String> {
    let Named::These(arns) = named else { return Vec::new() };
    arns.iter().map(|arn| arn.rsplit(['/', ':']).next().unwrap_or_default().to_owned()).collect()
}

fn as_value(count: usize) -> f64 {
    u32::try_from(count).unwrap_or(u32::MAX).into()
}
