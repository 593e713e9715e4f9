//! Things of this stage under names that the settings do not have any more: found by their tags, since there is no state
//! file that would know of them.
//!
//! No service can be asked for tags across names with the permissions that the pipeline needs anyway, so everything that
//! may be one is listed and looked at; names that cannot be of this stage, and what shows by its description that
//! sensorctl did not make it, are left out first.

use futures::stream::{self, StreamExt};
use futures::{FutureExt, TryStreamExt, future};

use super::function::{self, Function};
use super::log_group::{self, LogGroup};
use super::mapping::{self, Mapping};
use super::resource::{Attempt, Found, Resource, Tags};
use super::role::{self, Grants, Role};
use super::stream::{self as streams, Stream};
use super::table::{self, Table};
use super::{Artifact, Cloud, DEFAULT_STAGE, Kind};
use crate::aws::Failure;
use crate::settings::{self, Pipeline};

/// The most candidates of a kind that are looked at: their tags have to be asked for one by one.
const MOST: usize = 200;

/// How many of them are looked at side by side; Kinesis takes five such calls a second (docs/facts/kinesis.md, Call
/// rates).
const AT_ONCE: usize = 5;

/// A thing that may be left over.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Its name.
    pub name: String,
    /// What its tags are asked for by: an ARN, or the name again.
    pub key: String,
}

/// Things left over, and what could not be looked at.
#[derive(Default)]
pub struct Leftovers {
    /// What was found, with how it was found.
    pub things: Vec<(Box<dyn Resource>, Found)>,
    /// Kinds that could not be looked through, or not wholly, and why.
    pub unseen: Vec<(Kind, String)>,
}

impl Leftovers {
    /// Looks through everything that there is, all kinds at once.
    pub async fn find(cloud: &Cloud, settings: &Pipeline) -> Self {
        let look = Look { cloud: &cloud.for_a_look(), settings };
        let (tables, streams, roles, groups, functions, mappings) = futures::join!(
            look.tables().boxed(),
            look.streams().boxed(),
            look.roles().boxed(),
            look.log_groups().boxed(),
            look.functions().boxed(),
            look.mappings().boxed(),
        );
        let mut all = Leftovers::default();
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
                    all.things.extend(things);
                    all.unseen.extend(unseen.map(|why| (kind, why)));
                }
                Err(failure) => all.unseen.push((kind, failure.to_string())),
            }
        }
        all
    }
}

/// What was found of one kind, and what was left out.
type Looked = Result<(Vec<(Box<dyn Resource>, Found)>, Option<String>), Failure>;

/// Asks for the tags of a candidate.
type TagsOf = for<'a> fn(&'a Cloud, &'a Candidate) -> Attempt<'a, Tags>;

struct Look<'a> {
    cloud: &'a Cloud,
    settings: &'a Pipeline,
}

