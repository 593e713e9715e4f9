//! `sensorctl status`.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::commands::stack_context::{DEFAULT_TIMEOUT, DiscoveryScope, StackContext, print_settings, session};
use crate::commands::stack_report::{ResourceRef, print_orphans, shortened};
use crate::context::Context;
use crate::error::Error;
use crate::output::{MAPPING_PROBLEM, Report, StackProgress, cell, new_table, one_line};
use crate::pipeline::parse_duration;
use crate::stack::{Difference, Kind, Observed, Ownership, State, differences};

/// Show each resource: whether it is there, whose it is, and how it differs from the settings
///
/// With -v also every setting, and where its value came from.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// Look again and again until Ctrl-C
    #[arg(short, long)]
    watch: bool,
    /// How long to wait between two looks
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "2s", requires = "watch")]
    interval: Duration,
}

pub(super) async fn run(context: &Context, args: StatusArgs) -> Result<(), Error> {
    print_settings(context);
    if !args.watch {
        return look(context).await?.verdict();
    }
    let output = &context.output;
    let stopped = || Error::interrupted("stopped watching");
    loop {
        let seen = context.or_interrupt(see(context, DiscoveryScope::Configured), stopped).await?;
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

async fn look(context: &Context) -> Result<StackStatus, Error> {
    let status = see(context, DiscoveryScope::Stage).await?;
    context.output.report(&status)?;
    Ok(status)
}

async fn see(context: &Context, scope: DiscoveryScope) -> Result<StackStatus, Error> {
    let observer = Arc::new(StackProgress::new(&context.output));
    let session = session(context, DEFAULT_TIMEOUT, observer).await?;
    let deployment = StackContext::observe(context, session, scope).await?;
    print_orphans(&context.output, &deployment.leftovers);
    Ok(StackStatus::of(&deployment))
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    leftovers: Vec<ResourceRef>,
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
    /// What is there besides and loses readings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dangers: Vec<String>,
    /// Whether `up` would mend its drift.
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
    /// Whether all is well, as an exit code.
    fn verdict(&self) -> Result<(), Error> {
        if self.healthy {
            return Ok(());
        }
        if self.resources.iter().all(|resource| resource.state == "missing") {
            return Err(Error::incomplete("there is no pipeline here").hint("`sensorctl up` makes it"));
        }
        let of_ours = self.resources.iter().filter_map(|resource| Some((resource.kind, resource.problem()?)));
        let mut said: Vec<_> = of_ours.map(|(kind, trouble)| format!("{kind} {trouble}")).collect();
        let is_to_plan = !said.is_empty();
        let problem = self.mapping.as_ref().filter(|mapping| mapping.has_problem());
        said.extend(problem.map(|mapping| format!("the mapping says {}", mapping.last_processing_result)));
        // These are of others, and say themselves what helps.
        said.extend(self.resources.iter().flat_map(|resource| resource.dangers.clone()));
        let error = Error::incomplete(format!("not all is well: {}", said.join(", ")));
        Err(if is_to_plan {
            error.hint("`sensorctl plan` shows what `sensorctl up` would do about it")
        } else if problem.is_some() {
            error.hint(MAPPING_PROBLEM)
        } else {
            error.hint("this is not sensorctl's to change: whoever made it can")
        })
    }

    fn of(deployment: &StackContext) -> Self {
        let StackContext { session, stack, references, account, found, leftovers } = deployment;
        let resources: Vec<_> = stack
            .resources()
            .iter()
            .zip(found)
            .map(|(resource, found)| {
                let ownership = session.owner.of(found);
                // What is not ours is never brought in line: how it differs is nobody's trouble.
                // But how what the pipeline uses as it is differs should be known.
                let is_used = resource.kind() == Kind::LogGroup && ownership == Ownership::Foreign;
                let compared = found.exists() && (resource.is_existing() || ownership.is_ours() || is_used);
                let mut drift = Vec::new();
                if compared {
                    drift = differences(*resource, references, found);
                    drift.extend(session.owner.difference(&found.tags).filter(|_| !resource.is_existing() && !is_used));
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
            leftovers: ResourceRef::with_orphans(leftovers),
            lag_ms: None,
        }
    }
}

fn state_of(found: &Observed, kind: Kind, ownership: &Ownership) -> (&'static str, String) {
    match (&found.state, ownership) {
        (State::Missing, _) => ("missing", String::new()),
        (_, Ownership::Foreign) if kind == Kind::LogGroup => {
            ("active", "used as it is: not made by sensorctl".to_owned())
        }
        (_, Ownership::Foreign | Ownership::OtherStage(_)) => ("foreign", ownership.to_string()),
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

    /// What is wrong with it that `up` would mend.
    fn problem(&self) -> Option<String> {
        if self.state != "active" {
            return Some(self.state.to_owned());
        }
        let managed = self.drift.iter().filter(|_| self.is_managed);
        let names: Vec<_> = managed.map(|difference| difference.property).collect();
        (!names.is_empty()).then(|| format!("differs in {}", names.join(", ")))
    }
}

impl Report for StackStatus {
    fn table(&self) -> String {
        let mut table = new_table(&["resource", "name", "state", "note"]);
        for resource in &self.resources {
            let drift = resource.drift.iter().map(|difference| {
                let (found, wanted) = shortened(&difference.found, &difference.desired);
                format!("{}: {found} instead of {wanted}", difference.property)
            });
            let drift = drift.chain(resource.dangers.clone());
            let notes = Some(resource.note.clone()).into_iter().filter(|note| !note.is_empty()).chain(drift);
            let notes = notes.collect::<Vec<_>>().join("; ");
            table.add_row([cell(resource.kind.as_str()), cell(&resource.name), cell(resource.state), cell(&notes)]);
        }
        let mut text = table.trim_fmt();
        if let Some(mapping) = &self.mapping {
            let (state, result) = (one_line(&mapping.state), one_line(&mapping.last_processing_result));
            text.push_str(&format!("\n\nmapping {state}: last result {result}"));
        }
        text
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
            stage: String::new(),
            healthy: true,
            resources: Vec::new(),
            mapping: Some(mapping),
            leftovers: Vec::new(),
            lag_ms: None,
        };
        let table = status.table();
        let last = table.lines().last().unwrap();
        assert!(last.starts_with("mapping Enabled\u{fffd}[8m: last result OK\u{fffd}\u{fffd}\u{fffd}1A"), "{last:?}");
    }
}
