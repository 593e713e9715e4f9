//! What has to come off a role before it can be deleted.

use super::{SERVICE, attached};
use crate::aws::Failure;
use crate::stack::Cloud;

/// Takes off everything that keeps a role from being deleted (facts/aws.md E4). What is gone already is fine.
pub async fn release(cloud: &Cloud, name: &str) -> Result<(), Failure> {
    let iam = &cloud.clients.iam;
    let call = |operation| cloud.clients.call(SERVICE, operation, name);
    let profiles = iam.list_instance_profiles_for_role().role_name(name).into_paginator().items().send();
    let profiles: Result<Vec<_>, _> = profiles.collect().await;
    for profile in call("ListInstanceProfilesForRole").answer(profiles)? {
        let request = iam.remove_role_from_instance_profile().instance_profile_name(profile.instance_profile_name);
        call("RemoveRoleFromInstanceProfile").find(request.role_name(name).send().await)?;
    }
    for policy in attached(cloud, name).await? {
        let request = iam.detach_role_policy().role_name(name).set_policy_arn(policy.policy_arn);
        call("DetachRolePolicy").find(request.send().await)?;
    }
    for policy in inline_names(cloud, name).await? {
        let request = iam.delete_role_policy().role_name(name).policy_name(policy);
        call("DeleteRolePolicy").find(request.send().await)?;
    }
    Ok(())
}

/// Names of all inline policies of a role.
pub async fn inline_names(cloud: &Cloud, name: &str) -> Result<Vec<String>, Failure> {
    let pages = cloud.clients.iam.list_role_policies().role_name(name).into_paginator().items().send();
    let names: Result<Vec<_>, _> = pages.collect().await;
    Ok(cloud.clients.call(SERVICE, "ListRolePolicies", name).find(names)?.unwrap_or_default())
}
