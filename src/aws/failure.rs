//! Failed AWS calls: their class and their full context.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{DispatchFailure, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::event_stream::RawMessage;
use aws_smithy_types::str_bytes::StrBytes;

use super::location::CallLocation;

/// The class of a failure, which decides whether to continue, retry or stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCause {
    /// The resource does not exist.
    Missing,
    /// A resource of that name already exists.
    Exists,
    /// The resource is being changed. The same call may succeed later.
    InUse,
    /// A role or policy has not reached every part of AWS yet.
    Propagating,
    /// Too many calls, or too much data.
    Throttled,
    /// The caller lacks the permission.
    Denied,
    /// The credentials are wrong or expired.
    Credentials,
    /// No credentials could be found.
    NoCredentials,
    /// The service failed, or the connection broke before the response. The call may or may not have taken effect.
    ServerError,
    /// There was no response: no network, no server, or a wrong address.
    Unreachable,
    /// The response is not one of the service: a proxy or a sign-in page answered.
    ForeignAnswer,
    /// The service accepted the change and later returned another state. Another client may have reverted it.
    RolledBack,
    /// The call was skipped, because something that it needs failed.
    NotTried,
    /// Any other failure. See the service's code and message.
    Other,
}

/// A failed call: service, operation, resource, location, and the service's code and message.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{service} {operation} of {resource} failed in {location}: {}", said(.code.as_deref(), .message))]
pub struct AwsFailure {
    /// The service, as AWS names it: `Kinesis`.
    pub service: &'static str,
    /// The operation: `CreateStream`.
    pub operation: &'static str,
    /// The resource of the call.
    pub resource: String,
    /// Account and region, and the endpoint that replaces AWS.
    pub location: CallLocation,
    /// The service's error code, if there was an error response.
    pub code: Option<String>,
    /// The service's message, or the error before there was a response.
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
    /// Converts an SDK error with all its details. Its `Display` alone prints only "service error".
    pub fn new<E>(
        service: &'static str,
        operation: &'static str,
        resource: impl Into<String>,
        place: impl Into<CallLocation>,
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
            _ => (None, chain(error), FailureCause::ForeignAnswer),
        };
        AwsFailure { service, operation, resource: resource.into(), location: place.into(), code, message, cause }
    }

    /// Converts an error that came instead of an event.
    pub fn of_event<E>(
        service: &'static str,
        operation: &'static str,
        resource: impl Into<String>,
        place: impl Into<CallLocation>,
        error: &SdkError<E, RawMessage>,
    ) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let (code, message, cause) = match error {
            SdkError::ServiceError(context) => {
                let code =
                    context.err().code().or_else(|| exception_type(context.raw())).unwrap_or_default().to_owned();
                let message = context.err().message().unwrap_or_default().to_owned();
                let status = if code.starts_with("InternalFailure") { 500 } else { 400 };
                let cause = classify(&code, &message, status);
                (Some(code).filter(|code| !code.is_empty()), message, cause)
            }
            // The connection broke, or ended within an event.
            _ => (None, chain(error), FailureCause::ServerError),
        };
        AwsFailure { service, operation, resource: resource.into(), location: place.into(), code, message, cause }
    }

    /// Returns the service's code and message.
    #[must_use]
    pub fn said(&self) -> String {
        said(self.code.as_deref(), &self.message)
    }

    /// Returns whether the service refused the call because of its rate, or that of its data.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.cause == FailureCause::Throttled
    }

    /// Returns whether the same call may succeed soon.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.cause,
            FailureCause::InUse | FailureCause::Propagating | FailureCause::Throttled | FailureCause::ServerError
        )
    }
}

/// Returns the name of the exception that came instead of an event. The SDK does not read it into the error.
fn exception_type(message: &RawMessage) -> Option<&str> {
    let RawMessage::Decoded(message) = message else { return None };
    let header = message.headers().iter().find(|header| header.name().as_str() == ":exception-type")?;
    header.value().as_string().ok().map(StrBytes::as_str)
}

/// Joins the messages of all layers of an error in one line, without the layers that only refer to the one below.
fn chain(error: &dyn std::error::Error) -> String {
    const HOLLOW: [&str; 4] = ["dispatch failure", "other", "io error", "client error (Connect)"];
    let mut layers: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let said = error.to_string();
        // The text after it lists every place without credentials, or the whole request.
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

/// Returns whether a connection existed and ended before the response. The SDK's kind depends on how it ended: a reset
/// is an I/O error, an orderly close in the middle is "other".
fn has_broken(failure: &DispatchFailure) -> bool {
    let Some(error) = failure.as_connector_error() else { return false };
    !error.is_user() && !error.is_timeout() && !failed_to_connect(error)
}

fn failed_to_connect(error: &(dyn std::error::Error + 'static)) -> bool {
    // TLS against a server without it, or with an untrusted certificate, will fail the next time, too.
    let never =
        ["client error (Connect)", "connect error", "dns error", "InvalidContentType", "invalid peer certificate"];
    std::iter::successors(Some(error), |error| error.source())
        .any(|error| never.iter().any(|part| error.to_string().contains(part)))
}

/// Classifies by code *and* message (docs/facts/retries.md, Conditions).
fn classify(code: &str, message: &str, status: u16) -> FailureCause {
    let says = |part: &str| message.to_ascii_lowercase().contains(&part.to_ascii_lowercase());
    // A name collision is never retried, whatever its code (docs/facts/retries.md, Name collisions).
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
        // Enabling a new table's backups takes time (docs/facts/dynamodb.md, TTL and backups).
        | "ContinuousBackupsUnavailableException" => FailureCause::InUse,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "ProvisionedThroughputExceededException"
        | "KMSThrottlingException"
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

/// Returns the message for missing credentials. The last place that was tried (often the metadata of a virtual machine)
/// does not help; the profile and the error of a sign-in do.
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
    use aws_smithy_types::error::ErrorMetadata;
    use aws_smithy_types::event_stream::{Header, HeaderValue, Message};

    use super::*;

    #[test]
    fn exception_instead_of_an_event_has_its_name() {
        let failure = |name: &'static str| {
            let header = Header::new(":exception-type", HeaderValue::String(name.into()));
            let message = RawMessage::Decoded(Message::new("{}").add_header(header));
            let error = SdkError::service_error(ErrorMetadata::builder().message("gone").build(), message);
            AwsFailure::of_event("Kinesis", "SubscribeToShard", "stream s", "here", &error)
        };
        let missing = failure("ResourceNotFoundException");
        assert_eq!(missing.said(), "ResourceNotFoundException: gone");
        assert_eq!(missing.cause, FailureCause::Missing);
        assert_eq!(failure("InternalFailureException").cause, FailureCause::ServerError);
    }

    #[test]
    fn missing_credentials_message_omits_the_last_source() {
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
    fn failure_before_the_call_is_one_sentence() {
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
    fn failure_distinguishes_unreachable_from_broken_connection() {
        let connect = Layer("client error (Connect)", Some(Box::new(Layer("refused", None))));
        let broken = Layer("client error (SendRequest)", Some(Box::new(Layer("connection closed", None))));
        assert!(failed_to_connect(&connect) && !failed_to_connect(&broken));
    }

    #[test]
    fn classify_uses_code_and_message() {
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
