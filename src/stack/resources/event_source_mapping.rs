//! The event source mapping that feeds the stream's records to the function.

mod arn;
mod comparison;
mod data_loss_warning;
mod describe;
mod list;
mod request;
mod state;
mod unmanaged;

use std::time::Duration;

use aws_sdk_lambda::types::{EventSourceMappingConfiguration, EventSourcePosition, FunctionResponseType};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};

use self::state::{not_seen_yet, state_of, uuid_of};
use super::lambda_tags;
use super::role::diagnosis::{self, RequiredAccess};
use crate::aws::{AwsFailure, CallContext, FailureCause, ServiceClock};
use crate::settings;
use crate::stack::engine::observed::Tags;
use crate::stack::engine::resource::{Attempt, PermanentFailure};
use crate::stack::engine::sighting::with_tags;
use crate::stack::{ArnRegistry, Difference, Kind, Observed, Properties, Readiness, Resource, Session, State};

pub(crate) use self::comparison::by_meaning as filters_by_meaning;
use self::comparison::{by_meaning, leaves_out, unlimited};
use self::data_loss_warning::data_loss_warning;

pub(crate) use self::arn::{name, parts};
pub(crate) use self::list::list;
pub(crate) use self::unmanaged::{mappings_of_function, mappings_of_stream};

const SERVICE: &str = "Lambda";

/// Name of the detail with its starting position: a time, or the service's word.
pub(crate) const STARTED_AT: &str = "starting_position";

/// Name of the detail with the seconds for which the mapping may still use the settings from before its last change.
pub(crate) const IN_FORCE_AFTER: &str = "in_force_after";
/// Name of the detail with the seconds for which it may do so after any change.
pub(crate) const LAGS: &str = "lags";

/// The error of `CreateEventSourceMapping` for a function that does not exist, or is not visible everywhere yet.
const NO_FUNCTION: &str = "Function does not exist";

/// An event source mapping with partial batch responses.
pub(crate) struct EventSourceMapping {
    /// Shown name: stream and function.
    name: String,
    /// The stream of the mapping.
    stream: settings::Stream,
    /// The function of the mapping.
    function: String,
    /// Name of the function's role, which permits the reads.
    role: String,
    wanted: settings::Mapping,
    /// True if the mapping is only to be deleted, so that its properties do not matter.
    is_going: bool,
    /// The service's time at the first read, when `up` began.
    began: ServiceClock,
}

impl EventSourceMapping {
    /// Creates a mapping from a stream to a function.
    #[must_use]
    pub(crate) fn new(stream: settings::Stream, function: &str, role: &str, wanted: settings::Mapping) -> Self {
        let name = name(&stream.name, function);
        let (function, role) = (function.to_owned(), role.to_owned());
        EventSourceMapping { name, stream, function, role, wanted, is_going: false, began: ServiceClock::default() }
    }

    /// Returns the same mapping for a teardown, which ignores unreadable properties.
    #[must_use]
    pub(crate) fn for_teardown(self) -> Self {
        EventSourceMapping { is_going: true, ..self }
    }

    fn call<'a>(&'a self, session: &'a Session, operation: &'static str) -> CallContext<'a> {
        session.clients.call(SERVICE, operation, &self.name)
    }

    /// Returns the permanent failure that the function is gone, if it is.
    async fn without_function(&self, session: &Session) -> Option<PermanentFailure> {
        let request = session.clients.lambda.get_function().function_name(&self.function);
        let function = self.call(session, "GetFunction").optional(request.send().await).ok()?;
        function.is_none().then(|| PermanentFailure {
            is_fresh: session.recent.has_written(&self.function),
            ..PermanentFailure::new(
                format!("another run deleted the function `{}` meanwhile", self.function),
                "run `sensorctl up` again: it creates what is missing",
            )
        })
    }
}

