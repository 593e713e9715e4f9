//! The role of the function: one inline policy that names exactly the resources of this pipeline, or the two managed
//! policies of the walkthrough.

mod release;

use aws_sdk_iam::types::{Role as Described, Tag};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::policy::Grants;
use super::tags::{OwnTags, TAGS};
use super::{Cloud, Difference, Found, Kind, Properties, References, Resource, Settled, State, policy};
use crate::aws::{Cause, Failure};
use crate::settings::{self, Permissions};

const SERVICE: &str = "IAM";

/// Name of the inline policy.
const POLICY: &str = "sensorctl";

/// The managed policies of the walkthrough, below `arn:PARTITION:iam::aws:policy/`.
const MANAGED: [&str; 2] = ["AmazonDynamoDBFullAccess", "service-role/AWSLambdaKinesisExecutionRole"];

/// A role that Lambda may take.
pub struct Role {
    wanted: settings::Role,
    grants: Grants,
    tags: OwnTags,
}

impl Role {
    /// What the settings ask for.
    #[must_use]
    pub fn new(wanted: settings::Role, grants: Grants, tags: OwnTags) -> Self {
        Role { wanted, grants, tags }
    }

    fn is_least(&self) -> bool {
        self.wanted.permissions == Permissions::Least
    }

    async fn describe(&self, cloud: &Cloud) -> Result<Option<Described>, Failure> {
        let (clients, name) = (&cloud.clients, &self.wanted.name);
        match clients.iam.get_role().role_name(name).send().await {
            Ok(answer) => Ok(answer.role),
            Err(error) => none_if_missing(clients.failure(SERVICE, "GetRole", name, &error)),
        }
    }

    /// The inline policy by meaning, if it is there.
    async fn policy(&self, cloud: &Cloud) -> Result<Option<Value>, Failure> {
        let (clients, name) = (&cloud.clients, &self.wanted.name);
        match clients.iam.get_role_policy().role_name(name).policy_name(POLICY).send().await {
            Ok(answer) => Ok(Some(policy::parse(&url_decoded(&answer.policy_document)))),
            Err(error) => none_if_missing(clients.failure(SERVICE, "GetRolePolicy", name, &error)),
        }
    }

