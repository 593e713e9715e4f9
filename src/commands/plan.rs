//! `sensorctl plan`.

use std::sync::Arc;

use crate::commands::consent::{doubts, replaced_data, resources as counted};
use crate::commands::stack_context::{
    DEFAULT_TIMEOUT, Deployment, Scope, cloud, tell_settings, tell_starting_position,
};
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
    tell_starting_position(context, &plan);
    // The table says it all by itself.
    if context.output.report_format() != Format::Table {
        for line in describe(&plan) {
            context.output.status(line);
        }
    }
    tell_dangers(&context.output, &plan);
    tell_leftovers(&context.output, &deployment.leftovers);
    context.output.report(&StackReport::of_plan(&deployment, &plan))?;
    if plan.changes() == 0 {
        return Ok(());
    }
    let would = format!("{} of {} would change", plan.changes(), counted(plan.steps.len()));
    check_obstacles(cloud, &resources, &plan)
        .await
        .map_err(|error| error.during(format!("{would}, but `sensorctl up` would refuse")))?;
    let how = way(&plan, args.adopt);
    if args.exit_code {
        return Err(Error::unwell(would).hint(how));
    }
    context.output.status(format!("{would}; {how}."));
    Ok(())
}

/// The command that carries the plan out, and what it asks about first.
fn way(plan: &Plan, adopt: bool) -> String {
    let replaces = replaced_data(plan).next().is_some();
    let flags = [(adopt, " --adopt"), (replaces, " --replace")];
    let flags: String = flags.into_iter().filter(|(is_needed, _)| *is_needed).map(|(_, flag)| flag).collect();
    let does = format!("`sensorctl up{flags}` does it");
    let doubts = doubts(plan);
    if doubts.is_empty() { does } else { format!("{does}, and asks first: {}", doubts.join(", and ")) }
}
