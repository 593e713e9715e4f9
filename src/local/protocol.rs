//! The wire protocols of the services: JSON, CBOR and query requests, event streams, and bodies.

pub(crate) mod aws_json;
pub(crate) mod aws_query;
pub(crate) mod body;
pub(crate) mod event_stream;
pub(crate) mod response_body;
pub(crate) mod wire_format;
