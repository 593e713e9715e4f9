//! The Lambda function.

mod environment;
mod list;
mod state;
mod update;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture, FunctionCode, LogFormat, LoggingConfig, Runtime};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::event_source_mapping;
use super::role::diagnosis::{self, RequiredAccess};
use crate::aws::{ATTEMPT_TIMEOUT, AwsFailure, CallContext, FailureCause};
use crate::settings;
use crate::stack::engine::observed::Tags;
use crate::stack::engine::resource::{Attempt, DeletionBlocker, PermanentFailure};
use crate::stack::{
    ArnRegistry, Difference, FunctionArtifact, Kind, Observed, Properties, Readiness, Resource, Session, StackEvent,
    State,
};

pub(crate) use self::environment::unreadable;
use self::environment::{environment_of, shown, variables_of};
use self::state::{DONE, failed_update, state_of, tags_failure};

pub(crate) use self::list::list;

const SERVICE: &str = "Lambda";
/// Variable that enables partial batch responses of the function. Without it, a batch that was not wholly stored fails
/// as a whole, which every mapping supports.
pub(crate) const PARTIAL_BATCH: &str = "SENSORCTL_PARTIAL_BATCH";
/// Also identifies functions that sensorctl created.
const DESCRIPTION: &str = "Stores the readings of a Kinesis stream in DynamoDB (sensorctl)";
const RUNTIME: Runtime = Runtime::Providedal2023;
/// An event without readings: the function runs and does nothing.
const NO_RECORDS: &[u8] = br#"{"Records":[]}"#;
/// The error code of `Invoke` if Lambda cannot decrypt the variables with the function's role.
const STALE_GRANT: &str = "KMSAccessDeniedException";
/// `provided.*` ignores it but requires it. `bootstrap` is the convention.
const HANDLER: &str = "bootstrap";

/// The function of the pipeline.
pub(crate) struct Function {
    wanted: settings::Function,
    /// Name of its role.
    role: String,
    /// All its environment variables: those that sensorctl sets, and the user's own.
    environment: BTreeMap<String, String>,
    /// For an unmanaged function: the variables that keep their observed values, as they are shown.
    kept: Option<BTreeMap<String, Value>>,
    artifact: FunctionArtifact,
    /// True if this run has already uploaded the code. Later requests may have to be repeated.
    is_code_sent: AtomicBool,
}

impl Function {
    /// Creates the function from the settings. `ours` are the variables that sensorctl sets.
    #[must_use]
    pub(crate) fn new(
        wanted: settings::Function,
        role: impl Into<String>,
        ours: BTreeMap<String, String>,
        artifact: FunctionArtifact,
    ) -> Self {
        let environment = wanted.environment.clone().into_iter().chain(ours).collect();
        Function { wanted, role: role.into(), environment, kept: None, artifact, is_code_sent: AtomicBool::new(false) }
    }

