//! The event source of a mapping: a stream, or a consumer of one.

use super::function_name::function_name_from_arn;
use super::mapping_settings::MappingInput;
use super::request::invalid;
use crate::identity::Identity;
use crate::kinesis::Shard;
use crate::lambda::event_source::checkpoint::Position;
use crate::lambda::permissions;
use crate::lambda::service::Lambda;
use crate::lambda::state::MappingRecord;
use crate::protocol::aws_json::ServiceError;

/// A stream, and the consumer as which it is read.
pub(crate) struct EventSource {
    pub stream_arn: String,
    pub consumer_arn: Option<String>,
}

impl EventSource {
    /// Returns the event source in the input, in the form in which it is authorized and read.
    pub(crate) fn of(input: &MappingInput, identity: &Identity) -> Result<EventSource, ServiceError> {
        let arn = input.event_source_arn.as_deref().unwrap_or_default();
        let unrecognized = || invalid("Unrecognized event source.");
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _, "kinesis", _, _, resource] = parts.as_slice() else { return Err(unrecognized()) };
        let path = resource.strip_prefix("stream/").ok_or_else(unrecognized)?;
        let (name, consumer) = match path.split_once("/consumer/") {
            Some((name, consumer)) => (name, Some(consumer)),
            None => (path, None),
        };
        let is_name = |part: &str| !part.is_empty() && !part.contains('/');
        if !is_name(name) || consumer.is_some_and(|consumer| !is_name(consumer)) {
            return Err(unrecognized());
        }
        let stream_arn = identity.stream_arn(name);
        if !arn.starts_with(&stream_arn) {
            // The ARN has another account or region.
            return Err(invalid(format!("Stream not found: {arn}")));
        }
        Ok(EventSource { stream_arn, consumer_arn: consumer.map(|_| arn.to_owned()) })
    }

    /// Returns the event source of an existing mapping.
    pub(crate) fn read_by(mapping: &MappingRecord) -> EventSource {
        EventSource { stream_arn: mapping.stream_arn.clone(), consumer_arn: mapping.consumer_arn.clone() }
    }

    /// Checks the function's role: it must allow reading the event source and notifying the destination.
    ///
    /// Sources: docs/facts/lambda.md, Role not ready; docs/facts/event-source-mapping.md, Errors at create.
    pub(crate) fn check_access(
        &self,
        lambda: &Lambda,
        function_arn: &str,
        on_failure: Option<&str>,
    ) -> Result<(), ServiceError> {
        let Some(function) = lambda.function(&function_name_from_arn(&lambda.deps().identity, function_arn)) else {
            return Ok(());
        };
        let (deps, EventSource { stream_arn, consumer_arn }) = (lambda.deps(), self);
        permissions::may_read(deps, &function.role, &function.name, stream_arn).map_err(|_| {
            invalid(format!(
                "Cannot access stream {stream_arn}. Please ensure the role can perform the GetRecords, \
                 GetShardIterator, DescribeStream, ListShards, and ListStreams Actions on your stream in IAM."
            ))
        })?;
        if let Some(consumer_arn) = consumer_arn {
            permissions::may_subscribe(deps, &function.role, &function.name, consumer_arn).map_err(|_| {
                invalid(format!(
                    "Cannot access stream consumer {consumer_arn}. Please ensure the role can perform the \
                     SubscribeToShard Action on your stream consumer in IAM."
                ))
            })?;
        }
        on_failure
            .map_or(Ok(()), |arn| permissions::may_tell(deps, &function.role, &function.name, arn))
            .map_err(|what| invalid(format!("The provided execution role does not have permissions to call {what}")))
    }

    /// Checks that the consumer is registered; it may still be `CREATING`.
    pub(crate) fn check_consumer(&self, lambda: &Lambda) -> Result<(), ServiceError> {
        let Some(consumer_arn) = &self.consumer_arn else { return Ok(()) };
        if lambda.deps().kinesis.has_consumer(consumer_arn) {
            return Ok(());
        }
        Err(invalid(format!("Stream consumer not found: {consumer_arn}")))
    }
}

/// Returns the current `LATEST` position of every shard; nothing for the other starting positions.
pub(crate) async fn first_positions(
    lambda: &Lambda,
    stream_arn: &str,
    starting_position: &str,
) -> Result<Vec<(Shard, Position)>, ServiceError> {
    let kinesis = &lambda.deps().kinesis;
    let no_stream = |error: ServiceError| match error.code.as_str() {
        "ResourceNotFoundException" => invalid(format!("Stream not found: {stream_arn}")),
        _ => error,
    };
    let shards = kinesis.shards(stream_arn).await.map_err(no_stream)?;
    let mut positions = Vec::new();
    if starting_position != "LATEST" {
        return Ok(positions);
    }
    for shard in shards {
        let tip = kinesis.tip(stream_arn, &shard.id).await.map_err(no_stream)?;
        positions.push((shard, Position::From(tip)));
    }
    Ok(positions)
}
