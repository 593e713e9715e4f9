//! The contract between a resource and the engine, in words and as a trait.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use serde::Serialize;
use serde_json::Value;

use super::{Cloud, Kind, References};
use crate::aws::Failure;

/// Calls to a service that give something, or fail.
pub type Attempt<'a, T = ()> = BoxFuture<'a, Result<T, Failure>>;

/// Named settings of a resource, as JSON so that they can be compared and shown without knowing them.
pub type Properties = BTreeMap<&'static str, Value>;

/// Tags of a resource.
pub type Tags = BTreeMap<String, String>;

/// Whether a resource is there and works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not there.
    Missing,
    /// There, and works.
    Active,
    /// On its way to another state; the text is what the service calls it.
    Changing(String),
    /// Being deleted.
    Deleting,
    /// There, but does not work; the text says why.
    Failed(String),
}

/// What was found of a resource.
#[derive(Clone, Debug)]
pub struct Found {
    /// Whether it is there and works.
    pub state: State,
    /// Its ARN, or for a mapping its ARN or UUID.
    pub arn: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Those of its settings that sensorctl sets.
    pub properties: Properties,
    /// More to show: a mapping's UUID, its last result.
    pub details: BTreeMap<&'static str, String>,
    /// What is there besides, is not ours to mend, and loses readings; each a sentence.
    pub dangers: Vec<String>,
}

impl Found {
    /// Nothing of that name.
    #[must_use]
    pub fn missing() -> Self {
        Found {
            state: State::Missing,
            arn: None,
            tags: Tags::new(),
            properties: Properties::new(),
            details: BTreeMap::new(),
            dangers: Vec::new(),
        }
    }

    /// A setting that is a number.
    #[must_use]
    pub fn number(&self, property: &str) -> Option<i32> {
        self.properties.get(property)?.as_i64().and_then(|number| number.try_into().ok())
    }

    /// A setting that is on or off.
    #[must_use]
    pub fn switch(&self, property: &str) -> Option<bool> {
        self.properties.get(property)?.as_bool()
    }

    /// A setting that is a text.
    #[must_use]
    pub fn text(&self, property: &str) -> Option<String> {
        self.properties.get(property)?.as_str().map(str::to_owned)
    }

    /// Whether something of that name is there, working or not.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.state != State::Missing
    }
}

/// A setting that is not as wanted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Name of the setting.
    pub property: &'static str,
    /// What the settings ask for.
    pub wanted: Value,
    /// What the service has.
    pub found: Value,
    /// Whether it takes a new resource to change it.
    #[serde(skip)]
    pub replaces: bool,
    /// Whether the change takes data away, or what guards it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub loses_data: bool,
}

/// A resource of the pipeline: what is wanted of it, and how to bring it about.
///
/// `observe` never writes. `wanted` is pure. `create`, `update`, `tag` and `delete` may be repeated after a crash at any
/// point and end in the same state: `create` is called when `observe` saw nothing, `delete` takes absence for success.
/// None of them waits for the resource to work: that is `settle`'s. ARNs come from the services' answers. Tags are the
/// engine's to compare: they say whose a resource is.
pub trait Resource: Send + Sync {
    /// Its kind.
    fn kind(&self) -> Kind;

    /// Its name, unique among resources of its kind in an account and region.
    fn name(&self) -> &str;

    /// Whether the settings only point at it: it is used, and never made, changed, deleted or refused.
    fn is_existing(&self) -> bool {
        false
    }

    /// Looks at what is there.
    fn observe<'a>(&'a self, cloud: &'a Cloud) -> Attempt<'a, Found>;

    /// Its settings as they should be; ARNs of others that are not known yet stand as `${kind}`.
    fn wanted(&self, references: &References) -> Properties;

    /// Lets what was found stand, but for what was asked for (by its name in the settings) and what the pipeline does not
    /// work without: of what someone else made, a default changes nothing.
    fn keep(&mut self, _found: &Found, _is_asked: &dyn Fn(&str) -> bool) {}

