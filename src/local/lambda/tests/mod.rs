//! Functions as processes, the REST API, and event source mappings, against the real services around them.

mod control;
mod invoking;
mod mappings;
mod sdk;
