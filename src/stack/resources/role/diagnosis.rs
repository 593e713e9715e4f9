//! Distinguishes a role that is too new to be visible everywhere from one that permanently lacks permissions: reads its
//! documents and names the missing statement (docs/facts/retries.md, Role propagation).

use serde_json::{Value, json};

use super::detach::inline_names;
use super::{SERVICE, attached, describe, inline, policy_document, trust_of, url_decoded};
use crate::aws::AwsFailure;
use crate::stack::Session;
use crate::stack::engine::resource::PermanentFailure;
use sensorctl_policy::{AuthorizationRequest, Context, Decision, Principal, evaluate};

/// The access that the role must give Lambda.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequiredAccess {
    /// Assume the role.
    Trust,
    /// Read a stream.
    Reading {
        /// The stream's ARN.
        stream: String,
    },
    /// Send batches that were given up to the failure destination.
    Telling {
        /// ARN of the queue, topic or bucket.
        destination: String,
    },
}

/// Actions that Lambda certainly needs on a stream. The documentation names `ListShards` and `ListStreams`, too, but
/// Lambda does without the first if it may describe the stream, and perhaps without the second
/// (docs/facts/event-source-mapping.md, Errors at create), so neither proves a permanent failure.
const READING: [&str; 3] = ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator"];

/// Returns the reason why the role can never give the needed access. Returns `None` while it may, or if that is
/// unknown.
pub(crate) async fn permanent_failure(
    session: &Session,
    role: &str,
    need: &RequiredAccess,
) -> Option<PermanentFailure> {
    let failure = match need {
        RequiredAccess::Trust => never_taken(session, role).await.ok().flatten(),
        RequiredAccess::Reading { stream } => {
            let asked = READING.map(|action| (action, stream.as_str()));
            never_allowed(session, role, &asked).await.ok().flatten()
        }
        RequiredAccess::Telling { destination } => {
            let asked = policy_document::failure_destination_actions(destination);
            let asked: Vec<_> = asked.iter().map(|(action, resource)| (*action, resource.as_str())).collect();
            never_allowed(session, role, &asked).await.ok().flatten()
        }
    };
    failure.map(|failure| PermanentFailure { is_fresh: session.recent.has_written(role), ..failure })
}

async fn never_taken(session: &Session, role: &str) -> Result<Option<PermanentFailure>, AwsFailure> {
    let Some(found) = describe(session, role).await? else { return Ok(None) };
    let account = session.clients.account().await?;
    Ok(untrusting(role, &found.arn, account, &trust_of(&found)))
}

/// Returns the reason why a trust policy certainly prevents Lambda from assuming its role. Of all condition keys only
/// the account is known: a condition on any other key may be met, so it does not prove a permanent failure.
pub(super) fn untrusting(role: &str, arn: &str, account: &str, trust: &Value) -> Option<PermanentFailure> {
    let known = [("aws:SourceAccount", account)];
    let ask = AuthorizationRequest {
        resource: Some(arn),
        context: Context { known: &known, absent: &[] },
        principal: Some(Principal::Service(policy_document::LAMBDA)),
        ..AuthorizationRequest::new("sts:AssumeRole", "")
    };
    let cannot = |why: &str| format!("Lambda cannot assume the role `{role}`: its trust policy {why}");
    match evaluate(std::slice::from_ref(trust), &ask) {
        (Decision::Denied, true) => Some(PermanentFailure::new(
            cannot("denies sts:AssumeRole"),
            "name another role in `role.name`, or have the owner change the denying statement",
        )),
        // A statement without the condition would open the role to principals that its owner excludes.
        (Decision::NotAllowed, true)
            if evaluate(&[without_conditions(trust)], &ask) != (Decision::NotAllowed, true) =>
        {
            Some(PermanentFailure::new(
                cannot("allows it only under a condition that is not met"),
                format!(
                    "correct the condition (Lambda calls with aws:SourceAccount {account}), or name another role in \
                     `role.name`"
                ),
            ))
        }
        (Decision::NotAllowed, true) => {
            let lacking = &policy_document::trust()["Statement"][0];
            Some(PermanentFailure::new(
                cannot(&format!("lacks the statement {lacking}")),
                "add the statement to the role's trust policy, or name another role in `role.name`",
            ))
        }
        _ => None,
    }
}

/// Returns the document with its statements as they would be without conditions.
fn without_conditions(document: &Value) -> Value {
    let mut document = document.clone();
    let strip = |statement: &mut Value| {
        if let Some(statement) = statement.as_object_mut() {
            statement.remove("Condition");
        }
    };
    match document.get_mut("Statement") {
        Some(Value::Array(many)) => many.iter_mut().for_each(strip),
        Some(one) => strip(one),
        None => {}
    }
    document
}

