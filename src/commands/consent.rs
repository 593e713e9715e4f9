//! Describes what a plan deletes, replaces or leaves unprotected: for the question before it is applied, and for `plan`,
//! which must not promise more than `up` does.

use crate::output::{change_lines, effect, loss};
use crate::stack::{Action, Kind, Plan, Step};

/// Tables and streams that would be replaced, which `up` does only with `--replace`.
pub(super) fn replaced_data(plan: &Plan) -> impl Iterator<Item = &Step> {
    let holds_data = |kind: Kind| kind.is_table() || kind == Kind::Stream;
    plan.steps.iter().filter(move |step| step.action == Action::Replace && holds_data(step.kind))
}

/// Returns what needs consent before the plan is applied, each as half a sentence.
pub(super) fn doubts(plan: &Plan) -> Vec<String> {
    let mut doubts = Vec::new();
    if let Some(version) = plan.newer_code() {
        doubts.push(format!("the function's code comes from the newer sensorctl {version} and would be replaced"));
    }
    let replaced = plan.steps.iter().filter(|step| step.action == Action::Replace).map(replacement);
    doubts.extend(replaced);
    for (step, difference) in plan.data_loss_changes() {
        let change = change_lines(difference).join(", ");
        doubts.push(format!("changing the {} `{}` ({change}) {}", step.kind, step.name, effect(difference)));
    }
    doubts
}

/// Returns the half sentences as sentences for a question.
pub(super) fn as_sentences(doubts: &[String]) -> String {
    let sentence = |doubt: &String| {
        let mut letters = doubt.chars();
        letters.next().map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str())).unwrap_or_default()
    };
    doubts.iter().map(sentence).collect::<Vec<_>>().join(" ")
}

fn replacement(step: &Step) -> String {
    let (kind, name) = (step.kind, &step.name);
    match loss(step) {
        Some(loss) => format!("replacing the {kind} `{name}` deletes {loss}"),
        None => format!("the {kind} `{name}` would be replaced"),
    }
}

/// Some resources in words.
pub(super) fn resources(count: usize) -> String {
    if count == 1 { "1 resource".to_owned() } else { format!("{count} resources") }
}
