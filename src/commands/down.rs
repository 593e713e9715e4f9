//! `sensorctl down`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::ValueHint;
use futures::future;

use crate::aws::AwsFailure;
use crate::aws::wait::{self, Poll, PollSchedule, WaitError};
use crate::commands::canaries;
use crate::commands::consent::resources as counted;
use crate::commands::stack_context::{StackContext, session};
use crate::context::Context;
use crate::error::Error;
use crate::output::{Drained, ResourceRef, StackProgress, StackReport, Warning, plan_lines, print_orphans, units};
use crate::pipeline::{ProbeRegistry, ProbesConsumed, parse_duration};
use crate::stack::apply;
use crate::stack::{
    Action, Kind, Observed, Ownership, Plan, Resource, Session, Step, TeardownOptions, annotate_collateral,
    check_deletion_blockers,
};

/// For how many of the longest pauses what was deleted may seem to be there: 16 s on AWS.
const LOOKS_AT_WHAT_REMAINS: u32 = 8;

/// Delete the pipeline, in the right order, and prove that nothing is left
///
/// Deletes only what sensorctl created. The next run finishes one that was interrupted.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub(crate) struct DownArgs {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Keep both tables and their rows
    #[arg(long)]
    keep_data: bool,
    /// First wait until the function has processed everything in the stream: test readings follow it through every shard
    #[arg(long)]
    drain: bool,
    /// Also delete orphans: resources with the tags of this stage that the settings no longer name
    ///
    /// They may belong to another pipeline whose settings name the same stage, or none.
    #[arg(long, alias = "leftovers")]
    orphans: bool,
    /// Delete stream and function even if others use them: their registered consumers go, their mappings stay idle
    #[arg(long)]
    delete_consumers: bool,
    /// Also delete this adopted resource, by kind or name (repeatable)
    #[arg(long, value_name = "RESOURCE", value_delimiter = ',', value_hint = ValueHint::Other)]
    delete_adopted: Vec<String>,
    /// Wait at most this long, in total, until everything is gone: 30s, 15m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "15m")]
    timeout: Duration,
}

pub(super) async fn run(context: &Context, args: DownArgs) -> Result<(), Error> {
    let has_begun = AtomicBool::new(false);
    let left = || {
        if !has_begun.load(Ordering::Relaxed) {
            return Error::interrupted("interrupted; nothing was deleted");
        }
        Error::interrupted("interrupted while deleting the pipeline; what was not deleted yet still exists")
            .hint("`sensorctl down` continues where this stopped")
    };
    let trail = ProbeRegistry::default();
    let result = context.or_interrupt(args.take_down(context, &trail, &has_begun), left).await;
    let report = canaries::with_cleanup(context, &trail, result).await?;
    context.output.report_of_work(&report)?;
    match report.remaining.as_deref() {
        None | Some([]) => Ok(()),
        Some(remaining) => {
            let names: Vec<_> = remaining.iter().map(|left| format!("{} `{}`", left.kind, left.name)).collect();
            Err(Error::failed(format!("not deleted: {}", names.join(", ")))
                .hint("run `sensorctl down` again; another run may have created them again"))
        }
    }
}

