//! Judges the counts of CloudWatch: throttled writers, readers and invocations.

use super::super::answer::Answer;
use super::super::finding::{CauseName, Finding};
use super::super::log_evidence::LogEvidence;
use super::super::metric_facts::MetricFacts;
use super::super::observations::Observations;
use super::text::{UP, length, moment};

/// The write limits of a shard in a minute (docs/facts/kinesis.md, Write limits).
const SHARD_BYTES: f64 = 60.0 * 1024.0 * 1024.0;
const SHARD_RECORDS: f64 = 60_000.0;
/// The share of the capacity of all shards above which the stream is too small, and not one shard too busy.
const FULL: f64 = 0.8;

const MINUTE_MS: i64 = 60_000;

/// The causes that only metrics prove.
const NAMES: [CauseName; 6] = [
    CauseName::FunctionThrottled,
    CauseName::HotKey,
    CauseName::HotShard,
    CauseName::StreamThrottled,
    CauseName::AnotherReader,
    CauseName::DestinationFailing,
];

/// Judges the metrics.
pub(super) fn throttles(seen: &Observations) -> Vec<Finding> {
    let metrics = match &seen.metrics {
        // The log says whether the last batch failed for it, and not whether batches before it did.
        Err(why) => {
            return NAMES
                .into_iter()
                .chain([CauseName::TableThrottled])
                .map(|name| Finding::unknown(name, why))
                .collect();
        }
        Ok(metrics) => metrics,
    };
    let mut findings = vec![invocations(seen, metrics), readers(seen, metrics), destination(seen, metrics)];
    findings.extend(table(seen, metrics));
    findings.extend(writers(seen, metrics));
    findings
}

/// Returns the count where it is above zero; otherwise an exclusion, or an open question where points are missing.
fn count(name: CauseName, count: &Answer<f64>) -> Result<f64, Finding> {
    match count {
        Ok(count) if *count > 0.0 => Ok(*count),
        Ok(_) => Err(Finding::Excluded(name)),
        Err(why) => Err(Finding::unknown(name, why)),
    }
}

/// Returns the time that was looked at, and the last minute with a throttle in it.
fn window(seen: &Observations, metrics: &MetricFacts, last_ms: Option<i64>) -> String {
    let last = last_ms.map(|last| format!(", last in the minute of {}", moment(seen.now_ms, last)));
    format!("in the last {}{}", length(f64::from(metrics.minutes) * 60_000.0), last.unwrap_or_default())
}

/// Returns whether the function ended well after the minute in which something was throttled last, or in it where the last
/// result, which is never old here, is good and nothing runs. What passed in a later minute (`passed_ms`) was not throttled
/// either, also where the log does not say how it ended.
fn is_over(seen: &Observations, last_ms: Option<i64>, passed_ms: Option<i64>) -> bool {
    let log = seen.log.as_ref().ok();
    let delivered = log.and_then(LogEvidence::last_delivery_ms);
    let is_running = || log.is_some_and(|log| log.is_running(seen.now_ms, longest_run_ms(seen)));
    let is_well = seen.is_result_current
        && matches!(&seen.mapping, Ok(Some(mapping)) if mapping.state == "Enabled" && mapping.last_result == "OK")
        && !is_running();
    let after = |last| if is_well { last } else { last + MINUTE_MS };
    last_ms.is_some_and(|last| {
        delivered.is_some_and(|delivered| delivered >= after(last)) || passed_ms.is_some_and(|passed| passed > last)
    })
}

/// Returns how long an invocation may take, in ms.
fn longest_run_ms(seen: &Observations) -> i64 {
    let function = seen.function.as_ref().ok().and_then(Option::as_ref);
    function.map_or(0, |function| i64::from(function.timeout_seconds) * 1000)
}

