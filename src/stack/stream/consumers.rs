//! Who else reads a stream. Consumers with a throughput of their own are all someone else's: sensorctl registers none.
//! Event source mappings are someone else's where they lack our tags.

use futures::future;

use super::SERVICE;
use crate::aws::Failure;
use crate::stack::resource::Found;
use crate::stack::{Cloud, function};

/// Names of the consumers that are registered for a stream.
pub async fn of(cloud: &Cloud, arn: &str, name: &str) -> Result<Vec<String>, Failure> {
    let clients = &cloud.clients;
    let mut names = Vec::new();
    let mut token = None;
    loop {
        let request = clients.kinesis.list_stream_consumers().stream_arn(arn).set_next_token(token);
        let call = clients.call(SERVICE, "ListStreamConsumers", name);
        let Some(answer) = call.find(request.send().await)? else { return Ok(names) };
        names.extend(answer.consumers.unwrap_or_default().into_iter().map(|consumer| consumer.consumer_name));
        token = answer.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(names);
        }
    }
}

/// Names of the functions to which mappings of others bring what is in the stream.
pub async fn functions_of_others(cloud: &Cloud, arn: &str, name: &str) -> Result<Vec<String>, Failure> {
    let request = cloud.clients.lambda.list_event_source_mappings().event_source_arn(arn);
    let mappings: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let mappings = cloud.clients.call("Lambda", "ListEventSourceMappings", name).find(mappings)?.unwrap_or_default();
    let readers = mappings.into_iter().filter(|mapping| mapping.state() != Some("Deleting")).map(async |mapping| {
        let tags = function::tags_of(cloud, mapping.event_source_mapping_arn.as_deref()?, name).await;
        let function = mapping.function_arn?.rsplit(":function:").next()?.to_owned();
        let is_ours = |tags| cloud.owner.of(&Found { tags, ..Found::missing() }).is_ours();
        Some(tags.map(|tags| (!is_ours(tags)).then_some(function)))
    });
    let readers = future::join_all(readers).await.into_iter().flatten();
    let readers: Vec<_> = readers.collect::<Result<_, _>>()?;
    Ok(readers.into_iter().flatten().collect())
}
