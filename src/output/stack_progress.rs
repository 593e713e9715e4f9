//! Shows what the engine does: a spinner a resource on a terminal, a line for each finished one off it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{Output, Progress, Step};
use crate::stack::{Action, Event, Kind, Observer, PATIENCE};

/// An observer of the engine that draws.
#[derive(Debug)]
pub struct StackProgress {
    progress: Progress,
    steps: Mutex<BTreeMap<(Kind, String), Shown>>,
}

#[derive(Debug)]
struct Shown {
    step: Step,
    action: Action,
    told_to_wait: bool,
}

impl StackProgress {
    /// Draws on the given output.
    #[must_use]
    pub fn new(output: &Output) -> Self {
        StackProgress { progress: output.progress(), steps: Mutex::default() }
    }
}

impl Observer for StackProgress {
    fn on(&self, event: &Event) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { kind, name, action } => {
                let step = self.progress.step(format!("{kind} {name}"));
                steps.insert((*kind, name.clone()), Shown { step, action: *action, told_to_wait: false });
            }
            Event::Waiting { kind, name, waited, said } => {
                if let Some(shown) = steps.get_mut(&(*kind, name.clone())) {
                    shown.step.waiting(said);
                    if *waited >= PATIENCE && !shown.told_to_wait {
                        shown.told_to_wait = true;
                        self.progress.status(format!("  still waiting for the {kind} {name}: {said}"));
                    }
                }
            }
            Event::Finished { kind, name } => {
                if let Some(shown) = steps.remove(&(*kind, name.clone())) {
                    shown.step.done(match shown.action {
                        Action::Create => "created",
                        Action::Update => "updated",
                        Action::Replace => "replaced",
                        Action::Delete => "deleted",
                        Action::None | Action::Keep => "kept",
                    });
                }
            }
            Event::Failed { kind, name } => {
                if let Some(shown) = steps.remove(&(*kind, name.clone())) {
                    shown.step.failed();
                }
            }
        }
    }
}
