//! What can be found out of a table.

use std::time::Duration;

use aws_sdk_dynamodb::types::{PointInTimeRecoveryStatus, TableDescription, TimeToLiveStatus};
use futures::FutureExt;
use futures::future;

use super::update::Seen;
use super::{SERVICE, Table};
use crate::aws::wait::{self, Look, Schedule, WaitError};
use crate::aws::{Failure, ServiceClock};
use crate::stack::Cloud;
use crate::stack::orphans::Candidate;
use crate::stack::resource::{Attempt, Tags};
use crate::stack::sighting::with_tags;

/// Tags of a table are eventually consistent: a younger one without any is looked at again (docs/facts/dynamodb.md,
/// Tables).
const TAGS_MAY_LAG: Duration = Duration::from_secs(60);

/// How long tags that may lag are looked for.
const TAGS_LIMIT: Duration = Duration::from_secs(10);

/// What is said of that.
const WAITS_FOR_TAGS: &str = "it is new, and its tags, which say whose it is, may be seen up to 10 s late";

impl Table {
    /// All that can be found out by name, at once.
    pub(super) async fn see(&self, cloud: &Cloud) -> Result<Option<Seen>, Failure> {
        let (table, ttl_attribute, point_in_time_recovery) =
            futures::try_join!(self.describe(cloud), self.ttl(cloud), self.recovery(cloud))?;
        Ok(table.map(|table| Seen { table, ttl_attribute, point_in_time_recovery }))
    }

    async fn describe(&self, cloud: &Cloud) -> Result<Option<TableDescription>, Failure> {
        let request = cloud.clients.dynamodb.describe_table().table_name(&self.wanted.name);
        let result = request.customize().interceptor(self.clock.clone()).send().await;
        let answer = self.call(cloud, "DescribeTable").find(result)?;
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
        let answer = match self.call(cloud, "DescribeContinuousBackups").find(request.send().await) {
            // Some partitions and emulators have no backups, so there are none.
            Err(failure) if failure.code.as_deref() == Some("UnknownOperationException") => None,
            answer => answer?,
        };
        let description = answer.and_then(|answer| answer.continuous_backups_description);
        let recovery = description.and_then(|backups| backups.point_in_time_recovery_description);
        let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status);
        Ok(status == Some(PointInTimeRecoveryStatus::Enabled))
    }

    /// The tags of a table that was seen. DynamoDB denies those of a table that is not there any more.
    pub(super) fn tags<'a>(&'a self, cloud: &'a Cloud, seen: &Seen) -> Attempt<'a, Tags> {
        if self.wanted.existing {
            return future::ready(Ok(Tags::new())).boxed();
        }
        let arn = seen.table.table_arn.clone().unwrap_or_default();
        let may_lag = is_young(&seen.table, &self.clock) && !cloud.clients.settles_at_once();
        let limit = if may_lag { TAGS_LIMIT } else { Duration::ZERO };
        async move { self.tags_within(cloud, &arn, limit).await }.boxed()
    }

    /// The tags of a table, which are looked for again for so long.
    async fn tags_within(&self, cloud: &Cloud, arn: &str, limit: Duration) -> Result<Tags, Failure> {
        let outcome = wait::until(
            Schedule { limit, ..cloud.schedule },
            || async {
                let tags = tags_of(cloud, arn, &self.wanted.name).await?;
                Ok::<_, Failure>(if tags.is_empty() { Look::NotYet("no tags yet") } else { Look::Ready(tags) })
            },
            |waited, _| cloud.waiting(self, waited, &WAITS_FOR_TAGS),
        )
        .await;
        match outcome {
            Ok(tags) => Ok(tags),
            Err(WaitError::TimedOut { .. }) => Ok(Tags::new()),
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
    let describe = || {
        let describe = async move {
            let result = cloud.clients.dynamodb.describe_table().table_name(name).send().await;
            let answer = cloud.clients.call(SERVICE, "DescribeTable", name).find(result)?;
            Ok(answer.and_then(|answer| answer.table))
        };
        describe.boxed()
    };
    let tags = |table: &TableDescription| {
        let arn = table.table_arn.clone().unwrap_or_default();
        async move { tags_of(cloud, &arn, name).await }.boxed()
    };
    let seen = with_tags(describe, tags, |table| table.creation_date_time).await?;
    Ok(seen.map(|(_, tags)| tags).unwrap_or_default())
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

/// Whether a table was made a moment ago, by the service's clock: this machine's may be wrong.
fn is_young(table: &TableDescription, clock: &ServiceClock) -> bool {
    table.creation_date_time.is_some_and(|created| clock.since(created) < TAGS_MAY_LAG)
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

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use super::*;

    #[test]
    fn table_is_young_by_the_clock_of_the_service_and_not_of_this_machine() {
        // The clock of this machine is far from 1970.
        let created = |second| TableDescription::builder().creation_date_time(DateTime::from_secs(second)).build();
        let clock = ServiceClock::at(DateTime::from_secs(1000));
        assert!(is_young(&created(990), &clock) && is_young(&created(1010), &clock));
        assert!(!is_young(&created(900), &clock));
    }
}
