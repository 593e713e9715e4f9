//! IAM: roles and their policies, in a small store behind the awsQuery protocol.

mod attached_policies;
mod aws_managed_policies;
mod customer_managed_policies;
mod document;
mod inline_policies;
mod propagation;
mod requested_resources;
mod roles;
mod simulation;
mod statement_text;
mod store;
mod user;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use self::propagation::Propagation;
use self::store::Store;
use super::durability::Durability;
use super::identity::Identity;
use super::latency_profile::LatencyProfile;
use crate::auth::credentials::Caller;
use crate::auth::permissions::Policies;
use crate::error::Error;
use crate::protocol::aws_json::{Request, Response, ServiceError};
use crate::protocol::aws_query;
use crate::protocol::aws_query::{IAM, Parameters, Xml};

/// The file of its state in the data directory.
pub(crate) const FILE: &str = "iam.json";

/// The IAM service of one local cloud; clones share it.
#[derive(Clone)]
pub(crate) struct Iam(Arc<Inner>);

struct Inner {
    identity: Identity,
    store: Store,
    timing: LatencyProfile,
    propagation: Propagation,
    /// Time until which new grants take a role of this name for the earlier role.
    stale: Mutex<HashMap<String, Instant>>,
}

/// A role, as other services need it.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    /// Unique ID: `AROA…`.
    pub id: String,
    /// Trust policy as JSON text.
    pub trust_policy: String,
    /// Maximum duration of a session, in seconds.
    pub max_session_duration: u32,
}

/// The result of an operation: content, or `None` for plain success.
type Answer = Result<Option<Xml>, ServiceError>;

impl Iam {
    /// Opens the state kept in a file.
    pub(crate) fn open(
        path: &Path,
        identity: Identity,
        timing: &LatencyProfile,
        durability: Durability,
    ) -> Result<Iam, Error> {
        let store = Store::open(path, durability)?;
        Ok(Iam(Arc::new(Inner {
            identity,
            store,
            timing: *timing,
            propagation: Propagation::default(),
            stale: Mutex::default(),
        })))
    }

    /// Returns the role with this ARN, with the trust policy in force.
    pub(crate) fn role(&self, arn: &str) -> Option<Role> {
        let old = self.0.propagation.trust(arn);
        self.0.store.read(|account| {
            account.roles.values().find(|role| role.arn == arn).map(|role| Role {
                id: role.id.clone(),
                trust_policy: old.unwrap_or_else(|| role.trust_policy.clone()),
                max_session_duration: role.max_session_duration,
            })
        })
    }

    /// Makes new grants take the role of this name for the earlier role, for this time.
    pub(crate) fn make_grants_stale(&self, name: &str, time: Duration) {
        let mut stale = self.0.stale.lock();
        stale.insert(name.to_owned(), Instant::now() + time);
    }

    /// Returns the ID of the role to which the key of a function's variables is granted now.
    ///
    /// After an injected stale grant, it is for a while the ID of an earlier role with the same name.
    pub(crate) fn grantee(&self, arn: &str) -> Option<String> {
        let id = self.role(arn)?.id;
        let stale = self.0.stale.lock();
        let is_stale = stale.get(arn.rsplit('/').next()?).is_some_and(|until| *until > Instant::now());
        Some(if is_stale { format!("{id}OLD") } else { id })
    }

    /// Returns the policies of a role that are in force.
    pub(crate) fn policies(&self, arn: &str) -> Policies {
        if let Some(old) = self.0.propagation.policies(arn) {
            return old;
        }
        self.0.store.read(|account| {
            let role = account.roles.values().find(|role| role.arn == arn);
            role.map(|role| aws_managed_policies::policies(account, role)).unwrap_or_default()
        })
    }

