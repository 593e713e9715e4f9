//! Operations on event source mappings: create, read, list, update, delete.
//!
//! Sources: docs/facts/event-source-mapping.md, API, States and results, Errors at create.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::find_mapping::{find, missing};
use super::function_name::FunctionName;
use super::mapping_settings::{self, MappingInput};
use super::mapping_source::{EventSource, first_positions};
use super::request::{ApiRequest, invalid};
use super::tags;
use crate::lambda::LambdaServices;
use crate::lambda::api::function_name::function_name_from_arn;
use crate::lambda::event_source::checkpoint;
use crate::lambda::event_source::checkpoint::Checkpoints;
use crate::lambda::event_source::poller;
use crate::lambda::service::Lambda;
use crate::lambda::state::{MappingRecord, MappingSettings, MappingState, NOTHING_YET};
use crate::protocol::aws_json;
use crate::protocol::aws_json::{Response, ServiceError};

/// Limit of event source mappings in one page of a list.
const PAGE: usize = 100;
const USER_ACTION: &str = "User action";
/// Interval between attempts to write a change to the disk.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// Handles `CreateEventSourceMapping`.
pub(crate) async fn create(call: &ApiRequest<'_>) -> Result<Response, ServiceError> {
    let input: MappingInput = call.input()?;
    let source = EventSource::of(&input, &call.lambda.deps().identity)?;
    let (starting_position, starting_timestamp) = mapping_settings::starting_position(&input)?;
    let mut settings = mapping_settings::defaults();
    mapping_settings::apply(&input, &mut settings)?;
    tags::check(&input.tags)?;
    let given = input.function_name.as_deref().unwrap_or_default();
    let function_arn = function_arn(call.lambda, given)?;
    source.check_access(call.lambda, &function_arn, settings.on_failure.as_deref())?;
    source.check_consumer(call.lambda)?;
    let uuid = Uuid::new_v4().to_string();
    let positions = first_positions(call.lambda, &source.stream_arn, &starting_position).await?;
    let EventSource { stream_arn, consumer_arn } = source;
    let mapping = MappingRecord {
        uuid: uuid.clone(),
        stream_arn,
        consumer_arn,
        function_arn,
        starting_position,
        starting_timestamp,
        settings,
        state: MappingState::Creating,
        state_reason: USER_ACTION.to_owned(),
        last_result: NOTHING_YET.to_owned(),
        last_modified: now(),
        understands_from: None,
        tags: input.tags,
    };
    refuse_second(call.lambda, &call.lambda.mappings(), &mapping)?;
    let LambdaServices { dir, durability, .. } = call.lambda.deps();
    Checkpoints::create(dir, &uuid, positions, *durability)
        .map_err(|error| ServiceError::new(500, "ServiceException", error.to_string()))?;
    let inserted = call.lambda.change_mappings(|mappings| {
        let others: Vec<MappingRecord> = mappings.values().cloned().collect();
        refuse_second(call.lambda, &others, &mapping)?;
        mappings.insert(uuid.clone(), mapping.clone());
        Ok(())
    });
    if let Err(error) = inserted {
        checkpoint::delete(&call.lambda.deps().dir, &uuid);
        return Err(error);
    }
    call.lambda.spawn(come_to_rest(call.lambda.clone(), uuid));
    Ok(aws_json::json(202, &shown(call.lambda, &mapping)))
}

/// Handles `GetEventSourceMapping`.
pub(crate) fn get(call: &ApiRequest<'_>, uuid: &str) -> Result<Response, ServiceError> {
    Ok(aws_json::json(200, &shown(call.lambda, &find(call, uuid)?)))
}

/// Handles `ListEventSourceMappings`, in the order of their UUIDs; the marker is the last one of the page before.
pub(crate) fn list(call: &ApiRequest<'_>) -> Result<Response, ServiceError> {
    let identity = &call.lambda.deps().identity;
    let function = call.query("FunctionName").map(|given| FunctionName::parse(given, None, identity)).transpose()?;
    let source = call.query("EventSourceArn");
    let mut rest = call.lambda.mappings();
    rest.retain(|mapping| {
        source.is_none_or(|source| source == mapping.source_arn())
            && function.as_ref().is_none_or(|name| {
                name.name == function_name_from_arn(&call.lambda.deps().identity, &mapping.function_arn)
            })
    });
    let (page, marker) = call.page(rest, PAGE, |mapping| &mapping.uuid)?;
    let mappings: Vec<Value> = page.iter().map(|mapping| listed(call.lambda, mapping)).collect();
    Ok(aws_json::json(200, &json!({"EventSourceMappings": mappings, "NextMarker": marker})))
}

