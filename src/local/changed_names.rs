//! Records the resources that handlers look up, in tests only: they must be the authorized ones.

#[cfg(test)]
use std::collections::BTreeSet;
#[cfg(test)]
use std::sync::Arc;

#[cfg(test)]
use parking_lot::Mutex;

/// The resources that a service's handlers have looked up, by ARN; clones share them.
#[derive(Clone, Default)]
pub(super) struct ChangedNames {
    #[cfg(test)]
    arns: Arc<Mutex<BTreeSet<String>>>,
}

impl ChangedNames {
    /// Records a resource.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "only tests look"))]
    pub(super) fn note(&self, arn: impl FnOnce() -> String) {
        #[cfg(test)]
        self.arns.lock().insert(arn());
        #[cfg(not(test))]
        drop(arn);
    }

    /// Returns the resources recorded since the last call.
    #[cfg(test)]
    pub(super) fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.arns.lock())
    }
}
