//! A DynamoDB table: of readings, or of the readings that the function could not store.

mod change;
mod document;

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::{
    BillingMode, PointInTimeRecoveryStatus, TableDescription, TableStatus, Tag, TimeToLiveStatus,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::asked::{Asked, Next};
use super::tags::{OwnTags, TAGS};
use super::{Cloud, Difference, Found, Kind, Properties, References, Resource, Settled, State, Tags};
use crate::aws::wait::{self, Look, Schedule, WaitError};
use crate::aws::{Cause, Failure};
use crate::settings::{self, Billing, TableClass};

use self::change::{Change, Seen};
use self::document::Document;

const SERVICE: &str = "DynamoDB";

/// Tags of a table are eventually consistent: a younger one without any is looked at again (facts/aws.md D1).
const TAGS_MAY_LAG: Duration = Duration::from_secs(60);

/// A table of the pipeline.
pub struct Table {
    kind: Kind,
    wanted: settings::Table,
    document: Document,
    tags: OwnTags,
    asked: Asked<Change>,
}

impl Table {
    /// The table of readings.
    #[must_use]
    pub fn of_readings(wanted: settings::Table, tags: OwnTags) -> Self {
        let document = Document::bundled(include_str!("../../templates/sensor-data-table.json"));
        Table { kind: Kind::Table, wanted, document, tags, asked: Asked::default() }
    }

    /// The table of rejected readings; its items expire by themselves.
    #[must_use]
    pub fn of_rejects(wanted: settings::Table, tags: OwnTags) -> Self {
        let document = Document::bundled(include_str!("../../templates/rejects-table.json"));
        Table { kind: Kind::RejectsTable, wanted, document, tags, asked: Asked::default() }
    }

    /// All that can be found out by name, at once.
    async fn see(&self, cloud: &Cloud) -> Result<Option<Seen>, Failure> {
        let (table, ttl_attribute, point_in_time_recovery) =
            futures::try_join!(self.describe(cloud), self.ttl(cloud), self.recovery(cloud))?;
        Ok(table.map(|table| Seen { table, ttl_attribute, point_in_time_recovery }))
    }

    async fn describe(&self, cloud: &Cloud) -> Result<Option<TableDescription>, Failure> {
        let (clients, name) = (&cloud.clients, &self.wanted.name);
        match clients.dynamodb.describe_table().table_name(name).send().await {
            Ok(answer) => Ok(answer.table),
            Err(error) => missing_is_none(clients.failure(SERVICE, "DescribeTable", name, &error)),
        }
    }

    async fn ttl(&self, cloud: &Cloud) -> Result<Option<String>, Failure> {
        if self.wanted.existing {
            return Ok(None);
        }
        let (clients, name) = (&cloud.clients, &self.wanted.name);
        match clients.dynamodb.describe_time_to_live().table_name(name).send().await {
            Ok(answer) => Ok(answer.time_to_live_description.and_then(|ttl| match ttl.time_to_live_status {
                Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling) => ttl.attribute_name,
                _ => None,
            })),
            Err(error) => missing_is_none(clients.failure(SERVICE, "DescribeTimeToLive", name, &error)),
        }
    }

    async fn recovery(&self, cloud: &Cloud) -> Result<bool, Failure> {
        if self.wanted.existing {
            return Ok(false);
        }
        let (clients, name) = (&cloud.clients, &self.wanted.name);
        match clients.dynamodb.describe_continuous_backups().table_name(name).send().await {
            Ok(answer) => {
                let description = answer.continuous_backups_description;
                let recovery = description.and_then(|backups| backups.point_in_time_recovery_description);
                let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status);
                Ok(status == Some(PointInTimeRecoveryStatus::Enabled))
            }
            Err(error) => {
                let failure = clients.failure(SERVICE, "DescribeContinuousBackups", name, &error);
                missing_is_none(failure).map(Option::unwrap_or_default)
            }
        }
    }

    async fn tags(&self, cloud: &Cloud, arn: &str, created: Option<SystemTime>) -> Result<Tags, Failure> {
        let young = created
            .and_then(|created| SystemTime::now().duration_since(created).ok())
            .is_some_and(|age| age < TAGS_MAY_LAG);
        let limit = if young && !self.wanted.existing { Duration::from_secs(10) } else { Duration::ZERO };
        let outcome = wait::until(
            Schedule { limit, ..cloud.schedule },
            || async {
                let tags = self.tags_now(cloud, arn).await?;
                Ok(if tags.is_empty() { Look::NotYet("no tags yet") } else { Look::Ready(tags) })
            },
            |_, _| {},
        )
        .await;
        match outcome {
            Ok(tags) => Ok(tags),
            Err(WaitError::TimedOut { .. }) => Ok(Tags::new()),
            Err(WaitError::Failed(failure)) => Err(failure),
        }
    }

    async fn tags_now(&self, cloud: &Cloud, arn: &str) -> Result<Tags, Failure> {
        let clients = &cloud.clients;
        let mut tags = Tags::new();
        let mut token = None;
        loop {
            let call = clients.dynamodb.list_tags_of_resource().resource_arn(arn).set_next_token(token);
            match call.send().await {
                Ok(answer) => {
                    tags.extend(answer.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)));
                    token = answer.next_token.filter(|token| !token.is_empty());
                    if token.is_none() {
                        return Ok(tags);
                    }
                }
                Err(error) => {
                    let failure = clients.failure(SERVICE, "ListTagsOfResource", &self.wanted.name, &error);
                    return missing_is_none(failure).map(Option::unwrap_or_default);
                }
            }
        }
    }

    async fn add_tags(&self, cloud: &Cloud, found: &Found) -> Result<(), Failure> {
        let (clients, name) = (&cloud.clients, &self.wanted.name);
        let mut call = clients.dynamodb.tag_resource().resource_arn(found.arn.as_deref().unwrap_or_default());
        for (key, value) in self.tags.lacking(&cloud.owner, &found.tags) {
            let tag = Tag::builder().key(key).value(value).build();
            call = call.tags(tag.map_err(|error| clients.not_made(SERVICE, "TagResource", name, error))?);
        }
        call.send().await.map(drop).map_err(|error| clients.failure(SERVICE, "TagResource", name, &error))
    }

    /// Asks for a change, once.
    async fn ask(&self, cloud: &Cloud, change: &Change) -> Result<(), Failure> {
        let (clients, name) = (&cloud.clients, &self.wanted.name);
        match self.asked.next(cloud, change) {
            Next::Ask => change.ask(clients, name).await.inspect_err(|_| self.asked.forget()),
            Next::Wait => Ok(()),
            Next::GiveUp => {
                let why = format!("the service took it ({change}), but does not show it");
                Err(clients.not_made(SERVICE, "UpdateTable", name, why))
            }
        }
    }

    fn section(&self) -> &'static str {
        if self.kind == Kind::RejectsTable { "rejects" } else { "table" }
    }
}

