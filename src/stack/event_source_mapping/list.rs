//! All mappings that sensorctl may have made.

use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FunctionResponseType};

use super::{SERVICE, name};
use crate::aws::Failure;
use crate::stack::Cloud;
use crate::stack::orphans::Candidate;

/// Mappings of Kinesis streams with partial batch responses, as sensorctl makes them.
pub async fn list(cloud: &Cloud) -> Result<Vec<Candidate>, Failure> {
    let pages = cloud.clients.lambda.list_event_source_mappings().into_paginator().items().send();
    let mappings: Result<Vec<_>, _> = pages.collect().await;
    let mappings = cloud.clients.call(SERVICE, "ListEventSourceMappings", "all mappings").answer(mappings)?;
    Ok(mappings.into_iter().filter_map(candidate).collect())
}

fn candidate(mapping: EventSourceMappingConfiguration) -> Option<Candidate> {
    if !mapping.function_response_types().contains(&FunctionResponseType::ReportBatchItemFailures) {
        return None;
    }
    let (stream, function) = super::arn::ends(&mapping)?;
    let name = name(stream, function);
    Some(Candidate { name, key: mapping.event_source_mapping_arn? })
}
