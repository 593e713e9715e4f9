//! The condition keys of a request by a role or the owner.

use jiff::Timestamp;

use crate::auth::credentials::Caller;
use crate::iam::Iam;
use crate::identity::Identity;
use sensorctl_policy::Context;

/// Keys that no request has here: those of federation, of services that call for others, of VPC endpoints, and those
/// that `AssumeRole` rejects. A key that is neither here nor among the known ones may have any value.
const ABSENT: [&str; 15] = [
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:FederatedProvider",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceIdentity",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "sts:SourceIdentity",
    "sts:TransitiveTagKeys",
];

/// The condition keys of a request.
#[derive(Clone, Debug)]
pub(crate) struct RequestKeys {
    known: Vec<(&'static str, String)>,
    absent: Vec<&'static str>,
}

impl RequestKeys {
    /// Returns the condition keys of every request of a role session.
    pub(crate) fn of_session(identity: &Identity, iam: &Iam, role_arn: &str, session: &str) -> Self {
        let keys = RequestKeys::of_anyone(identity).with("aws:PrincipalArn", role_arn);
        let keys = keys.with("aws:PrincipalType", "AssumedRole").without("aws:username");
        match iam.role(role_arn) {
            Some(role) => keys.with("aws:userid", format!("{}:{session}", role.id)),
            None => keys,
        }
    }

    /// Returns the condition keys of every request of a caller.
    pub(crate) fn of_caller(identity: &Identity, iam: &Iam, caller: &Caller) -> Self {
        match caller {
            Caller::Role { arn, session } => RequestKeys::of_session(identity, iam, arn, session),
            Caller::Owner => RequestKeys::of_anyone(identity)
                .with("aws:PrincipalArn", identity.owner_arn())
                .with("aws:PrincipalType", "User")
                .with("aws:userid", Identity::OWNER_ID)
                .with("aws:username", Identity::OWNER),
        }
    }

    fn of_anyone(identity: &Identity) -> Self {
        let now = Timestamp::now();
        let known = vec![
            ("aws:CurrentTime", now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            ("aws:EpochTime", now.as_second().to_string()),
            ("aws:PrincipalAccount", identity.account.clone()),
            ("aws:PrincipalIsAWSService", "false".to_owned()),
            ("aws:RequestedRegion", identity.region.clone()),
            ("aws:ResourceAccount", identity.account.clone()),
            // Loopback only.
            ("aws:SecureTransport", "false".to_owned()),
            ("aws:ViaAWSService", "false".to_owned()),
        ];
        RequestKeys { known, absent: ABSENT.to_vec() }
    }

    /// Adds a key and its value.
    #[must_use]
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.known.push((key, value.into()));
        self
    }

    /// Marks a key as certainly absent from the request.
    #[must_use]
    pub(crate) fn without(mut self, key: &'static str) -> Self {
        self.absent.push(key);
        self
    }

    /// Evaluates policies with these keys.
    pub(crate) fn ask<T>(&self, run: impl FnOnce(Context<'_>) -> T) -> T {
        let known: Vec<(&str, &str)> = self.known.iter().map(|(key, value)| (*key, value.as_str())).collect();
        run(Context { known: &known, absent: &self.absent })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::durability::Durability;
    use crate::latency_profile::LatencyProfile;
    use sensorctl_policy::{AuthorizationRequest, Decision, decide};

    #[test]
    fn condition_keys_of_a_role_are_known_absent_or_unknown_values() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity::new("eu-central-1");
        let iam =
            Iam::open(&dir.path().join("iam.json"), identity.clone(), &LatencyProfile::default(), Durability::Process)
                .unwrap();
        let keys = RequestKeys::of_session(&identity, &iam, "arn:aws:iam::000000000000:role/r", "s");
        let allows = |condition: serde_json::Value| {
            let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition});
            let document = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
            keys.ask(|context| {
                decide(&[document], &AuthorizationRequest { context, ..AuthorizationRequest::new("a:b", "*") })
            }) == Decision::Allowed
        };
        for met in [
            json!({"StringEquals": {"aws:PrincipalType": "AssumedRole", "aws:ResourceAccount": "000000000000"}}),
            json!({"Bool": {"aws:ViaAWSService": "false", "aws:SecureTransport": false}}),
            json!({"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}),
            json!({"NumericGreaterThan": {"aws:EpochTime": "1700000000"}}),
            json!({"Null": {"aws:SourceVpce": "true", "aws:username": "true"}}),
            json!({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}),
        ] {
            assert!(allows(met.clone()), "{met}");
        }
        for unclear in [
            json!({"Null": {"aws:TokenIssueTime": "true"}}),
            json!({"StringNotEquals": {"aws:ResourceTag/env": "prod"}}),
            json!({"StringNotEqualsIfExists": {"aws:PrincipalTag/team": "x"}}),
            json!({"StringNotLike": {"aws:PrincipalOrgID": "o-1"}}),
            json!({"Null": {"aws:userid": "true"}}),
        ] {
            assert!(!allows(unclear.clone()), "{unclear}");
        }
    }
}
