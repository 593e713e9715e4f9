//! Tests that take many seconds each. `cargo quick` skips every module of this name.

mod bulk;
mod crash;
mod sigkill;
mod timing;
