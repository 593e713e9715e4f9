//! Reads the state of a table.

use std::time::Duration;

use aws_sdk_dynamodb::types::{PointInTimeRecoveryStatus, TableDescription, TimeToLiveStatus};
use futures::FutureExt;
use futures::future;

use super::update::ObservedTable;
use super::{SERVICE, Table};
use crate::aws::wait::{self, Poll, PollSchedule, WaitError};
use crate::aws::{AwsFailure, ServiceClock};
use crate::stack::Session;
use crate::stack::engine::observed::Tags;
use crate::stack::engine::resource::Attempt;
use crate::stack::engine::sighting::with_tags;
use crate::stack::engine::tagged_resource::TaggedResource;

/// Tags of a table are eventually consistent: the tags of a newer table without any are read again
/// (docs/facts/dynamodb.md, Tables).
const TAG_CONSISTENCY_WINDOW: Duration = Duration::from_secs(60);

/// Maximum wait for tags that may lag.
const TAG_WAIT_TIMEOUT: Duration = Duration::from_secs(10);

/// The message during this wait.
const WAITS_FOR_TAGS: &str = "it is new, and its tags may become visible up to 10 s late";

impl Table {
    /// Reads all parts of the state at once.
    pub(crate) async fn describe_all(&self, session: &Session) -> Result<Option<ObservedTable>, AwsFailure> {
        let (table, ttl_attribute, point_in_time_recovery) =
            futures::try_join!(self.describe(session), self.ttl(session), self.recovery(session))?;
        Ok(table.map(|table| ObservedTable { table, ttl_attribute, point_in_time_recovery }))
    }

    async fn describe(&self, session: &Session) -> Result<Option<TableDescription>, AwsFailure> {
        let request = session.clients.dynamodb.describe_table().table_name(&self.wanted.name);
        let result = request.customize().interceptor(self.clock.clone()).send().await;
        let answer = self.call(session, "DescribeTable").optional(result)?;
        Ok(answer.and_then(|answer| answer.table))
    }

    async fn ttl(&self, session: &Session) -> Result<Option<String>, AwsFailure> {
        if self.wanted.existing || session.quick.is_some() {
            return Ok(None);
        }
        let request = session.clients.dynamodb.describe_time_to_live().table_name(&self.wanted.name);
        let answer = self.call(session, "DescribeTimeToLive").optional(request.send().await)?;
        Ok(answer.and_then(|answer| answer.time_to_live_description).and_then(|ttl| match ttl.time_to_live_status {
            Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling) => ttl.attribute_name,
            _ => None,
        }))
    }

    async fn recovery(&self, session: &Session) -> Result<bool, AwsFailure> {
        if self.wanted.existing || session.quick.is_some() {
            return Ok(false);
        }
        let request = session.clients.dynamodb.describe_continuous_backups().table_name(&self.wanted.name);
        let answer = match self.call(session, "DescribeContinuousBackups").optional(request.send().await) {
            // Some partitions and emulators do not support backups.
            Err(failure) if failure.code.as_deref() == Some("UnknownOperationException") => None,
            answer => answer?,
        };
        let description = answer.and_then(|answer| answer.continuous_backups_description);
        let recovery = description.and_then(|backups| backups.point_in_time_recovery_description);
        let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status);
        Ok(status == Some(PointInTimeRecoveryStatus::Enabled))
    }

    /// Returns the tags of an observed table. DynamoDB denies the tags of a deleted table.
    pub(crate) fn tags<'a>(&'a self, session: &'a Session, seen: &ObservedTable) -> Attempt<'a, Tags> {
        if self.wanted.existing {
            return future::ready(Ok(Tags::new())).boxed();
        }
        let arn = seen.table.table_arn.clone().unwrap_or_default();
        let may_lag = is_young(&seen.table, &self.clock) && !session.clients.settles_at_once();
        let limit = if may_lag { TAG_WAIT_TIMEOUT } else { Duration::ZERO };
        let tags = async move {
            match session.stage_tags_of(&arn).await {
                Some(tags) => Ok(tags),
                None => self.tags_within(session, &arn, limit).await,
            }
        };
        tags.boxed()
    }

    /// Returns the tags of a table, polled for at most `limit`.
    async fn tags_within(&self, session: &Session, arn: &str, limit: Duration) -> Result<Tags, AwsFailure> {
        let outcome = wait::poll_until(
            PollSchedule { limit, ..session.schedule },
            || async {
                let tags = tags_of(session, arn, &self.wanted.name).await?;
                Ok::<_, AwsFailure>(if tags.is_empty() { Poll::Pending("no tags yet") } else { Poll::Ready(tags) })
            },
            |waited, _| session.report_waiting(self, waited, &WAITS_FOR_TAGS),
        )
        .await;
        match outcome {
            Ok(tags) => Ok(tags),
            Err(WaitError::TimedOut { .. }) => Ok(Tags::new()),
            Err(WaitError::Failed(failure)) => Err(failure),
        }
    }
}

