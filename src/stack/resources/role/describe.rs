//! Reads of the role and its policies.

use aws_sdk_iam::types::{AttachedPolicy, Role as Described};
use serde_json::Value;

use super::{MANAGED, SERVICE, policy_document};
use crate::aws::{AwsFailure, FailureCause};
use crate::stack::Session;

pub(crate) async fn describe(session: &Session, name: &str) -> Result<Option<Described>, AwsFailure> {
    let result = session.clients.iam.get_role().role_name(name).send().await;
    Ok(session.clients.call(SERVICE, "GetRole", name).optional(result)?.and_then(|answer| answer.role))
}

/// Marks a missing role as transient: it was created or seen before it is written to, so it is only not visible
/// everywhere yet. A missing managed policy is permanent.
pub(crate) fn as_propagating(failure: AwsFailure, role: &str) -> AwsFailure {
    match failure.cause {
        FailureCause::Missing if failure.message.contains(&format!("role with name {role} ")) => {
            AwsFailure { cause: FailureCause::Propagating, ..failure }
        }
        _ => failure,
    }
}

/// Returns one inline policy, if it exists.
pub(crate) async fn inline(session: &Session, name: &str, policy: &str) -> Result<Option<Value>, AwsFailure> {
    let result = session.clients.iam.get_role_policy().role_name(name).policy_name(policy).send().await;
    let answer = session.clients.call(SERVICE, "GetRolePolicy", name).optional(result)?;
    Ok(answer.map(|answer| policy_document::parse(&url_decoded(&answer.policy_document))))
}

/// Returns all attached managed policies.
pub(crate) async fn attached(session: &Session, name: &str) -> Result<Vec<AttachedPolicy>, AwsFailure> {
    let pages = session.clients.iam.list_attached_role_policies().role_name(name).into_paginator().items().send();
    let result: Result<Vec<_>, _> = pages.collect().await;
    Ok(session.clients.call(SERVICE, "ListAttachedRolePolicies", name).optional(result)?.unwrap_or_default())
}

/// Returns the attached policies of the walkthrough. Others are unmanaged and are kept.
pub(crate) fn walkthrough_policies(attached: &[AttachedPolicy]) -> Vec<&'static str> {
    let is_attached = |policy: &&str| {
        let end = format!("::aws:policy/{policy}");
        attached.iter().any(|attached| attached.policy_arn().is_some_and(|arn| arn.ends_with(&end)))
    };
    MANAGED.into_iter().filter(is_attached).collect()
}

pub(crate) fn trust_of(role: &Described) -> Value {
    policy_document::parse(&url_decoded(role.assume_role_policy_document.as_deref().unwrap_or_default()))
}

/// Returns the partition of an ARN. The managed policies have the same partition in their ARNs.
pub(crate) fn partition_of(arn: &str) -> &str {
    arn.split(':').nth(1).filter(|partition| !partition.is_empty()).unwrap_or("aws")
}

/// Decodes a policy document, which IAM returns URL-encoded (RFC 3986).
pub(crate) fn url_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
