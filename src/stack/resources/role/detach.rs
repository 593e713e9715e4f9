//! Detaches everything from a role before its deletion.

use aws_sdk_iam::types::InstanceProfile;

use super::{MANAGED, POLICY, SERVICE, attached};
use crate::aws::AwsFailure;
use crate::stack::Session;

/// Detaches everything that blocks the deletion of a role (docs/facts/iam.md, Delete order). Missing attachments count
/// as success.
pub(super) async fn detach_all(session: &Session, name: &str) -> Result<(), AwsFailure> {
    let iam = &session.clients.iam;
    let call = |operation| session.clients.call(SERVICE, operation, name);
    for profile in profiles(session, name).await? {
        let request = iam.remove_role_from_instance_profile().instance_profile_name(profile.instance_profile_name);
        call("RemoveRoleFromInstanceProfile").optional(request.role_name(name).send().await)?;
    }
    for policy in attached(session, name).await? {
        let request = iam.detach_role_policy().role_name(name).set_policy_arn(policy.policy_arn);
        call("DetachRolePolicy").optional(request.send().await)?;
    }
    for policy in inline_names(session, name).await? {
        let request = iam.delete_role_policy().role_name(name).policy_name(policy);
        call("DeleteRolePolicy").optional(request.send().await)?;
    }
    Ok(())
}

/// Returns unmanaged attachments of a role: policies besides those of sensorctl, and instance profiles.
pub(super) async fn unmanaged_attachments(session: &Session, name: &str) -> Result<Vec<String>, AwsFailure> {
    let (inline, attached, profiles) =
        futures::try_join!(inline_names(session, name), attached(session, name), profiles(session, name))?;
    let inline = inline.into_iter().filter(|policy| policy != POLICY).map(|policy| format!("the policy `{policy}`"));
    let is_ours = |arn: &str| MANAGED.iter().any(|policy| arn.ends_with(&format!("::aws:policy/{policy}")));
    let attached = attached.into_iter().filter_map(|policy| policy.policy_arn).filter(|arn| !is_ours(arn));
    let attached = attached.map(|arn| format!("the attachment of {arn}"));
    let profiles =
        profiles.into_iter().map(|it| format!("its place in the instance profile `{}`", it.instance_profile_name));
    Ok(inline.chain(attached).chain(profiles).collect())
}

/// Returns the instance profiles that contain a role.
async fn profiles(session: &Session, name: &str) -> Result<Vec<InstanceProfile>, AwsFailure> {
    let pages = session.clients.iam.list_instance_profiles_for_role().role_name(name).into_paginator().items().send();
    let profiles: Result<Vec<_>, _> = pages.collect().await;
    Ok(session.clients.call(SERVICE, "ListInstanceProfilesForRole", name).optional(profiles)?.unwrap_or_default())
}

/// Returns the names of all inline policies of a role.
pub(super) async fn inline_names(session: &Session, name: &str) -> Result<Vec<String>, AwsFailure> {
    let pages = session.clients.iam.list_role_policies().role_name(name).into_paginator().items().send();
    let names: Result<Vec<_>, _> = pages.collect().await;
    Ok(session.clients.call(SERVICE, "ListRolePolicies", name).optional(names)?.unwrap_or_default())
}