async fn never_allowed(
    session: &Session,
    role: &str,
    asked: &[(&str, &str)],
) -> Result<Option<PermanentFailure>, AwsFailure> {
    let Some(found) = describe(session, role).await? else { return Ok(None) };
    let documents = documents_of(session, role).await?;
    if let Some(refused) = refused(&documents, asked) {
        return Ok(Some(refused.told(role, "its policies", true)));
    }
    let boundary = found.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn);
    let Some(boundary) = boundary else { return Ok(None) };
    let document = managed_document(session, role, &boundary).await?;
    Ok(refused(&[document], asked)
        .map(|refused| refused.told(role, &format!("its permissions boundary {boundary}"), false)))
}

/// Returns all documents of a role's policies, inline and managed.
pub(super) async fn documents_of(session: &Session, role: &str) -> Result<Vec<Value>, AwsFailure> {
    Ok(policies_of(session, role).await?.into_iter().map(|policy| policy.document).collect())
}

/// Returns all policies of a role, inline and managed.
pub(super) async fn policies_of(session: &Session, role: &str) -> Result<Vec<RolePolicy>, AwsFailure> {
    let (names, attached) = futures::try_join!(inline_names(session, role), attached(session, role))?;
    let mut policies = Vec::new();
    for name in names {
        let document = inline(session, role, &name).await?;
        policies.extend(document.map(|document| RolePolicy { name, is_inline: true, document }));
    }
    for arn in attached.into_iter().filter_map(|policy| policy.policy_arn) {
        let document = managed_document(session, role, &arn).await?;
        policies.push(RolePolicy { name: arn, is_inline: false, document });
    }
    Ok(policies)
}

/// Returns the default version of a managed policy's document.
pub(super) async fn managed_document(session: &Session, role: &str, arn: &str) -> Result<Value, AwsFailure> {
    let iam = &session.clients.iam;
    let call = |operation| session.clients.call(SERVICE, operation, role);
    let policy = call("GetPolicy").answer(iam.get_policy().policy_arn(arn).send().await)?.policy;
    let version = policy.and_then(|policy| policy.default_version_id).unwrap_or_default();
    let request = iam.get_policy_version().policy_arn(arn).version_id(version);
    let version = call("GetPolicyVersion").answer(request.send().await)?.policy_version;
    Ok(policy_document::parse(&url_decoded(&version.and_then(|version| version.document).unwrap_or_default())))
}

/// A policy of a role.
#[derive(Clone, Debug)]
pub(crate) struct RolePolicy {
    /// The name of an inline one, the ARN of a managed one.
    pub name: String,
    /// True if it is inline.
    pub is_inline: bool,
    /// Its document.
    pub document: Value,
}

/// Actions that are certainly refused.
#[derive(Debug, PartialEq, Eq)]
struct DeniedActions {
    actions: Vec<String>,
    resource: String,
    is_denied: bool,
}

/// Returns the needed actions that the documents certainly refuse: denied ones first, else those that no statement
/// allows.
fn refused(documents: &[Value], asked: &[(&str, &str)]) -> Option<DeniedActions> {
    let with = |decision| {
        asked.iter().filter(move |(action, resource)| {
            evaluate(documents, &AuthorizationRequest::new(action, resource)) == (decision, true)
        })
    };
    let denied: Vec<_> = with(Decision::Denied).collect();
    let is_denied = !denied.is_empty();
    let all: Vec<_> = if is_denied { denied } else { with(Decision::NotAllowed).collect() };
    let (_, resource) = all.first()?;
    let actions = all.iter().filter(|(_, other)| other == resource).map(|(action, _)| (*action).to_owned()).collect();
    Some(DeniedActions { actions, resource: (*resource).to_owned(), is_denied })
}