/// Lists the names of all tables.
pub(crate) async fn list(session: &Session) -> Result<Vec<TaggedResource>, AwsFailure> {
    let pages = session.clients.dynamodb.list_tables().into_paginator().items().send();
    let names: Result<Vec<_>, _> = pages.collect().await;
    let names = session.clients.call(SERVICE, "ListTables", "all tables").answer(names)?;
    Ok(names.into_iter().map(|name| TaggedResource { key: name.clone(), name }).collect())
}

/// Returns the tags of a table by its name, or no tags if it does not exist, or was deleted since the list.
pub(crate) async fn tags_of_name(session: &Session, name: &str) -> Result<Tags, AwsFailure> {
    let describe = || {
        let describe = async move {
            let result = session.clients.dynamodb.describe_table().table_name(name).send().await;
            let answer = session.clients.call(SERVICE, "DescribeTable", name).optional(result)?;
            Ok(answer.and_then(|answer| answer.table))
        };
        describe.boxed()
    };
    let tags = |table: &TableDescription| {
        let arn = table.table_arn.clone().unwrap_or_default();
        async move { tags_of(session, &arn, name).await }.boxed()
    };
    let seen = with_tags(describe, tags, |table| table.creation_date_time).await?;
    Ok(seen.map(|(_, tags)| tags).unwrap_or_default())
}

/// Waits until new tags are visible, so that the next run recognizes the table by them.
pub(crate) async fn wait_until_tagged(session: &Session, arn: &str, name: &str, tags: &Tags) -> Result<(), AwsFailure> {
    let outcome = wait::poll_until(
        PollSchedule { limit: TAG_WAIT_TIMEOUT, ..session.schedule },
        || async {
            let found = tags_of(session, arn, name).await?;
            let all = tags.iter().all(|(name, value)| found.get(name) == Some(value));
            Ok::<_, AwsFailure>(if all { Poll::Ready(()) } else { Poll::Pending("not seen yet") })
        },
        |_, _| {},
    )
    .await;
    match outcome {
        Ok(()) | Err(WaitError::TimedOut { .. }) => Ok(()),
        Err(WaitError::Failed(failure)) => Err(failure),
    }
}

/// Returns whether a table is new, by the service's clock: this machine's may be wrong.
fn is_young(table: &TableDescription, clock: &ServiceClock) -> bool {
    table.creation_date_time.is_some_and(|created| clock.since(created) < TAG_CONSISTENCY_WINDOW)
}

/// Returns the tags of a table, or no tags if it does not exist.
pub(crate) async fn tags_of(session: &Session, arn: &str, name: &str) -> Result<Tags, AwsFailure> {
    let clients = &session.clients;
    let mut tags = Tags::new();
    let mut token = None;
    loop {
        let request = clients.dynamodb.list_tags_of_resource().resource_arn(arn).set_next_token(token);
        let call = clients.call(SERVICE, "ListTagsOfResource", name);
        let Some(answer) = call.optional(request.send().await)? else { return Ok(Tags::new()) };
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
    fn table_age_uses_the_service_clock() {
        // The clock of this machine is far from 1970.
        let created = |second| TableDescription::builder().creation_date_time(DateTime::from_secs(second)).build();
        let clock = ServiceClock::at(DateTime::from_secs(1000));
        assert!(is_young(&created(990), &clock) && is_young(&created(1010), &clock));
        assert!(!is_young(&created(900), &clock));
    }
}
