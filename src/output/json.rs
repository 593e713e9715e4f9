//! JSON on stdout, and errors as JSON on stderr.

use serde::Serialize;
use serde_json::json;

use crate::error::{Error, ErrorKind};

/// One line of JSON.
///
/// # Errors
/// When the value has no JSON form.
pub(super) fn to_line<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::failed("could not write JSON").with_source(error))
}

pub(super) fn to_pretty<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    serde_json::to_string_pretty(value).map_err(|error| Error::failed("could not write JSON").with_source(error))
}

pub(super) fn error(kind: ErrorKind, message: &str, hints: &[String]) -> String {
    json!({"error": {"kind": kind, "message": message, "hints": hints}}).to_string()
}
