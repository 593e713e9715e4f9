//! Functions that are being made or changed: what they show meanwhile, and what they refuse (docs/facts/lambda.md,
//! Function states).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::protocol::aws_json::ServiceError;

/// The functions that are on their way, by id; clones share them.
#[derive(Clone, Default)]
pub(crate) struct PendingStates(Arc<Mutex<HashMap<String, (Instant, PendingChange)>>>);

/// What is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PendingChange {
    Creating,
    Updating,
}

impl PendingStates {
    /// A change begins that takes so long.
    pub(crate) fn begin(&self, id: &str, change: PendingChange, takes: Duration) {
        if !takes.is_zero() {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            all.retain(|_, (until, _)| *until > now);
            all.insert(id.to_owned(), (now + takes, change));
        }
    }

    /// What is going on with a function.
    pub(crate) fn of(&self, id: &str) -> Option<PendingChange> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(id).filter(|(until, _)| *until > Instant::now()).map(|(_, change)| *change)
    }

    /// Refuses a change of a function that is on its way.
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

    /// Whether a function is not there yet, and cannot be run. While it is updated, it runs.
    pub(crate) fn is_creating(&self, id: &str) -> bool {
        self.of(id) == Some(PendingChange::Creating)
    }

    /// Puts what is going on into a function's configuration.
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
