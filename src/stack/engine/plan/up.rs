//! Plans the changes from the observed to the desired state.

use super::{DIFFERS_IN, EXISTING, NOT_THERE, Plan, Step, UP_TO_DATE};
use crate::error::Error;
use crate::stack::engine::action::Action;
use crate::stack::engine::difference::Difference;
use crate::stack::engine::observed::Tags;
use crate::stack::engine::observed::{Observed, State};
use crate::stack::engine::ownership::{TAGS, newer_version};
use crate::stack::engine::resource;
use crate::stack::engine::resource::Resource;
use crate::stack::resources::event_source_mapping::{IN_FORCE_AFTER, LAGS};
use crate::stack::resources::function::PARTIAL_BATCH;
use crate::stack::{ArnRegistry, Kind, Owner, Ownership};

impl Plan {
    /// Plans the changes from the observed to the desired state. With `adopt`, unmanaged resources are included.
    ///
    /// # Errors
    /// If a resource with a configured name is not managed by this stage, or would have to be replaced and must not be.
    pub(crate) fn up(
        owner: &Owner,
        resources: &[&dyn Resource],
        found: Vec<Observed>,
        references: &ArnRegistry,
        adopt: bool,
    ) -> Result<Plan, Error> {
        let mut steps = Vec::new();
        let mut strangers = Vec::new();
        for (resource, found) in resources.iter().zip(found) {
            let ownership = owner.of(&found);
            let in_the_way = found.exists() && found.state != State::Deleting && !resource.is_existing();
            // Lambda creates the log group of a function by itself and leaves it behind: it is used unchanged.
            let usable = ownership == Ownership::Foreign && (adopt || resource.kind() == Kind::LogGroup);
            if in_the_way && !ownership.is_ours() && !usable {
                strangers.push((resource.kind(), resource.name(), ownership));
                continue;
            }
            let step = step(owner, *resource, found, references, adopt)?;
            // A new role may have another path, and so another ARN, which the function needs.
            if step.kind == Kind::Role && step.action == Action::Replace {
                references.forget(Kind::Role);
            }
            steps.push(step);
        }
        if !strangers.is_empty() {
            return Err(unmanaged_error(&strangers, owner));
        }
        replace_bound(owner, &mut steps)?;
        let mapping_first = is_mapping_first(&steps);
        if must_hold_back_partial_batch(&steps) {
            references.hold_back_partial_batch(true);
            let mapping = steps.iter().find(|step| step.kind == Kind::Mapping);
            let lag = mapping.and_then(|step| step.found.details.get(LAGS)).filter(|lag| *lag != "0").cloned();
            let function = steps.iter_mut().find(|step| step.kind == Kind::Function);
            function.zip(lag).into_iter().for_each(|(function, lag)| hold_back(function, &lag));
        }
        Ok(Plan { steps, is_teardown: false, waits: true, mapping_first })
    }
}

fn step(
    owner: &Owner,
    resource: &dyn Resource,
    found: Observed,
    references: &ArnRegistry,
    adopt: bool,
) -> Result<Step, Error> {
    let (kind, name) = (resource.kind(), resource.name());
    if resource.is_existing() {
        check_existing(resource, &found, references)?;
        return Ok(Step::new(kind, name, Action::Keep, EXISTING, found));
    }
    if !found.exists() {
        let reason = with_caveat(resource, references, NOT_THERE.to_owned());
        return Ok(Step::new(kind, name, Action::Create, reason, found));
    }
    if found.state == State::Deleting {
        return Ok(Step::new(kind, name, Action::Create, "the previous one is still being deleted", found));
    }
    let ownership = owner.of(&found);
    let adopts = ownership == Ownership::Foreign;
    let mut differences = resource::differences(resource, references, &found);
    if adopts && !adopt {
        let step = Step::new(kind, name, Action::Keep, used_as_it_is(&differences), found);
        return Ok(Step { differences, ..step });
    }
    differences.extend(if adopts { Some(adoption(owner, &found)) } else { owner.difference(&found.tags) });
    let fixed: Vec<_> = differences.iter().filter(|d| d.replaces).map(|d| d.property).collect();
    // A function has no data. A failed table or stream is never deleted.
    let is_broken = kind == Kind::Function && matches!(found.state, State::Failed(_));
    let replaces = is_broken || !fixed.is_empty();
    if replaces && ownership != Ownership::Ours {
        return Err(replacement_refused(kind, name, &fixed, &found));
    }
    let names: Vec<_> = differences.iter().map(|difference| difference.property).collect();
    let (action, reason) = match &found.state {
        State::Failed(why) if is_broken => (Action::Replace, format!("does not work: {why}")),
        _ if replaces => (Action::Replace, format!("{DIFFERS_IN}{}", names.join(", "))),
        State::Changing(state) => (Action::Update, format!("still {state}")),
        State::Failed(why) => (Action::Update, format!("does not work: {why}")),
        _ if adopts => (Action::Update, "created outside sensorctl".to_owned()),
        _ if differences.is_empty() => (Action::None, UP_TO_DATE.to_owned()),
        _ => (Action::Update, format!("{DIFFERS_IN}{}", names.join(", "))),
    };
    let replaces_code = kind == Kind::Function && names.contains(&"code_sha256");
    let newer_code = newer_version(&found.tags).filter(|_| replaces_code).map(str::to_owned);
    let reason = match &newer_code {
        Some(version) => format!("{reason}; its code comes from the newer sensorctl {version}"),
        None => reason,
    };
    Ok(Step {
        differences,
        adopts,
        newer_code,
        ..Step::new(kind, name, action, with_caveat(resource, references, reason), found)
    })
}

