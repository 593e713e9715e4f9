//! Classifies failed requests.

use std::fmt;

use serde::Deserialize;

/// The class of a failure, which decides the reaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// Throttled, or a temporary fault: retry.
    Transient,
    /// The service does not accept an item of the request.
    ItemRejected,
    /// No such request can succeed now: no permission, no such table, another key.
    Permanent,
}

/// A failed request, with the service's code and message.
#[derive(Clone, Debug)]
pub(crate) struct WriteFailure {
    /// The class of the failure.
    pub kind: FailureKind,
    /// The service's code, or `Connection`.
    pub code: String,
    /// The service's message.
    pub message: String,
}

/// Codes of transient errors. Every 5xx status is transient, too.
const TRANSIENT: [&str; 14] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "ThrottledException",
    "Throttling",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "SlowDown",
    "RequestTimeout",
    "RequestTimeoutException",
    "TransactionInProgressException",
    "TransactionConflictException",
    "ReplicatedWriteConflictException",
];
/// Codes of errors that the content of an item causes.
const ITEM: [&str; 4] = [
    "ValidationException",
    "SerializationException",
    "ItemCollectionSizeLimitExceededException",
    "RequestEntityTooLarge",
];
/// Beginnings of `ValidationException` messages that no item of the function can cause: the table has another key, or
/// its name is invalid. Found as texts of the service in moto and dynoxide. Only the beginning counts: the rest may
/// quote an item.
const WRONG_TABLE: [&str; 7] = [
    "The provided key element does not match the schema",
    "One or more parameter values were invalid: Missing the key",
    "One or more parameter values were invalid: Type mismatch for key",
    "One of the required keys was not given",
    // Items in a batch of the function have different keys, and the table's key is a part of them.
    "Provided list of item keys contains duplicates",
    "TableName must be",
    "Invalid table/index name",
];

/// Maximum characters kept of a message. A message that quotes the request can be as long as the request.
pub(crate) const MESSAGE_CHARACTERS: usize = 1024;

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "__type")]
    kind: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

impl WriteFailure {
    /// Classifies an error response of the service.
    pub(crate) fn answered(status: u16, body: &[u8]) -> Self {
        let parsed = serde_json::from_slice(body).unwrap_or(Body { kind: None, message: None });
        let code = parsed.kind.as_deref().map(|kind| kind.rsplit('#').next().unwrap_or(kind).to_owned());
        let code = code.unwrap_or_else(|| if status == 413 { ITEM[3].to_owned() } else { format!("Http{status}") });
        let mut message = parsed.message.unwrap_or_default();
        let complaint = complaint_about_request(&message);
        let kind = if status >= 500 || status == 429 || status == 408 || TRANSIENT.contains(&code.as_str()) {
            FailureKind::Transient
        } else if ITEM.contains(&code.as_str())
            && complaint.is_none()
            && !WRONG_TABLE.iter().any(|text| message.starts_with(text))
        {
            FailureKind::ItemRejected
        } else {
            FailureKind::Permanent
        };
        if let Some(complaint) = complaint {
            message = complaint;
        }
        message.truncate(first(MESSAGE_CHARACTERS, &message).len());
        WriteFailure { kind, code, message }
    }

    /// Returns the same failure as transient, after its cause was repaired.
    #[must_use]
    pub(crate) fn transient(self) -> Self {
        WriteFailure { kind: FailureKind::Transient, ..self }
    }

    /// Returns the failure for a malformed response. The request may or may not have been executed.
    pub(crate) fn nonsense(message: String) -> Self {
        WriteFailure { kind: FailureKind::Transient, code: "Answer".to_owned(), message }
    }

    /// Returns the failure for a connection that was refused, closed or too slow. The request may or may not have been
    /// executed.
    pub(crate) fn connection(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut message = error.to_string();
        let mut kind = FailureKind::Transient;
        let mut next = error.source();
        while let Some(source) = next {
            message.push_str(": ");
            message.push_str(&source.to_string());
            if is_distrust(source) {
                kind = FailureKind::Permanent;
            }
            next = source.source();
        }
        WriteFailure { kind, code: "Connection".to_owned(), message }
    }