    fn call<'a>(&'a self, session: &'a Session, operation: &'static str) -> CallContext<'a> {
        session.clients.call(SERVICE, operation, &self.wanted.name)
    }

    async fn describe(&self, session: &Session) -> Result<Option<GetFunctionOutput>, AwsFailure> {
        let request = session.clients.lambda.get_function().function_name(&self.wanted.name);
        self.call(session, "GetFunction").optional(request.send().await)
    }

    /// Returns the variables that it is to have by now.
    fn variables(&self, references: &ArnRegistry) -> BTreeMap<String, String> {
        let mut variables = self.environment.clone();
        if references.holds_back_partial_batch() {
            variables.remove(PARTIAL_BATCH);
        }
        variables
    }

    /// Sets the reserved concurrency, or removes it.
    async fn set_concurrency(&self, session: &Session) -> Result<(), AwsFailure> {
        let (lambda, name) = (&session.clients.lambda, &self.wanted.name);
        if let Some(reserved) = self.wanted.reserved_concurrency {
            let request = lambda.put_function_concurrency().function_name(name);
            let result = request.reserved_concurrent_executions(reserved).send().await;
            return self.call(session, "PutFunctionConcurrency").unit(result);
        }
        let result = lambda.delete_function_concurrency().function_name(name).send().await;
        self.call(session, "DeleteFunctionConcurrency").unit(result)
    }

    async fn set_tags(&self, session: &Session, arn: &str, tags: Tags) -> Result<(), AwsFailure> {
        let request = session.clients.lambda.tag_resource().resource(arn);
        let result = request.set_tags(Some(tags.into_iter().collect())).send().await;
        self.call(session, "TagResource").unit(result)
    }

    fn logging(&self) -> LoggingConfig {
        LoggingConfig::builder()
            .log_format(if self.wanted.json_log { LogFormat::Json } else { LogFormat::Text })
            .log_group(self.log_group())
            .build()
    }

    /// Returns the log group to which Lambda writes by default and the role may write.
    fn log_group(&self) -> String {
        format!("/aws/lambda/{}", self.wanted.name)
    }

    /// Returns call settings with a timeout long enough to upload the zip on a slow line.
    fn upload_time(&self) -> Builder {
        let limit = upload_limit(self.artifact.zip().len());
        Builder::new().timeout_config(TimeoutConfig::builder().operation_attempt_timeout(limit).build())
    }

    fn architecture(&self) -> Architecture {
        Architecture::from(self.artifact.architecture().as_str())
    }

    async fn role(&self, session: &Session, references: &ArnRegistry) -> Result<String, AwsFailure> {
        let why = "not tried, because its role could not be created";
        references.arn(Kind::Role).await.ok_or_else(|| self.call(session, "CreateFunction").skipped(why))
    }
}

impl Resource for Function {
    fn kind(&self) -> Kind {
        Kind::Function
    }

    fn name(&self) -> &str {
        &self.wanted.name
    }

    fn observe<'a>(&'a self, session: &'a Session) -> Attempt<'a, Observed> {
        async move {
            let Some(answer) = self.describe(session).await? else { return Ok(Observed::missing()) };
            if let Some(error) = &answer.tags_error {
                return Err(tags_failure(self.call(session, "ListTags").build_failure(error.message()), error));
            }
            let tags: Tags = answer.tags.unwrap_or_default().into_iter().collect();
            let concurrency = answer.concurrency.and_then(|concurrency| concurrency.reserved_concurrent_executions);
            let Some(function) = answer.configuration else { return Ok(Observed::missing()) };
            let logging = function.logging_config.as_ref();
            let log_format = logging.and_then(|logging| logging.log_format.as_ref());
            let log_group = logging.and_then(|logging| logging.log_group.clone()).unwrap_or_else(|| self.log_group());
            // A teardown compares nothing, so unreadable variables do not stop it.
            let environment = match variables_of(&session.clients, &function) {
                Err(_) if self.artifact.is_empty() => Value::Null,
                variables => json!(shown(&variables?)),
            };
            let architecture = function.architectures().first().map_or("x86_64", Architecture::as_str);
            let properties: Properties = [
                ("runtime", json!(function.runtime.as_ref().map(Runtime::as_str))),
                ("handler", json!(function.handler)),
                ("role", json!(function.role)),
                ("memory_mb", json!(function.memory_size)),
                ("timeout_seconds", json!(function.timeout)),
                ("environment", environment),
                ("architecture", json!(architecture)),
                ("code_sha256", json!(function.code_sha256)),
                ("reserved_concurrency", concurrency.map_or_else(|| json!("none"), |reserved| json!(reserved))),
                ("log_format", json!(if log_format == Some(&LogFormat::Json) { "json" } else { "text" })),
                ("log_group", json!(log_group)),
                ("last_update", json!(failed_update(&function).unwrap_or_else(|| DONE.to_owned()))),
            ]
            .into();
            Ok(Observed {
                state: state_of(&function),
                arn: function.function_arn,
                tags,
                properties,
                ..Observed::missing()
            })
        }
        .boxed()
    }

