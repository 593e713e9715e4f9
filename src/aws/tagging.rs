//! Lists resources by their tags, with the Resource Groups Tagging API.

use std::collections::BTreeMap;

use aws_sdk_resourcegroupstagging::types::{Tag, TagFilter};

use super::{AwsFailure, Clients};

/// Returns all resources with these tags, by ARN and with all their tags. IAM resources are never included ("Services that support the
/// Resource Groups Tagging API"), and resources created a few seconds ago may be missing.
///
/// # Errors
/// If the caller lacks the permission, or if the service is not available.
pub(crate) async fn resources_tagged(
    clients: &Clients,
    tags: &[(&str, &str)],
) -> Result<BTreeMap<String, BTreeMap<String, String>>, AwsFailure> {
    let filter = |(key, value): &(&str, &str)| TagFilter::builder().key(*key).values(*value).build();
    let request = clients.tagging.get_resources().set_tag_filters(Some(tags.iter().map(filter).collect()));
    let found: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let found = clients.call("tag", "GetResources", "all resources of the stage").answer(found)?;
    let tags = |found: Vec<Tag>| found.into_iter().map(|tag| (tag.key, tag.value)).collect();
    Ok(found
        .into_iter()
        .filter_map(|found| Some((found.resource_arn?, tags(found.tags.unwrap_or_default()))))
        .collect())
}
