//! Tests of the handler in this process, on a paused clock.

mod deadline;
mod model;
mod refused;
mod support;
