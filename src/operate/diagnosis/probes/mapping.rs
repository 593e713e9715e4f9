//! Is there an event source mapping, does it poll, and how did its last batch end?

use super::super::answer::Answer;
use super::super::finding::{CauseName, Finding};
use super::super::observations::{MappingFacts, Observations};
use super::text::{UP, brief, length, moment, since, time};

/// A mapping that changes for longer does not get ready by itself any more, in ms.
const STUCK_MS: f64 = 10.0 * 60.0 * 1000.0;

/// The error of a read that Kinesis throttles, as the local cloud names it in the result of a mapping. What Lambda writes is
/// not documented.
const READ_THROTTLED: &str = "ProvisionedThroughputExceeded";

/// Judges whether there is a mapping.
pub(super) fn presence(seen: &Observations) -> Vec<Finding> {
    let name = CauseName::MappingAbsent;
    let (stream, function) = (&seen.settings.stream.name, &seen.settings.function.name);
    vec![match &seen.mapping {
        Err(why) => Finding::unknown(name, why),
        Ok(Some(_)) => Finding::Excluded(name),
        Ok(None) => Finding::proven(
            name,
            format!("no event source mapping leads from stream {stream} to function {function}"),
            format!(
                "{UP} creates it; it begins at the oldest record of a stream that sensorctl made, and elsewhere now, \
                 unless `mapping.starting_position` names the time of the last good record"
            ),
        ),
    }]
}

/// Judges whether the mapping polls.
pub(super) fn state(seen: &Observations) -> Vec<Finding> {
    let (disabled, stuck) = (CauseName::MappingDisabled, CauseName::MappingStuck);
    let mapping = match &seen.mapping {
        Err(why) => return vec![Finding::unknown(disabled, why), Finding::unknown(stuck, why)],
        Ok(None) => return Vec::new(),
        Ok(Some(mapping)) => mapping,
    };
    let MappingFacts { state, uuid, state_reason, changed_ms, .. } = mapping;
    let changed_for = changed_ms.map_or(0.0, |changed| since(seen.now_ms, changed));
    let since_when = changed_ms.map(|changed| format!(", changed at {}", time(changed))).unwrap_or_default();
    match state.as_str() {
        "Disabled" | "Disabling" => {
            let evidence = format!("event source mapping {uuid} is {state} ({state_reason}{since_when})");
            vec![Finding::proven(disabled, evidence, enable(seen)), Finding::Excluded(stuck)]
        }
        "Enabled" => vec![Finding::Excluded(disabled), settled(seen, mapping)],
        _ if changed_for > STUCK_MS => vec![
            Finding::Excluded(disabled),
            Finding::proven(
                stuck,
                format!("event source mapping {uuid} is {state}{since_when}, and no change takes that long"),
                format!(
                    "`aws lambda delete-event-source-mapping --uuid {uuid}`, then {UP} with `mapping.starting_position` \
                     at the time of the last good record"
                ),
            ),
        ],
        _ => vec![
            Finding::Excluded(disabled),
            Finding::unknown(stuck, format!("event source mapping {uuid} is {state}{since_when}: wait for it")),
        ],
    }
}

/// Judges an enabled mapping: pollers start minutes after its state says so.
fn settled(seen: &Observations, mapping: &MappingFacts) -> Finding {
    let name = CauseName::MappingStuck;
    let is_recent = mapping.changed_ms.is_some_and(|changed| seen.now_ms - changed < seen.mapping_in_force_ms);
    let delivered = |changed| seen.log.as_ref().is_ok_and(|log| log.newest().any(|(_, batch)| batch.time_ms > changed));
    match mapping.changed_ms.filter(|changed| is_recent && !delivered(*changed)) {
        Some(changed) => Finding::unknown(
            name,
            format!(
                "event source mapping {} was changed at {}: it may take minutes until it polls",
                mapping.uuid,
                moment(seen.now_ms, changed)
            ),
        ),
        None => Finding::Excluded(name),
    }
}

fn enable(seen: &Observations) -> String {
    if seen.settings.mapping.enabled {
        format!("{UP} enables it; it goes on where it stopped, and records past the retention are lost")
    } else {
        "the settings ask for it: `sensorctl up --set mapping.enabled=true` enables it".to_owned()
    }
}

/// Judges the result of the last batch. It is not a cause of its own where another finding explains it.
pub(super) fn last_result(seen: &Observations, others: &[Finding]) -> Option<Finding> {
    let name = CauseName::MappingFailing;
    let mapping = match &seen.mapping {
        Err(why) => return Some(Finding::unknown(name, why)),
        Ok(mapping) => mapping.as_ref()?,
    };
    let says_throttled = mapping.last_result.contains(READ_THROTTLED);
    let explains = |cause: CauseName| cause.explains_failure() || (says_throttled && cause == CauseName::AnotherReader);
    let is_explained = others.iter().any(|it| matches!(it, Finding::Proven(cause) if explains(cause.name)));
    if !has_problem(&seen.mapping) || is_explained {
        return Some(Finding::Excluded(name));
    }
    let evidence = format!(
        "the last result of event source mapping {} is `{}`; Lambda tells neither its time nor its batch, and an idle \
         stream keeps it",
        mapping.uuid,
        brief(&mapping.last_result)
    );
    if let Some(why) = outdated(seen) {
        return Some(Finding::unknown(name, format!("{evidence}: {why}")));
    }
    Some(Finding::proven(
        name,
        evidence,
        "`sensorctl logs --since 1h --kind error` shows errors of the function, `sensorctl invoke -v` runs it once",
    ))
}

/// Returns why the last result of the mapping may be over, if so: it has no time. Something ended well since the oldest
/// line of the log, or nothing came that would replace the result.
pub(super) fn outdated(seen: &Observations) -> Option<String> {
    let log = seen.log.as_ref().ok().filter(|_| !seen.is_result_current)?;
    if let Some(delivered) = log.last_delivery_ms() {
        let when = moment(seen.now_ms, delivered);
        return Some(format!("it may be older than the batch that ended well at {when}"));
    }
    is_idle(seen).then(|| {
        let time = length(since(log.window_ms, 0));
        format!("nothing came into the stream in the last {time}, and no batch failed, so that it may be older")
    })
}

/// Returns whether nothing came and nothing was tried in the time of the log.
fn is_idle(seen: &Observations) -> bool {
    let (Ok(log), Ok(metrics)) = (&seen.log, &seen.metrics) else { return false };
    log.exists && log.lines == 0 && metrics.newest_incoming == Ok(0.0) && metrics.function_throttles == Ok(0.0)
}

/// Returns whether nothing came since the last batch, which was stored: what came before the time of the log would be tried
/// again and again, and replace the result.
pub(super) fn rests(seen: &Observations) -> bool {
    is_idle(seen)
        && matches!(&seen.mapping, Ok(Some(mapping)) if mapping.state == "Enabled" && mapping.last_result == "OK")
}

/// Returns whether the last batch of the mapping ended with a problem. Only the prefix is documented.
pub(super) fn has_problem(mapping: &Answer<Option<MappingFacts>>) -> bool {
    mapping.as_ref().is_ok_and(|mapping| mapping.as_ref().is_some_and(|it| it.last_result.starts_with("PROBLEM:")))
}