/// Adds to the reason for a role with managed policies the additional access that they give.
fn with_caveat(resource: &dyn Resource, references: &ArnRegistry, reason: String) -> String {
    let wanted = resource.desired(references);
    let is_managed =
        wanted.get("managed_policies").and_then(serde_json::Value::as_array).is_some_and(|all| !all.is_empty());
    if !is_managed {
        return reason;
    }
    format!(
        "{reason}; its managed policies allow logs:CreateLogGroup, so a late invocation can create the log group again after \
         `down`"
    )
}

/// Returns the reason why an unmanaged resource that the pipeline uses is kept, with the effect on its settings.
fn used_as_it_is(differences: &[Difference]) -> String {
    let unmanaged = "used as it is: not managed by sensorctl".to_owned();
    if differences.is_empty() {
        return unmanaged;
    }
    let names: Vec<_> = differences.iter().map(|difference| difference.property).collect();
    format!("{unmanaged}; {} can be changed with `sensorctl up --adopt`", names.join(", "))
}

fn adoption(owner: &Owner, found: &Observed) -> Difference {
    let wanted = owner.adoption_tags();
    let has = found.tags.iter().filter(|(name, _)| wanted.contains_key(*name));
    let has: Tags = has.map(|(name, value)| (name.clone(), value.clone())).collect();
    Difference {
        property: TAGS,
        desired: serde_json::json!(wanted),
        found: serde_json::json!(has),
        replaces: false,
        loses_data: false,
    }
}

/// Plans the replacement of resources that are bound to a recreated one. Unmanaged ones are kept, with a warning.
///
/// # Errors
/// If a kept resource would not work.
fn replace_bound(owner: &Owner, steps: &mut [Step]) -> Result<(), Error> {
    for index in 0..steps.len() {
        let step = &steps[index];
        let stays = matches!(step.action, Action::None | Action::Update);
        let is_new = |other: &&Step| stays && other.invalidates(step.kind) && is_bound_to(step, other);
        let Some((new, named)) = steps.iter().find(is_new).map(|other| (other.kind, other.name.clone())) else {
            continue;
        };
        let step = &mut steps[index];
        if owner.of(&step.found) == Ownership::Ours {
            step.action = Action::Replace;
            step.reason = format!("bound to the {new}, which is replaced");
        } else if step.kind == Kind::Function {
            return Err(without_variables(&step.name, &named));
        } else {
            step.found.warnings.push(format!(
                "the {new} `{named}` is replaced, and the {} `{}`, which was created outside sensorctl, has its position in \
                 the previous one: it may read nothing, or not from the beginning; delete it, and `sensorctl up` creates it \
                 again",
                step.kind, step.name
            ));
        }
    }
    Ok(())
}

/// Returns the error for an unmanaged function whose role is gone: it would exist and never run.
fn without_variables(function: &str, role: &str) -> Error {
    Error::failed(format!(
        "the role `{role}` would be replaced, and the function `{function}`, which was created outside sensorctl, would not \
         work with the new one: Lambda encrypted the function's variables for the previous role and could not decrypt them \
         (KMSAccessDeniedException)"
    ))
    .hint("set another `role.name`: `sensorctl up` creates that role and sets it for the function")
    .hint(format!("or delete the function `{function}` yourself: `sensorctl up` then creates its own"))
}

/// Returns whether a resource must be replaced with the new one. For a role with another name, an update of the
/// function is enough.
fn is_bound_to(step: &Step, new: &Step) -> bool {
    let role = step.found.text("role");
    new.kind != Kind::Role || role.is_none_or(|role| role.rsplit('/').next() == Some(&new.name))
}

/// Returns whether the mapping must enable partial batch responses before the function. A function that does not exist,
/// or is being deleted, sends no responses. A function that sends them already must stop before any other change.
pub(crate) fn is_mapping_first(steps: &[Step]) -> bool {
    let answers = |step: &Step| {
        let stays = matches!(step.action, Action::None | Action::Update);
        step.kind == Kind::Function && stays && !sends_partial_responses(step)
    };
    steps.iter().any(answers) && steps.iter().any(misreads_partial_responses)
}

