//! What has to come off a role before it can be deleted.

use super::{SERVICE, gone_is_fine};
use crate::aws::Failure;
use crate::stack::Cloud;

/// Takes off everything that keeps a role from being deleted (facts/aws.md E4).
pub async fn release(cloud: &Cloud, name: &str) -> Result<(), Failure> {
    let iam = &cloud.clients.iam;
    let clients = &cloud.clients;
    let profiles = iam.list_instance_profiles_for_role().role_name(name).into_paginator().items().send();
    for profile in collected(profiles.collect().await, |error| {
        clients.failure(SERVICE, "ListInstanceProfilesForRole", name, error)
    })? {
        let call = iam
            .remove_role_from_instance_profile()
            .instance_profile_name(profile.instance_profile_name)
            .role_name(name);
        let result = call.send().await.map(drop);
        gone_is_fine(result.map_err(|error| clients.failure(SERVICE, "RemoveRoleFromInstanceProfile", name, &error)))?;
    }
    let attached = iam.list_attached_role_policies().role_name(name).into_paginator().items().send();
    for attached in
        collected(attached.collect().await, |error| clients.failure(SERVICE, "ListAttachedRolePolicies", name, error))?
    {
        let call = iam.detach_role_policy().role_name(name).set_policy_arn(attached.policy_arn);
        let result = call.send().await.map(drop);
        gone_is_fine(result.map_err(|error| clients.failure(SERVICE, "DetachRolePolicy", name, &error)))?;
    }
    let inline = iam.list_role_policies().role_name(name).into_paginator().items().send();
    for policy in collected(inline.collect().await, |error| clients.failure(SERVICE, "ListRolePolicies", name, error))?
    {
        let call = iam.delete_role_policy().role_name(name).policy_name(policy);
        let result = call.send().await.map(drop);
        gone_is_fine(result.map_err(|error| clients.failure(SERVICE, "DeleteRolePolicy", name, &error)))?;
    }
    Ok(())
}

fn collected<T, E>(pages: Result<Vec<T>, E>, failure: impl FnOnce(&E) -> Failure) -> Result<Vec<T>, Failure> {
    pages.map_err(|error| failure(&error))
}
