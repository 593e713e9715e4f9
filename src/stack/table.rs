//! A DynamoDB table, made from the JSON document that the aws CLI takes.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription, TableStatus,
    Tag, TimeToLiveSpecification, TimeToLiveStatus,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Cloud, Difference, Found, Kind, Properties, References, Resource, Settled, State, Tags};
use crate::aws::wait::{self, Look, Schedule, WaitError};
use crate::aws::{Cause, Failure};

const SERVICE: &str = "DynamoDB";

/// Tags of a table are eventually consistent: a younger one without any is looked at again (facts/aws.md D1).
const TAGS_MAY_LAG: Duration = Duration::from_secs(60);

/// A table of the pipeline.
pub struct Table {
    kind: Kind,
    name: String,
    document: Document,
    ttl_attribute: Option<&'static str>,
}

/// `aws dynamodb create-table --cli-input-json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    #[serde(rename = "TableName")]
    _table_name: String,
    attribute_definitions: Vec<Attribute>,
    key_schema: Vec<Key>,
    billing_mode: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Attribute {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Key {
    attribute_name: String,
    key_type: String,
}

impl Table {
    /// The table of readings.
    #[must_use]
    pub fn of_readings(name: &str) -> Self {
        Self::new(Kind::Table, name, include_str!("../../templates/sensor-data-table.json"), None)
    }

    /// A table as the document says, under another name.
    #[must_use]
    pub fn new(kind: Kind, name: &str, document: &str, ttl_attribute: Option<&'static str>) -> Self {
        let document = serde_json::from_str(document).expect("the bundled templates are checked by a test");
        Table { kind, name: name.to_owned(), document, ttl_attribute }
    }

    async fn describe(&self, cloud: &Cloud) -> Result<Option<TableDescription>, Failure> {
        let clients = &cloud.clients;
        match clients.dynamodb.describe_table().table_name(&self.name).send().await {
            Ok(answer) => Ok(answer.table),
            Err(error) => missing_is_none(clients.failure(SERVICE, "DescribeTable", &self.name, &error)),
        }
    }

    async fn tags(&self, cloud: &Cloud, arn: &str, created: Option<SystemTime>) -> Result<Tags, Failure> {
        let young = created
            .and_then(|created| SystemTime::now().duration_since(created).ok())
            .is_some_and(|age| age < TAGS_MAY_LAG);
        let limit = if young { Duration::from_secs(10) } else { Duration::ZERO };
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
        let answer = match clients.dynamodb.list_tags_of_resource().resource_arn(arn).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let failure = clients.failure(SERVICE, "ListTagsOfResource", &self.name, &error);
                return missing_is_none(failure).map(Option::unwrap_or_default);
            }
        };
        Ok(answer.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    async fn ttl(&self, cloud: &Cloud) -> Result<Option<String>, Failure> {
        if self.ttl_attribute.is_none() {
            return Ok(None);
        }
        let clients = &cloud.clients;
        match clients.dynamodb.describe_time_to_live().table_name(&self.name).send().await {
            Ok(answer) => Ok(answer.time_to_live_description.and_then(|ttl| match ttl.time_to_live_status {
                Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling) => ttl.attribute_name,
                _ => None,
            })),
            Err(error) => missing_is_none(clients.failure(SERVICE, "DescribeTimeToLive", &self.name, &error)),
        }
    }

    async fn set_ttl(&self, cloud: &Cloud, attribute: &str) -> Result<(), Failure> {
        let clients = &cloud.clients;
        let specification = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build();
        let call = clients.dynamodb.update_time_to_live().table_name(&self.name);
        call.time_to_live_specification(
            specification.map_err(|error| clients.not_made(SERVICE, "UpdateTimeToLive", &self.name, error))?,
        )
        .send()
        .await
        .map(drop)
        .map_err(|error| clients.failure(SERVICE, "UpdateTimeToLive", &self.name, &error))
    }

    fn key_text(&self) -> Value {
        let type_of = |name: &str| {
            let definitions = &self.document.attribute_definitions;
            definitions.iter().find(|attribute| attribute.attribute_name == name).map(|a| a.attribute_type.as_str())
        };
        let keys = self.document.key_schema.iter();
        json!(keys.map(|key| (&key.attribute_name, &key.key_type, type_of(&key.attribute_name))).collect::<Vec<_>>())
    }
}

impl Resource for Table {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn observe<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Found, Failure>> {
        async move {
            let Some(table) = self.describe(cloud).await? else { return Ok(Found::missing()) };
            let state = state_of(&table);
            let arn = table.table_arn.clone().unwrap_or_default();
            let created = table.creation_date_time.and_then(|time| SystemTime::try_from(time).ok());
            let (tags, ttl) = futures::try_join!(self.tags(cloud, &arn, created), self.ttl(cloud))?;
            let billing = table
                .billing_mode_summary
                .as_ref()
                .and_then(|summary| summary.billing_mode.as_ref())
                .map_or("PROVISIONED", BillingMode::as_str);
            let mut properties: Properties = [("key", key_of(&table)), ("billing_mode", json!(billing))].into();
            if self.ttl_attribute.is_some() {
                properties.insert("ttl_attribute", json!(ttl));
            }
            Ok(Found { state, arn: Some(arn), tags, properties, ..Found::missing() })
        }
        .boxed()
    }

