//! Interrupts commands at each of their calls in turn.

use serde_json::{Value, json};

use super::super::{RecordedCall, Runner};
use super::CrashEnv;

/// The interruption of a call after it took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// Its response is lost.
    ResponseLost,
    /// The client is killed.
    ClientKilled,
}

/// The calls of a run to interrupt, each in its own run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// All of them.
    Every,
    /// Every fourth call that changes something.
    EveryFourthChange,
    /// Three of the calls that change something.
    FirstMiddleAndLastChange,
}

/// Brings an environment into the start state of a scenario.
type Prepare<'a, R> = &'a dyn Fn(&CrashEnv<R>);

/// One command of a sweep, and the preparation before it.
pub struct Scenario<'a, R> {
    name: &'a str,
    command: &'a [&'static str],
    prepare: Option<Prepare<'a, R>>,
    only_changes: bool,
}

/// The calls of an uninterrupted run, and its final state.
struct Reference {
    calls: Vec<RecordedCall>,
    end: Value,
}

impl Calls {
    /// Selects from the calls of an uninterrupted run.
    fn of(self, mut calls: Vec<RecordedCall>) -> Vec<RecordedCall> {
        if self == Calls::Every {
            return calls;
        }
        calls.retain(is_change);
        let last = calls.len() - 1;
        let is_selected = |index: usize| match self {
            Calls::Every => true,
            Calls::EveryFourthChange => index.is_multiple_of(4),
            Calls::FirstMiddleAndLastChange => [0, last / 2, last].contains(&index),
        };
        let indexed = calls.into_iter().enumerate();
        indexed.filter_map(|(index, call)| is_selected(index).then_some(call)).collect()
    }
}

