//! `sensorctl demo`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sensor_model::{Decimal, Reading};

use crate::aws;
use crate::aws::wait::WaitError;
use crate::commands::invoke::{TEST_EVENT, succeeded};
use crate::commands::stack_context::{DiscoveryScope, NoProgress, StackContext, session};
use crate::context::Context;
use crate::error::Error;
use crate::operate::invoke;
use crate::output::{DemoReport, Output, StepTime, units};
use crate::pipeline::{PageRetry, ReadQuery, StoredReading, TableReader, put_one, wait_until_stored};
use crate::settings::{Pipeline, Settings};
use crate::stack::apply;
use crate::stack::{ArnRegistry, Plan, TeardownOptions};
use sensorctl_local::{LocalCloud, LocalOptions};

/// No step of a healthy demo comes near this.
const STEP_LIMIT: Duration = Duration::from_secs(30);

/// Run the whole pipeline once on this machine: no account, nothing left behind
///
/// Starts a throw-away local cloud inside this process, creates the pipeline in it, runs the function on the test event,
/// puts a reading into the stream, shows both rows, and deletes everything again.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {}

pub(super) async fn run(context: &Context, _args: DemoArgs) -> Result<(), Error> {
    let began = Instant::now();
    let mut walk = Walk { output: &context.output, steps: Vec::new() };
    let rows = walk.all(context).await?;
    let took = began.elapsed();
    context.output.report(&DemoReport { seconds: rounded(took), steps: walk.steps, rows })?;
    context.output.status(format!("Created, used and deleted the whole pipeline in {}.", units::duration(took)));
    context.output.status("Next: `sensorctl up --local` creates one that stays.");
    Ok(())
}

struct Walk<'a> {
    output: &'a Output,
    steps: Vec<StepTime>,
}

impl Walk<'_> {
    async fn all(&mut self, context: &Context) -> Result<Vec<StoredReading>, Error> {
        let home = tempfile::tempdir()
            .map_err(|error| Error::failed("could not make a folder for the local cloud").with_source(error))?;
        let options = LocalOptions {
            data_dir: home.path().join("local"),
            region: context.settings.region.clone(),
            ..LocalOptions::default()
        };
        let cloud = self.step("start a local cloud", LocalCloud::start(options)).await?;
        let inner = Context::with_clients(
            Settings { pipeline: Pipeline::by_default()?, stage: None, local: true, ..context.settings.clone() },
            context.output.clone(),
            context.interrupt.clone(),
            aws::connect(&cloud.connection_info().into()).await?,
        );
        let left = || Error::interrupted("interrupted; the throw-away local cloud is deleted");
        let rows = context.or_interrupt(self.pipeline(&inner), left).await;
        let stopped = match rows {
            Ok(_) => self.step("stop the local cloud", cloud.shutdown()).await,
            Err(_) => cloud.shutdown().await.map_err(Error::from),
        };
        let path = home.path().to_owned();
        let removed = home.close().map_err(|error| {
            Error::failed(format!("could not remove the throw-away local cloud in {}", path.display()))
                .with_source(error)
        });
        let rows = rows?;
        stopped.and(removed)?;
        Ok(rows)
    }

    async fn pipeline(&mut self, context: &Context) -> Result<Vec<StoredReading>, Error> {
        let clients = context.clients().await?;
        let names = &context.settings.pipeline;
        self.step("create tables, stream, role, log group, function and mapping", up(context)).await?;

        let first = reading("sensor-1", "99.9", "123456789")?;
        let invoked = invoke(clients, &names.function.name, TEST_EVENT.to_owned());
        self.step("run the function on the test event: sensor-1, 99.9", async {
            succeeded(&invoked.await?, &names.function.name)
        })
        .await?;
        self.step("find its row in the table", stored(context, &first, "0")).await?;

        let second = reading("sensor-2", "88.8", "987654321")?;
        let put = async { put_one(clients, &names.stream.name, &second).await.map_err(Error::from) };
        let receipt = self.step("put sensor-2, 88.8 into the stream", put).await?;
        let through = stored(context, &second, &receipt.sequence_number);
        self.step("wait until it reaches the table", through).await?;

        let rows = self.step("scan the table: both rows", both_rows(context)).await?;
        self.step("delete the pipeline and check that nothing is left", down(context)).await?;
        Ok(rows)
    }

    /// Runs one step, says it with its time, and names it where it fails.
    async fn step<T, E: Into<Error>>(
        &mut self,
        name: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        let began = Instant::now();
        match work.await {
            Ok(value) => {
                let took = began.elapsed();
                self.output.status(format!("  ✓ {:>7}  {name}", units::duration(took)));
                self.steps.push(StepTime { step: name, seconds: rounded(took) });
                Ok(value)
            }
            Err(error) => Err(error.into().context(format!("the demo could not {name}"))),
        }
    }
}

