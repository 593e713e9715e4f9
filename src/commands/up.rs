//! `sensorctl up`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::commands::canaries;
use crate::commands::consent::{as_sentences, doubts, replaced_data, resources as counted};
use crate::commands::stack_context::{DiscoveryScope, StackContext, session, tell_starting_position};
use crate::context::Context;
use crate::error::Error;
use crate::output::{StackProgress, StackReport, Warning, plan_lines, print_warnings, units};
use crate::pipeline::{ProbeRegistry, parse_duration};
use crate::stack::apply;
use crate::stack::{Action, Kind, Observed, Plan, Session, annotate_collateral, check_deletion_blockers};

/// Create the pipeline, or bring it in line with the settings
///
/// Creates what is missing, updates what differs, and waits until it works. A second run changes nothing; the next run
/// finishes one that was interrupted. With --local it starts the local cloud of this user if it does not run.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub(crate) struct UpArgs {
    /// Do not ask, even if data is deleted
    #[arg(short, long)]
    yes: bool,
    /// Allow replacing a table, which deletes the rows in it
    #[arg(long)]
    replace: bool,
    /// Adopt resources that sensorctl did not create: tag them, change only what the settings name or the pipeline needs;
    /// `down` keeps them
    #[arg(long)]
    adopt: bool,
    /// Return once everything is requested, without waiting until it works
    #[arg(long)]
    no_wait: bool,
    /// Send a test reading through at the end, and delete its row again
    #[arg(long, conflicts_with = "no_wait")]
    verify: bool,
    /// Wait at most this long, in total, until everything works: 30s, 15m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "15m")]
    timeout: Duration,
    /// Refused: `up` changes a stream in place and never replaces it
    #[arg(long, hide = true)]
    delete_consumers: bool,
}

