//! Does the function exist, may it run, and is its answer understood?

use super::super::finding::{CauseName, Finding};
use super::super::observations::Observations;
use super::text::{UP, brief};
use crate::stack::PARTIAL_BATCH;

/// Judges whether the function exists and is ready.
pub(super) fn presence(seen: &Observations) -> Vec<Finding> {
    let (missing, not_ready) = (CauseName::FunctionMissing, CauseName::FunctionNotReady);
    let name = &seen.settings.function.name;
    let function = match &seen.function {
        Err(why) => return vec![Finding::unknown(missing, why), Finding::unknown(not_ready, why)],
        Ok(None) => {
            let evidence = format!("function {name} does not exist");
            return vec![Finding::proven(missing, evidence, format!("{UP} creates it"))];
        }
        Ok(Some(function)) => function,
    };
    let proven = |evidence: String, remedy: String| {
        vec![Finding::Excluded(missing), Finding::proven(not_ready, evidence, remedy)]
    };
    let reason = brief(&function.state_reason);
    match (function.state.as_str(), function.last_update.as_str()) {
        ("Active" | "Inactive", "Failed") => proven(
            format!("the last update of function {name} failed: {}", brief(&function.last_update_reason)),
            format!("restore the key or role that the reason names; {UP} repeats the update"),
        ),
        ("Active" | "Inactive", _) => vec![Finding::Excluded(missing), Finding::Excluded(not_ready)],
        ("Pending", _) => proven(
            format!("function {name} is Pending: {reason}"),
            format!("wait; {UP} waits for it, and an update after six minutes of Pending makes it fail or work"),
        ),
        (state, _) => proven(
            format!("function {name} is {state}: {reason}"),
            format!("restore the key or role that the reason names, then {UP}"),
        ),
    }
}

/// Judges whether the function may run at all.
pub(super) fn concurrency(seen: &Observations) -> Vec<Finding> {
    let name = CauseName::NoConcurrency;
    let function = match &seen.function {
        Err(why) => return vec![Finding::unknown(name, why)],
        Ok(None) => return Vec::new(),
        Ok(Some(function)) => function,
    };
    if function.reserved_concurrency != Some(0) {
        return vec![Finding::Excluded(name)];
    }
    let remedy = if seen.settings.function.reserved_concurrency == Some(0) {
        "the settings ask for it: `sensorctl up --set 'function.reserved_concurrency=\"none\"'` lets it run".to_owned()
    } else {
        format!("{UP} lets it run again")
    };
    let evidence =
        format!("function {} has a reserved concurrency of 0, so that it never runs", seen.settings.function.name);
    vec![Finding::proven(name, evidence, remedy)]
}

/// Judges whether the mapping understands the partial batch responses of the function.
pub(super) fn partial_batch(seen: &Observations) -> Vec<Finding> {
    let name = CauseName::PartialBatchOff;
    let (function, mapping) = match (&seen.function, &seen.mapping) {
        (Err(why), _) | (_, Err(why)) => return vec![Finding::unknown(name, why)],
        (Ok(Some(function)), Ok(Some(mapping))) => (function, mapping),
        _ => return Vec::new(),
    };
    if mapping.reports_partial_batches {
        return vec![Finding::Excluded(name)];
    }
    match &function.variables {
        None => vec![Finding::unknown(name, "the variables of the function cannot be decrypted")],
        Some(variables) if variables.get(PARTIAL_BATCH).is_some_and(|value| value == "1") => vec![Finding::proven(
            name,
            format!(
                "function {} returns partial batch responses ({PARTIAL_BATCH}=1), and event source mapping {} lacks \
                 ReportBatchItemFailures: Lambda takes them for success, and what was not stored is lost",
                seen.settings.function.name, mapping.uuid
            ),
            format!(
                "{UP} sets it; what was not stored is passed over: `sensorctl invoke --from-stream SHARD:SEQUENCE` passes a \
                 record to the function again"
            ),
        )],
        Some(_) => vec![Finding::Excluded(name)],
    }
}
