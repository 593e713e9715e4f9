//! Orphans: resources of this stage with names that are no longer configured. They are found by their tags, since there
//! is no state file.
//!
//! The Resource Groups Tagging API returns all resources with the tags except roles. If it is denied or not available,
//! all candidates are listed and their tags are read. Names that cannot be of this stage, and resources with a
//! description that shows another origin, are excluded first.

mod pace;
mod tagging;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::{self, StreamExt};
use futures::{FutureExt, future};

use self::pace::Pace;
use self::tagging::Tagged;

use super::engine::observed::{Observed, Tags};
use super::engine::resource::{Attempt, Resource};
use super::engine::tagged_resource::TaggedResource;
use crate::aws::{AwsFailure, FailureCause};
use crate::settings::{self, Pipeline};
use crate::stack::resources::event_source_mapping;
use crate::stack::resources::event_source_mapping::EventSourceMapping;
use crate::stack::resources::function;
use crate::stack::resources::function::Function;
use crate::stack::resources::lambda_tags;
use crate::stack::resources::log_group;
use crate::stack::resources::log_group::LogGroup;
use crate::stack::resources::role;
use crate::stack::resources::role::{Role, RoleGrants};
use crate::stack::resources::stream as streams;
use crate::stack::resources::stream::Stream;
use crate::stack::resources::table;
use crate::stack::resources::table::Table;
use crate::stack::{DEFAULT_STAGE, FunctionArtifact, Kind, Session};

/// Maximum candidates of a kind: their tags have to be read one by one.
const MAX_CANDIDATES: usize = 200;

/// Candidates that are read concurrently.
const CONCURRENCY: usize = 5;

/// Orphans, and the kinds that could not be searched.
#[derive(Default)]
pub(crate) struct Orphans {
    /// The orphans with their observed state.
    pub resources: Vec<(Box<dyn Resource>, Observed)>,
    /// Kinds that could not be searched, or not completely, with the reason.
    pub incomplete: Vec<(Kind, String)>,
    /// Set if tags had to be read one by one: the reason, and the number of resources.
    pub one_by_one: Option<(String, usize)>,
}

impl Orphans {
    /// Returns those of a search that did not end, for this reason.
    pub(crate) fn not_searched(why: &str) -> Self {
        let incomplete = Kind::ALL.map(|kind| (kind, why.to_owned())).into();
        Orphans { incomplete, ..Orphans::default() }
    }

    /// Searches all kinds at once; `mapping` is the ARN of the event source mapping that the settings name, if it is
    /// known. A quick session searches roles, which the tagging API does not return, only if it returns other orphans.
    pub(crate) async fn find(session: &Session, settings: &Pipeline, mapping: Option<&str>) -> Self {
        let session = &session.read_only();
        let (tagged, why) = match Tagged::find(session).await {
            Ok(tagged) => (Some(tagged), None),
            Err(failure) => (None, Some(failure.to_string())),
        };
        let asked_for = AtomicUsize::new(0);
        let look = Discovery { session, settings, mapping, tagged: tagged.as_ref(), asked_for: &asked_for };
        let (tables, streams, roles, groups, functions, mappings) = futures::join!(
            look.tables().boxed(),
            look.streams().boxed(),
            look.roles().boxed(),
            look.log_groups().boxed(),
            look.functions().boxed(),
            look.mappings().boxed(),
        );
        let one_by_one = why.map(|why| (why, asked_for.load(Ordering::Relaxed)));
        let mut all = Orphans { one_by_one, ..Orphans::default() };
        for (kind, result) in [
            (Kind::Table, tables),
            (Kind::Stream, streams),
            (Kind::Role, roles),
            (Kind::LogGroup, groups),
            (Kind::Function, functions),
            (Kind::Mapping, mappings),
        ] {
            match result {
                Ok((things, unseen)) => {
                    all.resources.extend(things);
                    all.incomplete.extend(unseen.map(|why| (kind, why)));
                }
                Err(failure) => all.incomplete.push((kind, failure.to_string())),
            }
        }
        all
    }
}

/// The orphans of one kind, and the reason why the search is incomplete.
type DiscoveryResult = Result<(Vec<(Box<dyn Resource>, Observed)>, Option<String>), AwsFailure>;

/// A function that reads the tags of a candidate.
type TagsOf = for<'a> fn(&'a Session, &'a TaggedResource) -> Attempt<'a, Tags>;

struct Discovery<'a> {
    session: &'a Session,
    settings: &'a Pipeline,
    /// The ARN of the configured event source mapping, if it is known.
    mapping: Option<&'a str>,
    /// The ARNs of the tagging API. `None` if it is not available.
    tagged: Option<&'a Tagged>,
    /// Number of resources whose tags were read one by one.
    asked_for: &'a AtomicUsize,
}

