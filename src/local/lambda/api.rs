//! The REST API of the Lambda service: routes, functions, event source mappings, invocations, tags.

pub(crate) mod concurrency;
pub(crate) mod find_function;
pub(crate) mod find_mapping;
pub(crate) mod function_name;
pub(crate) mod function_settings;
pub(crate) mod functions;
pub(crate) mod invoke;
pub(crate) mod mapping_settings;
pub(crate) mod mapping_source;
pub(crate) mod mappings;
pub(crate) mod pending_state;
pub(crate) mod request;
pub(crate) mod requested_resources;
pub(crate) mod route;
pub(crate) mod router;
pub(crate) mod tags;
pub(crate) mod versions;
