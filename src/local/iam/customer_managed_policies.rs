//! Operations on managed policies; customer managed policies have one version each.

use std::collections::BTreeMap;

use super::aws_managed_policies::{self, ManagedPolicy};
use super::document::{check_permissions, encoded};
use super::roles::{checked_name, checked_path, checked_tags, unique_id};
use super::store::{Account, StoredPolicy};
use super::{Answer, Iam, end_of_list, missing, page, timestamp};
use crate::protocol::aws_json::{ServiceError, now_seconds};
use crate::protocol::aws_query::{Parameters, Xml, invalid};

/// Limit of a managed policy in characters, without white space.
const MAX_DOCUMENT: usize = 6_144;

impl Iam {
    pub(super) fn create_policy(&self, input: &Parameters) -> Answer {
        let name = checked_name(input, "PolicyName", 128)?;
        let path = checked_path(input)?;
        let document = input.required("PolicyDocument")?;
        check_permissions(document)?;
        if document.split_whitespace().map(str::len).sum::<usize>() > MAX_DOCUMENT {
            let message = format!("Cannot exceed quota for PolicySize: {MAX_DOCUMENT}");
            return Err(ServiceError::new(409, "LimitExceeded", message));
        }
        let policy = StoredPolicy {
            name: name.to_owned(),
            path: path.to_owned(),
            id: unique_id("ANPA"),
            created: timestamp(now_seconds()),
            description: input.get("Description").map(str::to_owned),
            tags: checked_tags(input.tags()?)?,
            document: document.to_owned(),
        };
        let arn = self.0.identity.policy_arn(path, name);
        self.0.store.change(|account| {
            if account.policies.values().any(|other| other.name.eq_ignore_ascii_case(name)) {
                let message = format!("A policy called {name} already exists. Duplicate names are not allowed.");
                return Err(ServiceError::new(409, "EntityAlreadyExists", message));
            }
            account.policies.insert(arn.clone(), policy);
            let mut xml = Xml::default();
            xml.node("Policy", |body| described(body, account, &arn));
            Ok(Some(xml))
        })
    }

    pub(super) fn delete_policy(&self, input: &Parameters) -> Answer {
        let arn = input.required("PolicyArn")?;
        self.0.store.change(|account| {
            if uses(account, arn) != (0, 0) {
                let message = "Cannot delete a policy attached to entities.";
                return Err(ServiceError::new(409, "DeleteConflict", message));
            }
            account.policies.remove(arn).map(|_| None).ok_or_else(|| not_found(arn))
        })
    }

    pub(super) fn get_policy(&self, input: &Parameters) -> Answer {
        let arn = input.required("PolicyArn")?;
        self.0.store.read(|account| {
            found(account, arn)?;
            let mut xml = Xml::default();
            xml.node("Policy", |body| described(body, account, arn));
            Ok(Some(xml))
        })
    }

    pub(super) fn get_policy_version(&self, input: &Parameters) -> Answer {
        let arn = input.required("PolicyArn")?;
        self.0.store.read(|account| {
            let policy = found(account, arn)?;
            let version = input.required("VersionId")?;
            if version != policy.version {
                return Err(missing(format!("Policy {arn} version {version} does not exist or is not attachable.")));
            }
            let mut xml = Xml::default();
            xml.node("PolicyVersion", |body| {
                body.leaf("Document", encoded(policy.document));
                version_of(body, &policy);
            });
            Ok(Some(xml))
        })
    }

    pub(super) fn list_policy_versions(&self, input: &Parameters) -> Answer {
        let arn = input.required("PolicyArn")?;
        self.0.store.read(|account| {
            let policy = found(account, arn)?;
            let mut xml = Xml::default();
            xml.node("Versions", |list| {
                list.node("member", |entry| version_of(entry, &policy));
            });
            end_of_list(&mut xml, None);
            Ok(Some(xml))
        })
    }

    /// Lists the customer managed policies and the few AWS managed ones that the local cloud has.
    pub(super) fn list_policies(&self, input: &Parameters) -> Answer {
        let prefix = input.get("PathPrefix").unwrap_or("/");
        let (of_aws, own) = match input.get("Scope") {
            None | Some("All") => (true, true),
            Some("AWS") => (true, false),
            Some("Local") => (false, true),
            Some(_) => {
                let what = "Value at 'scope' failed to satisfy constraint: Member must satisfy enum value set: \
                            [All, AWS, Local]";
                return Err(invalid(what));
            }
        };
        self.0.store.read(|account| {
            let mut paths = BTreeMap::new();
            if own {
                paths.extend(account.policies.iter().map(|(arn, policy)| (arn.clone(), policy.path.clone())));
            }
            if of_aws {
                paths.extend(
                    aws_managed_policies::of_aws().into_iter().map(|(arn, policy)| (arn, policy.path.to_owned())),
                );
            }
            paths.retain(|_, path| path.starts_with(prefix));
            let (page, marker) = page(input, paths.iter())?;
            let mut xml = Xml::default();
            xml.node("Policies", |list| {
                for (arn, _) in page {
                    list.node("member", |entry| described(entry, account, arn));
                }
            });
            end_of_list(&mut xml, marker);
            Ok(Some(xml))
        })
    }
}

fn found<'a>(account: &'a Account, arn: &str) -> Result<ManagedPolicy<'a>, ServiceError> {
    aws_managed_policies::find(account, arn).ok_or_else(|| not_found(arn))
}

fn not_found(arn: &str) -> ServiceError {
    missing(format!("Policy {arn} was not found."))
}

/// Returns how many roles have a policy attached, and how many have it as boundary.
fn uses(account: &Account, arn: &str) -> (usize, usize) {
    let roles = || account.roles.values();
    let bounded = roles().filter(|role| role.boundary.as_deref() == Some(arn)).count();
    (roles().filter(|role| role.attached.contains(arn)).count(), bounded)
}

fn described(body: &mut Xml, account: &Account, arn: &str) {
    let Some(policy) = aws_managed_policies::find(account, arn) else { return };
    let (attached, bounded) = uses(account, arn);
    body.leaf("PolicyName", policy.name)
        .leaf("PolicyId", policy.id)
        .leaf("Arn", arn)
        .leaf("Path", policy.path)
        .leaf("DefaultVersionId", policy.version)
        .leaf("AttachmentCount", attached)
        .leaf("PermissionsBoundaryUsageCount", bounded)
        .leaf("IsAttachable", true)
        .leaf("CreateDate", policy.created)
        .leaf("UpdateDate", policy.updated);
    if let Some(own) = account.policies.get(arn) {
        body.optional("Description", own.description.as_ref());
        if !own.tags.is_empty() {
            body.tags(&own.tags);
        }
    }
}

fn version_of(body: &mut Xml, policy: &ManagedPolicy<'_>) {
    body.leaf("VersionId", policy.version).leaf("IsDefaultVersion", true).leaf("CreateDate", policy.updated);
}
