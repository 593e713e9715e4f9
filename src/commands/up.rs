//! `sensorctl up`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::commands::deployment::{DEFAULT_TIMEOUT, Deployment, StackReport, describe};
use crate::context::Context;
use crate::error::Error;
use crate::output::{StackProgress, units};
use crate::stack::{Action, Kind, Plan, apply};

/// Make the pipeline exist and match the settings
///
/// Creates what is missing, updates what differs, and waits until it works. Doing it again changes nothing; a run that
/// was interrupted is finished by the next one. With --local it starts the local cloud of this user if need be.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do not ask, even when something is replaced
    #[arg(short, long)]
    yes: bool,
    /// Allow replacing a table or stream, which deletes the data in it
    #[arg(long)]
    replace: bool,
    /// Seconds to wait for a resource to work [default: 900]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
}

pub(super) async fn run(context: &Context, args: Args) -> Result<(), Error> {
    #[cfg(feature = "local")]
    if context.settings.local {
        super::local::ensure_running(context).await?;
    }
    let timeout = args.timeout.map_or(DEFAULT_TIMEOUT, Duration::from_secs);
    let left = || {
        Error::interrupted("interrupted while making the pipeline; what was made so far stays")
            .hint("`sensorctl up` goes on where this stopped, `sensorctl down` removes what is there")
    };
    let report = context.or_interrupt(args.make(context, timeout), left).await?;
    context.output.report(&report)
}

impl Args {
    async fn make(&self, context: &Context, timeout: Duration) -> Result<StackReport, Error> {
        let output = &context.output;
        let began = Instant::now();
        let observer = Arc::new(StackProgress::new(output));
        let deployment = Deployment::observe(context, timeout, observer).await?;
        let Deployment { cloud, stack, references, found, .. } = &deployment;
        let plan = Plan::up(&cloud.owner, stack.resources(), found.clone(), references)?;
        plan.check_protection()?;
        self.consent(context, &plan).await?;
        let done = apply(cloud, stack.resources(), &plan, references).await?;
        let took = units::duration(began.elapsed());
        match plan.changes() {
            0 => output.status(format!("Nothing to do: the pipeline is as wanted ({took}).")),
            changes => output.status(format!("The pipeline works: {changes} of 7 resources changed in {took}.")),
        }
        Ok(deployment.report(&plan, &done))
    }

    async fn consent(&self, context: &Context, plan: &Plan) -> Result<(), Error> {
        let output = &context.output;
        for line in describe(plan) {
            output.status(line);
        }
        let holds_data = |kind: Kind| kind.is_table() || kind == Kind::Stream;
        let losing = plan.steps.iter().find(|step| step.action == Action::Replace && holds_data(step.kind));
        if let Some(step) = losing
            && !self.replace
        {
            let (kind, name) = (step.kind, &step.name);
            return Err(Error::failed(format!("the {kind} `{name}` would have to be replaced: {}", step.reason))
                .hint("`--replace` allows it; the data in it is deleted"));
        }
        if !plan.destroys() || self.yes {
            return Ok(());
        }
        if !output.can_ask() {
            return Err(Error::usage("something would be replaced, and there is no terminal to ask on")
                .hint("`--yes` goes ahead without asking"));
        }
        if output.confirm("Replace as shown?").await? {
            Ok(())
        } else {
            Err(Error::failed("not confirmed; nothing was changed"))
        }
    }
}
