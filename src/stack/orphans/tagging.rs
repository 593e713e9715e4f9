//! Finds resources of the stage with the tagging API: a few calls for any size of account.

use std::collections::BTreeSet;

use crate::aws::AwsFailure;
use crate::stack::engine::tagged_resource::TaggedResource;
use crate::stack::{Kind, Session};

/// ARNs of the resources with the tags of a stage and region, except roles.
pub(super) struct Tagged(BTreeSet<String>);

impl Tagged {
    /// Reads the ARNs of all resources of the stage.
    ///
    /// # Errors
    /// If the caller lacks the permission, or if the service does not respond.
    pub(super) async fn find(session: &Session) -> Result<Self, AwsFailure> {
        session.stage_tags().await.map(|all| Tagged(all.into_keys().collect()))
    }

    /// Returns whether the ARN is among them.
    pub(super) fn contains(&self, arn: &str) -> bool {
        self.0.contains(arn)
    }

    /// Returns the resources of a kind, by their names. ARNs of event source mappings contain no name.
    pub(super) fn of(&self, kind: Kind) -> Vec<TaggedResource> {
        let candidate = |arn: &String| Some(TaggedResource { name: name_in(kind, arn)?.to_owned(), key: arn.clone() });
        self.0.iter().filter_map(candidate).collect()
    }

    /// Returns whether there is a resource of this kind, other than the one with the ARN `known`.
    pub(super) fn has_other(&self, kind: Kind, known: Option<&str>) -> bool {
        self.0.iter().any(|arn| name_in(kind, arn).is_some() && known != Some(arn))
    }
}

/// Returns the name in an ARN of this kind.
fn name_in(kind: Kind, arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let (service, resource) = (parts.nth(2)?, parts.nth(2)?);
    let name = |of, prefix| (service == of).then(|| resource.strip_prefix(prefix)).flatten();
    let name = match kind {
        Kind::Table | Kind::RejectsTable => name("dynamodb", "table/"),
        Kind::Stream => name("kinesis", "stream/"),
        Kind::LogGroup => name("logs", "log-group:").map(|name| name.trim_end_matches(":*")),
        Kind::Function => name("lambda", "function:"),
        Kind::Mapping => name("lambda", "event-source-mapping:"),
        Kind::Role => name("iam", "role/"),
    };
    // A part of a resource (an index, a version, a consumer) does not count.
    let is_whole = |name: &&str| !name.contains(':') && (kind == Kind::LogGroup || !name.contains('/'));
    name.filter(is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_in_reads_arns_of_every_partition_and_of_whole_resources() {
        for (kind, resource, name) in [
            (Kind::Table, "dynamodb:cn-north-1:1:table/SensorData", Some("SensorData")),
            (Kind::Table, "dynamodb:cn-north-1:1:table/SensorData/index/i", None),
            (Kind::Stream, "kinesis:cn-north-1:1:stream/s", Some("s")),
            (Kind::Stream, "kinesis:cn-north-1:1:stream/s/consumer/c:1", None),
            (Kind::LogGroup, "logs:cn-north-1:1:log-group:/aws/lambda/f", Some("/aws/lambda/f")),
            (Kind::LogGroup, "logs:cn-north-1:1:log-group:/aws/lambda/f:*", Some("/aws/lambda/f")),
            (Kind::Function, "lambda:cn-north-1:1:function:f", Some("f")),
            (Kind::Function, "lambda:cn-north-1:1:function:f:1", None),
            (Kind::Mapping, "lambda:cn-north-1:1:event-source-mapping:u", Some("u")),
            (Kind::Function, "kinesis:cn-north-1:1:function:f", None),
        ] {
            assert_eq!(name_in(kind, &format!("arn:aws-cn:{resource}")), name, "{resource}");
        }
    }
}
