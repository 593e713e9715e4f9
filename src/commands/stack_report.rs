//! What `up`, `plan` and `down` report.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::consent::effect;
use super::stack_context::StackContext;
use crate::output::{Output, Report, cell, new_table, units};
use crate::stack::{Action, Difference, Kind, Observed, Orphans, Plan, Resource, Step, StepOutcome};

/// Why a resource that was to be created was not.
const FOUND: &str = "there by then: another run created it, or the answer to the call was lost";

/// What was or would be done.
#[derive(Debug, Serialize)]
pub struct StackReport {
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    leftovers: Vec<ResourceRef>,
    /// After `up --verify`: how long a marker took from the stream to the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_after_ms: Option<u64>,
    /// After `down --drain`: what showed that the stream was consumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drained: Option<Drained>,
    /// After `down`: what is still there of what should be gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<Vec<ResourceRef>>,
}

impl StackReport {
    /// Of a plan that was carried out.
    #[must_use]
    pub fn of_done(deployment: &StackContext, plan: &Plan, done: &[StepOutcome]) -> Self {
        let by_others = done.iter().filter(|done| done.was_there).count();
        let report = Self::new(deployment, plan, done);
        StackReport { changed: report.changed - by_others, ..report }
    }

    /// Of a plan that is only shown.
    #[must_use]
    pub fn of_plan(deployment: &StackContext, plan: &Plan) -> Self {
        StackReport { would_change: Some(plan.changes()), ..Self::new(deployment, plan, &[]) }
    }

    fn new(deployment: &StackContext, plan: &Plan, done: &[StepOutcome]) -> Self {
        let StackContext { session, account, leftovers, .. } = deployment;
        let steps = plan.steps.iter().enumerate();
        StackReport {
            account: account.clone(),
            region: session.owner.region.clone(),
            stage: session.owner.stage.clone(),
            changed: plan.changes(),
            would_change: None,
            resources: steps.map(|(index, step)| StepReport::new(step, done.get(index))).collect(),
            leftovers: if deletes_orphans(deployment, plan) {
                Vec::new()
            } else {
                ResourceRef::with_orphans(leftovers)
            },
            verified_after_ms: None,
            drained: None,
            remaining: None,
        }
    }
}

/// Whether the things under other names are among the plan's resources, as for `down --leftovers`.
fn deletes_orphans(deployment: &StackContext, plan: &Plan) -> bool {
    plan.steps.len() > deployment.stack.resources().len()
}

/// What showed that a stream was consumed.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Drained {
    /// Open shards.
    pub shards: usize,
    /// Markers that were stored, all of what was put before them having been consumed.
    pub markers: usize,
    /// How long that took.
    pub seconds: f64,
}

/// Something that is there.
#[derive(Clone, Debug, Serialize)]
pub struct ResourceRef {
    /// Which.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: Option<String>,
}

impl ResourceRef {
    /// What is left over under other names.
    #[must_use]
    pub fn with_orphans(leftovers: &Orphans) -> Vec<Self> {
        let thing = |(resource, found): &(Box<dyn Resource>, Observed)| ResourceRef {
            kind: resource.kind(),
            name: resource.name().to_owned(),
            arn: found.arn.clone(),
        };
        leftovers.resources.iter().map(thing).collect()
    }
}

/// Says what is there besides and loses readings.
pub fn print_warnings(output: &Output, plan: &Plan) {
    for danger in plan.steps.iter().flat_map(|step| &step.found.warnings) {
        output.status(format!("  danger   {danger}"));
    }
}

/// Says what is left over under other names, and under `-v` what could not be looked through.
pub fn print_orphans(output: &Output, leftovers: &Orphans) {
    for ResourceRef { kind, name, .. } in ResourceRef::with_orphans(leftovers) {
        output.status(format!(
            "  left     {kind:<14} {name}  (of this stage, though the settings name another; `sensorctl down --leftovers` deletes it)"
        ));
    }
    if let Some((why, asked_for)) = &leftovers.one_by_one {
        output.detail(format!("  the tags of {asked_for} things were asked for one by one: {why}"));
        if *asked_for > 0 {
            output.note(format!(
                "orphans were looked for one by one, {asked_for} things, because tag:GetResources could not be asked (`-v` \
                 tells why)"
            ));
        }
    }
    for (kind, why) in &leftovers.incomplete {
        output.detail(format!("  things of kind {kind} that the settings do not name were not looked for: {why}"));
    }
}

