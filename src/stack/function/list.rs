//! All functions that sensorctl may have made.

use super::{DESCRIPTION, SERVICE};
use crate::aws::Failure;
use crate::stack::Cloud;
use crate::stack::orphans::Candidate;
use crate::stack::resource::Tags;

/// Functions with the description that sensorctl gives.
pub async fn list(cloud: &Cloud) -> Result<Vec<Candidate>, Failure> {
    let pages = cloud.clients.lambda.list_functions().into_paginator().items().send();
    let functions: Result<Vec<_>, _> = pages.collect().await;
    let functions = cloud.clients.call(SERVICE, "ListFunctions", "all functions").answer(functions)?;
    let ours = functions.into_iter().filter(|function| function.description() == Some(DESCRIPTION));
    Ok(ours
        .filter_map(|function| Some(Candidate { name: function.function_name?, key: function.function_arn? }))
        .collect())
}

/// The tags of a function or mapping by its ARN; none if it is not there.
pub async fn tags_of(cloud: &Cloud, arn: &str, name: &str) -> Result<Tags, Failure> {
    let result = cloud.clients.lambda.list_tags().resource(arn).send().await;
    let answer = cloud.clients.call(SERVICE, "ListTags", name).find(result)?;
    Ok(answer.and_then(|answer| answer.tags).unwrap_or_default().into_iter().collect())
}
