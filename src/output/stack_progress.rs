//! Shows what the engine does. On a terminal, the list of its steps, whose lines turn and then tick off; off it, a line for
//! each step that ended.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use parking_lot::{Mutex, MutexGuard};

use super::marks::Mark;
use super::plan_list::{details, done_word, named, planned_word, resource_line};
use super::progress::line_of_step;
use super::{Output, Progress, units};
use crate::observer::Observer;
use crate::stack::{Action, Kind, Plan, QUIET_WAIT, StackEvent};

/// A look that takes longer says what it waits for.
const LONG_LOOK: Duration = Duration::from_secs(1);

/// An observer of the engine that draws.
#[derive(Debug)]
pub(crate) struct StackProgress {
    progress: Progress,
    list: Mutex<StepList>,
    /// The waits that were printed before any step began.
    told: Mutex<BTreeSet<(Kind, String)>>,
}

#[derive(Debug, Default)]
struct StepList {
    steps: Vec<ListedStep>,
    /// True if a step did not end; then the steps that did not begin are listed, too.
    is_broken: bool,
}

#[derive(Debug)]
struct ListedStep {
    kind: Kind,
    name: String,
    action: Action,
    adopts: bool,
    /// The lines below it.
    details: Vec<String>,
    state: StepState,
    /// How long it took so far: a step may begin a second time.
    took: Duration,
    bar: Option<ProgressBar>,
    told_to_wait: bool,
}

#[derive(Debug)]
enum StepState {
    Pending,
    Running(Instant),
    Done(&'static str),
    Failed,
}

impl StackProgress {
    /// Draws on the given output.
    #[must_use]
    pub(crate) fn new(output: &Output) -> Self {
        StackProgress { progress: output.progress(), list: Mutex::default(), told: Mutex::default() }
    }

    /// Lists the steps of a plan that is about to be carried out; `is_known` says that what differs was shown already.
    pub(crate) fn begin(&self, plan: &Plan, is_known: bool) {
        let steps = plan.steps.iter().filter(|step| !matches!(step.action, Action::None | Action::Keep));
        let listed = steps.map(|step| ListedStep {
            kind: step.kind,
            name: step.name.clone(),
            action: step.action,
            adopts: step.adopts,
            details: if is_known { Vec::new() } else { details(step) },
            state: StepState::Pending,
            took: Duration::ZERO,
            bar: None,
            told_to_wait: false,
        });
        let mut listed: Vec<_> = listed.collect();
        let steps = plan.steps.iter().filter(|step| !matches!(step.action, Action::None | Action::Keep));
        let pending =
            steps.map(|step| resource_line(Mark::Pending, planned_word(step), Some(""), step.kind, &step.name));
        for (listed, bar) in listed.iter_mut().zip(self.progress.listed(pending.collect())) {
            listed.bar = Some(bar);
        }
        self.list().steps = listed;
    }

    /// Ends the list: on a terminal it stays as it is now.
    pub(crate) fn end(&self) {
        let StepList { steps, is_broken } = std::mem::take(&mut *self.list());
        steps.iter().filter_map(|step| step.bar.as_ref()).for_each(ProgressBar::finish_and_clear);
        if !self.progress.is_drawn() {
            return;
        }
        for step in &steps {
            let is_pending = matches!(step.state, StepState::Pending);
            if !is_pending || is_broken {
                self.progress.status(step.line(true));
            }
            if matches!(step.state, StepState::Done(_)) {
                step.details.iter().for_each(|line| self.progress.status(line));
            }
        }
    }

    fn list(&self) -> MutexGuard<'_, StepList> {
        self.list.lock()
    }

    /// Changes the step of that kind and name, which may be one that was not planned.
    fn with_step(&self, kind: Kind, name: &str, change: impl FnOnce(&Progress, &mut ListedStep)) {
        let mut list = self.list();
        if let Some(step) = list.steps.iter_mut().find(|step| step.kind == kind && step.name == name) {
            change(&self.progress, step);
        }
    }