impl Resource for Table {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn name(&self) -> &str {
        &self.wanted.name
    }

    fn is_existing(&self) -> bool {
        self.wanted.existing
    }

    fn observe<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Found, Failure>> {
        async move {
            let Some(seen) = self.see(cloud).await? else { return Ok(Found::missing()) };
            let arn = seen.table.table_arn.clone().unwrap_or_default();
            let created = seen.table.creation_date_time.and_then(|time| SystemTime::try_from(time).ok());
            let tags = match self.tags(cloud, &arn, created).await {
                Ok(tags) => tags,
                // DynamoDB denies the tags of a table that is not there: it may have gone since it was described.
                Err(failure) if failure.cause == Cause::Denied => match self.see(cloud).await? {
                    None => return Ok(Found::missing()),
                    Some(_) => return Err(failure),
                },
                Err(failure) => return Err(failure),
            };
            let mut properties: Properties = [
                ("key", document::key_of(&seen.table)),
                ("billing", shown(seen.billing())),
                ("class", json!(seen.class().as_str())),
                ("deletion_protection", json!(seen.deletion_protection())),
                ("point_in_time_recovery", json!(seen.point_in_time_recovery)),
                ("ttl_attribute", json!(seen.ttl_attribute)),
            ]
            .into();
            self.tags.found(&tags, &mut properties);
            let mut found =
                Found { state: state_of(&seen.table), arn: Some(arn), tags, properties, ..Found::missing() };
            // As DynamoDB counts them, every six hours or so; enough to say what a deletion would take along.
            if let Some(rows) = seen.table.item_count() {
                found.details.insert("rows", rows.to_string());
            }
            if seen.deletion_protection() {
                let way = format!("set `{}.deletion_protection` to false and run `sensorctl up`", self.section());
                found.details.insert("protected", way);
            }
            Ok(found)
        }
        .boxed()
    }

