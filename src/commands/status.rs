//! `sensorctl status`.

use std::sync::Arc;

use serde::Serialize;

use crate::commands::deployment::{DEFAULT_TIMEOUT, Deployment, tell_settings};
use crate::context::Context;
use crate::error::Error;
use crate::output::{Report, StackProgress, cell, new_table};
use crate::stack::{Difference, Found, Kind, Ownership, State, differences};

/// Show each resource: whether it is there, whose it is, and how it differs from the settings
#[derive(Debug, clap::Args)]
pub struct Args {}

pub(super) async fn run(context: &Context, _args: Args) -> Result<(), Error> {
    tell_settings(context);
    let observer = Arc::new(StackProgress::new(&context.output));
    let deployment = Deployment::observe(context, DEFAULT_TIMEOUT, observer).await?;
    let report = Status::of(&deployment);
    context.output.report(&report)?;
    if report.healthy {
        return Ok(());
    }
    let unwell = report.resources.iter().filter(|resource| !resource.is_well());
    let said: Vec<_> = unwell.map(|resource| format!("{} {}", resource.kind, resource.trouble())).collect();
    let missing = report.resources.iter().all(|resource| resource.state == "missing");
    Err(if missing {
        Error::unwell("there is no pipeline here").hint("`sensorctl up` makes it")
    } else {
        Error::unwell(format!("not all is well: {}", said.join(", ")))
            .hint("`sensorctl plan` shows what `sensorctl up` would do about it")
    })
}

#[derive(Debug, Serialize)]
struct Status {
    account: String,
    region: String,
    stage: String,
    healthy: bool,
    resources: Vec<ResourceStatus>,
    mapping: Option<MappingStatus>,
    /// How far the consumer is behind; not known without a metrics service.
    lag_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ResourceStatus {
    kind: Kind,
    name: String,
    arn: Option<String>,
    state: &'static str,
    drift: Vec<Difference>,
    #[serde(skip)]
    note: String,
}

#[derive(Debug, Serialize)]
struct MappingStatus {
    uuid: String,
    state: String,
    last_processing_result: String,
}

impl Status {
    fn of(deployment: &Deployment) -> Self {
        let Deployment { cloud, stack, references, account, found } = deployment;
        let resources: Vec<_> = stack
            .resources()
            .iter()
            .zip(found)
            .map(|(resource, found)| {
                let drift = if found.is_there() {
                    differences(&resource.wanted(references), &found.properties, resource.fixed())
                } else {
                    Vec::new()
                };
                let (state, note) = if resource.is_existing() && found.state == State::Active {
                    ("active", "existing: used, never changed".to_owned())
                } else {
                    state_of(found, resource.kind(), &cloud.owner.of(found))
                };
                ResourceStatus {
                    kind: resource.kind(),
                    name: resource.name().to_owned(),
                    arn: found.arn.clone(),
                    state,
                    drift: if state == "foreign" { Vec::new() } else { drift },
                    note,
                }
            })
            .collect();
        let mapping = found.iter().find(|found| found.details.contains_key("uuid")).map(|found| MappingStatus {
            uuid: found.details["uuid"].clone(),
            state: found.details["state"].clone(),
            last_processing_result: found.details["last_processing_result"].clone(),
        });
        let works = mapping.as_ref().is_none_or(|mapping| !mapping.last_processing_result.starts_with("PROBLEM"));
        Status {
            account: account.clone(),
            region: cloud.owner.region.clone(),
            stage: cloud.owner.stage.clone(),
            healthy: works && resources.iter().all(ResourceStatus::is_well),
            resources,
            mapping,
            lag_ms: None,
        }
    }
}

fn state_of(found: &Found, kind: Kind, ownership: &Ownership) -> (&'static str, String) {
    match (&found.state, ownership) {
        (State::Missing, _) => ("missing", String::new()),
        (_, Ownership::Foreign(why)) if kind != Kind::LogGroup => ("foreign", why.clone()),
        (State::Active, _) => ("active", String::new()),
        (State::Changing(state), _) => ("changing", state.clone()),
        (State::Deleting, _) => ("changing", "being deleted".to_owned()),
        (State::Failed(why), _) => ("failed", why.clone()),
    }
}

impl ResourceStatus {
    fn is_well(&self) -> bool {
        self.state == "active" && self.drift.is_empty()
    }

    fn trouble(&self) -> String {
        if self.state != "active" {
            return self.state.to_owned();
        }
        let names: Vec<_> = self.drift.iter().map(|difference| difference.property).collect();
        format!("differs in {}", names.join(", "))
    }
}

impl Report for Status {
    fn table(&self) -> String {
        let mut table = new_table(&["resource", "name", "state", "note"]);
        for resource in &self.resources {
            let drift = resource.drift.iter().map(|d| format!("{}: {} instead of {}", d.property, d.found, d.wanted));
            let notes = Some(resource.note.clone()).into_iter().filter(|note| !note.is_empty()).chain(drift);
            let notes = notes.collect::<Vec<_>>().join("; ");
            table.add_row([cell(resource.kind.as_str()), cell(&resource.name), cell(resource.state), cell(&notes)]);
        }
        let mut text = table.trim_fmt();
        if let Some(mapping) = &self.mapping {
            text.push_str(&format!("\n\nmapping {}: last result {}", mapping.state, mapping.last_processing_result));
        }
        text
    }
}
