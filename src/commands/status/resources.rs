//! The state of each resource, and how it differs from the settings.

use crate::commands::stack_context::StackContext;
use crate::output::ResourceStatus;
use crate::stack::{Kind, NOT_READ_QUICKLY, Observed, Ownership, State, differences, with_arns};

/// Returns the status of each resource.
pub(super) fn resources_of(deployment: &StackContext) -> Vec<ResourceStatus> {
    let StackContext { session, stack, references, found, .. } = deployment;
    let arns = deployment.expected_arns();
    stack
        .resources()
        .iter()
        .zip(found)
        .map(|(resource, found)| {
            let ownership = session.owner.of(found);
            // An unmanaged resource is never changed, so its differences do not matter; those of a log group that the
            // pipeline uses are shown.
            let is_used = resource.kind() == Kind::LogGroup && ownership == Ownership::Foreign;
            let compared = found.exists() && (resource.is_existing() || ownership.is_ours() || is_used);
            let mut drift = Vec::new();
            if compared {
                drift = differences(*resource, references, found);
                drift.retain(|difference| !NOT_READ_QUICKLY.contains(&difference.property));
                drift.extend(session.owner.difference(&found.tags).filter(|_| !resource.is_existing() && !is_used));
            }
            for difference in &mut drift {
                difference.desired = with_arns(&difference.desired, &arns);
            }
            // Where another resource is missing, only its ARN was not known.
            drift.retain(|difference| difference.desired != difference.found);
            let (state, note) = if resource.is_existing() && found.state == State::Active {
                ("active", "existing: used, never changed".to_owned())
            } else {
                state_of(found, resource.kind(), &ownership)
            };
            ResourceStatus {
                kind: resource.kind(),
                name: resource.name().to_owned(),
                arn: found.arn.clone(),
                state,
                drift,
                dangers: found.warnings.clone(),
                is_managed: !is_used,
                note,
            }
        })
        .collect()
}

fn state_of(found: &Observed, kind: Kind, ownership: &Ownership) -> (&'static str, String) {
    match (&found.state, ownership) {
        (State::Missing, _) => ("missing", String::new()),
        (_, Ownership::Foreign) if kind == Kind::LogGroup => {
            ("active", "used as it is: not managed by sensorctl".to_owned())
        }
        // The word for the state says it.
        (_, Ownership::Foreign) => ("foreign", String::new()),
        (_, Ownership::OtherStage(whose)) => ("foreign", whose.clone()),
        (State::Active, Ownership::Adopted) => ("active", "adopted".to_owned()),
        (State::Active, Ownership::Ours) => ("active", String::new()),
        (State::Changing(state), _) => ("changing", state.clone()),
        (State::Deleting, _) => ("changing", "being deleted".to_owned()),
        (State::Failed(why), _) => ("failed", why.clone()),
    }
}
