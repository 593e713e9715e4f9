//! Hints for failed calls.

use super::failure::no_credentials;
use super::{AwsFailure, CallLocation, FailureCause};
use crate::error::Error;

/// Hint for a local service that failed: most likely it could not write.
const LOCAL_FAILURE: &str = "run the same command again; if that does not help, `sensorctl status` shows what is missing or damaged, and local.log, in the folder that `sensorctl local status` names, says what went wrong: is the disk full?";

/// The origin of an address.
const NAMED: &str = "`--endpoint-url` or AWS_ENDPOINT_URL names it; without both, calls go to AWS";

impl From<AwsFailure> for Error {
    fn from(failure: AwsFailure) -> Error {
        let message = match failure.cause {
            FailureCause::NoCredentials => no_credentials(&failure.message),
            _ => failure.to_string(),
        };
        hints(&failure).into_iter().fold(Error::failed(message), Error::hint)
    }
}

/// Returns one or more hints, the most promising first.
fn hints(failure: &AwsFailure) -> Vec<String> {
    let location = &failure.location;
    let hint = match failure.cause {
        FailureCause::Denied => return denied(failure),
        FailureCause::Credentials => credentials(failure, location.is_near()),
        FailureCause::NoCredentials => {
            let keys = location.named_endpoint().map(|endpoint| {
                format!(
                    "an emulator at {endpoint}? moto and LocalStack take any keys: set AWS_ACCESS_KEY_ID=test and \
                     AWS_SECRET_ACCESS_KEY=test"
                )
            });
            let hints = [
                "run `aws configure` or `aws sso login`, set AWS_PROFILE, or name a `--profile`; `aws configure list-profiles` shows them".to_owned(),
                exported(failure),
                "no AWS account? add `--local` to use the local cloud on this machine".to_owned(),
            ];
            return keys.into_iter().chain(hints).collect();
        }
        FailureCause::Unreachable => return unreachable(location),
        FailureCause::Throttled => "the service throttles; run the same command again in a minute",
        FailureCause::ServerError if location.endpoint.is_some() => return vec![emulator_failed(location)],
        FailureCause::ServerError => "run the same command again; https://health.aws.amazon.com shows outages",
        FailureCause::InUse | FailureCause::Propagating => "run the same command again: it continues where it stopped",
        FailureCause::Missing => {
            return vec![
                "`sensorctl status` shows what exists; `sensorctl up` creates what is missing".to_owned(),
                "created in another region, account or stage? check `--region`, `--profile` and `--stage`".to_owned(),
            ];
        }
        FailureCause::ForeignAnswer => return vec![foreign_answer(failure)],
        FailureCause::Exists => "choose another `--stage`, or delete or rename the existing resource",
        FailureCause::RolledBack => {
            "is another run changing it at the same time? if not, run the same command again to keep waiting"
        }
        FailureCause::NotTried => return Vec::new(),
        FailureCause::Other if location.endpoint.is_some() && failed_inside(failure) => {
            return vec![emulator_failed(location)];
        }
        FailureCause::Other => return vec![other(failure)],
    };
    vec![hint.to_owned()]
}

/// Returns the hints for an address where nothing answers.
fn unreachable(location: &CallLocation) -> Vec<String> {
    const OWN: &str = "`sensorctl local status` shows it, `sensorctl local start` starts it";
    match location.named_endpoint() {
        None if location.is_local_cloud => vec![format!("is the local cloud running? {OWN}")],
        None => vec!["check the network, `--region` and `--endpoint-url`".to_owned()],
        Some(endpoint) if location.is_near() => vec![
            format!("is moto, LocalStack or another emulator running at {endpoint}? {NAMED}"),
            format!("sensorctl's own local cloud needs no address: use `--local` instead; {OWN}"),
        ],
        Some(endpoint) => vec![format!("check the network and the address {endpoint}: {NAMED}")],
    }
}

