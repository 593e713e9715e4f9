//! A DynamoDB table: the table of readings, or the dead-letter table.

mod describe;
mod document;
mod update;

use aws_sdk_dynamodb::types::{BillingMode, TableDescription, TableStatus, Tag};
use futures::FutureExt;
use futures::future;
use serde_json::{Value, json};

use crate::aws::{AwsFailure, CallContext, ServiceClock};
use crate::settings::{self, Billing, TableClass};
use crate::stack::engine::change_tracker::ChangeTracker;
use crate::stack::engine::observed::Tags;
use crate::stack::engine::ownership::is_made_by_sensorctl;
use crate::stack::engine::resource::{Attempt, DeletionBlocker};
use crate::stack::engine::session::NOT_READ_QUICKLY;
use crate::stack::engine::sighting::with_tags;
use crate::stack::{ArnRegistry, Difference, Kind, Observed, Properties, Readiness, Resource, Session, State};

use self::document::Document;
use self::update::{ObservedTable, TableChange};

pub(crate) use self::describe::{list, tags_of_name};

const SERVICE: &str = "DynamoDB";

/// A table of the pipeline.
pub(crate) struct Table {
    kind: Kind,
    wanted: settings::Table,
    document: Document,
    changes: ChangeTracker<TableChange>,
    /// The service's clock, which decides whether a table is new.
    clock: ServiceClock,
}

impl Table {
    /// Creates the table of readings.
    #[must_use]
    pub(crate) fn of_readings(wanted: settings::Table) -> Self {
        let document = Document::bundled(include_str!("../../../templates/sensor-data-table.json"));
        Table { kind: Kind::Table, wanted, document, changes: ChangeTracker::default(), clock: ServiceClock::default() }
    }

    /// Creates the dead-letter table. Its items expire by themselves.
    #[must_use]
    pub(crate) fn of_rejects(wanted: settings::Table) -> Self {
        let document = Document::bundled(include_str!("../../../templates/rejects-table.json"));
        Table {
            kind: Kind::RejectsTable,
            wanted,
            document,
            changes: ChangeTracker::default(),
            clock: ServiceClock::default(),
        }
    }

    /// Returns the required key.
    #[must_use]
    pub(crate) fn key(&self) -> Value {
        self.document.key()
    }