impl DeniedActions {
    fn told(&self, role: &str, by: &str, are_many: bool) -> PermanentFailure {
        let DeniedActions { actions, resource, is_denied } = self;
        let (deny, lack) = if are_many { ("deny", "lack") } else { ("denies", "lacks") };
        if *is_denied {
            let actions = actions.join(", ");
            return PermanentFailure::new(
                format!("the role `{role}` cannot do what the mapping needs: {by} {deny} {actions} on {resource}"),
                "name another role in `role.name`, or have the owner change the denying statement",
            );
        }
        let lacking = json!({ "Effect": "Allow", "Action": actions, "Resource": resource });
        PermanentFailure::new(
            format!("the role `{role}` cannot do what the mapping needs: {by} {lack} the statement {lacking}"),
            "add the statement to a policy of the role, or name another role in `role.name`",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/s";

    fn statement(effect: &str, action: &str) -> Value {
        json!({"Statement": {"Effect": effect, "Action": action, "Resource": "*"}})
    }

    #[test]
    fn refused_names_denied_actions_before_missing_ones() {
        let asked = [("kinesis:GetRecords", STREAM), ("kinesis:ListShards", STREAM)];
        let refused = |documents: &[Value]| refused(documents, &asked);
        assert_eq!(refused(&[statement("Allow", "kinesis:*")]), None);
        let lacking = refused(&[statement("Allow", "kinesis:Get*")]).unwrap();
        assert_eq!((lacking.actions.as_slice(), lacking.is_denied), (&["kinesis:ListShards".to_owned()][..], false));
        let denied = refused(&[statement("Allow", "kinesis:Get*"), statement("Deny", "kinesis:GetRecords")]).unwrap();
        assert!(denied.is_denied && denied.actions == ["kinesis:GetRecords"]);
        let said = denied.told("r", "its policies", true);
        assert!(said.reason.contains("deny kinesis:GetRecords on arn:aws"), "{said:?}");
    }

    #[test]
    fn condition_on_unknown_key_is_not_a_permanent_failure() {
        for condition in [
            json!({"NumericLessThan": {"aws:MultiFactorAuthAge": "5"}}),
            json!({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}),
            json!({"Bool": {"aws:SecureTransport": "true"}}),
            json!({"StringNotEqualsIfExists": {"aws:ResourceTag/env": "prod"}}),
            json!({"Null": {"aws:PrincipalTag/team": "false"}}),
        ] {
            let mut guarded = statement("Allow", "*");
            guarded["Statement"]["Condition"] = condition.clone();
            assert_eq!(refused(&[guarded.clone()], &[("kinesis:GetRecords", STREAM)]), None, "{condition}");
            guarded["Statement"]["Effect"] = json!("Deny");
            let documents = [statement("Allow", "*"), guarded];
            assert_eq!(refused(&documents, &[("kinesis:GetRecords", STREAM)]), None, "deny under {condition}");
        }
        assert_eq!(
            refused(&[policy_document::parse("")], &[("kinesis:GetRecords", STREAM)]),
            None,
            "a document not read"
        );
    }

    fn untrusting(statement: &Value) -> Option<PermanentFailure> {
        super::untrusting("r", "arn:aws:iam::123456789012:role/r", "123456789012", &json!({ "Statement": statement }))
    }

    #[test]
    fn trust_policy_condition_on_unknown_key_is_not_a_permanent_failure() {
        let trust = policy_document::trust()["Statement"][0].clone();
        assert_eq!(untrusting(&trust), None);
        let function = "arn:aws:lambda:eu-west-1:123456789012:function:f";
        for condition in [
            json!({"ArnLike": {"aws:SourceArn": function}}),
            json!({"StringEquals": {"aws:SourceArn": function, "aws:SourceAccount": "123456789012"}}),
            json!({"StringEquals": {"aws:SourceAccount": "123456789012"}}),
        ] {
            let mut guarded = trust.clone();
            guarded["Condition"] = condition.clone();
            assert_eq!(untrusting(&guarded), None, "{condition}");
        }
        for near in ["lambda.eu-west-1.amazonaws.com", "lambda.amazonaws.com.cn"] {
            let mut near_miss = trust.clone();
            near_miss["Principal"] = json!({ "Service": near });
            assert_eq!(untrusting(&near_miss), None, "{near}");
        }
        assert_eq!(untrusting(&json!({"Effect": "Allow", "Action": "*", "NotPrincipal": {"AWS": "1"}})), None);
    }

    #[test]
    fn hint_never_removes_a_condition_or_a_denial() {
        let mut guarded = policy_document::trust()["Statement"][0].clone();
        guarded["Condition"] = json!({"StringEquals": {"aws:SourceAccount": "111111111111"}});
        let of_another = untrusting(&guarded).unwrap();
        assert!(of_another.reason.contains("only under a condition that is not met"), "{}", of_another.reason);
        assert!(of_another.way.starts_with("correct the condition") && !of_another.way.contains("add the statement"));
        let denied =
            untrusting(&json!([policy_document::trust()["Statement"][0], {"Effect": "Deny", "Action": "sts:*",
            "Principal": "*"}]))
            .unwrap();
        assert!(denied.reason.ends_with("denies sts:AssumeRole") && !denied.way.contains("take"), "{}", denied.way);
        let other = untrusting(&json!({"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": "ec2.amazonaws.com"}}));
        assert!(other.unwrap().reason.contains(r#"lacks the statement {"Action":"sts:AssumeRole""#));
        let of_policies = refused(&[statement("Deny", "*")], &[("kinesis:GetRecords", STREAM)]).unwrap();
        assert!(!of_policies.told("r", "its policies", true).way.contains("take"));
    }
}
