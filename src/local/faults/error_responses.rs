//! The error responses of each service: throttling, server errors, access denied.

use crate::operation;
use crate::protocol::aws_json::ServiceError;

/// An injected error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InjectedError {
    /// The caller is throttled.
    Throttled,
    /// The caller is throttled by the limit of one partition of a table.
    HotKey,
    /// The service fails with this HTTP status.
    Failed(u16),
    /// The caller is not authorized.
    Denied,
}

/// Returns the error of an operation with its service's own code and message.
///
/// Sources: docs/facts/kinesis.md, Partial failures, Stream states; docs/facts/lambda.md, Function limits;
/// docs/facts/dynamodb.md, Writes, Throttling; docs/facts/iam.md, Roles.
pub(crate) fn refusal(service: &str, operation: &str, injected: InjectedError) -> ServiceError {
    let denied = format!("User is not authorized to perform: {service}:{operation} (a fault on request)");
    let (status, code, message) = match injected {
        InjectedError::Denied => match service {
            "iam" | "sts" => (403, "AccessDenied", denied.as_str()),
            "lambda" => (403, "AccessDeniedException", denied.as_str()),
            _ => (400, "AccessDeniedException", denied.as_str()),
        },
        InjectedError::Throttled | InjectedError::HotKey => throttled(service, operation),
        InjectedError::Failed(503) => match service {
            "logs" => (503, "ServiceUnavailableException", "The service cannot complete the request."),
            _ => (503, "ServiceUnavailable", "Service is unavailable. Please try again."),
        },
        InjectedError::Failed(_) => match service {
            "dynamodb" => (500, "InternalServerError", "Internal server error"),
            "lambda" => (500, "ServiceException", "Service encountered an internal error."),
            "iam" => (500, "ServiceFailure", "The request processing has failed because of an unknown error."),
            _ => (500, "InternalFailure", "Internal service failure."),
        },
    };
    ServiceError::new(status, code, message)
}

fn throttled(service: &str, operation: &str) -> (u16, &'static str, &'static str) {
    let is_data = match service {
        "kinesis" => matches!(operation, "PutRecord" | "PutRecords" | "GetRecords" | "GetShardIterator"),
        "dynamodb" => operation::touches_items(operation),
        _ => false,
    };
    match (service, is_data) {
        ("kinesis", true) => (400, "ProvisionedThroughputExceededException", "Rate exceeded for shard."),
        ("kinesis", false) => (400, "LimitExceededException", "Rate exceeded for stream."),
        ("dynamodb", true) => (
            400,
            "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded. Consider increasing your \
             provisioning level with the UpdateTable API.",
        ),
        // The reason is a member of its own; the REST response takes it from the beginning of the message.
        ("lambda", _) => (429, "TooManyRequestsException", "CallerRateLimitExceeded: Rate exceeded"),
        ("iam" | "sts", _) => (400, "Throttling", "Rate exceeded"),
        _ => (400, "ThrottlingException", "Rate exceeded"),
    }
}
