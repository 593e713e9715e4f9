//! Reads the event source mapping and the function.

use std::collections::BTreeMap;

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{
    Architecture, EventSourceMappingConfiguration, EventSourceMappingMetric, FilterCriteria, FunctionResponseType,
    LastUpdateStatus, LastUpdateStatusReasonCode, State, StateReasonCode,
};
use jiff::fmt::strtime;

use super::super::observations::{FunctionFacts, MappingFacts, MappingFilters};
use super::ms;
use crate::aws::{AwsFailure, Clients};

/// The greatest retries and record age (docs/facts/event-source-mapping.md, Parameters).
const MOST_RETRIES: i32 = 10_000;
const LONGEST_AGE_SECONDS: i32 = 604_800;

/// Begins the names of the variables that sensorctl sets. The user's own may be secret and are not kept.
const OWN_VARIABLES: &str = "SENSORCTL_";

/// Reads the event source mapping from a stream, or a consumer of it, to a function, or a version of it.
pub(in super::super) async fn mapping(
    clients: &Clients,
    stream: &str,
    function: &str,
) -> Result<Option<MappingFacts>, AwsFailure> {
    let resource = format!("function {function}");
    let call = clients.call("Lambda", "ListEventSourceMappings", &resource);
    let request = clients.lambda.list_event_source_mappings().function_name(function);
    let mappings: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let mappings = call.optional(mappings)?.unwrap_or_default().into_iter().map(mapping_facts);
    let of_stream = |mapping: &MappingFacts| stream_of(&mapping.source_arn) == Some(stream);
    let mut found: Vec<_> = mappings.filter(of_stream).filter(|mapping| mapping.state != "Deleting").collect();
    // One that works says more than one that is switched off beside it.
    found.sort_by_key(|mapping| mapping.state != "Enabled");
    Ok(found.into_iter().next())
}

/// Lists the functions of other event source mappings that poll a stream.
pub(in super::super) async fn other_readers(
    clients: &Clients,
    stream_arn: &str,
    own: &str,
) -> Result<Vec<String>, AwsFailure> {
    let call = clients.call("Lambda", "ListEventSourceMappings", stream_arn);
    let request = clients.lambda.list_event_source_mappings().event_source_arn(stream_arn);
    let mappings: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let mappings = call.optional(mappings)?.unwrap_or_default().into_iter().map(mapping_facts);
    let others = mappings.filter(|mapping| mapping.uuid != own && mapping.state != "Disabled");
    Ok(others.map(|mapping| mapping.function_arn.rsplit(":function:").next().unwrap_or_default().to_owned()).collect())
}

fn stream_of(source_arn: &str) -> Option<&str> {
    source_arn.split_once(":stream/")?.1.split('/').next()
}

fn mapping_facts(mapping: EventSourceMappingConfiguration) -> MappingFacts {
    let reports_partial_batches =
        mapping.function_response_types().contains(&FunctionResponseType::ReportBatchItemFailures);
    let filters = filters(&mapping);
    let metrics = mapping.metrics_config.as_ref();
    let publishes_events =
        metrics.is_some_and(|config| config.metrics().contains(&EventSourceMappingMetric::EventCount));
    let destination = mapping.destination_config.and_then(|config| config.on_failure);
    MappingFacts {
        uuid: mapping.uuid.unwrap_or_default(),
        state: mapping.state.unwrap_or_default(),
        state_reason: mapping.state_transition_reason.unwrap_or_default(),
        last_result: mapping.last_processing_result.unwrap_or_default(),
        changed_ms: ms(mapping.last_modified),
        function_arn: mapping.function_arn.unwrap_or_default(),
        source_arn: mapping.event_source_arn.unwrap_or_default(),
        reports_partial_batches,
        retry_attempts: limit(mapping.maximum_retry_attempts, MOST_RETRIES),
        record_age_seconds: limit(mapping.maximum_record_age_in_seconds, LONGEST_AGE_SECONDS),
        publishes_events,
        parallelization: mapping.parallelization_factor.unwrap_or(1),
        filters,
        on_failure: destination.and_then(|on_failure| on_failure.destination).filter(|arn| !arn.is_empty()),
    }
}

/// Returns a limit. Older answers have the greatest value where nothing was set.
fn limit(value: Option<i32>, greatest: i32) -> Option<i32> {
    value.filter(|value| (0..greatest).contains(value))
}

