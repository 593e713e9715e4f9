//! Judges the function's log: failing batches with their reason, time-outs, memory, and how old the records are.

use super::super::deployed_code::is_other_build;
use super::super::finding::{CauseName, Finding};
use super::super::log_evidence::{LogEvidence, LoggedBatch, OpenCrash};
use super::super::observations::{Emptiness, Observations};
use super::fate::Fate;
use super::text::{UP, brief, length, moment, since};

/// Codes of a role that lacks an action.
const DENIED: [&str; 2] = ["AccessDeniedException", "AccessDenied"];
/// The code of a missing table.
const NO_TABLE: &str = "ResourceNotFoundException";
/// In the function's error about a record that is no reading, where it has no dead-letter table.
const NO_REJECTS_TABLE: &str = "no table for rejects is set";
/// The error of an invocation that used up its memory.
const OUT_OF_MEMORY: &str = "Runtime.OutOfMemory";
/// Error codes of a throttled table.
const THROTTLED: [&str; 5] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "Throttling",
    "UnprocessedItems",
];
/// Records that are younger than this are not behind, in ms.
const BEHIND_MS: f64 = 60_000.0;
/// A batch that fails again and again did so within this time, in ms.
const REPEATED_MS: f64 = 180_000.0;
/// The shortest time over which a trend counts, in ms.
const TREND_MS: i64 = 60_000;

/// Returns whether a batch failed for a reason of its own: not for its role or its table.
pub(in super::super) fn is_failure_of_function(code: &str) -> bool {
    code != NO_TABLE && !DENIED.contains(&code) && !THROTTLED.contains(&code)
}

/// Judges how the newest batch of each shard ended, and the newest invocation.
pub(super) fn failures(seen: &Observations) -> Vec<Finding> {
    let names = [
        CauseName::FunctionFailing,
        CauseName::FunctionTimeout,
        CauseName::FunctionOutOfMemory,
        CauseName::TableThrottled,
    ];
    // A missing function does not fail, and its earlier lines do not matter.
    if matches!(&seen.function, Ok(None)) {
        return Vec::new();
    }
    let log = match &seen.log {
        Err(why) => {
            let all = names.into_iter().chain([CauseName::LogGroupMissing]);
            return all.map(|name| Finding::unknown(name, why)).collect();
        }
        Ok(log) if !log.exists => {
            let why = format!("log group {} does not exist", seen.settings.log_group_name());
            let mut findings: Vec<Finding> = names.map(|name| Finding::unknown(name, &why)).into();
            if matches!(&seen.function, Ok(Some(_))) {
                let remedy = format!("{UP} creates it; what the function wrote before is lost");
                let evidence = format!("{why}, so that nothing shows how the function ends");
                findings.push(Finding::proven(CauseName::LogGroupMissing, evidence, remedy));
            }
            return findings;
        }
        Ok(log) => log,
    };
    let mut findings: Vec<Finding> = batches(seen, log);
    findings.extend(crash(seen, log));
    findings.push(Finding::Excluded(CauseName::LogGroupMissing));
    if log.lacks_newest {
        findings =
            findings.into_iter().map(|finding| doubted(finding, "newer lines of the log were not read")).collect();
    }
    let is_found = |name: CauseName, findings: &[Finding]| {
        findings.iter().any(|finding| matches!(finding, Finding::Proven(cause) if cause.name == name))
    };
    for name in names {
        if is_found(name, &findings) {
            continue;
        }
        findings.push(if let Some(why) = unproven(seen).filter(|_| name != CauseName::TableThrottled) {
            Finding::unknown(name, why)
        } else if log.is_cut {
            Finding::unknown(name, cut(log))
        } else if log.lines == 0 && super::mapping::has_problem(&seen.mapping) {
            let why = format!("the log has no line of the last {}", length(since(log.window_ms, 0)));
            Finding::unknown(name, why)
        } else {
            Finding::Excluded(name)
        });
    }
    findings
}

/// Returns that the log was not read as a whole.
fn cut(log: &LogEvidence) -> String {
    format!("the log has more lines in {} than were read", length(since(log.window_ms, 0)))
}

