//! The role's policy documents, from templates.

use serde_json::{Value, json};

use crate::settings::Pipeline;
use crate::stack::{ArnRegistry, Kind};

/// The service that assumes the role.
pub(super) const LAMBDA: &str = "lambda.amazonaws.com";

/// The trust policy: Lambda may assume the role.
const TRUST: &str = include_str!("../../../../templates/lambda-trust-policy.json");

/// The access of the function and its mapping. `${kind}` stands for the ARN of that resource.
const ACCESS: &str = include_str!("../../../../templates/lambda-access-policy.json");

/// Returns the trust policy of the role.
#[must_use]
pub(super) fn trust() -> Value {
    parse(TRUST)
}

/// The kinds of resources that the access policy names.
pub(super) const NAMED: [Kind; 4] = [Kind::Table, Kind::RejectsTable, Kind::Stream, Kind::LogGroup];

/// Additional access of the function and its mapping, by the settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoleGrants {
    /// The customer managed key that encrypts the stream. The service's own key needs no grant (docs/facts/kinesis.md,
    /// Encryption and tags).
    pub stream_key: Option<String>,
    /// The failure destination (docs/facts/event-source-mapping.md, Permissions).
    pub on_failure: Option<String>,
}

impl RoleGrants {
    /// Returns what the settings of a pipeline ask for.
    #[must_use]
    pub(crate) fn of(settings: &Pipeline) -> Self {
        RoleGrants { stream_key: settings.stream.key.clone(), on_failure: settings.mapping.on_failure.clone() }
    }

    fn statements(&self) -> Vec<Value> {
        let mut statements = Vec::new();
        let mut allow = |sid: &str, action: &str, resource: String| {
            statements.push(json!({ "Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource }));
        };
        if let Some(key) = self.stream_key.as_ref().filter(|key| key.starts_with("arn:")) {
            allow("DecryptStream", "kms:Decrypt", key.clone());
        }
        for (action, resource) in self.on_failure.iter().flat_map(|arn| failure_destination_actions(arn)) {
            let sid = if action == "s3:ListBucket" { "FindBucket" } else { "TellFailures" };
            allow(sid, action, resource);
        }
        statements
    }
}

/// Returns the actions, with their resources, that send failed batches to a queue, a topic or a bucket
/// (docs/facts/event-source-mapping.md, Permissions).
#[must_use]
pub(super) fn failure_destination_actions(destination: &str) -> Vec<(&'static str, String)> {
    match destination.split(':').nth(2) {
        Some("sqs") => vec![("sqs:SendMessage", destination.to_owned())],
        Some("sns") => vec![("sns:Publish", destination.to_owned())],
        _ => vec![("s3:PutObject", format!("{destination}/*")), ("s3:ListBucket", destination.to_owned())],
    }
}

/// Returns the access policy of the role, with known ARNs, and with `${kind}` for unknown ones.
#[must_use]
pub(crate) fn access_policy(references: &ArnRegistry, grants: &RoleGrants) -> Value {
    let mut text = ACCESS.to_owned();
    for kind in NAMED {
        if let Some(arn) = references.known(kind) {
            text = text.replace(&format!("${{{kind}}}"), &arn);
        }
    }
    let mut document: Value = serde_json::from_str(&text).unwrap_or_default();
    if let Some(statements) = document["Statement"].as_array_mut() {
        statements.extend(grants.statements());
    }
    document
}

/// Parses a policy document. A text that is not JSON stays a string, so that it differs from every document.
#[must_use]
pub(super) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_policy_resolves_known_arns() {
        let references = ArnRegistry::default();
        assert!(access_policy(&references, &RoleGrants::default()).to_string().contains("${stream}"));
        for kind in NAMED {
            references.publish(kind, &format!("arn:of:{kind}"));
        }
        let text = access_policy(&references, &RoleGrants::default()).to_string();
        assert!(!text.contains("${") && text.contains("arn:of:rejects-table") && text.contains("arn:of:log-group:*"));
    }

    #[test]
    fn access_policy_grants_customer_key_and_failure_destination() {
        let key = "arn:aws:kms:eu-west-1:123456789012:key/k";
        for (arn, action) in [
            ("arn:aws:sqs:eu-west-1:123456789012:q", "sqs:SendMessage"),
            ("arn:aws:sns:eu-west-1:123456789012:t", "sns:Publish"),
            ("arn:aws:s3:::bucket", "s3:PutObject"),
        ] {
            let grants = RoleGrants { stream_key: Some(key.into()), on_failure: Some(arn.into()) };
            let text = access_policy(&ArnRegistry::default(), &grants).to_string();
            assert!(text.contains(action) && text.contains(arn) && text.contains("kms:Decrypt"), "{text}");
        }
        let own = RoleGrants { stream_key: Some("alias/aws/kinesis".into()), on_failure: None };
        assert_eq!(
            access_policy(&ArnRegistry::default(), &own),
            access_policy(&ArnRegistry::default(), &RoleGrants::default())
        );
    }

    #[test]
    fn access_policy_uses_wildcard_only_for_actions_without_arn() {
        let text: Value = serde_json::from_str(ACCESS).unwrap();
        for statement in text["Statement"].as_array().unwrap() {
            if statement["Resource"] == "*" {
                assert_eq!(statement["Action"], "kinesis:ListStreams");
            }
        }
        assert!(!ACCESS.contains("CreateLogGroup"));
    }

    #[test]
    fn access_policy_permits_only_the_functions_own_writes() {
        let text: Value = serde_json::from_str(ACCESS).unwrap();
        let statements = text["Statement"].as_array().unwrap();
        let actions: Vec<&str> = statements
            .iter()
            .flat_map(|statement| match &statement["Action"] {
                Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
                one => one.as_str().into_iter().collect::<Vec<_>>(),
            })
            .filter(|action| action.starts_with("dynamodb:"))
            .collect();
        assert_eq!(actions, ["dynamodb:BatchWriteItem"]);
    }
}
