//! What `up`, `plan`, `status`, `down` and `demo` share: the wanted stack, the cloud it is in, and what is reported.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::aws::Clients;
use crate::aws::wait::Schedule;
use crate::context::Context;
use crate::error::Error;
use crate::output::{Report, cell, new_table, units};
use crate::settings::{self, Setting};
use crate::stack::{
    Action, Architecture, Artifact, Cloud, DEFAULT_STAGE, Destination, Difference, Done, Event, Found, Kind, Observer,
    Owner, Plan, References, Stack, Step,
};

/// AWS support has said up to 15 minutes of a role's propagation (facts/pains.md 2).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// An observer for work that nobody watches.
pub struct NoProgress;

impl Observer for NoProgress {
    fn on(&self, _: &Event) {}
}

/// Under `-v`: every setting, and where its value came from. Said before any call, so also where none succeeds.
pub fn tell_settings(context: &Context) {
    for Setting { key, value, origin } in &context.settings.origins {
        context.output.detail(format!("  {:<44} {origin}", format!("{key} = {value}")));
    }
}

/// A stack, seen in its cloud.
pub struct Deployment {
    /// The services.
    pub cloud: Cloud,
    /// What is wanted.
    pub stack: Stack,
    /// The ARNs known so far.
    pub references: References,
    /// The account that it is in.
    pub account: String,
    /// What was found.
    pub found: Vec<Found>,
}

impl Deployment {
    /// Connects, and looks at everything at once.
    ///
    /// # Errors
    /// When there is no cloud to talk to, or a look failed.
    pub async fn observe(context: &Context, timeout: Duration, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        let clients = context.clients().await?;
        let settings = &context.settings;
        let owner = Owner {
            stage: settings.stage.clone().unwrap_or_else(|| DEFAULT_STAGE.to_owned()),
            region: clients.region.clone(),
        };
        let cloud = Cloud { clients: clients.clone(), owner, schedule: schedule(clients, timeout), observer };
        let function = &settings.pipeline.function;
        let artifact = artifact(function, clients.is_nearby())?;
        let stack = Stack::new(&settings.pipeline, artifact);
        let references = References::default();
        let account = async { clients.account().await.map(str::to_owned) };
        let (account, found) = match futures::try_join!(account, stack.observe(&cloud, &references)) {
            Ok(both) => both,
            // The look may have failed before the account was known.
            Err(failure) => return Err(clients.located(failure).await.into()),
        };
        Ok(Deployment { cloud, stack, references, account, found })
    }

    /// The report of a plan, carried out or not.
    #[must_use]
    pub fn report(&self, plan: &Plan, done: &BTreeMap<Kind, Done>) -> StackReport {
        StackReport {
            account: self.account.clone(),
            region: self.cloud.owner.region.clone(),
            stage: self.cloud.owner.stage.clone(),
            changed: plan.changes(),
            resources: plan.steps.iter().map(|step| StepReport::new(step, done.get(&step.kind))).collect(),
            remaining: None,
        }
    }
}

/// The function that was asked for: on AWS for x86_64 wherever this runs, nearby for this machine.
fn artifact(function: &settings::Function, is_nearby: bool) -> Result<Artifact, Error> {
    let asked = function.architecture.and_then(Architecture::named);
    let usual = if is_nearby { Architecture::of_this_machine() } else { None }.unwrap_or(Architecture::X86_64);
    let artifact = match &function.zip {
        Some(path) => Artifact::read(path)?,
        None => Artifact::bundled(asked.unwrap_or(usual))?,
    };
    let architecture = asked.unwrap_or(artifact.architecture());
    // What runs on this machine needs no check against the runtime of AWS, unless it is not what was asked for.
    let is_local = is_nearby && architecture == artifact.architecture();
    artifact.check_for(if is_local { Destination::Local } else { Destination::Aws(architecture) })?;
    Ok(artifact)
}

fn schedule(clients: &Clients, timeout: Duration) -> Schedule {
    if clients.is_nearby() { Schedule::nearby(timeout) } else { Schedule::within(timeout) }
}

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
    /// After `down`: what is still there of what should be gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<Vec<Remaining>>,
}

/// Something that should be gone.
#[derive(Debug, Serialize)]
pub struct Remaining {
    /// Which.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: Option<String>,
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
        }
    }
}

impl StepReport {
    /// The reason, or the settings that differ, a line each.
    fn why(&self) -> String {
        if self.changes.is_empty() {
            return self.reason.clone();
        }
        let change = |change: &Difference| {
            let (found, wanted) = shortened(&change.found, &change.wanted);
            format!("{}: {found} → {wanted}", change.property)
        };
        self.changes.iter().map(change).collect::<Vec<_>>().join("\n")
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
            let Difference { property, wanted, found, replaces } = difference;
            let how = if *replaces { "  takes a new one" } else { "" };
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
