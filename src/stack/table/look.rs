//! What can be found out of a table.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::operation::describe_table::DescribeTableOutput;
use aws_sdk_dynamodb::types::{PointInTimeRecoveryStatus, TableDescription, TimeToLiveStatus};

use super::change::Seen;
use super::{SERVICE, Table};
use crate::aws::wait::{self, Look, Schedule, WaitError};
use crate::aws::{Cause, Failure};
use crate::stack::Cloud;
use crate::stack::leftovers::Candidate;
use crate::stack::resource::Tags;

/// Tags of a table are eventually consistent: a younger one without any is looked at again (docs/facts/dynamodb.md,
/// Tables).
const TAGS_MAY_LAG: Duration = Duration::from_secs(60);

/// How long tags that may lag are looked for.
const TAGS_LIMIT: Duration = Duration::from_secs(10);

impl Table {
    /// All that can be found out by name, at once.
    pub(super) async fn see(&self, cloud: &Cloud) -> Result<Option<Seen>, Failure> {
        let (table, ttl_attribute, point_in_time_recovery) =
            futures::try_join!(self.describe(cloud), self.ttl(cloud), self.recovery(cloud))?;
        Ok(table.map(|table| Seen { table, ttl_attribute, point_in_time_recovery }))
    }

    async fn describe(&self, cloud: &Cloud) -> Result<Option<TableDescription>, Failure> {
        let request = cloud.clients.dynamodb.describe_table().table_name(&self.wanted.name);
        let answer = self.call(cloud, "DescribeTable").find(request.send().await)?;
        Ok(answer.and_then(|answer| answer.table))
    }

    async fn ttl(&self, cloud: &Cloud) -> Result<Option<String>, Failure> {
        if self.wanted.existing {
            return Ok(None);
        }
        let request = cloud.clients.dynamodb.describe_time_to_live().table_name(&self.wanted.name);
        let answer = self.call(cloud, "DescribeTimeToLive").find(request.send().await)?;
        Ok(answer.and_then(|answer| answer.time_to_live_description).and_then(|ttl| match ttl.time_to_live_status {
            Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling) => ttl.attribute_name,
            _ => None,
        }))
    }

    async fn recovery(&self, cloud: &Cloud) -> Result<bool, Failure> {
        if self.wanted.existing {
            return Ok(false);
        }
        let request = cloud.clients.dynamodb.describe_continuous_backups().table_name(&self.wanted.name);
        let answer = self.call(cloud, "DescribeContinuousBackups").find(request.send().await)?;
        let description = answer.and_then(|answer| answer.continuous_backups_description);
        let recovery = description.and_then(|backups| backups.point_in_time_recovery_description);
        let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status);
        Ok(status == Some(PointInTimeRecoveryStatus::Enabled))
    }

    /// The tags of a table that is there; nothing when it has gone since it was described.
    pub(super) async fn tags(&self, cloud: &Cloud, seen: &Seen) -> Result<Option<Tags>, Failure> {
        if self.wanted.existing {
            return Ok(Some(Tags::new()));
        }
        let arn = seen.table.table_arn.as_deref().unwrap_or_default();
        let limit = if is_young(&seen.table) { TAGS_LIMIT } else { Duration::ZERO };
        let outcome = wait::until(
            Schedule { limit, ..cloud.schedule },
            || async {
                let tags = tags_of(cloud, arn, &self.wanted.name).await?;
                Ok::<_, Failure>(if tags.is_empty() { Look::NotYet("no tags yet") } else { Look::Ready(tags) })
            },
            |_, _| {},
        )
        .await;
        match outcome {
            Ok(tags) => Ok(Some(tags)),
            Err(WaitError::TimedOut { .. }) => Ok(Some(Tags::new())),
            // DynamoDB denies the tags of a table that is not there.
            Err(WaitError::Failed(failure)) if failure.cause == Cause::Denied => match self.describe(cloud).await? {
                None => Ok(None),
                Some(_) => Err(failure),
            },
            Err(WaitError::Failed(failure)) => Err(failure),
        }
    }
}

/// Names of all tables.
pub async fn list(cloud: &Cloud) -> Result<Vec<Candidate>, Failure> {
    let pages = cloud.clients.dynamodb.list_tables().into_paginator().items().send();
    let names: Result<Vec<_>, _> = pages.collect().await;
    let names = cloud.clients.call(SERVICE, "ListTables", "all tables").answer(names)?;
    Ok(names.into_iter().map(|name| Candidate { key: name.clone(), name }).collect())
}

/// The tags of a table by its name; none if it is not there, or has gone since it was listed.
pub async fn tags_of_name(cloud: &Cloud, name: &str) -> Result<Tags, Failure> {
    let describe = || async {
        let result = cloud.clients.dynamodb.describe_table().table_name(name).send().await;
        cloud.clients.call(SERVICE, "DescribeTable", name).find(result)
    };
    let arn = |answer: DescribeTableOutput| answer.table.and_then(|table| table.table_arn);
    let Some(arn) = describe().await?.and_then(arn) else { return Ok(Tags::new()) };
    match tags_of(cloud, &arn, name).await {
        // DynamoDB denies the tags of a table that is not there.
        Err(failure) if failure.cause == Cause::Denied && describe().await?.is_none() => Ok(Tags::new()),
        result => result,
    }
}

/// Waits until tags that were set are seen, so that the next run knows the table by them.
pub(super) async fn until_tagged(cloud: &Cloud, arn: &str, name: &str, tags: &Tags) -> Result<(), Failure> {
    let outcome = wait::until(
        Schedule { limit: TAGS_LIMIT, ..cloud.schedule },
        || async {
            let found = tags_of(cloud, arn, name).await?;
            let all = tags.iter().all(|(name, value)| found.get(name) == Some(value));
            Ok::<_, Failure>(if all { Look::Ready(()) } else { Look::NotYet("not seen yet") })
        },
        |_, _| {},
    )
    .await;
    match outcome {
        Ok(()) | Err(WaitError::TimedOut { .. }) => Ok(()),
        Err(WaitError::Failed(failure)) => Err(failure),
    }
}

/// Whether a table was made a moment ago, or in the future of a clock that is behind.
fn is_young(table: &TableDescription) -> bool {
    let created = table.creation_date_time.and_then(|time| SystemTime::try_from(time).ok());
    created.is_some_and(|created| SystemTime::now().duration_since(created).map_or(true, |age| age < TAGS_MAY_LAG))
}

/// The tags of a table; none if it is not there.
pub(super) async fn tags_of(cloud: &Cloud, arn: &str, name: &str) -> Result<Tags, Failure> {
    let clients = &cloud.clients;
    let mut tags = Tags::new();
    let mut token = None;
    loop {
        let request = clients.dynamodb.list_tags_of_resource().resource_arn(arn).set_next_token(token);
        let call = clients.call(SERVICE, "ListTagsOfResource", name);
        let Some(answer) = call.find(request.send().await)? else { return Ok(Tags::new()) };
        tags.extend(answer.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)));
        token = answer.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(tags);
        }
    }
}
