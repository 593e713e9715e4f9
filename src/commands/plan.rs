//! `sensorctl plan`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::commands::deployment::{DEFAULT_TIMEOUT, Deployment, describe, tell_settings};
use crate::context::Context;
use crate::error::Error;
use crate::output::{Format, StackProgress};
use crate::stack::Plan;

/// Show what `up` would do, and why; changes nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Exit with 3 when something would change
    #[arg(long)]
    exit_code: bool,
}

pub(super) async fn run(context: &Context, args: Args) -> Result<(), Error> {
    tell_settings(context);
    let observer = Arc::new(StackProgress::new(&context.output));
    let deployment = Deployment::observe(context, DEFAULT_TIMEOUT, observer).await?;
    let Deployment { cloud, stack, references, found, .. } = &deployment;
    let plan = Plan::up(&cloud.owner, stack.resources(), found.clone(), references)?;
    // The table says it all by itself.
    if context.output.report_format() != Format::Table {
        for line in describe(&plan) {
            context.output.status(line);
        }
    }
    context.output.report(&deployment.report(&plan, &BTreeMap::new()))?;
    match plan.changes() {
        0 => Ok(()),
        changes if args.exit_code => {
            Err(Error::unwell(format!("{changes} of 7 resources would change")).hint("`sensorctl up` does it"))
        }
        changes => {
            context.output.status(format!("{changes} of 7 resources would change; `sensorctl up` does it."));
            Ok(())
        }
    }
}