impl<'a, R: Runner> Scenario<'a, R> {
    /// Creates a scenario that starts in the state in which the one before it ended.
    pub fn new(name: &'a str, command: &'a [&'static str]) -> Self {
        Scenario { name, command, prepare: None, only_changes: false }
    }

    /// Sets the preparation by hand before the command.
    pub fn prepared_by(self, prepare: &'a dyn Fn(&CrashEnv<R>)) -> Self {
        Scenario { prepare: Some(prepare), ..self }
    }

    /// Leaves out the calls before the first change: other scenarios interrupt the same reads.
    pub fn starting_at_first_change(self) -> Self {
        Scenario { only_changes: true, ..self }
    }

    fn prepare(&self, setup: &CrashEnv<R>) {
        setup.api.set_faults("");
        if let Some(prepare) = self.prepare {
            prepare(setup);
        }
    }

    fn end_state(&self, setup: &CrashEnv<R>) -> Value {
        if self.command[0] == "down" { json!(setup.api.list_all()) } else { setup.state() }
    }

    /// Runs the command without an interruption.
    fn run_reference(&self, setup: &CrashEnv<R>) -> Reference {
        self.prepare(setup);
        setup.api.set_faults("");
        setup.env.run(self.command.to_vec()).assert_success();
        let calls = setup.api.recorded_calls();
        let first = if self.only_changes { calls.iter().position(is_change).unwrap() } else { 0 };
        Reference { calls: calls[first..].to_vec(), end: self.end_state(setup) }
    }

    /// Runs the command, interrupts it at a call, and lets it succeed: by its own retries, or by another run. Returns
    /// false if the run did not make that call.
    fn run_interrupted(&self, setup: &CrashEnv<R>, interruption: Interruption, at: &RecordedCall) -> bool {
        let RecordedCall { call, n } = at;
        self.prepare(setup);
        match interruption {
            Interruption::ResponseLost => {
                setup.api.set_faults(&format!("{call}=lost@#{n}"));
                let run = setup.env.run(self.command.to_vec());
                assert_eq!(run.code, 0, "{} with {call}#{n} lost: {}", self.name, run.stderr);
                let was_lost = setup.api.has_done_call_with_fault("lost");
                setup.api.set_faults("");
                was_lost
            }
            Interruption::ClientKilled => {
                let was_killed = setup.env.kill_at_call(self.command.to_vec(), &setup.api, call, *n);
                let run = setup.env.run(self.command.to_vec());
                assert_eq!(run.code, 0, "{} after a kill at {call}#{n}: {}", self.name, run.stderr);
                was_killed
            }
        }
    }
}

/// Runs the scenarios in a cycle until each was interrupted at each of the selected calls. Asserts after each run that
/// it ends in the state of an uninterrupted run.
pub fn interrupt_calls<R: Runner>(
    setup: &CrashEnv<R>,
    selected: Calls,
    interruption: Interruption,
    scenarios: &[Scenario<R>],
) {
    let reference = |scenario: &Scenario<R>| {
        let Reference { calls, end } = scenario.run_reference(setup);
        Reference { calls: selected.of(calls), end }
    };
    let references: Vec<_> = scenarios.iter().map(reference).collect();
    let (mut missed, mut all) = (Vec::new(), 0);
    let most = references.iter().map(|reference| reference.calls.len()).max().unwrap();
    for index in 0..most {
        for (scenario, Reference { calls, end }) in scenarios.iter().zip(&references) {
            // A scenario with fewer calls starts over, because the others need the state that it ends in.
            let at = &calls[index % calls.len()];
            if !scenario.run_interrupted(setup, interruption, at) {
                missed.push(format!("{} at {at:?}", scenario.name));
            }
            all += 1;
            let differences = differences("", &scenario.end_state(setup), end);
            assert!(differences.is_empty(), "{}, {interruption:?} at {at:?}: {differences:#?}", scenario.name);
        }
    }
    // Under load a run may skip a call occasionally: it polls once less, or a resource is deleted already.
    let allowed = 1 + all / 20;
    assert!(
        missed.len() < all && missed.len() <= allowed,
        "{interruption:?}: of {all} runs these did without their call: {missed:#?}"
    );
}

/// Runs the scenarios with every kind of fault in the first four calls of every operation, one more than the SDK tries.
pub fn inject_every_fault<R: Runner>(setup: &CrashEnv<R>, scenarios: &[Scenario<R>], operations: &[&str]) {
    let references: Vec<_> = scenarios.iter().map(|scenario| scenario.run_reference(setup)).collect();
    let calls = || references.iter().flat_map(|reference| &reference.calls);
    let is_never_called = |operation: &&&str| !calls().any(|recorded| recorded.call == **operation);
    let missing: Vec<_> = operations.iter().filter(is_never_called).collect();
    assert!(missing.is_empty(), "never called: {missing:?}");
    for fault in ["throttle", "error", "error(503)", "drop", "lost", "delay(5ms)"] {
        for (scenario, Reference { end, .. }) in scenarios.iter().zip(&references) {
            scenario.prepare(setup);
            setup.api.set_faults(&format!("*:*={fault}@#1-4"));
            let run = setup.env.run(scenario.command.to_vec());
            assert_eq!(run.code, 0, "{} with {fault} four times: {}", scenario.name, run.stderr);
            setup.api.set_faults("");
            let differences = differences("", &scenario.end_state(setup), end);
            assert!(differences.is_empty(), "{} with {fault}: {differences:#?}", scenario.name);
        }
    }
}

/// Returns the paths at which two states differ.
fn differences(path: &str, found: &Value, expected: &Value) -> Vec<String> {
    match (found, expected) {
        (Value::Array(found), Value::Array(expected)) if found.len() == expected.len() => {
            let pairs = found.iter().zip(expected).enumerate();
            pairs.flat_map(|(n, (found, expected))| differences(&format!("{path}[{n}]"), found, expected)).collect()
        }
        (Value::Object(found), Value::Object(expected)) if found.keys().eq(expected.keys()) => {
            found.iter().flat_map(|(key, found)| differences(&format!("{path}.{key}"), found, &expected[key])).collect()
        }
        _ if found == expected => Vec::new(),
        _ => vec![format!("{path}: {found}, expected {expected}")],
    }
}

/// Returns whether a call changes something.
fn is_change(recorded: &RecordedCall) -> bool {
    let operation = recorded.call.split(':').nth(1).unwrap();
    !["Get", "List", "Describe"].iter().any(|prefix| operation.starts_with(prefix))
}
