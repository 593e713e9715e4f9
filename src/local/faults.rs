//! Fault injection: deliberately produces the occasional failures of networks and services.
//!
//! A [`FaultPlan`] is written as text (see `spec`). Calls are counted per service and operation. Chance depends only on
//! the seed, the rule, the operation and the number of the call, so concurrent calls do not change it.

mod control;
mod error_responses;
mod partial_batch;
mod spec;
mod undecryptable;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

pub(super) use self::error_responses::{InjectedError, refusal};
pub(super) use self::partial_batch::{HeldBack, PartialBatch};
use self::spec::{Fault, Rule, When};
pub use self::spec::{FaultPlan, SpecError};
pub(super) use self::undecryptable::hide;

/// Plans are equal if they have the same effect, whatever blanks their texts have.
impl PartialEq for FaultPlan {
    fn eq(&self, other: &Self) -> bool {
        (self.seed, &self.rules) == (other.seed, &other.rules)
    }
}

/// Limit of retained calls; older ones are only counted.
const REMEMBERED: usize = 10_000;

/// The faults of one local cloud and its recorded calls; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    plan: FaultPlan,
    counts: BTreeMap<String, u64>,
    calls: VecDeque<CallEntry>,
    /// Number of calls no longer retained.
    left_out: u64,
    /// Canceled when another plan takes effect.
    replaced: CancellationToken,
}

/// A recorded call.
#[derive(Clone, Debug, Serialize)]
struct CallEntry {
    /// `kinesis:PutRecords`.
    call: String,
    /// Number of the call, per operation, from 1.
    n: u64,
    /// The injected fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    /// True once the service has completed or rejected the call.
    done: bool,
}

/// The decision about one call.
pub(super) struct FaultDecision {
    /// Delay before anything else happens.
    pub delay: Duration,
    /// The injected effect.
    pub what: FaultEffect,
    id: u64,
    replaced: CancellationToken,
}

impl FaultDecision {
    /// Waits while the call hangs: until another plan takes effect, at most `limit`.
    pub(super) async fn hang(&self, limit: Duration) {
        // Both outcomes are the same to the caller.
        let _ = tokio::time::timeout(limit, self.replaced.cancelled()).await;
    }
}

/// The effect of a fault on a call.
#[derive(Clone, Debug)]
pub(super) enum FaultEffect {
    /// No fault.
    Nothing,
    /// The call is rejected before it takes effect.
    Refused(InjectedError),
    /// The connection breaks before the call takes effect.
    Dropped,
    /// The call takes effect, and the connection breaks before the response.
    Lost,
    /// The call takes effect, and no response is sent.
    Hung,
    /// Some of its records or items are rejected.
    Partly(PartialBatch),
    /// Encrypted members of the response are replaced by an error.
    Undecryptable,
    /// Grants to functions take the new role for an earlier one of its name, for this time.
    StaleGrant(Duration),
}

/// The decision about a call inside the local cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// The call is made.
    Goes,
    /// The call is rejected before it takes effect.
    Refused(InjectedError),
    /// The call is made, and its response is lost.
    Lost,
}

impl Faults {
    /// Returns the faults of a plan.
    pub(crate) fn new(plan: FaultPlan) -> Self {
        let faults = Faults::default();
        faults.set(plan);
        faults
    }

    /// Replaces the plan; calls count from 1 again.
    fn set(&self, plan: FaultPlan) {
        let before = std::mem::replace(&mut *self.state(), State { plan, ..State::default() });
        before.replaced.cancel();
    }

    /// Counts a call of an operation, and returns the decision about it.
    pub(super) fn begin(&self, service: &str, operation: &str) -> FaultDecision {
        self.match_rule(service, operation, |rule| rule.covers(service, operation))
    }

    fn match_rule(&self, service: &str, operation: &str, counts: impl Fn(&Rule) -> bool) -> FaultDecision {
        let mut state = self.state();
        let call = format!("{service}:{operation}");
        let count = state.counts.entry(call.clone()).or_default();
        *count += 1;
        let n = *count;
        let replaced = state.replaced.clone();
        let mut fate = FaultDecision { delay: Duration::ZERO, what: FaultEffect::Nothing, id: 0, replaced };
        let mut name = None;
        for (index, rule) in state.plan.rules.iter().enumerate() {
            if !counts(rule) {
                continue;
            }
            let dice = FaultRng { seed: state.plan.seed, rule: index, call: call.clone(), n };
            let hits = match rule.when {
                When::Always => true,
                When::Share(share) => dice.roll(0) < share,
                When::Calls { first, last } => (first..=last).contains(&n),
            };
            if !hits {
                continue;
            }
            let what = match rule.fault {
                Fault::Delay(delay) => {
                    fate.delay += delay;
                    name.get_or_insert("delay");
                    continue;
                }
                Fault::Throttle => FaultEffect::Refused(InjectedError::Throttled),
                Fault::HotKey => FaultEffect::Refused(InjectedError::HotKey),
                Fault::Error(status) => FaultEffect::Refused(InjectedError::Failed(status)),
                Fault::Denied => FaultEffect::Refused(InjectedError::Denied),
                Fault::Drop => FaultEffect::Dropped,
                Fault::Lost => FaultEffect::Lost,
                Fault::Hang => FaultEffect::Hung,
                Fault::Undecryptable => FaultEffect::Undecryptable,
                Fault::StaleGrant(time) => FaultEffect::StaleGrant(time),
                Fault::Partial(share) | Fault::Unprocessed(share) => FaultEffect::Partly(PartialBatch { share, dice }),
            };
            fate.what = what;
            name = Some(rule.fault.name());
            break;
        }
        if state.calls.len() == REMEMBERED {
            state.calls.pop_front();
            state.left_out += 1;
        }
        fate.id = state.left_out + state.calls.len() as u64;
        state.calls.push_back(CallEntry { call, n, fault: name, done: false });
        fate
    }