    /// The settings that no update can change.
    fn fixed(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether to change a setting from the value `has`, as it is in what was found, takes data away, or what guards it.
    fn loses_data(&self, _property: &str, _has: &Value, _wanted: &Value, _found: &Found) -> bool {
        false
    }

    /// Asks for it to be made, tags included, and gives its ARN if the answer names it.
    fn create<'a>(&'a self, cloud: &'a Cloud, references: &'a References) -> Attempt<'a, Option<String>>;

    /// Asks for the named settings to be changed.
    fn update<'a>(
        &'a self,
        cloud: &'a Cloud,
        references: &'a References,
        found: &'a Found,
        differences: &'a [Difference],
    ) -> Attempt<'a>;

    /// Sets tags, beside those that are there.
    fn tag<'a>(&'a self, cloud: &'a Cloud, found: &'a Found, tags: Tags) -> Attempt<'a>;

    /// One look at whether what was asked for has come about; does the rest of what can only be done then.
    fn settle<'a>(&'a self, cloud: &'a Cloud) -> Attempt<'a, Settled>;

    /// Returns how long what was asked for last may take until it is in force, though it works; nothing once it is.
    fn in_force_after<'a>(&'a self, _cloud: &'a Cloud) -> Attempt<'a, Option<Duration>> {
        future::ready(Ok(None)).boxed()
    }

    /// Uses it once, to see whether it can be used though it works by its state: the failure that a new one of the same
    /// name may not have, if any. An error is a failure that it would have as well.
    fn unusable<'a>(&'a self, _cloud: &'a Cloud) -> Attempt<'a, Option<Failure>> {
        future::ready(Ok(None)).boxed()
    }

    /// Asks for it to be deleted.
    fn delete<'a>(&'a self, cloud: &'a Cloud, found: &'a Found) -> Attempt<'a>;

    /// What keeps it from being deleted, if anything does. Asked before anything is deleted.
    fn obstacle<'a>(&'a self, _cloud: &'a Cloud, _found: &'a Found) -> Attempt<'a, Option<Obstacle>> {
        future::ready(Ok(None)).boxed()
    }

    /// What of others goes with it when it is deleted. Asked before anything is deleted, to be named.
    fn taken_along<'a>(&'a self, _cloud: &'a Cloud) -> Attempt<'a, Vec<String>> {
        future::ready(Ok(Vec::new())).boxed()
    }

    /// Why a call that failed as if something were only too new can never succeed; nothing while it may.
    fn never<'a>(
        &'a self,
        _cloud: &'a Cloud,
        _references: &'a References,
        _failure: &'a Failure,
    ) -> BoxFuture<'a, Option<Never>> {
        future::ready(None).boxed()
    }
}

/// What a look at an unfinished resource saw.
#[derive(Debug)]
pub enum Settled {
    /// It works; this is its ARN.
    Works(String),
    /// All has been asked for, and only time is wanting; its ARN, and what the service says of it.
    Underway(String, String),
    /// More is to be asked for when it is ready for that; what the service says of it.
    NotYet(String),
    /// Not to be seen: not yet, or no more.
    Unseen,
}

/// What keeps a resource from being deleted.
#[derive(Clone, Debug)]
pub struct Obstacle {
    /// As in "the stream `x` …".
    pub what: String,
    /// What to do about it.
    pub way: String,
}

/// Why something can never succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Never {
    /// What is wrong, as a sentence.
    pub why: String,
    /// What to do about it.
    pub way: String,
    /// Whether it was seen of something that this run wrote: then a look may still show what was there before.
    pub is_fresh: bool,
}

impl Never {
    /// A verdict on something that this run did not write.
    #[must_use]
    pub fn new(why: impl Into<String>, way: impl Into<String>) -> Self {
        Never { why: why.into(), way: way.into(), is_fresh: false }
    }
}

/// The settings in which what was found of a resource is not as wanted.
#[must_use]
pub fn differences(resource: &dyn Resource, references: &References, found: &Found) -> Vec<Difference> {
    let fixed = resource.fixed();
    let difference = |(property, wanted): (&'static str, Value)| {
        let has = found.properties.get(property).unwrap_or(&Value::Null);
        (*has != wanted).then(|| Difference {
            property,
            replaces: fixed.contains(&property),
            loses_data: resource.loses_data(property, has, &wanted, found),
            found: has.clone(),
            wanted,
        })
    };
    resource.wanted(references).into_iter().filter_map(difference).collect()
}