impl DownArgs {
    async fn take_down(
        &self,
        context: &Context,
        trail: &ProbeRegistry,
        has_begun: &AtomicBool,
    ) -> Result<StackReport, Error> {
        if self.drain {
            canaries::check(context, "--drain")?;
        }
        let output = &context.output;
        let progress = Arc::new(StackProgress::new(output));
        let mut session = session(context, self.timeout, progress.clone()).await?;
        session.delete_consumers = self.delete_consumers;
        let deployment = StackContext::to_take_down(context, session).await?;
        let StackContext { session, stack, references, account, orphans, .. } = &deployment;
        for (kind, why) in &orphans.incomplete {
            output.warn(&Warning::Unseen { kind: kind.to_string(), why: why.clone() });
        }
        let taken = if self.orphans { orphans.resources.as_slice() } else { &[] };
        let mut resources = stack.resources();
        resources.extend(taken.iter().map(|(resource, _)| resource.as_ref()));
        let found = deployment.found.iter().chain(taken.iter().map(|(_, found)| found)).cloned();
        let keep = if self.keep_data { vec![Kind::Table, Kind::RejectsTable] } else { Vec::new() };
        let teardown = TeardownOptions { keep, delete_adopted: self.delete_adopted.clone() };
        let mut plan = Plan::down(&session.owner, &resources, found.collect(), &teardown);
        self.check_named(&plan, |step| session.owner.of(&step.found) == Ownership::Adopted)?;
        check_kept(&plan, &self.delete_adopted)?;
        check_deletion_blockers(session, &resources, &plan).await?;
        annotate_collateral(session, &resources, &mut plan).await?;
        let is_asked = plan.destroys() && !self.yes;
        let kept = plan.steps.iter().filter(|step| step.action == Action::Keep).cloned().collect();
        let shown = if is_asked { plan.clone() } else { Plan { steps: kept, ..plan.clone() } };
        output.lines(&plan_lines(&shown, false));
        if !self.orphans {
            print_orphans(output, orphans);
        }
        if is_asked {
            if !output.can_ask() {
                return Err(Error::usage("`down` deletes, and there is no terminal to ask on")
                    .hint("`--yes` continues without asking"));
            }
            let place = format!("account {account}, {}", session.clients.region);
            let rows = rows_to_go(&plan);
            let what = format!("Delete these {} in {place}{rows}?", counted(plan.changes()));
            if !output.confirm(&what).await? {
                return Err(Error::failed("not confirmed; nothing was deleted"));
            }
        }
        // The time of a question does not count; that of the drain does.
        let session = &session.with_shared_deadline();
        let drained = if self.drain { self.drain(context, session, &plan, trail).await? } else { None };
        let began = Instant::now();
        has_begun.store(true, Ordering::Relaxed);
        progress.begin(&plan, is_asked);
        let done = apply(session, &resources, &plan, references).await?;
        progress.end();
        let is_foreign = |step: &&Step| session.owner.of(&step.found) == Ownership::Foreign && step.found.exists();
        if let Some(step) = plan.steps.iter().filter(|step| step.kind == Kind::LogGroup).find(is_foreign) {
            output.warn(&Warning::ForeignLogGroup { name: step.name.clone() });
        }
        let remaining = remaining(session, &resources, &plan).await?;
        let took = units::duration(began.elapsed());
        let stays = if self.orphans { Vec::new() } else { ResourceRef::of_orphans(orphans) };
        let is_all_seen = orphans.incomplete.is_empty();
        match plan.changes() {
            0 => output.status(format!("Nothing to delete{}.", what_stays(&plan, &stays, true))),
            _ if !remaining.is_empty() => {}
            changes => {
                let stays = what_stays(&plan, &stays, is_all_seen);
                output.status(format!("{} deleted in {took}{stays}.", counted(changes)));
                if self.keep_data {
                    output.status("Next: `sensorctl up` uses the tables again; `sensorctl down` deletes them.");
                }
            }
        }
        let mut report = StackReport::of_done(deployment.report_scope(&plan), &plan, &done);
        report.drained = drained;
        report.remaining = Some(remaining);
        Ok(report)
    }

    /// Shows that everything in the stream is consumed, before anything is deleted.
    async fn drain(
        &self,
        context: &Context,
        session: &Session,
        plan: &Plan,
        trail: &ProbeRegistry,
    ) -> Result<Option<Drained>, Error> {
        let found = |kind| plan.steps.iter().find(|step| step.kind == kind).map(|step| &step.found);
        let is_there = |kind| found(kind).is_some_and(Observed::exists);
        if !is_there(Kind::Stream) {
            context.output.status("Nothing to drain: there is no stream.");
            return Ok(None);
        }
        let reserved = found(Kind::Function).and_then(|function| function.properties.get("reserved_concurrency"));
        let reads = found(Kind::Mapping).and_then(|mapping| mapping.details.get("state"));
        let unable = match reads {
            _ if !is_there(Kind::Function) => Some("there is no function to process it".to_owned()),
            _ if reserved.is_some_and(|reserved| *reserved == 0) => {
                Some("the function never runs: its reserved concurrency is 0".to_owned())
            }
            None => Some("there is no event source mapping to read it".to_owned()),
            Some(state) if state != "Enabled" => Some(format!("its event source mapping is {state}")),
            Some(_) => None,
        };
        if let Some(why) = unable {
            return Err(Error::failed(format!("the stream cannot be drained: {why}; nothing was deleted")).hint(
                "`sensorctl up` repairs the pipeline; without `--drain`, `down` deletes the records in the stream",
            ));
        }
        let step = context.output.progress().step("draining the stream");
        let found = found(Kind::Mapping).and_then(|mapping| mapping.properties.get("parallelization")?.as_i64());
        let parallel_batches = found.and_then(|count| i32::try_from(count).ok()).unwrap_or(1);
        let way = canaries::probe_route(context, &session.clients, session.schedule.left(), trail);
        let drained = way.drain(parallel_batches).await;
        canaries::name(context, &way.delete_remaining_probes().await);
        match drained {
            Ok(ProbesConsumed { shards, canaries, took }) => {
                step.done("drained");
                context.output.status(format!(
                    "Drained: everything put so far has been processed ({canaries} test readings, {shards} {}).",
                    if shards == 1 { "shard" } else { "shards" }
                ));
                let seconds = (took.as_secs_f64() * 1000.0).round() / 1000.0;
                Ok(Some(Drained { shards, markers: canaries, seconds }))
            }
            Err(error) => {
                step.failed();
                Err(canaries::told(error).context("the stream is not drained; nothing was deleted"))
            }
        }
    }