pub(super) async fn run(context: &Context, args: UpArgs) -> Result<(), Error> {
    if args.delete_consumers {
        return Err(Error::usage(
            "`up --delete-consumers`: no consumer has to go, because `up` never replaces a stream",
        )
        .hint(
            "every setting of a stream is changed in place; `sensorctl down --delete-consumers` deletes the stream",
        ));
    }
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
                .hint("`sensorctl up` begins again, `sensorctl down` deletes what an earlier run created");
        }
        Error::interrupted("interrupted while creating the pipeline; what was created so far stays")
            .hint("`sensorctl up` continues where this stopped, `sensorctl down` deletes what exists")
    };
    let trail = ProbeRegistry::default();
    let result = context.or_interrupt(args.make(context, &trail, &has_begun), left).await;
    let report = canaries::with_cleanup(context, &trail, result).await?;
    context.output.report_of_work(&report)
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
        let progress = Arc::new(StackProgress::new(output));
        let session = session(context, self.timeout, progress.clone()).await?;
        let mut deployment = StackContext::observe(context, session, DiscoveryScope::Configured).await?;
        deployment.preserve_unmanaged(context, self.adopt);
        let StackContext { session, stack, references, found, .. } = &deployment;
        let resources = stack.resources();
        let mut plan = Plan::up(&session.owner, &resources, found.clone(), references, self.adopt)?;
        plan.waits = !self.no_wait;
        check_deletion_blockers(session, &resources, &plan).await?;
        annotate_collateral(session, &resources, &mut plan).await?;
        plan.name_arns(&deployment.expected_arns());
        let is_known = self.consent(context, &plan).await?;
        // The time of a question does not count.
        let session = &session.with_shared_deadline();
        has_begun.store(true, Ordering::Relaxed);
        progress.begin(&plan, is_known);
        let done = apply(session, &resources, &plan, references).await?;
        progress.end();
        let took = units::duration(began.elapsed());
        let mut report = StackReport::of_done(deployment.report_scope(&plan), &plan, &done);
        let (changes, all) = (report.changed, counted(plan.steps.len()));
        let by_others = match plan.changes() - changes {
            0 => String::new(),
            others => format!("; another run created {others}"),
        };
        match plan.changes() {
            0 => {
                output.status(format!("Nothing to do: the pipeline is up to date ({took})."));
                tell_problem(context, found);
            }
            _ if self.no_wait => {
                output.status(format!("Requested: {changes} of {all} changed in {took}{by_others}."));
                output.status("It is not ready yet: `sensorctl status` shows it, `sensorctl up` waits for it.");
                if references.holds_back_partial_batch() {
                    let up = context.settings.hints.command("up", [""; 0]);
                    output.status(format!(
                        "Until then the function fails whole batches, which are delivered again: the mapping's \
                         ReportBatchItemFailures is not in force yet. {up} turns partial batch responses on once it is."
                    ));
                }
            }
            _ => output.status(format!("The pipeline works: {changes} of {all} changed in {took}{by_others}.")),
        }
        if !self.no_wait && plan.steps.iter().any(|step| step.action == Action::Create && is_new_data(step.kind)) {
            output.status("Next: `sensorctl put --sensor kitchen --temp 21.5 --wait` puts a reading.");
        }
        if self.verify {
            report.verified_after_ms = Some(verify(context, session, session.schedule.left(), trail).await?);
        }
        Ok(report)
    }

    /// Asks where data is at stake. Returns whether the plan was shown.
    async fn consent(&self, context: &Context, plan: &Plan) -> Result<bool, Error> {
        let output = &context.output;
        context.tell_whose_code_runs();
        tell_starting_position(context, plan);
        print_warnings(output, plan);
        let doubts = doubts(plan);
        if doubts.is_empty() || (self.yes && (self.replace || replaced_data(plan).next().is_none())) {
            print_kept(context, plan);
            return Ok(false);
        }
        output.lines(&plan_lines(plan, false));
        let replaced = replaced_data(plan).map(|step| {
            let (kind, name, reason) = (step.kind, &step.name, &step.reason);
            format!("the {kind} `{name}` must be replaced: {reason}")
        });
        let replaced: Vec<_> = replaced.collect();
        if !replaced.is_empty() && !self.replace {
            return Err(
                Error::failed(replaced.join("; ")).hint(format!("`--replace` allows it: {}", doubts.join(", and ")))
            );
        }
        if !output.can_ask() {
            return Err(Error::usage(format!("{}, and there is no terminal to ask on", doubts.join(", and ")))
                .hint("`--yes` continues without asking"));
        }
        if output.confirm(&format!("{} Continue?", as_sentences(&doubts))).await? {
            Ok(true)
        } else {
            Err(Error::failed("not confirmed; nothing was changed"))
        }
    }
}

/// Prints the resources that are used as they are: no step that is carried out shows them.
fn print_kept(context: &Context, plan: &Plan) {
    let kept = plan.steps.iter().filter(|step| step.action == Action::Keep).cloned().collect();
    context.output.lines(&plan_lines(&Plan { steps: kept, ..plan.clone() }, false));
}

/// Returns whether a new resource of a kind has no readings yet.
fn is_new_data(kind: Kind) -> bool {
    matches!(kind, Kind::Table | Kind::Stream)
}

/// Warns where nothing differs from the settings, and the mapping has a problem all the same.
fn tell_problem(context: &Context, found: &[Observed]) {
    let results = found.iter().filter_map(|found| found.details.get("last_processing_result"));
    for result in results.filter(|result| result.starts_with("PROBLEM")) {
        context.output.warn(&Warning::MappingProblem { result: result.clone() });
    }
}

/// Sends a test reading through, and returns how long it took in milliseconds.
async fn verify(context: &Context, session: &Session, timeout: Duration, trail: &ProbeRegistry) -> Result<u64, Error> {
    let step = context.output.progress().step("test reading");
    let way = canaries::probe_route(context, &session.clients, timeout, trail);
    let sent = way.send_probe().await;
    canaries::name(context, &way.delete_remaining_probes().await);
    match sent {
        Ok(took) => {
            step.done("verified");
            context.output.status("Verified: a test reading reached the table.");
            Ok(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
        }
        Err(error) => {
            step.failed();
            Err(canaries::told(error).context("the pipeline is up, but a test reading did not reach the table"))
        }
    }
}
