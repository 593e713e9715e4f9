//! The Lambda function.

use std::collections::BTreeMap;

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture, Environment, FunctionCode, FunctionConfiguration, LastUpdateStatus, Runtime, State as Status,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use super::{Artifact, Cloud, Difference, Found, Kind, Properties, References, Resource, Settled, State};
use crate::aws::{Cause, Failure};

const SERVICE: &str = "Lambda";
const RUNTIME: Runtime = Runtime::Providedal2023;
/// Ignored by `provided.*`, but required; `bootstrap` by convention.
const HANDLER: &str = "bootstrap";

/// The function of the pipeline.
pub struct Function {
    /// Its name.
    pub name: String,
    /// Memory in MB; CPU goes with it.
    pub memory_mb: i32,
    /// Time limit of an invocation in seconds.
    pub timeout_seconds: i32,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// Its code.
    pub artifact: Artifact,
}

impl Function {
    async fn describe(&self, cloud: &Cloud) -> Result<Option<GetFunctionOutput>, Failure> {
        let clients = &cloud.clients;
        match clients.lambda.get_function().function_name(&self.name).send().await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) => {
                let failure = clients.failure(SERVICE, "GetFunction", &self.name, &error);
                if failure.cause == Cause::Missing { Ok(None) } else { Err(failure) }
            }
        }
    }

    fn environment(&self) -> Environment {
        let variables = self.environment.iter().map(|(name, value)| (name.clone(), value.clone()));
        Environment::builder().set_variables(Some(variables.collect())).build()
    }

    async fn update_code(&self, cloud: &Cloud) -> Result<(), Failure> {
        let clients = &cloud.clients;
        let call = clients
            .lambda
            .update_function_code()
            .function_name(&self.name)
            .architectures(self.architecture())
            .zip_file(Blob::new(self.artifact.zip()));
        call.send().await.map(drop).map_err(|error| clients.failure(SERVICE, "UpdateFunctionCode", &self.name, &error))
    }

    async fn update_configuration(&self, cloud: &Cloud, role: &str) -> Result<(), Failure> {
        let clients = &cloud.clients;
        let call = clients
            .lambda
            .update_function_configuration()
            .function_name(&self.name)
            .role(role)
            .runtime(RUNTIME)
            .handler(HANDLER)
            .memory_size(self.memory_mb)
            .timeout(self.timeout_seconds)
            .environment(self.environment());
        call.send()
            .await
            .map(drop)
            .map_err(|error| clients.failure(SERVICE, "UpdateFunctionConfiguration", &self.name, &error))
    }

    fn architecture(&self) -> Architecture {
        Architecture::from(self.artifact.architecture().as_str())
    }

    fn role_missing(&self, cloud: &Cloud) -> Failure {
        let why = "not tried, because its role could not be made";
        cloud.clients.not_made(SERVICE, "CreateFunction", &self.name, why)
    }
}

