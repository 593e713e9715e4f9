//! Lists all functions that sensorctl may have created.

use super::{DESCRIPTION, SERVICE};
use crate::aws::AwsFailure;
use crate::stack::Session;
use crate::stack::engine::tagged_resource::TaggedResource;

/// Lists functions with sensorctl's description.
pub(crate) async fn list(session: &Session) -> Result<Vec<TaggedResource>, AwsFailure> {
    let pages = session.clients.lambda.list_functions().into_paginator().items().send();
    let functions: Result<Vec<_>, _> = pages.collect().await;
    let functions = session.clients.call(SERVICE, "ListFunctions", "all functions").answer(functions)?;
    let ours = functions.into_iter().filter(|function| function.description() == Some(DESCRIPTION));
    Ok(ours
        .filter_map(|function| Some(TaggedResource { name: function.function_name?, key: function.function_arn? }))
        .collect())
}