/// Handles `UpdateEventSourceMapping`.
pub(crate) fn update(call: &ApiRequest<'_>, uuid: &str) -> Result<Response, ServiceError> {
    let input: MappingInput = call.input()?;
    let function_arn = input.function_name.as_deref().map(|given| function_arn(call.lambda, given)).transpose()?;
    let answer = call.lambda.change_mappings(|mappings| {
        let mut mapping = settled(mappings, uuid, "update")?;
        let MappingSettings { enabled: was_enabled, report_failures: was_reporting, .. } = mapping.settings;
        mapping_settings::apply(&input, &mut mapping.settings)?;
        let timing = &call.lambda.deps().timing;
        if mapping.settings.report_failures != was_reporting {
            // The pollers use the new settings some time after the event source mapping is Enabled again.
            let takes = timing.mapping_update + timing.mapping_lag;
            let is_late = mapping.settings.report_failures && !takes.is_zero();
            mapping.understands_from = is_late.then(|| now() + takes.as_secs_f64());
        }
        if let Some(function_arn) = function_arn {
            mapping.function_arn = function_arn;
        }
        if input.function_name.is_some() || input.destination_config.is_some() {
            let on_failure = mapping.settings.on_failure.as_deref();
            EventSource::read_by(&mapping).check_access(call.lambda, &mapping.function_arn, on_failure)?;
            let others: Vec<MappingRecord> = mappings.values().filter(|other| other.uuid != uuid).cloned().collect();
            refuse_second(call.lambda, &others, &mapping)?;
        }
        let state = match (was_enabled, mapping.settings.enabled) {
            (true, false) => MappingState::Disabling,
            (false, true) => MappingState::Enabling,
            _ => MappingState::Updating,
        };
        Ok(pass_into(state, mapping, mappings))
    })?;
    call.lambda.spawn(come_to_rest(call.lambda.clone(), uuid.to_owned()));
    Ok(aws_json::json(202, &shown(call.lambda, &answer)))
}

/// Handles `DeleteEventSourceMapping`.
pub(crate) fn delete(call: &ApiRequest<'_>, uuid: &str) -> Result<Response, ServiceError> {
    let answer = call.lambda.change_mappings(|mappings| {
        let mapping = settled(mappings, uuid, "delete")?;
        Ok(pass_into(MappingState::Deleting, mapping, mappings))
    })?;
    call.lambda.spawn(come_to_rest(call.lambda.clone(), uuid.to_owned()));
    Ok(aws_json::json(202, &shown(call.lambda, &answer)))
}

/// Puts an event source mapping into the transitional state of a requested change.
fn pass_into(
    state: MappingState,
    mut mapping: MappingRecord,
    mappings: &mut BTreeMap<String, MappingRecord>,
) -> MappingRecord {
    mapping.state = state;
    USER_ACTION.clone_into(&mut mapping.state_reason);
    mapping.last_modified = now();
    mappings.insert(mapping.uuid.clone(), mapping.clone());
    mapping
}

/// Completes the change of an event source mapping, after the batches in progress.
async fn come_to_rest(lambda: Lambda, uuid: String) {
    let reading = lambda.reading(&uuid);
    let mut turn = reading.turn().await;
    turn.stop().await;
    pass_through_states(&lambda, &uuid).await;
    // When the local cloud ends, the next start completes the change.
    if lambda.stopping().is_cancelled() {
        return;
    }
    let Some(mapping) = lambda.mapping(&uuid) else { return };
    if mapping.state == MappingState::Deleting {
        checkpoint::delete(&lambda.deps().dir, &uuid);
    }
    let change = || {
        lambda.change_mappings(|mappings| {
            if mapping.state == MappingState::Deleting {
                mappings.remove(&uuid);
            } else if let Some(mapping) = mappings.get_mut(&uuid) {
                mapping.state = if mapping.settings.enabled { MappingState::Enabled } else { MappingState::Disabled };
                // A change of the state counts as well (API reference, `LastModified`).
                mapping.last_modified = now();
            }
            Ok(())
        })
    };
    // Usually the disk is full: the event source mapping reports why its change does not complete.
    while let Err(error) = change() {
        lambda.note_result(&uuid, &format!("PROBLEM: {}", error.message));
        if lambda.stopping().run_until_cancelled(tokio::time::sleep(WRITE_AGAIN)).await.is_none() {
            return;
        }
    }
    if mapping.state == MappingState::Deleting {
        lambda.forget_reading(&uuid);
    } else {
        poller::begin(&mut turn, &lambda, &uuid);
    }
}

/// Takes as long as the service does, and shows the intermediate states.
async fn pass_through_states(lambda: &Lambda, uuid: &str) {
    let timing = &lambda.deps().timing;
    let Some(mapping) = lambda.mapping(uuid).filter(|_| !timing.is_none()) else { return };
    let pause = async |time| lambda.stopping().run_until_cancelled(tokio::time::sleep(time)).await.is_some();
    match mapping.state {
        MappingState::Deleting => {
            pause(timing.mapping_delete).await;
        }
        MappingState::Creating => {
            if !pause(timing.mapping_create).await || !mapping.settings.enabled {
                return;
            }
            lambda.show_state(uuid, MappingState::Enabling);
            pause(timing.mapping_create).await;
            // Records put while it starts are missed by LATEST (docs/facts/event-source-mapping.md, Timing).
            if mapping.starting_position == "LATEST"
                && let Ok(positions) = first_positions(lambda, &mapping.stream_arn, "LATEST").await
            {
                // If they cannot be written, the earlier positions apply: more records are delivered, not fewer.
                let LambdaServices { dir, durability, .. } = lambda.deps();
                Checkpoints::create(dir, uuid, positions, *durability).unwrap_or_default();
            }
        }
        _ => {
            pause(timing.mapping_update).await;
        }
    }
}

