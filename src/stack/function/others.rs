//! Who else has the function called: event source mappings are someone else's where they lack our tags.

use futures::future;

use super::{SERVICE, tags_of};
use crate::aws::Failure;
use crate::stack::Cloud;
use crate::stack::resource::Found;

/// The mappings of others that feed a function, each by its source and UUID.
pub async fn feeding(cloud: &Cloud, function: &str) -> Result<Vec<String>, Failure> {
    let request = cloud.clients.lambda.list_event_source_mappings().function_name(function);
    let mappings: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let call = cloud.clients.call(SERVICE, "ListEventSourceMappings", function);
    let mappings = call.find(mappings)?.unwrap_or_default();
    let mappings = mappings.into_iter().filter(|mapping| mapping.state() != Some("Deleting")).map(async |mapping| {
        let tags = match mapping.event_source_mapping_arn() {
            Some(arn) => tags_of(cloud, arn, function).await?,
            None => return Ok(None),
        };
        let is_ours = cloud.owner.of(&Found { tags, ..Found::missing() }).is_ours();
        let source = mapping.event_source_arn().and_then(|arn| arn.rsplit(':').next()).unwrap_or("a source of its own");
        Ok((!is_ours).then(|| format!("{source} ({})", mapping.uuid().unwrap_or_default())))
    });
    Ok(future::try_join_all(mappings).await?.into_iter().flatten().collect())
}
