//! An invocation, and how it ended.

use bytes::Bytes;
use uuid::Uuid;

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    /// The same for all attempts of an asynchronous invocation.
    pub request_id: String,
    /// JSON.
    pub payload: Bytes,
    /// As the caller gave it: JSON, not base64.
    pub client_context: Option<String>,
}

impl Invocation {
    /// An invocation with an id of its own.
    pub(crate) fn new(payload: impl Into<Bytes>) -> Self {
        Invocation { request_id: Uuid::new_v4().to_string(), payload: payload.into(), client_context: None }
    }
}

/// How it ended.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// The function's answer, or the error as JSON.
    pub payload: Bytes,
    /// Whether it is an error.
    pub failed: bool,
    /// The last 4 KB of the log.
    pub log_tail: Vec<u8>,
}