    fn wanted(&self, _: &References) -> Properties {
        let mut properties: Properties =
            [("key", self.key_text()), ("billing_mode", json!(self.document.billing_mode))].into();
        if let Some(attribute) = self.ttl_attribute {
            properties.insert("ttl_attribute", json!(attribute));
        }
        properties
    }

    fn fixed(&self) -> &'static [&'static str] {
        &["key"]
    }

    fn create<'a>(&'a self, cloud: &'a Cloud, _: &'a References) -> BoxFuture<'a, Result<Option<String>, Failure>> {
        async move {
            let clients = &cloud.clients;
            let mut call = clients
                .dynamodb
                .create_table()
                .table_name(&self.name)
                .billing_mode(BillingMode::from(self.document.billing_mode.as_str()));
            let unbuilt = |error| clients.not_made(SERVICE, "CreateTable", &self.name, error);
            for attribute in &self.document.attribute_definitions {
                let definition = AttributeDefinition::builder()
                    .attribute_name(&attribute.attribute_name)
                    .attribute_type(ScalarAttributeType::from(attribute.attribute_type.as_str()));
                call = call.attribute_definitions(definition.build().map_err(unbuilt)?);
            }
            for key in &self.document.key_schema {
                let element = KeySchemaElement::builder()
                    .attribute_name(&key.attribute_name)
                    .key_type(KeyType::from(key.key_type.as_str()));
                call = call.key_schema(element.build().map_err(unbuilt)?);
            }
            for (key, value) in cloud.owner.tags() {
                call = call.tags(Tag::builder().key(key).value(value).build().map_err(unbuilt)?);
            }
            let answer =
                call.send().await.map_err(|error| clients.failure(SERVICE, "CreateTable", &self.name, &error))?;
            Ok(answer.table_description.and_then(|table| table.table_arn))
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        cloud: &'a Cloud,
        _: &'a References,
        _: &'a Found,
        differences: &'a [Difference],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let clients = &cloud.clients;
            for difference in differences {
                match (difference.property, self.ttl_attribute) {
                    ("billing_mode", _) => {
                        let mode = BillingMode::from(self.document.billing_mode.as_str());
                        let call = clients.dynamodb.update_table().table_name(&self.name).billing_mode(mode);
                        call.send().await.map_err(|e| clients.failure(SERVICE, "UpdateTable", &self.name, &e))?;
                    }
                    ("ttl_attribute", Some(attribute)) => self.set_ttl(cloud, attribute).await?,
                    _ => {}
                }
            }
            Ok(())
        }
        .boxed()
    }

    fn settle<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Settled, Failure>> {
        async move {
            let Some(table) = self.describe(cloud).await? else {
                return Ok(Settled::NotYet("not to be seen yet".to_owned()));
            };
            if state_of(&table) != State::Active {
                let status = table.table_status.as_ref().map_or("unknown", TableStatus::as_str);
                return Ok(Settled::NotYet(status.to_owned()));
            }
            // Expiry can only be asked for once the table works.
            if let Some(attribute) = self.ttl_attribute
                && self.ttl(cloud).await?.is_none()
            {
                self.set_ttl(cloud, attribute).await?;
            }
            Ok(Settled::Works(table.table_arn.unwrap_or_default()))
        }
        .boxed()
    }

    fn delete<'a>(&'a self, cloud: &'a Cloud, _: &'a Found) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let clients = &cloud.clients;
            let call = clients.dynamodb.delete_table().table_name(&self.name);
            call.send().await.map(drop).map_err(|error| clients.failure(SERVICE, "DeleteTable", &self.name, &error))
        }
        .boxed()
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

fn key_of(table: &TableDescription) -> Value {
    let type_of = |name: &str| {
        let definition = table.attribute_definitions().iter().find(|attribute| attribute.attribute_name == name);
        definition.map(|attribute| attribute.attribute_type.as_str())
    };
    let keys = table.key_schema().iter();
    json!(
        keys.map(|key| (&key.attribute_name, key.key_type.as_str(), type_of(&key.attribute_name))).collect::<Vec<_>>()
    )
}

fn missing_is_none<T>(failure: Failure) -> Result<Option<T>, Failure> {
    if failure.cause == Cause::Missing { Ok(None) } else { Err(failure) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_the_tables_of_the_walkthrough() {
        let wanted = Table::of_readings("SensorData").wanted(&References::default());
        assert_eq!(wanted["key"], json!([["SensorId", "HASH", "S"], ["CurrentTime", "RANGE", "N"]]));
    }
}
