//! Updates a function in place.

use std::sync::atomic::Ordering;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::Environment;

use super::environment::{environment_of, variables_of};
use super::state::{failed_update, state_of};
use super::{Function, HANDLER, RUNTIME};
use crate::aws::{AwsFailure, FailureCause};
use crate::stack::{ArnRegistry, Difference, Observed, Session, State};

impl Function {
    /// Requests the changes, the code first. A role that Lambda cannot assume is left to the caller: it may be too new,
    /// or permanently unusable.
    pub(crate) async fn change(
        &self,
        session: &Session,
        references: &ArnRegistry,
        found: &Observed,
        differences: &[Difference],
    ) -> Result<(), AwsFailure> {
        let arn = found.arn.as_deref().unwrap_or_default();
        let (mut code, mut configuration) = (false, false);
        for difference in differences {
            match difference.property {
                "code_sha256" | "architecture" => code = true,
                // The service does not say which of the two failed.
                "last_update" => (code, configuration) = (true, true),
                "reserved_concurrency" => self.set_concurrency(session).await?,
                _ => configuration = true,
            }
        }
        if code && !self.is_code_sent.load(Ordering::Relaxed) {
            // The version of the code, so that an older sensorctl can recognize it. It is set before the code:
            // otherwise a concurrent run would take the code for the older version's.
            session.retry_transient(self, || self.set_tags(session, arn, session.owner.all_tags())).await?;
            retry_unless_propagating(session, self, || self.update_code(session)).await?;
            self.is_code_sent.store(true, Ordering::Relaxed);
        }
        if configuration {
            let role = self.role(session, references).await?;
            retry_unless_propagating(session, self, || async {
                // A successful update would hide that the one before failed.
                if code {
                    self.check_update(session).await?;
                }
                self.update_configuration(session, references, &role).await
            })
            .await?;
        }
        Ok(())
    }

    /// Checks that the last update is complete and did not fail.
    async fn check_update(&self, session: &Session) -> Result<(), AwsFailure> {
        let Some(function) = self.describe(session).await?.and_then(|answer| answer.configuration) else {
            return Ok(());
        };
        let call = self.call(session, "GetFunction");
        match (failed_update(&function), state_of(&function)) {
            (Some(why), _) => Err(call.build_failure(format!("the function's last update {why}"))),
            (None, State::Changing(state)) => {
                Err(AwsFailure { cause: FailureCause::InUse, ..call.build_failure(state) })
            }
            (None, _) => Ok(()),
        }
    }

    /// Returns the environment with the observed variables to keep. They may be secret, so they are read again here and
    /// not carried in the plan.
    async fn environment_beside_kept(
        &self,
        session: &Session,
        references: &ArnRegistry,
    ) -> Result<Environment, AwsFailure> {
        let ours = self.variables(references);
        let Some(kept) = &self.kept else { return Ok(environment_of(ours)) };
        let function = self.describe(session).await?.and_then(|answer| answer.configuration);
        // Variables that were readable for the plan may not be readable any more.
        let read = |function| variables_of(&session.clients, function);
        let mut variables = function.as_ref().map(read).transpose()?.unwrap_or_default();
        variables.retain(|name, _| kept.contains_key(name));
        variables.extend(ours);
        Ok(environment_of(variables))
    }

    async fn update_code(&self, session: &Session) -> Result<(), AwsFailure> {
        let request = session
            .clients
            .lambda
            .update_function_code()
            .function_name(&self.wanted.name)
            .architectures(self.architecture())
            .zip_file(Blob::new(self.artifact.zip()));
        let result = request.customize().config_override(self.upload_time()).send().await;
        self.call(session, "UpdateFunctionCode").unit(result)
    }

    async fn update_configuration(
        &self,
        session: &Session,
        references: &ArnRegistry,
        role: &str,
    ) -> Result<(), AwsFailure> {
        let request = session
            .clients
            .lambda
            .update_function_configuration()
            .function_name(&self.wanted.name)
            .role(role)
            .runtime(RUNTIME)
            .handler(HANDLER)
            .memory_size(self.wanted.memory_mb)
            .timeout(self.wanted.timeout_seconds)
            .environment(self.environment_beside_kept(session, references).await?)
            .logging_config(self.logging());
        self.call(session, "UpdateFunctionConfiguration").unit(request.send().await)
    }
}

/// Retries a call after transient failures, except for that of a role which is too new.
async fn retry_unless_propagating<Fut>(
    session: &Session,
    function: &Function,
    mut call: impl FnMut() -> Fut,
) -> Result<(), AwsFailure>
where
    Fut: Future<Output = Result<(), AwsFailure>>,
{
    let once = || {
        let call = call();
        async {
            match call.await {
                Err(failure) if failure.cause == FailureCause::Propagating => Ok(Err(failure)),
                result => result.map(Ok),
            }
        }
    };
    session.retry_transient(function, once).await?
}
