//! The role of the function: one inline policy that names exactly the resources of this pipeline, or the two managed
//! policies of the walkthrough.

mod access;
mod describe;
mod detach;
pub(crate) mod diagnosis;
mod list;
mod policy_document;

use aws_sdk_iam::types::Tag;
use futures::FutureExt;
use parking_lot::Mutex;
use serde_json::{Value, json};

use self::describe::{
    as_propagating, attached, describe, inline, partition_of, trust_of, url_decoded, walkthrough_policies,
};
use crate::aws::{AwsFailure, CallContext};
use crate::settings::{self, Permissions};
use crate::stack::engine::observed::Tags;
use crate::stack::engine::resource::Attempt;
use crate::stack::{ArnRegistry, Difference, Kind, Observed, Properties, Readiness, Resource, Session, State};
use sensorctl_policy::{AuthorizationRequest, Decision, Principal, canonical, evaluate};

pub(crate) use self::access::{Permission, RoleAccess, role_access};
pub(crate) use self::diagnosis::RolePolicy;
pub(crate) use self::list::{list, tags_of};
pub(crate) use self::policy_document::{RoleGrants, access_policy};

const SERVICE: &str = "IAM";

/// Also identifies roles that sensorctl created.
const DESCRIPTION: &str = "Role of the sensorctl pipeline's Lambda function";

/// Name of the inline policy.
const POLICY: &str = "sensorctl";

/// The managed policies of the walkthrough, below `arn:PARTITION:iam::aws:policy/`.
const MANAGED: [&str; 2] = ["AmazonDynamoDBFullAccess", "service-role/AWSLambdaKinesisExecutionRole"];

/// A role that Lambda can assume.
pub(crate) struct Role {
    wanted: settings::Role,
    grants: RoleGrants,
    /// For an unmanaged role: the properties that keep their observed values.
    kept: Properties,
    /// The access policy that this run wrote. A read may still return the old one.
    written: Mutex<Option<Value>>,
}

impl Role {
    /// Creates the role from the settings.
    #[must_use]
    pub(crate) fn new(wanted: settings::Role, grants: RoleGrants) -> Self {
        Role { wanted, grants, kept: Properties::new(), written: Mutex::default() }
    }

    fn is_least(&self) -> bool {
        self.wanted.permissions == Permissions::Least
    }

    fn call<'a>(&'a self, session: &'a Session, operation: &'static str) -> CallContext<'a> {
        session.clients.call(SERVICE, operation, &self.wanted.name)
    }

    async fn managed(&self, session: &Session) -> Result<Vec<&'static str>, AwsFailure> {
        Ok(walkthrough_policies(&attached(session, &self.wanted.name).await?))
    }

    /// Puts the inline policy once its ARNs are known, or deletes it if the managed policies replace it.
    async fn sync_inline_policy(&self, session: &Session, references: &ArnRegistry) -> Result<(), AwsFailure> {
        let (iam, name) = (&session.clients.iam, &self.wanted.name);
        if !self.is_least() {
            let request = iam.delete_role_policy().role_name(name).policy_name(POLICY);
            return self.call(session, "DeleteRolePolicy").optional(request.send().await).map(drop);
        }
        let call = self.call(session, "PutRolePolicy");
        for kind in policy_document::NAMED {
            if references.arn(kind).await.is_none() {
                let why = format!("not tried, because the {kind} that the policy names could not be created");
                return Err(call.skipped(why));
            }
        }
        let document = policy_document::access_policy(references, &self.grants);
        let request = iam.put_role_policy().role_name(name).policy_name(POLICY).policy_document(document.to_string());
        call.unit(request.send().await).map_err(|failure| as_propagating(failure, name))?;
        session.recent.note_write(name);
        *self.written.lock() = Some(canonical(&document));
        Ok(())
    }

    /// Returns whether the access policy exists and is the one that this run wrote, if it wrote one.
    fn shows_what_was_written(&self, policy: Option<&Value>) -> bool {
        let written = self.written.lock();
        policy.is_some_and(|policy| written.as_ref().is_none_or(|written| *written == canonical(policy)))
    }

    /// Attaches both managed policies, or detaches both.
    async fn sync_managed_policies(&self, session: &Session, arn: &str) -> Result<(), AwsFailure> {
        let (iam, name) = (&session.clients.iam, &self.wanted.name);
        let has = self.managed(session).await?;
        for policy in MANAGED {
            let arn = format!("arn:{}:iam::aws:policy/{policy}", partition_of(arn));
            if self.is_least() && has.contains(&policy) {
                let result = iam.detach_role_policy().role_name(name).policy_arn(arn).send().await;
                self.call(session, "DetachRolePolicy").optional(result)?;
            } else if !self.is_least() && !has.contains(&policy) {
                let result = iam.attach_role_policy().role_name(name).policy_arn(arn).send().await;
                self.call(session, "AttachRolePolicy").unit(result).map_err(|failure| as_propagating(failure, name))?;
                session.recent.note_write(name);
            }
        }
        Ok(())
    }

    async fn sync_permissions_boundary(&self, session: &Session) -> Result<(), AwsFailure> {
        let (iam, name) = (&session.clients.iam, &self.wanted.name);
        if let Some(boundary) = &self.wanted.permissions_boundary {
            let request = iam.put_role_permissions_boundary().role_name(name).permissions_boundary(boundary);
            return self.call(session, "PutRolePermissionsBoundary").unit(request.send().await);
        }
        let result = iam.delete_role_permissions_boundary().role_name(name).send().await;
        self.call(session, "DeleteRolePermissionsBoundary").optional(result).map(drop)
    }

    async fn sync_trust_policy(&self, session: &Session) -> Result<(), AwsFailure> {
        let request = session.clients.iam.update_assume_role_policy().role_name(&self.wanted.name);
        let result = request.policy_document(policy_document::trust().to_string()).send().await;
        self.call(session, "UpdateAssumeRolePolicy").unit(result)?;
        session.recent.note_write(&self.wanted.name);
        Ok(())
    }
}

