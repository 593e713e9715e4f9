//! The handler in this process, where the end of its time is the point.

mod deadline;
mod model;
mod refused;
mod support;
