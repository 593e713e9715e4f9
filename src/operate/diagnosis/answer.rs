//! What a read returned, or the reason why it returned nothing.

/// An answer of a service. A denied or unsupported call is none, and the text says so.
pub(crate) type Answer<T> = Result<T, String>;
