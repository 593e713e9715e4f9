//! `sensorctl down`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::commands::deployment::{DEFAULT_TIMEOUT, Deployment, Remaining, StackReport, describe};
use crate::context::Context;
use crate::error::Error;
use crate::output::{Message, StackProgress, units};
use crate::stack::{Action, Kind, Plan, References, apply};

/// Delete what sensorctl made, in the right order, and prove that nothing is left
///
/// Never touches what sensorctl did not make. A run that was interrupted is finished by the next one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Keep both tables and the rows in them
    #[arg(long)]
    keep_data: bool,
    /// Seconds to wait for a resource to be gone [default: 900]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
}

pub(super) async fn run(context: &Context, args: Args) -> Result<(), Error> {
    let left = || {
        Error::interrupted("interrupted while taking the pipeline down; what was not deleted yet is still there")
            .hint("`sensorctl down` goes on where this stopped")
    };
    let report = context.or_interrupt(args.take_down(context), left).await?;
    context.output.report(&report)?;
    match report.remaining.as_deref() {
        None | Some([]) => Ok(()),
        Some(remaining) => {
            let names: Vec<_> = remaining.iter().map(|left| format!("{} `{}`", left.kind, left.name)).collect();
            Err(Error::failed(format!("still there: {}", names.join(", ")))
                .hint("run `sensorctl down` again; something may have made them anew"))
        }
    }
}

impl Args {
    async fn take_down(&self, context: &Context) -> Result<StackReport, Error> {
        let output = &context.output;
        let timeout = self.timeout.map_or(DEFAULT_TIMEOUT, Duration::from_secs);
        let observer = Arc::new(StackProgress::new(output));
        let deployment = Deployment::observe(context, timeout, observer).await?;
        let Deployment { cloud, stack, references, found, account } = &deployment;
        let keep: &[Kind] = if self.keep_data { &[Kind::Table, Kind::RejectsTable] } else { &[] };
        let plan = Plan::down(&cloud.owner, stack.resources(), found.clone(), keep);
        plan.check_protection()?;
        for line in describe(&plan) {
            output.status(line);
        }
        if plan.destroys() && !self.yes {
            if !output.can_ask() {
                return Err(Error::usage("`down` deletes, and there is no terminal to ask on")
                    .hint("`--yes` goes ahead without asking"));
            }
            let place = format!("account {account}, {}", cloud.clients.region);
            let rows = rows_to_go(&plan);
            let what = format!("Delete these {} resources in {place}{rows}?", plan.changes());
            if !output.confirm(&what).await? {
                return Err(Error::failed("not confirmed; nothing was deleted"));
            }
        }
        let began = Instant::now();
        let done = apply(cloud, stack.resources(), &plan, references).await?;
        let kept = plan.steps.iter().find(|step| step.kind == Kind::LogGroup && step.action == Action::Keep);
        if let Some(step) = kept {
            output.warn(&Message::ForeignLogGroup { name: step.name.clone() });
        }
        let again = stack.observe(cloud, &References::default()).await?;
        let remaining: Vec<_> = plan
            .steps
            .iter()
            .zip(again)
            .filter(|(step, found)| step.action == Action::Delete && found.is_there())
            .map(|(step, found)| Remaining { kind: step.kind, name: step.name.clone(), arn: found.arn })
            .collect();
        let took = units::duration(began.elapsed());
        match plan.changes() {
            0 => output.status(format!("Nothing to delete ({took}).")),
            _ if !remaining.is_empty() => {}
            changes => output.status(format!("{changes} resources deleted in {took}; nothing is left.")),
        }
        let mut report = deployment.report(&plan, &done);
        report.remaining = Some(remaining);
        Ok(report)
    }
}

/// The rows of the tables that go, as far as the service has counted them; nothing where no table goes.
fn rows_to_go(plan: &Plan) -> String {
    let mut going = plan.steps.iter().filter(|step| step.action == Action::Delete && step.kind.is_table()).peekable();
    if going.peek().is_none() {
        return String::new();
    }
    let counted: u64 = going.filter_map(|step| step.found.details.get("rows")?.parse::<u64>().ok()).sum();
    match counted {
        // The service counts every six hours (facts/aws.md).
        0 => ", and all rows with them".to_owned(),
        1 => ", and about 1 row with them".to_owned(),
        rows => format!(", and about {} rows with them", units::count(rows)),
    }
}
