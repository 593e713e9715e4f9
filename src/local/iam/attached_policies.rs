//! Managed policies on roles: attach, detach, list.

use super::aws_managed_policies::{self, ManagedPolicy};
use super::roles::role_name;
use super::store::Account;
use super::{Answer, Iam, end_of_list, missing, page};
use crate::protocol::aws_json::ServiceError;
use crate::protocol::aws_query::{Parameters, Xml};

/// Limit of managed policies on a role.
const MAX_ATTACHED: usize = 10;

impl Iam {
    pub(super) fn attach_role_policy(&self, input: &Parameters) -> Answer {
        let role = role_name(input)?;
        let arn = input.required("PolicyArn")?;
        self.0.store.change(|account| {
            account.role(role)?;
            known(account, arn)?;
            let role = account.role_mut(role)?;
            role.attached.insert(arn.to_owned());
            if role.attached.len() > MAX_ATTACHED {
                let message = format!("Cannot exceed quota for PoliciesPerRole: {MAX_ATTACHED}");
                return Err(ServiceError::new(409, "LimitExceeded", message));
            }
            Ok(None)
        })
    }

    pub(super) fn detach_role_policy(&self, input: &Parameters) -> Answer {
        let role = role_name(input)?;
        let arn = input.required("PolicyArn")?;
        self.0.store.change(|account| {
            if !account.role_mut(role)?.attached.remove(arn) {
                return Err(missing(format!("Policy {arn} was not found.")));
            }
            Ok(None)
        })
    }

    pub(super) fn list_attached_role_policies(&self, input: &Parameters) -> Answer {
        let prefix = input.get("PathPrefix").unwrap_or("/");
        self.0.store.read(|account| {
            let role = account.role(role_name(input)?)?;
            let policies = role
                .attached
                .iter()
                .filter_map(|arn| aws_managed_policies::find(account, arn).map(|policy| (arn, policy)))
                .filter(|(_, policy)| policy.path.starts_with(prefix));
            let (page, marker) = page(input, policies)?;
            let mut xml = Xml::default();
            xml.node("AttachedPolicies", |list| {
                for (arn, policy) in page {
                    list.node("member", |entry| {
                        entry.leaf("PolicyName", policy.name).leaf("PolicyArn", arn);
                    });
                }
            });
            end_of_list(&mut xml, marker);
            Ok(Some(xml))
        })
    }
}

fn known<'a>(account: &'a Account, arn: &str) -> Result<ManagedPolicy<'a>, ServiceError> {
    aws_managed_policies::find(account, arn)
        .ok_or_else(|| missing(format!("Policy {arn} does not exist or is not attachable.")))
}
