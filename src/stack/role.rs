//! The role of the function, with one inline policy that names exactly the resources of this pipeline.

use aws_sdk_iam::types::{Role as Described, Tag};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::{Cloud, Difference, Found, Kind, Properties, References, Resource, Settled, State, policy};
use crate::aws::{Cause, Failure};

const SERVICE: &str = "IAM";

/// Name of the inline policy.
const POLICY: &str = "sensorctl";

/// A role that Lambda may take.
pub struct Role {
    /// Its name; the same in all regions of an account.
    pub name: String,
}

impl Role {
    async fn describe(&self, cloud: &Cloud) -> Result<Option<Described>, Failure> {
        let clients = &cloud.clients;
        match clients.iam.get_role().role_name(&self.name).send().await {
            Ok(answer) => Ok(answer.role),
            Err(error) => none_if_missing(clients.failure(SERVICE, "GetRole", &self.name, &error)),
        }
    }

    /// The inline policy by meaning, if it is there.
    async fn policy(&self, cloud: &Cloud) -> Result<Option<Value>, Failure> {
        let clients = &cloud.clients;
        match clients.iam.get_role_policy().role_name(&self.name).policy_name(POLICY).send().await {
            Ok(answer) => Ok(Some(policy::parse(&url_decoded(&answer.policy_document)))),
            Err(error) => none_if_missing(clients.failure(SERVICE, "GetRolePolicy", &self.name, &error)),
        }
    }

    /// Puts the inline policy once the ARNs it names are known.
    async fn put_policy(&self, cloud: &Cloud, references: &References) -> Result<(), Failure> {
        for kind in policy::NAMED {
            if references.arn(kind).await.is_none() {
                let why = format!("not tried, because the {kind} that the policy names could not be made");
                return Err(cloud.clients.not_made(SERVICE, "PutRolePolicy", &self.name, why));
            }
        }
        let clients = &cloud.clients;
        let document = policy::access(references).to_string();
        let call = clients.iam.put_role_policy().role_name(&self.name).policy_name(POLICY).policy_document(document);
        call.send().await.map(drop).map_err(|error| clients.failure(SERVICE, "PutRolePolicy", &self.name, &error))
    }

    async fn release(&self, cloud: &Cloud) -> Result<(), Failure> {
        let iam = &cloud.clients.iam;
        let name = &self.name;
        let clients = &cloud.clients;
        let profiles = iam.list_instance_profiles_for_role().role_name(name).into_paginator().items().send();
        for profile in collected(profiles.collect().await, |error| {
            clients.failure(SERVICE, "ListInstanceProfilesForRole", name, error)
        })? {
            let call = iam
                .remove_role_from_instance_profile()
                .instance_profile_name(profile.instance_profile_name)
                .role_name(name);
            let result = call.send().await.map(drop);
            gone_is_fine(
                result.map_err(|error| clients.failure(SERVICE, "RemoveRoleFromInstanceProfile", name, &error)),
            )?;
        }
        let attached = iam.list_attached_role_policies().role_name(name).into_paginator().items().send();
        for attached in collected(attached.collect().await, |error| {
            clients.failure(SERVICE, "ListAttachedRolePolicies", name, error)
        })? {
            let call = iam.detach_role_policy().role_name(name).set_policy_arn(attached.policy_arn);
            let result = call.send().await.map(drop);
            gone_is_fine(result.map_err(|error| clients.failure(SERVICE, "DetachRolePolicy", name, &error)))?;
        }
        let inline = iam.list_role_policies().role_name(name).into_paginator().items().send();
        for policy in
            collected(inline.collect().await, |error| clients.failure(SERVICE, "ListRolePolicies", name, error))?
        {
            let call = iam.delete_role_policy().role_name(name).policy_name(policy);
            let result = call.send().await.map(drop);
            gone_is_fine(result.map_err(|error| clients.failure(SERVICE, "DeleteRolePolicy", name, &error)))?;
        }
        Ok(())
    }
}

impl Resource for Role {
    fn kind(&self) -> Kind {
        Kind::Role
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn observe<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Found, Failure>> {
        async move {
            let (role, policy) = futures::try_join!(self.describe(cloud), self.policy(cloud))?;
            let Some(role) = role else { return Ok(Found::missing()) };
            let trust = url_decoded(role.assume_role_policy_document.as_deref().unwrap_or_default());
            let properties = [("trust_policy", policy::parse(&trust)), ("policy", json!(policy))];
            Ok(Found {
                state: State::Active,
                arn: Some(role.arn),
                tags: role.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect(),
                properties: properties.into(),
                ..Found::missing()
            })
        }
        .boxed()
    }

    fn wanted(&self, references: &References) -> Properties {
        [("trust_policy", policy::trust()), ("policy", policy::access(references))].into()
    }

    fn create<'a>(
        &'a self,
        cloud: &'a Cloud,
        references: &'a References,
    ) -> BoxFuture<'a, Result<Option<String>, Failure>> {
        async move {
            let clients = &cloud.clients;
            let mut call = clients
                .iam
                .create_role()
                .role_name(&self.name)
                .description("Role of the sensorctl pipeline's Lambda function")
                .assume_role_policy_document(policy::trust().to_string());
            for (key, value) in cloud.owner.tags() {
                let tag = Tag::builder().key(key).value(value).build();
                call = call.tags(tag.map_err(|error| clients.not_made(SERVICE, "CreateRole", &self.name, error))?);
            }
            let answer =
                call.send().await.map_err(|error| clients.failure(SERVICE, "CreateRole", &self.name, &error))?;
            self.put_policy(cloud, references).await?;
            Ok(answer.role.map(|role| role.arn))
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        cloud: &'a Cloud,
        references: &'a References,
        _: &'a Found,
        differences: &'a [Difference],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let clients = &cloud.clients;
            for difference in differences {
                match difference.property {
                    "trust_policy" => {
                        let call = clients
                            .iam
                            .update_assume_role_policy()
                            .role_name(&self.name)
                            .policy_document(policy::trust().to_string());
                        call.send()
                            .await
                            .map_err(|error| clients.failure(SERVICE, "UpdateAssumeRolePolicy", &self.name, &error))?;
                    }
                    "policy" => self.put_policy(cloud, references).await?,
                    _ => {}
                }
            }
            Ok(())
        }
        .boxed()
    }

    fn settle<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Settled, Failure>> {
        async move {
            // That it can be seen does not mean that Lambda can take it: that is found out by making the function.
            let (role, policy) = futures::try_join!(self.describe(cloud), self.policy(cloud))?;
            Ok(match (role, policy) {
                (Some(role), Some(_)) => Settled::Works(role.arn),
                (Some(_), None) => Settled::NotYet("its policy is not to be seen yet".to_owned()),
                (None, _) => Settled::NotYet("not to be seen yet".to_owned()),
            })
        }
        .boxed()
    }

    fn delete<'a>(&'a self, cloud: &'a Cloud, _: &'a Found) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            self.release(cloud).await?;
            let clients = &cloud.clients;
            let call = clients.iam.delete_role().role_name(&self.name);
            call.send().await.map(drop).map_err(|error| clients.failure(SERVICE, "DeleteRole", &self.name, &error))
        }
        .boxed()
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

fn collected<T, E>(pages: Result<Vec<T>, E>, failure: impl FnOnce(&E) -> Failure) -> Result<Vec<T>, Failure> {
    pages.map_err(|error| failure(&error))
}
