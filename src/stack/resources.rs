//! The resources of a pipeline, one module per kind, and the function's artifact.

pub(crate) mod artifact;
pub(crate) mod artifact_inspection;
pub(crate) mod event_source_mapping;
pub(crate) mod function;
pub(crate) mod lambda_tags;
pub(crate) mod log_group;
pub(crate) mod role;
pub(crate) mod stream;
pub(crate) mod table;