/// Returns that nothing shows a delivery although there are records, if so: the log has no batch of a shard in its time.
/// An invocation that fails before the function can write does the same.
pub(super) fn undelivered(seen: &Observations) -> Option<String> {
    let log = seen.log.as_ref().ok().filter(|log| !log.has_batches())?;
    let incoming = seen.metrics.as_ref().ok().and_then(|metrics| metrics.incoming.as_ref().ok());
    let has = match (incoming, &seen.emptiness) {
        (Some(incoming), _) if *incoming > 0.0 => format!("took {incoming:.0} records in this time"),
        (_, Some(Ok(Emptiness::HasRecords))) => "holds records".to_owned(),
        (_, Some(Ok(Emptiness::Undecided) | Err(_))) => "may hold records".to_owned(),
        (_, None) if seen.stream.is_err() => "may hold records".to_owned(),
        _ => return None,
    };
    let stream = &seen.settings.stream.name;
    let time = length(since(log.window_ms, 0));
    Some(format!("the log shows no batch of the last {time}, and stream {stream} {has}"))
}

/// Returns the same where it leaves open whether the function fails: not for an idle pipeline whose last batch was stored.
fn unproven(seen: &Observations) -> Option<String> {
    undelivered(seen).filter(|_| !super::mapping::rests(seen))
}

/// Judges the batches that the function itself reports as not stored.
fn batches(seen: &Observations, log: &LogEvidence) -> Vec<Finding> {
    let failing = log.failing(seen.is_shard_in_order()).filter_map(|(shard, batch, code, text)| {
        let fate = Fate::of(seen, shard, batch, log.failures_of(shard, batch), age_now(seen, batch));
        if fate == Fate::GivenUp && is_over(seen) {
            return None;
        }
        let range = batch.range.as_ref().map(|(first, last)| {
            if first == last { format!(", record {first}") } else { format!(", records {first} to {last}") }
        });
        let of_shard =
            if shard.is_empty() { "the newest invocation".to_owned() } else { format!("the newest batch of {shard}") };
        let evidence = format!(
            "{of_shard}{} failed at {}: {code}: {}; {}",
            range.unwrap_or_default(),
            moment(seen.now_ms, batch.time_ms),
            brief(text),
            fate.evidence(&kept(seen, batch))
        );
        let function = &seen.settings.function.name;
        let (name, remedy) = match code {
            code if DENIED.contains(&code) => {
                let remedy = if text.contains("explicit deny") {
                    "take the Deny out of the policy that the reason names, or have its owner do that".to_owned()
                } else if seen.settings.role.existing {
                    "have the owner of the role add the action that the reason names".to_owned()
                } else {
                    format!("{UP} restores the role; a running environment keeps its old credentials for some minutes")
                };
                (CauseName::RoleLacksAction, remedy)
            }
            NO_TABLE => (CauseName::TableMissing, format!("{UP} creates it, without the rows that it held")),
            code if THROTTLED.contains(&code) => (CauseName::TableThrottled, table_remedy(seen).to_owned()),
            _ if text.contains(NO_REJECTS_TABLE) => {
                let end = if fate.is_tried_again() { ", and the record becomes a dead letter" } else { "" };
                (CauseName::FunctionFailing, format!("{UP} gives function {function} its dead-letter table again{end}"))
            }
            _ => (
                CauseName::FunctionFailing,
                format!("`sensorctl logs --since 15m --kind error` shows all errors of function {function}"),
            ),
        };
        let remedy = format!("{remedy}{}", fate.remedy(shard, batch));
        let finding = Finding::proven(name, evidence, remedy);
        Some(corroborated(seen, finding, log.failures_of(shard, batch), !shard.is_empty()))
    });
    failing.collect()
}

/// Returns what a failure proves: it may be of an invocation by hand (`invoke`, a console), unless the mapping reports a
/// problem, too. Its result is that of its last batch, which may be one of another shard: there a batch of a shard that
/// fails again proves it, and where the mapping takes every answer for success, each one does.
fn corroborated(seen: &Observations, finding: Finding, failures: usize, has_shard: bool) -> Finding {
    let is_unaware = matches!(&seen.mapping, Ok(Some(mapping)) if !mapping.reports_partial_batches);
    let is_of_mapping = has_shard && (is_unaware || (failures > 1 && !seen.is_in_order()));
    if is_of_mapping || super::mapping::has_problem(&seen.mapping) {
        return finding;
    }
    doubted(finding, "the event source mapping reports no problem, so that it may have been invoked by hand")
}

/// Turns a proof into an open question, for a reason.
fn doubted(finding: Finding, why: &str) -> Finding {
    match finding {
        Finding::Proven(cause) => Finding::unknown(cause.name, format!("{}; {why}", cause.evidence)),
        other => other,
    }
}

