//! Operations on the inline policies of roles.

use super::document::{check_permissions, encoded};
use super::roles::{checked_name, role_name};
use super::{Answer, Iam, end_of_list, missing, page};
use crate::protocol::aws_json::ServiceError;
use crate::protocol::aws_query::{Parameters, Xml};

/// Limit of all inline policies of a role in characters, without white space.
const MAX_INLINE: usize = 10_240;

impl Iam {
    pub(super) fn put_role_policy(&self, input: &Parameters) -> Answer {
        let (role, policy) = (role_name(input)?, policy_name(input)?);
        let document = input.required("PolicyDocument")?;
        self.0.store.change(|account| {
            let role = account.role_mut(role)?;
            check_permissions(document)?;
            role.inline.insert(policy.to_owned(), document.to_owned());
            let total: usize =
                role.inline.values().map(|text| text.split_whitespace().map(str::len).sum::<usize>()).sum();
            if total > MAX_INLINE {
                let message = format!("Maximum policy size of {MAX_INLINE} bytes exceeded for role {}", role.name);
                return Err(ServiceError::new(409, "LimitExceeded", message));
            }
            Ok(None)
        })
    }

    pub(super) fn get_role_policy(&self, input: &Parameters) -> Answer {
        let (role, policy) = (role_name(input)?, policy_name(input)?);
        self.0.store.read(|account| {
            let found = account.role(role)?;
            let late = self.0.propagation.late_look(&found.arn);
            let inline = late.as_ref().map_or(&found.inline, |late| &late.inline);
            let document = inline.get(policy).ok_or_else(|| missing_policy(policy))?;
            let mut xml = Xml::default();
            xml.leaf("RoleName", role).leaf("PolicyName", policy).leaf("PolicyDocument", encoded(document));
            Ok(Some(xml))
        })
    }

    pub(super) fn delete_role_policy(&self, input: &Parameters) -> Answer {
        let (role, policy) = (role_name(input)?, policy_name(input)?);
        self.0.store.change(|account| {
            account.role_mut(role)?.inline.remove(policy).ok_or_else(|| missing_policy(policy))?;
            Ok(None)
        })
    }

    pub(super) fn list_role_policies(&self, input: &Parameters) -> Answer {
        self.0.store.read(|account| {
            let role = account.role(role_name(input)?)?;
            let (page, marker) = page(input, role.inline.iter())?;
            let mut xml = Xml::default();
            xml.node("PolicyNames", |list| {
                for (name, _) in page {
                    list.leaf("member", name);
                }
            });
            end_of_list(&mut xml, marker);
            Ok(Some(xml))
        })
    }
}

fn policy_name(input: &Parameters) -> Result<&str, ServiceError> {
    checked_name(input, "PolicyName", 128)
}

fn missing_policy(name: &str) -> ServiceError {
    missing(format!("The role policy with name {name} cannot be found."))
}
