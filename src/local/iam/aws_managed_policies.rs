//! Managed policies: those of the walkthrough as AWS published them, and the customer managed ones.

use std::collections::BTreeMap;

use super::store::{Account, StoredPolicy, StoredRole};
use crate::auth::permissions::Policies;

/// A managed policy.
#[derive(Clone, Copy)]
pub(super) struct ManagedPolicy<'a> {
    pub name: &'a str,
    pub path: &'a str,
    pub id: &'a str,
    pub version: &'a str,
    /// Date of the first version.
    pub created: &'a str,
    /// Date of this version.
    pub updated: &'a str,
    pub document: &'a str,
}

impl<'a> ManagedPolicy<'a> {
    fn own(policy: &'a StoredPolicy) -> Self {
        let StoredPolicy { name, path, id, created, document, .. } = policy;
        ManagedPolicy { name, path, id, version: "v1", created, updated: created, document }
    }
}

/// Returns the policy with this ARN.
pub(super) fn find<'a>(account: &'a Account, arn: &str) -> Option<ManagedPolicy<'a>> {
    let of_aws = || {
        let name = arn.strip_prefix(OF_AWS)?;
        POLICIES.iter().find(|policy| name.strip_prefix(policy.path) == Some(policy.name)).copied()
    };
    account.policies.get(arn).map(ManagedPolicy::own).or_else(of_aws)
}

/// Returns the AWS managed policies that the local cloud has, by ARN.
pub(super) fn of_aws() -> BTreeMap<String, ManagedPolicy<'static>> {
    POLICIES.iter().map(|policy| (format!("{OF_AWS}{}{}", policy.path, policy.name), *policy)).collect()
}

/// Prefix of the ARNs of AWS managed policies.
const OF_AWS: &str = "arn:aws:iam::aws:policy";

/// The policy of the owner.
pub(super) const ADMINISTRATOR: ManagedPolicy<'static> = ManagedPolicy {
    name: "AdministratorAccess",
    path: "/",
    id: "ANPAIWMBCKSKIEE64ZLYK",
    version: "v1",
    created: "2015-02-06T18:39:46Z",
    updated: "2015-02-06T18:39:46Z",
    document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
};

static POLICIES: [ManagedPolicy<'static>; 7] = [
    ADMINISTRATOR,
    ManagedPolicy {
        name: "AmazonKinesisFullAccess",
        path: "/",
        id: "ANPAIVF32HAMOXCUYRAYE",
        version: "v1",
        created: "2015-02-06T18:40:29Z",
        updated: "2015-02-06T18:40:29Z",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kinesis:*","Resource":"*"}]}"#,
    },
    ManagedPolicy {
        name: "AmazonKinesisReadOnlyAccess",
        path: "/",
        id: "ANPAIOCMTDT5RLKZ2CAJO",
        version: "v1",
        created: "2015-02-06T18:40:30Z",
        updated: "2015-02-06T18:40:30Z",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kinesis:Get*","kinesis:List*","kinesis:Describe*"],"Resource":"*"}]}"#,
    },
    ManagedPolicy {
        name: "AWSLambdaRole",
        path: "/service-role/",
        id: "ANPAJX4DPCRGTC4NFDUXI",
        version: "v1",
        created: "2015-02-06T18:41:28Z",
        updated: "2015-02-06T18:41:28Z",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:InvokeFunction"],"Resource":["*"]}]}"#,
    },
    ManagedPolicy {
        name: "AWSLambdaKinesisExecutionRole",
        path: "/service-role/",
        id: "ANPAJHOLKJPXV4GBRMJUQ",
        version: "v2",
        created: "2015-04-09T15:14:16Z",
        updated: "2018-11-19T20:09:24Z",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kinesis:DescribeStream","kinesis:DescribeStreamSummary","kinesis:GetRecords","kinesis:GetShardIterator","kinesis:ListShards","kinesis:ListStreams","kinesis:SubscribeToShard","logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}"#,
    },
    ManagedPolicy {
        name: "AWSLambdaBasicExecutionRole",
        path: "/service-role/",
        id: "ANPAJNCQGXC42545SKXIK",
        version: "v1",
        created: "2015-04-09T15:03:43Z",
        updated: "2015-04-09T15:03:43Z",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}"#,
    },
    ManagedPolicy {
        name: "AmazonDynamoDBFullAccess",
        path: "/",
        id: "ANPAINUGF2JSOSUY76KYA",
        version: "v15",
        created: "2015-02-06T18:40:11Z",
        updated: "2021-01-29T17:38:30Z",
        document: include_str!("dynamodb-full-access.json"),
    },
];

/// Returns all policies of a role.
pub(super) fn policies(account: &Account, role: &StoredRole) -> Policies {
    let document = |arn: &String| find(account, arn).map(|policy| policy.document.to_owned());
    let attached = role.attached.iter().filter_map(document);
    Policies {
        identity: role.inline.values().cloned().chain(attached).collect(),
        // A deleted boundary allows nothing, like an empty document.
        boundary: role.boundary.as_ref().map(|arn| document(arn).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_managed_policies_are_valid_permission_policies() {
        for policy in &POLICIES {
            super::super::document::check_permissions(policy.document).unwrap();
        }
    }
}