/// Returns the hint for an answer that the service does not give.
pub(crate) fn foreign_answer(failure: &AwsFailure) -> String {
    let AwsFailure { service, operation, location, .. } = failure;
    match location.named_endpoint() {
        Some(endpoint) => format!(
            "the answer is not from AWS, and not from an emulator that serves {service} {operation}: is {endpoint} the \
             right address? {NAMED}"
        ),
        None => {
            "the answer is not from AWS: check `--endpoint-url` and the network (a proxy, a sign-in page)".to_owned()
        }
    }
}

/// Returns the hint for a server in place of AWS that failed.
fn emulator_failed(location: &CallLocation) -> String {
    match location.named_endpoint() {
        Some(endpoint) => {
            format!("run the same command again; the log of the server at {endpoint} says what went wrong")
        }
        None => LOCAL_FAILURE.to_owned(),
    }
}

/// Returns the hint to export credentials. The AWS CLI can sign in where the SDK for Rust cannot: profiles of `aws
/// login`, and roles with an MFA code.
fn exported(failure: &AwsFailure) -> String {
    // In the format of `Clients::failure`.
    let named = failure.message.rsplit_once("; profile `").and_then(|(_, rest)| rest.strip_suffix("` gives none"));
    let profile = named.map(|name| format!("--profile {} ", quoted(name))).unwrap_or_default();
    format!(
        "signed in with `aws login`, or with a code (MFA)? `eval \"$(aws configure export-credentials {profile}--format \
         env)\"` hands the credentials over; then leave `--profile` out"
    )
}

/// Quotes a name for a shell.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./@".contains(c);
    if name.chars().all(is_plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', "'\\''")) }
}

fn denied(failure: &AwsFailure) -> Vec<String> {
    let action = action(failure);
    let permission = if failure.message.contains("explicit deny") {
        format!("a policy denies {action} explicitly (the message names its kind); its owner can change that")
    } else {
        format!("the credentials in use need permission for {action}")
    };
    vec![
        permission,
        "`aws sts get-caller-identity` shows whose credentials they are; `--profile` names others".to_owned(),
    ]
}

/// Returns the IAM action that allows the call.
fn action(failure: &AwsFailure) -> String {
    // The message takes precedence: creating a function needs iam:PassRole, creating with tags needs the action for
    // tags.
    if let Some((_, rest)) = failure.message.split_once("not authorized to perform: ")
        && let Some(action) = rest.split_whitespace().next().filter(|action| action.contains(':'))
    {
        return action.to_owned();
    }
    let prefix = match failure.service {
        "CloudWatch Logs" => "logs".to_owned(),
        service => service.to_ascii_lowercase(),
    };
    let operation = match (failure.service, failure.operation) {
        ("Lambda", "Invoke") => "InvokeFunction",
        (_, operation) => operation,
    };
    format!("{prefix}:{operation}")
}

/// Distinguishes credential errors by message, because their codes are the same.
fn credentials(failure: &AwsFailure, near: bool) -> &'static str {
    let code = failure.code.as_deref().unwrap_or_default();
    let says = |part: &str| failure.message.to_ascii_lowercase().contains(part);
    if says("signature expired")
        || says("signature not yet current")
        || matches!(code, "RequestExpired" | "RequestTimeTooSkewed")
    {
        "the clock of this machine is wrong (`date -u` shows it): set it, and run the same command again"
    } else if says("should be scoped to") {
        "the address belongs to another region or service: check `--region` and `--endpoint-url`"
    } else if code.starts_with("ExpiredToken") || says("expired") {
        "the credentials have expired: sign in again (`aws sso login`, or new keys), or name another `--profile`"
    } else if matches!(code, "InvalidSignatureException" | "SignatureDoesNotMatch" | "IncompleteSignature") {
        "the secret key does not match the key id: set both again (`aws configure`), or name another `--profile`"
    } else if near {
        "the endpoint does not recognize these credentials; `--local` uses the local cloud's own, `sensorctl local env` prints them"
    } else {
        "AWS does not recognize these credentials (the answer is the same where the region is not enabled for the account): sign in again, or name another `--profile` or `--region`"
    }
}

