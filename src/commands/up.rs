//! `sensorctl up`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::commands::canaries;
use crate::commands::consent::{doubts, replaced_data, resources as counted};
use crate::commands::stack_context::{DiscoveryScope, StackContext, session, tell_starting_position};
use crate::commands::stack_report::{StackReport, describe, print_warnings};
use crate::context::Context;
use crate::error::Error;
use crate::output::{StackProgress, Warning, units};
use crate::pipeline::{ProbeRegistry, parse_duration};
use crate::stack::apply;
use crate::stack::{Observed, Plan, Session, annotate_collateral, check_deletion_blockers};

/// Make the pipeline exist and match the settings
///
/// Creates what is missing, updates what differs, and waits until it works. Doing it again changes nothing; a run that
/// was interrupted is finished by the next one. With --local it starts the local cloud of this user if need be.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub struct UpArgs {
    /// Do not ask, even when something is replaced or data is lost
    #[arg(short, long)]
    yes: bool,
    /// Allow replacing a table or stream, which deletes the data in it
    #[arg(long)]
    replace: bool,
    /// Take over what is there and was not made by sensorctl: it is tagged, only what the settings name or the pipeline
    /// needs is changed, and `down` keeps it
    #[arg(long)]
    adopt: bool,
    /// Return once all is asked for, without waiting until it works
    #[arg(long)]
    no_wait: bool,
    /// Send a marker reading through when all works, and take it out of the table again
    #[arg(long, conflicts_with = "no_wait")]
    verify: bool,
    /// How long to wait, all in all, until everything works: 30s, 15m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "15m")]
    timeout: Duration,
}

pub(super) async fn run(context: &Context, args: UpArgs) -> Result<(), Error> {
    if args.verify {
        canaries::check(context, "--verify")?;
    }
    if context.settings.local {
        super::local::ensure_running(context).await?;
    }
    let has_begun = AtomicBool::new(false);
    let left = || {
        if !has_begun.load(Ordering::Relaxed) {
            return Error::interrupted("interrupted; nothing was changed")
                .hint("`sensorctl up` begins again, `sensorctl down` removes what an earlier run made");
        }
        Error::interrupted("interrupted while making the pipeline; what was made so far stays")
            .hint("`sensorctl up` goes on where this stopped, `sensorctl down` removes what is there")
    };
    let trail = ProbeRegistry::default();
    let result = context.or_interrupt(args.make(context, &trail, &has_begun), left).await;
    let report = canaries::with_cleanup(context, &trail, result).await?;
    context.output.report(&report)
}

impl UpArgs {
    async fn make(
        &self,
        context: &Context,
        trail: &ProbeRegistry,
        has_begun: &AtomicBool,
    ) -> Result<StackReport, Error> {
        let output = &context.output;
        let began = Instant::now();
        let observer = Arc::new(StackProgress::new(output));
        let session = session(context, self.timeout, observer).await?;
        let mut deployment = StackContext::observe(context, session, DiscoveryScope::Configured).await?;
        deployment.preserve_unmanaged(context, self.adopt);
        let StackContext { session, stack, references, found, .. } = &deployment;
        let resources = stack.resources();
        let mut plan = Plan::up(&session.owner, &resources, found.clone(), references, self.adopt)?;
        plan.waits = !self.no_wait;
        check_deletion_blockers(session, &resources, &plan).await?;
        annotate_collateral(session, &resources, &mut plan).await?;
        self.consent(context, &plan).await?;
        // The time in which somebody was asked does not count.
        let session = &session.with_shared_deadline();
        has_begun.store(true, Ordering::Relaxed);
        let done = apply(session, &resources, &plan, references).await?;
        let took = units::duration(began.elapsed());
        let mut report = StackReport::of_done(&deployment, &plan, &done);
        let (changes, all) = (report.changed, counted(plan.steps.len()));
        let by_others = match plan.changes() - changes {
            0 => String::new(),
            others => format!("; {} there by then", counted(others)),
        };
        match plan.changes() {
            0 => {
                output.status(format!("Nothing to do: the pipeline is as wanted ({took})."));
                tell_problem(context, found);
            }
            _ if self.no_wait => {
                output.status(format!("All is asked for: {changes} of {all} changed in {took}{by_others}."));
                output.status("It works in a while; `sensorctl status` tells, and `sensorctl up` waits for it.");
                if references.holds_back_partial_batch() {
                    let up = context.settings.hints.command("up", [""; 0]);
                    output.status(format!(
                        "Until then the function fails whole batches, which are delivered again: the mapping's \
                         ReportBatchItemFailures is not in force yet. {up} lets it answer in part once it is."
                    ));
                }
            }
            _ => output.status(format!("The pipeline works: {changes} of {all} changed in {took}{by_others}.")),
        }
        if self.verify {
            report.verified_after_ms = Some(verify(context, session, session.schedule.left(), trail).await?);
        }
        Ok(report)
    }

    async fn consent(&self, context: &Context, plan: &Plan) -> Result<(), Error> {
        let output = &context.output;
        context.tell_whose_code_runs();
        tell_starting_position(context, plan);
        for line in describe(plan) {
            output.status(line);
        }
        print_warnings(output, plan);
        let replaced = replaced_data(plan).map(|step| {
            let (kind, name, reason) = (step.kind, &step.name, &step.reason);
            format!("the {kind} `{name}` would have to be replaced: {reason}")
        });
        let replaced: Vec<_> = replaced.collect();
        let doubts = doubts(plan);
        if !replaced.is_empty() && !self.replace {
            return Err(
                Error::failed(replaced.join("; ")).hint(format!("`--replace` allows it: {}", doubts.join(", and ")))
            );
        }
        if doubts.is_empty() || self.yes {
            return Ok(());
        }
        let doubts = doubts.join(", and ");
        if !output.can_ask() {
            return Err(Error::usage(format!("{doubts}, and there is no terminal to ask on"))
                .hint("`--yes` goes ahead without asking"));
        }
        if output.confirm(&format!("Go ahead, though {doubts}?")).await? {
            Ok(())
        } else {
            Err(Error::failed("not confirmed; nothing was changed"))
        }
    }
}

/// Warns where nothing differs from the settings, and the mapping has a problem all the same.
fn tell_problem(context: &Context, found: &[Observed]) {
    let results = found.iter().filter_map(|found| found.details.get("last_processing_result"));
    for result in results.filter(|result| result.starts_with("PROBLEM")) {
        context.output.warn(&Warning::MappingProblem { result: result.clone() });
    }
}

/// Sends a marker through, and tells how long it took in milliseconds.
async fn verify(context: &Context, session: &Session, timeout: Duration, trail: &ProbeRegistry) -> Result<u64, Error> {
    let step = context.output.progress().step("marker reading");
    let way = canaries::probe_route(context, &session.clients, timeout, trail);
    let sent = way.send_probe().await;
    canaries::name(context, &way.delete_leftover_probes().await);
    match sent {
        Ok(took) => {
            step.done("went through");
            Ok(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
        }
        Err(error) => {
            step.failed();
            Err(canaries::told(error).context("the pipeline is up, but a reading does not come through it"))
        }
    }
}
