//! What a failed AWS call means, and everything a person needs to know of it.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{DispatchFailure, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// The class of a failure; what decides whether to go on, wait or stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCause {
    /// The thing is not there.
    Missing,
    /// A thing of that name is there already.
    Exists,
    /// The thing is changing right now; the same call may succeed later.
    InUse,
    /// A role or policy is too new to be known everywhere.
    Propagating,
    /// Too many calls, or too much data.
    Throttled,
    /// The caller may not do this.
    Denied,
    /// The credentials are wrong or too old.
    Credentials,
    /// No credentials could be found.
    NoCredentials,
    /// The service failed, or the connection broke before the answer: whether the call took effect is not known.
    ServerError,
    /// No answer came: no network, no server, wrong address.
    Unreachable,
    /// The service took it, and then showed something else: another hand may have changed it back.
    RolledBack,
    /// It was not tried, because something that it needs failed.
    NotTried,
    /// Anything else; the service's own words say what.
    Other,
}

/// A failed call: service, operation, resource, where, and the service's own code and message.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{service} {operation} of {resource} failed in {location}: {}", said(.code.as_deref(), .message))]
pub struct AwsFailure {
    /// The service, as AWS calls it: `Kinesis`.
    pub service: &'static str,
    /// The operation: `CreateStream`.
    pub operation: &'static str,
    /// The thing the call was about.
    pub resource: String,
    /// Account and region, or the endpoint that stands in for them.
    pub location: String,
    /// The service's error code, where it answered with one.
    pub code: Option<String>,
    /// The service's message, or what went wrong before it could answer.
    pub message: String,
    /// The class of the failure.
    pub cause: FailureCause,
}

fn said(code: Option<&str>, message: &str) -> String {
    match code {
        Some(code) if message.is_empty() => code.to_owned(),
        Some(code) => format!("{code}: {message}"),
        None => message.to_owned(),
    }
}

impl AwsFailure {
    /// Reads everything out of an SDK error; its `Display` alone says only "service error".
    pub fn new<E>(
        service: &'static str,
        operation: &'static str,
        resource: impl Into<String>,
        place: impl Into<String>,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let (code, message, cause) = match error {
            SdkError::ServiceError(context) => {
                let code = context.err().code().unwrap_or_default().to_owned();
                let message = context.err().message().unwrap_or_default().to_owned();
                let status = context.raw().status().as_u16();
                let cause = classify(&code, &message, status);
                let code = if code.is_empty() { format!("HTTP {status}") } else { code };
                (Some(code), message, cause)
            }
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) | SdkError::ConstructionFailure(_) => {
                let message = chain(error);
                let no_credentials = message.contains("credential") || message.contains("no providers in chain");
                let cause = match error {
                    _ if no_credentials => FailureCause::NoCredentials,
                    SdkError::DispatchFailure(failure) if has_broken(failure) => FailureCause::ServerError,
                    _ => FailureCause::Unreachable,
                };
                (None, message, cause)
            }
            _ => (None, chain(error), FailureCause::Other),
        };
        AwsFailure { service, operation, resource: resource.into(), location: place.into(), code, message, cause }
    }

    /// Returns the service's own code and message.
    #[must_use]
    pub fn said(&self) -> String {
        said(self.code.as_deref(), &self.message)
    }

    /// Whether the same call may succeed soon.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.cause,
            FailureCause::InUse | FailureCause::Propagating | FailureCause::Throttled | FailureCause::ServerError
        )
    }
}

/// What every layer of an error says, in one line; layers that say only that there is one below are left out.
fn chain(error: &dyn std::error::Error) -> String {
    const HOLLOW: [&str; 4] = ["dispatch failure", "other", "io error", "client error (Connect)"];
    let mut layers: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let said = error.to_string();
        // What follows is the list of every place where no credentials were found, or the whole request.
        let said = said.split(" Attempted:").next().unwrap_or_default();
        let said = said.split(" to request `").next().unwrap_or_default();
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = said.trim_end_matches('.');
        if !said.is_empty() && !HOLLOW.contains(&said) && layers.last().is_none_or(|last| last != said) {
            layers.push(said.to_owned());
        }
        next = error.source();
    }
    if layers.is_empty() { error.to_string() } else { layers.join(": ") }
}

/// Whether there was a connection, and it ended before the answer. How it ended decides under which of the SDK's kinds it
/// comes: a reset is an I/O error, an orderly end in the middle is "other".
fn has_broken(failure: &DispatchFailure) -> bool {
    let Some(error) = failure.as_connector_error() else { return false };
    !error.is_user() && !error.is_timeout() && !failed_to_connect(error)
}

