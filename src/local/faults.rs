//! Faults on request: what the network and the services do wrong now and then, made to happen on purpose.
//!
//! A [`FaultPlan`] is written as text (see `spec`). Calls are counted per service and operation, and chance depends on
//! the seed, the rule, the operation and the number of the call only: what runs side by side does not change it.

mod control;
mod error_responses;
mod partial_batch;
mod spec;
mod undecryptable;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

pub(super) use self::error_responses::{InjectedError, refusal};
pub(super) use self::partial_batch::PartialBatch;
use self::spec::{Fault, Rule, When};
pub use self::spec::{FaultPlan, SpecError};
pub(super) use self::undecryptable::hide;

/// Calls that are remembered; older ones are counted only.
const REMEMBERED: usize = 10_000;

/// The faults of one local cloud, and the calls that it has seen; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    plan: FaultPlan,
    counts: BTreeMap<String, u64>,
    calls: VecDeque<CallEntry>,
    /// Calls that are no longer remembered.
    left_out: u64,
    /// Cancelled when another plan comes into force.
    replaced: CancellationToken,
}

/// A call that was made.
#[derive(Clone, Debug, Serialize)]
struct CallEntry {
    /// `kinesis:PutRecords`.
    call: String,
    /// From 1, per operation.
    n: u64,
    /// What was made to go wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    /// True if the service is through with it: what it was to do is done, or refused.
    done: bool,
}

/// What to do with one call.
pub(super) struct FaultDecision {
    /// Passes before anything else happens.
    pub delay: Duration,
    /// What goes wrong; nothing for most.
    pub what: FaultEffect,
    id: u64,
    replaced: CancellationToken,
}

impl FaultDecision {
    /// Waits as long as the call hangs: until another plan is in force, at most `limit`.
    pub(super) async fn hang(&self, limit: Duration) {
        // Both ends are the same to whoever waits.
        let _ = tokio::time::timeout(limit, self.replaced.cancelled()).await;
    }
}

/// What goes wrong with a call.
#[derive(Clone, Debug)]
pub(super) enum FaultEffect {
    /// Nothing.
    Nothing,
    /// It is refused before it does anything.
    Refused(InjectedError),
    /// The connection breaks before it does anything.
    Dropped,
    /// It does its work, and the connection breaks before the answer.
    Lost,
    /// It does its work, and never answers.
    Hung,
    /// Some of its records or items are not taken.
    Partly(PartialBatch),
    /// What a key encrypts is an error in its answer.
    Undecryptable,
    /// The role that it makes is taken for an earlier one of its name by the keys of functions, for so long.
    StaleGrant(Duration),
}

/// What becomes of a call inside the local cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// It is made.
    Goes,
    /// It is refused before it does anything.
    Refused(InjectedError),
    /// It is made, and its answer never comes.
    Lost,
}

impl Faults {
    /// Returns the faults of a plan.
    pub(crate) fn new(plan: FaultPlan) -> Self {
        let faults = Faults::default();
        faults.set(plan);
        faults
    }

    /// Another plan from now on; calls count from 1 again.
    fn set(&self, plan: FaultPlan) {
        let before = std::mem::replace(&mut *self.state(), State { plan, ..State::default() });
        before.replaced.cancel();
    }

    /// Takes up a call of an operation, and says what becomes of it.
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

    /// What becomes of a call that an event source mapping makes inside the local cloud. A mapping calls all the time:
    /// its calls are counted and listed, and go wrong, only where a rule names the operation itself.
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
            FaultEffect::Refused(trouble) => Inside::Refused(trouble),
            FaultEffect::Dropped => Inside::Refused(InjectedError::Failed(500)),
            // Nobody waits for ever here.
            FaultEffect::Lost | FaultEffect::Hung => Inside::Lost,
        }
    }

    /// Notes that the service is through with a call.
    pub(super) fn done(&self, fate: &FaultDecision) {
        let mut state = self.state();
        let index = fate.id.checked_sub(state.left_out).and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| state.calls.get_mut(index)) {
            entry.done = true;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Chance that comes out the same in every run.
#[derive(Clone, Debug)]
pub(super) struct FaultRng {
    seed: u64,
    rule: usize,
    call: String,
    n: u64,
}

impl FaultRng {
    /// Returns a number from 0 up to 1; another `index` is another throw.
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
    fn the_nth_call_is_counted_for_each_operation_by_itself() {
        let faults = faults("kinesis:Put*=throttle@#2");
        let seen: Vec<bool> = ["PutRecord", "PutRecords", "PutRecord", "ListStreams", "PutRecords", "PutRecords"]
            .map(|operation| refused(&faults, operation))
            .into();
        assert_eq!(seen, [false, false, true, false, true, false]);
    }

    #[test]
    fn a_share_is_kept_about_and_is_the_same_in_every_run() {
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
    fn delays_add_up_and_the_first_other_fault_counts() {
        let faults = faults("*:*=delay(5ms);kinesis:*=delay(7ms);kinesis:*=lost;*:*=drop");
        let fate = faults.begin("kinesis", "PutRecord");
        assert_eq!(fate.delay, Duration::from_millis(12));
        assert!(matches!(fate.what, FaultEffect::Lost));
    }

    #[tokio::test(start_paused = true)]
    async fn hung_call_ends_when_faults_are_replaced() {
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
    fn only_the_newest_calls_are_remembered() {
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