/// Returns what mends a throttled table.
pub(super) fn table_remedy(seen: &Observations) -> &'static str {
    if seen.is_table_on_demand {
        return "the table is on demand already: it takes twice its earlier peak at once and grows within 30 minutes, in \
                which the records are tried again; a single key takes about 1,000 writes a second whatever the billing, so \
                spread the readings over more sensor ids";
    }
    "`sensorctl up --set table.billing=on-demand` takes any steady load; a single key takes about 1,000 writes a second \
     whatever the billing"
}

/// Returns what `up` restores of a function that the platform ends, if it is not as the settings say.
fn restored(seen: &Observations) -> Option<String> {
    let function = seen.function.as_ref().ok()?.as_ref()?;
    let wanted = &seen.settings.function;
    let mut differ = Vec::new();
    if function.timeout_seconds > 0 && function.timeout_seconds < wanted.timeout_seconds {
        let (has, wants) = (function.timeout_seconds, wanted.timeout_seconds);
        differ.push(format!("its time limit is {has} s, and {wants} s by the settings"));
    }
    if function.memory_mb > 0 && function.memory_mb < wanted.memory_mb {
        let (has, wants) = (function.memory_mb, wanted.memory_mb);
        differ.push(format!("its memory is {has} MB, and {wants} MB by the settings"));
    }
    if wanted.zip.is_none() && is_other_build(function) {
        differ.push("its code is not the one that this sensorctl uploads".to_owned());
    }
    let name = &wanted.name;
    (!differ.is_empty()).then(|| format!("{UP} restores function {name}: {}", differ.join("; ")))
}

/// Judges the newest invocation that the platform ended.
fn crash(seen: &Observations, log: &LogEvidence) -> Option<Finding> {
    let function = &seen.settings.function.name;
    let Some(OpenCrash { crash, count, is_last }) = log.crash(seen.is_in_order()) else {
        // Without a single report, the program may not even start.
        let text = log.last_error_text.as_ref().filter(|_| log.last_success_ms.is_none() && !log.has_batches())?;
        let finding = Finding::proven(
            CauseName::FunctionFailing,
            format!("function {function} does not start: {}", brief(text)),
            format!("{UP} uploads the program again; `function.architecture` must be that of the program"),
        );
        return Some(corroborated(seen, finding, 1, false));
    };
    let usage = &crash.usage;
    let when = moment(seen.now_ms, crash.time_ms);
    let (duration, memory) = (length(usage.duration_ms), usage.memory_mb);
    let kind = usage.error_type.as_deref().unwrap_or_default();
    let is_full = usage.status.as_deref() == Some("error") && usage.max_memory_mb >= usage.memory_mb;
    let finding = if usage.status.as_deref() == Some("timeout") {
        let more = usage.duration_ms / 1000.0 * 2.0;
        Finding::proven(
            CauseName::FunctionTimeout,
            format!("an invocation of function {function} was ended at its time limit after {duration}, at {when}"),
            format!(
                "`sensorctl up --set function.timeout_seconds={:.0}`, or a smaller `mapping.batch_size`; a slow table shows \
                 as retries in `sensorctl logs --metrics`",
                more.clamp(60.0, 900.0)
            ),
        )
    } else if kind == OUT_OF_MEMORY || is_full {
        Finding::proven(
            CauseName::FunctionOutOfMemory,
            format!("an invocation of function {function} used up its {memory} MB, at {when}"),
            format!("`sensorctl up --set function.memory_mb={}`", (memory * 2).min(10_240)),
        )
    } else {
        let text = log.last_error_text.as_deref().map(|text| format!(": {}", brief(text))).unwrap_or_default();
        Finding::proven(
            CauseName::FunctionFailing,
            format!("an invocation of function {function} ended with {kind} at {when}{text}"),
            "`sensorctl logs --since 15m` shows what it wrote before",
        )
    };
    let finding = match (finding, restored(seen)) {
        (Finding::Proven(cause), Some(restored)) => Finding::proven(cause.name, cause.evidence, restored),
        (finding, _) => finding,
    };
    // A blocked batch fails again and again beside the others.
    let is_repeated = count > 1 && since(seen.now_ms, crash.time_ms) < REPEATED_MS;
    Some(if is_last || is_repeated {
        corroborated(seen, finding, count, false)
    } else {
        doubted(finding, "others ended well since, and the log does not tell whether they are of its batch")
    })
}

