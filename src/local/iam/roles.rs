//! Operations on roles: create, read, update, delete, tags, boundary.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;

use super::document::{check_trust, encoded};
use super::store::{Account, StoredRole};
use super::{Answer, Iam, aws_managed_policies, end_of_list, missing, page, timestamp};
use crate::protocol::aws_json::{ServiceError, now_seconds};
use crate::protocol::aws_query::{Parameters, Xml, invalid};

/// Default duration of a role session, in seconds.
const SESSION_SECONDS: u32 = 3600;

/// Limit of tags on a role.
const MAX_TAGS: usize = 50;

impl Iam {
    pub(super) fn create_role(&self, input: &Parameters) -> Answer {
        let name = role_name(input)?;
        let path = checked_path(input)?;
        let trust_policy = input.required("AssumeRolePolicyDocument")?;
        check_trust(trust_policy)?;
        let role = StoredRole {
            name: name.to_owned(),
            path: path.to_owned(),
            id: unique_id("AROA"),
            arn: self.0.identity.role_arn(path, name),
            created: now_seconds().floor(),
            trust_policy: trust_policy.to_owned(),
            description: input.get("Description").filter(|text| !text.is_empty()).map(str::to_owned),
            max_session_duration: session_seconds(input)?,
            boundary: input.get("PermissionsBoundary").map(str::to_owned),
            tags: checked_tags(input.tags()?)?,
            inline: BTreeMap::new(),
            attached: BTreeSet::new(),
        };
        self.0.store.change(|account| {
            check_boundary(account, role.boundary.as_deref())?;
            // Role names are unique regardless of case.
            if account.roles.keys().any(|other| other.eq_ignore_ascii_case(name)) {
                let message = format!("Role with name {name} already exists.");
                return Err(ServiceError::new(409, "EntityAlreadyExists", message));
            }
            let mut xml = Xml::default();
            described(&mut xml, "Role", &role, true);
            account.roles.insert(name.to_owned(), role);
            Ok(Some(xml))
        })
    }

    pub(super) fn get_role(&self, input: &Parameters) -> Answer {
        self.0.store.read(|account| {
            let mut xml = Xml::default();
            let role = account.role(role_name(input)?)?;
            match self.0.propagation.late_look(&role.arn) {
                Some(late) => {
                    described(&mut xml, "Role", &StoredRole { trust_policy: late.trust, ..role.clone() }, true);
                }
                None => described(&mut xml, "Role", role, true),
            }
            Ok(Some(xml))
        })
    }

    pub(super) fn list_roles(&self, input: &Parameters) -> Answer {
        let prefix = input.get("PathPrefix").unwrap_or("/");
        self.0.store.read(|account| {
            let roles = account.roles.iter().filter(|(_, role)| role.path.starts_with(prefix));
            let (page, marker) = page(input, roles)?;
            let mut xml = Xml::default();
            xml.node("Roles", |list| {
                for (_, role) in page {
                    described(list, "member", role, false);
                }
            });
            end_of_list(&mut xml, marker);
            Ok(Some(xml))
        })
    }

    pub(super) fn update_role(&self, input: &Parameters) -> Answer {
        let name = role_name(input)?;
        self.0.store.change(|account| {
            let role = account.role_mut(name)?;
            if let Some(text) = input.get("Description") {
                role.description = Some(text.to_owned()).filter(|text| !text.is_empty());
            }
            if input.get("MaxSessionDuration").is_some() {
                role.max_session_duration = session_seconds(input)?;
            }
            Ok(Some(Xml::default()))
        })
    }

    pub(super) fn update_role_description(&self, input: &Parameters) -> Answer {
        let name = role_name(input)?;
        self.0.store.change(|account| {
            let role = account.role_mut(name)?;
            role.description = Some(input.required("Description")?.to_owned()).filter(|text| !text.is_empty());
            let mut xml = Xml::default();
            described(&mut xml, "Role", role, true);
            Ok(Some(xml))
        })
    }

    pub(super) fn update_assume_role_policy(&self, input: &Parameters) -> Answer {
        let name = role_name(input)?;
        let document = input.required("PolicyDocument")?;
        self.0.store.change(|account| {
            let role = account.role_mut(name)?;
            check_trust(document)?;
            document.clone_into(&mut role.trust_policy);
            Ok(None)
        })
    }

    pub(super) fn delete_role(&self, input: &Parameters) -> Answer {
        let name = role_name(input)?;
        self.0.store.change(|account| {
            let role = account.role(name)?;
            let conflict = |message: &str| Err(ServiceError::new(409, "DeleteConflict", message));
            if !role.attached.is_empty() {
                return conflict("Cannot delete entity, must detach all policies first.");
            }
            if !role.inline.is_empty() {
                return conflict("Cannot delete entity, must delete policies first.");
            }
            account.roles.remove(name);
            Ok(None)
        })
    }

    pub(super) fn tag_role(&self, input: &Parameters) -> Answer {
        let name = role_name(input)?;
        let tags = input.tags()?;
        self.0.store.change(|account| {
            let role = account.role_mut(name)?;
            let mut all = role.tags.clone();
            all.extend(tags);
            role.tags = checked_tags(all)?;
            Ok(None)
        })
    }

