//! The log group and stream that a request names: one parser for the handlers and the authorizer.

use serde_json::Value;

use super::{Logs, invalid};
use crate::auth::permissions::Named;
use crate::protocol::aws_json;
use crate::protocol::aws_json::{Request, ServiceError};

/// The way in which an operation names its resource.
enum Naming {
    /// The account.
    Nothing,
    /// A group by its name.
    Group,
    /// A stream by its group's name and its own.
    Stream,
    /// A group by its name, or by its ARN in another member.
    GroupOrArn,
    /// A stream by its name, and its group by name or ARN.
    StreamOrArn,
    /// A group by its ARN.
    Resource,
}

impl Naming {
    fn of(operation: &str) -> Option<Naming> {
        Some(match operation {
            "DescribeLogGroups" => Naming::Nothing,
            "CreateLogGroup"
            | "DeleteLogGroup"
            | "PutRetentionPolicy"
            | "DeleteRetentionPolicy"
            | "TagLogGroup"
            | "UntagLogGroup"
            | "ListTagsLogGroup"
            | "DescribeSubscriptionFilters"
            | "DescribeMetricFilters" => Naming::Group,
            "CreateLogStream" | "DeleteLogStream" | "PutLogEvents" => Naming::Stream,
            "DescribeLogStreams" | "FilterLogEvents" => Naming::GroupOrArn,
            "GetLogEvents" => Naming::StreamOrArn,
            "TagResource" | "UntagResource" | "ListTagsForResource" => Naming::Resource,
            _ => return None,
        })
    }
}

impl Logs {
    /// Returns the resource that a request names.
    pub(crate) fn named_in(&self, request: &Request) -> Named {
        let Some(naming) = Naming::of(aws_json::operation(request)) else { return Named::Unclear };
        let Ok(input) = serde_json::from_slice(request.body()) else { return Named::Unclear };
        self.resolve(&naming, &input).unwrap_or(Named::Unclear)
    }

    fn resolve(&self, naming: &Naming, input: &Value) -> Result<Named, ServiceError> {
        let text = |name: &str| match input.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(invalid(format!("{name} is not text."))),
        };
        let group = match naming {
            // The form in the service's access-denied messages.
            Naming::Nothing => "",
            Naming::Group | Naming::Stream => self.group(text("logGroupName")?, None)?,
            Naming::GroupOrArn | Naming::StreamOrArn => {
                self.group(text("logGroupName")?, text("logGroupIdentifier")?)?
            }
            Naming::Resource => self.group_in_arn(text("resourceArn")?.unwrap_or_default())?,
        };
        let stream = match naming {
            Naming::Stream | Naming::StreamOrArn => text("logStreamName")?.unwrap_or_default(),
            _ => "",
        };
        let group = self.0.identity.log_group_arn(group);
        Ok(Named::These(vec![format!("{group}:log-stream:{stream}")]))
    }

    /// Returns the name of the group in a request: by name, or by an identifier, which may be an ARN.
    ///
    /// # Errors
    /// Neither or both are given, or the value is not a name or an ARN of this account and region.
    pub(super) fn group<'a>(
        &self,
        name: Option<&'a str>,
        identifier: Option<&'a str>,
    ) -> Result<&'a str, ServiceError> {
        match (name, identifier) {
            (None, Some(arn)) if arn.starts_with("arn:") => self.group_in_arn(arn),
            (Some(name), None) | (None, Some(name)) => checked_name(name),
            (Some(_), Some(_)) => Err(invalid("Only one of logGroupName and logGroupIdentifier can be given.")),
            (None, None) => Err(invalid("Log group name is required.")),
        }
    }

    /// Returns `/aws/lambda/f` from `arn:aws:logs:REGION:ACCOUNT:log-group:/aws/lambda/f:*`.
    ///
    /// # Errors
    /// The text is not the ARN of a group in this account and region.
    pub(super) fn group_in_arn<'a>(&self, arn: &'a str) -> Result<&'a str, ServiceError> {
        let name = arn.strip_prefix(&self.0.identity.log_group_arn(""));
        let name = name.ok_or_else(|| {
            let message = format!("{arn} is no ARN of a log group of this account and region.");
            ServiceError::bad_request("ResourceNotFoundException", message)
        })?;
        checked_name(name.strip_suffix(":*").unwrap_or(name))
    }
}

