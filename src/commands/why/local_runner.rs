//! Runs the bundled function on records behind a throw-away local cloud inside this process, with tables of its own.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::aws;
use crate::commands::stack_context::{NoProgress, session};
use crate::context::Context;
use crate::error::Error;
use crate::operate::{BatchRun, BatchRunner, EventOrigin, EventRecord, FunctionSetup, invoke, records_event};
use crate::settings::{Pipeline, Settings};
use crate::stack::{Architecture, ArnRegistry, FunctionArtifact, PARTIAL_BATCH, Plan, Stack, apply};
use sensorctl_local::{LocalCloud, LocalOptions};

/// No step of creating the function comes near this.
const STEP_LIMIT: Duration = Duration::from_secs(30);
/// The event without records.
const NO_RECORDS: &str = r#"{"Records":[]}"#;
/// The region of its cloud. Nothing depends on it.
const REGION: &str = "us-east-1";

/// The function in its own local cloud, which starts with the first run.
pub(super) struct LocalRunner<'a> {
    context: &'a Context,
    running: OnceCell<Running>,
}

struct Running {
    cloud: LocalCloud,
    /// Holds the records: only this user may enter it, and it is removed with its content.
    home: TempDir,
    inner: Context,
}

impl<'a> LocalRunner<'a> {
    /// Creates a runner. It starts nothing yet.
    pub(super) fn new(context: &'a Context) -> Self {
        LocalRunner { context, running: OnceCell::new() }
    }

    /// Stops the local cloud, and removes its folder with all records.
    ///
    /// # Errors
    /// When it does not stop, or the folder cannot be removed.
    pub(super) async fn close(self) -> Result<(), Error> {
        let Some(Running { cloud, home, .. }) = self.running.into_inner() else { return Ok(()) };
        let stopped = cloud.shutdown().await.map_err(Error::from);
        let path = home.path().to_owned();
        let removed = home.close().map_err(|error| {
            Error::failed(format!("could not remove the records of the diagnosis in {}", path.display()))
                .with_source(error)
        });
        stopped.and(removed)
    }

    async fn running(&self, setup: &FunctionSetup) -> Result<&Running, String> {
        self.running.get_or_try_init(|| self.start(setup).boxed()).await.map_err(|error| error.full_message())
    }

    /// Starts it. The futures below are boxed: together they are larger than the stack of a thread has room for.
    async fn start(&self, setup: &FunctionSetup) -> Result<Running, Error> {
        let architecture = Architecture::of_this_machine()
            .ok_or_else(|| Error::failed("the function does not run on a machine of this architecture"))?;
        let artifact = FunctionArtifact::bundled(architecture)?;
        let home = tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir();
        let home = home.map_err(|error| Error::failed("could not make a folder for the records").with_source(error))?;
        let data_dir = home.path().join("local");
        let options = LocalOptions { data_dir, region: Some(REGION.to_owned()), ..LocalOptions::default() };
        let cloud = Box::pin(LocalCloud::start(options)).await?;
        let mut pipeline = Pipeline::by_default()?;
        pipeline.function.memory_mb = setup.memory_mb;
        pipeline.function.timeout_seconds = setup.timeout_seconds;
        // The mapping of this cloud has nothing to deliver: its stream stays empty.
        pipeline.mapping.enabled = false;
        let settings = Settings {
            pipeline,
            stage: None,
            local: true,
            region: Some(REGION.to_owned()),
            ..self.context.settings.clone()
        };
        let inner = Context::with_clients(
            settings,
            self.context.output.clone(),
            self.context.interrupt.clone(),
            aws::connect(&cloud.connection_info().into()).await?,
        );
        let running = Running { cloud, home, inner };
        Box::pin(create(&running.inner, artifact, setup)).await?;
        Ok(running)
    }
}

