//! What is to be done, as data: pure, shown before it is carried out, and leaving no choice to those who do.

use serde::Serialize;

use super::resource::{self, Difference, Found, Resource, State};
use super::{Kind, Owner, Ownership, References};
use crate::error::Error;

/// What is to be done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing: it is as it should be.
    None,
    /// Make it.
    Create,
    /// Change it in place.
    Update,
    /// Delete it and make it anew.
    Replace,
    /// Delete it.
    Delete,
    /// Leave it as it is, though it is in the way of what was asked.
    Keep,
}

impl Action {
    /// The public name, as in `"action"` of the JSON reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Action::None => "none",
            Action::Create => "create",
            Action::Update => "update",
            Action::Replace => "replace",
            Action::Delete => "delete",
            Action::Keep => "keep",
        }
    }
}

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
    pub found: Found,
}

/// Steps for all resources, in the order in which they are shown.
#[derive(Clone, Debug)]
pub struct Plan {
    /// One step for each resource.
    pub steps: Vec<Step>,
    /// Whether it takes the pipeline down.
    pub is_teardown: bool,
}

impl Plan {
    /// How many resources will be changed.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.steps.iter().filter(|step| !matches!(step.action, Action::None | Action::Keep)).count()
    }

    /// Whether something is to be deleted or replaced.
    #[must_use]
    pub fn destroys(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::Delete | Action::Replace))
    }

    /// Whether all that is to be deleted can be.
    ///
    /// # Errors
    /// What is protected, and how to lift that.
    pub fn check_protection(&self) -> Result<(), Error> {
        let destroyed = |step: &&Step| matches!(step.action, Action::Delete | Action::Replace);
        for step in self.steps.iter().filter(destroyed) {
            if let Some(way) = step.found.details.get("protected") {
                let (kind, name) = (step.kind, &step.name);
                return Err(Error::failed(format!("the {kind} `{name}` is protected against deletion"))
                    .hint(format!("to delete it, {way} first"))
                    .hint("`sensorctl down --keep-data` keeps both tables and deletes the rest"));
            }
        }
        Ok(())
    }

    /// What it takes to make what was found as wanted.
    ///
    /// # Errors
    /// When something of a wanted name is not ours.
    pub fn up(
        owner: &Owner,
        resources: &[Box<dyn Resource>],
        found: Vec<Found>,
        references: &References,
    ) -> Result<Plan, Error> {
        let mut steps = Vec::new();
        for (resource, found) in resources.iter().zip(found) {
            let step = step_up(owner, resource.as_ref(), found, references)?;
            // A new role may have another path, and so another ARN, that the function must be told.
            if step.kind == Kind::Role && step.action == Action::Replace {
                references.forget(Kind::Role);
            }
            steps.push(step);
        }
        Ok(Plan { steps, is_teardown: false })
    }

    /// What it takes to delete what is ours. `keep` names kinds that stay.
    #[must_use]
    pub fn down(owner: &Owner, resources: &[Box<dyn Resource>], found: Vec<Found>, keep: &[Kind]) -> Plan {
        let steps =
            resources.iter().zip(found).map(|(resource, found)| step_down(owner, resource.as_ref(), found, keep));
        Plan { steps: steps.collect(), is_teardown: true }
    }
}

