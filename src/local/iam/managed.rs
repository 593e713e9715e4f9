//! The AWS managed policies of the walkthrough, as AWS published them.

use super::store::StoredRole;

/// A managed policy.
pub(super) struct ManagedPolicy {
    pub name: &'static str,
    pub path: &'static str,
    pub id: &'static str,
    pub version: &'static str,
    /// Date of the first version.
    pub created: &'static str,
    /// Date of this version.
    pub updated: &'static str,
    pub document: &'static str,
}

impl ManagedPolicy {
    pub(super) fn arn(&self) -> String {
        format!("arn:aws:iam::aws:policy{}{}", self.path, self.name)
    }
}

/// The policy of an ARN.
pub(super) fn find(arn: &str) -> Option<&'static ManagedPolicy> {
    POLICIES.iter().find(|policy| policy.arn() == arn)
}

static POLICIES: [ManagedPolicy; 3] = [
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

/// The documents of all policies of a role, inline and attached, as JSON text.
pub(super) fn documents(role: &StoredRole) -> Vec<String> {
    let attached = role.attached.iter().filter_map(|arn| find(arn));
    role.inline.values().cloned().chain(attached.map(|policy| policy.document.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_a_good_permission_policy() {
        for policy in &POLICIES {
            super::super::document::check_permissions(policy.document).unwrap();
        }
    }
}