    fn call<'a>(&'a self, session: &'a Session, operation: &'static str) -> CallContext<'a> {
        session.clients.call(SERVICE, operation, &self.wanted.name)
    }

    /// Requests a change, once.
    async fn request(&self, session: &Session, change: &TableChange) -> Result<(), AwsFailure> {
        let ask = change.send(&session.clients, &self.wanted.name);
        let lacks =
            async { Ok(self.describe_all(session).await?.and_then(|seen| TableChange::next(&self.wanted, &seen))) };
        self.changes.request(session, self.call(session, "UpdateTable"), change, ask, lacks).await
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

    fn observe<'a>(&'a self, session: &'a Session) -> Attempt<'a, Observed> {
        async move {
            let seen = if self.wanted.existing {
                self.describe_all(session).await?.map(|seen| (seen, Tags::new()))
            } else {
                let created = |seen: &ObservedTable| seen.table.creation_date_time;
                with_tags(|| self.describe_all(session).boxed(), |seen| self.tags(session, seen).boxed(), created)
                    .await?
            };
            let Some((seen, tags)) = seen else { return Ok(Observed::missing()) };
            let mut properties: Properties = [
                ("key", document::key_of(&seen.table)),
                ("billing", shown(seen.billing())),
                ("class", json!(seen.class().as_str())),
                ("deletion_protection", json!(seen.deletion_protection())),
                ("point_in_time_recovery", json!(seen.point_in_time_recovery)),
                ("ttl_attribute", json!(seen.ttl_attribute)),
            ]
            .into();
            if session.quick.is_some() {
                properties.retain(|name, _| !NOT_READ_QUICKLY.contains(name));
            }
            let state = state_of(&seen.table);
            let mut found = Observed { state, tags, properties, ..Observed::missing() };
            // DynamoDB's count, updated about every six hours. It is enough to show what a deletion would lose.
            if let Some(rows) = seen.table.item_count() {
                found.details.insert("rows", rows.to_string());
            }
            found.arn = Some(seen.table.table_arn.unwrap_or_default());
            Ok(found)
        }
        .boxed()
    }

    fn desired(&self, _: &ArnRegistry) -> Properties {
        let wanted = &self.wanted;
        let mut properties: Properties = [("key", self.document.key())].into();
        if !wanted.existing {
            properties.extend([
                ("billing", shown(wanted.billing)),
                ("class", json!(wanted.class.as_str())),
                ("deletion_protection", json!(wanted.deletion_protection)),
                ("point_in_time_recovery", json!(wanted.point_in_time_recovery)),
                ("ttl_attribute", json!(wanted.ttl_attribute)),
            ]);
        }
        properties
    }

    fn preserve_unmanaged(&mut self, found: &Observed, is_asked: &dyn Fn(&str) -> bool) {
        let (section, expiry) = match self.kind {
            // Its attribute is not a setting, but its retention is.
            Kind::RejectsTable => ("rejects", "retention_days"),
            _ => ("table", "ttl_attribute"),
        };
        let is_free = |name: &str| !is_asked(&format!("{section}.{name}"));
        let wanted = &mut self.wanted;
        if let Some(billing) = found.properties.get("billing").filter(|_| is_free("billing")) {
            let units = |name: &str| billing[name].as_i64().and_then(|units| units.try_into().ok());
            wanted.billing = match (units("read_units"), units("write_units")) {
                (Some(read_units), Some(write_units)) => Billing::Provisioned { read_units, write_units },
                _ => Billing::OnDemand,
            };
        }
        if is_free("class") {
            let is_infrequent = found.text("class").as_deref() == Some(TableClass::InfrequentAccess.as_str());
            wanted.class = if is_infrequent { TableClass::InfrequentAccess } else { TableClass::Standard };
        }
        if let Some(protection) = found.switch("deletion_protection").filter(|_| is_free("deletion_protection")) {
            wanted.deletion_protection = protection;
        }
        if let Some(recovery) = found.switch("point_in_time_recovery").filter(|_| is_free("point_in_time_recovery")) {
            wanted.point_in_time_recovery = recovery;
        }
        if is_free(expiry) {
            wanted.ttl_attribute = found.text("ttl_attribute");
        }
    }

    fn immutable_properties(&self) -> &'static [&'static str] {
        &["key"]
    }

    fn loses_data(&self, property: &str, _: &Value, wanted: &Value, found: &Observed) -> bool {
        match property {
            "point_in_time_recovery" | "deletion_protection" => *wanted == json!(false),
            // Existing rows with the attribute begin to expire. In a managed dead-letter table they are written for
            // that, and a killed run may not have enabled TTL yet.
            "ttl_attribute" => (self.kind == Kind::Table || !is_made_by_sensorctl(&found.tags)) && !wanted.is_null(),
            _ => false,
        }
    }

    fn create<'a>(&'a self, session: &'a Session, _: &'a ArnRegistry) -> Attempt<'a, Option<String>> {
        async move {
            let wanted = &self.wanted;
            let call = self.call(session, "CreateTable");
            let request = session.clients.dynamodb.create_table().table_name(&wanted.name);
            let mut request = self.document.fill(request).map_err(|error| call.build_failure(error))?;
            request = match wanted.billing {
                Billing::OnDemand => request.billing_mode(BillingMode::PayPerRequest),
                Billing::Provisioned { read_units, write_units } => {
                    let throughput = update::throughput(read_units, write_units);
                    request
                        .billing_mode(BillingMode::Provisioned)
                        .provisioned_throughput(throughput.map_err(|error| call.build_failure(error))?)
                }
            };
            if wanted.class != TableClass::Standard {
                request = request.table_class(update::class(wanted.class));
            }
            if wanted.deletion_protection {
                request = request.deletion_protection_enabled(true);
            }
            request = request.set_tags(Some(sdk_tags(session.owner.all_tags(), call)?));
            let answer = call.answer(request.send().await)?;
            session.recent.note_creation(&wanted.name);
            Ok(answer.table_description.and_then(|table| table.table_arn))
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
        async move {
            // The first change is requested here. `poll_ready` requests each following one when the table accepts
            // changes again.
            let Some(seen) = self.describe_all(session).await? else { return Ok(()) };
            match TableChange::next(&self.wanted, &seen) {
                Some(change) => self.request(session, &change).await,
                None => Ok(()),
            }
        }
        .boxed()
    }

    fn tag<'a>(&'a self, session: &'a Session, found: &'a Observed, tags: Tags) -> Attempt<'a> {
        async move {
            let call = self.call(session, "TagResource");
            let arn = found.arn.as_deref().unwrap_or_default();
            let request = session.clients.dynamodb.tag_resource().resource_arn(arn);
            call.unit(request.set_tags(Some(sdk_tags(tags.clone(), call)?)).send().await)?;
            describe::wait_until_tagged(session, arn, &self.wanted.name, &tags).await
        }
        .boxed()
    }

    fn poll_ready<'a>(&'a self, session: &'a Session) -> Attempt<'a, Readiness> {
        async move {
            let Some(seen) = self.describe_all(session).await? else { return Ok(Readiness::NotVisible) };
            let next = TableChange::next(&self.wanted, &seen);
            let arn = seen.table.table_arn.clone().unwrap_or_default();
            match (state_of(&seen.table), next) {
                (State::Active, None) => Ok(Readiness::Ready(arn)),
                // TTL and point-in-time recovery can be enabled only once the table is active.
                (State::Active, Some(change)) => {
                    self.request(session, &change).await?;
                    Ok(Readiness::NotYet(change.to_string()))
                }
                (State::Failed(status), _) => {
                    Err(self.call(session, "DescribeTable").build_failure(format!("the table is {status}")))
                }
                (_, next) => {
                    self.changes.note_in_progress();
                    let status = seen.table.table_status.map_or("unknown".to_owned(), |status| status.to_string());
                    Ok(if next.is_none() { Readiness::InProgress(arn, status) } else { Readiness::NotYet(status) })
                }
            }
        }
        .boxed()
    }

    fn delete<'a>(&'a self, session: &'a Session, _: &'a Observed) -> Attempt<'a> {
        async move {
            let request = session.clients.dynamodb.delete_table().table_name(&self.wanted.name);
            self.call(session, "DeleteTable").unit(request.send().await)
        }
        .boxed()
    }

    fn deletion_blocker<'a>(&'a self, _: &'a Session, found: &'a Observed) -> Attempt<'a, Option<DeletionBlocker>> {
        let is_protected = found.properties.get("deletion_protection") == Some(&json!(true));
        let section = if self.kind == Kind::RejectsTable { "rejects" } else { "table" };
        future::ready(Ok(is_protected.then(|| DeletionBlocker {
            what: "is protected against deletion".to_owned(),
            remedy: format!(
                "to delete it, set `{section}.deletion_protection` to false and run `sensorctl up` first; where the \
                 settings name another table, `aws dynamodb update-table --no-deletion-protection-enabled \
                 --table-name {}` does it",
                self.wanted.name
            ),
        })))
        .boxed()
    }
}

fn sdk_tags(tags: Tags, call: CallContext<'_>) -> Result<Vec<Tag>, AwsFailure> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build().map_err(|error| call.build_failure(error));
    tags.into_iter().map(tag).collect()
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
