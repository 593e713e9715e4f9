//! Mappings that are someone else's, since they lack our tags.

use aws_sdk_lambda::operation::list_event_source_mappings::builders::ListEventSourceMappingsFluentBuilder;
use aws_sdk_lambda::types::EventSourceMappingConfiguration;
use futures::future;

use super::SERVICE;
use crate::aws::{Cause, Failure};
use crate::stack::resource::{Found, Tags};
use crate::stack::{Cloud, function};

/// Names of the functions to which mappings of others bring what is in a stream.
pub async fn fed_by(cloud: &Cloud, arn: &str, stream: &str) -> Result<Vec<String>, Failure> {
    let request = cloud.clients.lambda.list_event_source_mappings().event_source_arn(arn);
    let name = |mapping: EventSourceMappingConfiguration| {
        let function = mapping.function_arn?;
        Some(function.rsplit(":function:").next().unwrap_or(&function).to_owned())
    };
    let of_others = of_others(cloud, request, stream).await?.into_iter();
    Ok(of_others.map(|mapping| name(mapping).unwrap_or_else(|| "of an unknown name".to_owned())).collect())
}

/// The mappings of others that feed a function, each by its source and UUID.
pub async fn feeding(cloud: &Cloud, function: &str) -> Result<Vec<String>, Failure> {
    let request = cloud.clients.lambda.list_event_source_mappings().function_name(function);
    let told = |mapping: EventSourceMappingConfiguration| {
        let source = mapping.event_source_arn().and_then(|arn| arn.rsplit(':').next()).unwrap_or("a source of its own");
        format!("{source} ({})", mapping.uuid().unwrap_or_default())
    };
    Ok(of_others(cloud, request, function).await?.into_iter().map(told).collect())
}

/// Those of a list that are not ours and stay. One whose tags cannot be asked for counts as someone else's.
async fn of_others(
    cloud: &Cloud,
    request: ListEventSourceMappingsFluentBuilder,
    name: &str,
) -> Result<Vec<EventSourceMappingConfiguration>, Failure> {
    let looks = staying(cloud, request.clone(), name).await?.into_iter().map(async |mapping| {
        let tags = match mapping.event_source_mapping_arn() {
            Some(arn) => match function::tags_of(cloud, arn, name).await {
                Err(failure) if failure.cause == Cause::Denied => Tags::new(),
                tags => tags?,
            },
            None => Tags::new(),
        };
        let is_ours = cloud.owner.of(&Found { tags, ..Found::missing() }).is_ours();
        Ok((!is_ours).then_some(mapping))
    });
    let mut others: Vec<_> = future::try_join_all(looks).await?.into_iter().flatten().collect();
    if !others.is_empty() {
        // One of ours that another run has deleted between the two looks has no tags either.
        let there = staying(cloud, request, name).await?;
        others.retain(|other| there.iter().any(|mapping| mapping.uuid() == other.uuid()));
    }
    Ok(others)
}

/// Those of a list that are not being deleted.
async fn staying(
    cloud: &Cloud,
    request: ListEventSourceMappingsFluentBuilder,
    name: &str,
) -> Result<Vec<EventSourceMappingConfiguration>, Failure> {
    let mappings: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let mappings = cloud.clients.call(SERVICE, "ListEventSourceMappings", name).find(mappings)?.unwrap_or_default();
    Ok(mappings.into_iter().filter(|mapping| mapping.state() != Some("Deleting")).collect())
}
