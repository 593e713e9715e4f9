//! Shows what the engine does: a spinner a resource on a terminal, a line for each finished one off it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Output, Progress, Step};
use crate::stack::{Action, Kind, QUIET_WAIT, StackEvent, StackObserver};

/// A look that takes longer says what it waits for.
const LONG_LOOK: Duration = Duration::from_secs(1);

/// An observer of the engine that draws.
#[derive(Debug)]
pub struct StackProgress {
    progress: Progress,
    steps: Mutex<BTreeMap<(Kind, String), DisplayedStep>>,
    /// What was said to be waited for before any step began.
    told: Mutex<BTreeSet<(Kind, String)>>,
}

#[derive(Debug)]
struct DisplayedStep {
    step: Step,
    action: Action,
    told_to_wait: bool,
}

impl StackProgress {
    /// Draws on the given output.
    #[must_use]
    pub fn new(output: &Output) -> Self {
        StackProgress { progress: output.progress(), steps: Mutex::default(), told: Mutex::default() }
    }
}

impl StackObserver for StackProgress {
    fn on(&self, event: &StackEvent) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            StackEvent::Started { kind, name, action } => {
                let step = self.progress.step(format!("{kind} {name}"));
                steps.insert((*kind, name.clone()), DisplayedStep { step, action: *action, told_to_wait: false });
            }
            StackEvent::Waiting { kind, name, waited, said } => {
                if let Some(shown) = steps.get_mut(&(*kind, name.clone())) {
                    shown.step.waiting(said);
                    if *waited >= QUIET_WAIT && !shown.told_to_wait {
                        shown.told_to_wait = true;
                        self.progress.status(format!("  still waiting for the {kind} {name}: {said}"));
                    }
                } else if *waited >= LONG_LOOK {
                    let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                    if told.insert((*kind, name.clone())) {
                        self.progress.status(format!("  waiting for the {kind} {name}: {said}"));
                    }
                }
            }
            StackEvent::Finished { kind, name, was_there } => {
                if let Some(shown) = steps.remove(&(*kind, name.clone())) {
                    shown.step.done(match shown.action {
                        _ if *was_there => "found",
                        Action::Create => "created",
                        Action::Update => "updated",
                        Action::Replace => "replaced",
                        Action::Delete => "deleted",
                        Action::None | Action::Keep => "kept",
                    });
                }
            }
            StackEvent::Unproven { name, said } => self.progress.status(format!(
                "  note: not proven that the function {name} can be invoked: {said}; `sensorctl up --verify` sends a reading"
            )),
            StackEvent::Failed { kind, name } => {
                if let Some(shown) = steps.remove(&(*kind, name.clone())) {
                    shown.step.failed();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    #[test]
    fn look_that_takes_long_says_once_what_it_waits_for() {
        let (output, captured) = Output::captured(Format::Auto, false, 0);
        let progress = StackProgress::new(&output);
        let waiting = |seconds| {
            let waited = Duration::from_secs(seconds);
            progress.on(&StackEvent::Waiting { kind: Kind::Table, name: "T".into(), waited, said: "its tags".into() });
        };
        waiting(0);
        assert_eq!(captured.texts().1, "");
        waiting(1);
        waiting(2);
        assert_eq!(captured.texts().1, "  waiting for the table T: its tags\n");
    }
}