    /// Refuses a name of `--delete-adopted` that matches no adopted resource: a mistyped name would leave it standing.
    fn check_named(&self, plan: &Plan, is_adopted: impl Fn(&Step) -> bool) -> Result<(), Error> {
        let adopted: Vec<_> = plan.steps.iter().filter(|step| is_adopted(step)).collect();
        let is = |step: &Step, named: &str| step.kind.as_str() == named || step.name == named;
        let Some(named) = self.delete_adopted.iter().find(|named| !adopted.iter().any(|step| is(step, named))) else {
            return Ok(());
        };
        let error =
            Error::usage(format!("--delete-adopted {named}: there is no adopted resource of that kind or name"));
        let there: Vec<_> = adopted.iter().map(|step| format!("{} `{}`", step.kind, step.name)).collect();
        Err(if there.is_empty() { error } else { error.hint(format!("adopted resources: {}", there.join(", "))) })
    }
}

/// Refuses to keep what was named to be deleted, because something adopted that was not named depends on it.
fn check_kept(plan: &Plan, named: &[String]) -> Result<(), Error> {
    let is_named = |step: &&Step| named.iter().any(|named| step.kind.as_str() == named || step.name == *named);
    let kept = plan.steps.iter().filter(is_named).filter_map(|step| Some((step, step.kept_for?)));
    let kept: Vec<_> = kept.collect();
    let Some((_, first)) = kept.first() else { return Ok(()) };
    let said = kept.iter().map(|(step, adopted)| {
        format!("the {} `{}` cannot be deleted: the adopted {adopted} depends on it and is kept", step.kind, step.name)
    });
    Err(Error::usage(said.collect::<Vec<_>>().join("; "))
        .hint(format!("add `--delete-adopted {first}` to delete that too")))
}

/// Returns the text on kept resources and orphans; follows the text on what was deleted.
fn what_stays(plan: &Plan, orphans: &[ResourceRef], is_all_seen: bool) -> String {
    let named = |things: &mut dyn Iterator<Item = (Kind, &String)>| {
        things.map(|(kind, name)| format!("{kind} {name}")).collect::<Vec<_>>()
    };
    let kept = named(&mut plan.steps.iter().filter(|step| step.action == Action::Keep).map(|it| (it.kind, &it.name)));
    let left = named(&mut orphans.iter().map(|thing| (thing.kind, &thing.name)));
    let mut stays = String::new();
    for (what, names) in [("kept", &kept), (if left.len() == 1 { "orphan left" } else { "orphans left" }, &left)] {
        if !names.is_empty() {
            stays.push_str(&format!("; {} {what}: {}", names.len(), names.join(", ")));
        }
    }
    match (stays.is_empty(), is_all_seen, plan.changes()) {
        (true, true, 1..) => "; nothing is left".to_owned(),
        (true, false, 1..) => "; nothing of this pipeline is left".to_owned(),
        _ => stays,
    }
}

/// Looks again at all that was deleted, for a while where something seems to exist: a replica of IAM may lag behind the
/// one that reported the deletion.
async fn remaining(session: &Session, resources: &[&dyn Resource], plan: &Plan) -> Result<Vec<ResourceRef>, Error> {
    let limit = session.schedule.longest * LOOKS_AT_WHAT_REMAINS;
    let look = || async {
        let there = there_again(session, resources, plan).await?;
        Ok::<_, Error>(if there.is_empty() { Poll::Ready(()) } else { Poll::Pending(Remaining(there)) })
    };
    match wait::poll_until(PollSchedule { limit, end: None, ..session.schedule }, look, |_, _| {}).await {
        Ok(()) => Ok(Vec::new()),
        Err(WaitError::TimedOut { last: Remaining(there), .. }) => Ok(there),
        Err(WaitError::Failed(error)) => Err(error),
    }
}

/// Things that are still there.
#[derive(Debug)]
struct Remaining(Vec<ResourceRef>);

impl fmt::Display for Remaining {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|left| format!("{} `{}`", left.kind, left.name)).collect();
        formatter.write_str(&names.join(", "))
    }
}

async fn there_again(session: &Session, resources: &[&dyn Resource], plan: &Plan) -> Result<Vec<ResourceRef>, Error> {
    let gone = plan.steps.iter().zip(resources).filter(|(step, _)| step.action == Action::Delete);
    let looks = gone.map(async |(step, resource)| Ok::<_, AwsFailure>((step, session.observe(*resource).await?)));
    let again = future::try_join_all(looks).await?;
    let there = again.into_iter().filter(|(_, found)| found.exists());
    Ok(there.map(|(step, found)| ResourceRef { kind: step.kind, name: step.name.clone(), arn: found.arn }).collect())
}

/// The rows of the tables that go, as far as the service has counted them; nothing where no table goes.
fn rows_to_go(plan: &Plan) -> String {
    let mut going = plan.steps.iter().filter(|step| step.action == Action::Delete && step.kind.is_table()).peekable();
    if going.peek().is_none() {
        return String::new();
    }
    let counted: u64 = going.filter_map(|step| step.found.details.get("rows")?.parse::<u64>().ok()).sum();
    match counted {
        // The service counts every six hours (docs/facts/dynamodb.md, Tables).
        0 => ", and all rows with them".to_owned(),
        1 => ", and about 1 row with them".to_owned(),
        rows => format!(", and about {} rows with them", units::count(rows)),
    }
}
