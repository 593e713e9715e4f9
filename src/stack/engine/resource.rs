//! The contract between a resource and the engine, in words and as a trait.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use serde_json::Value;

use super::difference::Difference;
use super::observed::{Observed, Properties, Tags};
use crate::aws::AwsFailure;
use crate::stack::{ArnRegistry, Kind, Session};

/// Calls to a service that give something, or fail.
pub type Attempt<'a, T = ()> = BoxFuture<'a, Result<T, AwsFailure>>;

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
    fn observe<'a>(&'a self, session: &'a Session) -> Attempt<'a, Observed>;

    /// Its settings as they should be; ARNs of others that are not known yet stand as `${kind}`.
    fn desired(&self, references: &ArnRegistry) -> Properties;

    /// Lets what was found stand, but for what was asked for (by its name in the settings) and what the pipeline does not
    /// work without: of what someone else made, a default changes nothing.
    fn preserve_unmanaged(&mut self, _found: &Observed, _is_asked: &dyn Fn(&str) -> bool) {}

    /// The settings that no update can change.
    fn immutable_properties(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether to change a setting from the value `has`, as it is in what was found, takes data away, or what guards it.
    fn loses_data(&self, _property: &str, _has: &Value, _wanted: &Value, _found: &Observed) -> bool {
        false
    }

    /// Asks for it to be made, tags included, and gives its ARN if the answer names it.
    fn create<'a>(&'a self, session: &'a Session, references: &'a ArnRegistry) -> Attempt<'a, Option<String>>;

    /// Asks for the named settings to be changed.
    fn update<'a>(
        &'a self,
        session: &'a Session,
        references: &'a ArnRegistry,
        found: &'a Observed,
        differences: &'a [Difference],
    ) -> Attempt<'a>;

    /// Sets tags, beside those that are there.
    fn tag<'a>(&'a self, session: &'a Session, found: &'a Observed, tags: Tags) -> Attempt<'a>;

    /// One look at whether what was asked for has come about; does the rest of what can only be done then.
    fn poll_ready<'a>(&'a self, session: &'a Session) -> Attempt<'a, Readiness>;

    /// Returns how long what was asked for last may take until it is in force, though it works; nothing once it is.
    fn in_force_after<'a>(&'a self, _cloud: &'a Session) -> Attempt<'a, Option<Duration>> {
        future::ready(Ok(None)).boxed()
    }

    /// Uses it once, to see whether it can be used though it works by its state: the failure that a new one of the same
    /// name may not have, if any. An error is a failure that it would have as well.
    fn unusable<'a>(&'a self, _cloud: &'a Session) -> Attempt<'a, Option<AwsFailure>> {
        future::ready(Ok(None)).boxed()
    }

    /// Asks for it to be deleted.
    fn delete<'a>(&'a self, session: &'a Session, found: &'a Observed) -> Attempt<'a>;

    /// What keeps it from being deleted, if anything does. Asked before anything is deleted.
    fn deletion_blocker<'a>(
        &'a self,
        _cloud: &'a Session,
        _found: &'a Observed,
    ) -> Attempt<'a, Option<DeletionBlocker>> {
        future::ready(Ok(None)).boxed()
    }

    /// What of others goes with it when it is deleted. Asked before anything is deleted, to be named.
    fn collateral<'a>(&'a self, _cloud: &'a Session) -> Attempt<'a, Vec<String>> {
        future::ready(Ok(Vec::new())).boxed()
    }

    /// Why a call that failed as if something were only too new can never succeed; nothing while it may.
    fn permanent_failure<'a>(
        &'a self,
        _cloud: &'a Session,
        _references: &'a ArnRegistry,
        _failure: &'a AwsFailure,
    ) -> BoxFuture<'a, Option<PermanentFailure>> {
        future::ready(None).boxed()
    }
}

/// What a look at an unfinished resource saw.
#[derive(Debug)]
pub enum Readiness {
    /// It works; this is its ARN.
    Ready(String),
    /// All has been asked for, and only time is wanting; its ARN, and what the service says of it.
    InProgress(String, String),
    /// More is to be asked for when it is ready for that; what the service says of it.
    NotYet(String),
    /// Not to be seen: not yet, or no more.
    NotVisible,
}

/// What keeps a resource from being deleted.
#[derive(Clone, Debug)]
pub struct DeletionBlocker {
    /// As in "the stream `x` …".
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// Why something can never succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermanentFailure {
    /// What is wrong, as a sentence.
    pub reason: String,
    /// What to do about it.
    pub way: String,
    /// Whether it was seen of something that this run wrote: then a look may still show what was there before.
    pub is_fresh: bool,
}

impl PermanentFailure {
    /// A verdict on something that this run did not write.
    #[must_use]
    pub fn new(why: impl Into<String>, way: impl Into<String>) -> Self {
        PermanentFailure { reason: why.into(), way: way.into(), is_fresh: false }
    }
}

/// The settings in which what was found of a resource is not as wanted.
#[must_use]
pub fn differences(resource: &dyn Resource, references: &ArnRegistry, found: &Observed) -> Vec<Difference> {
    let fixed = resource.immutable_properties();
    let difference = |(property, wanted): (&'static str, Value)| {
        let has = found.properties.get(property).unwrap_or(&Value::Null);
        (*has != wanted).then(|| Difference {
            property,
            replaces: fixed.contains(&property),
            loses_data: resource.loses_data(property, has, &wanted, found),
            found: has.clone(),
            desired: wanted,
        })
    };
    resource.desired(references).into_iter().filter_map(difference).collect()
}