    /// Returns the failure for a response that exceeded its time limit.
    pub(crate) fn too_slow() -> Self {
        WriteFailure {
            kind: FailureKind::Transient,
            code: "Connection".to_owned(),
            message: "no answer in time".to_owned(),
        }
    }

    /// Returns the failure for a deadline that leaves no time for an attempt.
    pub(crate) fn out_of_time() -> Self {
        WriteFailure {
            kind: FailureKind::Transient,
            code: "OutOfTime".to_owned(),
            message: "the invocation's time ran out".to_owned(),
        }
    }

    /// Returns the failure for a request that could not be built.
    pub(crate) fn unsendable(message: impl Into<String>) -> Self {
        WriteFailure { kind: FailureKind::Permanent, code: "Request".to_owned(), message: message.into() }
    }
}

/// Returns the first characters of a text.
pub(crate) fn first(characters: usize, text: &str) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

/// Returns a message such as `1 validation error detected: Value 'X' at 'requestItems' failed to satisfy constraint: …`
/// without the value, which can be the whole request. Returns `None` for other messages, and for
/// `requestItems.T.member.1.…`, which is about an item.
fn complaint_about_request(message: &str) -> Option<String> {
    let (count, rest) = message.split_once(" validation error")?;
    // Use the last match: the value may contain this text, too.
    let (_, constraint) = rest.rsplit_once("' at '")?;
    let (member, _) = constraint.split_once('\'')?;
    let is_one = count.bytes().all(|byte| byte.is_ascii_digit()) && !member.contains('.');
    is_one.then(|| format!("the request's '{constraint}"))
}

/// Returns whether the TLS handshake failed because the other end is not trusted. It will not be trusted the next time,
/// either.
fn is_distrust(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return matches!(error, rustls::Error::InvalidCertificate(_));
    }
    // The error inside an I/O error is not among its sources.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    wrapped.is_some_and(|error| is_distrust(error))
}

impl fmt::Display for WriteFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.code)?;
        if self.message.is_empty() { Ok(()) } else { write!(formatter, ": {}", self.message) }
    }
}

#[cfg(test)]
mod tests {
    use super::{FailureKind, WriteFailure};

    #[test]
    fn failure_is_classified_by_code_status_and_message() {
        for (status, body, kind, code) in [
            (
                400,
                r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"m"}"#,
                FailureKind::Transient,
                "ProvisionedThroughputExceededException",
            ),
            (
                400,
                r#"{"__type":"com.amazon.coral.availability#ThrottlingException","message":"m"}"#,
                FailureKind::Transient,
                "ThrottlingException",
            ),
            (500, "oops", FailureKind::Transient, "Http500"),
            (503, r#"{"__type":"x#ServiceUnavailable"}"#, FailureKind::Transient, "ServiceUnavailable"),
            (
                400,
                r#"{"__type":"x#ValidationException","message":"Item size has exceeded"}"#,
                FailureKind::ItemRejected,
                "ValidationException",
            ),
            (
                400,
                r#"{"__type":"x#ValidationException","message":"The provided key element does not match the schema"}"#,
                FailureKind::Permanent,
                "ValidationException",
            ),
            (
                400,
                r#"{"__type":"x#ValidationException","message":"Provided list of item keys contains duplicates"}"#,
                FailureKind::Permanent,
                "ValidationException",
            ),
            (413, "", FailureKind::ItemRejected, "RequestEntityTooLarge"),
            (
                400,
                r#"{"__type":"x#ResourceNotFoundException","message":"Requested resource not found"}"#,
                FailureKind::Permanent,
                "ResourceNotFoundException",
            ),
            (
                400,
                r#"{"__type":"x#AccessDeniedException","Message":"User: a is not authorized"}"#,
                FailureKind::Permanent,
                "AccessDeniedException",
            ),
        ] {
            let failure = WriteFailure::answered(status, body.as_bytes());
            assert_eq!((failure.kind, failure.code.as_str()), (kind, code), "{body}");
        }
        let long = format!(r#"{{"__type":"x#AccessDeniedException","message":"{}"}}"#, "é".repeat(2000));
        assert_eq!(WriteFailure::answered(400, long.as_bytes()).message, "é".repeat(1024));
        assert_eq!(
            WriteFailure::answered(400, br#"{"__type":"x#AccessDeniedException","Message":"no"}"#).to_string(),
            "AccessDeniedException: no"
        );
    }
}
