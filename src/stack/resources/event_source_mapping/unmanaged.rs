//! Unmanaged mappings: those without the pipeline's tags.

use aws_sdk_lambda::operation::list_event_source_mappings::builders::ListEventSourceMappingsFluentBuilder;
use aws_sdk_lambda::types::EventSourceMappingConfiguration;
use futures::future;

use super::SERVICE;
use crate::aws::{AwsFailure, FailureCause};
use crate::stack::Session;
use crate::stack::engine::observed::{Observed, Tags};
use crate::stack::resources::lambda_tags;

/// Returns the names of the functions to which unmanaged mappings deliver the records of a stream.
pub(crate) async fn mappings_of_stream(session: &Session, arn: &str, stream: &str) -> Result<Vec<String>, AwsFailure> {
    let request = session.clients.lambda.list_event_source_mappings().event_source_arn(arn);
    let name = |mapping: EventSourceMappingConfiguration| {
        let function = mapping.function_arn?;
        Some(function.rsplit(":function:").next().unwrap_or(&function).to_owned())
    };
    let of_others = unmanaged(session, request, stream).await?.into_iter();
    Ok(of_others.map(|mapping| name(mapping).unwrap_or_else(|| "(name unknown)".to_owned())).collect())
}

/// Returns the unmanaged mappings of a function, each as its source and UUID.
pub(crate) async fn mappings_of_function(session: &Session, function: &str) -> Result<Vec<String>, AwsFailure> {
    let request = session.clients.lambda.list_event_source_mappings().function_name(function);
    let told = |mapping: EventSourceMappingConfiguration| {
        let source =
            mapping.event_source_arn().and_then(|arn| arn.rsplit(':').next()).unwrap_or("a source without ARN");
        format!("{source} ({})", mapping.uuid().unwrap_or_default())
    };
    Ok(unmanaged(session, request, function).await?.into_iter().map(told).collect())
}

/// Returns the unmanaged mappings of a list, without those that are being deleted. A mapping with unreadable tags
/// counts as unmanaged.
async fn unmanaged(
    session: &Session,
    request: ListEventSourceMappingsFluentBuilder,
    name: &str,
) -> Result<Vec<EventSourceMappingConfiguration>, AwsFailure> {
    let looks = not_deleting(session, request.clone(), name).await?.into_iter().map(async |mapping| {
        let tags = match mapping.event_source_mapping_arn() {
            Some(arn) => match lambda_tags::tags_of(session, arn, name).await {
                Err(failure) if failure.cause == FailureCause::Denied => Tags::new(),
                tags => tags?,
            },
            None => Tags::new(),
        };
        let is_ours = session.owner.of(&Observed { tags, ..Observed::missing() }).is_ours();
        Ok((!is_ours).then_some(mapping))
    });
    let mut others: Vec<_> = future::try_join_all(looks).await?.into_iter().flatten().collect();
    if !others.is_empty() {
        // A managed mapping that another run has deleted between the two calls has no tags, either.
        let there = not_deleting(session, request, name).await?;
        others.retain(|other| there.iter().any(|mapping| mapping.uuid() == other.uuid()));
    }
    Ok(others)
}

/// Returns the mappings of a list that are not being deleted.
async fn not_deleting(
    session: &Session,
    request: ListEventSourceMappingsFluentBuilder,
    name: &str,
) -> Result<Vec<EventSourceMappingConfiguration>, AwsFailure> {
    let mappings: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let mappings =
        session.clients.call(SERVICE, "ListEventSourceMappings", name).optional(mappings)?.unwrap_or_default();
    Ok(mappings.into_iter().filter(|mapping| mapping.state() != Some("Deleting")).collect())
}
