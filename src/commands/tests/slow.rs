//! Tests that take many seconds each. `cargo quick` skips every module of this name.

mod crash;
mod denied;
mod drift;
