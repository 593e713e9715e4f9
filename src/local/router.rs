//! Routes each request on the one port to its service, and returns errors in that service's form.

use http::request::Parts;

use super::cloudwatch::{CloudWatchForm, TARGET as CLOUDWATCH};
use super::kinesis::WireFormat;
use super::operation;
use crate::auth::signature::Signature;
use crate::protocol::aws_json::{AMZ_JSON_1_0, AMZ_JSON_1_1, Request, Response, ServiceError};
use crate::protocol::aws_query;
use crate::protocol::aws_query::{IAM, STS, with_query_code};

/// Body limit of the data services, in bytes.
const MAX_BODY: usize = 16 << 20;

/// Body limit of Lambda: a zip of 50 MB in base64, with room to spare.
const MAX_LAMBDA_BODY: usize = 70 << 20;

/// Body limit of the control endpoint, in bytes.
const MAX_CONTROL_BODY: usize = 64 << 10;

/// The service that a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Kinesis(WireFormat),
    DynamoDb,
    Logs,
    Lambda,
    Iam,
    Sts,
    Tagging,
    CloudWatch(CloudWatchForm),
    Health,
    Control,
    Unknown,
}

impl Service {
    /// Returns the service by target header, else by path, else by the credential's scope.
    pub(super) fn of(parts: &Parts) -> Service {
        let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
        match target.split_once('.').map(|(service, _)| service) {
            Some("Kinesis_20131202") => return Service::Kinesis(WireFormat::of(&parts.headers)),
            Some("DynamoDB_20120810" | "DynamoDBStreams_20120810") => return Service::DynamoDb,
            Some("Logs_20140328") => return Service::Logs,
            Some("ResourceGroupsTaggingAPI_20170126") => return Service::Tagging,
            Some(CLOUDWATCH) => return Service::CloudWatch(CloudWatchForm::Json),
            _ => {}
        }
        if let Some(form) = CloudWatchForm::of_path(&parts.uri) {
            return Service::CloudWatch(form);
        }
        let path = parts.uri.path();
        if path == "/_sensorctl/health" {
            return Service::Health;
        }
        if path.starts_with("/_sensorctl/") {
            return Service::Control;
        }
        if starts_with_version(path) {
            return Service::Lambda;
        }
        match Signature::of(&parts.headers, &parts.uri).map(|signature| signature.service).as_deref() {
            Some("iam") => Service::Iam,
            Some("sts") => Service::Sts,
            Some("kinesis") => Service::Kinesis(WireFormat::of(&parts.headers)),
            Some("dynamodb") => Service::DynamoDb,
            Some("logs") => Service::Logs,
            Some("lambda") => Service::Lambda,
            Some("tagging") => Service::Tagging,
            Some("monitoring") => Service::CloudWatch(CloudWatchForm::Query),
            // An unsigned request: a client of the query protocol reads only XML.
            None if is_form(&parts.headers) => Service::Sts,
            _ => Service::Unknown,
        }
    }

    /// Returns an error in the service's own form and with its own code.
    pub(super) fn refuse(self, error: &ServiceError) -> Response {
        match self {
            Service::Iam => aws_query::error(IAM, &with_query_code(error)),
            Service::Sts => aws_query::error(STS, &with_query_code(error)),
            Service::DynamoDb => error.json(AMZ_JSON_1_0),
            Service::Lambda | Service::Health | Service::Control => error.rest(),
            Service::Kinesis(form) => form.refuse(error),
            Service::CloudWatch(form) => form.refuse(error),
            Service::Logs | Service::Tagging | Service::Unknown => error.json(AMZ_JSON_1_1),
        }
    }

    pub(super) fn body_limit(self) -> usize {
        match self {
            Service::Lambda => MAX_LAMBDA_BODY,
            Service::Control => MAX_CONTROL_BODY,
            _ => MAX_BODY,
        }
    }

    /// Returns the error code for an unknown member.
    pub(super) fn invalid_code(self) -> &'static str {
        match self {
            Service::Iam | Service::Sts | Service::CloudWatch(_) => "ValidationError",
            Service::Lambda => "InvalidParameterValueException",
            Service::Logs | Service::Tagging => "InvalidParameterException",
            _ => "ValidationException",
        }
    }

    /// Returns the prefix of the service's IAM actions, or `None` for a request to no service.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Service::Kinesis(_) => Some("kinesis"),
            Service::DynamoDb => Some("dynamodb"),
            Service::Logs => Some("logs"),
            Service::Lambda => Some("lambda"),
            Service::Iam => Some("iam"),
            Service::Sts => Some("sts"),
            Service::Tagging => Some("tag"),
            Service::CloudWatch(_) => Some("cloudwatch"),
            Service::Health | Service::Control | Service::Unknown => None,
        }
    }

    /// Returns the service name in signatures.
    pub(super) fn signing_name(self) -> Option<&'static str> {
        match self {
            Service::Tagging => Some("tagging"),
            Service::CloudWatch(_) => Some("monitoring"),
            _ => self.name(),
        }
    }

    pub(super) fn operation(self, request: &Request) -> String {
        match self {
            Service::Iam | Service::Sts => operation::of_query(request),
            Service::CloudWatch(form) => form.operation(request),
            Service::Lambda => operation::of_lambda(request.method(), request.uri().path()).to_owned(),
            _ => operation::of_target(request),
        }
    }
}

fn is_form(headers: &http::HeaderMap) -> bool {
    let content_type = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"))
}

/// Returns whether a path starts with the date of an API version, as in Lambda: `/2015-03-31/functions`.
fn starts_with_version(path: &str) -> bool {
    let version = path.trim_start_matches('/').split('/').next().unwrap_or_default().as_bytes();
    version.len() == 10
        && version.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service_of(path: &str, target: Option<&str>, scope: &str) -> Service {
        let credential = format!("AWS4-HMAC-SHA256 Credential=K/20261123/us-east-1/{scope}/aws4_request, Signature=0");
        let mut request = http::Request::post(path).header("authorization", credential);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        Service::of(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn routing_prefers_target_over_path_over_scope() {
        assert_eq!(service_of("/", Some("Kinesis_20131202.PutRecord"), "iam"), Service::Kinesis(WireFormat::Json));
        assert_eq!(service_of("/", Some("DynamoDBStreams_20120810.ListStreams"), "x"), Service::DynamoDb);
        assert_eq!(service_of("/2015-03-31/functions", None, "iam"), Service::Lambda);
        assert_eq!(service_of("/", None, "iam"), Service::Iam);
        assert_eq!(service_of("/2015-3-31/functions", None, "s3"), Service::Unknown);
    }

    #[test]
    fn routing_knows_the_three_forms_of_cloudwatch() {
        let path = format!("/service/{CLOUDWATCH}/operation/GetMetricData");
        assert_eq!(service_of(&path, None, "monitoring"), Service::CloudWatch(CloudWatchForm::Cbor));
        let target = format!("{CLOUDWATCH}.GetMetricData");
        assert_eq!(service_of("/", Some(&target), "monitoring"), Service::CloudWatch(CloudWatchForm::Json));
        assert_eq!(service_of("/", None, "monitoring"), Service::CloudWatch(CloudWatchForm::Query));
        assert_eq!(service_of("/service/Other/operation/X", None, "s3"), Service::Unknown);
    }
}
