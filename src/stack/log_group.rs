//! The log group of the function: made by us, so that it has a retention and goes away with the rest.

use aws_sdk_cloudwatchlogs::types::LogGroup as Group;
use futures::FutureExt;
use serde_json::{Value, json};

use super::orphans::Candidate;
use super::ownership::is_our_make;
use super::resource::{Attempt, Tags};
use super::sighting::with_tags;
use super::{Cloud, Difference, Found, Kind, Properties, References, Resource, Settled, State};
use crate::aws::{Call, Failure};

const SERVICE: &str = "CloudWatch Logs";
/// Name of the detail that says how much is in it, in bytes.
const STORED: &str = "stored_bytes";

/// A log group with a retention.
pub struct LogGroup {
    /// `/aws/lambda/` and the function's name.
    pub name: String,
    /// Days that events are kept; without limit if none.
    pub retention_days: Option<i32>,
}

impl LogGroup {
    fn call<'a>(&'a self, cloud: &'a Cloud, operation: &'static str) -> Call<'a> {
        cloud.clients.call(SERVICE, operation, &self.name)
    }

    async fn describe(&self, cloud: &Cloud) -> Result<Option<Group>, Failure> {
        // Names are matched by prefix; the shortest, which is the whole name, comes first.
        let request = cloud.clients.logs.describe_log_groups().log_group_name_prefix(&self.name).limit(1);
        let answer = self.call(cloud, "DescribeLogGroups").answer(request.send().await)?;
        let mut groups = answer.log_groups.unwrap_or_default().into_iter();
        Ok(groups.find(|group| group.log_group_name.as_deref() == Some(&self.name)))
    }

    async fn put_retention(&self, cloud: &Cloud) -> Result<(), Failure> {
        let logs = &cloud.clients.logs;
        if let Some(days) = self.retention_days {
            let request = logs.put_retention_policy().log_group_name(&self.name).retention_in_days(days);
            return self.call(cloud, "PutRetentionPolicy").done(request.send().await);
        }
        let request = logs.delete_retention_policy().log_group_name(&self.name);
        self.call(cloud, "DeleteRetentionPolicy").done(request.send().await)
    }
}

/// All log groups of functions.
pub async fn list(cloud: &Cloud) -> Result<Vec<Candidate>, Failure> {
    let pages = cloud.clients.logs.describe_log_groups().log_group_name_prefix("/aws/lambda/").into_paginator();
    let groups: Result<Vec<_>, _> = pages.items().send().collect().await;
    let groups = cloud.clients.call(SERVICE, "DescribeLogGroups", "all log groups of functions").answer(groups)?;
    let candidate = |group: Group| Some(Candidate { key: arn_of(&group), name: group.log_group_name? });
    Ok(groups.into_iter().filter_map(candidate).collect())
}

/// The tags of a log group; none if it is not there.
pub async fn tags_of(cloud: &Cloud, arn: &str, name: &str) -> Result<Tags, Failure> {
    let result = cloud.clients.logs.list_tags_for_resource().resource_arn(arn).send().await;
    let answer = cloud.clients.call(SERVICE, "ListTagsForResource", name).find(result)?;
    Ok(answer.and_then(|answer| answer.tags).unwrap_or_default().into_iter().collect())
}

/// The retention as the settings have it.
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

    fn observe<'a>(&'a self, cloud: &'a Cloud) -> Attempt<'a, Found> {
        async move {
            let tags = |group: &Group| {
                let arn = arn_of(group);
                async move { tags_of(cloud, &arn, &self.name).await }.boxed()
            };
            let seen = with_tags(|| self.describe(cloud).boxed(), tags, |group| group.creation_time).await?;
            let Some((group, tags)) = seen else { return Ok(Found::missing()) };
            let arn = arn_of(&group);
            let properties: Properties = [("retention_days", shown(group.retention_in_days))].into();
            // The service counts with some delay: what it has not counted yet is younger than any retention.
            let details = [(STORED, group.stored_bytes.unwrap_or_default().to_string())].into();
            Ok(Found { state: State::Active, arn: Some(arn), tags, properties, details, ..Found::missing() })
        }
        .boxed()
    }

    fn wanted(&self, _: &References) -> Properties {
        [("retention_days", shown(self.retention_days))].into()
    }

    fn keep(&mut self, found: &Found, is_asked: &dyn Fn(&str) -> bool) {
        if !is_asked("log_group.retention_days") {
            self.retention_days = found.number("retention_days");
        }
    }

    fn loses_data(&self, _: &str, has: &Value, wanted: &Value, found: &Found) -> bool {
        // An empty group of ours without any retention is what a killed run left behind, before it could set one.
        let is_unfinished = is_our_make(&found.tags) && found.details.get(STORED).is_some_and(|bytes| bytes == "0");
        match (has.as_i64(), wanted.as_i64()) {
            (Some(has), Some(wanted)) => wanted < has,
            (None, Some(_)) => !is_unfinished,
            (_, None) => false,
        }
    }

    fn create<'a>(&'a self, cloud: &'a Cloud, _: &'a References) -> Attempt<'a, Option<String>> {
        async move {
            // Not again where only its retention could not be set at once.
            if !cloud.recent.has_created(&self.name) {
                let tags = cloud.owner.all_tags().into_iter().collect();
                let request = cloud.clients.logs.create_log_group().log_group_name(&self.name).set_tags(Some(tags));
                self.call(cloud, "CreateLogGroup").done(request.send().await)?;
                cloud.recent.note_creation(&self.name);
            }
            if self.retention_days.is_some() {
                self.put_retention(cloud).await?;
            }
            // The answer names no ARN.
            Ok(self.describe(cloud).await?.map(|group| arn_of(&group)))
        }
        .boxed()
    }

    fn update<'a>(&'a self, cloud: &'a Cloud, _: &'a References, _: &'a Found, _: &'a [Difference]) -> Attempt<'a> {
        self.put_retention(cloud).boxed()
    }

    fn tag<'a>(&'a self, cloud: &'a Cloud, found: &'a Found, tags: Tags) -> Attempt<'a> {
        async move {
            let request = cloud.clients.logs.tag_resource().resource_arn(found.arn.as_deref().unwrap_or_default());
            let request = request.set_tags(Some(tags.into_iter().collect()));
            self.call(cloud, "TagResource").done(request.send().await)
        }
        .boxed()
    }

    fn settle<'a>(&'a self, cloud: &'a Cloud) -> Attempt<'a, Settled> {
        async move {
            Ok(match self.describe(cloud).await? {
                Some(group) => Settled::Works(arn_of(&group)),
                None => Settled::Unseen,
            })
        }
        .boxed()
    }

    fn delete<'a>(&'a self, cloud: &'a Cloud, _: &'a Found) -> Attempt<'a> {
        async move {
            let request = cloud.clients.logs.delete_log_group().log_group_name(&self.name);
            self.call(cloud, "DeleteLogGroup").done(request.send().await)
        }
        .boxed()
    }
}

/// The ARN without the `:*` that older answers carry at its end.
fn arn_of(group: &Group) -> String {
    let arn = group.log_group_arn.as_deref().or(group.arn.as_deref()).unwrap_or_default();
    arn.trim_end_matches(":*").to_owned()
}
