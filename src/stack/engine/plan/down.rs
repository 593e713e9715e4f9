//! Plans the deletion of managed resources.

use std::collections::BTreeMap;

use super::{CREATED_BY_US, EXISTING, NOT_THERE, Plan, Step};
use crate::stack::engine::action::Action;
use crate::stack::engine::observed::Observed;
use crate::stack::engine::resource::Resource;
use crate::stack::{Kind, Owner, Ownership};

/// Options of `down`.
#[derive(Clone, Debug, Default)]
pub(crate) struct TeardownOptions {
    /// Kinds to keep.
    pub keep: Vec<Kind>,
    /// Adopted resources to delete nevertheless, by kind or name.
    pub delete_adopted: Vec<String>,
}

impl TeardownOptions {
    fn names(&self, kind: Kind, name: &str) -> bool {
        self.delete_adopted.iter().any(|named| named == kind.as_str() || named == name)
    }
}

impl Plan {
    /// Plans the deletion of managed resources.
    #[must_use]
    pub(crate) fn down(
        owner: &Owner,
        resources: &[&dyn Resource],
        found: Vec<Observed>,
        teardown: &TeardownOptions,
    ) -> Plan {
        let steps = resources.iter().zip(found).map(|(resource, found)| step(owner, *resource, found, teardown));
        let mut steps: Vec<Step> = steps.collect();
        keep_dependencies(owner, &mut steps);
        Plan { steps, is_teardown: true, waits: true, mapping_first: false }
    }
}

fn step(owner: &Owner, resource: &dyn Resource, found: Observed, teardown: &TeardownOptions) -> Step {
    let (kind, name) = (resource.kind(), resource.name());
    let (action, reason) = match owner.of(&found) {
        _ if !found.exists() => (Action::None, NOT_THERE.to_owned()),
        _ if resource.is_existing() => (Action::Keep, EXISTING.to_owned()),
        why @ (Ownership::Foreign | Ownership::OtherStage(_)) => (Action::Keep, why.to_string()),
        _ if teardown.keep.contains(&kind) => (Action::Keep, "kept by `--keep-data`".to_owned()),
        Ownership::Adopted if teardown.names(kind, name) => {
            (Action::Delete, "adopted, and named by `--delete-adopted`".to_owned())
        }
        Ownership::Adopted => {
            (Action::Keep, format!("adopted, not created by sensorctl; `--delete-adopted {kind}` deletes it"))
        }
        Ownership::Ours => (Action::Delete, CREATED_BY_US.to_owned()),
    };
    Step::new(kind, name, action, reason, found)
}

/// Keeps managed resources that a kept, adopted resource depends on: it must continue to work.
fn keep_dependencies(owner: &Owner, steps: &mut [Step]) {
    let stays = |step: &Step| step.action == Action::Keep && owner.of(&step.found) == Ownership::Adopted;
    let mut needed: BTreeMap<Kind, Kind> = BTreeMap::new();
    let mut looked_at: Vec<(Kind, Kind)> =
        steps.iter().filter(|step| stays(step)).map(|step| (step.kind, step.kind)).collect();
    while let Some((kind, adopted)) = looked_at.pop() {
        for other in kind.create_dependencies() {
            if needed.insert(*other, adopted).is_none() {
                looked_at.push((*other, adopted));
            }
        }
    }
    for step in steps.iter_mut().filter(|step| step.action == Action::Delete) {
        if let Some(adopted) = needed.get(&step.kind) {
            step.action = Action::Keep;
            step.reason =
                format!("kept: the adopted {adopted} depends on it; `--delete-adopted {adopted}` deletes that too");
            step.kept_for = Some(*adopted);
        }
    }
}
