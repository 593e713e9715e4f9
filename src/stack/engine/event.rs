//! Events of the engine.

use std::time::Duration;

use crate::observer::Observer;
use crate::stack::{Action, Kind};

/// An event while a plan is applied.
#[derive(Clone, Debug)]
pub(crate) enum StackEvent {
    /// Work on a resource begins.
    Started {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// The action.
        action: Action,
    },
    /// A resource is not ready yet.
    Waiting {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// Waiting time so far.
        waited: Duration,
        /// The last state or message of the service.
        said: String,
    },
    /// Work on a resource is done: it is ready or deleted.
    Finished {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// True if the resource already existed when it was to be created.
        was_there: bool,
    },
    /// Work on a resource failed. The engine returns the error itself.
    Failed {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// A new function could not be tested, because the service refused the test invocation.
    Unproven {
        /// The function.
        name: String,
        /// The refusal, in the service's words.
        said: String,
    },
}

/// An observer of the engine.
pub(crate) type StackObserver = dyn Observer<StackEvent>;
