//! The actions that a role permits by its documents, for a diagnosis that asks for single actions.

use std::slice;

use serde_json::Value;

use super::POLICY;
use super::describe::{describe, trust_of};
use super::diagnosis::{RolePolicy, managed_document, policies_of, untrusting};
use super::policy_document;
use crate::aws::AwsFailure;
use crate::stack::Session;
use sensorctl_policy::{AuthorizationRequest, Decision, evaluate};

/// A role with all of its policies.
#[derive(Clone, Debug)]
pub(crate) struct RoleAccess {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// When it was created, in ms since 1970.
    pub created_ms: Option<i64>,
    /// Its trust policy.
    pub trust: Value,
    /// Its inline and attached policies.
    pub policies: Vec<RolePolicy>,
    /// Its permissions boundary.
    pub boundary: Option<Value>,
}

/// The answer to the question whether a role permits an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// Its policies allow it. Policies of the organization are not visible here.
    Allowed,
    /// No statement allows it, or its boundary does not.
    Lacking,
    /// A statement denies it.
    Denied,
    /// It depends on a condition that cannot be evaluated.
    Uncertain,
}

impl RoleAccess {
    /// Returns the reason why Lambda certainly cannot assume the role.
    pub(crate) fn trust_failure(&self, account: &str) -> Option<String> {
        untrusting(&self.name, &self.arn, account, &self.trust).map(|failure| failure.reason)
    }

    /// Returns whether the role permits an action on a resource.
    pub(crate) fn permits(&self, action: &str, resource: &str) -> Permission {
        let ask = AuthorizationRequest::new(action, resource);
        let by_policies = permission(&self.documents(), &ask);
        match &self.boundary {
            Some(boundary) if by_policies == Permission::Allowed => permission(slice::from_ref(boundary), &ask),
            _ => by_policies,
        }
    }

    fn documents(&self) -> Vec<Value> {
        self.policies.iter().map(|policy| policy.document.clone()).collect()
    }

    /// Returns the policies that certainly deny an action, except the one that sensorctl writes.
    pub(crate) fn denying(&self, action: &str, resource: &str) -> Vec<&RolePolicy> {
        let ask = AuthorizationRequest::new(action, resource);
        let denies = |policy: &&RolePolicy| permission(slice::from_ref(&policy.document), &ask) == Permission::Denied;
        let is_ours = |policy: &RolePolicy| policy.is_inline && policy.name == POLICY;
        self.policies.iter().filter(|policy| !is_ours(policy)).filter(denies).collect()
    }

    /// Returns whether the boundary alone keeps an action from being allowed.
    pub(crate) fn is_bounded(&self, action: &str, resource: &str) -> bool {
        let ask = AuthorizationRequest::new(action, resource);
        self.boundary.is_some() && permission(&self.documents(), &ask) == Permission::Allowed
    }

    /// Returns the actions, with their resources, that send batches that were given up to a destination.
    pub(crate) fn failure_destination_actions(destination: &str) -> Vec<(&'static str, String)> {
        policy_document::failure_destination_actions(destination)
    }
}

fn permission(documents: &[Value], ask: &AuthorizationRequest<'_>) -> Permission {
    match evaluate(documents, ask) {
        (Decision::Allowed, true) => Permission::Allowed,
        (Decision::NotAllowed, true) => Permission::Lacking,
        (Decision::Denied, true) => Permission::Denied,
        (_, false) => Permission::Uncertain,
    }
}

/// Reads a role and all of its policies. Returns `None` if it does not exist.
///
/// # Errors
/// If a read fails: a part of the documents proves nothing.
pub(crate) async fn role_access(session: &Session, name: &str) -> Result<Option<RoleAccess>, AwsFailure> {
    let (found, policies) = futures::try_join!(describe(session, name), policies_of(session, name))?;
    let Some(found) = found else { return Ok(None) };
    let boundary = found.permissions_boundary.as_ref().and_then(|boundary| boundary.permissions_boundary_arn.as_ref());
    let boundary = match boundary {
        Some(arn) => Some(managed_document(session, name, arn).await?),
        None => None,
    };
    Ok(Some(RoleAccess {
        name: name.to_owned(),
        created_ms: found.create_date.to_millis().ok(),
        trust: trust_of(&found),
        arn: found.arn,
        policies,
        boundary,
    }))
}
