//! The event source mapping that feeds the stream's records to the function.

use aws_sdk_lambda::types::{EventSourceMappingConfiguration, EventSourcePosition, FunctionResponseType};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::{Cloud, Difference, Found, Kind, Properties, References, Resource, Settled, State, Tags};
use crate::aws::{Cause, Failure};

const SERVICE: &str = "Lambda";

/// An event source mapping with partial batch responses and bisecting.
pub struct Mapping {
    /// Shown name: stream and function.
    pub name: String,
    /// The stream that is read.
    pub stream: String,
    /// The function that is called.
    pub function: String,
    /// Records in a batch at most, 1 to 10,000.
    pub batch_size: i32,
    /// Batches of one shard at the same time, 1 to 10; order is then kept per partition key only.
    pub parallelization: i32,
}

impl Mapping {
    /// A mapping between the two.
    #[must_use]
    pub fn new(stream: &str, function: &str, batch_size: i32, parallelization: i32) -> Self {
        Mapping {
            name: format!("{stream} → {function}"),
            stream: stream.to_owned(),
            function: function.to_owned(),
            batch_size,
            parallelization,
        }
    }

    async fn describe(&self, cloud: &Cloud) -> Result<Option<EventSourceMappingConfiguration>, Failure> {
        let clients = &cloud.clients;
        let call = clients.lambda.list_event_source_mappings().function_name(&self.function);
        let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
        match found {
            Ok(mappings) => Ok(mappings.into_iter().find(|mapping| {
                let arn = mapping.event_source_arn().unwrap_or_default();
                arn.rsplit_once(":stream/").is_some_and(|(_, name)| name == self.stream)
            })),
            Err(error) => {
                let failure = clients.failure(SERVICE, "ListEventSourceMappings", &self.function, &error);
                if failure.cause == Cause::Missing { Ok(None) } else { Err(failure) }
            }
        }
    }

    async fn tags(&self, cloud: &Cloud, arn: &str) -> Result<Tags, Failure> {
        let clients = &cloud.clients;
        match clients.lambda.list_tags().resource(arn).send().await {
            Ok(answer) => Ok(answer.tags.unwrap_or_default().into_iter().collect()),
            Err(error) => {
                let failure = clients.failure(SERVICE, "ListTags", &self.name, &error);
                if failure.cause == Cause::Missing { Ok(Tags::new()) } else { Err(failure) }
            }
        }
    }

    fn not_tried(&self, cloud: &Cloud) -> Failure {
        let why = "not tried, because its stream could not be made";
        cloud.clients.not_made(SERVICE, "CreateEventSourceMapping", &self.name, why)
    }
}

