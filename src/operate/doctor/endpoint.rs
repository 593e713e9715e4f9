//! Checks that each service can be reached, and that the answer is from AWS.

use super::calls::Reached;
use super::finding::{CheckFinding, CheckResult, Verdict};
use crate::aws::FailureCause;
use crate::error::Error;

/// The names of the checks, by service.
pub(super) const ENDPOINTS: [(&str, &str); 7] = [
    ("STS", "endpoint-sts"),
    ("Kinesis", "endpoint-kinesis"),
    ("Lambda", "endpoint-lambda"),
    ("DynamoDB", "endpoint-dynamodb"),
    ("IAM", "endpoint-iam"),
    ("CloudWatch Logs", "endpoint-logs"),
    ("tag", TAGGING),
];
/// The only service that every command can do without.
const TAGGING: &str = "endpoint-tagging";

/// What to do about the status of a proxy.
const NOT_AWS: &str = "the answer is not from AWS: check `--endpoint-url` and the network (a proxy, a sign-in page)";

/// Judges how a service was reached. A refused call is an answer, too.
pub(super) fn judge(reached: &Reached) -> CheckFinding {
    let name =
        ENDPOINTS.iter().find(|(service, _)| *service == reached.service).map_or(reached.service, |(_, name)| name);
    let address = reached.address.as_deref().unwrap_or("the service");
    let verdict = match &reached.failure {
        None => Verdict::ok(format!("{address} answers")),
        Some(failure) if failure.cause == FailureCause::NoCredentials => {
            Verdict::unknown("no request was sent: there are no credentials")
        }
        Some(failure) => match failure.code.as_deref() {
            // Without a code of its own it is the status of a proxy, or of another server.
            Some(code) if !code.starts_with("HTTP ") => Verdict::ok(format!("{address} answers")),
            code => {
                let hints = Error::from(failure.clone()).hints().join("; ");
                let remedy = if code.is_some() { NOT_AWS.to_owned() } else { hints };
                let failed = Verdict::failed(format!("{address}: {}", failure.said()), remedy);
                if name == TAGGING { Verdict { result: CheckResult::Warning, ..failed } } else { failed }
            }
        },
    };
    verdict.named(name, reached.took)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::aws::AwsFailure;

    fn finding(service: &'static str, failure: Option<(FailureCause, Option<&str>)>) -> CheckFinding {
        let failure = failure.map(|(cause, code)| AwsFailure {
            service,
            operation: "DescribeLimits",
            resource: "the account".into(),
            location: "eu-central-1".into(),
            code: code.map(str::to_owned),
            message: "said".into(),
            cause,
        });
        let address = Some("https://kinesis.eu-central-1.amazonaws.com".into());
        judge(&Reached { service, address, failure, clock: None, took: Duration::ZERO })
    }

    #[test]
    fn refused_call_is_an_answer_and_another_servers_is_not() {
        use FailureCause::{Credentials, Denied, ForeignAnswer, NoCredentials, ServerError, Throttled, Unreachable};
        for (failure, result) in [
            (None, CheckResult::Ok),
            (Some((Denied, Some("AccessDeniedException"))), CheckResult::Ok),
            (Some((Credentials, Some("MissingAuthenticationTokenException"))), CheckResult::Ok),
            (Some((NoCredentials, None)), CheckResult::Unknown),
            (Some((Unreachable, None)), CheckResult::Failed),
            (Some((ServerError, None)), CheckResult::Failed),
            (Some((Throttled, Some("HTTP 503"))), CheckResult::Failed),
            (Some((ForeignAnswer, None)), CheckResult::Failed),
        ] {
            let found = finding("Kinesis", failure);
            assert_eq!((found.name.as_str(), found.result), ("endpoint-kinesis", result), "{found:?}");
            assert_eq!(found.remedy.is_some(), result == CheckResult::Failed, "{found:?}");
        }
        assert_eq!(finding("tag", Some((Unreachable, None))).result, CheckResult::Warning);
    }
}
