//! Functions in creation or update: the states that they show, and the calls that they reject.
//!
//! Source: docs/facts/lambda.md, Function states.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::protocol::aws_json::ServiceError;

/// The functions with a change in progress, by ID; clones share them.
#[derive(Clone, Default)]
pub(crate) struct PendingStates(Arc<Mutex<HashMap<String, (Instant, PendingChange)>>>);

/// A change in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PendingChange {
    Creating,
    Updating,
}

impl PendingStates {
    /// Begins a change with this duration.
    pub(crate) fn begin(&self, id: &str, change: PendingChange, takes: Duration) {
        if !takes.is_zero() {
            let mut all = self.0.lock();
            let now = Instant::now();
            all.retain(|_, (until, _)| *until > now);
            all.insert(id.to_owned(), (now + takes, change));
        }
    }

    /// Returns the change in progress of a function.
    pub(crate) fn of(&self, id: &str) -> Option<PendingChange> {
        let all = self.0.lock();
        all.get(id).filter(|(until, _)| *until > Instant::now()).map(|(_, change)| *change)
    }

    /// Rejects an update of a function with a change in progress.
    pub(crate) fn check_update(&self, id: &str, arn: &str) -> Result<(), ServiceError> {
        match self.of(id) {
            None => Ok(()),
            Some(PendingChange::Creating) => Err(pending()),
            Some(PendingChange::Updating) => {
                let text = "The operation cannot be performed at this time. An update is in progress for resource: ";
                Err(ServiceError::new(409, "ResourceConflictException", format!("{text}{arn}")))
            }
        }
    }

    /// Returns whether a function is still being created, so that it cannot run. During an update it runs.
    pub(crate) fn is_creating(&self, id: &str) -> bool {
        self.of(id) == Some(PendingChange::Creating)
    }

    /// Adds the change in progress to a function's configuration.
    pub(crate) fn show(&self, id: &str, shown: &mut Value) {
        let Some(change) = self.of(id) else { return };
        let Some(shown) = shown.as_object_mut() else { return };
        let reason = "The function is being created.";
        match change {
            PendingChange::Creating => {
                shown.remove("LastUpdateStatus");
                shown.insert("State".to_owned(), json!("Pending"));
                shown.insert("StateReason".to_owned(), json!(reason));
                shown.insert("StateReasonCode".to_owned(), json!("Creating"));
            }
            PendingChange::Updating => {
                shown.insert("LastUpdateStatus".to_owned(), json!("InProgress"));
                shown.insert("LastUpdateStatusReason".to_owned(), json!(reason));
                shown.insert("LastUpdateStatusReasonCode".to_owned(), json!("Creating"));
            }
        }
    }
}

pub(crate) fn pending() -> ServiceError {
    let text =
        "The operation cannot be performed at this time. The function is currently in the following state: Pending";
    ServiceError::new(409, "ResourceConflictException", text)
}
