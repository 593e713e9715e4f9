//! `sensorctl status`.

use std::sync::Arc;
use std::time::Duration;

use crate::commands::stack_context::{DEFAULT_TIMEOUT, DiscoveryScope, StackContext, print_settings, session};
use crate::context::Context;
use crate::error::Error;
use crate::output::{
    MAPPING_PROBLEM, MappingStatus, NOT_OURS, ResourceRef, ResourceStatus, StackProgress, StackStatus, print_orphans,
};
use crate::pipeline::parse_duration;
use crate::stack::{Kind, Observed, Orphans, Ownership, State, differences, with_arns};

/// Show the state of each resource, and how it differs from the settings
///
/// With -v, also show the ARN of each resource, and every setting and where its value came from.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Refresh until interrupted (Ctrl-C)
    #[arg(short, long)]
    watch: bool,
    /// Wait this long between two refreshes
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "2s", requires = "watch")]
    interval: Duration,
}

pub(super) async fn run(context: &Context, args: StatusArgs) -> Result<(), Error> {
    print_settings(context);
    if !args.watch {
        return show_once(context).await;
    }
    let output = &context.output;
    let stopped = || Error::interrupted("interrupted");
    loop {
        let (seen, _) = context.or_interrupt(see(context, DiscoveryScope::Configured), stopped).await?;
        output.clear()?;
        output.report(&seen)?;
        if output.is_closed() {
            return Ok(());
        }
        let pause = async {
            tokio::time::sleep(args.interval).await;
            Ok(())
        };
        context.or_interrupt(pause, stopped).await?;
    }
}

async fn show_once(context: &Context) -> Result<(), Error> {
    let (status, orphans) = see(context, DiscoveryScope::Stage).await?;
    context.output.report(&status)?;
    print_orphans(&context.output, &orphans);
    verdict(&status)?;
    context.output.status(format!("All {} resources are active and up to date.", status.resources.len()));
    Ok(())
}

async fn see(context: &Context, scope: DiscoveryScope) -> Result<(StackStatus, Orphans), Error> {
    let observer = Arc::new(StackProgress::new(&context.output));
    let session = session(context, DEFAULT_TIMEOUT, observer).await?;
    let deployment = StackContext::observe(context, session, scope).await?;
    let status = StackStatus { shows_arns: context.output.is_verbose(), ..status_of(&deployment) };
    Ok((status, deployment.orphans))
}

/// Returns an error, for the exit code, unless all is well.
fn verdict(status: &StackStatus) -> Result<(), Error> {
    if status.healthy {
        return Ok(());
    }
    if status.resources.iter().all(|resource| resource.state == "missing") {
        return Err(Error::incomplete("there is no pipeline here").hint("`sensorctl up` creates it"));
    }
    let mut said: Vec<_> = status.resources.iter().filter_map(ResourceStatus::problem).collect();
    let is_to_plan = !said.is_empty();
    let problem = status.mapping.as_ref().filter(|mapping| mapping.has_problem());
    said.extend(problem.map(|_| "the event source mapping reports a problem".to_owned()));
    // These concern unmanaged resources and carry their own remedy.
    said.extend(status.resources.iter().flat_map(|resource| resource.dangers.clone()));
    let error = Error::incomplete(format!("problems: {}", said.join("; ")));
    Err(if is_to_plan {
        error.hint("`sensorctl plan` shows what `sensorctl up` would change")
    } else if problem.is_some() {
        error.hint(MAPPING_PROBLEM)
    } else {
        error.hint(NOT_OURS)
    })
}

fn status_of(deployment: &StackContext) -> StackStatus {
    let StackContext { session, stack, references, account, found, orphans } = deployment;
    let arns = deployment.expected_arns();
    let resources: Vec<_> = stack
        .resources()
        .iter()
        .zip(found)
        .map(|(resource, found)| {
            let ownership = session.owner.of(found);
            // An unmanaged resource is never changed, so its differences do not matter; those of a log group that the
            // pipeline uses are shown.
            let is_used = resource.kind() == Kind::LogGroup && ownership == Ownership::Foreign;
            let compared = found.exists() && (resource.is_existing() || ownership.is_ours() || is_used);
            let mut drift = Vec::new();
            if compared {
                drift = differences(*resource, references, found);
                drift.extend(session.owner.difference(&found.tags).filter(|_| !resource.is_existing() && !is_used));
            }
            for difference in &mut drift {
                difference.desired = with_arns(&difference.desired, &arns);
            }
            let (state, note) = if resource.is_existing() && found.state == State::Active {
                ("active", "existing: used, never changed".to_owned())
            } else {
                state_of(found, resource.kind(), &ownership)
            };
            ResourceStatus {
                kind: resource.kind(),
                name: resource.name().to_owned(),
                arn: found.arn.clone(),
                state,
                drift,
                dangers: found.warnings.clone(),
                is_managed: !is_used,
                note,
            }
        })
        .collect();
    let mapping = found.iter().find(|found| found.details.contains_key("uuid")).map(|found| MappingStatus {
        uuid: found.details["uuid"].clone(),
        state: found.details["state"].clone(),
        last_processing_result: found.details["last_processing_result"].clone(),
    });
    let works = mapping.as_ref().is_none_or(|mapping: &MappingStatus| !mapping.has_problem());
    StackStatus {
        account: account.clone(),
        region: session.owner.region.clone(),
        stage: session.owner.stage.clone(),
        healthy: works && resources.iter().all(ResourceStatus::is_healthy),
        resources,
        mapping,
        orphans: ResourceRef::of_orphans(orphans),
        lag_ms: None,
        shows_arns: false,
    }
}

fn state_of(found: &Observed, kind: Kind, ownership: &Ownership) -> (&'static str, String) {
    match (&found.state, ownership) {
        (State::Missing, _) => ("missing", String::new()),
        (_, Ownership::Foreign) if kind == Kind::LogGroup => {
            ("active", "used as it is: not managed by sensorctl".to_owned())
        }
        // The word for the state says it.
        (_, Ownership::Foreign) => ("foreign", String::new()),
        (_, Ownership::OtherStage(whose)) => ("foreign", whose.clone()),
        (State::Active, Ownership::Adopted) => ("active", "adopted".to_owned()),
        (State::Active, Ownership::Ours) => ("active", String::new()),
        (State::Changing(state), _) => ("changing", state.clone()),
        (State::Deleting, _) => ("changing", "being deleted".to_owned()),
        (State::Failed(why), _) => ("failed", why.clone()),
    }
}