/// Returns the event source mapping with this UUID, if it can be changed now.
fn settled(
    mappings: &BTreeMap<String, MappingRecord>,
    uuid: &str,
    change: &str,
) -> Result<MappingRecord, ServiceError> {
    let mapping = mappings.get(uuid).ok_or_else(missing)?;
    if mapping.state.is_settled() {
        return Ok(mapping.clone());
    }
    let text = format!("Cannot {change} the event source mapping because it is in use.");
    Err(ServiceError::new(400, "ResourceInUseException", text))
}

fn refuse_second(lambda: &Lambda, others: &[MappingRecord], mapping: &MappingRecord) -> Result<(), ServiceError> {
    let function = function_name_from_arn(&lambda.deps().identity, &mapping.function_arn);
    let same = |other: &&MappingRecord| {
        other.source_arn() == mapping.source_arn()
            && function_name_from_arn(&lambda.deps().identity, &other.function_arn) == function
    };
    let Some(other) = others.iter().find(same) else { return Ok(()) };
    Err(ServiceError::new(
        409,
        "ResourceConflictException",
        format!(
            "The event source arn (\" {} \") and function (\" {function} \") provided mapping already exists. Please \
             update or delete the existing mapping with UUID {}",
            mapping.source_arn(),
            other.uuid
        ),
    ))
}

/// Returns the ARN of an existing function, with the given qualifier.
fn function_arn(lambda: &Lambda, given: &str) -> Result<String, ServiceError> {
    let identity = &lambda.deps().identity;
    let name = FunctionName::parse(given, None, identity)?;
    let qualifier = name.qualifier.clone();
    let bare = name.latest_only(identity).map_err(|_| invalid("Function does not exist"))?;
    if lambda.function(&bare).is_none() {
        return Err(invalid("Function does not exist"));
    }
    let arn = identity.function_arn(&bare);
    Ok(qualifier.map_or_else(|| arn.clone(), |qualifier| format!("{arn}:{qualifier}")))
}

fn shown(lambda: &Lambda, mapping: &MappingRecord) -> Value {
    let settings = &mapping.settings;
    let types: &[&str] = if settings.report_failures { &["ReportBatchItemFailures"] } else { &[] };
    let mut shown = json!({
        "UUID": mapping.uuid,
        "EventSourceMappingArn": lambda.deps().identity.mapping_arn(&mapping.uuid),
        "EventSourceArn": mapping.source_arn(),
        "FunctionArn": mapping.function_arn,
        "StartingPosition": mapping.starting_position,
        "BatchSize": settings.batch_size,
        "MaximumBatchingWindowInSeconds": settings.window_seconds,
        "ParallelizationFactor": settings.parallelization,
        "MaximumRecordAgeInSeconds": settings.max_record_age,
        "MaximumRetryAttempts": settings.max_retries,
        "BisectBatchOnFunctionError": settings.bisect,
        "TumblingWindowInSeconds": 0,
        "FunctionResponseTypes": types,
        "DestinationConfig": {"OnFailure": settings.on_failure.as_ref().map_or_else(
            || json!({}),
            |arn| json!({"Destination": arn}),
        )},
        "LastModified": mapping.last_modified,
        "LastProcessingResult": mapping.last_result,
        "State": mapping.state,
        "StateTransitionReason": mapping.state_reason,
    });
    if let Some(at) = mapping.starting_timestamp {
        shown["StartingPositionTimestamp"] = json!(at);
    }
    if !settings.filters.is_empty() {
        let filters: Vec<Value> = settings.filters.iter().map(|pattern| json!({"Pattern": pattern})).collect();
        shown["FilterCriteria"] = json!({"Filters": filters});
    }
    for (name, value) in &settings.shown {
        shown[name] = value.clone();
    }
    shown
}

/// Returns the event source mapping as lists show it, without filters that a key encrypts.
///
/// Source: API reference, `EventSourceMappingConfiguration`.
fn listed(lambda: &Lambda, mapping: &MappingRecord) -> Value {
    let mut shown = shown(lambda, mapping);
    if let Some(members) = shown.as_object_mut().filter(|members| members.contains_key("KMSKeyArn")) {
        members.remove("FilterCriteria");
    }
    shown
}

/// Returns the time in epoch seconds, to the millisecond.
fn now() -> f64 {
    (Timestamp::now().as_duration().as_secs_f64() * 1000.0).round() / 1000.0
}