impl Discovery<'_> {
    async fn tables(&self) -> DiscoveryResult {
        let Discovery { session, settings, .. } = self;
        let known = [settings.table.name.as_str(), &settings.rejects.table.name];
        let listed = match self.tagged {
            Some(tagged) => tagged.of(Kind::Table),
            None => session.retry(|| table::list(session), |_, _| {}).await?,
        };
        let of = |wanted: &settings::Table, name: String| settings::Table { name, existing: false, ..wanted.clone() };
        let rejects = Table::of_rejects(settings.rejects.table.clone()).key();
        let (things, unseen) = self
            .owned(
                Kind::Table,
                listed,
                &known,
                |session, candidate| table::tags_of_name(session, &candidate.name).boxed(),
                |name| Box::new(Table::of_readings(of(&settings.table, name))),
            )
            .await?;
        // Only the key shows which of the two tables it was.
        let sorted = things.into_iter().map(|(resource, found)| {
            if found.properties.get("key") != Some(&rejects) {
                return (resource, found);
            }
            let name = resource.name().to_owned();
            (Box::new(Table::of_rejects(of(&settings.rejects.table, name))) as Box<dyn Resource>, found)
        });
        Ok((sorted.collect(), unseen))
    }

    async fn streams(&self) -> DiscoveryResult {
        let Discovery { session, settings, .. } = self;
        let listed = match self.tagged {
            Some(tagged) => tagged.of(Kind::Stream),
            None => session.retry(|| streams::list(session), |_, _| {}).await?,
        };
        let of = |name| settings::Stream { name, existing: false, ..settings.stream.clone() };
        self.owned(
            Kind::Stream,
            listed,
            &[&settings.stream.name],
            |session, candidate| streams::tags_of(session, &candidate.key).boxed(),
            |name| Box::new(Stream::new(of(name))),
        )
        .await
    }

    async fn roles(&self) -> DiscoveryResult {
        let Discovery { session, settings, .. } = self;
        if session.quick.is_some() && self.tagged.is_some_and(|tagged| !self.has_orphans(tagged)) {
            return Ok((Vec::new(), None));
        }
        let listed = session.retry(|| role::list(session), |_, _| {}).await?;
        let of = |name| settings::Role { name, existing: false, ..settings.role.clone() };
        self.owned(
            Kind::Role,
            listed,
            &[&settings.role.name],
            |session, candidate| role::tags_of(session, &candidate.key).boxed(),
            |name| Box::new(Role::new(of(name), RoleGrants::default())),
        )
        .await
    }

    /// Returns whether the tagging API shows a resource that is not configured.
    fn has_orphans(&self, tagged: &Tagged) -> bool {
        let Discovery { settings, .. } = self;
        let group = settings.log_group_name();
        let configured = [
            (Kind::Table, [settings.table.name.as_str(), settings.rejects.table.name.as_str()]),
            (Kind::Stream, [settings.stream.name.as_str(); 2]),
            (Kind::LogGroup, [group.as_str(); 2]),
            (Kind::Function, [settings.function.name.as_str(); 2]),
        ];
        tagged.has_other(Kind::Mapping, self.mapping)
            || configured.iter().any(|(kind, known)| {
                tagged
                    .of(*kind)
                    .iter()
                    .any(|found| !known.contains(&found.name.as_str()) && self.is_of_stage(&found.name))
            })
    }

    async fn log_groups(&self) -> DiscoveryResult {
        let Discovery { session, settings, .. } = self;
        let listed = match self.tagged {
            Some(tagged) => tagged.of(Kind::LogGroup),
            None => session.retry(|| log_group::list(session), |_, _| {}).await?,
        };
        let retention_days = settings.log_group.retention_days;
        self.owned(
            Kind::LogGroup,
            listed,
            &[&settings.log_group_name()],
            |session, candidate| log_group::tags_of(session, &candidate.key, &candidate.name).boxed(),
            |name| Box::new(LogGroup { name, retention_days }),
        )
        .await
    }

    async fn functions(&self) -> DiscoveryResult {
        let Discovery { session, settings, .. } = self;
        let listed = match self.tagged {
            Some(tagged) => tagged.of(Kind::Function),
            None => session.retry(|| function::list(session), |_, _| {}).await?,
        };
        let of = |name| settings::Function { name, ..settings.function.clone() };
        self.owned(
            Kind::Function,
            listed,
            &[&settings.function.name],
            |session, candidate| lambda_tags::tags_of(session, &candidate.key, &candidate.name).boxed(),
            |name| Box::new(Function::new(of(name), "", [].into(), FunctionArtifact::empty())),
        )
        .await
    }

    async fn mappings(&self) -> DiscoveryResult {
        let Discovery { session, settings, .. } = self;
        // Their ARNs do not contain the stream and the function.
        let listed = match self.tagged {
            Some(tagged) if !tagged.has_other(Kind::Mapping, self.mapping) => Vec::new(),
            _ => session.retry(|| event_source_mapping::list(session), |_, _| {}).await?,
        };
        let is_tagged = |candidate: &TaggedResource| self.tagged.is_none_or(|tagged| tagged.contains(&candidate.key));
        let listed = listed.into_iter().filter(is_tagged).collect();
        let of = |name: &str| {
            let (stream, function) = event_source_mapping::parts(name);
            let stream = settings::Stream { name: stream.to_owned(), ..settings.stream.clone() };
            EventSourceMapping::new(stream, function, "", settings.mapping.clone()).for_teardown()
        };
        self.owned(
            Kind::Mapping,
            listed,
            &[&event_source_mapping::name(&settings.stream.name, &settings.function.name)],
            |session, candidate| lambda_tags::tags_of(session, &candidate.key, &candidate.name).boxed(),
            |name| Box::new(of(&name)),
        )
        .await
    }

    /// Returns those of the listed resources that have the pipeline's tags and are not configured, with their full
    /// state.
    async fn owned(
        &self,
        kind: Kind,
        listed: Vec<TaggedResource>,
        known: &[&str],
        tags: TagsOf,
        resource: impl Fn(String) -> Box<dyn Resource>,
    ) -> DiscoveryResult {
        let Discovery { session, .. } = self;
        let may_be =
            |candidate: &TaggedResource| self.is_of_stage(&candidate.name) && !known.contains(&candidate.name.as_str());
        let candidates: Vec<_> = listed.into_iter().filter(may_be).collect();
        let mut unseen = Vec::new();
        // The tagging API does not return roles.
        let names = if self.tagged.is_some() && kind != Kind::Role {
            candidates.into_iter().map(|candidate| candidate.name).collect()
        } else {
            self.tagged_one_by_one(candidates, tags, &mut unseen).await?
        };
        let looked_at = names.into_iter().map(|name| {
            let resource = resource(name);
            async move {
                let found = session.observe(resource.as_ref()).await;
                (resource, found)
            }
        });
        let mut things = Vec::new();
        for (resource, found) in future::join_all(looked_at).await {
            match found {
                // The tagging API may still return a resource that is deleted or has another owner by now.
                Ok(found) if found.exists() && session.owner.of(&found).is_ours() => things.push((resource, found)),
                Ok(_) => {}
                Err(failure) => unseen.push(failure.to_string()),
            }
        }
        Ok((things, (!unseen.is_empty()).then(|| unseen.join("; "))))
    }

    /// Returns the names of those with the pipeline's tags, which are read one by one. A resource with unreadable tags
    /// counts as unmanaged: the caller that created it for this stage could read them.
    async fn tagged_one_by_one(
        &self,
        mut candidates: Vec<TaggedResource>,
        tags: TagsOf,
        unseen: &mut Vec<String>,
    ) -> Result<Vec<String>, AwsFailure> {
        let Discovery { session, .. } = self;
        let all = candidates.len();
        candidates.truncate(MAX_CANDIDATES);
        if all > MAX_CANDIDATES {
            unseen.push(format!("only {MAX_CANDIDATES} of {all} were checked"));
        }
        self.asked_for.fetch_add(candidates.len(), Ordering::Relaxed);
        let pace = &Pace::new(session.clients.is_loopback());
        let looks = stream::iter(candidates).map(|candidate| async move {
            pace.turn().await;
            match session.retry(|| tags(session, &candidate), |_, _| {}).await {
                Ok(tags) => {
                    let found = Observed { tags, ..Observed::missing() };
                    Ok(Ok(session.owner.of(&found).is_ours().then_some(candidate.name)))
                }
                Err(failure) if failure.cause == FailureCause::Denied => Ok(Err(failure)),
                Err(failure) => Err(failure),
            }
        });
        let (mut names, mut denied) = (Vec::new(), Vec::new());
        for look in looks.buffered(CONCURRENCY).collect::<Vec<_>>().await {
            match look? {
                Ok(name) => names.extend(name),
                Err(failure) => denied.push(failure),
            }
        }
        if let Some(first) = denied.first() {
            let count = denied.len();
            unseen.push(format!("{count} whose tags cannot be read count as unmanaged ({first})"));
        }
        Ok(names)
    }

    /// Returns whether a name may be of this stage. Names of a stage end with it.
    fn is_of_stage(&self, name: &str) -> bool {
        let stage = &self.session.owner.stage;
        *stage == DEFAULT_STAGE || name.ends_with(&format!("-{stage}"))
    }
}