fn other(failure: &AwsFailure) -> String {
    let AwsFailure { service, operation, message, .. } = failure;
    if message.contains("within a fixed interval") {
        return "DynamoDB accepts one change of the expiry per hour: run `sensorctl up` again after that".to_owned();
    }
    match failure.code.as_deref() {
        Some("SubscriptionRequiredException" | "SubscriptionRequired" | "OptInRequired" | "OptInRequiredException") => {
            format!(
                "the account's plan does not include {service} yet: finish signing up, or leave the free plan, in the \
                 Billing console; a new account may take hours until every service is open"
            )
        }
        Some("LimitExceededException" | "LimitExceeded" | "ServiceQuotaExceededException") => {
            format!(
                "a quota of the account is exhausted: the Service Quotas console shows and raises those of {service}"
            )
        }
        Some(_) if failed_inside(failure) => {
            "the service itself failed: run the same command again; https://health.aws.amazon.com shows outages"
                .to_owned()
        }
        Some(_) if names_something_gone(message) => {
            "another run may be deleting what this call needs: run the same command again".to_owned()
        }
        Some(code) if code.starts_with("HTTP ") => format!(
            "an emulator without {operation}, or a proxy? check `--endpoint-url` and the network; AWS gives a reason with {code}"
        ),
        Some(code) => format!("the {service} API reference explains {code} under {operation}"),
        // The service answered with a state that sensorctl cannot continue from.
        None => "`sensorctl status` shows its state, and `sensorctl plan` what `sensorctl up` would change".to_owned(),
    }
}

/// Returns whether a service refuses because something else than the call's own resource is gone or on its way out.
fn names_something_gone(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["does not exist", "not found", "being deleted", "is deleting"].iter().any(|part| message.contains(part))
}

