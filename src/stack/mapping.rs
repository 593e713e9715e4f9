//! The event source mapping that feeds the stream's records to the function.

mod service_clock;

use aws_sdk_lambda::primitives::DateTime;
use aws_sdk_lambda::types::{
    DestinationConfig, EventSourceMappingConfiguration, EventSourcePosition, FunctionResponseType, OnFailure,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::tags::{OwnTags, TAGS};
use super::{Cloud, Difference, Found, Kind, Properties, References, Resource, Settled, State, Tags, stream};
use crate::aws::{Cause, Failure};
use crate::settings::{self, StartingPosition};

use self::service_clock::ServiceClock;

const SERVICE: &str = "Lambda";

/// The tag of a thing that was taken over and not made by us.
const ADOPTED: &str = "sensorctl:adopted";

/// An event source mapping with partial batch responses.
pub struct Mapping {
    /// Shown name: stream and function.
    name: String,
    /// The stream that is read.
    stream: settings::Stream,
    /// The function that is called.
    function: String,
    wanted: settings::Mapping,
    tags: OwnTags,
    /// The service's time at the first look, which is when `up` began.
    began: ServiceClock,
}

impl Mapping {
    /// A mapping between the two.
    #[must_use]
    pub fn new(stream: settings::Stream, function: &str, wanted: settings::Mapping, tags: OwnTags) -> Self {
        let name = format!("{} → {function}", stream.name);
        Mapping { name, stream, function: function.to_owned(), wanted, tags, began: ServiceClock::default() }
    }

    async fn describe(&self, cloud: &Cloud) -> Result<Option<EventSourceMappingConfiguration>, Failure> {
        let clients = &cloud.clients;
        let mut marker = None;
        loop {
            let call = clients.lambda.list_event_source_mappings().function_name(&self.function).set_marker(marker);
            let answer = match call.customize().interceptor(self.began.clone()).send().await {
                Ok(answer) => answer,
                Err(error) => {
                    let failure = clients.failure(SERVICE, "ListEventSourceMappings", &self.function, &error);
                    return if failure.cause == Cause::Missing { Ok(None) } else { Err(failure) };
                }
            };
            let ours = answer.event_source_mappings.unwrap_or_default().into_iter().find(|mapping| {
                let arn = mapping.event_source_arn().unwrap_or_default();
                arn.rsplit_once(":stream/").is_some_and(|(_, name)| name == self.stream.name)
            });
            marker = answer.next_marker.filter(|marker| !marker.is_empty());
            if ours.is_some() || marker.is_none() {
                return Ok(ours);
            }
        }
    }

    /// Where a new mapping begins, and with which moment.
    async fn position(&self, cloud: &Cloud) -> Result<(EventSourcePosition, Option<DateTime>), Failure> {
        let at = |time: Timestamp| DateTime::from_nanos(time.as_nanosecond()).ok();
        Ok(match self.wanted.starting_position {
            StartingPosition::Latest => (EventSourcePosition::Latest, None),
            StartingPosition::At(time) => (EventSourcePosition::AtTimestamp, at(time)),
            // All that is in a stream of ours is meant for us; of another one, what comes from now on.
            StartingPosition::Auto if self.stream.existing || self.is_adopted(cloud).await? => {
                (EventSourcePosition::AtTimestamp, self.began.time().or_else(|| at(Timestamp::now())))
            }
            StartingPosition::Auto | StartingPosition::TrimHorizon => (EventSourcePosition::TrimHorizon, None),
        })
    }

    async fn is_adopted(&self, cloud: &Cloud) -> Result<bool, Failure> {
        Ok(stream::tags_of(cloud, &self.stream.name).await?.contains_key(ADOPTED))
    }

    fn destination(&self) -> DestinationConfig {
        // An empty one clears what was there; none at all would leave it.
        let on_failure = OnFailure::builder().set_destination(self.wanted.on_failure.clone()).build();
        DestinationConfig::builder().on_failure(on_failure).build()
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
            let destination = mapping.destination_config.as_ref().and_then(|config| config.on_failure.as_ref());
            let destination = destination.and_then(|failure| failure.destination.clone()).filter(|arn| !arn.is_empty());
            let mut properties: Properties = [
                ("enabled", json!(enabled)),
                ("window_seconds", json!(mapping.maximum_batching_window_in_seconds.unwrap_or(0))),
                ("on_failure", json!(destination)),
                ("batch_size", json!(mapping.batch_size)),
                ("parallelization", json!(mapping.parallelization_factor.unwrap_or(1))),
                ("bisect", json!(mapping.bisect_batch_on_function_error.unwrap_or(false))),
                ("response_types", json!(responses)),
                ("retry_attempts", unlimited(mapping.maximum_retry_attempts, 10_000)),
                ("record_age_seconds", unlimited(mapping.maximum_record_age_in_seconds, 604_800)),
            ]
            .into();
            self.tags.found(&tags, &mut properties);
            let details = [
                ("uuid", mapping.uuid.unwrap_or_default()),
                ("state", mapping.state.unwrap_or_default()),
                ("last_processing_result", mapping.last_processing_result.unwrap_or_default()),
            ];
            Ok(Found { state, arn, tags, properties, details: details.into() })
        }
        .boxed()
    }

    fn wanted(&self, _: &References) -> Properties {
        let wanted = &self.wanted;
        let mut properties: Properties = [
            ("enabled", json!(wanted.enabled)),
            ("batch_size", json!(wanted.batch_size)),
            ("window_seconds", json!(wanted.window_seconds)),
            ("parallelization", json!(wanted.parallelization)),
            ("bisect", json!(wanted.bisect)),
            ("response_types", json!([FunctionResponseType::ReportBatchItemFailures.as_str()])),
            ("retry_attempts", unlimited(Some(wanted.retry_attempts), 10_000)),
            ("record_age_seconds", unlimited(Some(wanted.record_age_seconds), 604_800)),
            ("on_failure", json!(wanted.on_failure)),
        ]
        .into();
        self.tags.want(&mut properties);
        properties
    }

    fn create<'a>(
        &'a self,
        cloud: &'a Cloud,
        references: &'a References,
    ) -> BoxFuture<'a, Result<Option<String>, Failure>> {
        async move {
            let stream = references.arn(Kind::Stream).await.ok_or_else(|| self.not_tried(cloud))?;
            let clients = &cloud.clients;
            let (position, time) = self.position(cloud).await?;
            let wanted = &self.wanted;
            let call = clients
                .lambda
                .create_event_source_mapping()
                .function_name(&self.function)
                .event_source_arn(stream)
                .starting_position(position)
                .set_starting_position_timestamp(time)
                .enabled(wanted.enabled)
                .batch_size(wanted.batch_size)
                .maximum_batching_window_in_seconds(wanted.window_seconds)
                .parallelization_factor(wanted.parallelization)
                .bisect_batch_on_function_error(wanted.bisect)
                .function_response_types(FunctionResponseType::ReportBatchItemFailures)
                .maximum_retry_attempts(wanted.retry_attempts)
                .maximum_record_age_in_seconds(wanted.record_age_seconds)
                .set_destination_config(wanted.on_failure.as_ref().map(|_| self.destination()))
                .set_tags(Some(self.tags.all(&cloud.owner).into_iter().collect()));
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
        differences: &'a [Difference],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let (clients, wanted) = (&cloud.clients, &self.wanted);
            if differences.iter().any(|difference| difference.property == TAGS) {
                let lacking = self.tags.lacking(&cloud.owner, &found.tags).into_iter().collect();
                let arn = found.arn.as_deref().unwrap_or_default();
                let result = clients.lambda.tag_resource().resource(arn).set_tags(Some(lacking)).send().await;
                result.map_err(|error| clients.failure(SERVICE, "TagResource", &self.name, &error))?;
            }
            if differences.iter().all(|difference| difference.property == TAGS) {
                return Ok(());
            }
            let destination = differences.iter().any(|difference| difference.property == "on_failure");
            let call = clients
                .lambda
                .update_event_source_mapping()
                .uuid(found.details.get("uuid").cloned().unwrap_or_default())
                .enabled(wanted.enabled)
                .batch_size(wanted.batch_size)
                .maximum_batching_window_in_seconds(wanted.window_seconds)
                .parallelization_factor(wanted.parallelization)
                .bisect_batch_on_function_error(wanted.bisect)
                .function_response_types(FunctionResponseType::ReportBatchItemFailures)
                .maximum_retry_attempts(wanted.retry_attempts)
                .maximum_record_age_in_seconds(wanted.record_age_seconds)
                .set_destination_config(destination.then(|| self.destination()));
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
                Some(state) if state == (if self.wanted.enabled { "Enabled" } else { "Disabled" }) => {
                    Settled::Works(mapping.event_source_mapping_arn.clone().unwrap_or_default())
                }
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