/// Returns a valid group name: 1 to 512 characters of `[.\-_/#A-Za-z0-9]`.
fn checked_name(name: &str) -> Result<&str, ServiceError> {
    let is_valid = (1..=512).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-/.#".contains(&byte));
    if is_valid {
        return Ok(name);
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"
    )))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;
    use crate::diagnostics::Diagnostics;
    use crate::durability::Durability;
    use crate::identity::Identity;

    const OPERATIONS: [&str; 20] = [
        "CreateLogGroup",
        "CreateLogStream",
        "DeleteLogGroup",
        "DeleteLogStream",
        "DeleteRetentionPolicy",
        "DescribeLogGroups",
        "DescribeLogStreams",
        "DescribeMetricFilters",
        "DescribeSubscriptionFilters",
        "FilterLogEvents",
        "GetLogEvents",
        "ListTagsForResource",
        "ListTagsLogGroup",
        "Nonsense",
        "PutLogEvents",
        "PutRetentionPolicy",
        "TagLogGroup",
        "TagResource",
        "UntagLogGroup",
        "UntagResource",
    ];

    fn logs(directory: &std::path::Path) -> Logs {
        Logs::open(directory, Identity::new("us-east-1"), Durability::Process, Diagnostics::default()).unwrap()
    }

    fn request(operation: &str, body: &Value) -> Request {
        let request = http::Request::post("/").header("x-amz-target", format!("Logs_20140328.{operation}"));
        request.body(body.to_string().into()).unwrap()
    }

    fn rest(operation: &str) -> Map<String, Value> {
        // The type of this member depends on the operation.
        let tags = if operation == "UntagLogGroup" { json!(["a"]) } else { json!({"a": "b"}) };
        let all = json!({
            "logStreamName": "s", "retentionInDays": 7, "tags": tags, "tagKeys": ["a"],
            "logEvents": [{"timestamp": 1, "message": "m"}],
        });
        all.as_object().unwrap().clone()
    }

    /// Generates valid and invalid ways to name the groups `open` and `secret`.
    fn name() -> impl Strategy<Value = Value> {
        let texts = ["open", "secret"].into_iter().flat_map(|group| {
            let arn = format!("arn:aws:logs:us-east-1:000000000000:log-group:{group}");
            [
                group.to_owned(),
                arn.clone(),
                format!("{arn}:*"),
                format!("{arn}:log-stream:s"),
                format!("open:log-group:{group}"),
                format!("arn:aws:logs:us-west-2:000000000000:log-group:{group}"),
                format!(":log-group:{group}"),
            ]
        });
        let mut all: Vec<Value> = texts.map(Value::from).collect();
        all.extend([json!(5), Value::Null, json!(""), json!("*")]);
        prop::sample::select(all)
    }

    #[test]
    fn requested_groups_names_match_the_handlers_parsing() {
        let dir = tempfile::tempdir().unwrap();
        let logs = logs(dir.path());
        let arn = "arn:aws:logs:us-east-1:000000000000:log-group:secret";
        let stream = |text: &str| Named::These(vec![format!("arn:aws:logs:us-east-1:000000000000:log-group:{text}")]);
        for (operation, body, wanted) in [
            (
                "GetLogEvents",
                json!({"logGroupName": "/aws/lambda/f", "logStreamName": "x"}),
                stream("/aws/lambda/f:log-stream:x"),
            ),
            ("GetLogEvents", json!({"logGroupName": "/aws/lambda/f:log-group:secret"}), Named::Unclear),
            ("FilterLogEvents", json!({"logGroupIdentifier": format!("{arn}:*")}), stream("secret:log-stream:")),
            ("FilterLogEvents", json!({"logGroupName": "open", "logGroupIdentifier": arn}), Named::Unclear),
            ("FilterLogEvents", json!({"logGroupIdentifier": arn.replace("us-east-1", "x")}), Named::Unclear),
            ("TagResource", json!({"logGroupName": "/aws/lambda/f", "resourceArn": arn}), stream("secret:log-stream:")),
            ("DeleteLogGroup", json!({"logGroupName": "open", "resourceArn": arn}), stream("open:log-stream:")),
            ("CreateLogGroup", json!({"logGroupName": arn}), Named::Unclear),
            ("CreateLogGroup", json!({"logGroupName": 5}), Named::Unclear),
            ("DescribeLogGroups", json!({}), stream(":log-stream:")),
        ] {
            assert_eq!(logs.named_in(&request(operation, &body)), wanted, "{operation} {body}");
        }
    }

    mod slow {
        use super::*;

        #[test]
        fn requested_groups_authorizer_sees_the_group_that_the_handler_uses() {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let dir = tempfile::tempdir().unwrap();
            let logs = logs(dir.path());
            let config = ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() };
            let members =
                prop::sample::select(&["logGroupName", "logGroupIdentifier", "resourceArn", "logStreamName"][..]);
            let well_named = ["open", "secret"].into_iter().flat_map(|group| {
                let arn = format!("arn:aws:logs:us-east-1:000000000000:log-group:{group}");
                [
                    ("logGroupName", group.into()),
                    ("logGroupIdentifier", arn.clone().into()),
                    ("resourceArn", arn.into()),
                ]
            });
            let well_named = prop::sample::select(well_named.collect::<Vec<(&str, Value)>>());
            let named = prop::collection::vec(prop_oneof![(members, name()), well_named], 1..4);
            let touching = std::cell::Cell::new(0);
            proptest!(config, |(operation in prop::sample::select(&OPERATIONS[..]), named in named)| {
                for group in ["open", "secret"] {
                    runtime.block_on(logs.append(group, "s", vec![(1, "m".into())], true));
                }
                let mut body = rest(operation);
                body.extend(named.into_iter().map(|(name, value)| (name.to_owned(), value)));
                let body = Value::Object(body);
                let asked = request(operation, &body);
                let seen = logs.named_in(&asked);
                logs.store().touched();
                runtime.block_on(logs.handle(asked));
                for touched in logs.store().touched() {
                    touching.set(touching.get() + 1);
                    let arn = format!("arn:aws:logs:us-east-1:000000000000:log-group:{touched}:log-stream:");
                    let is_seen = match &seen {
                        Named::All => false,
                        Named::These(arns) => arns.iter().any(|seen| seen.starts_with(&arn)),
                        Named::Unclear => true,
                    };
                    prop_assert!(is_seen, "{operation} {body} touched {touched} and was asked about {seen:?}");
                }
            });
            assert!(touching.get() > 300, "hardly any request came as far as a group: {}", touching.get());
        }
    }
}