/// Returns whether the service itself failed and did not merely refuse.
fn failed_inside(failure: &AwsFailure) -> bool {
    let code = failure.code.as_deref().unwrap_or_default();
    code.starts_with("Internal") || code.starts_with("HTTP 5") || code == "ServiceException"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(code: &str, message: &str) -> String {
        let failure = AwsFailure {
            service: "Kinesis",
            operation: "PutRecords",
            resource: "stream s".into(),
            location: "eu-central-1".into(),
            code: Some(code.into()),
            message: message.into(),
            cause: FailureCause::Credentials,
        };
        hints(&failure).join(" ")
    }

    #[test]
    fn denied_hint_names_the_action_in_the_message() {
        let failure = |message: &str| AwsFailure {
            service: "Lambda",
            operation: "CreateFunction",
            resource: "function f".into(),
            location: "eu-central-1".into(),
            code: Some("AccessDeniedException".into()),
            message: message.into(),
            cause: FailureCause::Denied,
        };
        let said =
            "User: arn:aws:iam::1:user/u is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/r";
        assert!(hints(&failure(said))[0].contains("iam:PassRole"));
        assert!(hints(&failure("no"))[0].contains("lambda:CreateFunction"));
    }

    #[test]
    fn hints_cover_unsubscribed_services_and_cli_only_profiles() {
        let mut failure = AwsFailure {
            service: "Kinesis",
            operation: "CreateStream",
            resource: "stream s".into(),
            location: "eu-central-1".into(),
            code: Some("SubscriptionRequiredException".into()),
            message: "The AWS Access Key Id needs a subscription for the service".into(),
            cause: FailureCause::Other,
        };
        assert!(hints(&failure)[0].contains("the account's plan does not include Kinesis yet"), "{failure:?}");
        failure.cause = FailureCause::NoCredentials;
        failure.message = "the feature credentials-login is not enabled; profile `my own` gives none".into();
        let hint = &hints(&failure)[1];
        assert!(
            hint.contains("`eval \"$(aws configure export-credentials --profile 'my own' --format env)\"`"),
            "{hint}"
        );
        failure.message = "no credentials found in chain".into();
        assert!(hints(&failure)[1].contains("export-credentials --format env"));
    }

    #[test]
    fn hint_for_resource_deleted_by_another_run_names_that_run() {
        let of = |message: &str| AwsFailure {
            service: "Lambda",
            operation: "CreateEventSourceMapping",
            resource: "mapping s → f".into(),
            location: "eu-central-1".into(),
            code: Some("InvalidParameterValueException".into()),
            message: message.into(),
            cause: FailureCause::Other,
        };
        assert!(hints(&of("Stream not found: arn:aws:kinesis:eu-central-1:1:stream/s"))[0].contains("another run"));
        assert!(hints(&of("BatchSize is out of range"))[0].contains("the Lambda API reference explains"));
    }

    #[test]
    fn hint_for_a_state_of_the_service_does_not_doubt_the_endpoint() {
        let of = |cause: FailureCause| {
            let failure = AwsFailure {
                service: "Lambda",
                operation: "GetFunction",
                resource: "function f".into(),
                location: "eu-central-1".into(),
                code: None,
                message: "the function's last update failed: InvalidImage".into(),
                cause,
            };
            hints(&failure).concat()
        };
        assert!(of(FailureCause::Other).contains("`sensorctl status` shows its state"));
        assert!(of(FailureCause::ForeignAnswer).contains("the answer is not from AWS"));
    }

    /// Returns the hints of a failure at an endpoint, of `--local` or named.
    fn at(endpoint: &str, is_local_cloud: bool, cause: FailureCause, code: Option<&str>) -> String {
        let place = "account 1, us-east-1".to_owned();
        let location = CallLocation { place, endpoint: Some(endpoint.to_owned()), is_local_cloud };
        let failure = AwsFailure {
            service: "Kinesis",
            operation: "PutRecords",
            resource: "stream s".into(),
            location,
            code: code.map(str::to_owned),
            message: "refused".into(),
            cause,
        };
        hints(&failure).join("\n")
    }

    #[test]
    fn hints_for_an_emulator_do_not_send_its_user_to_the_local_cloud() {
        use FailureCause::{ForeignAnswer, NoCredentials, Other, ServerError, Unreachable};
        let moto = "http://127.0.0.1:5000";
        let unreachable = at(moto, false, Unreachable, None);
        assert!(unreachable.starts_with("is moto, LocalStack or another emulator running at http://127.0.0.1:5000?"));
        assert!(
            unreachable.contains("`--endpoint-url` or AWS_ENDPOINT_URL names it")
                && unreachable.contains("use `--local` instead")
        );
        assert!(
            at("http://10.0.0.1:1", false, Unreachable, None)
                .starts_with("check the network and the address http://10.0.0.1:1")
        );
        assert!(
            at(moto, false, ForeignAnswer, Some("HTTP 404"))
                .contains("not from an emulator that serves Kinesis PutRecords")
        );
        assert!(at(moto, false, NoCredentials, None).starts_with("an emulator at http://127.0.0.1:5000? moto"));
        for (cause, code) in [(ServerError, None), (Other, Some("InternalFailure"))] {
            assert!(at(moto, false, cause, code).contains("the log of the server at http://127.0.0.1:5000"));
            assert_eq!(at(moto, true, cause, code), LOCAL_FAILURE);
        }
        let local = at(moto, true, Unreachable, None);
        assert!(local.starts_with("is the local cloud running?") && !local.contains("moto"), "{local}");
        assert!(!at(moto, true, NoCredentials, None).contains("moto"));
    }

    #[test]
    fn credentials_hint_distinguishes_clock_token_region_and_secret() {
        let signature = "InvalidSignatureException";
        let early = "Signature not yet current: 20260101T000000Z is still later than 20250101T000500Z";
        assert!(hint(signature, "Signature expired: 20250101T000000Z is now earlier than 2026").contains("clock"));
        assert!(hint("SignatureDoesNotMatch", early).contains("clock"));
        assert!(hint("RequestExpired", "Request has expired.").contains("clock"));
        assert!(
            hint("ExpiredTokenException", "The security token included in the request is expired")
                .contains("have expired")
        );
        assert!(
            hint(signature, "Credential should be scoped to a valid region, not 'eu-west-9'.").contains("--region")
        );
        assert!(hint(signature, "The request signature we calculated does not match").contains("secret key"));
        assert!(hint("UnrecognizedClientException", "The security token is invalid.").contains("does not recognize"));
    }
}