impl Resource for EventSourceMapping {
    fn kind(&self) -> Kind {
        Kind::Mapping
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn observe<'a>(&'a self, session: &'a Session) -> Attempt<'a, Observed> {
        async move {
            let others = Mutex::new(Vec::new());
            let describe = || {
                let find = async {
                    let (mapping, of_others) = self.find(session).await?;
                    *others.lock() = of_others;
                    Ok(mapping)
                };
                find.boxed()
            };
            let tags_of = |mapping: &EventSourceMappingConfiguration| {
                let arn = mapping.event_source_mapping_arn.clone();
                let tags = async move {
                    match arn {
                        Some(arn) => match session.stage_tags_of(&arn).await {
                            Some(tags) => Ok(tags),
                            None => lambda_tags::tags_of(session, &arn, &self.name).await,
                        },
                        None => Ok(Tags::new()),
                    }
                };
                tags.boxed()
            };
            let seen = with_tags(describe, tags_of, |mapping| mapping.uuid.clone()).await?;
            let others = others.into_inner();
            let warnings: Vec<_> = others.iter().filter_map(data_loss_warning).collect();
            let Some((mapping, tags)) = seen else { return Ok(Observed { warnings, ..Observed::missing() }) };
            let arn = mapping.event_source_mapping_arn.clone();
            let responses: Vec<_> =
                mapping.function_response_types().iter().map(FunctionResponseType::as_str).collect();
            let state = state_of(&mapping);
            let seconds = |time: Duration| time.as_secs_f64().ceil().to_string();
            let in_force_after = seconds(self.may_lag(session, &mapping).unwrap_or_default());
            let enabled = !matches!(mapping.state(), Some("Disabled" | "Disabling"));
            let destination = mapping.destination_config.as_ref().and_then(|config| config.on_failure.as_ref());
            let destination = destination.and_then(|failure| failure.destination.clone()).filter(|arn| !arn.is_empty());
            let filters = self.patterns(session, &mapping).await?;
            let metrics = mapping.metrics_config.as_ref().is_some_and(|config| !config.metrics().is_empty());
            let properties: Properties = [
                ("enabled", json!(enabled)),
                ("window_seconds", json!(mapping.maximum_batching_window_in_seconds.unwrap_or(0))),
                ("on_failure", json!(destination)),
                ("filters", by_meaning(filters.iter().map(String::as_str))),
                ("metrics", json!(metrics)),
                ("batch_size", json!(mapping.batch_size)),
                ("parallelization", json!(mapping.parallelization_factor.unwrap_or(1))),
                ("bisect", json!(mapping.bisect_batch_on_function_error.unwrap_or(false))),
                ("response_types", json!(responses)),
                ("retry_attempts", unlimited(mapping.maximum_retry_attempts, 10_000)),
                ("record_age_seconds", unlimited(mapping.maximum_record_age_in_seconds, 604_800)),
            ]
            .into();
            let position = mapping.starting_position.as_ref().map(EventSourcePosition::as_str).unwrap_or_default();
            let since = mapping.starting_position_timestamp.map(|time| time.as_nanos());
            let since = since.and_then(|time| Timestamp::from_nanosecond(time).ok()).map(|time| time.to_string());
            let details = [
                (STARTED_AT, since.unwrap_or_else(|| position.to_owned())),
                (IN_FORCE_AFTER, in_force_after),
                (LAGS, seconds(session.clients.mapping_in_force)),
                ("uuid", mapping.uuid.unwrap_or_default()),
                ("state", mapping.state.unwrap_or_default()),
                ("last_processing_result", mapping.last_processing_result.unwrap_or_default()),
            ];
            Ok(Observed { state, arn, tags, properties, details: details.into(), warnings })
        }
        .boxed()
    }

    fn desired(&self, _: &ArnRegistry) -> Properties {
        let wanted = &self.wanted;
        [
            ("enabled", json!(wanted.enabled)),
            ("batch_size", json!(wanted.batch_size)),
            ("window_seconds", json!(wanted.window_seconds)),
            ("parallelization", json!(wanted.parallelization)),
            ("bisect", json!(wanted.bisect)),
            ("response_types", json!([FunctionResponseType::ReportBatchItemFailures.as_str()])),
            ("retry_attempts", unlimited(Some(wanted.retry_attempts), 10_000)),
            ("record_age_seconds", unlimited(Some(wanted.record_age_seconds), 604_800)),
            ("on_failure", json!(wanted.on_failure)),
            ("filters", by_meaning(wanted.filters.iter().map(String::as_str))),
            ("metrics", json!(wanted.metrics)),
        ]
        .into()
    }

    fn preserve_unmanaged(&mut self, found: &Observed, is_asked: &dyn Fn(&str) -> bool) {
        let wanted = &mut self.wanted;
        for (name, value) in [
            ("batch_size", &mut wanted.batch_size),
            ("window_seconds", &mut wanted.window_seconds),
            ("parallelization", &mut wanted.parallelization),
            ("retry_attempts", &mut wanted.retry_attempts),
            ("record_age_seconds", &mut wanted.record_age_seconds),
        ] {
            if let Some(number) = found.number(name).filter(|_| !is_asked(&format!("mapping.{name}"))) {
                *value = number;
            }
        }
        for (name, value) in [("bisect", &mut wanted.bisect), ("metrics", &mut wanted.metrics)] {
            if let Some(switch) = found.switch(name).filter(|_| !is_asked(&format!("mapping.{name}"))) {
                *value = switch;
            }
        }
        if !is_asked("mapping.on_failure") {
            wanted.on_failure = found.text("on_failure");
        }
        if let Some(filters) = found.properties.get("filters").filter(|_| !is_asked("mapping.filters")) {
            wanted.filters = filters.as_array().into_iter().flatten().map(Value::to_string).collect();
        }
    }

    fn loses_data(&self, property: &str, has: &Value, wanted: &Value, _: &Observed) -> bool {
        // -1 means without limit.
        let is_less = || {
            wanted.as_i64().is_some_and(|wanted| wanted >= 0 && has.as_i64().is_none_or(|has| has < 0 || wanted < has))
        };
        match property {
            "retry_attempts" | "record_age_seconds" => is_less(),
            "filters" => leaves_out(has, wanted),
            _ => false,
        }
    }

    fn create<'a>(&'a self, session: &'a Session, references: &'a ArnRegistry) -> Attempt<'a, Option<String>> {
        async move {
            let call = self.call(session, "CreateEventSourceMapping");
            let why = "not tried, because its stream could not be created";
            let stream = references.arn(Kind::Stream).await.ok_or_else(|| call.skipped(why))?;
            let (position, time) = self.position(session).await?;
            let wanted = &self.wanted;
            let request = session
                .clients
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
                .set_filter_criteria((!wanted.filters.is_empty()).then(|| self.filters()))
                .set_metrics_config(wanted.metrics.then(|| self.metrics()))
                .set_tags(Some(session.owner.all_tags().into_iter().collect()));
            let answer = call.answer(request.send().await).map_err(not_seen_yet)?;
            session.recent.note_creation(&self.name);
            Ok(answer.event_source_mapping_arn)
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        session: &'a Session,
        _: &'a ArnRegistry,
        found: &'a Observed,
        differences: &'a [Difference],
    ) -> Attempt<'a> {
        async move {
            let wanted = &self.wanted;
            let differs = |property| differences.iter().any(|difference| difference.property == property);
            let request = session
                .clients
                .lambda
                .update_event_source_mapping()
                .uuid(uuid_of(found))
                .enabled(wanted.enabled)
                .batch_size(wanted.batch_size)
                .maximum_batching_window_in_seconds(wanted.window_seconds)
                .parallelization_factor(wanted.parallelization)
                .bisect_batch_on_function_error(wanted.bisect)
                .function_response_types(FunctionResponseType::ReportBatchItemFailures)
                .maximum_retry_attempts(wanted.retry_attempts)
                .maximum_record_age_in_seconds(wanted.record_age_seconds)
                .set_destination_config(differs("on_failure").then(|| self.destination()))
                .set_filter_criteria(differs("filters").then(|| self.filters()))
                .set_metrics_config(differs("metrics").then(|| self.metrics()));
            self.call(session, "UpdateEventSourceMapping").unit(request.send().await)
        }
        .boxed()
    }

    fn tag<'a>(&'a self, session: &'a Session, found: &'a Observed, tags: Tags) -> Attempt<'a> {
        async move {
            let request = session.clients.lambda.tag_resource().resource(found.arn.as_deref().unwrap_or_default());
            let result = request.set_tags(Some(tags.into_iter().collect())).send().await;
            self.call(session, "TagResource").unit(result)
        }
        .boxed()
    }

    fn poll_ready<'a>(&'a self, session: &'a Session) -> Attempt<'a, Readiness> {
        async move {
            let Some(mapping) = self.describe(session).await? else { return Ok(Readiness::NotVisible) };
            let arn = mapping.event_source_mapping_arn.clone().unwrap_or_default();
            Ok(match mapping.state() {
                Some(state) if state == (if self.wanted.enabled { "Enabled" } else { "Disabled" }) => {
                    Readiness::Ready(arn)
                }
                state => Readiness::InProgress(arn, state.unwrap_or("unknown").to_owned()),
            })
        }
        .boxed()
    }

    fn in_force_after<'a>(&'a self, session: &'a Session) -> Attempt<'a, Option<Duration>> {
        async move {
            let call = self.call(session, "ListEventSourceMappings");
            let undone = |why: &str| AwsFailure { cause: FailureCause::RolledBack, ..call.build_failure(why) };
            let mapping = self.describe(session).await?.ok_or_else(|| undone("the mapping was deleted"))?;
            if !mapping.function_response_types().contains(&FunctionResponseType::ReportBatchItemFailures) {
                return Err(undone("the mapping no longer has ReportBatchItemFailures"));
            }
            Ok(match state_of(&mapping) {
                State::Active => self.may_lag(session, &mapping),
                // The change is not even saved.
                _ => Some(session.clients.mapping_in_force.max(session.schedule.first)),
            })
        }
        .boxed()
    }

    fn delete<'a>(&'a self, session: &'a Session, found: &'a Observed) -> Attempt<'a> {
        async move {
            let request = session.clients.lambda.delete_event_source_mapping().uuid(uuid_of(found));
            self.call(session, "DeleteEventSourceMapping").unit(request.send().await)
        }
        .boxed()
    }

    fn permanent_failure<'a>(
        &'a self,
        session: &'a Session,
        references: &'a ArnRegistry,
        failure: &'a AwsFailure,
    ) -> BoxFuture<'a, Option<PermanentFailure>> {
        async move {
            let says = |part| failure.message.contains(part);
            if says(NO_FUNCTION) {
                return self.without_function(session).await;
            }
            let need = match (&self.wanted.on_failure, references.known(Kind::Stream)) {
                _ if says("cannot be assumed") => RequiredAccess::Trust,
                (_, Some(stream)) if says("ensure the role can perform") => RequiredAccess::Reading { stream },
                (Some(arn), _) if says("execution role does not have permissions") => {
                    RequiredAccess::Telling { destination: arn.clone() }
                }
                _ => return None,
            };
            diagnosis::permanent_failure(session, &self.role, &need).await
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
