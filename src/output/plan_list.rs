//! The steps of a plan as a list: a line each, and below it what differs, why, and what would be lost.

use super::differences::{change_lines, difference_lines};
use super::escape::one_line;
use super::marks::Mark;
use super::units;
use crate::stack::{Action, Difference, Kind, Plan, Step};

/// Where the lines below a line of a list begin.
pub(crate) const LIST_INDENT: &str = "              ";

/// Returns the list of a plan; with `all` also the resources that do not change.
#[must_use]
pub(crate) fn plan_lines(plan: &Plan, all: bool) -> Vec<String> {
    let shown = plan.steps.iter().filter(|step| all || step.action != Action::None);
    shown.flat_map(|step| std::iter::once(planned_line(step)).chain(details(step))).collect()
}

fn planned_line(step: &Step) -> String {
    resource_line(mark(step.action), planned_word(step), None, step.kind, &step.name)
}

/// Returns a line of a list; a name may be long, so it comes last.
#[must_use]
pub(crate) fn resource_line(mark: Mark, word: &str, took: Option<&str>, kind: Kind, name: &str) -> String {
    format!(
        "  {} {word:<9} {}{}",
        mark.sign(),
        took.map(|took| format!("{took:>8}  ")).unwrap_or_default(),
        named(kind, name)
    )
}

/// Returns a resource by kind and name.
pub(super) fn named(kind: Kind, name: &str) -> String {
    format!("{kind:<13}  {}", one_line(name))
}

fn mark(action: Action) -> Mark {
    match action {
        Action::Create => Mark::Create,
        Action::Update => Mark::Update,
        Action::Replace => Mark::Replace,
        Action::Delete => Mark::Delete,
        Action::None | Action::Keep => Mark::Keep,
    }
}

/// Returns the word of a step that is to be done.
pub(super) fn planned_word(step: &Step) -> &'static str {
    match step.action {
        Action::None => "unchanged",
        Action::Update if step.adopts => "adopt",
        action => action.as_str(),
    }
}

/// Returns the word of a step that was done.
#[must_use]
pub(crate) fn done_word(action: Action, adopts: bool) -> &'static str {
    match action {
        Action::None => "unchanged",
        Action::Create => "created",
        Action::Update if adopts => "adopted",
        Action::Update => "updated",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
        Action::Keep => "kept",
    }
}

/// Returns the lines below a step: why, what differs, and what is lost.
pub(super) fn details(step: &Step) -> Vec<String> {
    let is_kept = step.action == Action::Keep;
    let mut lines: Vec<String> = step.remark().into_iter().collect();
    for difference in &step.differences {
        if is_kept {
            lines.extend(difference_lines(difference));
            continue;
        }
        let mut changes = change_lines(difference);
        if let (Some(last), Some(effect)) = (changes.last_mut(), effect_of_change(difference)) {
            last.push_str(&format!(" ({effect})"));
        }
        lines.extend(changes);
    }
    lines.extend(loss(step).map(|loss| format!("with {loss}")));
    lines.into_iter().map(|line| format!("{LIST_INDENT}{}", one_line(&line))).collect()
}

fn effect_of_change(difference: &Difference) -> Option<&'static str> {
    match difference {
        Difference { replaces: true, .. } => Some("must be replaced"),
        Difference { loses_data: true, .. } => Some(effect(difference)),
        _ => None,
    }
}

/// Returns the effect of a change that deletes data or removes its protection.
#[must_use]
pub(crate) fn effect(difference: &Difference) -> &'static str {
    match difference.property {
        "deletion_protection" => "removes the protection against deletion",
        "point_in_time_recovery" => "deletes the backups",
        _ => "can delete data",
    }
}

/// Returns the data that a step deletes with a table or a stream.
#[must_use]
pub(crate) fn loss(step: &Step) -> Option<String> {
    match step.kind {
        _ if !step.destroys() => None,
        kind if kind.is_table() => Some(rows_of(step)),
        Kind::Stream => Some("the records in it".to_owned()),
        _ => None,
    }
}

/// The rows of a table, as far as the service has counted them: it does so every six hours (`DescribeTable`, `ItemCount`).
fn rows_of(step: &Step) -> String {
    match step.found.details.get("rows").and_then(|rows| rows.parse::<u64>().ok()) {
        None | Some(0) => "all rows in it".to_owned(),
        Some(1) => "about 1 row".to_owned(),
        Some(rows) => format!("about {} rows", units::count(rows)),
    }
}
