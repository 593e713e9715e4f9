//! What `up`, `plan` and `down` report.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::deployment::Deployment;
use crate::output::{Output, Report, cell, new_table, units};
use crate::stack::{Action, Difference, Done, Found, Kind, Leftovers, Plan, Resource, Step};

/// What was or would be done.
#[derive(Debug, Serialize)]
pub struct StackReport {
    account: String,
    region: String,
    stage: String,
    /// How many resources were or would be changed.
    pub changed: usize,
    /// One entry a resource.
    pub resources: Vec<StepReport>,
    /// Things of this stage under names that the settings do not have any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    leftovers: Vec<Thing>,
    /// After `up --verify`: how long a marker took from the stream to the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_after_ms: Option<u64>,
    /// After `down --drain`: what showed that the stream was consumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drained: Option<Drained>,
    /// After `down`: what is still there of what should be gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<Vec<Thing>>,
}

impl StackReport {
    /// Of a plan, carried out or not.
    #[must_use]
    pub fn new(deployment: &Deployment, plan: &Plan, done: &[Done]) -> Self {
        let Deployment { cloud, account, leftovers, .. } = deployment;
        let steps = plan.steps.iter().enumerate();
        StackReport {
            account: account.clone(),
            region: cloud.owner.region.clone(),
            stage: cloud.owner.stage.clone(),
            changed: plan.changes(),
            resources: steps.map(|(index, step)| StepReport::new(step, done.get(index))).collect(),
            leftovers: if takes_leftovers(deployment, plan) { Vec::new() } else { Thing::left_over(leftovers) },
            verified_after_ms: None,
            drained: None,
            remaining: None,
        }
    }
}

/// Whether the things under other names are among the plan's resources, as for `down --leftovers`.
fn takes_leftovers(deployment: &Deployment, plan: &Plan) -> bool {
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
pub struct Thing {
    /// Which.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: Option<String>,
}

impl Thing {
    /// What is left over under other names.
    #[must_use]
    pub fn left_over(leftovers: &Leftovers) -> Vec<Self> {
        let thing = |(resource, found): &(Box<dyn Resource>, Found)| Thing {
            kind: resource.kind(),
            name: resource.name().to_owned(),
            arn: found.arn.clone(),
        };
        leftovers.things.iter().map(thing).collect()
    }
}

/// Says what is there besides and loses readings.
pub fn tell_dangers(output: &Output, plan: &Plan) {
    for danger in plan.steps.iter().flat_map(|step| &step.found.dangers) {
        output.status(format!("  danger   {danger}"));
    }
}

/// Says what is left over under other names, and under `-v` what could not be looked through.
pub fn tell_leftovers(output: &Output, leftovers: &Leftovers) {
    for Thing { kind, name, .. } in Thing::left_over(leftovers) {
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
    for (kind, why) in &leftovers.unseen {
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
    changes: Vec<Difference>,
    /// What is there besides and loses readings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dangers: Vec<String>,
}

impl StepReport {
    fn new(step: &Step, done: Option<&Done>) -> Self {
        StepReport {
            kind: step.kind,
            name: step.name.clone(),
            arn: done.and_then(|done| done.arn.clone()).or_else(|| step.found.arn.clone()),
            action: step.action,
            reason: step.reason.clone(),
            seconds: done.map_or(0.0, |done| (done.took.as_secs_f64() * 1000.0).round() / 1000.0),
            changes: step.differences.clone(),
            dangers: step.found.dangers.clone(),
        }
    }
}

impl StepReport {
    /// The reason, or the settings that differ; of what is made anew both.
    fn why(&self) -> String {
        if self.changes.is_empty() {
            return self.reason.clone();
        }
        let change = |change: &Difference| {
            let (found, wanted) = shortened(&change.found, &change.wanted);
            let how = if change.loses_data { " (loses data)" } else { "" };
            format!("{}: {found} → {wanted}{how}", change.property)
        };
        let reason = (self.action == Action::Replace).then(|| self.reason.clone());
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
            let Difference { property, wanted, found, .. } = difference;
            let how = match difference {
                Difference { replaces: true, .. } => "  takes a new one",
                Difference { loses_data: true, .. } => "  loses data",
                _ => "",
            };
            let (found, wanted) = shortened(found, wanted);
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
            wanted: json!(2),
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
            changes: vec![difference("a"), difference("b")],
            dangers: Vec::new(),
        };
        assert_eq!(step(Action::Update).why(), "a: 1 → 2; b: 1 → 2 (loses data)");
        assert!(step(Action::Replace).why().starts_with("the role that it goes with is made anew; a: 1 → 2; b"));
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