impl Resource for Function {
    fn kind(&self) -> Kind {
        Kind::Function
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn observe<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Found, Failure>> {
        async move {
            let Some(answer) = self.describe(cloud).await? else { return Ok(Found::missing()) };
            let tags = answer.tags.unwrap_or_default().into_iter().collect();
            let Some(function) = answer.configuration else { return Ok(Found::missing()) };
            let environment: BTreeMap<_, _> = function
                .environment
                .as_ref()
                .and_then(|e| e.variables.clone())
                .unwrap_or_default()
                .into_iter()
                .collect();
            let architecture = function.architectures().first().map_or("x86_64", Architecture::as_str);
            let properties = [
                ("runtime", json!(function.runtime.as_ref().map(Runtime::as_str))),
                ("handler", json!(function.handler)),
                ("role", json!(function.role)),
                ("memory_mb", json!(function.memory_size)),
                ("timeout_seconds", json!(function.timeout)),
                ("environment", json!(environment)),
                ("architecture", json!(architecture)),
                ("code_sha256", json!(function.code_sha256)),
            ];
            Ok(Found {
                state: state_of(&function),
                arn: function.function_arn,
                tags,
                properties: properties.into(),
                ..Found::missing()
            })
        }
        .boxed()
    }

    fn wanted(&self, references: &References) -> Properties {
        [
            ("runtime", json!(RUNTIME.as_str())),
            ("handler", json!(HANDLER)),
            ("role", json!(references.shown(Kind::Role))),
            ("memory_mb", json!(self.memory_mb)),
            ("timeout_seconds", json!(self.timeout_seconds)),
            ("environment", json!(self.environment)),
            ("architecture", json!(self.artifact.architecture().as_str())),
            ("code_sha256", json!(self.artifact.sha256_base64())),
        ]
        .into()
    }

    fn create<'a>(
        &'a self,
        cloud: &'a Cloud,
        references: &'a References,
    ) -> BoxFuture<'a, Result<Option<String>, Failure>> {
        async move {
            let role = references.arn(Kind::Role).await.ok_or_else(|| self.role_missing(cloud))?;
            let clients = &cloud.clients;
            let call = clients
                .lambda
                .create_function()
                .function_name(&self.name)
                .description("Stores the readings of a Kinesis stream in DynamoDB (sensorctl)")
                .runtime(RUNTIME)
                .handler(HANDLER)
                .role(role)
                .memory_size(self.memory_mb)
                .timeout(self.timeout_seconds)
                .architectures(self.architecture())
                .environment(self.environment())
                .set_tags(Some(cloud.owner.tags().into_iter().collect()))
                .code(FunctionCode::builder().zip_file(Blob::new(self.artifact.zip())).build());
            let answer =
                call.send().await.map_err(|error| clients.failure(SERVICE, "CreateFunction", &self.name, &error))?;
            Ok(answer.function_arn)
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
            let is_code = |difference: &Difference| matches!(difference.property, "code_sha256" | "architecture");
            if differences.iter().any(is_code) {
                self.update_code(cloud).await?;
            }
            if differences.iter().any(|difference| !is_code(difference)) {
                let role = references.arn(Kind::Role).await.ok_or_else(|| self.role_missing(cloud))?;
                // Refused with a conflict until the update of the code is through.
                cloud.patiently(Kind::Function, || self.update_configuration(cloud, &role)).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn settle<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Settled, Failure>> {
        async move {
            let Some(function) = self.describe(cloud).await?.and_then(|answer| answer.configuration) else {
                return Ok(Settled::NotYet("not to be seen yet".to_owned()));
            };
            match state_of(&function) {
                State::Active => Ok(Settled::Works(function.function_arn.unwrap_or_default())),
                State::Failed(why) => {
                    let why = format!("the function does not come to work: {why}");
                    Err(cloud.clients.not_made(SERVICE, "GetFunction", &self.name, why))
                }
                State::Changing(state) => Ok(Settled::NotYet(state)),
                State::Missing | State::Deleting => Ok(Settled::NotYet("being deleted".to_owned())),
            }
        }
        .boxed()
    }

    fn delete<'a>(&'a self, cloud: &'a Cloud, _: &'a Found) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let clients = &cloud.clients;
            let call = clients.lambda.delete_function().function_name(&self.name);
            call.send().await.map(drop).map_err(|error| clients.failure(SERVICE, "DeleteFunction", &self.name, &error))
        }
        .boxed()
    }
}

/// Both states count: of the function, and of its last update, which may be absent (facts/aws.md B2).
fn state_of(function: &FunctionConfiguration) -> State {
    match &function.state {
        Some(Status::Failed) => return State::Failed(reason(function.state_reason())),
        Some(Status::Deleting) => return State::Deleting,
        // An idle function wakes up by itself.
        Some(Status::Active | Status::Inactive) | None => {}
        Some(state) => return State::Changing(state.to_string()),
    }
    match &function.last_update_status {
        Some(LastUpdateStatus::Failed) => State::Failed(reason(function.last_update_status_reason())),
        Some(LastUpdateStatus::InProgress) => State::Changing("update in progress".to_owned()),
        _ => State::Active,
    }
}

fn reason(text: Option<&str>) -> String {
    text.unwrap_or("the service gives no reason").to_owned()
}