fn invocations(seen: &Observations, metrics: &MetricFacts) -> Finding {
    let name = CauseName::FunctionThrottled;
    let reserved = match &seen.function {
        Ok(function) => Ok(function.as_ref().and_then(|function| function.reserved_concurrency)),
        Err(why) => Err(why),
    };
    // Then it never runs, which is a cause of its own.
    if reserved == Ok(Some(0)) {
        return Finding::Excluded(name);
    }
    let last_ms = metrics.newest.invocation_throttled;
    let throttled = match count(name, &metrics.function_throttles) {
        Ok(_) if is_over(seen, last_ms, metrics.newest.invoked) => return Finding::Excluded(name),
        Ok(count) => count,
        Err(finding) => return finding,
    };
    let function = &seen.settings.function.name;
    let (limit, remedy) = match reserved {
        Err(why) => (
            format!("its reserved concurrency is not known ({why})"),
            "`sensorctl up --set function.reserved_concurrency=10` reserves some for it".to_owned(),
        ),
        Ok(Some(reserved)) => (
            format!("its reserved concurrency is {reserved}"),
            format!("`sensorctl up --set function.reserved_concurrency={}`", reserved.saturating_mul(2)),
        ),
        Ok(None) => (
            "it has no reserved concurrency now and shares that of the account; what throttled it is not known"
                .to_owned(),
            "`sensorctl doctor` shows the concurrency of the account and its quota; `sensorctl up --set \
             function.reserved_concurrency=10` reserves some for the function"
                .to_owned(),
        ),
    };
    let evidence = format!(
        "{throttled:.0} invocations of function {function} were throttled {}: {limit}",
        window(seen, metrics, last_ms)
    );
    Finding::proven(name, evidence, remedy)
}

fn table(seen: &Observations, metrics: &MetricFacts) -> [Finding; 2] {
    let (throttled, hot) = (CauseName::TableThrottled, CauseName::HotKey);
    let last_ms = metrics.newest.table_throttled;
    let events = match count(throttled, &metrics.table_throttles) {
        Ok(_) if is_over(seen, last_ms, metrics.newest.written) => {
            return [Finding::Excluded(throttled), Finding::Excluded(hot)];
        }
        Ok(events) => events,
        Err(Finding::Unknown(open)) => return [Finding::Unknown(open.clone()), Finding::unknown(hot, open.reason)],
        Err(finding) => return [finding, Finding::Excluded(hot)],
    };
    let table = &seen.settings.table.name;
    let evidence = format!(
        "{events:.0} writes to table {table} or its dead letters were throttled {}",
        window(seen, metrics, last_ms)
    );
    let remedy = super::log::table_remedy(seen);
    let hot_key = match &metrics.key_range_throttles {
        Ok(hot_events) if *hot_events > 0.0 => Finding::proven(
            hot,
            format!(
                "{hot_events:.0} of the throttled writes hit the limit of one partition (WriteKeyRangeThroughputThrottleEvents)"
            ),
            "spread the readings over more sensor ids; until then a smaller `mapping.parallelization` writes it less often at \
             the same time",
        ),
        Ok(_) => Finding::Excluded(hot),
        Err(why) => Finding::unknown(hot, why),
    };
    [Finding::proven(throttled, evidence, remedy), hot_key]
}

