//! The role or policy that an IAM request names, for the authorizer.

use super::Iam;
use crate::auth::permissions::{Named, Needed};
use crate::protocol::aws_query::Parameters;

impl Iam {
    /// Returns the action that a request needs, with its resource.
    pub(crate) fn needed_by(&self, input: &Parameters, operation: &str) -> Needed {
        let needed = Needed::new(format!("iam:{operation}"), self.named_in(input, operation));
        // The condition keys of the policies that these operations give to a role.
        let given = match operation {
            "AttachRolePolicy" | "DetachRolePolicy" => Some(("iam:PolicyARN", input.get("PolicyArn"))),
            "CreateRole" | "PutRolePermissionsBoundary" => {
                Some(("iam:PermissionsBoundary", input.get("PermissionsBoundary")))
            }
            _ => None,
        };
        match given {
            Some((key, Some(arn))) => needed.with(key, arn),
            _ => needed,
        }
    }

    fn named_in(&self, input: &Parameters, operation: &str) -> Named {
        let one = |arn: Option<String>| arn.map_or(Named::Unclear, |arn| Named::These(vec![arn]));
        let path = || input.get("Path").unwrap_or("/");
        let identity = &self.0.identity;
        match operation {
            "ListRoles" | "ListPolicies" | "SimulateCustomPolicy" => Named::All,
            "SimulatePrincipalPolicy" => one(input.get("PolicySourceArn").map(str::to_owned)),
            "GetUser" => one(input.get("UserName").map(|name| identity.user_arn(name))),
            "CreateRole" => one(input.get("RoleName").map(|name| identity.role_arn(path(), name))),
            "CreatePolicy" => one(input.get("PolicyName").map(|name| identity.policy_arn(path(), name))),
            "GetPolicy" | "GetPolicyVersion" | "ListPolicyVersions" | "DeletePolicy" => {
                one(input.get("PolicyArn").map(str::to_owned))
            }
            "GetRole"
            | "UpdateRole"
            | "UpdateRoleDescription"
            | "UpdateAssumeRolePolicy"
            | "DeleteRole"
            | "TagRole"
            | "UntagRole"
            | "ListRoleTags"
            | "PutRolePermissionsBoundary"
            | "DeleteRolePermissionsBoundary"
            | "ListInstanceProfilesForRole"
            | "PutRolePolicy"
            | "GetRolePolicy"
            | "DeleteRolePolicy"
            | "ListRolePolicies"
            | "AttachRolePolicy"
            | "DetachRolePolicy"
            | "ListAttachedRolePolicies" => one(input.get("RoleName").map(|name| self.role_arn(name))),
            _ => Named::Unclear,
        }
    }

    /// Returns the ARN of the role with this name, including its path.
    ///
    /// If the role does not exist, the ARN has no path.
    fn role_arn(&self, name: &str) -> String {
        let known = self.0.store.read(|account| account.roles.get(name).map(|role| role.arn.clone()));
        known.unwrap_or_else(|| self.0.identity.role_arn("/", name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durability::Durability;
    use crate::identity::Identity;
    use crate::latency_profile::LatencyProfile;

    const TRUST: &str = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#;

    fn parameters(fields: &[(&str, &str)]) -> Parameters {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Parameters::parse(body.as_bytes())
    }

    #[tokio::test]
    async fn requested_resources_role_has_its_path_and_each_operation_its_resource() {
        let dir = tempfile::tempdir().unwrap();
        let iam = Iam::open(
            &dir.path().join("iam.json"),
            Identity::new("us-east-1"),
            &LatencyProfile::default(),
            Durability::Process,
        );
        let iam = iam.unwrap();
        let role =
            [("Action", "CreateRole"), ("RoleName", "r"), ("Path", "/team/"), ("AssumeRolePolicyDocument", TRUST)];
        let named = |operation: &str, fields: &[(&str, &str)]| iam.named_in(&parameters(fields), operation);
        let these = |arn: &str| Named::These(vec![format!("arn:aws:iam::000000000000:{arn}")]);
        assert_eq!(named("CreateRole", &role), these("role/team/r"));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(role).finish();
        assert_eq!(iam.handle(http::Request::post("/").body(body.into()).unwrap()).await.status(), 200);
        let both = [("RoleName", "r"), ("PolicyArn", "arn:aws:iam::000000000000:policy/secret")];
        for operation in ["GetRole", "PutRolePolicy", "DeleteRole", "AttachRolePolicy"] {
            assert_eq!(named(operation, &both), these("role/team/r"), "{operation}");
        }
        for operation in ["GetPolicy", "GetPolicyVersion", "DeletePolicy", "ListPolicyVersions"] {
            assert_eq!(named(operation, &both), these("policy/secret"), "{operation}");
        }
        assert_eq!(named("GetRole", &[("RoleName", "none")]), these("role/none"));
        assert_eq!(named("GetRole", &[("PolicyArn", "arn:x")]), Named::Unclear);
        assert_eq!(named("Nonsense", &both), Named::Unclear);
        assert_eq!(named("ListRoles", &both), Named::All);
    }
}