    pub(super) fn untag_role(&self, input: &Parameters) -> Answer {
        let name = role_name(input)?;
        let keys = input.list("TagKeys");
        self.0.store.change(|account| {
            account.role_mut(name)?.tags.retain(|key, _| !keys.contains(key));
            Ok(None)
        })
    }

    pub(super) fn list_role_tags(&self, input: &Parameters) -> Answer {
        self.0.store.read(|account| {
            let role = account.role(role_name(input)?)?;
            let (page, marker) = page(input, role.tags.iter())?;
            let mut xml = Xml::default();
            xml.tags(page);
            end_of_list(&mut xml, marker);
            Ok(Some(xml))
        })
    }

    pub(super) fn put_permissions_boundary(&self, input: &Parameters) -> Answer {
        let boundary = input.required("PermissionsBoundary")?.to_owned();
        self.0.store.change(|account| {
            account.role(role_name(input)?)?;
            check_boundary(account, Some(&boundary))?;
            account.role_mut(role_name(input)?)?.boundary = Some(boundary);
            Ok(None)
        })
    }

    pub(super) fn delete_permissions_boundary(&self, input: &Parameters) -> Answer {
        self.0.store.change(|account| {
            account.role_mut(role_name(input)?)?.boundary = None;
            Ok(None)
        })
    }

    /// Returns an empty list: the local cloud has no instances, hence no profiles.
    pub(super) fn list_instance_profiles(&self, input: &Parameters) -> Answer {
        self.0.store.read(|account| account.role(role_name(input)?).map(drop))?;
        let mut xml = Xml::default();
        xml.node("InstanceProfiles", |_| {});
        end_of_list(&mut xml, None);
        Ok(Some(xml))
    }
}

/// Returns the role name of a request: 1 to 64 characters of `[\w+=,.@-]`.
pub(super) fn role_name(input: &Parameters) -> Result<&str, ServiceError> {
    checked_name(input, "RoleName", 64)
}

/// Returns a parameter that is a valid IAM name.
pub(super) fn checked_name<'a>(
    input: &'a Parameters,
    parameter: &str,
    longest: usize,
) -> Result<&'a str, ServiceError> {
    let name = input.required(parameter)?;
    let member = format!("{}{}", parameter[..1].to_ascii_lowercase(), &parameter[1..]);
    if name.is_empty() || name.len() > longest {
        return Err(invalid(&format!(
            "Value '{name}' at '{member}' failed to satisfy constraint: \
             Member must have length between 1 and {longest}"
        )));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)) {
        // The service's message, which differs from a member's validation error.
        return Err(ServiceError::bad_request(
            "ValidationError",
            format!(
                "The specified value for {member} is invalid. It must contain only alphanumeric characters and/or \
                 the following: +=,.@_-"
            ),
        ));
    }
    Ok(name)
}

/// Returns the path of a request: `/`, or a path that begins and ends with `/`.
pub(super) fn checked_path(input: &Parameters) -> Result<&str, ServiceError> {
    let path = input.get("Path").unwrap_or("/");
    if path == "/" || (path.starts_with('/') && path.ends_with('/') && path.len() <= 512) {
        return Ok(path);
    }
    Err(invalid(&format!(
        "Value '{path}' at 'path' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: (\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F)"
    )))
}

/// Rejects a boundary that is not an existing managed policy.
fn check_boundary(account: &Account, arn: Option<&str>) -> Result<(), ServiceError> {
    match arn {
        Some(arn) if aws_managed_policies::find(account, arn).is_none() => {
            Err(missing(format!("Scope ARN: {arn} does not exist or is not attachable.")))
        }
        _ => Ok(()),
    }
}

fn session_seconds(input: &Parameters) -> Result<u32, ServiceError> {
    input.number("MaxSessionDuration", SESSION_SECONDS, 3600, 43_200)
}

pub(super) fn checked_tags(tags: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ServiceError> {
    if tags.len() > MAX_TAGS {
        let message = format!("Cannot exceed quota for TagsPerRole: {MAX_TAGS}");
        return Err(ServiceError::new(409, "LimitExceeded", message));
    }
    Ok(tags)
}

fn described(xml: &mut Xml, tag: &str, role: &StoredRole, whole: bool) {
    xml.node(tag, |body| {
        body.leaf("Path", &role.path)
            .leaf("RoleName", &role.name)
            .leaf("RoleId", &role.id)
            .leaf("Arn", &role.arn)
            .leaf("CreateDate", timestamp(role.created))
            .leaf("AssumeRolePolicyDocument", encoded(&role.trust_policy))
            .optional("Description", role.description.as_ref())
            .leaf("MaxSessionDuration", role.max_session_duration);
        if whole {
            // Lists omit these members.
            if let Some(boundary) = &role.boundary {
                body.node("PermissionsBoundary", |part| {
                    part.leaf("PermissionsBoundaryType", "Policy").leaf("PermissionsBoundaryArn", boundary);
                });
            }
            if !role.tags.is_empty() {
                body.tags(&role.tags);
            }
            body.node("RoleLastUsed", |_| {});
        }
    });
}

/// Returns a new unique ID; its prefix identifies the kind of resource.
pub(super) fn unique_id(prefix: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut rng = rand::rng();
    let tail: String = (0..17).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())])).collect();
    format!("{prefix}{tail}")
}