impl Resource for Mapping {
    fn kind(&self) -> Kind {
        Kind::Mapping
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn observe<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Found, Failure>> {
        async move {
            let Some(mapping) = self.describe(cloud).await? else { return Ok(Found::missing()) };
            let arn = mapping.event_source_mapping_arn.clone();
            let tags = match &arn {
                Some(arn) => self.tags(cloud, arn).await?,
                None => Tags::new(),
            };
            let responses: Vec<_> =
                mapping.function_response_types().iter().map(FunctionResponseType::as_str).collect();
            let state = state_of(&mapping);
            let enabled = !matches!(mapping.state(), Some("Disabled" | "Disabling"));
            let properties = [
                ("enabled", json!(enabled)),
                ("batch_size", json!(mapping.batch_size)),
                ("parallelization", json!(mapping.parallelization_factor.unwrap_or(1))),
                ("bisect_on_error", json!(mapping.bisect_batch_on_function_error.unwrap_or(false))),
                ("response_types", json!(responses)),
                ("retry_attempts", unlimited(mapping.maximum_retry_attempts, 10_000)),
                ("record_age_seconds", unlimited(mapping.maximum_record_age_in_seconds, 604_800)),
            ];
            let details = [
                ("uuid", mapping.uuid.unwrap_or_default()),
                ("state", mapping.state.unwrap_or_default()),
                ("last_processing_result", mapping.last_processing_result.unwrap_or_default()),
            ];
            Ok(Found { state, arn, tags, properties: properties.into(), details: details.into() })
        }
        .boxed()
    }

    fn wanted(&self, _: &References) -> Properties {
        [
            ("enabled", json!(true)),
            ("batch_size", json!(self.batch_size)),
            ("parallelization", json!(self.parallelization)),
            ("bisect_on_error", json!(true)),
            ("response_types", json!([FunctionResponseType::ReportBatchItemFailures.as_str()])),
            ("retry_attempts", json!(-1)),
            ("record_age_seconds", json!(-1)),
        ]
        .into()
    }

    fn create<'a>(
        &'a self,
        cloud: &'a Cloud,
        references: &'a References,
    ) -> BoxFuture<'a, Result<Option<String>, Failure>> {
        async move {
            let stream = references.arn(Kind::Stream).await.ok_or_else(|| self.not_tried(cloud))?;
            let clients = &cloud.clients;
            let call = clients
                .lambda
                .create_event_source_mapping()
                .event_source_arn(stream)
                .function_name(&self.function)
                // The stream is ours: nothing put while the mapping starts is missed, as it would be with LATEST.
                .starting_position(EventSourcePosition::TrimHorizon)
                .batch_size(self.batch_size)
                .parallelization_factor(self.parallelization)
                .bisect_batch_on_function_error(true)
                .function_response_types(FunctionResponseType::ReportBatchItemFailures)
                .maximum_retry_attempts(-1)
                .maximum_record_age_in_seconds(-1)
                .set_tags(Some(cloud.owner.tags().into_iter().collect()));
            let answer = call
                .send()
                .await
                .map_err(|error| clients.failure(SERVICE, "CreateEventSourceMapping", &self.name, &error))?;
            Ok(answer.event_source_mapping_arn)
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        cloud: &'a Cloud,
        _: &'a References,
        found: &'a Found,
        _: &'a [Difference],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let clients = &cloud.clients;
            let call = clients
                .lambda
                .update_event_source_mapping()
                .uuid(found.details.get("uuid").cloned().unwrap_or_default())
                .enabled(true)
                .batch_size(self.batch_size)
                .parallelization_factor(self.parallelization)
                .bisect_batch_on_function_error(true)
                .function_response_types(FunctionResponseType::ReportBatchItemFailures)
                .maximum_retry_attempts(-1)
                .maximum_record_age_in_seconds(-1);
            call.send()
                .await
                .map(drop)
                .map_err(|error| clients.failure(SERVICE, "UpdateEventSourceMapping", &self.name, &error))
        }
        .boxed()
    }

    fn settle<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Settled, Failure>> {
        async move {
            let Some(mapping) = self.describe(cloud).await? else {
                return Ok(Settled::NotYet("not to be seen yet".to_owned()));
            };
            Ok(match mapping.state() {
                Some("Enabled") => Settled::Works(mapping.event_source_mapping_arn.unwrap_or_default()),
                state => Settled::NotYet(state.unwrap_or("unknown").to_owned()),
            })
        }
        .boxed()
    }

    fn delete<'a>(&'a self, cloud: &'a Cloud, found: &'a Found) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let clients = &cloud.clients;
            let uuid = found.details.get("uuid").cloned().unwrap_or_default();
            let call = clients.lambda.delete_event_source_mapping().uuid(uuid);
            call.send()
                .await
                .map(drop)
                .map_err(|error| clients.failure(SERVICE, "DeleteEventSourceMapping", &self.name, &error))
        }
        .boxed()
    }
}

fn state_of(mapping: &EventSourceMappingConfiguration) -> State {
    match mapping.state() {
        Some("Enabled" | "Disabled") => State::Active,
        Some("Deleting") => State::Deleting,
        state => State::Changing(state.unwrap_or("unknown").to_owned()),
    }
}

/// Older answers give the greatest value where nothing was set (facts/aws.md C1).
fn unlimited(value: Option<i32>, greatest: i32) -> Value {
    json!(value.filter(|value| *value != greatest).unwrap_or(-1))
}
