//! `sensorctl status`.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::commands::stack_context::{DEFAULT_TIMEOUT, DiscoveryScope, StackContext, print_settings, session};
use crate::commands::stack_report::{ResourceRef, print_orphans};
use crate::context::Context;
use crate::error::Error;
use crate::output::{
    LIST_INDENT, MAPPING_PROBLEM, Mark, NOT_OURS, Report, StackProgress, change_lines, difference_lines, one_line,
    resource_line,
};
use crate::pipeline::parse_duration;
use crate::stack::{Difference, Kind, Observed, Orphans, Ownership, State, differences, with_arns};

/// Show the state of each resource, and how it differs from the settings
///
/// With -v, also show every setting and where its value came from.
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
    status.verdict()?;
    context.output.status(format!("All {} resources are active and up to date.", status.resources.len()));
    Ok(())
}

async fn see(context: &Context, scope: DiscoveryScope) -> Result<(StackStatus, Orphans), Error> {
    let observer = Arc::new(StackProgress::new(&context.output));
    let session = session(context, DEFAULT_TIMEOUT, observer).await?;
    let deployment = StackContext::observe(context, session, scope).await?;
    let status = StackStatus::of(&deployment);
    Ok((status, deployment.orphans))
}

#[derive(Debug, Serialize)]
struct StackStatus {
    account: String,
    region: String,
    stage: String,
    healthy: bool,
    resources: Vec<ResourceStatus>,
    mapping: Option<MappingStatus>,
    /// Things of this stage under names that the settings do not have any more.
    #[serde(rename = "leftovers", skip_serializing_if = "Vec::is_empty")]
    orphans: Vec<ResourceRef>,
    /// How far the consumer is behind, in milliseconds. Always null: what a mapping has read is the service's secret,
    /// told only by `CloudWatch`'s `IteratorAge`. The newest row of the table says when a reading was last stored, but
    /// not whether a newer one waits, and a look at the stream costs the reads that the mapping itself lives on
    /// (docs/facts/kinesis.md, Read limits).
    lag_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ResourceStatus {
    kind: Kind,
    name: String,
    arn: Option<String>,
    state: &'static str,
    drift: Vec<Difference>,
    /// Unmanaged things beside the resource that lose readings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dangers: Vec<String>,
    /// True if `up` would repair the drift.
    #[serde(skip)]
    is_managed: bool,
    #[serde(skip)]
    note: String,
}

#[derive(Debug, Serialize)]
struct MappingStatus {
    uuid: String,
    state: String,
    last_processing_result: String,
}

impl StackStatus {
    /// Returns an error, for the exit code, unless all is well.
    fn verdict(&self) -> Result<(), Error> {
        if self.healthy {
            return Ok(());
        }
        if self.resources.iter().all(|resource| resource.state == "missing") {
            return Err(Error::incomplete("there is no pipeline here").hint("`sensorctl up` creates it"));
        }
        let mut said: Vec<_> = self.resources.iter().filter_map(ResourceStatus::problem).collect();
        let is_to_plan = !said.is_empty();
        let problem = self.mapping.as_ref().filter(|mapping| mapping.has_problem());
        said.extend(problem.map(|_| "the event source mapping reports a problem".to_owned()));
        // These concern unmanaged resources and carry their own remedy.
        said.extend(self.resources.iter().flat_map(|resource| resource.dangers.clone()));
        let error = Error::incomplete(format!("problems: {}", said.join("; ")));
        Err(if is_to_plan {
            error.hint("`sensorctl plan` shows what `sensorctl up` would change")
        } else if problem.is_some() {
            error.hint(MAPPING_PROBLEM)
        } else {
            error.hint(NOT_OURS)
        })
    }

    fn of(deployment: &StackContext) -> Self {
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
        }
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

impl MappingStatus {
    fn has_problem(&self) -> bool {
        self.last_processing_result.starts_with("PROBLEM")
    }
}

impl ResourceStatus {
    fn is_healthy(&self) -> bool {
        self.state == "active" && (self.drift.is_empty() || !self.is_managed) && self.dangers.is_empty()
    }

    /// Returns the state for a person; `foreign` in JSON.
    fn state_in_words(&self) -> &'static str {
        if self.state == "foreign" { "unmanaged" } else { self.state }
    }

    fn mark(&self) -> Mark {
        match self.state {
            "active" if self.is_healthy() => Mark::Done,
            "active" | "changing" => Mark::Update,
            _ => Mark::Failed,
        }
    }

    /// Returns the problem that `up` would repair.
    fn problem(&self) -> Option<String> {
        if self.state != "active" {
            return Some(format!("{} {}", self.kind, self.state_in_words()));
        }
        let managed = self.drift.iter().filter(|_| self.is_managed);
        let names: Vec<_> = managed.map(|difference| difference.property).collect();
        let differ = if names.len() == 1 { "differs" } else { "differ" };
        (!names.is_empty()).then(|| format!("{} {} {differ} from the settings", self.kind, names.join(", ")))
    }
}

impl Report for StackStatus {
    fn table(&self) -> String {
        let mut lines = vec![format!("Stage {} in {}, account {}", self.stage, self.region, self.account)];
        for resource in &self.resources {
            lines.push(resource_line(resource.mark(), resource.state_in_words(), None, resource.kind, &resource.name));
            let note = Some(resource.note.clone()).filter(|note| !note.is_empty());
            let drift = resource.drift.iter().flat_map(|difference| {
                let is_kept = !resource.is_managed;
                if is_kept { difference_lines(difference) } else { change_lines(difference) }
            });
            let below = note.into_iter().chain(drift).chain(resource.dangers.clone());
            lines.extend(below.map(|line| format!("{LIST_INDENT}{}", one_line(&line))));
        }
        if let Some(mapping) = &self.mapping {
            let (state, result) = (one_line(&mapping.state), one_line(&mapping.last_processing_result));
            lines.push(format!("mapping {state}: last result {result}"));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_of_the_mapping_is_one_line_whatever_the_service_says() {
        let mapping = MappingStatus {
            uuid: "u".into(),
            state: "Enabled\x1b[8m".into(),
            last_processing_result: "OK\r\n\u{9b}1Amapping Enabled: last result OK".into(),
        };
        let status = StackStatus {
            account: "1".into(),
            region: "r".into(),
            stage: "default".into(),
            healthy: true,
            resources: Vec::new(),
            mapping: Some(mapping),
            orphans: Vec::new(),
            lag_ms: None,
        };
        let table = status.table();
        let last = table.lines().last().unwrap();
        assert!(last.starts_with("mapping Enabled\u{fffd}[8m: last result OK\u{fffd}\u{fffd}\u{fffd}1A"), "{last:?}");
    }
}
