//! What a function's role must allow the platform: to assume it, to read the stream, to write the log.

use super::LambdaServices;
use super::state::FunctionRecord;
use crate::auth::permissions::{AuthorizationRequest, Context, Decision, Principal, RequestKeys, decide};
use crate::iam::{Iam, Role};
use crate::identity::Identity;
use crate::protocol::aws_json::ServiceError;

/// What the platform must be able to do with a stream (docs/facts/event-source-mapping.md, Errors at create). It lists the shards by `ListShards` where it may, and
/// by `DescribeStream` where it may not: roles that frameworks generate have the latter alone (serverless#8540).
const READING: [&str; 3] = ["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStream"];

/// Whether Lambda may assume a role, by the trust policy that is in force.
pub(super) fn is_assumable(iam: &Iam, identity: &Identity, arn: &str) -> bool {
    let Some(role) = iam.role(arn) else { return false };
    // The ARN of the function comes with it as well, but not in every case: a condition on it may or may not be met.
    let known = [("aws:SourceAccount", identity.account.as_str())];
    let ask = AuthorizationRequest {
        context: Context { known: &known, absent: &[] },
        principal: Some(Principal::Service("lambda.amazonaws.com")),
        ..AuthorizationRequest::new("sts:AssumeRole", arn)
    };
    decide(&[role.trust_policy], &ask) == Decision::Allowed
}

/// Whether the variables of a function can be decrypted by its role: not by one that was made anew under the same name.
pub(super) fn can_decrypt(iam: &Iam, function: &FunctionRecord) -> bool {
    let is_same = |role: Role| role.id == function.role_id;
    function.environment.is_empty() || function.role_id.is_empty() || iam.role(&function.role).is_some_and(is_same)
}

/// Whether a role lets the platform read a stream; the first action that it does not, in the service's words.
pub(super) fn may_read(
    deps: &LambdaServices,
    role: &str,
    function: &str,
    stream_arn: &str,
) -> Result<(), ServiceError> {
    let policies = deps.iam.policies(role);
    let user = deps.identity.session_arn(role.rsplit('/').next().unwrap_or_default(), function);
    keys(deps, role, function).ask(|context| {
        let ask = |action| AuthorizationRequest { context, ..AuthorizationRequest::new(action, stream_arn) };
        READING.iter().try_for_each(|action| policies.check(&user, &ask(action)))
    })
}

/// The condition keys of what the platform does as a role's session.
fn keys(deps: &LambdaServices, role: &str, session: &str) -> RequestKeys {
    RequestKeys::of_session(&deps.identity, &deps.iam, role, session)
}

/// Whether a role lets the platform tell a destination of what is given up; else what it does not allow.
pub(super) fn may_tell(
    deps: &LambdaServices,
    role: &str,
    function: &str,
    destination: &str,
) -> Result<(), &'static str> {
    let (action, resource, what) = match destination.split(':').nth(2) {
        Some("sqs") => ("sqs:SendMessage", destination.to_owned(), "SendMessage on SQS"),
        Some("sns") => ("sns:Publish", destination.to_owned(), "Publish on SNS"),
        _ => ("s3:PutObject", format!("{destination}/x"), "PutObject on S3"),
    };
    let policies = deps.iam.policies(role);
    let is_allowed = keys(deps, role, function).ask(|context| {
        policies.allow(&AuthorizationRequest { context, ..AuthorizationRequest::new(action, &resource) })
    });
    if is_allowed { Ok(()) } else { Err(what) }
}

/// What a function's role lets the platform do with its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogAccess {
    /// Make the group.
    pub create_group: bool,
    /// Make streams, and write.
    pub write: bool,
}

/// What a function's role allows for a log group.
pub(super) fn log_access(deps: &LambdaServices, role: &str, function: &str, group: &str) -> LogAccess {
    let policies = deps.iam.policies(role);
    let group = deps.identity.log_group_arn(group);
    // Policies are written with `:*` behind the group, which stands for its streams.
    let stream = format!("{group}:log-stream:x");
    keys(deps, role, function).ask(|context| {
        let allows = |action: &str, resource: &str| {
            policies.allow(&AuthorizationRequest { context, ..AuthorizationRequest::new(action, resource) })
        };
        LogAccess {
            create_group: allows("logs:CreateLogGroup", &group) || allows("logs:CreateLogGroup", &stream),
            write: allows("logs:CreateLogStream", &stream) && allows("logs:PutLogEvents", &stream),
        }
    })
}