async fn up(context: &Context) -> Result<(), Error> {
    let session = session(context, STEP_LIMIT, Arc::new(NoProgress)).await?;
    let deployment = StackContext::observe(context, session, DiscoveryScope::Configured).await?;
    let StackContext { session, stack, references, found, .. } = &deployment;
    let resources = stack.resources();
    let plan = Plan::up(&session.owner, &resources, found.clone(), references, false)?;
    apply(session, &resources, &plan, references).await.map(drop)
}

async fn down(context: &Context) -> Result<(), Error> {
    let session = session(context, STEP_LIMIT, Arc::new(NoProgress)).await?;
    let deployment = StackContext::observe(context, session, DiscoveryScope::Configured).await?;
    let StackContext { session, stack, references, found, .. } = &deployment;
    let resources = stack.resources();
    let plan = Plan::down(&session.owner, &resources, found.clone(), &TeardownOptions::default());
    apply(session, &resources, &plan, references).await?;
    let again = stack.observe(session, &ArnRegistry::default()).await;
    let again = again.map_err(|mut failures| Error::from(failures.remove(0)))?;
    match resources.iter().zip(again).find(|(_, found)| found.exists()) {
        None => Ok(()),
        Some((resource, _)) => Err(Error::failed(format!("the {} still exists", resource.kind()))),
    }
}

async fn stored(context: &Context, reading: &Reading, sequence_number: &str) -> Result<(), Error> {
    let clients = context.clients().await?;
    let table = &context.settings.pipeline.table.name;
    wait_until_stored(clients, table, reading, sequence_number, STEP_LIMIT).await.map_err(|error| match error {
        WaitError::Failed(failure) => failure.into(),
        timed_out @ WaitError::TimedOut { .. } => Error::failed(timed_out.to_string()),
    })
}

async fn both_rows(context: &Context) -> Result<Vec<StoredReading>, Error> {
    let mut rows: Vec<StoredReading> = Vec::new();
    let question = ReadQuery { consistent: true, ..ReadQuery::default() };
    let retry = PageRetry { limit: STEP_LIMIT, waiting: &|_, _| {} };
    let reader = TableReader::new(context.clients().await?, &context.settings.pipeline.table.name, retry);
    reader
        .read_pages(&question, |page| {
            rows.extend(page.rows);
            Ok(true)
        })
        .await?;
    rows.sort_by(|a, b| a.reading.sensor_id.cmp(&b.reading.sensor_id));
    let whole = |row: &StoredReading| row.shard_id.is_some() && row.sequence_number.is_some();
    if rows.len() == 2 && rows.iter().all(whole) {
        Ok(rows)
    } else {
        Err(Error::failed(format!("the table holds {} rows instead of the two", rows.len())))
    }
}

fn reading(sensor: &str, temperature: &str, time: &str) -> Result<Reading, Error> {
    let number = |text| Decimal::parse(text).map_err(|error| Error::failed("not a number").with_source(error));
    Ok(Reading {
        sensor_id: sensor.to_owned(),
        temperature: number(temperature)?,
        current_time: number(time)?,
        fields: [].into(),
    })
}

fn rounded(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}
