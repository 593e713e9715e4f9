//! The probes: each judges a few causes by what was read, and calls nothing.

mod fate;
mod filters;
mod function;
mod given_up;
mod log;
mod mapping;
mod role;
mod stream;
mod table;
mod text;
mod throttles;

use super::finding::{Cause, CauseName, Finding};
use super::observations::Observations;

pub(super) use self::log::is_failure_of_function;

/// A probe.
type Probe = fn(&Observations) -> Vec<Finding>;

/// All probes, in the order of the calls that they need: the cheapest first.
const PROBES: [Probe; 16] = [
    mapping::presence,
    mapping::state,
    filters::filters,
    function::presence,
    function::concurrency,
    function::partial_batch,
    stream::state,
    table::states,
    table::dead_letters,
    role::access,
    role::stale_grant,
    log::failures,
    log::age,
    given_up::given_up,
    throttles::throttles,
    stream::emptiness,
];

/// Judges everything that was read. Returns the findings in the order of reports, one of each name at most.
pub(super) fn findings(seen: &Observations) -> Vec<Finding> {
    let mut findings: Vec<Finding> = PROBES.iter().flat_map(|probe| probe(seen)).collect();
    findings.extend(mapping::last_result(seen, &findings));
    merged(findings)
}

/// Merges the findings of one name: what two probes prove is one cause with the evidence of both. A cause is excluded
/// only if each probe excludes it.
fn merged(findings: Vec<Finding>) -> Vec<Finding> {
    let mut merged: Vec<Finding> = Vec::new();
    for finding in findings {
        let Some(known) = merged.iter_mut().find(|known| name_of(known) == name_of(&finding)) else {
            merged.push(finding);
            continue;
        };
        match (&mut *known, finding) {
            (Finding::Proven(first), Finding::Proven(Cause { evidence, .. })) => {
                first.evidence = format!("{}; {evidence}", first.evidence);
            }
            (Finding::Unknown(first), Finding::Unknown(second)) if first.reason != second.reason => {
                first.reason = format!("{}; {}", first.reason, second.reason);
            }
            (Finding::Excluded(_), finding) | (Finding::Unknown(_), finding @ Finding::Proven(_)) => *known = finding,
            _ => {}
        }
    }
    merged.sort_by_key(name_of);
    merged
}

fn name_of(finding: &Finding) -> CauseName {
    match finding {
        Finding::Proven(cause) => cause.name,
        Finding::Excluded(name) => *name,
        Finding::Unknown(unknown) => unknown.name,
    }
}

#[cfg(test)]
mod tests;