    fn desired(&self, references: &ArnRegistry) -> Properties {
        let reserved = self.wanted.reserved_concurrency;
        let mut environment = shown(&self.variables(references));
        environment.extend(self.kept.clone().unwrap_or_default());
        [
            ("runtime", json!(RUNTIME.as_str())),
            ("handler", json!(HANDLER)),
            ("role", json!(references.arn_or_placeholder(Kind::Role))),
            ("memory_mb", json!(self.wanted.memory_mb)),
            ("timeout_seconds", json!(self.wanted.timeout_seconds)),
            ("environment", json!(environment)),
            ("architecture", json!(self.artifact.architecture().as_str())),
            ("code_sha256", json!(self.artifact.sha256_base64())),
            ("reserved_concurrency", reserved.map_or_else(|| json!("none"), |reserved| json!(reserved))),
            ("log_format", json!(if self.wanted.json_log { "json" } else { "text" })),
            ("log_group", json!(self.log_group())),
            ("last_update", json!(DONE)),
        ]
        .into()
    }

    fn preserve_unmanaged(&mut self, found: &Observed, is_asked: &dyn Fn(&str) -> bool) {
        let is_free = |name: &str| !is_asked(&format!("function.{name}"));
        if let Some(memory) = found.number("memory_mb").filter(|_| is_free("memory_mb")) {
            self.wanted.memory_mb = memory;
        }
        if let Some(timeout) = found.number("timeout_seconds").filter(|_| is_free("timeout_seconds")) {
            self.wanted.timeout_seconds = timeout;
        }
        if is_free("reserved_concurrency") {
            self.wanted.reserved_concurrency = found.number("reserved_concurrency");
        }
        if is_free("log_format") {
            self.wanted.json_log = found.text("log_format").as_deref() == Some("json");
        }
        if is_free("environment") {
            let found = found.properties.get("environment").and_then(Value::as_object).cloned().unwrap_or_default();
            let others = found.into_iter().filter(|(name, _)| !self.environment.contains_key(name));
            self.kept = Some(others.collect());
        }
    }

