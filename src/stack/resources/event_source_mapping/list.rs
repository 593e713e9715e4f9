//! Lists all mappings that sensorctl may have created.

use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FunctionResponseType};

use super::{SERVICE, name};
use crate::aws::AwsFailure;
use crate::stack::Session;
use crate::stack::engine::tagged_resource::TaggedResource;

/// Lists mappings of Kinesis streams with partial batch responses, as sensorctl creates them.
pub(crate) async fn list(session: &Session) -> Result<Vec<TaggedResource>, AwsFailure> {
    let pages = session.clients.lambda.list_event_source_mappings().into_paginator().items().send();
    let mappings: Result<Vec<_>, _> = pages.collect().await;
    let mappings = session.clients.call(SERVICE, "ListEventSourceMappings", "all mappings").answer(mappings)?;
    Ok(mappings.into_iter().filter_map(candidate).collect())
}

fn candidate(mapping: EventSourceMappingConfiguration) -> Option<TaggedResource> {
    if !mapping.function_response_types().contains(&FunctionResponseType::ReportBatchItemFailures) {
        return None;
    }
    let (stream, function) = super::arn::endpoints(&mapping)?;
    let name = name(stream, function);
    Some(TaggedResource { name, key: mapping.event_source_mapping_arn? })
}