impl Resource for Role {
    fn kind(&self) -> Kind {
        Kind::Role
    }

    fn name(&self) -> &str {
        &self.wanted.name
    }

    fn is_existing(&self) -> bool {
        self.wanted.existing
    }

    fn observe<'a>(&'a self, session: &'a Session) -> Attempt<'a, Observed> {
        async move {
            let name = &self.wanted.name;
            if self.wanted.existing {
                let Some(role) = describe(session, name).await? else { return Ok(Observed::missing()) };
                return Ok(Observed { state: State::Active, arn: Some(role.arn), ..Observed::missing() });
            }
            let (role, policy, attached) =
                futures::try_join!(describe(session, name), inline(session, name, POLICY), attached(session, name))?;
            let Some(role) = role else { return Ok(Observed::missing()) };
            let trust = trust_of(&role);
            let boundary = role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn);
            let tags = role.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
            let properties: Properties = [
                ("path", json!(role.path)),
                ("trust_policy", canonical(&trust)),
                ("policy", policy.as_ref().map_or(Value::Null, canonical)),
                ("managed_policies", json!(walkthrough_policies(&attached))),
                ("permissions_boundary", json!(boundary)),
            ]
            .into();
            Ok(Observed { state: State::Active, arn: Some(role.arn), tags, properties, ..Observed::missing() })
        }
        .boxed()
    }

    fn desired(&self, references: &ArnRegistry) -> Properties {
        if self.wanted.existing {
            return Properties::new();
        }
        let kept = self.kept.clone();
        let (policy, managed) = if self.is_least() {
            (canonical(&policy_document::access_policy(references, &self.grants)), json!([]))
        } else {
            (Value::Null, json!(MANAGED))
        };
        [
            ("path", json!(self.wanted.path)),
            ("trust_policy", canonical(&policy_document::trust())),
            ("policy", policy),
            ("managed_policies", managed),
            ("permissions_boundary", json!(self.wanted.permissions_boundary)),
        ]
        .into_iter()
        .chain(kept)
        .collect()
    }

    fn preserve_unmanaged(&mut self, found: &Observed, is_asked: &dyn Fn(&str) -> bool) {
        let mut keep = |property: &'static str| {
            if let Some(value) = found.properties.get(property) {
                self.kept.insert(property, value.clone());
            }
        };
        for (property, setting) in [
            ("path", "role.path"),
            ("managed_policies", "role.permissions"),
            ("permissions_boundary", "role.permissions_boundary"),
        ] {
            if !is_asked(setting) {
                keep(property);
            }
        }
        let trust = found.properties.get("trust_policy").cloned().unwrap_or_default();
        if may_let_lambda(trust, found.arn.as_deref()) {
            keep("trust_policy");
        }
    }

    fn immutable_properties(&self) -> &'static [&'static str] {
        &["path"]
    }

    fn create<'a>(&'a self, session: &'a Session, references: &'a ArnRegistry) -> Attempt<'a, Option<String>> {
        async move {
            let call = self.call(session, "CreateRole");
            let request = session
                .clients
                .iam
                .create_role()
                .role_name(&self.wanted.name)
                .path(&self.wanted.path)
                .description(DESCRIPTION)
                .assume_role_policy_document(policy_document::trust().to_string())
                .set_permissions_boundary(self.wanted.permissions_boundary.clone())
                .set_tags(Some(sdk_tags(session.owner.all_tags(), call)?));
            let answer = call.answer(request.send().await)?;
            session.recent.note_creation(&self.wanted.name);
            if self.is_least() {
                self.sync_inline_policy(session, references).await?;
            } else {
                self.sync_managed_policies(session, answer.role.as_ref().map_or("", |role| role.arn())).await?;
            }
            Ok(answer.role.map(|role| role.arn))
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        session: &'a Session,
        references: &'a ArnRegistry,
        found: &'a Observed,
        differences: &'a [Difference],
    ) -> Attempt<'a> {
        async move {
            // A change from least to managed, or back, never leaves the role without permissions.
            let differs = |property| differences.iter().any(|difference| difference.property == property);
            if differs("trust_policy") {
                self.sync_trust_policy(session).await?;
            }
            if differs("permissions_boundary") {
                self.sync_permissions_boundary(session).await?;
            }
            if self.is_least() && differs("policy") {
                self.sync_inline_policy(session, references).await?;
            }
            if differs("managed_policies") {
                self.sync_managed_policies(session, found.arn.as_deref().unwrap_or_default()).await?;
            }
            if !self.is_least() && differs("policy") {
                self.sync_inline_policy(session, references).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn tag<'a>(&'a self, session: &'a Session, _: &'a Observed, tags: Tags) -> Attempt<'a> {
        async move {
            let call = self.call(session, "TagRole");
            let request = session.clients.iam.tag_role().role_name(&self.wanted.name);
            call.unit(request.set_tags(Some(sdk_tags(tags, call)?)).send().await)
        }
        .boxed()
    }

    fn poll_ready<'a>(&'a self, session: &'a Session) -> Attempt<'a, Readiness> {
        async move {
            // A visible role may not be assumable by Lambda yet. Only the creation of the function shows that.
            let name = &self.wanted.name;
            let (role, policy, managed) =
                futures::try_join!(describe(session, name), inline(session, name, POLICY), self.managed(session))?;
            let complete = if self.is_least() {
                self.shows_what_was_written(policy.as_ref())
            } else {
                managed.len() == MANAGED.len()
            };
            Ok(match role {
                Some(role) if complete => Readiness::Ready(role.arn),
                Some(_) => Readiness::NotYet("its policy is not visible yet".to_owned()),
                None => Readiness::NotVisible,
            })
        }
        .boxed()
    }

    fn collateral<'a>(&'a self, session: &'a Session) -> Attempt<'a, Vec<String>> {
        detach::unmanaged_attachments(session, &self.wanted.name).boxed()
    }

    fn delete<'a>(&'a self, session: &'a Session, _: &'a Observed) -> Attempt<'a> {
        async move {
            detach::detach_all(session, &self.wanted.name).await?;
            let request = session.clients.iam.delete_role().role_name(&self.wanted.name);
            self.call(session, "DeleteRole").unit(request.send().await)
        }
        .boxed()
    }
}

