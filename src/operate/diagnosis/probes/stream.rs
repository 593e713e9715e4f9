//! Does the stream exist, does it keep the order, and does it hold a record?

use super::super::finding::{CauseName, Finding};
use super::super::log_evidence::LogEvidence;
use super::super::observations::{Emptiness, Observations};
use super::text::UP;

/// Judges the stream by its description.
pub(super) fn state(seen: &Observations) -> Vec<Finding> {
    let (missing, not_ready, auto) = (CauseName::StreamMissing, CauseName::StreamNotReady, CauseName::AutoDistribution);
    let name = &seen.settings.stream.name;
    let stream = match &seen.stream {
        Err(why) => return [missing, not_ready, auto].map(|name| Finding::unknown(name, why)).into(),
        Ok(None) => {
            let evidence = format!("stream {name} does not exist");
            return vec![Finding::proven(missing, evidence, format!("{UP} creates it"))];
        }
        Ok(Some(stream)) => stream,
    };
    let readiness = match stream.status.as_str() {
        // Records flow while a stream is changed.
        "ACTIVE" | "UPDATING" => Finding::Excluded(not_ready),
        status => Finding::proven(not_ready, format!("stream {name} is {status}"), format!("wait, then {UP}")),
    };
    let distribution = if stream.is_distributed_by_service {
        Finding::proven(
            auto,
            format!(
                "Kinesis distributes the records of stream {name} itself (RecordDistributionStrategy AUTO): readings of a \
                 sensor are in several shards, and their order is not kept"
            ),
            format!(
                "`aws kinesis update-stream-record-distribution-strategy --stream-arn {} --record-distribution-strategy \
                 USER_PARTITION_KEY`",
                stream.arn
            ),
        )
    } else {
        Finding::Excluded(auto)
    };
    vec![Finding::Excluded(missing), readiness, distribution]
}

/// Judges whether there is anything to deliver.
pub(super) fn emptiness(seen: &Observations) -> Vec<Finding> {
    let name = CauseName::StreamEmpty;
    let stream = &seen.settings.stream.name;
    vec![match &seen.emptiness {
        None if !seen.log.as_ref().is_ok_and(LogEvidence::has_batches)
            && let Err(why) = &seen.stream =>
        {
            Finding::unknown(name, why)
        }
        // The log shows batches, or there is no stream.
        None | Some(Ok(Emptiness::HasRecords)) => Finding::Excluded(name),
        Some(Err(why)) => Finding::unknown(name, why),
        Some(Ok(Emptiness::Undecided)) => {
            Finding::unknown(name, format!("one read of each shard of stream {stream} did not reach its end"))
        }
        Some(Ok(Emptiness::Empty { shards })) => Finding::proven(
            name,
            format!(
                "no shard of stream {stream} holds a record ({shards} read from the oldest place): nothing was put within \
                 its retention{}",
                match &seen.stream {
                    Ok(Some(stream)) => format!(" of {} h", stream.retention_hours),
                    _ => String::new(),
                }
            ),
            "`sensorctl put --sensor test --temp 20 --wait` shows whether a reading goes through; then look at what puts \
             readings into the stream",
        ),
    }]
}
