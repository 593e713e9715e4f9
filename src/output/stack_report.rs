//! Reports of `up`, `plan` and `down`.

use serde::Serialize;

use super::{Mark, Output, Report, Warning, done_word, plan_lines, resource_line, units};
use crate::stack::{Action, Difference, Kind, Observed, Orphans, Plan, Resource, Step, StepOutcome};

/// Why a resource that was to be created was not.
const FOUND: &str = "there by then: another run created it, or the answer to the call was lost";

/// The pipeline that a report is about.
#[derive(Debug)]
pub(crate) struct ReportScope {
    /// Its account.
    pub account: String,
    /// Its region.
    pub region: String,
    /// Its stage.
    pub stage: String,
    /// The orphans that stay.
    pub orphans: Vec<ResourceRef>,
}

/// The changes that were or would be made.
#[derive(Debug, Serialize)]
pub(crate) struct StackReport {
    account: String,
    region: String,
    stage: String,
    /// How many resources this run changed; of `plan`, how many `up` would change.
    pub changed: usize,
    /// The same of `plan`, under the name that says that nothing was changed yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_change: Option<usize>,
    /// One entry a resource.
    pub resources: Vec<StepReport>,
    /// Things of this stage under names that the settings do not have any more.
    #[serde(rename = "leftovers", skip_serializing_if = "Vec::is_empty")]
    orphans: Vec<ResourceRef>,
    /// After `up --verify`: time of a canary from the stream to the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_after_ms: Option<u64>,
    /// After `down --drain`: what showed that the stream was consumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drained: Option<Drained>,
    /// After `down`: what is still there of what should be gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<Vec<ResourceRef>>,
    /// The same for a person.
    #[serde(skip)]
    lines: Vec<String>,
}

impl StackReport {
    /// Of a plan that was carried out.
    #[must_use]
    pub(crate) fn of_done(scope: ReportScope, plan: &Plan, done: &[StepOutcome]) -> Self {
        let by_others = done.iter().filter(|done| done.was_there).count();
        let report = Self::new(scope, plan, done);
        StackReport { changed: report.changed - by_others, lines: done_lines(plan, done), ..report }
    }

    /// Of a plan that is only shown.
    #[must_use]
    pub(crate) fn of_plan(scope: ReportScope, plan: &Plan) -> Self {
        let lines = plan_lines(plan, true);
        StackReport { would_change: Some(plan.changes()), lines, ..Self::new(scope, plan, &[]) }
    }

    fn new(scope: ReportScope, plan: &Plan, done: &[StepOutcome]) -> Self {
        let ReportScope { account, region, stage, orphans } = scope;
        let steps = plan.steps.iter().enumerate();
        StackReport {
            account,
            region,
            stage,
            changed: plan.changes(),
            would_change: None,
            resources: steps.map(|(index, step)| StepReport::new(step, done.get(index))).collect(),
            orphans,
            verified_after_ms: None,
            drained: None,
            remaining: None,
            lines: Vec::new(),
        }
    }
}

/// The evidence that a stream was consumed.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Drained {
    /// Open shards.
    pub shards: usize,
    /// Canaries that were stored: everything put before them was consumed.
    pub markers: usize,
    /// How long that took.
    pub seconds: f64,
}

/// Something that is there.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ResourceRef {
    /// Which.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: Option<String>,
}

impl ResourceRef {
    /// Returns the orphans.
    #[must_use]
    pub(crate) fn of_orphans(orphans: &Orphans) -> Vec<Self> {
        let thing = |(resource, found): &(Box<dyn Resource>, Observed)| ResourceRef {
            kind: resource.kind(),
            name: resource.name().to_owned(),
            arn: found.arn.clone(),
        };
        orphans.resources.iter().map(thing).collect()
    }
}

/// Warns of what is there besides and loses readings.
pub(crate) fn print_warnings(output: &Output, plan: &Plan) {
    for warning in plan.steps.iter().flat_map(|step| &step.found.warnings) {
        output.warn(&Warning::LosesReadings { what: warning.clone() });
    }
}

