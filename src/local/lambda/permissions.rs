//! Permissions of a function's role that the platform needs: to assume it, read the stream and write the log.

use super::LambdaServices;
use super::state::FunctionRecord;
use crate::auth::permissions::{AuthorizationRequest, Context, Decision, Principal, RequestKeys, decide};
use crate::iam::{Iam, Role};
use crate::identity::Identity;
use crate::protocol::aws_json::ServiceError;

/// Actions on a stream that the platform needs (docs/facts/event-source-mapping.md, Errors at create). It lists the
/// shards by `ListShards` if allowed, else by `DescribeStream`: roles that frameworks generate allow only the latter
/// (serverless#8540).
const READING: [&str; 3] = ["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStream"];

/// Returns whether Lambda may assume a role, by the trust policy in force.
pub(super) fn is_assumable(iam: &Iam, identity: &Identity, arn: &str) -> bool {
    let Some(role) = iam.role(arn) else { return false };
    // Some requests also have the function's ARN: a condition on it may or may not be met.
    let known = [("aws:SourceAccount", identity.account.as_str())];
    let ask = AuthorizationRequest {
        context: Context { known: &known, absent: &[] },
        principal: Some(Principal::Service("lambda.amazonaws.com")),
        ..AuthorizationRequest::new("sts:AssumeRole", arn)
    };
    decide(&[role.trust_policy], &ask) == Decision::Allowed
}

/// Returns whether the role can decrypt a function's variables: a role recreated with the same name cannot.
pub(super) fn can_decrypt(iam: &Iam, function: &FunctionRecord) -> bool {
    let is_same = |role: Role| role.id == function.role_id;
    function.environment.is_empty() || function.role_id.is_empty() || iam.role(&function.role).is_some_and(is_same)
}

/// Checks that a role allows the platform to read a stream.
///
/// The error names the first missing action as the service does.
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

/// Checks that a role allows the platform to read as a consumer. It is needed besides the permissions on the stream
/// (docs/facts/event-source-mapping.md, Enhanced fan-out).
pub(super) fn may_subscribe(
    deps: &LambdaServices,
    role: &str,
    function: &str,
    consumer_arn: &str,
) -> Result<(), ServiceError> {
    let policies = deps.iam.policies(role);
    let user = deps.identity.session_arn(role.rsplit('/').next().unwrap_or_default(), function);
    keys(deps, role, function).ask(|context| {
        let ask = AuthorizationRequest::new("kinesis:SubscribeToShard", consumer_arn);
        policies.check(&user, &AuthorizationRequest { context, ..ask })
    })
}

/// Returns the condition keys of the platform's requests in a role's session.
fn keys(deps: &LambdaServices, role: &str, session: &str) -> RequestKeys {
    RequestKeys::of_session(&deps.identity, &deps.iam, role, session)
}

/// Checks that a role allows the platform to notify the failure destination; the error names the missing action.
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

/// The log permissions of a function's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogAccess {
    /// May create the group.
    pub create_group: bool,
    /// May create streams and put events.
    pub write: bool,
}

/// Returns the permissions of a function's role on a log group.
pub(super) fn log_access(deps: &LambdaServices, role: &str, function: &str, group: &str) -> LogAccess {
    let policies = deps.iam.policies(role);
    let group = deps.identity.log_group_arn(group);
    // Policies have `:*` after the group, which stands for its streams.
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