/// One resource of a [`StackReport`].
#[derive(Debug, Serialize)]
pub struct StepReport {
    kind: Kind,
    name: String,
    arn: Option<String>,
    action: Action,
    reason: String,
    seconds: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
    /// What is there besides and loses readings.
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
    /// Whether it takes away what guards data, but no data.
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

impl StepReport {
    /// The reason, or the settings that differ; of what is made anew both.
    fn why(&self) -> String {
        if self.changes.is_empty() {
            return self.reason.clone();
        }
        let change = |Change { difference, removes_protection }: &Change| {
            let (found, wanted) = shortened(&difference.found, &difference.desired);
            if self.action == Action::Keep {
                return format!("{}: {found} instead of {wanted}", difference.property);
            }
            let is_losing = difference.loses_data || *removes_protection;
            let how = if is_losing { format!(" ({})", effect(difference)) } else { String::new() };
            format!("{}: {found} → {wanted}{how}", difference.property)
        };
        let reason = matches!(self.action, Action::Replace | Action::Keep).then(|| self.reason.clone());
        reason.into_iter().chain(self.changes.iter().map(change)).collect::<Vec<_>>().join("; ")
    }
}

/// Two values that differ, for a line of text. Of documents and lists of variables the place of the first difference is
/// shown; the JSON report has them whole.
#[must_use]
pub fn shortened(found: &Value, wanted: &Value) -> (String, String) {
    const MOST: usize = 60;
    /// What stands before the difference and says where it is.
    const BEFORE: usize = 20;
    let texts = [found, wanted].map(|value| value.to_string().chars().collect::<Vec<_>>());
    let same = texts[0].iter().zip(&texts[1]).take_while(|(a, b)| a == b).count();
    let [found, wanted] = texts.map(|text| {
        let begin = if text.len() <= MOST { 0 } else { same.saturating_sub(BEFORE) };
        let end = text.len().min(begin + MOST);
        let (before, after) = (if begin > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
        format!("{before}{}{after}", text[begin..end].iter().collect::<String>())
    });
    (found, wanted)
}

impl Report for StackReport {
    fn table(&self) -> String {
        // What was done took its time; what is planned has its reason. The one was said before the other was begun.
        let done = self.resources.iter().any(|resource| resource.seconds > 0.0);
        let mut table = new_table(&["resource", "name", "action", if done { "time" } else { "why" }]);
        for resource in &self.resources {
            let last = match done {
                true if resource.seconds > 0.0 => units::duration(Duration::from_secs_f64(resource.seconds)),
                true => String::new(),
                false => resource.why(),
            };
            table.add_row([
                cell(resource.kind.as_str()),
                cell(&resource.name),
                cell(resource.action.as_str()),
                cell(&last),
            ]);
        }
        table.trim_fmt()
    }
}

/// The steps of a plan that change something, a line each, with the settings that differ below.
#[must_use]
pub fn describe(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for step in &plan.steps {
        if matches!(step.action, Action::None) {
            continue;
        }
        let (action, kind, name) = (step.action.as_str(), step.kind, &step.name);
        lines.push(format!("  {action:<8} {kind:<14} {name}  ({})", step.reason));
        for difference in &step.differences {
            let Difference { property, desired: wanted, found, .. } = difference;
            let (found, wanted) = shortened(found, wanted);
            if step.action == Action::Keep {
                lines.push(format!("           {property}: {found} instead of {wanted}"));
                continue;
            }
            let how = match difference {
                Difference { replaces: true, .. } => "  takes a new one".to_owned(),
                Difference { loses_data: true, .. } => format!("  {}", effect(difference)),
                _ => String::new(),
            };
            lines.push(format!("           {property}: {found} → {wanted}{how}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_made_anew_says_why_and_what_differs_in_one_line() {
        let difference = |property| Difference {
            property,
            desired: json!(2),
            found: json!(1),
            replaces: false,
            loses_data: property == "b",
        };
        let step = |action| StepReport {
            kind: Kind::Function,
            name: "f".into(),
            arn: None,
            action,
            reason: "the role that it goes with is made anew".into(),
            seconds: 0.0,
            changes: vec![Change::of(&difference("a")), Change::of(&difference("b"))],
            dangers: Vec::new(),
        };
        assert_eq!(step(Action::Update).why(), "a: 1 → 2; b: 1 → 2 (loses data)");
        assert!(step(Action::Replace).why().starts_with("the role that it goes with is made anew; a: 1 → 2; b"));
    }

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
        assert_eq!(effect(&difference), "loses data protection");
    }

    #[test]
    fn two_documents_are_shown_where_they_differ() {
        assert_eq!(shortened(&json!(256), &json!(512)), ("256".into(), "512".into()));
        let document = |table: &str| json!({"a": "x".repeat(200), "table": table, "z": "y".repeat(200)});
        let (found, wanted) = shortened(&document("SensorData"), &document("Other"));
        assert!(found.contains("\"SensorData\"") && wanted.contains("\"Other\""), "{found} {wanted}");
        assert!(found.starts_with('…') && found.ends_with('…') && found.chars().count() <= 62, "{found}");
        let (found, wanted) = shortened(&json!("é".repeat(100)), &json!("é".repeat(99)));
        assert_ne!(found, wanted);
    }
}