    fn wanted(&self, _: &References) -> Properties {
        let wanted = &self.wanted;
        let mut properties: Properties = [("key", self.document.key())].into();
        if wanted.existing {
            return properties;
        }
        properties.extend([
            ("billing", shown(wanted.billing)),
            ("class", json!(wanted.class.as_str())),
            ("deletion_protection", json!(wanted.deletion_protection)),
            ("point_in_time_recovery", json!(wanted.point_in_time_recovery)),
            ("ttl_attribute", json!(wanted.ttl_attribute)),
        ]);
        self.tags.want(&mut properties);
        properties
    }

    fn fixed(&self) -> &'static [&'static str] {
        &["key"]
    }

    fn create<'a>(&'a self, cloud: &'a Cloud, _: &'a References) -> BoxFuture<'a, Result<Option<String>, Failure>> {
        async move {
            let (clients, wanted) = (&cloud.clients, &self.wanted);
            let unbuilt = |error| clients.not_made(SERVICE, "CreateTable", &wanted.name, error);
            let call = clients.dynamodb.create_table().table_name(&wanted.name);
            let mut call = self.document.fill(call).map_err(unbuilt)?;
            call = match wanted.billing {
                Billing::OnDemand => call.billing_mode(BillingMode::PayPerRequest),
                Billing::Provisioned { read_units, write_units } => call
                    .billing_mode(BillingMode::Provisioned)
                    .provisioned_throughput(change::throughput(read_units, write_units).map_err(unbuilt)?),
            };
            if wanted.class != TableClass::Standard {
                call = call.table_class(change::class(wanted.class));
            }
            if wanted.deletion_protection {
                call = call.deletion_protection_enabled(true);
            }
            for (key, value) in self.tags.all(&cloud.owner) {
                call = call.tags(Tag::builder().key(key).value(value).build().map_err(unbuilt)?);
            }
            let answer =
                call.send().await.map_err(|error| clients.failure(SERVICE, "CreateTable", &wanted.name, &error))?;
            Ok(answer.table_description.and_then(|table| table.table_arn))
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
            // The first change is asked for here; `settle` asks for each next one when the table is free again.
            if differences.iter().any(|difference| difference.property == TAGS) {
                self.add_tags(cloud, found).await?;
            }
            let Some(seen) = self.see(cloud).await? else { return Ok(()) };
            match Change::next(&self.wanted, &seen) {
                Some(change) => self.ask(cloud, &change).await,
                None => Ok(()),
            }
        }
        .boxed()
    }

    fn settle<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Settled, Failure>> {
        async move {
            let Some(seen) = self.see(cloud).await? else {
                return Ok(Settled::NotYet("not to be seen yet".to_owned()));
            };
            if state_of(&seen.table) != State::Active {
                self.asked.busy();
                let status = seen.table.table_status.as_ref().map_or("unknown", TableStatus::as_str);
                return Ok(Settled::NotYet(status.to_owned()));
            }
            // Expiry and recovery can only be asked for once the table works.
            if let Some(change) = Change::next(&self.wanted, &seen) {
                self.ask(cloud, &change).await?;
                return Ok(Settled::NotYet(change.to_string()));
            }
            Ok(Settled::Works(seen.table.table_arn.unwrap_or_default()))
        }
        .boxed()
    }

    fn delete<'a>(&'a self, cloud: &'a Cloud, _: &'a Found) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let (clients, name) = (&cloud.clients, &self.wanted.name);
            let call = clients.dynamodb.delete_table().table_name(name);
            call.send().await.map(drop).map_err(|error| clients.failure(SERVICE, "DeleteTable", name, &error))
        }
        .boxed()
    }
}

fn shown(billing: Billing) -> Value {
    match billing {
        Billing::OnDemand => json!("on-demand"),
        Billing::Provisioned { read_units, write_units } => {
            json!({ "read_units": read_units, "write_units": write_units })
        }
    }
}

fn state_of(table: &TableDescription) -> State {
    match &table.table_status {
        Some(TableStatus::Active) => State::Active,
        Some(TableStatus::Deleting) => State::Deleting,
        Some(status @ (TableStatus::Creating | TableStatus::Updating)) => State::Changing(status.to_string()),
        Some(status) => State::Failed(status.to_string()),
        None => State::Changing("unknown".to_owned()),
    }
}

fn missing_is_none<T>(failure: Failure) -> Result<Option<T>, Failure> {
    if failure.cause == Cause::Missing { Ok(None) } else { Err(failure) }
}
