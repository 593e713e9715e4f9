//! Interrupted `up` and `down`: the response to a call is lost, or the client is killed after a call. Another run must
//! end in the state of an uninterrupted run. They start from nothing and from every kind of difference: updated in
//! place, replaced, deleted by hand, adopted.

mod adoption;
mod env;
mod interruption_sweep;
mod recreation;
mod update;

use super::Runner;

pub use adoption::with_adoption;
pub use env::CrashEnv;
pub use interruption_sweep::{Calls, Interruption, Scenario, inject_every_fault, interrupt_calls};
pub use recreation::{with_recreation_of_each_resource, with_replacements};
pub use update::with_updates;

pub const UP: &[&str] = &["up", "--local", "-o", "json"];
pub const DOWN: &[&str] = &["down", "--local", "--yes", "-o", "json"];

/// Runs the sweep from nothing to everything, and back.
pub fn with_creation_and_deletion<R: Runner>(sweep: impl Fn(&CrashEnv<R>, &[Scenario<R>])) {
    sweep(&CrashEnv::new(), &[Scenario::new("up", UP), Scenario::new("down", DOWN)]);
}
