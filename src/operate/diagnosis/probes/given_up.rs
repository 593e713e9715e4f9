//! Did the event source mapping give up records, which it then does not try again?

use super::super::finding::{CauseName, Finding};
use super::super::observations::{MappingFacts, Observations};
use super::fate::limits;
use super::text::{brief, moment};
use crate::operate::given_up::{GIVEN_UP_HOURS, GivenUpRecords};

/// In the result of a mapping of the local cloud that gave up a batch.
const DISCARDED: &str = " were discarded (";

/// Judges whether records were given up.
pub(super) fn given_up(seen: &Observations) -> Vec<Finding> {
    let name = CauseName::RecordsGivenUp;
    // Somebody has put their readings into the stream again.
    if matches!(&seen.given_up, Ok(Some(log)) if !log.batches.is_empty() && log.is_restored()) {
        return vec![Finding::Excluded(name)];
    }
    if let Some(evidence) = proof(seen) {
        return vec![Finding::proven(name, evidence, remedy(seen))];
    }
    let mapping = match &seen.mapping {
        Err(why) => return vec![Finding::unknown(name, why)],
        Ok(None) => return Vec::new(),
        Ok(Some(mapping)) => mapping,
    };
    let is_counted = matches!(&seen.given_up, Ok(Some(_))) || matches!(&seen.counted_given_up, Some(Ok(_)));
    let Some(limits) = limits(mapping).filter(|_| !is_counted && !all_ended_well(seen)) else {
        return vec![Finding::Excluded(name)];
    };
    let why = match (&seen.counted_given_up, &seen.given_up) {
        (Some(Err(why)), _) | (_, Err(why)) => why.clone(),
        _ => "it publishes no metric of that, which `sensorctl up --set mapping.metrics=true` lets it".to_owned(),
    };
    let uuid = &mapping.uuid;
    vec![Finding::unknown(name, format!("event source mapping {uuid} gives up a failed batch {limits}: {why}"))]
}

fn proof(seen: &Observations) -> Option<String> {
    if let Ok(Some(log)) = &seen.given_up
        && let (Some(records), Some(first)) = (GivenUpRecords::of(log), log.batches.first())
    {
        let document = &first.document;
        let others = match log.batches.len() - 1 {
            0 => String::new(),
            1 => ", and 1 more batch".to_owned(),
            others => format!(", and {others} more batches"),
        };
        let place = format!("{} {}{others}", document.shard_id, range(&document.first, &document.last));
        let rest = match &records.missing {
            Ok(missing) => format!("readings in neither table: {missing}"),
            Err(why) => format!("it is not known whether the tables have their readings by now ({why})"),
        };
        let until = records.until();
        return Some(format!(
            "{}: {place}; {rest}; named until {until}, or until the tables have all",
            count(seen, &records)
        ));
    }
    if let Some(Ok(Some(records))) = &seen.counted_given_up {
        let why = "no call says whether the table has them by now";
        return Some(format!("{}; {why}; named until {}", count(seen, records), records.until()));
    }
    let mapping = seen.mapping.as_ref().ok()?.as_ref()?;
    let is_told = mapping.last_result.contains(DISCARDED);
    is_told.then(|| format!("the last result of the event source mapping is `{}`", brief(&mapping.last_result)))
}

/// Returns how many were given up, and when.
fn count(seen: &Observations, records: &GivenUpRecords) -> String {
    format!(
        "the event source mapping gave up {} in the last {GIVEN_UP_HOURS} h, last at {}",
        records.described(),
        moment(seen.now_ms, records.last_ms)
    )
}

fn range(first: &str, last: &str) -> String {
    if first == last { first.to_owned() } else { format!("{first} to {last}") }
}

/// Returns what brings the records back, as long as the stream has them.
fn remedy(seen: &Observations) -> String {
    let mapping = seen.mapping.as_ref().ok().and_then(Option::as_ref);
    let destination = mapping.and_then(|mapping| mapping.on_failure.as_deref());
    let again = if matches!(&seen.given_up, Ok(Some(log)) if !log.batches.is_empty()) {
        format!(
            "`sensorctl logs --since {GIVEN_UP_HOURS}h --filter discarded -o ndjson > given-up.ndjson`, then `sensorctl \
             rejects from-destination --file given-up.ndjson --replay` puts their readings into the stream again"
        )
    } else if let Some(destination) = destination {
        format!(
            "fetch the documents from the failure destination {destination} into a file, then `sensorctl rejects \
             from-destination --file FILE --replay` puts their readings into the stream again"
        )
    } else {
        "`sensorctl invoke --from-stream SHARD:SEQUENCE` passes a record to the function again, as long as the stream has \
         it; a failure destination (`mapping.on_failure`) would keep the places"
            .to_owned()
    };
    let bounded = mapping.filter(|mapping| limits(mapping).is_some());
    let setting = |mapping: &MappingFacts| {
        if mapping.retry_attempts.is_some() { "mapping.retry_attempts=-1" } else { "mapping.record_age_seconds=-1" }
    };
    match bounded {
        Some(mapping) => format!("{again}; `sensorctl up --set {}` gives up none before it expires", setting(mapping)),
        None => again,
    }
}

/// Returns whether nothing failed in the time of the log, so that nothing was given up in it.
fn all_ended_well(seen: &Observations) -> bool {
    let (Ok(log), Ok(metrics)) = (&seen.log, &seen.metrics) else { return false };
    let has_failed = log.shards.values().flatten().any(|batch| batch.error.is_some()) || !log.crashes.is_empty();
    log.exists && !log.is_cut && log.has_batches() && !has_failed && metrics.function_throttles == Ok(0.0)
}
