//! The log group of the function. It is created explicitly, so that it has a retention and is deleted with the
//! pipeline.

use aws_sdk_cloudwatchlogs::types::LogGroup as Group;
use futures::FutureExt;
use serde_json::{Value, json};

use crate::aws::{AwsFailure, CallContext};
use crate::stack::engine::observed::Tags;
use crate::stack::engine::ownership::is_made_by_sensorctl;
use crate::stack::engine::resource::Attempt;
use crate::stack::engine::sighting::with_tags;
use crate::stack::engine::tagged_resource::TaggedResource;
use crate::stack::{ArnRegistry, Difference, Kind, Observed, Properties, Readiness, Resource, Session, State};

const SERVICE: &str = "CloudWatch Logs";
/// Name of the detail with its size in bytes.
const STORED: &str = "stored_bytes";

/// A log group with a retention.
pub(crate) struct LogGroup {
    /// `/aws/lambda/` and the function's name.
    pub name: String,
    /// Days until events are deleted. `None` means never.
    pub retention_days: Option<i32>,
}

impl LogGroup {
    fn call<'a>(&'a self, session: &'a Session, operation: &'static str) -> CallContext<'a> {
        session.clients.call(SERVICE, operation, &self.name)
    }

    async fn describe(&self, session: &Session) -> Result<Option<Group>, AwsFailure> {
        // Names are matched by prefix. The shortest, which is the whole name, comes first.
        let request = session.clients.logs.describe_log_groups().log_group_name_prefix(&self.name).limit(1);
        let answer = self.call(session, "DescribeLogGroups").answer(request.send().await)?;
        let mut groups = answer.log_groups.unwrap_or_default().into_iter();
        Ok(groups.find(|group| group.log_group_name.as_deref() == Some(&self.name)))
    }

    async fn put_retention(&self, session: &Session) -> Result<(), AwsFailure> {
        let logs = &session.clients.logs;
        if let Some(days) = self.retention_days {
            let request = logs.put_retention_policy().log_group_name(&self.name).retention_in_days(days);
            return self.call(session, "PutRetentionPolicy").unit(request.send().await);
        }
        let request = logs.delete_retention_policy().log_group_name(&self.name);
        self.call(session, "DeleteRetentionPolicy").unit(request.send().await)
    }
}

/// Lists all log groups of functions.
pub(crate) async fn list(session: &Session) -> Result<Vec<TaggedResource>, AwsFailure> {
    let pages = session.clients.logs.describe_log_groups().log_group_name_prefix("/aws/lambda/").into_paginator();
    let groups: Result<Vec<_>, _> = pages.items().send().collect().await;
    let groups = session.clients.call(SERVICE, "DescribeLogGroups", "all log groups of functions").answer(groups)?;
    let candidate = |group: Group| Some(TaggedResource { key: arn_of(&group), name: group.log_group_name? });
    Ok(groups.into_iter().filter_map(candidate).collect())
}

/// Returns the tags of a log group, or no tags if it does not exist.
pub(crate) async fn tags_of(session: &Session, arn: &str, name: &str) -> Result<Tags, AwsFailure> {
    let result = session.clients.logs.list_tags_for_resource().resource_arn(arn).send().await;
    let answer = session.clients.call(SERVICE, "ListTagsForResource", name).optional(result)?;
    Ok(answer.and_then(|answer| answer.tags).unwrap_or_default().into_iter().collect())
}

/// Returns the retention in the form of the settings.
fn shown(days: Option<i32>) -> Value {
    days.map_or_else(|| json!("never"), |days| json!(days))
}