    /// Decides about a call that an event source mapping makes inside the local cloud.
    ///
    /// Such calls are continuous, so they are counted, listed and injected with faults only if a rule names the
    /// operation itself.
    pub(super) async fn inside(&self, service: &str, operation: &str) -> Inside {
        if !self.state().plan.rules.iter().any(|rule| rule.names(service, operation)) {
            return Inside::Goes;
        }
        let fate = self.match_rule(service, operation, |rule| rule.names(service, operation));
        tokio::time::sleep(fate.delay).await;
        self.done(&fate);
        match fate.what {
            FaultEffect::Nothing | FaultEffect::Partly(_) | FaultEffect::Undecryptable | FaultEffect::StaleGrant(_) => {
                Inside::Goes
            }
            FaultEffect::Refused(injected) => Inside::Refused(injected),
            FaultEffect::Dropped => Inside::Refused(InjectedError::Failed(500)),
            // A hanging call counts as a lost response here.
            FaultEffect::Lost | FaultEffect::Hung => Inside::Lost,
        }
    }

    /// Records that the service has finished a call.
    pub(super) fn done(&self, fate: &FaultDecision) {
        let mut state = self.state();
        let index = fate.id.checked_sub(state.left_out).and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| state.calls.get_mut(index)) {
            entry.done = true;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

/// A deterministic random number generator.
#[derive(Clone, Debug)]
pub(super) struct FaultRng {
    seed: u64,
    rule: usize,
    call: String,
    n: u64,
}

impl FaultRng {
    /// Returns a number from 0 up to 1; each `index` gives another number.
    fn roll(&self, index: usize) -> f64 {
        let mut hash = Sha256::new();
        hash.update(format!("{}|{}|{}|{}|{index}", self.seed, self.rule, self.call, self.n));
        let bytes = hash.finalize();
        let top = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        f64::from(top) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(spec: &str) -> Faults {
        Faults::new(spec.parse().unwrap())
    }

    fn refused(faults: &Faults, operation: &str) -> bool {
        matches!(faults.begin("kinesis", operation).what, FaultEffect::Refused(_))
    }

    #[test]
    fn faults_nth_call_is_counted_per_operation() {
        let faults = faults("kinesis:Put*=throttle@#2");
        let seen: Vec<bool> = ["PutRecord", "PutRecords", "PutRecord", "ListStreams", "PutRecords", "PutRecords"]
            .map(|operation| refused(&faults, operation))
            .into();
        assert_eq!(seen, [false, false, true, false, true, false]);
    }

    #[test]
    fn faults_share_is_approximate_and_deterministic() {
        let hits = |spec: &str| {
            let faults = faults(spec);
            (0..1000).map(|_| refused(&faults, "PutRecords")).collect::<Vec<_>>()
        };
        let first = hits("seed=7;*:*=throttle@20%");
        assert_eq!(first, hits("seed=7;*:*=throttle@20%"));
        assert_ne!(first, hits("seed=8;*:*=throttle@20%"));
        let count = first.iter().filter(|hit| **hit).count();
        assert!((150..250).contains(&count), "{count}");
    }

    #[test]
    fn faults_delays_add_up_and_first_other_fault_wins() {
        let faults = faults("*:*=delay(5ms);kinesis:*=delay(7ms);kinesis:*=lost;*:*=drop");
        let fate = faults.begin("kinesis", "PutRecord");
        assert_eq!(fate.delay, Duration::from_millis(12));
        assert!(matches!(fate.what, FaultEffect::Lost));
    }

    #[tokio::test(start_paused = true)]
    async fn faults_replaced_end_hanging_calls() {
        let faults = faults("*:*=hang");
        let fate = faults.begin("iam", "GetRole");
        let began = tokio::time::Instant::now();
        let replace = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            faults.set(FaultPlan::default());
        };
        tokio::join!(fate.hang(Duration::from_secs(10)), replace);
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        let fate = faults.begin("iam", "GetRole");
        fate.hang(Duration::from_secs(10)).await;
        assert_eq!(began.elapsed(), Duration::from_secs(11));
    }

    #[test]
    fn faults_keep_only_the_newest_calls() {
        let faults = Faults::default();
        let first = faults.begin("iam", "GetRole");
        for _ in 0..REMEMBERED {
            faults.begin("iam", "GetRole");
        }
        faults.done(&first);
        let state = faults.state();
        assert_eq!((state.calls.len(), state.left_out), (REMEMBERED, 1));
        assert!(state.calls.iter().all(|call| !call.done));
    }
}
