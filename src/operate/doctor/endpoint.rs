//! Checks that each service can be reached, and that the answer is from AWS.

use super::calls::Reached;
use super::finding::{CheckFinding, CheckResult, Verdict};
use crate::aws::{AwsFailure, FailureCause, foreign_answer};
use crate::error::Error;

/// The names of the checks, by service.
pub(super) const ENDPOINTS: [(&str, &str); 8] = [
    ("STS", "endpoint-sts"),
    ("Kinesis", "endpoint-kinesis"),
    ("Lambda", "endpoint-lambda"),
    ("DynamoDB", "endpoint-dynamodb"),
    ("IAM", "endpoint-iam"),
    ("CloudWatch Logs", "endpoint-logs"),
    ("CloudWatch", CLOUDWATCH),
    ("tag", TAGGING),
];
const CLOUDWATCH: &str = "endpoint-cloudwatch";
const TAGGING: &str = "endpoint-tagging";
/// The services that every command can do without.
const OPTIONAL: [&str; 2] = [CLOUDWATCH, TAGGING];

/// Statuses by which an emulator says that it does not serve a call.
const NOT_SERVED: [&str; 3] = ["HTTP 404", "HTTP 405", "HTTP 501"];

/// Judges how the services were reached.
pub(super) fn judge_all(reached: &[&Reached]) -> Vec<CheckFinding> {
    let answering: Vec<_> =
        reached.iter().filter(|reached| answers(reached)).filter_map(|it| it.address.as_deref()).collect();
    reached.iter().map(|reached| judge(reached, &answering)).collect()
}

/// Returns whether the service answered. A refused call is an answer, too.
fn answers(reached: &Reached) -> bool {
    match &reached.failure {
        None => true,
        // Without a code of its own it is the status of a proxy, or of another server.
        Some(failure) => failure.code.as_deref().is_some_and(|code| !code.starts_with("HTTP ")),
    }
}

/// Judges how a service was reached, beside others at these addresses that answer.
fn judge(reached: &Reached, answering: &[&str]) -> CheckFinding {
    let name =
        ENDPOINTS.iter().find(|(service, _)| *service == reached.service).map_or(reached.service, |(_, name)| name);
    let address = reached.address.as_deref().unwrap_or("the service");
    let verdict = match &reached.failure {
        Some(failure) if failure.cause == FailureCause::NoCredentials => {
            Verdict::unknown("no request was sent: there are no credentials")
        }
        Some(failure) if !answers(reached) => not_answered(failure, name, address, answering),
        _ => Verdict::ok(format!("{address} answers")),
    };
    verdict.named(name, reached.took)
}

/// Judges an answer that is not the service's, or none.
fn not_answered(failure: &AwsFailure, name: &str, address: &str, answering: &[&str]) -> Verdict {
    let code = failure.code.as_deref();
    if let Some(status) = code.filter(|code| NOT_SERVED.contains(code))
        && answering.contains(&address)
    {
        return Verdict::unknown(format!("{address} does not serve {} ({status})", failure.operation));
    }
    let hints = Error::from(failure.clone()).hints().join("; ");
    let remedy = if code.is_some() { foreign_answer(failure) } else { hints };
    let failed = Verdict::failed(format!("{address}: {}", failure.said()), remedy);
    if OPTIONAL.contains(&name) { Verdict { result: CheckResult::Warning, ..failed } } else { failed }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn reached(service: &'static str, failure: Option<(FailureCause, Option<&str>)>) -> Reached {
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
        Reached { service, address, failure, clock: None, took: Duration::ZERO }
    }

    fn finding(service: &'static str, failure: Option<(FailureCause, Option<&str>)>) -> CheckFinding {
        judge_all(&[&reached(service, failure)]).remove(0)
    }

    #[test]
    fn call_that_an_emulator_does_not_serve_is_unknown_only_where_others_of_it_answer() {
        let missing = |code| Some((FailureCause::ForeignAnswer, Some(code)));
        for (other, code, result) in [
            (None, "HTTP 404", CheckResult::Unknown),
            (Some((FailureCause::Denied, Some("AccessDenied"))), "HTTP 501", CheckResult::Unknown),
            (None, "HTTP 502", CheckResult::Failed),
            (missing("HTTP 404"), "HTTP 404", CheckResult::Failed),
            (Some((FailureCause::Unreachable, None)), "HTTP 404", CheckResult::Failed),
        ] {
            let found = judge_all(&[&reached("Kinesis", other), &reached("Lambda", missing(code))]).remove(1);
            assert_eq!(found.result, result, "{found:?}");
        }
        let elsewhere = Reached { address: Some("https://example.com".into()), ..reached("Kinesis", None) };
        assert_eq!(judge_all(&[&elsewhere, &reached("Lambda", missing("HTTP 404"))])[1].result, CheckResult::Failed);
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
