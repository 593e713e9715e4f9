//! Lists all roles that sensorctl may have created.

use super::{DESCRIPTION, SERVICE};
use crate::aws::AwsFailure;
use crate::stack::Session;
use crate::stack::engine::observed::Tags;
use crate::stack::engine::tagged_resource::TaggedResource;

/// Lists roles with sensorctl's description.
pub(crate) async fn list(session: &Session) -> Result<Vec<TaggedResource>, AwsFailure> {
    let pages = session.clients.iam.list_roles().max_items(1000).into_paginator().items().send();
    let roles: Result<Vec<_>, _> = pages.collect().await;
    let roles = session.clients.call(SERVICE, "ListRoles", "all roles").answer(roles)?;
    let ours = roles.into_iter().filter(|role| role.description() == Some(DESCRIPTION));
    Ok(ours.map(|role| TaggedResource { key: role.role_name.clone(), name: role.role_name }).collect())
}

/// Returns the tags of a role, or no tags if it does not exist.
pub(crate) async fn tags_of(session: &Session, name: &str) -> Result<Tags, AwsFailure> {
    let role = super::describe(session, name).await?;
    let tags = role.and_then(|role| role.tags).unwrap_or_default();
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}