    /// Handles a request of the IAM API.
    pub(crate) async fn handle(&self, request: Request) -> Response {
        let iam = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let input = Parameters::of(&request);
            aws_query::answer(IAM, input.action(), iam.run(&input, request.extensions().get::<Caller>()))
        })
        .await;
        done.unwrap_or_else(|error| aws_query::error(IAM, &ServiceError::internal(error.to_string())))
    }

    fn run(&self, input: &Parameters, caller: Option<&Caller>) -> Answer {
        let change = self.change_of(input);
        let answer = self.operate(input, caller)?;
        if let Some(change) = change {
            self.0.propagation.note(change, &self.0.timing);
        }
        Ok(answer)
    }

    fn operate(&self, input: &Parameters, caller: Option<&Caller>) -> Answer {
        match input.action() {
            "CreateRole" => self.create_role(input),
            "GetRole" => self.get_role(input),
            "ListRoles" => self.list_roles(input),
            "UpdateRole" => self.update_role(input),
            "UpdateRoleDescription" => self.update_role_description(input),
            "UpdateAssumeRolePolicy" => self.update_assume_role_policy(input),
            "DeleteRole" => self.delete_role(input),
            "TagRole" => self.tag_role(input),
            "UntagRole" => self.untag_role(input),
            "ListRoleTags" => self.list_role_tags(input),
            "PutRolePermissionsBoundary" => self.put_permissions_boundary(input),
            "DeleteRolePermissionsBoundary" => self.delete_permissions_boundary(input),
            "ListInstanceProfilesForRole" => self.list_instance_profiles(input),
            "PutRolePolicy" => self.put_role_policy(input),
            "GetRolePolicy" => self.get_role_policy(input),
            "DeleteRolePolicy" => self.delete_role_policy(input),
            "ListRolePolicies" => self.list_role_policies(input),
            "AttachRolePolicy" => self.attach_role_policy(input),
            "DetachRolePolicy" => self.detach_role_policy(input),
            "ListAttachedRolePolicies" => self.list_attached_role_policies(input),
            "GetPolicy" => self.get_policy(input),
            "GetPolicyVersion" => self.get_policy_version(input),
            "CreatePolicy" => self.create_policy(input),
            "DeletePolicy" => self.delete_policy(input),
            "ListPolicies" => self.list_policies(input),
            "ListPolicyVersions" => self.list_policy_versions(input),
            "GetUser" => self.get_user(input, caller),
            "SimulatePrincipalPolicy" => self.simulate_principal_policy(input),
            "SimulateCustomPolicy" => simulation::simulate_custom_policy(input),
            action => Err(aws_query::unknown_action(action, "2010-05-08")),
        }
    }
}

/// Builds the error for a missing resource.
fn missing(message: String) -> ServiceError {
    ServiceError::new(404, "NoSuchEntity", message)
}

/// Formats a time as IAM does: `2026-11-23T03:28:00Z`.
fn timestamp(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds are what IAM shows")]
    let whole = seconds as i64;
    jiff::Timestamp::from_second(whole).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

/// A page of a list by name, and the marker of the next page.
type Paged<'a, T> = (Vec<(&'a String, T)>, Option<String>);

/// Returns a page of a list: `Marker` is the last name of the page before; `MaxItems` is at most 1000.
fn page<'a, T>(input: &Parameters, items: impl Iterator<Item = (&'a String, T)>) -> Result<Paged<'a, T>, ServiceError> {
    let limit = usize::try_from(input.number("MaxItems", 100, 1, 1000)?).unwrap_or(100);
    let after = input.get("Marker").unwrap_or_default();
    let mut rest = items.filter(|(name, _)| name.as_str() > after).peekable();
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let marker = if rest.peek().is_some() { page.last().map(|(name, _)| (*name).clone()) } else { None };
    Ok((page, marker))
}

/// Writes the end of a list response.
fn end_of_list(xml: &mut Xml, marker: Option<String>) {
    xml.leaf("IsTruncated", marker.is_some()).optional("Marker", marker);
}

#[cfg(test)]
mod tests;
