//! The contract between a resource and the engine, in words and as a trait.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use serde_json::Value;

use super::difference::Difference;
use super::observed::{Observed, Properties, Tags};
use crate::aws::AwsFailure;
use crate::stack::{ArnRegistry, Kind, Session};

/// Calls to a service with a result or a failure.
pub(crate) type Attempt<'a, T = ()> = BoxFuture<'a, Result<T, AwsFailure>>;

/// A resource of the pipeline: its desired state, and the calls that create it.
///
/// `observe` never writes. `desired` is pure. `create`, `update`, `tag` and `delete` may be repeated after a crash at
/// any point and end in the same state: `create` is called when `observe` found nothing, `delete` accepts absence as
/// success. None of them waits until the resource is ready; `poll_ready` does. ARNs come from the services' responses.
/// The engine compares the tags, because they decide the ownership.
pub(crate) trait Resource: Send + Sync {
    /// Returns its kind.
    fn kind(&self) -> Kind;

    /// Returns its name, unique among resources of its kind in an account and region.
    fn name(&self) -> &str;

    /// Returns whether the settings declare it as existing: it is used, and never created, changed, deleted or refused.
    fn is_existing(&self) -> bool {
        false
    }

    /// Reads the observed state.
    fn observe<'a>(&'a self, session: &'a Session) -> Attempt<'a, Observed>;

    /// Returns the desired properties. ARNs that are not known yet are placeholders such as `${kind}`.
    fn desired(&self, references: &ArnRegistry) -> Properties;

    /// Keeps the observed values of an unmanaged resource except for those that the settings set (by their names there)
    /// and those that the pipeline needs. A default changes nothing of such a resource.
    fn preserve_unmanaged(&mut self, _found: &Observed, _is_asked: &dyn Fn(&str) -> bool) {}

    /// Returns the properties that no update can change.
    fn immutable_properties(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns whether the change of a property from the value `has`, in the observed state, loses data or removes its
    /// protection.
    fn loses_data(&self, _property: &str, _has: &Value, _wanted: &Value, _found: &Observed) -> bool {
        false
    }

    /// Requests its creation, tags included. Returns its ARN if the response has it.
    fn create<'a>(&'a self, session: &'a Session, references: &'a ArnRegistry) -> Attempt<'a, Option<String>>;

    /// Requests an update of the named properties.
    fn update<'a>(
        &'a self,
        session: &'a Session,
        references: &'a ArnRegistry,
        found: &'a Observed,
        differences: &'a [Difference],
    ) -> Attempt<'a>;

    /// Adds tags to the existing ones.
    fn tag<'a>(&'a self, session: &'a Session, found: &'a Observed, tags: Tags) -> Attempt<'a>;

    /// Polls once whether the requested changes are complete. Requests further changes that are possible only then.
    fn poll_ready<'a>(&'a self, session: &'a Session) -> Attempt<'a, Readiness>;

    /// Returns the time until the last requested change is effective, although the resource is ready. Returns `None`
    /// once it is.
    fn in_force_after<'a>(&'a self, _cloud: &'a Session) -> Attempt<'a, Option<Duration>> {
        future::ready(Ok(None)).boxed()
    }

    /// Uses the resource once, to test whether it works although its state says so. Returns the failure if a new
    /// resource of the same name may not have it. An error is a failure that the new one would have as well.
    fn unusable<'a>(&'a self, _cloud: &'a Session) -> Attempt<'a, Option<AwsFailure>> {
        future::ready(Ok(None)).boxed()
    }

    /// Requests its deletion.
    fn delete<'a>(&'a self, session: &'a Session, found: &'a Observed) -> Attempt<'a>;

    /// Returns the blocker of its deletion, if any. It is called before anything is deleted.
    fn deletion_blocker<'a>(
        &'a self,
        _cloud: &'a Session,
        _found: &'a Observed,
    ) -> Attempt<'a, Option<DeletionBlocker>> {
        future::ready(Ok(None)).boxed()
    }

    /// Returns the unmanaged resources that its deletion would delete, too. It is called before anything is deleted, to
    /// name them.
    fn collateral<'a>(&'a self, _cloud: &'a Session) -> Attempt<'a, Vec<String>> {
        future::ready(Ok(Vec::new())).boxed()
    }

    /// Returns the reason why a call that failed as if something were only too new can never succeed. Returns `None`
    /// while it may succeed.
    fn permanent_failure<'a>(
        &'a self,
        _cloud: &'a Session,
        _references: &'a ArnRegistry,
        _failure: &'a AwsFailure,
    ) -> BoxFuture<'a, Option<PermanentFailure>> {
        future::ready(None).boxed()
    }
}

/// The result of a poll of an unfinished resource.
#[derive(Debug)]
pub(crate) enum Readiness {
    /// The resource is ready. Contains its ARN.
    Ready(String),
    /// Everything is requested and only takes time. Contains the ARN, and the service's state.
    InProgress(String, String),
    /// Further changes are to be requested when the resource accepts them. Contains the service's state.
    NotYet(String),
    /// Not visible: not yet, or not any more.
    NotVisible,
}

/// A blocker of a resource's deletion.
#[derive(Clone, Debug)]
pub(crate) struct DeletionBlocker {
    /// The end of a sentence such as "the stream `x` …".
    pub what: String,
    /// The remedy.
    pub remedy: String,
}

/// The reason why a call can never succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PermanentFailure {
    /// The problem, as a sentence.
    pub reason: String,
    /// The remedy.
    pub way: String,
    /// True if it concerns a recent write of this run: then a read may still be stale.
    pub is_fresh: bool,
}

impl PermanentFailure {
    /// Creates a failure that does not concern a write of this run.
    #[must_use]
    pub(crate) fn new(why: impl Into<String>, way: impl Into<String>) -> Self {
        PermanentFailure { reason: why.into(), way: way.into(), is_fresh: false }
    }
}

/// Returns the properties of an observed resource that differ from the desired state.
#[must_use]
pub(crate) fn differences(resource: &dyn Resource, references: &ArnRegistry, found: &Observed) -> Vec<Difference> {
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
