//! The wire protocols of the services: JSON, CBOR and query requests, and the bodies of requests.

pub(crate) mod aws_json;
pub(crate) mod aws_query;
pub(crate) mod body;
pub(crate) mod wire_format;
