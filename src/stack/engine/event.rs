//! What the engine tells of its work.

use std::time::Duration;

use crate::stack::{Action, Kind};

/// Something that happened while a plan was carried out.
#[derive(Clone, Debug)]
pub enum StackEvent {
    /// Work on a resource begins.
    Started {
        /// Which.
        kind: Kind,
        /// Its name.
        name: String,
        /// What is being done.
        action: Action,
    },
    /// A resource is not ready yet.
    Waiting {
        /// Which.
        kind: Kind,
        /// Its name.
        name: String,
        /// For how long by now.
        waited: Duration,
        /// What the service said last.
        said: String,
    },
    /// Work on a resource is done, and it works or is gone.
    Finished {
        /// Which.
        kind: Kind,
        /// Its name.
        name: String,
        /// Whether it was there by the time it was to be created.
        was_there: bool,
    },
    /// Work on a resource failed; the error itself is returned by the engine.
    Failed {
        /// Which.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// It was not proven that a new function can be invoked, because the call that would show it was refused.
    Unproven {
        /// The function.
        name: String,
        /// The refusal, in the service's words.
        said: String,
    },
}

/// Hears what the engine does; called from many tasks.
pub trait StackObserver: Send + Sync {
    /// One event.
    fn on(&self, event: &StackEvent);
}
