//! Eventual consistency of roles: for a while a change is not visible everywhere.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::{Iam, aws_managed_policies};
use crate::auth::permissions::Policies;
use crate::latency_profile::LatencyProfile;
use crate::protocol::aws_query::Parameters;

/// The roles before their latest changes, by ARN.
#[derive(Default)]
pub(super) struct Propagation(Mutex<HashMap<String, Before>>, AtomicU64);

#[derive(Default)]
struct Before {
    trust: Option<Old<String>>,
    policies: Option<Old<Policies>>,
    /// The state that a lagging replica still shows: the role's trust policy, and its inline policies by name.
    shown: Option<Old<Shown>>,
}

/// The part of a role that read operations show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub trust: String,
    pub inline: BTreeMap<String, String>,
}

struct Old<T> {
    was: T,
    until: Instant,
}

/// A change that a request is about to make.
pub(super) enum Change {
    Trust { arn: String, was: String, shown: Option<Shown> },
    Policies { arn: String, was: Policies, shown: Option<Shown> },
}

impl Propagation {
    /// Returns the trust policy that is still in force, if it is not the latest.
    pub(super) fn trust(&self, arn: &str) -> Option<String> {
        in_force(self.lock().get(arn)?.trust.as_ref())
    }

    /// Returns the policies that are still in force, if they are not the latest.
    pub(super) fn policies(&self, arn: &str) -> Option<Policies> {
        in_force(self.lock().get(arn)?.policies.as_ref())
    }

    /// Records a change that was made, with its propagation delay.
    pub(super) fn note(&self, change: Change, timing: &LatencyProfile) {
        let mut all = self.lock();
        let (before, shown) = match change {
            Change::Trust { arn, was, shown } => {
                let before = all.entry(arn).or_default();
                keep(&mut before.trust, was, timing.role);
                (before, shown)
            }
            Change::Policies { arn, was, shown } => {
                let before = all.entry(arn).or_default();
                keep(&mut before.policies, was, timing.policy);
                (before, shown)
            }
        };
        if let Some(shown) = shown {
            keep(&mut before.shown, shown, timing.replica_lag);
        }
    }

    /// Returns the outdated state that a read from a lagging replica finds.
    ///
    /// It is about every other read, the same in every run.
    pub(super) fn late_look(&self, arn: &str) -> Option<Shown> {
        let shown = in_force(self.lock().get(arn)?.shown.as_ref())?;
        let looks = self.1.fetch_add(1, Ordering::Relaxed) + 1;
        (looks.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 1).then_some(shown)
    }

    /// Completes the propagation of all changes.
    #[cfg(test)]
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Before>> {
        self.0.lock()
    }
}

fn in_force<T: Clone>(old: Option<&Old<T>>) -> Option<T> {
    old.filter(|old| old.until > Instant::now()).map(|old| old.was.clone())
}

/// Keeps the earlier state in force. After a change on top of a pending one, the state before both stays in force.
fn keep<T>(slot: &mut Option<Old<T>>, was: T, delay: Duration) {
    let now = Instant::now();
    let was = slot.take().filter(|old| old.until > now).map_or(was, |old| old.was);
    *slot = Some(Old { was, until: now + delay });
}

impl Iam {
    /// Returns the change of a role that a request is about to make.
    pub(super) fn change_of(&self, input: &Parameters) -> Option<Change> {
        if self.0.timing.is_none() {
            return None;
        }
        let name = input.get("RoleName")?;
        let found = self.0.store.read(|account| {
            let role = account.roles.get(name)?;
            let shown = Shown { trust: role.trust_policy.clone(), inline: role.inline.clone() };
            Some((role.arn.clone(), shown, aws_managed_policies::policies(account, role)))
        });
        match (input.action(), found) {
            ("CreateRole", None) => {
                let arn = self.0.identity.role_arn(input.get("Path").unwrap_or("/"), name);
                Some(Change::Trust { arn, was: String::new(), shown: None })
            }
            ("UpdateAssumeRolePolicy", Some((arn, shown, _))) => {
                Some(Change::Trust { arn, was: shown.trust.clone(), shown: Some(shown) })
            }
            (
                "PutRolePolicy"
                | "DeleteRolePolicy"
                | "AttachRolePolicy"
                | "DetachRolePolicy"
                | "PutRolePermissionsBoundary"
                | "DeleteRolePermissionsBoundary"
                | "DeleteRole",
                Some((arn, shown, was)),
            ) => Some(Change::Policies { arn, was, shown: Some(shown) }),
            _ => None,
        }
    }
}
