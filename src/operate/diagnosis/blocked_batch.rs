//! The batch that blocks a shard: where it is, by the log, and which of its records fails the function.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::bisection::{Bisection, FaultyRecord, FunctionSetup, RecordContent, SearchOptions, bisect};
use super::deployed_code::difference;
use super::finding::{Cause, CauseName, Diagnosis};
use super::log_evidence::LogEvidence;
use super::observations::{BatchRead, BatchStart, BlockedBatch, FunctionFacts, Observations};
use super::probes::is_failure_of_function;
use super::reads::batch_records;
use super::{LONG_READ_LIMIT, within};
use crate::aws::AwsFailure;
use crate::operate::EventRecord;
use crate::operate::read_budget::ReadBudget;
use crate::stack::{PARTIAL_BATCH, Session};

/// Shards whose batches are read at most, a second each at least.
const MAX_BATCHES: usize = 3;

/// Returns the blocked batches, by the log: those that the function reports, or else what follows the last batch of each
/// shard, where the platform ended the function before it could report.
fn blocked(log: &LogEvidence, is_shard_in_order: bool) -> Vec<BlockedBatch> {
    let reported = log.failing(is_shard_in_order).filter(|(.., code, _)| is_failure_of_function(code));
    let reported = reported.filter_map(|(shard, batch, ..)| {
        let (first, last) = batch.range.clone()?;
        let records = usize::try_from(batch.records).ok().filter(|records| *records > 0);
        Some(BlockedBatch { shard_id: shard.to_owned(), start: BatchStart::At(first), last: Some(last), records })
    });
    let mut batches: Vec<_> = reported.collect();
    if batches.is_empty() && !log.crashes.is_empty() {
        let delivered = log.newest().filter(|(_, batch)| batch.error.is_none());
        batches.extend(delivered.filter_map(|(shard, batch)| {
            let (_, last) = batch.range.clone()?;
            let start = BatchStart::After(last);
            Some(BlockedBatch { shard_id: shard.to_owned(), start, last: None, records: None })
        }));
    }
    batches
}

/// Adds to the diagnosis which record fails the function, or why that is not known.
///
/// # Errors
/// As for every other read: without credentials or an answer of AWS.
pub(super) async fn locate(
    session: &Session,
    seen: &Observations,
    options: SearchOptions<'_>,
    diagnosis: &mut Diagnosis,
) -> Result<(), AwsFailure> {
    let is_failing = |cause: &&mut Cause| {
        use CauseName::{FunctionFailing, FunctionOutOfMemory, FunctionTimeout};
        matches!(cause.name, FunctionFailing | FunctionTimeout | FunctionOutOfMemory)
    };
    let (Some(cause), Ok(log)) = (diagnosis.causes.iter_mut().find(is_failing), &seen.log) else { return Ok(()) };
    let (Ok(Some(function)), Ok(Some(stream))) = (&seen.function, &seen.stream) else { return Ok(()) };
    let not_found = |why: &str| format!("the record that causes it was not found: {why}");
    let Some(setup) = setup(function) else {
        let why = not_found("the function's variables cannot be decrypted");
        cause.evidence = format!("{}; {why}", cause.evidence);
        return Ok(());
    };
    let batch_size = usize::try_from(seen.settings.mapping.batch_size).unwrap_or(1).max(1);
    let batches = blocked(log, seen.is_shard_in_order());
    if batches.is_empty() {
        let why = "the log does not show how far its shard was read";
        cause.evidence = format!("{}; {}", cause.evidence, not_found(why));
        return Ok(());
    }
    let budget = ReadBudget::default();
    let difference = difference(function);
    let mut open = Vec::new();
    for batch in batches.iter().take(MAX_BATCHES) {
        let read = batch_records(&session.clients, &seen.settings.stream.name, batch, batch_size, &budget);
        let found = match within(LONG_READ_LIMIT, "Kinesis GetRecords", read).await? {
            Err(why) => Err(why),
            Ok(read) if read.records.is_empty() && read.doubt.is_none() => {
                Err(format!("{} does not hold its batch any more", batch.shard_id))
            }
            Ok(BatchRead { records, doubt: Some(doubt) }) if records.is_empty() => Err(doubt),
            Ok(read) => search(options, &setup, &stream.arn, &read).await,
        };
        match found {
            Ok(record) => {
                // The remedy of a batch that is not tried again names its first record until this one is known.
                let place = |number: &str| format!("`sensorctl invoke --from-stream {}:{number}`", batch.shard_id);
                if let BatchStart::At(first) = &batch.start {
                    cause.remedy = cause.remedy.replace(&place(first), &place(&record.sequence_number));
                }
                cause.records.push(record);
            }
            Err(why) => open.push(why),
        }
    }
    if batches.len() > MAX_BATCHES {
        open.push(format!("{} more shards were not read", batches.len() - MAX_BATCHES));
    }
    if let (Some(difference), false) = (&difference, cause.records.is_empty()) {
        cause.evidence =
            format!("{}; the record was found with the bundled function, and {difference}", cause.evidence);
    }
    if !open.is_empty() {
        let difference = difference.map(|difference| format!("; {difference}")).unwrap_or_default();
        let why = not_found(&format!("{}{difference}", open.join("; ")));
        cause.evidence = format!("{}; {why}", cause.evidence);
    }
    Ok(())
}

