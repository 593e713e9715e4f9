//! What is to be done, as data: pure, shown before it is carried out, and leaving no choice to those who do.

mod down;
#[cfg(test)]
mod tests;
mod up;

use std::collections::BTreeMap;

use serde_json::Value;

use super::action::Action;
use super::difference::Difference;
use super::observed::Observed;
use crate::stack::Kind;

pub use self::down::TeardownOptions;

/// What is to be done with one resource, and why.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which resource.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What to do.
    pub action: Action,
    /// Why, for a person.
    pub reason: String,
    /// The settings that differ.
    pub differences: Vec<Difference>,
    /// What was found.
    pub found: Observed,
    /// Whether it is taken over from someone else.
    pub adopts: bool,
    /// The version of the newer sensorctl whose code would be replaced by this one's.
    pub newer_code: Option<String>,
    /// The adopted resource that stays and depends on this one, which is kept for it.
    pub kept_for: Option<Kind>,
}

/// Steps for all resources, in the order in which they are shown.
#[derive(Clone, Debug)]
pub struct Plan {
    /// One step for each resource.
    pub steps: Vec<Step>,
    /// Whether it takes the pipeline down.
    pub is_teardown: bool,
    /// Whether to wait until everything works, or only until all is asked for.
    pub waits: bool,
    /// Whether the mapping is changed before the function: without `ReportBatchItemFailures` it takes any answer for
    /// success, and the function of the pipeline answers which records failed.
    pub mapping_first: bool,
}

impl Step {
    fn new(kind: Kind, name: &str, action: Action, reason: impl Into<String>, found: Observed) -> Self {
        Step {
            kind,
            name: name.to_owned(),
            action,
            reason: reason.into(),
            differences: Vec::new(),
            found,
            adopts: false,
            newer_code: None,
            kept_for: None,
        }
    }

    /// Whether it makes something that a resource of this kind stays bound to the first one of.
    fn invalidates(&self, kind: Kind) -> bool {
        // A role is replaced for another path, and has another ARN then: to be told of that is enough.
        let is_made = self.action == Action::Create || (self.action == Action::Replace && self.kind != Kind::Role);
        is_made && kind.bound_to().contains(&self.kind)
    }

    /// Returns what the reason says beyond the action and the settings that differ, which are shown on their own.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        let is_said =
            |part: &&str| [NOT_THERE, UP_TO_DATE, CREATED_BY_US].contains(part) || part.starts_with(DIFFERS_IN);
        let parts: Vec<_> = self.reason.split("; ").filter(|part| !is_said(part)).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Whether the resource goes away, for good or for a new one.
    #[must_use]
    pub fn destroys(&self) -> bool {
        matches!(self.action, Action::Delete | Action::Replace)
    }
}

impl Plan {
    /// Puts ARNs that are known beforehand in the place of `${kind}` in what is to change. The steps compare again with the
    /// ARNs that the services answer.
    pub fn name_arns(&mut self, arns: &BTreeMap<Kind, String>) {
        for difference in self.steps.iter_mut().flat_map(|step| &mut step.differences) {
            difference.desired = with_arns(&difference.desired, arns);
        }
    }

    /// How many resources will be changed.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.steps.iter().filter(|step| !matches!(step.action, Action::None | Action::Keep)).count()
    }

    /// Whether others wait for this kind to work, and not only to be asked for.
    #[must_use]
    pub fn is_needed_ready(&self, kind: Kind) -> bool {
        kind.is_needed_ready() || (self.mapping_first && kind == Kind::Mapping)
    }

    /// Whether a step's resource must be on its way out before anything is made: killed in between, the next run would
    /// not know that it is of the one before.
    #[must_use]
    pub fn delete_before_create(&self, step: &Step) -> bool {
        step.action == Action::Replace && self.steps.iter().any(|other| other.invalidates(step.kind))
    }

    /// Whether something is to be deleted or replaced.
    #[must_use]
    pub fn destroys(&self) -> bool {
        self.steps.iter().any(Step::destroys)
    }

    /// The settings whose change in place takes data away, or what guards it.
    pub fn data_loss_changes(&self) -> impl Iterator<Item = (&Step, &Difference)> {
        self.steps.iter().filter(|step| step.action == Action::Update).flat_map(|step| {
            let losing = step.differences.iter().filter(|difference| difference.loses_data);
            losing.map(move |difference| (step, difference))
        })
    }

    /// The newer sensorctl whose code would be replaced by this one's, if any.
    #[must_use]
    pub fn newer_code(&self) -> Option<&str> {
        self.steps.iter().find_map(|step| step.newer_code.as_deref())
    }

    /// What must be through before a step on this kind begins.
    #[must_use]
    pub fn waits_for(&self, kind: Kind) -> &'static [Kind] {
        match (self.is_teardown, self.waits) {
            // Its role must let the mapping read before either is changed.
            _ if self.mapping_first && kind == Kind::Mapping => &[Kind::Role, Kind::Stream],
            _ if self.mapping_first && kind == Kind::Function => &[Kind::Role, Kind::LogGroup, Kind::Mapping],
            (true, _) => kind.delete_dependencies(),
            (false, true) => kind.create_dependencies(),
            (false, false) => kind.request_dependencies(),
        }
    }
}

/// Returns the value with ARNs in the place of `${kind}`.
#[must_use]
pub fn with_arns(value: &Value, arns: &BTreeMap<Kind, String>) -> Value {
    match value {
        Value::String(text) => {
            let named = |text: String, (kind, arn): (&Kind, &String)| text.replace(&format!("${{{kind}}}"), arn);
            Value::from(arns.iter().fold(text.clone(), named))
        }
        Value::Array(items) => items.iter().map(|item| with_arns(item, arns)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), with_arns(member, arns)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Why a resource that the settings only point at is kept.
const EXISTING: &str = "existing: used, never changed";
/// Why a resource is created.
const NOT_THERE: &str = "does not exist";
/// Why nothing is done.
const UP_TO_DATE: &str = "up to date";
/// Why a resource is deleted.
const CREATED_BY_US: &str = "created by sensorctl";
/// How the list of settings that differ begins.
const DIFFERS_IN: &str = "differs in ";