/// Returns the filter patterns. A list omits those that are encrypted with a customer managed key.
fn filters(mapping: &EventSourceMappingConfiguration) -> MappingFilters {
    if let Some(error) = &mapping.filter_criteria_error {
        let parts = [error.error_code(), error.message()].into_iter().flatten().collect::<Vec<_>>();
        return MappingFilters::Hidden(format!("Lambda cannot read them ({})", parts.join(": ")));
    }
    match (&mapping.filter_criteria, &mapping.kms_key_arn) {
        (None, Some(key)) => MappingFilters::Hidden(format!("they are encrypted with the key {key}")),
        (criteria, _) => {
            let filters = criteria.as_ref().map(FilterCriteria::filters).unwrap_or_default();
            MappingFilters::Known(filters.iter().filter_map(|filter| filter.pattern().map(str::to_owned)).collect())
        }
    }
}

/// Reads a function with its concurrency and its tags, which one call returns.
pub(in super::super) async fn function(clients: &Clients, name: &str) -> Result<Option<FunctionFacts>, AwsFailure> {
    let resource = format!("function {name}");
    let call = clients.call("Lambda", "GetFunction", &resource);
    let answer = call.optional(clients.lambda.get_function().function_name(name).send().await)?;
    Ok(answer.and_then(function_facts))
}

fn function_facts(answer: GetFunctionOutput) -> Option<FunctionFacts> {
    let GetFunctionOutput { configuration, tags, concurrency, .. } = answer;
    let function = configuration?;
    let reason = |code: Option<&str>, text: Option<&str>| match (code, text) {
        (Some(code), Some(text)) => format!("{code}: {text}"),
        (code, text) => code.or(text).unwrap_or_default().to_owned(),
    };
    let environment = function.environment.as_ref();
    let is_readable = environment.is_none_or(|environment| environment.error.is_none());
    let all = environment.and_then(|environment| environment.variables.as_ref());
    let own = || {
        let own = all.into_iter().flatten().filter(|(name, _)| name.starts_with(OWN_VARIABLES));
        own.map(|(name, value)| (name.clone(), value.clone())).collect::<BTreeMap<_, _>>()
    };
    let update_code = function.last_update_status_reason_code().map(LastUpdateStatusReasonCode::as_str);
    Some(FunctionFacts {
        state: function.state().map_or("Active", State::as_str).to_owned(),
        state_reason: reason(function.state_reason_code().map(StateReasonCode::as_str), function.state_reason()),
        last_update: function.last_update_status().map_or("Successful", LastUpdateStatus::as_str).to_owned(),
        last_update_reason: reason(update_code, function.last_update_status_reason()),
        changed_ms: function.last_modified().and_then(modified_ms),
        architecture: function.architectures().first().map_or("x86_64", Architecture::as_str).to_owned(),
        timeout_seconds: function.timeout.unwrap_or_default(),
        memory_mb: function.memory_size.unwrap_or_default(),
        reserved_concurrency: concurrency.and_then(|concurrency| concurrency.reserved_concurrent_executions),
        variables: is_readable.then(own),
        has_variables: !is_readable || all.is_some_and(|all| !all.is_empty()),
        version: tags.and_then(|tags| tags.get("sensorctl:version").cloned()),
        role_arn: function.role.unwrap_or_default(),
        code_sha256: function.code_sha256.unwrap_or_default(),
    })
}

/// Parses the time of a function's last change: `2026-11-29T10:00:00.000+0000`.
fn modified_ms(text: &str) -> Option<i64> {
    let parsed = strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()?;
    parsed.to_timestamp().ok().map(jiff::Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_of_mapping_is_found_also_behind_a_consumer() {
        let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
        for source in [arn.to_owned(), format!("{arn}/consumer/c:1700000000")] {
            assert_eq!(stream_of(&source), Some("s"));
        }
        assert_eq!(stream_of("arn:aws:sqs:us-east-1:000000000000:q"), None);
    }

    #[test]
    fn greatest_value_of_an_older_answer_is_no_limit() {
        let limits = [Some(-1), Some(0), Some(9_999), Some(10_000), None].map(|value| limit(value, MOST_RETRIES));
        assert_eq!(limits, [None, Some(0), Some(9_999), None, None]);
    }

    #[test]
    fn time_of_last_change_is_read_in_the_form_of_lambda() {
        assert_eq!(modified_ms("2026-11-29T10:00:00.250+0000"), Some(1_795_946_400_250));
        assert_eq!(modified_ms("soon"), None);
    }
}