    /// Which of the walkthrough's managed policies are attached. Others are someone's own, and stay.
    async fn managed(&self, cloud: &Cloud) -> Result<Vec<&'static str>, Failure> {
        let (clients, name) = (&cloud.clients, &self.wanted.name);
        let pages = clients.iam.list_attached_role_policies().role_name(name).into_paginator().items().send();
        let attached: Result<Vec<_>, _> = pages.collect().await;
        match attached {
            Ok(attached) => {
                let arns: Vec<_> = attached.into_iter().filter_map(|policy| policy.policy_arn).collect();
                let is_attached =
                    |policy: &&str| arns.iter().any(|arn| arn.ends_with(&format!("::aws:policy/{policy}")));
                Ok(MANAGED.into_iter().filter(is_attached).collect())
            }
            Err(error) => {
                let failure = clients.failure(SERVICE, "ListAttachedRolePolicies", name, &error);
                none_if_missing(failure).map(Option::unwrap_or_default)
            }
        }
    }

    /// Puts the inline policy once the ARNs it names are known; or deletes it where the managed ones stand for it.
    async fn bring_policy(&self, cloud: &Cloud, references: &References) -> Result<(), Failure> {
        let (clients, name) = (&cloud.clients, &self.wanted.name);
        if !self.is_least() {
            let call = clients.iam.delete_role_policy().role_name(name).policy_name(POLICY);
            let result = call.send().await.map(drop);
            return gone_is_fine(result.map_err(|e| clients.failure(SERVICE, "DeleteRolePolicy", name, &e)));
        }
        for kind in policy::NAMED {
            if references.arn(kind).await.is_none() {
                let why = format!("not tried, because the {kind} that the policy names could not be made");
                return Err(clients.not_made(SERVICE, "PutRolePolicy", name, why));
            }
        }
        let document = policy::access(references, &self.grants).to_string();
        let call = clients.iam.put_role_policy().role_name(name).policy_name(POLICY).policy_document(document);
        call.send().await.map(drop).map_err(|error| clients.failure(SERVICE, "PutRolePolicy", name, &error))
    }

    /// Attaches both managed policies, or detaches both.
    async fn bring_managed(&self, cloud: &Cloud) -> Result<(), Failure> {
        let (clients, name) = (&cloud.clients, &self.wanted.name);
        let has = self.managed(cloud).await?;
        for policy in MANAGED {
            let arn = format!("arn:{}:iam::aws:policy/{policy}", partition(&clients.region));
            let iam = &clients.iam;
            if self.is_least() && has.contains(&policy) {
                let result = iam.detach_role_policy().role_name(name).policy_arn(arn).send().await.map(drop);
                gone_is_fine(result.map_err(|e| clients.failure(SERVICE, "DetachRolePolicy", name, &e)))?;
            } else if !self.is_least() && !has.contains(&policy) {
                let result = iam.attach_role_policy().role_name(name).policy_arn(arn).send().await;
                result.map_err(|e| clients.failure(SERVICE, "AttachRolePolicy", name, &e))?;
            }
        }
        Ok(())
    }

    async fn bring_boundary(&self, cloud: &Cloud) -> Result<(), Failure> {
        let (clients, name) = (&cloud.clients, &self.wanted.name);
        if let Some(boundary) = &self.wanted.permissions_boundary {
            let call = clients.iam.put_role_permissions_boundary().role_name(name).permissions_boundary(boundary);
            let result = call.send().await.map(drop);
            return result.map_err(|e| clients.failure(SERVICE, "PutRolePermissionsBoundary", name, &e));
        }
        let result = clients.iam.delete_role_permissions_boundary().role_name(name).send().await.map(drop);
        gone_is_fine(result.map_err(|e| clients.failure(SERVICE, "DeleteRolePermissionsBoundary", name, &e)))
    }

    async fn bring_trust(&self, cloud: &Cloud) -> Result<(), Failure> {
        let (clients, name) = (&cloud.clients, &self.wanted.name);
        let call = clients.iam.update_assume_role_policy().role_name(name);
        let result = call.policy_document(policy::trust().to_string()).send().await.map(drop);
        result.map_err(|error| clients.failure(SERVICE, "UpdateAssumeRolePolicy", name, &error))
    }

    async fn bring_tags(&self, cloud: &Cloud, found: &Found) -> Result<(), Failure> {
        let (clients, name) = (&cloud.clients, &self.wanted.name);
        let mut call = clients.iam.tag_role().role_name(name);
        for (key, value) in self.tags.lacking(&cloud.owner, &found.tags) {
            let tag = Tag::builder().key(key).value(value).build();
            call = call.tags(tag.map_err(|error| clients.not_made(SERVICE, "TagRole", name, error))?);
        }
        call.send().await.map(drop).map_err(|error| clients.failure(SERVICE, "TagRole", name, &error))
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

    fn observe<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Found, Failure>> {
        async move {
            let (role, policy, managed) =
                futures::try_join!(self.describe(cloud), self.policy(cloud), self.managed(cloud))?;
            let Some(role) = role else { return Ok(Found::missing()) };
            let trust = url_decoded(role.assume_role_policy_document.as_deref().unwrap_or_default());
            let boundary = role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn);
            let tags = role.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
            let mut properties: Properties = [
                ("path", json!(role.path)),
                ("trust_policy", policy::parse(&trust)),
                ("policy", json!(policy)),
                ("managed_policies", json!(managed)),
                ("permissions_boundary", json!(boundary)),
            ]
            .into();
            self.tags.found(&tags, &mut properties);
            Ok(Found { state: State::Active, arn: Some(role.arn), tags, properties, ..Found::missing() })
        }
        .boxed()
    }

    fn wanted(&self, references: &References) -> Properties {
        if self.wanted.existing {
            return Properties::new();
        }
        let (policy, managed) = if self.is_least() {
            (policy::access(references, &self.grants), json!([]))
        } else {
            (Value::Null, json!(MANAGED))
        };
        let mut properties: Properties = [
            ("path", json!(self.wanted.path)),
            ("trust_policy", policy::trust()),
            ("policy", policy),
            ("managed_policies", managed),
            ("permissions_boundary", json!(self.wanted.permissions_boundary)),
        ]
        .into();
        self.tags.want(&mut properties);
        properties
    }

    fn fixed(&self) -> &'static [&'static str] {
        &["path"]
    }

    fn create<'a>(
        &'a self,
        cloud: &'a Cloud,
        references: &'a References,
    ) -> BoxFuture<'a, Result<Option<String>, Failure>> {
        async move {
            let (clients, name) = (&cloud.clients, &self.wanted.name);
            let mut call = clients
                .iam
                .create_role()
                .role_name(name)
                .path(&self.wanted.path)
                .description("Role of the sensorctl pipeline's Lambda function")
                .assume_role_policy_document(policy::trust().to_string())
                .set_permissions_boundary(self.wanted.permissions_boundary.clone());
            for (key, value) in self.tags.all(&cloud.owner) {
                let tag = Tag::builder().key(key).value(value).build();
                call = call.tags(tag.map_err(|error| clients.not_made(SERVICE, "CreateRole", name, error))?);
            }
            let answer = call.send().await.map_err(|error| clients.failure(SERVICE, "CreateRole", name, &error))?;
            if self.is_least() {
                self.bring_policy(cloud, references).await?;
            } else {
                self.bring_managed(cloud).await?;
            }
            Ok(answer.role.map(|role| role.arn))
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        cloud: &'a Cloud,
        references: &'a References,
        found: &'a Found,
        differences: &'a [Difference],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            // From least to managed and back, there is no moment without permissions.
            let differs = |property| differences.iter().any(|difference| difference.property == property);
            if differs("trust_policy") {
                self.bring_trust(cloud).await?;
            }
            if differs("permissions_boundary") {
                self.bring_boundary(cloud).await?;
            }
            if self.is_least() && differs("policy") {
                self.bring_policy(cloud, references).await?;
            }
            if differs("managed_policies") {
                self.bring_managed(cloud).await?;
            }
            if !self.is_least() && differs("policy") {
                self.bring_policy(cloud, references).await?;
            }
            if differs(TAGS) {
                self.bring_tags(cloud, found).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn settle<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Settled, Failure>> {
        async move {
            // That it can be seen does not mean that Lambda can take it: that is found out by making the function.
            let (role, policy, managed) =
                futures::try_join!(self.describe(cloud), self.policy(cloud), self.managed(cloud))?;
            let complete = if self.is_least() { policy.is_some() } else { managed.len() == MANAGED.len() };
            Ok(match role {
                Some(role) if complete => Settled::Works(role.arn),
                Some(_) => Settled::NotYet("its policy is not to be seen yet".to_owned()),
                None => Settled::NotYet("not to be seen yet".to_owned()),
            })
        }
        .boxed()
    }

    fn delete<'a>(&'a self, cloud: &'a Cloud, _: &'a Found) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let (clients, name) = (&cloud.clients, &self.wanted.name);
            release::release(cloud, name).await?;
            let call = clients.iam.delete_role().role_name(name);
            call.send().await.map(drop).map_err(|error| clients.failure(SERVICE, "DeleteRole", name, &error))
        }
        .boxed()
    }
}

/// The partition that a region belongs to; the managed policies have its ARNs.
fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// Policy documents come URL-encoded (RFC 3986) out of IAM.
fn url_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn none_if_missing<T>(failure: Failure) -> Result<Option<T>, Failure> {
    if failure.cause == Cause::Missing { Ok(None) } else { Err(failure) }
}

fn gone_is_fine(result: Result<(), Failure>) -> Result<(), Failure> {
    match result {
        Err(failure) if failure.cause == Cause::Missing => Ok(()),
        result => result,
    }
}