    fn started(&self, kind: Kind, name: &str, action: Action) {
        let mut list = self.list();
        let place = list.steps.iter().position(|step| step.kind == kind && step.name == name).unwrap_or_else(|| {
            list.steps.push(ListedStep {
                kind,
                name: name.to_owned(),
                action,
                adopts: false,
                details: Vec::new(),
                state: StepState::Pending,
                took: Duration::ZERO,
                bar: self.progress.listed(vec![String::new()]).pop(),
                told_to_wait: false,
            });
            list.steps.len() - 1
        });
        let step = &mut list.steps[place];
        // A second piece of work on it is of its own kind.
        if matches!(step.state, StepState::Done(_)) {
            (step.action, step.adopts) = (action, false);
        }
        step.state = StepState::Running(Instant::now());
        if let Some(bar) = &step.bar {
            self.progress.begin(bar, action.as_str(), &named(kind, name));
        }
    }

    fn ended(&self, kind: Kind, name: &str, state: StepState) {
        if matches!(state, StepState::Failed) {
            self.list().is_broken = true;
        }
        self.with_step(kind, name, |progress, step| {
            if let StepState::Running(since) = step.state {
                step.took += since.elapsed();
            }
            step.state = state;
            if let Some(bar) = &step.bar {
                progress.end(bar, step.line(true));
            }
            if !progress.is_drawn() {
                progress.status(step.line(false));
                step.details.drain(..).for_each(|line| progress.status(line));
            }
        });
    }
}

impl ListedStep {
    /// The line of the step as it is now; marks are for terminals.
    fn line(&self, is_marked: bool) -> String {
        let (mark, word) = match self.state {
            StepState::Pending => (Mark::Pending, "not begun"),
            StepState::Running(_) => (Mark::Failed, "stopped"),
            StepState::Done(word) => (Mark::Done, word),
            StepState::Failed => (Mark::Failed, "failed"),
        };
        if !is_marked {
            return line_of_step(word, self.took, &named(self.kind, &self.name));
        }
        let took = match self.state {
            StepState::Pending => String::new(),
            StepState::Running(since) => units::duration(self.took + since.elapsed()),
            StepState::Done(_) | StepState::Failed => units::duration(self.took),
        };
        resource_line(mark, word, Some(&took), self.kind, &self.name)
    }
}

impl Observer<StackEvent> for StackProgress {
    fn on(&self, event: &StackEvent) {
        match event {
            StackEvent::Started { kind, name, action } => self.started(*kind, name, *action),
            StackEvent::Waiting { kind, name, waited, said } => {
                let mut is_step = false;
                self.with_step(*kind, name, |progress, step| {
                    is_step = true;
                    if let Some(bar) = &step.bar {
                        bar.set_message(format!("{}  {}", named(*kind, name), super::escape::one_line(said)));
                    }
                    if *waited >= QUIET_WAIT && !step.told_to_wait {
                        step.told_to_wait = true;
                        progress.status(format!("  still waiting for the {kind} {name}: {said}"));
                    }
                });
                if !is_step && *waited >= LONG_LOOK {
                    let mut told = self.told.lock();
                    if told.insert((*kind, name.clone())) {
                        self.progress.status(format!("  waiting for the {kind} {name}: {said}"));
                    }
                }
            }
            StackEvent::Finished { kind, name, was_there } => {
                let word = |step: &ListedStep| if *was_there { "found" } else { done_word(step.action, step.adopts) };
                let mut done = "";
                self.with_step(*kind, name, |_, step| done = word(step));
                self.ended(*kind, name, StepState::Done(done));
            }
            StackEvent::Unproven { name, said } => self.progress.status(format!(
                "note: not proven that the function {name} can be invoked: {said}; `sensorctl up --verify` sends a reading"
            )),
            StackEvent::Failed { kind, name } => self.ended(*kind, name, StepState::Failed),
        }
    }
}