/// Creates the function with the tables that it writes, and all else that it takes.
async fn create(context: &Context, artifact: FunctionArtifact, setup: &FunctionSetup) -> Result<(), Error> {
    let session = session(context, STEP_LIMIT, Arc::new(NoProgress)).await?;
    let mut variables = BTreeMap::new();
    variables.insert(PARTIAL_BATCH, setup.is_partial_batch.then(|| "1".to_owned()));
    if !setup.has_rejects_table {
        variables.insert("SENSORCTL_REJECTS_TABLE", None);
    }
    let stack = Stack::with_variables(&context.settings.pipeline, artifact, &variables);
    let references = ArnRegistry::default();
    let found = Box::pin(stack.observe(&session, &references)).await;
    let found = found.map_err(|mut failures| Error::from(failures.remove(0)))?;
    let resources = stack.resources();
    let plan = Plan::up(&session.owner, &resources, found, &references, false)?;
    Box::pin(apply(&session, &resources, &plan, &references)).await?;
    // Where the program does not start at all, it would fail for every record.
    let function = &context.settings.pipeline.function.name;
    let invocation = Box::pin(invoke(&session.clients, function, NO_RECORDS.to_owned())).await?;
    match invocation.failure() {
        None => Ok(()),
        Some((_, reason)) => Err(Error::failed(format!("the bundled function does not run on this machine: {reason}"))),
    }
}

impl BatchRunner for LocalRunner<'_> {
    fn run<'a>(
        &'a self,
        setup: &'a FunctionSetup,
        stream_arn: &'a str,
        records: &'a [EventRecord],
    ) -> BoxFuture<'a, Result<BatchRun, String>> {
        async move {
            let Running { inner, .. } = self.running(setup).await?;
            let clients = inner.clients().await.map_err(|error| error.full_message())?;
            let function = &inner.settings.pipeline.function.name;
            let event = records_event(records, EventOrigin { region: REGION, stream_arn });
            let invocation = Box::pin(invoke(clients, function, event)).await.map_err(|failure| failure.said())?;
            let said = invocation.counts().and_then(|counts| counts.error);
            Ok(match (invocation.failure(), invocation.not_stored().into_iter().next()) {
                (None, None) => BatchRun::Stored,
                (Some((_, reason)), first_failed) => BatchRun::Failed { reason: said.unwrap_or(reason), first_failed },
                (None, first_failed) => BatchRun::Failed {
                    reason: said.unwrap_or_else(|| "the function could not store everything".to_owned()),
                    first_failed,
                },
            })
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::global_flags::GlobalFlags;
    use crate::output::{Format, Output};
    use crate::settings::Scope;

    #[tokio::test(flavor = "multi_thread")]
    async fn records_of_a_run_lie_in_a_folder_of_this_user_that_is_removed() {
        let environment = |name: &str| (name == "SENSORCTL_DATA_DIR").then(|| "/nonexistent".to_owned());
        let scope = Scope { file: false, local: true };
        let settings = Settings::resolve_in(&GlobalFlags::default(), scope, &environment).unwrap();
        let (output, _) = Output::captured(Format::Auto, true, 0);
        let context = Context::with_settings(settings, output, CancellationToken::new());
        let runner = LocalRunner::new(&context);
        let setup =
            FunctionSetup { memory_mb: 256, timeout_seconds: 60, has_rejects_table: false, is_partial_batch: true };
        let record = |number: &str, data: &str| EventRecord {
            shard_id: "shardId-000000000000".into(),
            sequence_number: number.into(),
            partition_key: "k".into(),
            data: data.into(),
            arrived: 1.0,
        };
        let records = [record("1", r#"{"sensor_id":"a","temperature":1,"current_time":1}"#), record("2", "no reading")];
        let stored = runner.run(&setup, "arn:aws:kinesis:us-east-1:1:stream/s", &records[..1]).await;
        assert_eq!(stored, Ok(BatchRun::Stored));
        let BatchRun::Failed { reason, first_failed } = runner.run(&setup, "arn", &records).await.unwrap() else {
            panic!("a record that is no reading fails it")
        };
        assert_eq!(first_failed.as_deref(), Some("2"), "{reason}");
        let home = runner.running.get().unwrap().home.path().to_owned();
        assert_eq!(std::fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
        runner.close().await.unwrap();
        assert!(!home.exists());
    }
}