fn writers(seen: &Observations, metrics: &MetricFacts) -> [Finding; 2] {
    let (hot, full) = (CauseName::HotShard, CauseName::StreamThrottled);
    let last_ms = metrics.newest.put_throttled;
    let is_over = metrics.newest.records_put.zip(last_ms).is_some_and(|(put, throttled)| put > throttled);
    let rejected = match count(hot, &metrics.write_throttles) {
        Ok(_) if is_over => return [Finding::Excluded(hot), Finding::Excluded(full)],
        Ok(rejected) => rejected,
        Err(Finding::Unknown(open)) => return [Finding::Unknown(open.clone()), Finding::unknown(full, open.reason)],
        Err(finding) => return [finding, Finding::Excluded(full)],
    };
    let stream = match &seen.stream {
        Ok(Some(stream)) => stream,
        Ok(None) => return [Finding::Excluded(hot), Finding::Excluded(full)],
        Err(why) => return [Finding::unknown(hot, why), Finding::unknown(full, why)],
    };
    let shards = f64::from(stream.open_shards.max(1));
    let share = metrics
        .peaks
        .as_ref()
        .map(|peaks| (peaks.bytes / (shards * SHARD_BYTES)).max(peaks.records / (shards * SHARD_RECORDS)));
    let evidence = format!(
        "{rejected:.0} writes into stream {} were throttled {}; {}",
        seen.settings.stream.name,
        window(seen, metrics, last_ms),
        match &share {
            Ok(share) =>
                format!("its busiest minute took {:.0} % of what {} shards take", share * 100.0, stream.open_shards),
            Err(why) => format!("what its busiest minute took is not known ({why})"),
        }
    );
    if stream.is_on_demand {
        let remedy =
            "retry for 15 minutes, in which the stream grows by itself; it takes twice its recent peak at once";
        return [Finding::Excluded(hot), Finding::proven(full, evidence, remedy)];
    }
    let more = format!("`sensorctl up --set stream.shards={}`", stream.open_shards.max(1) * 2);
    // One shard alone is not busier than the others.
    let is_full = match share {
        _ if stream.open_shards <= 1 => true,
        Ok(share) => share >= FULL,
        Err(_) => return [Finding::unknown(hot, &evidence), Finding::unknown(full, evidence)],
    };
    if !is_full {
        let remedy = format!(
            "spread the readings over more sensor ids; where several share the busy shard, a split helps, and for a single one \
             it does not: {more}"
        );
        return [Finding::proven(hot, evidence, remedy), Finding::Excluded(full)];
    }
    [Finding::Excluded(hot), Finding::proven(full, evidence, format!("{more}, or `sensorctl put --rate`"))]
}

fn readers(seen: &Observations, metrics: &MetricFacts) -> Finding {
    let name = CauseName::AnotherReader;
    let throttled = match count(name, &metrics.read_throttles) {
        Ok(throttled) => throttled,
        Err(finding) => return finding,
    };
    let evidence = format!(
        "{throttled:.0} reads of stream {} were throttled {}: its readers share 5 reads and 2 MB a second of each shard",
        seen.settings.stream.name,
        window(seen, metrics, None)
    );
    // The mapping alone is throttled, too, while it catches up. Who reads with the API is not known to any service.
    let others = match &seen.other_readers {
        Some(Ok(others)) if !others.is_empty() => others.join(", "),
        Some(Err(why)) => return Finding::unknown(name, format!("{evidence}; who reads it is not known ({why})")),
        _ => {
            let why = "no other event source mapping reads it: an application (KCL, `sensorctl tail`) does, or the mapping \
                       itself catches up";
            return Finding::unknown(name, format!("{evidence}; {why}"));
        }
    };
    Finding::proven(
        name,
        format!("{evidence}; event source mappings of {others} read it, too"),
        format!(
            "stop the other reader, or let it register as a consumer of its own (`aws kinesis register-stream-consumer`), \
             as `sensorctl tail --fan-out` does; more shards share more reads: `sensorctl up --set stream.shards={}`",
            seen.stream.as_ref().ok().and_then(Option::as_ref).map_or(2, |stream| stream.open_shards.max(1) * 2)
        ),
    )
}

fn destination(seen: &Observations, metrics: &MetricFacts) -> Finding {
    let name = CauseName::DestinationFailing;
    match count(name, &metrics.delivery_failures) {
        Ok(failed) => Finding::proven(
            name,
            format!(
                "{failed:.0} batches that function {} gave up did not reach the failure destination {}; Lambda does not \
                 send them again",
                seen.settings.function.name,
                window(seen, metrics, None)
            ),
            format!(
                "{UP} restores the role's permission; then read the records from the stream again, before they expire"
            ),
        ),
        Err(finding) => finding,
    }
}
