//! The log group of the function: made by us, so that it has a retention and goes away with the rest.

use aws_sdk_cloudwatchlogs::types::LogGroup as Group;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::tags::{OwnTags, TAGS};
use super::{Cloud, Difference, Found, Kind, Properties, References, Resource, Settled, State, Tags};
use crate::aws::{Cause, Failure};

const SERVICE: &str = "CloudWatch Logs";

/// A log group with a retention.
pub struct LogGroup {
    /// `/aws/lambda/` and the function's name.
    pub name: String,
    /// Days that events are kept; without limit if none.
    pub retention_days: Option<i32>,
    /// Tags of the user's own.
    pub tags: OwnTags,
}

impl LogGroup {
    async fn describe(&self, cloud: &Cloud) -> Result<Option<Group>, Failure> {
        let clients = &cloud.clients;
        // Names are matched by prefix; the shortest, which is the whole name, comes first.
        let call = clients.logs.describe_log_groups().log_group_name_prefix(&self.name).limit(1);
        let answer =
            call.send().await.map_err(|error| clients.failure(SERVICE, "DescribeLogGroups", &self.name, &error))?;
        Ok(answer
            .log_groups
            .unwrap_or_default()
            .into_iter()
            .find(|group| group.log_group_name.as_deref() == Some(&self.name)))
    }

    async fn put_retention(&self, cloud: &Cloud) -> Result<(), Failure> {
        let clients = &cloud.clients;
        if let Some(days) = self.retention_days {
            let call = clients.logs.put_retention_policy().log_group_name(&self.name).retention_in_days(days);
            let result = call.send().await.map(drop);
            return result.map_err(|error| clients.failure(SERVICE, "PutRetentionPolicy", &self.name, &error));
        }
        let call = clients.logs.delete_retention_policy().log_group_name(&self.name);
        let result = call.send().await.map(drop);
        result.map_err(|error| clients.failure(SERVICE, "DeleteRetentionPolicy", &self.name, &error))
    }
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

    fn observe<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Found, Failure>> {
        async move {
            let Some(group) = self.describe(cloud).await? else { return Ok(Found::missing()) };
            let arn = arn_of(&group);
            let clients = &cloud.clients;
            let tags = match clients.logs.list_tags_for_resource().resource_arn(&arn).send().await {
                Ok(answer) => answer.tags.unwrap_or_default().into_iter().collect(),
                Err(error) => {
                    let failure = clients.failure(SERVICE, "ListTagsForResource", &self.name, &error);
                    if failure.cause != Cause::Missing {
                        return Err(failure);
                    }
                    Tags::new()
                }
            };
            let mut properties: Properties = [("retention_days", shown(group.retention_in_days))].into();
            self.tags.found(&tags, &mut properties);
            Ok(Found { state: State::Active, arn: Some(arn), tags, properties, ..Found::missing() })
        }
        .boxed()
    }

    fn wanted(&self, _: &References) -> Properties {
        let mut properties: Properties = [("retention_days", shown(self.retention_days))].into();
        self.tags.want(&mut properties);
        properties
    }

    fn create<'a>(&'a self, cloud: &'a Cloud, _: &'a References) -> BoxFuture<'a, Result<Option<String>, Failure>> {
        async move {
            let clients = &cloud.clients;
            let call = clients
                .logs
                .create_log_group()
                .log_group_name(&self.name)
                .set_tags(Some(self.tags.all(&cloud.owner).into_iter().collect()));
            call.send().await.map_err(|error| clients.failure(SERVICE, "CreateLogGroup", &self.name, &error))?;
            if self.retention_days.is_some() {
                self.put_retention(cloud).await?;
            }
            // The answer names no ARN.
            Ok(self.describe(cloud).await?.map(|group| arn_of(&group)))
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        cloud: &'a Cloud,
        _: &'a References,
        found: &'a Found,
        differences: &'a [Difference],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let clients = &cloud.clients;
            for difference in differences {
                if difference.property == TAGS {
                    let lacking = self.tags.lacking(&cloud.owner, &found.tags);
                    let call = clients.logs.tag_resource().resource_arn(found.arn.as_deref().unwrap_or_default());
                    let result = call.set_tags(Some(lacking.into_iter().collect())).send().await;
                    result.map_err(|error| clients.failure(SERVICE, "TagResource", &self.name, &error))?;
                } else {
                    self.put_retention(cloud).await?;
                }
            }
            Ok(())
        }
        .boxed()
    }

    fn settle<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Settled, Failure>> {
        async move {
            Ok(match self.describe(cloud).await? {
                Some(group) => Settled::Works(arn_of(&group)),
                None => Settled::NotYet("not to be seen yet".to_owned()),
            })
        }
        .boxed()
    }

    fn delete<'a>(&'a self, cloud: &'a Cloud, _: &'a Found) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let clients = &cloud.clients;
            let call = clients.logs.delete_log_group().log_group_name(&self.name);
            call.send().await.map(drop).map_err(|error| clients.failure(SERVICE, "DeleteLogGroup", &self.name, &error))
        }
        .boxed()
    }
}

/// The ARN without the `:*` that older answers carry at its end.
fn arn_of(group: &Group) -> String {
    let arn = group.log_group_arn.as_deref().or(group.arn.as_deref()).unwrap_or_default();
    arn.trim_end_matches(":*").to_owned()
}