/// Names the orphans of the stage, and under `-v` what could not be looked through.
pub(crate) fn print_orphans(output: &Output, orphans: &Orphans) {
    let resources = ResourceRef::of_orphans(orphans);
    for ResourceRef { kind, name, .. } in &resources {
        output.status(resource_line(Mark::Update, "orphan", None, *kind, name));
    }
    if !resources.is_empty() {
        output.hint("orphans are no longer in the settings; `sensorctl down --orphans` deletes them with the pipeline");
    }
    if let Some((why, asked_for)) = &orphans.one_by_one {
        output.detail(format!("  asked for the tags of {asked_for} resources one by one: {why}"));
        if *asked_for > 0 {
            let resources = if *asked_for == 1 { "resource" } else { "resources" };
            output.note(format!(
                "looked for orphans one by one, at {asked_for} {resources}, because tag:GetResources could not be asked \
                 (`-v` tells why)"
            ));
        }
    }
    for (kind, why) in &orphans.incomplete {
        output.detail(format!("  orphans of kind {kind} were not looked for, or not all: {why}"));
    }
    if !orphans.incomplete.is_empty() {
        let kinds: Vec<_> = orphans.incomplete.iter().map(|(kind, _)| kind.to_string()).collect();
        output.note(format!("orphans of kind {} were not looked for, or not all (`-v` tells why)", kinds.join(", ")));
    }
}

/// One resource of a [`StackReport`].
#[derive(Debug, Serialize)]
pub(crate) struct StepReport {
    kind: Kind,
    name: String,
    arn: Option<String>,
    action: Action,
    reason: String,
    seconds: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
    /// Unmanaged things beside the resource that lose readings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dangers: Vec<String>,
}

impl StepReport {
    fn new(step: &Step, done: Option<&StepOutcome>) -> Self {
        let was_there = done.is_some_and(|done| done.was_there);
        StepReport {
            kind: step.kind,
            name: step.name.clone(),
            arn: done.and_then(|done| done.arn.clone()).or_else(|| step.found.arn.clone()),
            action: if was_there { Action::None } else { step.action },
            reason: if was_there { FOUND.to_owned() } else { step.reason.clone() },
            seconds: done.map_or(0.0, |done| (done.took.as_secs_f64() * 1000.0).round() / 1000.0),
            changes: step.differences.iter().map(Change::of).collect(),
            dangers: step.found.warnings.clone(),
        }
    }
}

/// A setting that is not as wanted, as `up`, `plan` and `down` report it.
#[derive(Debug, Serialize)]
struct Change {
    #[serde(flatten)]
    difference: Difference,
    /// True if the change removes a protection of the data, but no data.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    removes_protection: bool,
}

impl Change {
    fn of(difference: &Difference) -> Self {
        let removes_protection = difference.loses_data && difference.property == "deletion_protection";
        let loses_data = difference.loses_data && !removes_protection;
        Change { difference: Difference { loses_data, ..difference.clone() }, removes_protection }
    }
}

impl Report for StackReport {
    fn table(&self) -> String {
        self.lines.join("\n")
    }
}

/// Returns a line for each step that was carried out.
fn done_lines(plan: &Plan, done: &[StepOutcome]) -> Vec<String> {
    let line = |(step, outcome): (&Step, &StepOutcome)| {
        let changes = !matches!(step.action, Action::None | Action::Keep);
        let took = if changes { units::duration(outcome.took) } else { String::new() };
        let (mark, word) = match step.action {
            _ if outcome.was_there => (Mark::Done, "found"),
            action => (if changes { Mark::Done } else { Mark::Keep }, done_word(action, step.adopts)),
        };
        resource_line(mark, word, Some(&took), step.kind, &step.name)
    };
    plan.steps.iter().zip(done).map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn change_that_removes_protection_does_not_claim_to_lose_data() {
        let difference = Difference {
            property: "deletion_protection",
            desired: json!(false),
            found: json!(true),
            replaces: false,
            loses_data: true,
        };
        let change = serde_json::to_value(Change::of(&difference)).unwrap();
        assert_eq!((&change["removes_protection"], change.get("loses_data")), (&json!(true), None), "{change}");
    }
}