impl Look<'_> {
    async fn tables(&self) -> Looked {
        let Look { cloud, settings } = self;
        let known = [settings.table.name.as_str(), &settings.rejects.table.name];
        let listed = cloud.repeat(|| table::list(cloud), |_, _| {}).await?;
        let of = |wanted: &settings::Table, name: String| settings::Table { name, existing: false, ..wanted.clone() };
        let rejects = Table::of_rejects(settings.rejects.table.clone()).key();
        let (things, unseen) = self
            .owned(
                listed,
                &known,
                |cloud, candidate| table::tags_of_name(cloud, &candidate.name).boxed(),
                |name| Box::new(Table::of_readings(of(&settings.table, name))),
            )
            .await?;
        // Only the key tells which of the two it was.
        let sorted = things.into_iter().map(|(resource, found)| {
            if found.properties.get("key") != Some(&rejects) {
                return (resource, found);
            }
            let name = resource.name().to_owned();
            (Box::new(Table::of_rejects(of(&settings.rejects.table, name))) as Box<dyn Resource>, found)
        });
        Ok((sorted.collect(), unseen))
    }

    async fn streams(&self) -> Looked {
        let Look { cloud, settings } = self;
        let listed = cloud.repeat(|| streams::list(cloud), |_, _| {}).await?;
        let of = |name| settings::Stream { name, existing: false, ..settings.stream.clone() };
        self.owned(
            listed,
            &[&settings.stream.name],
            |cloud, candidate| streams::tags_of(cloud, &candidate.key).boxed(),
            |name| Box::new(Stream::new(of(name))),
        )
        .await
    }

    async fn roles(&self) -> Looked {
        let Look { cloud, settings } = self;
        let listed = cloud.repeat(|| role::list(cloud), |_, _| {}).await?;
        let of = |name| settings::Role { name, existing: false, ..settings.role.clone() };
        self.owned(
            listed,
            &[&settings.role.name],
            |cloud, candidate| role::tags_of(cloud, &candidate.key).boxed(),
            |name| Box::new(Role::new(of(name), Grants::default())),
        )
        .await
    }

    async fn log_groups(&self) -> Looked {
        let Look { cloud, settings } = self;
        let listed = cloud.repeat(|| log_group::list(cloud), |_, _| {}).await?;
        let retention_days = settings.log_group.retention_days;
        self.owned(
            listed,
            &[&settings.log_group_name()],
            |cloud, candidate| log_group::tags_of(cloud, &candidate.key, &candidate.name).boxed(),
            |name| Box::new(LogGroup { name, retention_days }),
        )
        .await
    }

    async fn functions(&self) -> Looked {
        let Look { cloud, settings } = self;
        let listed = cloud.repeat(|| function::list(cloud), |_, _| {}).await?;
        let of = |name| settings::Function { name, ..settings.function.clone() };
        self.owned(
            listed,
            &[&settings.function.name],
            |cloud, candidate| function::tags_of(cloud, &candidate.key, &candidate.name).boxed(),
            |name| Box::new(Function::new(of(name), "", [].into(), Artifact::none())),
        )
        .await
    }

    async fn mappings(&self) -> Looked {
        let Look { cloud, settings } = self;
        let listed = cloud.repeat(|| mapping::list(cloud), |_, _| {}).await?;
        let of = |name: &str| {
            let (stream, function) = mapping::parts(name);
            let stream = settings::Stream { name: stream.to_owned(), ..settings.stream.clone() };
            Mapping::new(stream, function, "", settings.mapping.clone()).going()
        };
        self.owned(
            listed,
            &[&mapping::name(&settings.stream.name, &settings.function.name)],
            |cloud, candidate| function::tags_of(cloud, &candidate.key, &candidate.name).boxed(),
            |name| Box::new(of(&name)),
        )
        .await
    }

    /// Those of the listed things that carry our tags and are not known, looked at as a whole.
    async fn owned(
        &self,
        listed: Vec<Candidate>,
        known: &[&str],
        tags: TagsOf,
        resource: impl Fn(String) -> Box<dyn Resource>,
    ) -> Looked {
        let Look { cloud, .. } = self;
        let may_be =
            |candidate: &Candidate| self.is_of_stage(&candidate.name) && !known.contains(&candidate.name.as_str());
        let mut candidates: Vec<_> = listed.into_iter().filter(may_be).collect();
        let all = candidates.len();
        candidates.truncate(MOST);
        let unseen = (all > MOST).then(|| format!("only {MOST} of {all} were looked at"));
        let tagged = stream::iter(candidates).map(|candidate| async move {
            let tags = cloud.repeat(|| tags(cloud, &candidate), |_, _| {}).await?;
            let found = Found { tags, ..Found::missing() };
            Ok::<_, Failure>(cloud.owner.of(&found).is_ours().then_some(candidate.name))
        });
        let ours: Vec<Option<String>> = tagged.buffered(AT_ONCE).try_collect().await?;
        let looked_at = ours.into_iter().flatten().map(|name| {
            let resource = resource(name);
            async move {
                let found = cloud.look_at(resource.as_ref()).await?;
                Ok::<_, Failure>((resource, found))
            }
        });
        let things = future::try_join_all(looked_at).await?;
        Ok((things.into_iter().filter(|(_, found)| found.is_there()).collect(), unseen))
    }

    /// Whether a name may be one of this stage: those of a stage end in it.
    fn is_of_stage(&self, name: &str) -> bool {
        let stage = &self.cloud.owner.stage;
        *stage == DEFAULT_STAGE || name.ends_with(&format!("-{stage}"))
    }
}
