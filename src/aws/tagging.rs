//! Resources by their tags, from the Resource Groups Tagging API.

use aws_sdk_resourcegroupstagging::types::TagFilter;

use super::{AwsFailure, Clients};

/// Returns the ARNs of all resources that carry these tags. Those of IAM are never among them ("Services that support the
/// Resource Groups Tagging API"), and what is a few seconds old may not be yet.
///
/// # Errors
/// When the caller may not ask, or the service is not there.
pub async fn arns_tagged(clients: &Clients, tags: &[(&str, &str)]) -> Result<Vec<String>, AwsFailure> {
    let filter = |(key, value): &(&str, &str)| TagFilter::builder().key(*key).values(*value).build();
    let request = clients.tagging.get_resources().set_tag_filters(Some(tags.iter().map(filter).collect()));
    let found: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let found = clients.call("tag", "GetResources", "all resources of the stage").answer(found)?;
    Ok(found.into_iter().filter_map(|found| found.resource_arn).collect())
}
