//! The log group of the function: made by us, so that it has a retention and goes away with the rest.

use aws_sdk_cloudwatchlogs::types::LogGroup as Group;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use super::{Cloud, Difference, Found, Kind, Properties, References, Resource, Settled, State, Tags};
use crate::aws::{Cause, Failure};

const SERVICE: &str = "CloudWatch Logs";

/// A log group with a retention.
pub struct LogGroup {
    /// `/aws/lambda/` and the function's name.
    pub name: String,
    /// Days that events are kept.
    pub retention_days: i32,
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
        let call =
            clients.logs.put_retention_policy().log_group_name(&self.name).retention_in_days(self.retention_days);
        call.send().await.map(drop).map_err(|error| clients.failure(SERVICE, "PutRetentionPolicy", &self.name, &error))
    }
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
            let properties = [("retention_days", json!(group.retention_in_days))];
            Ok(Found { state: State::Active, arn: Some(arn), tags, properties: properties.into(), ..Found::missing() })
        }
        .boxed()
    }

    fn wanted(&self, _: &References) -> Properties {
        [("retention_days", json!(self.retention_days))].into()
    }

    fn create<'a>(&'a self, cloud: &'a Cloud, _: &'a References) -> BoxFuture<'a, Result<Option<String>, Failure>> {
        async move {
            let clients = &cloud.clients;
            let call = clients
                .logs
                .create_log_group()
                .log_group_name(&self.name)
                .set_tags(Some(cloud.owner.tags().into_iter().collect()));
            call.send().await.map_err(|error| clients.failure(SERVICE, "CreateLogGroup", &self.name, &error))?;
            self.put_retention(cloud).await?;
            // The answer names no ARN.
            Ok(self.describe(cloud).await?.map(|group| arn_of(&group)))
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        cloud: &'a Cloud,
        _: &'a References,
        _: &'a Found,
        _: &'a [Difference],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        self.put_retention(cloud).boxed()
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