fn failed_to_connect(error: &(dyn std::error::Error + 'static)) -> bool {
    // TLS against a server without it, or with a certificate that nobody trusts, will not do better the next time.
    let never =
        ["client error (Connect)", "connect error", "dns error", "InvalidContentType", "invalid peer certificate"];
    std::iter::successors(Some(error), |error| error.source())
        .any(|error| never.iter().any(|part| error.to_string().contains(part)))
}

/// Classifies by code *and* message (docs/facts/retries.md, Conditions).
fn classify(code: &str, message: &str, status: u16) -> FailureCause {
    let says = |part: &str| message.to_ascii_lowercase().contains(&part.to_ascii_lowercase());
    // A collision is never waited out, whatever code it comes under (docs/facts/retries.md, Name collisions).
    if says("already exist") && !says("must already exist") && !says("not already exist") {
        return FailureCause::Exists;
    }
    if says("cannot be assumed by Lambda")
        || says("execution role does not have permissions")
        || says("ensure the role can perform")
        || says("KMS key is invalid for CreateGrant")
        || says("Invalid principal in policy")
    {
        return FailureCause::Propagating;
    }
    if says("simultaneously") || says("Rate exceeded") {
        return FailureCause::Throttled;
    }
    match code {
        "ResourceNotFoundException" | "ResourceNotFound" | "TableNotFoundException" | "NoSuchEntity" | "NoSuchEntityException" => {
            FailureCause::Missing
        },
        "EntityAlreadyExists" | "EntityAlreadyExistsException" | "ResourceAlreadyExistsException" => FailureCause::Exists,
        "ResourceInUseException"
        | "ResourceConflictException"
        | "DeleteConflict"
        | "DeleteConflictException"
        | "ConcurrentModification"
        | "ConcurrentModificationException"
        | "EntityTemporarilyUnmodifiable"
        | "OperationAbortedException"
        // A new table's backups take their time (docs/facts/dynamodb.md, TTL and backups).
        | "ContinuousBackupsUnavailableException" => FailureCause::InUse,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "ProvisionedThroughputExceededException"
        | "SlowDown" => FailureCause::Throttled,
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "NotAuthorized" | "AuthorizationError" => {
            FailureCause::Denied
        }
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "InvalidAccessKeyId"
        | "RequestExpired"
        | "RequestTimeTooSkewed" => FailureCause::Credentials,
        _ if status == 503 => FailureCause::Throttled,
        _ if status >= 500 => FailureCause::ServerError,
        _ => FailureCause::Other,
    }
}

/// The message where no credentials were found. Which place was asked last (often the metadata of a virtual machine) says
/// nothing; the profile and what a sign-in says do.
pub(super) fn no_credentials(message: &str) -> String {
    let (why, profile) = message.rsplit_once("; profile ").unwrap_or((message, ""));
    let is_end_of_chain = ["IMDS", "no providers in chain", "no credentials found in chain"];
    let why = if is_end_of_chain.iter().any(|end| why.contains(end)) { "" } else { why };
    let parts = [Some(why.to_owned()), (!profile.is_empty()).then(|| format!("profile {profile}"))];
    let parts: Vec<_> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        "no AWS credentials found".to_owned()
    } else {
        format!("no AWS credentials found: {}", parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_credentials_are_named_without_the_last_place_that_was_asked() {
        assert_eq!(no_credentials("failed to load IMDS session token: dispatch failure"), "no AWS credentials found");
        assert_eq!(
            no_credentials("no providers in chain provided credentials; profile `dev` gives none"),
            "no AWS credentials found: profile `dev` gives none"
        );
        assert_eq!(
            no_credentials("the SSO token has expired; profile `dev` gives none"),
            "no AWS credentials found: the SSO token has expired; profile `dev` gives none"
        );
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn what_went_wrong_before_the_call_is_one_sentence() {
        let said = |layers: &[&'static str]| {
            let built = layers.iter().rev().fold(None, |below, said| Some(Box::new(Layer(said, below))));
            chain(&*built.unwrap())
        };
        let none = [
            "dispatch failure",
            "other",
            "not enabled",
            "no credentials found in chain. Attempted:\n  Environment: no",
        ];
        assert_eq!(said(&none), "not enabled: no credentials found in chain");
        let refused =
            ["dispatch failure", "io error", "client error (Connect)", "tcp connect error", "refused (os error 111)"];
        assert_eq!(said(&refused), "tcp connect error: refused (os error 111)");
        assert_eq!(
            said(&["dispatch failure", "loading", "loading", "exit status: 127.\n"]),
            "loading: exit status: 127"
        );
        assert_eq!(said(&["dispatch failure"]), "dispatch failure");
    }

    #[test]
    fn a_connection_that_was_not_made_is_told_apart_from_one_that_broke() {
        let connect = Layer("client error (Connect)", Some(Box::new(Layer("refused", None))));
        let broken = Layer("client error (SendRequest)", Some(Box::new(Layer("connection closed", None))));
        assert!(failed_to_connect(&connect) && !failed_to_connect(&broken));
    }

    #[test]
    fn code_and_message_decide_together() {
        let conflict = "ResourceConflictException";
        assert_eq!(classify(conflict, "Function already exist: ProcessKinesisRecords", 409), FailureCause::Exists);
        assert_eq!(classify(conflict, "An update is in progress for resource: arn", 409), FailureCause::InUse);
        let invalid = "InvalidParameterValueException";
        let fresh = "The role defined for the function cannot be assumed by Lambda.";
        assert_eq!(classify(invalid, fresh, 400), FailureCause::Propagating);
        assert_eq!(classify(invalid, "Stream not found: arn", 400), FailureCause::Other);
        assert_eq!(classify("NoSuchEntity", "The role with name x cannot be found.", 404), FailureCause::Missing);
        assert_eq!(classify("", "", 503), FailureCause::Throttled);
        assert_eq!(classify("InternalFailure", "", 500), FailureCause::ServerError);
        assert_eq!(classify("LimitExceededException", "Rate exceeded for stream s.", 400), FailureCause::Throttled);
    }
}
