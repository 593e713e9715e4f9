//! What a failed request means for what it carried.

use std::fmt;

use serde::Deserialize;

/// What can be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Too fast, or a fault of the moment: the same again, later.
    Transient,
    /// An item of the request is not acceptable.
    ItemRejected,
    /// No request of this kind can succeed now: no permission, no such table, another key.
    Permanent,
}

/// A failed request, in the service's words.
#[derive(Clone, Debug)]
pub struct WriteFailure {
    /// What can be done about it.
    pub kind: FailureKind,
    /// The service's code, or `Connection`.
    pub code: String,
    /// The service's message.
    pub message: String,
}

/// Errors that pass; all with a status of 5xx do, too.
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
/// Errors that come from the content of an item.
const ITEM: [&str; 4] = [
    "ValidationException",
    "SerializationException",
    "ItemCollectionSizeLimitExceededException",
    "RequestEntityTooLarge",
];
/// How messages of a `ValidationException` begin that no item of ours can be the cause of: the table has another key, or
/// its name is none. Found as texts of the service in moto and dynoxide. Only the beginning counts: the rest may quote an
/// item.
const WRONG_TABLE: [&str; 7] = [
    "The provided key element does not match the schema",
    "One or more parameter values were invalid: Missing the key",
    "One or more parameter values were invalid: Type mismatch for key",
    "One of the required keys was not given",
    // No two items of a batch of ours have the same key: the table's is a part of it.
    "Provided list of item keys contains duplicates",
    "TableName must be",
    "Invalid table/index name",
];

/// Characters of a message that are kept. One that quotes what was sent can be as long as that.
pub const MESSAGE_CHARACTERS: usize = 1024;

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "__type")]
    kind: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

impl WriteFailure {
    /// A failure that the service answered.
    pub fn answered(status: u16, body: &[u8]) -> Self {
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

    /// The same failure, when what caused it was mended.
    #[must_use]
    pub fn transient(self) -> Self {
        WriteFailure { kind: FailureKind::Transient, ..self }
    }

    /// An answer that makes no sense. Whether the request was done is not known.
    pub fn nonsense(message: String) -> Self {
        WriteFailure { kind: FailureKind::Transient, code: "Answer".to_owned(), message }
    }

    /// No answer: connection refused, closed, or too slow. Whether the request was done is not known.
    pub fn connection(error: &(dyn std::error::Error + 'static)) -> Self {
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

    /// The service took no answer's time.
    pub fn too_slow() -> Self {
        WriteFailure {
            kind: FailureKind::Transient,
            code: "Connection".to_owned(),
            message: "no answer in time".to_owned(),
        }
    }

    /// There was no time left to try (again).
    pub fn out_of_time() -> Self {
        WriteFailure {
            kind: FailureKind::Transient,
            code: "OutOfTime".to_owned(),
            message: "the invocation's time ran out".to_owned(),
        }
    }

    /// A request that could not be made.
    pub fn unsendable(message: impl Into<String>) -> Self {
        WriteFailure { kind: FailureKind::Permanent, code: "Request".to_owned(), message: message.into() }
    }
}

/// The beginning of a text.
pub fn first(characters: usize, text: &str) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

/// `1 validation error detected: Value 'X' at 'requestItems' failed to satisfy constraint: …`, without the value, which can
/// be all that was sent. `None` for other messages, and for `requestItems.T.member.1.…`, which is about an item.
fn complaint_about_request(message: &str) -> Option<String> {
    let (count, rest) = message.split_once(" validation error")?;
    // The last one: the value may look like this, too.
    let (_, constraint) = rest.rsplit_once("' at '")?;
    let (member, _) = constraint.split_once('\'')?;
    let is_one = count.bytes().all(|byte| byte.is_ascii_digit()) && !member.contains('.');
    is_one.then(|| format!("the request's '{constraint}"))
}

/// Whether the other end could not show who it is; it cannot the next time either.
fn is_distrust(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return matches!(error, rustls::Error::InvalidCertificate(_));
    }
    // What an I/O error wraps is not among its sources.
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
    fn a_failure_is_sorted_by_what_can_be_done() {
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