/// Returns when the oldest record of a batch expires.
fn kept(seen: &Observations, batch: &LoggedBatch) -> String {
    match (&seen.stream, age_now(seen, batch)) {
        (Ok(Some(stream)), Some(age)) => format!("in {}", length(retention_ms(stream.retention_hours) - age)),
        _ => "with the retention of the stream".to_owned(),
    }
}

/// Returns whether the newest batch of the mapping, whose result is never old here, ended well: one that was given up
/// before is over, and a cause of its own.
fn is_over(seen: &Observations) -> bool {
    seen.is_result_current && matches!(&seen.mapping, Ok(Some(mapping)) if mapping.last_result == "OK")
}

/// Returns the age that the records of a blocked batch have by now, in ms.
fn age_now(seen: &Observations, batch: &LoggedBatch) -> Option<f64> {
    batch.age_ms.map(|age| age + since(seen.now_ms, batch.time_ms))
}

fn retention_ms(hours: i32) -> f64 {
    f64::from(hours) * 3_600_000.0
}

/// Judges whether records may expire before they are delivered.
pub(super) fn age(seen: &Observations) -> Vec<Finding> {
    let name = CauseName::ConsumerBehindRetention;
    let (log, stream) = match (&seen.log, &seen.stream) {
        (Err(why), _) | (_, Err(why)) => return vec![Finding::unknown(name, why)],
        (Ok(log), Ok(Some(stream))) => (log, stream),
        _ => return Vec::new(),
    };
    let retention = retention_ms(stream.retention_hours);
    let delivered = log.furthest_delivered().filter_map(|(shard, newest)| {
        let age = newest.age_ms?;
        Some((left_ms(log.shards.get(shard)?, newest, age, retention)?, shard, age))
    });
    let failing = log.failing(seen.is_shard_in_order()).filter_map(|(shard, batch, ..)| {
        let age = age_now(seen, batch)?;
        (age > retention / 2.0).then_some((retention - age, shard, age))
    });
    let behind = delivered.chain(failing);
    let has_age = log.shards.values().flatten().any(|batch| batch.age_ms.is_some());
    let worst = behind.min_by(|one, other| one.0.total_cmp(&other.0));
    vec![match worst {
        None if !has_age && let Some(why) = unproven(seen) => Finding::unknown(name, why),
        None if !has_age && log.has_batches() => {
            Finding::unknown(name, "no batch in the log has the age of its records")
        }
        None if log.is_cut => Finding::unknown(name, cut(log)),
        None => Finding::Excluded(name),
        Some(_) if log.lacks_newest => Finding::unknown(name, cut(log)),
        Some((left, shard, age)) => Finding::proven(
            name,
            format!(
                "the records of {shard} are {} old when they are delivered, and expire after {} h: {}",
                length(age),
                stream.retention_hours,
                if left > 0.0 {
                    format!("the first are lost in {:.1} h", left / 3_600_000.0)
                } else {
                    "records are being lost".to_owned()
                }
            ),
            format!(
                "`sensorctl up --set stream.retention_hours={}` first; then larger `mapping.batch_size`, \
                 `mapping.parallelization` or `function.memory_mb`",
                (stream.retention_hours * 2).clamp(48, 8760)
            ),
        ),
    }]
}

/// Returns the time until records expire unread, in ms: what is left of the retention where the age is above half of it,
/// and else by the trend of the age. Returns `None` if the consumer keeps up.
fn left_ms(batches: &[LoggedBatch], last: &LoggedBatch, age: f64, retention: f64) -> Option<f64> {
    if age > retention / 2.0 {
        return Some(retention - age);
    }
    // One old batch after a pause is no trend.
    let last_at = batches.iter().rposition(|batch| batch == last)?;
    let behind = batches[..=last_at].iter().rev().filter(|batch| batch.error.is_none());
    let first = behind.take_while(|batch| batch.age_ms.is_some_and(|age| age >= BEHIND_MS)).last()?;
    let time = last.time_ms - first.time_ms;
    let rise = (age - first.age_ms?) / since(last.time_ms, first.time_ms);
    // A blocked batch is a cause of its own. Here the consumer is only too slow.
    let is_slow = age > BEHIND_MS && time >= TREND_MS && rise > 0.1;
    is_slow.then(|| (retention - age) / rise)
}
