//! `sensorctl plan`.

use std::sync::Arc;

use crate::commands::consent::{doubts, replaced_data, resources as counted};
use crate::commands::stack_context::{
    DEFAULT_TIMEOUT, DiscoveryScope, StackContext, print_settings, session, tell_starting_position,
};
use crate::context::Context;
use crate::error::Error;
use crate::output::{Format, StackProgress, StackReport, plan_lines, print_orphans, print_warnings};
use crate::stack::{Plan, annotate_collateral, check_deletion_blockers};

/// Show what `up` would do, and why; change nothing
#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    /// Exit with 3 if something would change
    #[arg(long)]
    exit_code: bool,
    /// Plan for `up --adopt`: also adopt resources that sensorctl did not create
    #[arg(long)]
    adopt: bool,
}

pub(super) async fn run(context: &Context, args: PlanArgs) -> Result<(), Error> {
    print_settings(context);
    let observer = Arc::new(StackProgress::new(&context.output));
    let session = session(context, DEFAULT_TIMEOUT, observer).await?;
    let mut deployment = StackContext::observe(context, session, DiscoveryScope::Stage).await?;
    deployment.preserve_unmanaged(context, args.adopt);
    let StackContext { session, stack, references, found, .. } = &deployment;
    let resources = stack.resources();
    let mut plan = Plan::up(&session.owner, &resources, found.clone(), references, args.adopt)?;
    annotate_collateral(session, &resources, &mut plan).await?;
    plan.name_arns(&deployment.expected_arns());
    context.tell_whose_code_runs();
    tell_starting_position(context, &plan);
    // The table says it all by itself.
    if context.output.report_format() != Format::Table {
        context.output.lines(&plan_lines(&plan, false));
    }
    context.output.report(&StackReport::of_plan(deployment.report_scope(&plan), &plan))?;
    print_warnings(&context.output, &plan);
    print_orphans(&context.output, &deployment.orphans);
    if plan.changes() == 0 {
        context.output.status(format!("Nothing to do: {} are up to date.", counted(plan.steps.len())));
        return Ok(());
    }
    let would = format!("{} of {} would change", plan.changes(), counted(plan.steps.len()));
    check_deletion_blockers(session, &resources, &plan)
        .await
        .map_err(|error| error.context(format!("{would}, but `sensorctl up` would refuse")))?;
    let how = way(&plan, args.adopt);
    if args.exit_code {
        return Err(Error::incomplete(would).hint(how));
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
