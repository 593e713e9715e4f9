//! All roles that sensorctl may have made.

use super::{DESCRIPTION, SERVICE};
use crate::aws::Failure;
use crate::stack::Cloud;
use crate::stack::orphans::Candidate;
use crate::stack::resource::Tags;

/// Roles with the description that sensorctl gives.
pub async fn list(cloud: &Cloud) -> Result<Vec<Candidate>, Failure> {
    let pages = cloud.clients.iam.list_roles().max_items(1000).into_paginator().items().send();
    let roles: Result<Vec<_>, _> = pages.collect().await;
    let roles = cloud.clients.call(SERVICE, "ListRoles", "all roles").answer(roles)?;
    let ours = roles.into_iter().filter(|role| role.description() == Some(DESCRIPTION));
    Ok(ours.map(|role| Candidate { key: role.role_name.clone(), name: role.role_name }).collect())
}

/// The tags of a role; none if it is not there.
pub async fn tags_of(cloud: &Cloud, name: &str) -> Result<Tags, Failure> {
    let role = super::describe(cloud, name).await?;
    let tags = role.and_then(|role| role.tags).unwrap_or_default();
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}
