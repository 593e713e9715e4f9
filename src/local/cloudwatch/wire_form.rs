//! The three wire forms of `CloudWatch`: CBOR by path (Rust SDK, boto3), JSON 1.0 by target, and query (older clients).
//!
//! Their errors carry the codes of the query protocol, as the service's do (Smithy, `awsQueryCompatible` trait).

use ciborium::Value as Cbor;
use http::{HeaderName, HeaderValue, Uri};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::data_query::MetricDataResult;
use super::query_parameters;
use crate::operation;
use crate::protocol::aws_json;
use crate::protocol::aws_json::{AMZ_JSON_1_0, Request, Response, ServiceError};
use crate::protocol::aws_query::{self, CLOUDWATCH, Parameters, Xml};
use crate::protocol::wire_format::WireFormat;

/// The service in targets and paths.
pub(crate) const TARGET: &str = "GraniteServiceVersion20100801";

const CBOR: &str = "application/cbor";

/// CBOR tag of a time.
const TIME: u64 = 1;

/// The wire form of a request and its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloudWatchForm {
    Cbor,
    Json,
    Query,
}

impl CloudWatchForm {
    /// Returns the CBOR form if the path names an operation of the service.
    pub(crate) fn of_path(uri: &Uri) -> Option<CloudWatchForm> {
        operation_in(uri.path()).map(|_| CloudWatchForm::Cbor)
    }

    /// Returns the operation of a request.
    pub(crate) fn operation(self, request: &Request) -> String {
        match self {
            CloudWatchForm::Cbor => operation::known(operation_in(request.uri().path()).unwrap_or_default()),
            CloudWatchForm::Json => operation::of_target(request),
            CloudWatchForm::Query => operation::of_query(request),
        }
    }

    /// Reads the members of a request.
    pub(super) fn read(self, request: &Request) -> Result<Value, ServiceError> {
        let members = match self {
            CloudWatchForm::Cbor => WireFormat::Cbor.json(request.body()),
            CloudWatchForm::Json => WireFormat::Json.json(request.body()),
            CloudWatchForm::Query => query_parameters::as_json(&Parameters::of(request)),
        };
        let unreadable = || ServiceError::bad_request("SerializationException", "The request cannot be read.");
        members.ok_or_else(unreadable)
    }

    /// Returns the response to `GetMetricData`.
    pub(super) fn answer(self, results: &[MetricDataResult]) -> Response {
        match self {
            CloudWatchForm::Cbor => cbor(200, &as_cbor(results)),
            CloudWatchForm::Json => {
                let results: Vec<Value> = results.iter().map(as_json).collect();
                aws_json::json_as(200, AMZ_JSON_1_0, &json!({ "MetricDataResults": results, "Messages": [] }))
            }
            CloudWatchForm::Query => aws_query::answer(CLOUDWATCH, "GetMetricData", Ok(Some(as_xml(results)))),
        }
    }

    /// Returns an error response.
    pub(crate) fn refuse(self, error: &ServiceError) -> Response {
        let error = aws_query::with_query_code(error);
        let mut response = match self {
            CloudWatchForm::Cbor => {
                let text = |text: &str| Cbor::Text(text.to_owned());
                let code = format!("com.amazonaws.cloudwatch#{}", error.code);
                let members = [(text("__type"), text(&code)), (text("message"), text(&error.message))];
                cbor(error.status, &Cbor::Map(members.into()))
            }
            CloudWatchForm::Json => error.json(AMZ_JSON_1_0),
            CloudWatchForm::Query => return aws_query::error(CLOUDWATCH, &error),
        };
        let side = if error.status < 500 { "Sender" } else { "Receiver" };
        if let Ok(code) = HeaderValue::from_str(&format!("{};{side}", error.code)) {
            response.headers_mut().insert(HeaderName::from_static("x-amzn-query-error"), code);
        }
        response
    }
}

fn operation_in(path: &str) -> Option<&str> {
    path.strip_prefix("/service/")?.strip_prefix(TARGET)?.strip_prefix("/operation/")
}

fn cbor(status: u16, body: &Cbor) -> Response {
    let mut bytes = Vec::new();
    let mut response = match ciborium::into_writer(body, &mut bytes) {
        Ok(()) => aws_json::bytes(status, CBOR, bytes),
        // Writing to memory cannot fail otherwise than by an internal error.
        Err(error) => return ServiceError::internal(error.to_string()).json(AMZ_JSON_1_0),
    };
    response.headers_mut().insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    response
}

fn as_cbor(results: &[MetricDataResult]) -> Cbor {
    let member = |name: &str, value: Cbor| (Cbor::Text(name.to_owned()), value);
    let time = |seconds: &u64| Cbor::Tag(TIME, Box::new(Cbor::Integer((*seconds).into())));
    let result = |result: &MetricDataResult| {
        Cbor::Map(vec![
            member("Id", Cbor::Text(result.id.clone())),
            member("Label", Cbor::Text(result.label.clone())),
            member("Timestamps", Cbor::Array(result.timestamps.iter().map(time).collect())),
            member("Values", Cbor::Array(result.values.iter().map(|value| Cbor::Float(*value)).collect())),
            member("StatusCode", Cbor::Text("Complete".to_owned())),
        ])
    };
    Cbor::Map(vec![
        member("MetricDataResults", Cbor::Array(results.iter().map(result).collect())),
        member("Messages", Cbor::Array(Vec::new())),
    ])
}

fn as_json(result: &MetricDataResult) -> Value {
    json!({
        "Id": result.id,
        "Label": result.label,
        "Timestamps": result.timestamps,
        "Values": result.values,
        "StatusCode": "Complete",
    })
}

fn as_xml(results: &[MetricDataResult]) -> Xml {
    let mut xml = Xml::default();
    xml.node("Messages", |_| {});
    xml.node("MetricDataResults", |list| {
        for result in results {
            list.node("member", |xml| {
                xml.leaf("Id", &result.id).leaf("Label", &result.label);
                xml.node("Timestamps", |times| {
                    for seconds in &result.timestamps {
                        let time = Timestamp::from_second(i64::try_from(*seconds).unwrap_or_default());
                        times.leaf("member", time.unwrap_or_default());
                    }
                });
                xml.node("Values", |values| {
                    for value in &result.values {
                        values.leaf("member", value);
                    }
                });
                xml.leaf("StatusCode", "Complete");
            });
        }
    });
    xml
}
