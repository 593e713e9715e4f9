//! The result of a read, or the reason why it has no result.

/// A service's answer. For a denied or unsupported call, the error text says so.
pub(crate) type Answer<T> = Result<T, String>;