/// Returns whether the function must not send partial batch responses until the mapping certainly supports them: a
/// mapping that enables them in this run, or enabled them shortly before in a killed run. A mapping that is created
/// with them supports them from its first batch. If the function and the mapping both have them already, an earlier run
/// enabled them in this order.
pub(crate) fn must_hold_back_partial_batch(steps: &[Step]) -> bool {
    let find = |kind| steps.iter().find(|step| step.kind == kind);
    let (Some(function), Some(mapping)) = (find(Kind::Function), find(Kind::Mapping)) else { return false };
    let stays = mapping.found.exists() && matches!(mapping.action, Action::None | Action::Update);
    let has = mapping.found.properties.get("response_types").and_then(serde_json::Value::as_array);
    let has = has.is_some_and(|types| types.iter().any(|name| name == "ReportBatchItemFailures"));
    let is_some_time = |detail: &str| mapping.found.details.get(detail).is_some_and(|seconds| seconds != "0");
    let (is_recent, lags) = (is_some_time(IN_FORCE_AFTER), is_some_time(LAGS));
    let answers = sends_partial_responses(function);
    // Pollers of a mapping that was disabled shortly before may still deliver.
    let is_at_work = is_recent || mapping.found.switch("enabled") == Some(true);
    // If a change is effective at once, the mapping supports them no later than the function could be stopped.
    stays && if has { is_recent && !answers } else { is_at_work && (lags || !answers) }
}

/// Returns whether an existing function sends partial batch responses.
fn sends_partial_responses(function: &Step) -> bool {
    let variables = function.found.properties.get("environment");
    variables.and_then(|variables| variables.get(PARTIAL_BATCH)) == Some(&serde_json::json!("1"))
}

/// Adds to the reason of the function's step that partial batch responses stay disabled for this many seconds.
fn hold_back(step: &mut Step, lag: &str) {
    if step.action == Action::None {
        step.action = Action::Update;
        "partial batch responses".clone_into(&mut step.reason);
    }
    step.reason.push_str(&format!(
        "; fails whole batches, which are delivered again, until the mapping's ReportBatchItemFailures has been in force for \
         {lag} s"
    ));
}

/// Returns whether an active mapping is about to enable partial batch responses, which the function sends once it is
/// updated.
pub(crate) fn misreads_partial_responses(step: &Step) -> bool {
    let is_at_work = step.found.properties.get("enabled") == Some(&serde_json::json!(true));
    let learns = step.differences.iter().any(|difference| difference.property == "response_types");
    step.kind == Kind::Mapping && step.action == Action::Update && is_at_work && learns
}

/// Checks that a resource declared as existing exists and fits.
fn check_existing(resource: &dyn Resource, found: &Observed, references: &ArnRegistry) -> Result<(), Error> {
    let (kind, name) = (resource.kind(), resource.name());
    if matches!(found.state, State::Missing | State::Deleting) {
        return Err(Error::failed(format!("the {kind} `{name}` does not exist, and the settings say that it does"))
            .hint("correct its `name` in the settings, or remove `existing`: `sensorctl up` then creates it"));
    }
    let differences = resource::differences(resource, references, found);
    match differences.first() {
        None => Ok(()),
        Some(Difference { property, desired: wanted, found, .. }) => Err(Error::failed(format!(
            "the existing {kind} `{name}` cannot be used: its {property} is {found}, but the pipeline needs {wanted}"
        ))),
    }
}

/// Returns the error for unmanaged resources with configured names.
fn unmanaged_error(unmanaged: &[(Kind, &str, Ownership)], owner: &Owner) -> Error {
    let line = |(kind, name, ownership): &(Kind, &str, Ownership)| {
        // Role names are the same in all regions.
        let region = if *kind == Kind::Role { String::new() } else { format!(" in {}", owner.region) };
        format!("\n  {kind:<13}  {name}{region}: {ownership}")
    };
    let lines: String = unmanaged.iter().map(line).collect();
    let what = match unmanaged.len() {
        1 => "a resource of this pipeline's name exists, and this pipeline does not manage it".to_owned(),
        more => format!("{more} resources of this pipeline's names exist, and this pipeline does not manage them"),
    };
    let mut error = Error::failed(format!("{what}:{lines}"))
        .hint("choose other names with `--stage NAME`, which is appended to every resource name");
    if unmanaged.iter().all(|(_, _, ownership)| *ownership == Ownership::Foreign) {
        error = error
            .hint("or adopt what exists: `sensorctl plan --adopt` shows what that changes, `sensorctl down` keeps it");
    }
    if unmanaged.iter().any(|(kind, _, why)| *kind == Kind::Role && matches!(why, Ownership::OtherStage(_))) {
        error = error.hint("the name of a role is the same in all regions of an account: `role.name` sets another one");
    }
    error.hint("or delete it yourself if it is not needed; sensorctl does not touch it")
}

/// Returns the error for a resource that is not sensorctl's to delete but could only reach the desired state by
/// replacement.
fn replacement_refused(kind: Kind, name: &str, fixed: &[&str], found: &Observed) -> Error {
    let why = match &found.state {
        State::Failed(why) if fixed.is_empty() => format!("it does not work: {why}"),
        _ => format!("no update can change its {}", fixed.join(", ")),
    };
    Error::failed(format!(
        "the {kind} `{name}` was created outside sensorctl and would have to be replaced, which sensorctl does not do: {why}"
    ))
    .hint("choose another `--stage` or another name for it, or delete it yourself")
}
