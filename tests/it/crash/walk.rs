//! Commands, each disturbed at each of its calls in turn.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::ground::Ground;
use crate::support::{Seen, Stranger};

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// It takes effect, and its answer does not come.
    Lost,
    /// It takes effect, and the program is killed.
    Killed,
}

/// One command of a walk.
pub struct Leg<'a> {
    name: &'a str,
    command: &'a [&'static str],
    prepare: Option<&'a dyn Fn(&Ground)>,
    only_changes: bool,
}

impl<'a> Leg<'a> {
    /// A command that begins where the leg before it ends.
    pub fn new(name: &'a str, command: &'a [&'static str]) -> Self {
        Leg { name, command, prepare: None, only_changes: false }
    }

    /// What is done by hand before the command.
    pub fn after(self, prepare: &'a dyn Fn(&Ground)) -> Self {
        Leg { prepare: Some(prepare), ..self }
    }

    /// Leaves out the calls before the first that changes something: what a disturbance there can do, the looks of other
    /// legs show.
    pub fn beginning_at_the_first_change(self) -> Self {
        Leg { only_changes: true, ..self }
    }

    fn prepare(&self, ground: &Ground) {
        ground.cloud.set_faults("");
        if let Some(prepare) = self.prepare {
            prepare(ground);
        }
    }

    /// What there is after it.
    fn end(&self, ground: &Ground) -> Value {
        if self.command[0] == "down" { serde_json::json!(ground.cloud.everything()) } else { ground.state() }
    }

    /// Runs it undisturbed: its calls, and where it ends.
    fn learn(&self, ground: &Ground) -> (Vec<Seen>, Value) {
        self.prepare(ground);
        ground.cloud.set_faults("");
        ground.home.run(self.command.to_vec()).succeeded();
        let calls = ground.cloud.seen();
        let first = if self.only_changes { calls.iter().position(is_change).unwrap() } else { 0 };
        (calls[first..].to_vec(), self.end(ground))
    }

    fn disturbed(&self, ground: &Ground, disturbance: Disturbance, seen: &Seen) {
        let Seen { call, n } = seen;
        self.prepare(ground);
        match disturbance {
            Disturbance::Lost => {
                ground.cloud.set_faults(&format!("{call}=lost@#{n}"));
                let run = ground.home.run(self.command.to_vec());
                assert_eq!(run.code, 0, "{} with {call}#{n} lost: {}", self.name, run.stderr);
                ground.cloud.set_faults("");
            }
            Disturbance::Killed => {
                ground.cloud.set_faults(&format!("{call}=hang@#{n}"));
                let mut command = ground.home.command(self.command.to_vec());
                let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                // A poll more or less is no difference: then there is nothing to kill.
                if wait_for_hang(&ground.cloud, &mut child) {
                    child.kill().unwrap();
                }
                child.wait().unwrap();
                ground.cloud.set_faults("");
                let run = ground.home.run(self.command.to_vec());
                assert_eq!(run.code, 0, "{} after a kill at {call}#{n}: {}", self.name, run.stderr);
            }
        }
    }
}

/// Runs the legs one after the other, again and again, until each was disturbed at each of its calls. Each time it ends
/// where it ends undisturbed.
pub fn walk(ground: &Ground, disturbance: Disturbance, legs: &[Leg]) {
    let learnt: Vec<_> = legs.iter().map(|leg| leg.learn(ground)).collect();
    let most = learnt.iter().map(|(calls, _)| calls.len()).max().unwrap();
    for index in 0..most {
        for (leg, (calls, end)) in legs.iter().zip(&learnt) {
            // One that has no more calls goes on for the others' sake.
            let seen = &calls[index % calls.len()];
            leg.disturbed(ground, disturbance, seen);
            let differences = differences("", &leg.end(ground), end);
            assert!(differences.is_empty(), "{}, {disturbance:?} at {seen:?}: {differences:#?}", leg.name);
        }
    }
}

/// Runs the legs with every kind of fault in the first calls of every operation, one more than the SDK tries.
pub fn under_every_fault(ground: &Ground, legs: &[Leg], operations: &[&str]) {
    let learnt: Vec<_> = legs.iter().map(|leg| leg.learn(ground)).collect();
    let seen = |operation: &&&str| learnt.iter().flat_map(|(calls, _)| calls).any(|seen| seen.call == **operation);
    let unseen: Vec<_> = operations.iter().filter(|operation| !seen(operation)).collect();
    assert!(unseen.is_empty(), "never called: {unseen:?}");
    for fault in ["throttle", "error", "error(503)", "drop", "lost", "delay(5ms)"] {
        for (leg, (_, end)) in legs.iter().zip(&learnt) {
            leg.prepare(ground);
            ground.cloud.set_faults(&format!("*:*={fault}@#1-4"));
            let run = ground.home.run(leg.command.to_vec());
            assert_eq!(run.code, 0, "{} with {fault} four times: {}", leg.name, run.stderr);
            ground.cloud.set_faults("");
            let differences = differences("", &leg.end(ground), end);
            assert!(differences.is_empty(), "{} with {fault}: {differences:#?}", leg.name);
        }
    }
}

/// Where two states differ.
fn differences(path: &str, found: &Value, wanted: &Value) -> Vec<String> {
    match (found, wanted) {
        (Value::Array(found), Value::Array(wanted)) if found.len() == wanted.len() => {
            let pairs = found.iter().zip(wanted).enumerate();
            pairs.flat_map(|(n, (found, wanted))| differences(&format!("{path}[{n}]"), found, wanted)).collect()
        }
        (Value::Object(found), Value::Object(wanted)) if found.keys().eq(wanted.keys()) => {
            found.iter().flat_map(|(key, found)| differences(&format!("{path}.{key}"), found, &wanted[key])).collect()
        }
        _ if found == wanted => Vec::new(),
        _ => vec![format!("{path}: {found}, and not {wanted}")],
    }
}

/// Whether a call changes something.
fn is_change(seen: &Seen) -> bool {
    let operation = seen.call.split(':').nth(1).unwrap();
    !["Get", "List", "Describe"].iter().any(|look| operation.starts_with(look))
}

/// Waits for a call that hangs; false when the run ended without one.
fn wait_for_hang(cloud: &Stranger, child: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if cloud.has_hung() {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return cloud.has_hung();
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    panic!("it neither hung nor ended");
}