/// A run that was interrupted or failed leaves the list of what it did.
impl Drop for StackProgress {
    fn drop(&mut self) {
        self.list().is_broken = true;
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;
    use crate::stack::{Difference, Observed, Step};

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

    #[test]
    fn step_off_a_terminal_is_one_line_when_it_ends() {
        let (output, captured) = Output::captured(Format::Auto, false, 0);
        let progress = StackProgress::new(&output);
        let (kind, name) = (Kind::Table, "T".to_owned());
        progress.on(&StackEvent::Started { kind, name: name.clone(), action: Action::Create });
        assert_eq!(captured.texts().1, "");
        progress.on(&StackEvent::Finished { kind, name, was_there: false });
        drop(progress);
        let said = captured.texts().1;
        assert!(said.starts_with("  created  ") && said.ends_with(" ms  table          T\n"), "{said:?}");
        assert_eq!(said.lines().count(), 1, "{said:?}");
    }

    fn step(kind: Kind, name: &str, action: Action, differences: Vec<Difference>) -> Step {
        Step {
            kind,
            name: name.to_owned(),
            action,
            reason: "does not exist".to_owned(),
            differences,
            found: Observed::missing(),
            adopts: false,
            newer_code: None,
            kept_for: None,
        }
    }

    fn plan() -> Plan {
        let mode = Difference {
            property: "mode",
            desired: "on-demand".into(),
            found: "provisioned".into(),
            replaces: false,
            loses_data: false,
        };
        let steps = vec![
            step(Kind::Table, "T", Action::Create, Vec::new()),
            step(Kind::Stream, "S", Action::Update, vec![mode]),
            step(Kind::Role, "R", Action::None, Vec::new()),
            step(Kind::Function, "F", Action::Create, Vec::new()),
        ];
        Plan { steps, is_teardown: false, waits: true, mapping_first: false }
    }

    /// The lines on a terminal after these events, without the times.
    fn lines_on_terminal(events: impl FnOnce(&StackProgress)) -> Vec<String> {
        let (output, captured) = Output::captured(Format::Auto, false, 0);
        let output = Output { stderr_is_terminal: true, ..output };
        let progress = StackProgress::new(&output);
        progress.begin(&plan(), false);
        events(&progress);
        drop(progress);
        let without_time =
            |line: &str| line.split_whitespace().filter(|word| !is_time(word)).collect::<Vec<_>>().join(" ");
        captured.texts().1.lines().map(without_time).collect()
    }

    fn is_time(word: &str) -> bool {
        word == "ms" || word.parse::<f64>().is_ok()
    }

    fn started(progress: &StackProgress, kind: Kind, name: &str) {
        progress.on(&StackEvent::Started { kind, name: name.into(), action: Action::Create });
    }

    fn finished(progress: &StackProgress, kind: Kind, name: &str) {
        progress.on(&StackEvent::Finished { kind, name: name.into(), was_there: false });
    }

    #[tokio::test]
    async fn list_on_a_terminal_stays_once_in_the_order_of_the_plan() {
        let lines = lines_on_terminal(|progress| {
            for (kind, name) in [(Kind::Function, "F"), (Kind::Stream, "S"), (Kind::Table, "T")] {
                started(progress, kind, name);
                finished(progress, kind, name);
            }
            progress.end();
        });
        assert_eq!(
            lines,
            ["✓ created table T", "✓ updated stream S", "mode: provisioned → on-demand", "✓ created function F"]
        );
    }

    #[tokio::test]
    async fn list_of_a_run_that_failed_says_what_was_done_and_what_was_not_begun() {
        let lines = lines_on_terminal(|progress| {
            started(progress, Kind::Table, "T");
            finished(progress, Kind::Table, "T");
            started(progress, Kind::Stream, "S");
            progress.on(&StackEvent::Failed { kind: Kind::Stream, name: "S".into() });
        });
        assert_eq!(lines, ["✓ created table T", "✗ failed stream S", "· not begun function F"]);
    }
}
