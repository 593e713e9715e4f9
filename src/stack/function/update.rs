//! What it takes to change a function in place.

use std::sync::atomic::Ordering;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::Environment;

use super::environment::{environment_of, variables_of};
use super::state::{failed_update, state_of};
use super::{Function, HANDLER, RUNTIME};
use crate::aws::{Cause, Failure};
use crate::stack::{Cloud, Difference, Found, References, State};

impl Function {
    /// Asks for what differs, the code first. A role that cannot be taken is the caller's to judge: it may be too new, or
    /// never be taken.
    pub(super) async fn change(
        &self,
        cloud: &Cloud,
        references: &References,
        found: &Found,
        differences: &[Difference],
    ) -> Result<(), Failure> {
        let arn = found.arn.as_deref().unwrap_or_default();
        let (mut code, mut configuration) = (false, false);
        for difference in differences {
            match difference.property {
                "code_sha256" | "architecture" => code = true,
                // Which of the two failed is not told.
                "last_update" => (code, configuration) = (true, true),
                "reserved_concurrency" => self.set_concurrency(cloud).await?,
                _ => configuration = true,
            }
        }
        if code && !self.is_code_sent.load(Ordering::Relaxed) {
            // The version that the code is of, so that an older sensorctl can tell. It comes before the code, which
            // would else be taken for the older one's by who comes in between.
            cloud.patiently(self, || self.set_tags(cloud, arn, cloud.owner.all_tags())).await?;
            unless_propagating(cloud, self, || self.update_code(cloud)).await?;
            self.is_code_sent.store(true, Ordering::Relaxed);
        }
        if configuration {
            let role = self.role(cloud, references).await?;
            unless_propagating(cloud, self, || async {
                // That this update went well would hide that the one before did not.
                if code {
                    self.check_update(cloud).await?;
                }
                self.update_configuration(cloud, references, &role).await
            })
            .await?;
        }
        Ok(())
    }

    /// Checks that the last update is through and did not fail.
    async fn check_update(&self, cloud: &Cloud) -> Result<(), Failure> {
        let Some(function) = self.describe(cloud).await?.and_then(|answer| answer.configuration) else { return Ok(()) };
        let call = self.call(cloud, "GetFunction");
        match (failed_update(&function), state_of(&function)) {
            (Some(why), _) => Err(call.not_made(format!("the function's last update {why}"))),
            (None, State::Changing(state)) => Err(Failure { cause: Cause::InUse, ..call.not_made(state) }),
            (None, _) => Ok(()),
        }
    }

    /// The same with the variables that stay as they are. They may be secret, so they are not carried about.
    async fn environment_beside_kept(&self, cloud: &Cloud, references: &References) -> Result<Environment, Failure> {
        let ours = self.variables(references);
        let Some(kept) = &self.kept else { return Ok(environment_of(ours)) };
        let function = self.describe(cloud).await?.and_then(|answer| answer.configuration);
        // What could be read when the plan was made may not be readable any more.
        let read = |function| variables_of(&cloud.clients, function);
        let mut variables = function.as_ref().map(read).transpose()?.unwrap_or_default();
        variables.retain(|name, _| kept.contains_key(name));
        variables.extend(ours);
        Ok(environment_of(variables))
    }

    async fn update_code(&self, cloud: &Cloud) -> Result<(), Failure> {
        let request = cloud
            .clients
            .lambda
            .update_function_code()
            .function_name(&self.wanted.name)
            .architectures(self.architecture())
            .zip_file(Blob::new(self.artifact.zip()));
        let result = request.customize().config_override(self.upload_time()).send().await;
        self.call(cloud, "UpdateFunctionCode").done(result)
    }

    async fn update_configuration(&self, cloud: &Cloud, references: &References, role: &str) -> Result<(), Failure> {
        let request = cloud
            .clients
            .lambda
            .update_function_configuration()
            .function_name(&self.wanted.name)
            .role(role)
            .runtime(RUNTIME)
            .handler(HANDLER)
            .memory_size(self.wanted.memory_mb)
            .timeout(self.wanted.timeout_seconds)
            .environment(self.environment_beside_kept(cloud, references).await?)
            .logging_config(self.logging());
        self.call(cloud, "UpdateFunctionConfiguration").done(request.send().await)
    }
}

/// Repeats a call while its failure passes, unless it is that of a role which is too new.
async fn unless_propagating<Fut>(
    cloud: &Cloud,
    function: &Function,
    mut call: impl FnMut() -> Fut,
) -> Result<(), Failure>
where
    Fut: Future<Output = Result<(), Failure>>,
{
    let once = || {
        let call = call();
        async {
            match call.await {
                Err(failure) if failure.cause == Cause::Propagating => Ok(Err(failure)),
                result => result.map(Ok),
            }
        }
    };
    cloud.patiently(function, once).await?
}
