//! Describes what a plan deletes, replaces or leaves unprotected: for the question before it is applied, and for `plan`,
//! which must not promise more than `up` does.

use crate::output::units;
use crate::stack::{Action, Difference, Kind, Plan, Step};

/// Tables and streams that would be replaced, which `up` does only when it was told to.
pub(super) fn replaced_data(plan: &Plan) -> impl Iterator<Item = &Step> {
    let holds_data = |kind: Kind| kind.is_table() || kind == Kind::Stream;
    plan.steps.iter().filter(move |step| step.action == Action::Replace && holds_data(step.kind))
}

/// Returns what needs consent before the plan is applied, each as half a sentence.
pub(super) fn doubts(plan: &Plan) -> Vec<String> {
    let mut doubts = Vec::new();
    if let Some(version) = plan.newer_code() {
        doubts.push(format!("the function's code of the newer sensorctl {version} would be replaced by this one's"));
    }
    let replaced = plan.steps.iter().filter(|step| step.action == Action::Replace).map(replacement);
    doubts.extend(replaced);
    for (step, difference) in plan.data_loss_changes() {
        let Difference { property, found, desired: wanted, .. } = difference;
        let (kind, name) = (step.kind, &step.name);
        let effect = effect(difference);
        doubts.push(format!("{property} of the {kind} `{name}` would go from {found} to {wanted}, which {effect}"));
    }
    doubts
}

/// Returns the effect of a change that deletes data or removes its protection; follows "which".
pub(super) fn effect(difference: &Difference) -> &'static str {
    match difference.property {
        "deletion_protection" => "loses data protection",
        "point_in_time_recovery" => "loses data: the backups",
        _ => "loses data",
    }
}

fn replacement(step: &Step) -> String {
    let (kind, name) = (step.kind, &step.name);
    let loss = match kind {
        _ if kind.is_table() => format!(", which deletes {}", rows_of(step)),
        Kind::Stream => ", which deletes the records in it".to_owned(),
        _ => String::new(),
    };
    format!("the {kind} `{name}` would be replaced{loss}")
}

/// The rows of a table, as far as the service has counted them: it does so every six hours (`DescribeTable`, `ItemCount`).
fn rows_of(step: &Step) -> String {
    match step.found.details.get("rows").and_then(|rows| rows.parse::<u64>().ok()) {
        None | Some(0) => "all rows in it".to_owned(),
        Some(1) => "about 1 row".to_owned(),
        Some(rows) => format!("about {} rows", units::count(rows)),
    }
}

/// Some resources in words.
pub(super) fn resources(count: usize) -> String {
    if count == 1 { "1 resource".to_owned() } else { format!("{count} resources") }
}
