//! The report of `status`.

use serde::Serialize;

use super::{
    HealthStatus, LIST_INDENT, Mark, Report, ResourceRef, change_lines, difference_lines, one_line, resource_line,
};
use crate::stack::{Difference, Kind};

/// The report of `status`.
#[derive(Debug, Serialize)]
pub(crate) struct StackStatus {
    pub account: String,
    pub region: String,
    pub stage: String,
    pub healthy: bool,
    pub resources: Vec<ResourceStatus>,
    pub mapping: Option<MappingStatus>,
    /// Things of this stage under names that the settings do not have any more.
    #[serde(rename = "leftovers", skip_serializing_if = "Vec::is_empty")]
    pub orphans: Vec<ResourceRef>,
    /// The flow of readings.
    #[serde(flatten)]
    pub health: HealthStatus,
    /// All reasons why the pipeline is unhealthy.
    pub problems: Vec<String>,
    /// Properties of tables that `plan` compares and `status` does not, to make few calls.
    pub not_compared: Vec<&'static str>,
    /// True if the ARNs are shown to a person.
    #[serde(skip)]
    pub shows_arns: bool,
}

/// A resource in [`StackStatus`].
#[derive(Debug, Serialize)]
pub(crate) struct ResourceStatus {
    pub kind: Kind,
    pub name: String,
    pub arn: Option<String>,
    pub state: &'static str,
    pub drift: Vec<Difference>,
    /// Unmanaged things beside the resource that lose readings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dangers: Vec<String>,
    /// True if `up` would repair the drift.
    #[serde(skip)]
    pub is_managed: bool,
    #[serde(skip)]
    pub note: String,
}

/// The event source mapping in [`StackStatus`].
#[derive(Debug, Serialize)]
pub(crate) struct MappingStatus {
    pub uuid: String,
    pub state: String,
    pub last_processing_result: String,
}

impl ResourceStatus {
    /// Returns whether it is active and as the settings want it.
    pub(crate) fn is_healthy(&self) -> bool {
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
    pub(crate) fn problem(&self) -> Option<String> {
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
            let arn = resource.arn.clone().filter(|_| self.shows_arns);
            let below = arn.into_iter().chain(note).chain(drift).chain(resource.dangers.clone());
            lines.extend(below.map(|line| format!("{LIST_INDENT}{}", one_line(&line))));
        }
        if let Some(mapping) = &self.mapping {
            let (state, result) = (one_line(&mapping.state), one_line(&mapping.last_processing_result));
            lines.push(format!("mapping {state}: last result {result}"));
        }
        lines.extend(self.health.lines.iter().map(|line| one_line(line).into_owned()));
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
            health: HealthStatus::default(),
            problems: Vec::new(),
            not_compared: Vec::new(),
            shows_arns: false,
        };
        let table = status.table();
        let last = table.lines().last().unwrap();
        assert!(last.starts_with("mapping Enabled\u{fffd}[8m: last result OK\u{fffd}\u{fffd}\u{fffd}1A"), "{last:?}");
    }
}