fn step_up(owner: &Owner, resource: &dyn Resource, found: Found, references: &References) -> Result<Step, Error> {
    let (kind, name) = (resource.kind(), resource.name().to_owned());
    let step = |action, reason: String, differences, found| Step {
        kind,
        name: name.clone(),
        action,
        reason,
        differences,
        found,
    };
    if resource.is_existing() {
        usable(resource, &found, references)?;
        return Ok(step(Action::Keep, EXISTING.to_owned(), Vec::new(), found));
    }
    if !found.is_there() {
        return Ok(step(Action::Create, "not there".to_owned(), Vec::new(), found));
    }
    if found.state == State::Deleting {
        return Ok(step(Action::Create, "the one before is still being deleted".to_owned(), Vec::new(), found));
    }
    match owner.of(&found) {
        Ownership::Ours => {}
        // Lambda makes the log group of a function by itself, and leaves it behind.
        Ownership::Foreign(_) if kind == Kind::LogGroup => {
            return Ok(step(Action::None, "used as it is: not made by sensorctl".to_owned(), Vec::new(), found));
        }
        Ownership::Foreign(why) => return Err(foreign(kind, &name, owner, &why)),
    }
    let differences = resource::differences(&resource.wanted(references), &found.properties, resource.fixed());
    if let State::Changing(state) = &found.state {
        let reason = format!("still {state}");
        return Ok(step(Action::Update, reason, differences, found));
    }
    if let State::Failed(why) = &found.state {
        let reason = format!("does not work: {why}");
        // A function holds nothing; a table or stream that does not work is never thrown away for it.
        let action = if kind == Kind::Function { Action::Replace } else { Action::Update };
        return Ok(step(action, reason, differences, found));
    }
    if differences.is_empty() {
        return Ok(step(Action::None, "as wanted".to_owned(), differences, found));
    }
    let names: Vec<_> = differences.iter().map(|difference| difference.property).collect();
    let replaces = differences.iter().any(|difference| difference.replaces);
    let action = if replaces { Action::Replace } else { Action::Update };
    Ok(step(action, format!("differs in {}", names.join(", ")), differences, found))
}

fn step_down(owner: &Owner, resource: &dyn Resource, found: Found, keep: &[Kind]) -> Step {
    let kind = resource.kind();
    let (action, reason) = match owner.of(&found) {
        _ if !found.is_there() => (Action::None, "not there".to_owned()),
        _ if resource.is_existing() => (Action::Keep, EXISTING.to_owned()),
        Ownership::Foreign(why) => (Action::Keep, why),
        Ownership::Ours if keep.contains(&kind) => (Action::Keep, "kept as asked".to_owned()),
        Ownership::Ours => (Action::Delete, "made by sensorctl".to_owned()),
    };
    Step { kind, name: resource.name().to_owned(), action, reason, differences: Vec::new(), found }
}

/// Why a thing that the settings only point at is kept.
const EXISTING: &str = "existing: used, never changed";

/// Whether a thing that the settings only point at is there and fits.
fn usable(resource: &dyn Resource, found: &Found, references: &References) -> Result<(), Error> {
    let (kind, name) = (resource.kind(), resource.name());
    if matches!(found.state, State::Missing | State::Deleting) {
        return Err(Error::failed(format!("the {kind} `{name}` is not there, and the settings call it existing"))
            .hint("correct its `name` in the settings, or take `existing` out and `sensorctl up` makes it"));
    }
    let differences = resource::differences(&resource.wanted(references), &found.properties, &[]);
    match differences.first() {
        None => Ok(()),
        Some(Difference { property, wanted, found, .. }) => Err(Error::failed(format!(
            "the existing {kind} `{name}` cannot be used: its {property} is {found}, and the pipeline needs {wanted}"
        ))),
    }
}

/// Something of a wanted name that is not ours.
fn foreign(kind: Kind, name: &str, owner: &Owner, why: &str) -> Error {
    Error::failed(format!("the {kind} `{name}` in {} is there, but {why}", owner.region))
        .hint("use another name for this pipeline with `--stage NAME`: every resource then gets that ending")
        .hint(format!("or remove the {kind} `{name}` yourself if nobody needs it; sensorctl does not touch it"))
}

#[cfg(test)]
mod tests {
    use futures::future::BoxFuture;
    use serde_json::json;

    use super::*;
    use crate::aws::Failure;
    use crate::stack::{Cloud, Properties, Settled};

    struct Shards {
        wanted: i64,
        existing: bool,
    }

