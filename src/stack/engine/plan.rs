//! A plan as data. It is built by pure functions and shown before it is applied, and it leaves no decision to `apply`.

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

pub(crate) use self::down::TeardownOptions;

/// The action for one resource, and its reason.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Kind of the resource.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The action.
    pub action: Action,
    /// The reason, for a person.
    pub reason: String,
    /// The properties that differ.
    pub differences: Vec<Difference>,
    /// The observed state.
    pub found: Observed,
    /// True if an unmanaged resource is adopted.
    pub adopts: bool,
    /// The version of the newer sensorctl whose code this step would replace.
    pub newer_code: Option<String>,
    /// The adopted resource that is kept and depends on this one, which is kept for it.
    pub kept_for: Option<Kind>,
}

/// Steps for all resources, in display order.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// One step for each resource.
    pub steps: Vec<Step>,
    /// True if the plan deletes the pipeline.
    pub is_teardown: bool,
    /// True to wait until everything is ready, false to wait only until everything is requested.
    pub waits: bool,
    /// True if the mapping is updated before the function: without `ReportBatchItemFailures` it takes any response for
    /// success, and the function of the pipeline sends partial batch responses.
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

    /// Returns whether this step invalidates resources of `kind` that are bound to the old instance.
    fn invalidates(&self, kind: Kind) -> bool {
        // A role is replaced for another path, which gives it another ARN: an update of the function's role is enough.
        let is_made = self.action == Action::Create || (self.action == Action::Replace && self.kind != Kind::Role);
        is_made && kind.bound_to().contains(&self.kind)
    }

    /// Returns the part of the reason beyond the action and the differences, which are shown separately.
    #[must_use]
    pub(crate) fn remark(&self) -> Option<String> {
        let is_said =
            |part: &&str| [NOT_THERE, UP_TO_DATE, CREATED_BY_US].contains(part) || part.starts_with(DIFFERS_IN);
        let parts: Vec<_> = self.reason.split("; ").filter(|part| !is_said(part)).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Returns whether the step deletes the resource, permanently or to recreate it.
    #[must_use]
    pub(crate) fn destroys(&self) -> bool {
        matches!(self.action, Action::Delete | Action::Replace)
    }
}

impl Plan {
    /// Replaces `${kind}` by the expected ARNs in the differences. `apply` compares again with the ARNs that the
    /// services return.
    pub(crate) fn name_arns(&mut self, arns: &BTreeMap<Kind, String>) {
        for difference in self.steps.iter_mut().flat_map(|step| &mut step.differences) {
            difference.desired = with_arns(&difference.desired, arns);
        }
    }

    /// Returns the number of changed resources.
    #[must_use]
    pub(crate) fn changes(&self) -> usize {
        self.steps.iter().filter(|step| !matches!(step.action, Action::None | Action::Keep)).count()
    }

    /// Returns whether dependent steps wait until this kind is ready, and not only requested.
    #[must_use]
    pub(crate) fn is_needed_ready(&self, kind: Kind) -> bool {
        kind.is_needed_ready() || (self.mapping_first && kind == Kind::Mapping)
    }

    /// Returns whether the deletion of a step's resource must begin before anything is created: if the run is killed in
    /// between, the next one would not know that the resource belongs to the old one.
    #[must_use]
    pub(crate) fn delete_before_create(&self, step: &Step) -> bool {
        step.action == Action::Replace && self.steps.iter().any(|other| other.invalidates(step.kind))
    }

    /// Returns whether the plan deletes or replaces a resource.
    #[must_use]
    pub(crate) fn destroys(&self) -> bool {
        self.steps.iter().any(Step::destroys)
    }

    /// Returns the properties whose update loses data or removes its protection.
    pub(crate) fn data_loss_changes(&self) -> impl Iterator<Item = (&Step, &Difference)> {
        self.steps.iter().filter(|step| step.action == Action::Update).flat_map(|step| {
            let losing = step.differences.iter().filter(|difference| difference.loses_data);
            losing.map(move |difference| (step, difference))
        })
    }

    /// Returns the version of the newer sensorctl whose code the plan would replace, if any.
    #[must_use]
    pub(crate) fn newer_code(&self) -> Option<&str> {
        self.steps.iter().find_map(|step| step.newer_code.as_deref())
    }

    /// Returns the kinds whose steps must be done before the step on this kind begins.
    #[must_use]
    pub(crate) fn waits_for(&self, kind: Kind) -> &'static [Kind] {
        match (self.is_teardown, self.waits) {
            // Its role must permit the mapping to read before either is updated.
            _ if self.mapping_first && kind == Kind::Mapping => &[Kind::Role, Kind::Stream],
            _ if self.mapping_first && kind == Kind::Function => &[Kind::Role, Kind::LogGroup, Kind::Mapping],
            (true, _) => kind.delete_dependencies(),
            (false, true) => kind.create_dependencies(),
            (false, false) => kind.request_dependencies(),
        }
    }
}

/// Returns the value with ARNs in place of `${kind}`.
#[must_use]
pub(crate) fn with_arns(value: &Value, arns: &BTreeMap<Kind, String>) -> Value {
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

/// The reason to keep a resource that the settings declare as existing.
const EXISTING: &str = "existing: used, never changed";
/// The reason to create a resource.
const NOT_THERE: &str = "does not exist";
/// The reason for no action.
const UP_TO_DATE: &str = "up to date";
/// The reason to delete a resource.
const CREATED_BY_US: &str = "created by sensorctl";
/// The beginning of the list of differences.
const DIFFERS_IN: &str = "differs in ";