/// Runs the function on parts of a batch until the record is known.
async fn search(
    options: SearchOptions<'_>,
    setup: &FunctionSetup,
    stream_arn: &str,
    BatchRead { records, doubt }: &BatchRead,
) -> Result<FaultyRecord, String> {
    let found = match bisect(options.runner, setup, stream_arn, records).await? {
        Bisection::Found { index, reason } => Ok(faulty(&records[index], reason, options.shows_data)),
        Bisection::Together { first, count, reason } => Err(format!(
            "the bundled function fails only for {count} records together, from {} on: {reason}",
            records[first].sequence_number
        )),
        Bisection::NotReproduced if doubt.is_some() => Err(format!(
            "the bundled function stores the records that were read ({}) into an empty store",
            records.len()
        )),
        Bisection::NotReproduced => Err(format!(
            "the bundled function stores the batch (records: {}) into an empty store, so that its content alone is not the \
             cause",
            records.len()
        )),
    };
    match (found, doubt) {
        (Ok(mut record), Some(doubt)) => {
            record.reason = format!("{} ({doubt})", record.reason);
            Ok(record)
        }
        (Err(why), Some(doubt)) => Err(format!("{why}; {doubt}")),
        (found, None) => found,
    }
}

fn faulty(record: &EventRecord, reason: String, shows_data: bool) -> FaultyRecord {
    let content = || match String::from_utf8(record.data.clone()) {
        Ok(data) => RecordContent { encoding: "text", data },
        Err(_) => RecordContent { encoding: "base64", data: STANDARD.encode(&record.data) },
    };
    FaultyRecord {
        shard_id: record.shard_id.clone(),
        sequence_number: record.sequence_number.clone(),
        partition_key: record.partition_key.clone(),
        reason,
        content: shows_data.then(content),
    }
}

/// Returns how the deployed function is set up, if its variables are known.
fn setup(function: &FunctionFacts) -> Option<FunctionSetup> {
    let variables = function.variables.as_ref()?;
    let is_set = |name: &str| variables.get(name).is_some_and(|value| !value.is_empty());
    Some(FunctionSetup {
        memory_mb: function.memory_mb,
        timeout_seconds: function.timeout_seconds,
        has_rejects_table: is_set("SENSORCTL_REJECTS_TABLE"),
        is_partial_batch: variables.get(PARTIAL_BATCH).is_some_and(|value| value == "1"),
    })
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::BoxFuture;

    use super::super::bisection::tests::record;
    use super::super::bisection::{BatchRun, BatchRunner};
    use super::super::log_evidence::tests::{batch, evidence};
    use super::*;
    use crate::stack::{Architecture, FunctionArtifact};

    const NOW: i64 = 1_800_000_000_000;

    #[test]
    fn blocked_batches_are_those_that_fail_for_a_reason_of_their_own() {
        let log = evidence(&[
            batch(NOW, "shardId-0", 1.0, Some("NoRejectsTable: not JSON")),
            batch(NOW, "shardId-1", 1.0, Some("ThrottlingException: slow")),
            batch(NOW, "shardId-2", 1.0, None),
        ]);
        let expected = BlockedBatch {
            shard_id: "shardId-0".into(),
            start: BatchStart::At("1".into()),
            last: Some("9".into()),
            records: None,
        };
        assert_eq!(blocked(&log, true), [expected]);
    }

    /// A function that stores everything.
    struct Storing;

    impl BatchRunner for Storing {
        fn run<'a>(
            &'a self,
            _: &'a FunctionSetup,
            _: &'a str,
            _: &'a [EventRecord],
        ) -> BoxFuture<'a, Result<BatchRun, String>> {
            async { Ok(BatchRun::Stored) }.boxed()
        }
    }

    #[test]
    fn content_of_a_batch_that_was_read_in_part_is_not_called_harmless() {
        let said = |doubt: Option<&str>| {
            let read = BatchRead { records: vec![record(1)], doubt: doubt.map(str::to_owned) };
            let options = SearchOptions { runner: &Storing, shows_data: false };
            search(options, &FunctionSetup::default(), "arn", &read).now_or_never().unwrap().unwrap_err()
        };
        assert!(said(None).contains("its content alone is not the cause"));
        assert_eq!(
            said(Some("only 1 of the 5 records could be read")),
            "the bundled function stores the records that were read (1) into an empty store; only 1 of the 5 records could \
             be read"
        );
    }

    #[test]
    fn content_of_a_record_is_shown_only_on_request() {
        let shown = |shows_data| serde_json::to_string(&faulty(&record(7), "no".into(), shows_data)).unwrap();
        let head = r#"{"shard_id":"shardId-0","sequence_number":"7","partition_key":"key-7","reason":"no""#;
        assert_eq!(shown(false), format!("{head}}}"));
        assert_eq!(shown(true), format!(r#"{head},"encoding":"base64","data":"/w=="}}"#));
    }

    #[test]
    fn other_build_is_told_by_its_sha256() {
        let function = |code_sha256: &str| FunctionFacts {
            code_sha256: code_sha256.into(),
            architecture: Architecture::of_this_machine().unwrap().as_str().into(),
            version: Some("0.9.0".into()),
            ..FunctionFacts::default()
        };
        let bundled = FunctionArtifact::bundled(Architecture::of_this_machine().unwrap()).unwrap();
        assert_eq!(difference(&function(bundled.sha256_base64())), None);
        let said = difference(&function("other")).unwrap();
        assert!(said.contains("sha256 other, sensorctl 0.9.0; bundled: "), "{said}");
        let unknown = FunctionFacts { architecture: "riscv64".into(), ..function("other") };
        assert!(difference(&unknown).unwrap().contains("cannot be compared"));
    }
}