    impl Resource for Shards {
        fn kind(&self) -> Kind {
            Kind::Stream
        }
        fn name(&self) -> &'static str {
            "readings"
        }
        fn wanted(&self, _: &References) -> Properties {
            [("key", json!("id")), ("shards", json!(self.wanted))].into()
        }
        fn is_existing(&self) -> bool {
            self.existing
        }
        fn fixed(&self) -> &'static [&'static str] {
            &["key"]
        }
        fn observe<'a>(&'a self, _: &'a Cloud) -> BoxFuture<'a, Result<Found, Failure>> {
            unreachable!()
        }
        fn create<'a>(&'a self, _: &'a Cloud, _: &'a References) -> BoxFuture<'a, Result<Option<String>, Failure>> {
            unreachable!()
        }
        fn update<'a>(
            &'a self,
            _: &'a Cloud,
            _: &'a References,
            _: &'a Found,
            _: &'a [Difference],
        ) -> BoxFuture<'a, Result<(), Failure>> {
            unreachable!()
        }
        fn settle<'a>(&'a self, _: &'a Cloud) -> BoxFuture<'a, Result<Settled, Failure>> {
            unreachable!()
        }
        fn delete<'a>(&'a self, _: &'a Cloud, _: &'a Found) -> BoxFuture<'a, Result<(), Failure>> {
            unreachable!()
        }
    }

    fn owner() -> Owner {
        Owner { stage: "default".into(), region: "eu-west-1".into() }
    }

    fn found(key: &str, shards: i64, ours: bool) -> Found {
        Found {
            state: State::Active,
            tags: if ours { owner().tags() } else { [].into() },
            properties: [("key", json!(key)), ("shards", json!(shards)), ("other", json!(1))].into(),
            ..Found::missing()
        }
    }

    fn up(found: Found) -> Result<Step, Error> {
        let resources: Vec<Box<dyn Resource>> = vec![Box::new(Shards { wanted: 2, existing: false })];
        Plan::up(&owner(), &resources, vec![found], &References::default()).map(|mut plan| plan.steps.remove(0))
    }

    #[test]
    fn what_is_there_decides_the_action() {
        assert_eq!(up(Found::missing()).unwrap().action, Action::Create);
        assert_eq!(up(found("id", 2, true)).unwrap().action, Action::None);
        let update = up(found("id", 1, true)).unwrap();
        assert_eq!((update.action, update.reason.as_str()), (Action::Update, "differs in shards"));
        assert_eq!(up(found("name", 2, true)).unwrap().action, Action::Replace);
        let changing = Found { state: State::Changing("CREATING".into()), ..found("id", 2, true) };
        assert_eq!(up(changing).unwrap().reason, "still CREATING");
    }

    #[test]
    fn what_is_not_ours_is_refused_and_never_deleted() {
        let error = up(found("id", 2, false)).unwrap_err();
        assert!(error.to_string().contains("`readings`") && !error.hints().is_empty());
        let resources: Vec<Box<dyn Resource>> = vec![Box::new(Shards { wanted: 2, existing: false })];
        let down = Plan::down(&owner(), &resources, vec![found("id", 2, false)], &[]);
        assert_eq!((down.steps[0].action, down.changes()), (Action::Keep, 0));
    }

    #[test]
    fn what_the_settings_only_point_at_is_kept_whoever_made_it() {
        let resources: Vec<Box<dyn Resource>> = vec![Box::new(Shards { wanted: 2, existing: true })];
        let up = |found| Plan::up(&owner(), &resources, vec![found], &References::default());
        for ours in [true, false] {
            assert_eq!(up(found("id", 2, ours)).unwrap().steps[0].action, Action::Keep);
            let down = Plan::down(&owner(), &resources, vec![found("id", 2, ours)], &[]);
            assert_eq!(down.steps[0].action, Action::Keep);
        }
        assert!(up(Found::missing()).unwrap_err().to_string().contains("is not there"));
        assert!(up(found("name", 2, false)).unwrap_err().to_string().contains("its key is \"name\""));
    }

    #[test]
    fn a_protected_table_stops_the_teardown_before_it_begins() {
        let resources: Vec<Box<dyn Resource>> = vec![Box::new(Shards { wanted: 2, existing: false })];
        let mut protected = found("id", 2, true);
        protected.details.insert("protected", "lift it".to_owned());
        let down = |keep: &[Kind]| Plan::down(&owner(), &resources, vec![protected.clone()], keep);
        assert!(down(&[]).check_protection().unwrap_err().hints()[0].contains("lift it"));
        assert!(down(&[Kind::Stream]).check_protection().is_ok());
    }
}
