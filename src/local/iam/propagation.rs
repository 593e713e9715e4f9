//! Changes that are not seen everywhere yet: for a while a role is what it was before.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Iam, managed};
use crate::local::permissions::Policies;
use crate::local::query_api::Parameters;

/// What roles were before their latest changes, by ARN.
#[derive(Default)]
pub(super) struct Propagation(Mutex<HashMap<String, Before>>);

#[derive(Default)]
struct Before {
    trust: Option<Old<String>>,
    policies: Option<Old<Policies>>,
}

struct Old<T> {
    was: T,
    until: Instant,
}

/// What a request is about to change.
pub(super) enum Change {
    Trust { arn: String, was: String },
    Policies { arn: String, was: Policies },
}

impl Propagation {
    /// The trust policy that is still in force, if it is not the newest.
    pub(super) fn trust(&self, arn: &str) -> Option<String> {
        in_force(self.lock().get(arn)?.trust.as_ref())
    }

    /// The policies that are still in force, if they are not the newest.
    pub(super) fn policies(&self, arn: &str) -> Option<Policies> {
        in_force(self.lock().get(arn)?.policies.as_ref())
    }

    /// Notes a change that was made, and that takes so long to be seen.
    pub(super) fn note(&self, change: Change, trust: Duration, policies: Duration) {
        let mut all = self.lock();
        match change {
            Change::Trust { arn, was } => keep(&mut all.entry(arn).or_default().trust, was, trust),
            Change::Policies { arn, was } => keep(&mut all.entry(arn).or_default().policies, was, policies),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Before>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_force<T: Clone>(old: Option<&Old<T>>) -> Option<T> {
    old.filter(|old| old.until > Instant::now()).map(|old| old.was.clone())
}

/// A change on top of one that is not seen yet: what was before both stays in force.
fn keep<T>(slot: &mut Option<Old<T>>, was: T, delay: Duration) {
    let now = Instant::now();
    let was = slot.take().filter(|old| old.until > now).map_or(was, |old| old.was);
    *slot = Some(Old { was, until: now + delay });
}

impl Iam {
    /// What a request is about to change of a role.
    pub(super) fn change_of(&self, input: &Parameters) -> Option<Change> {
        if self.0.timing.is_none() {
            return None;
        }
        let name = input.get("RoleName")?;
        let found = self.0.store.read(|account| {
            let role = account.roles.get(name)?;
            Some((role.arn.clone(), role.trust_policy.clone(), managed::policies(account, role)))
        });
        match (input.action(), found) {
            ("CreateRole", None) => {
                let arn = self.0.identity.role_arn(input.get("Path").unwrap_or("/"), name);
                Some(Change::Trust { arn, was: String::new() })
            }
            ("UpdateAssumeRolePolicy", Some((arn, was, _))) => Some(Change::Trust { arn, was }),
            (
                "PutRolePolicy"
                | "DeleteRolePolicy"
                | "AttachRolePolicy"
                | "DetachRolePolicy"
                | "PutRolePermissionsBoundary"
                | "DeleteRolePermissionsBoundary"
                | "DeleteRole",
                Some((arn, _, was)),
            ) => Some(Change::Policies { arn, was }),
            _ => None,
        }
    }
}
