//! `sensorctl plan`.

use std::sync::Arc;

use crate::commands::deployment::{DEFAULT_TIMEOUT, Deployment, Scope, cloud, tell_settings};
use crate::commands::stack_report::{StackReport, describe, tell_dangers, tell_leftovers};
use crate::context::Context;
use crate::error::Error;
use crate::output::{Format, StackProgress};
use crate::stack::{Plan, check_obstacles, name_what_goes_along};

/// Show what `up` would do, and why; changes nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Exit with 3 when something would change
    #[arg(long)]
    exit_code: bool,
    /// As `up --adopt` would: also take over what is there and was not made by sensorctl
    #[arg(long)]
    adopt: bool,
}

pub(super) async fn run(context: &Context, args: Args) -> Result<(), Error> {
    tell_settings(context);
    let observer = Arc::new(StackProgress::new(&context.output));
    let cloud = cloud(context, DEFAULT_TIMEOUT, observer).await?;
    let mut deployment = Deployment::observe(context, cloud, Scope::Stage).await?;
    deployment.keep(context, args.adopt);
    let Deployment { cloud, stack, references, found, .. } = &deployment;
    let resources = stack.resources();
    let mut plan = Plan::up(&cloud.owner, &resources, found.clone(), references, args.adopt)?;
    name_what_goes_along(cloud, &resources, &mut plan).await?;
    context.tell_whose_code_runs();
    // The table says it all by itself.
    if context.output.report_format() != Format::Table {
        for line in describe(&plan) {
            context.output.status(line);
        }
    }
    tell_dangers(&context.output, &plan);
    tell_leftovers(&context.output, &deployment.leftovers);
    context.output.report(&StackReport::new(&deployment, &plan, &[]))?;
    // What `up` would refuse is no plan.
    check_obstacles(cloud, &resources, &plan).await?;
    let would = format!("{} of {} resources would change", plan.changes(), plan.steps.len());
    let command = if args.adopt { "`sensorctl up --adopt`" } else { "`sensorctl up`" };
    match plan.changes() {
        0 => Ok(()),
        _ if args.exit_code => Err(Error::unwell(would).hint(format!("{command} does it"))),
        _ => {
            context.output.status(format!("{would}; {command} does it."));
            Ok(())
        }
    }
}