    fn create<'a>(&'a self, session: &'a Session, references: &'a ArnRegistry) -> Attempt<'a, Option<String>> {
        async move {
            let role = self.role(session, references).await?;
            let request = session
                .clients
                .lambda
                .create_function()
                .function_name(&self.wanted.name)
                .description(DESCRIPTION)
                .runtime(RUNTIME)
                .handler(HANDLER)
                .role(role)
                .memory_size(self.wanted.memory_mb)
                .timeout(self.wanted.timeout_seconds)
                .architectures(self.architecture())
                .environment(environment_of(self.variables(references)))
                .set_logging_config(self.wanted.json_log.then(|| self.logging()))
                .set_tags(Some(session.owner.all_tags().into_iter().collect()))
                .code(FunctionCode::builder().zip_file(Blob::new(self.artifact.zip())).build());
            let result = request.customize().config_override(self.upload_time()).send().await;
            let answer = self.call(session, "CreateFunction").answer(result)?;
            session.recent.note_creation(&self.wanted.name);
            Ok(answer.function_arn)
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
        self.change(session, references, found, differences).boxed()
    }

    fn tag<'a>(&'a self, session: &'a Session, found: &'a Observed, tags: Tags) -> Attempt<'a> {
        self.set_tags(session, found.arn.as_deref().unwrap_or_default(), tags).boxed()
    }

    fn poll_ready<'a>(&'a self, session: &'a Session) -> Attempt<'a, Readiness> {
        async move {
            let Some(answer) = self.describe(session).await? else { return Ok(Readiness::NotVisible) };
            let reserved = answer.concurrency.and_then(|concurrency| concurrency.reserved_concurrent_executions);
            let Some(function) = answer.configuration else { return Ok(Readiness::NotVisible) };
            if let Some(why) = failed_update(&function) {
                return Err(self
                    .call(session, "GetFunction")
                    .build_failure(format!("the function's last update {why}")));
            }
            match state_of(&function) {
                // Concurrency cannot be set in the create call.
                State::Active if reserved != self.wanted.reserved_concurrency => {
                    self.set_concurrency(session).await?;
                    Ok(Readiness::NotYet("setting its concurrency".to_owned()))
                }
                State::Active => Ok(Readiness::Ready(function.function_arn.unwrap_or_default())),
                State::Failed(why) => Err(self
                    .call(session, "GetFunction")
                    .build_failure(format!("the function does not become active: {why}"))),
                State::Changing(state) => Ok(Readiness::NotYet(state)),
                State::Missing | State::Deleting => Ok(Readiness::NotYet("being deleted".to_owned())),
            }
        }
        .boxed()
    }

    fn unusable<'a>(&'a self, session: &'a Session) -> Attempt<'a, Option<AwsFailure>> {
        async move {
            // With a reserved concurrency of 0 it cannot run, as configured.
            if self.wanted.reserved_concurrency == Some(0) {
                return Ok(None);
            }
            let payload = Blob::new(NO_RECORDS);
            let request = session.clients.lambda.invoke().function_name(&self.wanted.name).payload(payload);
            Ok(match self.call(session, "Invoke").unit(request.send().await) {
                Err(failure) if failure.code.as_deref() == Some(STALE_GRANT) => Some(failure),
                // A caller without the permission to invoke it, or a throttled account, is no evidence against the
                // function.
                Err(failure) if matches!(failure.cause, FailureCause::Denied | FailureCause::Throttled) => {
                    let (name, said) = (self.wanted.name.clone(), failure.to_string());
                    session.observer.on(&StackEvent::Unproven { name, said });
                    None
                }
                Err(failure) => return Err(failure),
                Ok(()) => None,
            })
        }
        .boxed()
    }

    fn delete<'a>(&'a self, session: &'a Session, _: &'a Observed) -> Attempt<'a> {
        async move {
            let request = session.clients.lambda.delete_function().function_name(&self.wanted.name);
            self.call(session, "DeleteFunction").unit(request.send().await)
        }
        .boxed()
    }

    fn deletion_blocker<'a>(&'a self, session: &'a Session, _: &'a Observed) -> Attempt<'a, Option<DeletionBlocker>> {
        async move {
            if session.delete_consumers {
                return Ok(None);
            }
            let feeding = event_source_mapping::mappings_of_function(session, &self.wanted.name).await?;
            Ok((!feeding.is_empty()).then(|| DeletionBlocker {
                what: format!("is invoked by unmanaged event source mappings: {}", feeding.join(", ")),
                remedy:
                    "delete these mappings, or `sensorctl down --delete-consumers` deletes the function all the same: \
                      unmanaged mappings stay without a function"
                        .to_owned(),
            }))
        }
        .boxed()
    }

    fn permanent_failure<'a>(
        &'a self,
        session: &'a Session,
        _: &'a ArnRegistry,
        failure: &'a AwsFailure,
    ) -> BoxFuture<'a, Option<PermanentFailure>> {
        async move {
            let is_about_trust = failure.message.contains("cannot be assumed");
            if is_about_trust {
                diagnosis::permanent_failure(session, &self.role, &RequiredAccess::Trust).await
            } else {
                None
            }
        }
        .boxed()
    }
}

/// Returns the time limit for one attempt to upload a zip: base64 makes it a third longer, and a slow line carries 1
/// Mbit/s. An attempt that is stopped before the upload can complete would be retried in vain.
fn upload_limit(zip: usize) -> Duration {
    const BYTES_PER_SECOND: usize = 125_000;
    let seconds = (zip / 3 * 4).div_ceil(BYTES_PER_SECOND);
    ATTEMPT_TIMEOUT + Duration::from_secs(seconds as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upload_limit_grows_with_zip_size() {
        assert_eq!(upload_limit(0), ATTEMPT_TIMEOUT);
        // The largest zip that Lambda accepts this way, 50 MB, becomes 70 MB: nine minutes at 1 Mbit/s.
        let longest = upload_limit(50 << 20);
        assert!(longest > Duration::from_mins(9) && longest < Duration::from_mins(12), "{longest:?}");
    }
}
