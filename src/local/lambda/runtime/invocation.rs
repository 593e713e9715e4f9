//! Invocations and their outcomes.

use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

/// An invocation.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    /// Request ID, the same for all attempts of an asynchronous invocation.
    pub request_id: String,
    /// The event as JSON.
    pub payload: Bytes,
    /// Client context as JSON text, without base64.
    pub client_context: Option<String>,
}

impl Invocation {
    /// Returns an invocation with a new request ID.
    pub(crate) fn new(payload: impl Into<Bytes>) -> Self {
        Invocation { request_id: Uuid::new_v4().to_string(), payload: payload.into(), client_context: None }
    }
}

/// The outcome of an invocation.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// The function's response, or its error as JSON.
    pub payload: Bytes,
    /// True if it is an error.
    pub failed: bool,
    /// Its duration, without the init phase.
    pub duration: Duration,
    /// The last 4 KB of the log.
    pub log_tail: Vec<u8>,
}