impl Resource for LogGroup {
    fn kind(&self) -> Kind {
        Kind::LogGroup
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn observe<'a>(&'a self, session: &'a Session) -> Attempt<'a, Observed> {
        async move {
            let tags = |group: &Group| {
                let arn = arn_of(group);
                let tags = async move {
                    match session.stage_tags_of(&arn).await {
                        Some(tags) => Ok(tags),
                        None => tags_of(session, &arn, &self.name).await,
                    }
                };
                tags.boxed()
            };
            let seen = with_tags(|| self.describe(session).boxed(), tags, |group| group.creation_time).await?;
            let Some((group, tags)) = seen else { return Ok(Observed::missing()) };
            let arn = arn_of(&group);
            let properties: Properties = [("retention_days", shown(group.retention_in_days))].into();
            // The service's size has some delay: data that is not counted yet is younger than any retention.
            let details = [(STORED, group.stored_bytes.unwrap_or_default().to_string())].into();
            Ok(Observed { state: State::Active, arn: Some(arn), tags, properties, details, ..Observed::missing() })
        }
        .boxed()
    }

    fn desired(&self, _: &ArnRegistry) -> Properties {
        [("retention_days", shown(self.retention_days))].into()
    }

    fn preserve_unmanaged(&mut self, found: &Observed, is_asked: &dyn Fn(&str) -> bool) {
        if !is_asked("log_group.retention_days") {
            self.retention_days = found.number("retention_days");
        }
    }

    fn loses_data(&self, _: &str, has: &Value, wanted: &Value, found: &Observed) -> bool {
        // An empty managed group without any retention is a remainder of a killed run, which could not set one yet.
        let is_unfinished =
            is_made_by_sensorctl(&found.tags) && found.details.get(STORED).is_some_and(|bytes| bytes == "0");
        match (has.as_i64(), wanted.as_i64()) {
            (Some(has), Some(wanted)) => wanted < has,
            (None, Some(_)) => !is_unfinished,
            (_, None) => false,
        }
    }

    fn create<'a>(&'a self, session: &'a Session, _: &'a ArnRegistry) -> Attempt<'a, Option<String>> {
        async move {
            // Not again if only its retention could not be set at once.
            if !session.recent.has_created(&self.name) {
                let tags = session.owner.all_tags().into_iter().collect();
                let request = session.clients.logs.create_log_group().log_group_name(&self.name).set_tags(Some(tags));
                self.call(session, "CreateLogGroup").unit(request.send().await)?;
                session.recent.note_creation(&self.name);
            }
            if self.retention_days.is_some() {
                self.put_retention(session).await?;
            }
            // The response does not contain an ARN.
            Ok(self.describe(session).await?.map(|group| arn_of(&group)))
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        session: &'a Session,
        _: &'a ArnRegistry,
        _: &'a Observed,
        _: &'a [Difference],
    ) -> Attempt<'a> {
        self.put_retention(session).boxed()
    }

    fn tag<'a>(&'a self, session: &'a Session, found: &'a Observed, tags: Tags) -> Attempt<'a> {
        async move {
            let request = session.clients.logs.tag_resource().resource_arn(found.arn.as_deref().unwrap_or_default());
            let request = request.set_tags(Some(tags.into_iter().collect()));
            self.call(session, "TagResource").unit(request.send().await)
        }
        .boxed()
    }

    fn poll_ready<'a>(&'a self, session: &'a Session) -> Attempt<'a, Readiness> {
        async move {
            Ok(match self.describe(session).await? {
                Some(group) => Readiness::Ready(arn_of(&group)),
                None => Readiness::NotVisible,
            })
        }
        .boxed()
    }

    fn delete<'a>(&'a self, session: &'a Session, _: &'a Observed) -> Attempt<'a> {
        async move {
            let request = session.clients.logs.delete_log_group().log_group_name(&self.name);
            self.call(session, "DeleteLogGroup").unit(request.send().await)
        }
        .boxed()
    }
}

/// Returns the ARN without the `:*` at the end that older responses have.
fn arn_of(group: &Group) -> String {
    let arn = group.log_group_arn.as_deref().or(group.arn.as_deref()).unwrap_or_default();
    arn.trim_end_matches(":*").to_owned()
}