/// Returns whether a trust policy may permit Lambda to assume its role. If so, its other principals and conditions are
/// the owner's decision. Replacing it would open access that a condition guards.
fn may_let_lambda(trust: Value, arn: Option<&str>) -> bool {
    let ask = AuthorizationRequest {
        resource: arn,
        principal: Some(Principal::Service(policy_document::LAMBDA)),
        ..AuthorizationRequest::new("sts:AssumeRole", "")
    };
    !matches!(evaluate(&[trust], &ask), (Decision::NotAllowed | Decision::Denied, true))
}

fn sdk_tags(tags: Tags, call: CallContext<'_>) -> Result<Vec<Tag>, AwsFailure> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build().map_err(|error| call.build_failure(error));
    tags.into_iter().map(tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::FailureCause;

    #[test]
    fn adopted_trust_policy_is_replaced_only_if_lambda_cannot_assume_the_role() {
        let of = |statement: Value| {
            may_let_lambda(
                canonical(&json!({"Version": "2012-10-17", "Statement": statement})),
                Some("arn:aws:iam::1:role/r"),
            )
        };
        let trust = policy_document::trust()["Statement"][0].clone();
        let under = |condition: Value| {
            let mut guarded = trust.clone();
            guarded["Condition"] = condition;
            guarded
        };
        assert!(of(trust.clone()));
        assert!(of(under(json!({"StringEquals": {"aws:SourceAccount": "1"}}))));
        assert!(of(under(json!({"ArnLike": {"aws:SourceArn": "arn:aws:lambda:eu-west-1:1:function:f"}}))));
        assert!(of(json!([trust, {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole",
            "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}}])));
        assert!(!of(
            json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
        ));
        assert!(!of(json!([trust, {"Effect": "Deny", "Principal": "*", "Action": "sts:*"}])));
    }

    #[test]
    fn managed_policy_arns_have_the_partition_of_the_role() {
        for partition in ["aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso-b"] {
            assert_eq!(partition_of(&format!("arn:{partition}:iam::1:role/r")), partition);
        }
        assert_eq!(partition_of(""), "aws");
    }

    #[test]
    fn missing_role_is_transient_and_missing_policy_is_permanent() {
        let missing = |message: &str| AwsFailure {
            service: SERVICE,
            operation: "AttachRolePolicy",
            resource: "r".into(),
            location: "eu-west-1".into(),
            code: Some("NoSuchEntity".into()),
            message: message.into(),
            cause: FailureCause::Missing,
        };
        let cause = |message| as_propagating(missing(message), "r").cause;
        assert_eq!(cause("The role with name r cannot be found."), FailureCause::Propagating);
        let policy =
            "Policy arn:aws-eusc:iam::aws:policy/AmazonDynamoDBFullAccess does not exist or is not attachable.";
        assert_eq!(cause(policy), FailureCause::Missing);
    }
}
