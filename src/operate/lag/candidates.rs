//! Which readings of a shard to look for in the table, and what their presence says. Pure.

use jiff::Timestamp;
use sensor_model::Reading;
use sensor_model::aggregation::{self, RecordContents};

/// A record near the end of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TailRecord {
    pub sequence_number: String,
    pub data: Vec<u8>,
    pub arrival: Timestamp,
}

/// A reading of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The sort key and partition key of its row.
    pub sensor_id: String,
    pub current_time: String,
    /// The sequence number of its record: the row of an older record with the same key is not its row.
    pub sequence_number: String,
    /// When its record arrived.
    pub arrival: Timestamp,
}

/// Returns at most `most` readings of records, evenly over all of them, with the first and the newest. What is no
/// reading goes to the dead-letter table, and is left out.
pub(super) fn candidates(records: &[TailRecord], most: usize) -> Vec<Candidate> {
    let readings: Vec<Candidate> = records.iter().filter_map(candidate).collect();
    if readings.len() <= most || most < 2 {
        return readings.into_iter().rev().take(most).rev().collect();
    }
    let last = readings.len() - 1;
    (0..most).map(|at| readings[at * last / (most - 1)].clone()).collect()
}

/// Returns whether the last candidate is of the newest record. What is no reading may be the record that fails the
/// function: then all readings before it are stored, and it waits.
pub(super) fn ends_with_newest(candidates: &[Candidate], records: &[TailRecord]) -> bool {
    candidates.last().map(|last| &last.sequence_number) == records.last().map(|last| &last.sequence_number)
}

/// Returns the last reading of a record.
fn candidate(record: &TailRecord) -> Option<Candidate> {
    let reading = match aggregation::contents(&record.data) {
        RecordContents::Plain => Reading::from_json(&record.data).ok(),
        RecordContents::Broken(_) => None,
        RecordContents::Aggregated(parts) => parts.filter_map(|part| Reading::from_json(part.data).ok()).last(),
    }?;
    Some(Candidate {
        sensor_id: reading.sensor_id,
        current_time: reading.current_time.as_str().to_owned(),
        sequence_number: record.sequence_number.clone(),
        arrival: record.arrival,
    })
}

/// Returns when the oldest reading arrived that is not stored while no later one is, and whether older ones may wait as
/// well; `None` if the newest one is stored.
///
/// A reading between stored ones was rejected or replaced.
pub(super) fn oldest_waiting(candidates: &[Candidate], is_stored: &[bool]) -> Option<(Timestamp, bool)> {
    let first = is_stored.iter().rposition(|stored| *stored).map_or(0, |last| last + 1);
    candidates.get(first).map(|oldest| (oldest.arrival, first == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(second: i64, data: &str) -> TailRecord {
        TailRecord {
            sequence_number: second.to_string(),
            data: data.as_bytes().to_vec(),
            arrival: Timestamp::from_second(second).unwrap(),
        }
    }

    fn readings(count: i64) -> Vec<TailRecord> {
        let data = |at| format!("{{\"sensor_id\":\"s\",\"temperature\":1,\"current_time\":{at}}}");
        (0..count).map(|at| record(at, &data(at))).collect()
    }

    #[test]
    fn candidates_are_even_over_all_readings_with_the_newest() {
        let times = |count, most| -> Vec<String> {
            candidates(&readings(count), most).into_iter().map(|it| it.current_time).collect()
        };
        assert_eq!(times(3, 10), ["0", "1", "2"]);
        assert_eq!(times(101, 3), ["0", "50", "100"]);
        assert_eq!(times(5, 1), ["4"]);
        let mut with_others = readings(1);
        with_others.push(record(5, "no reading"));
        let found = candidates(&with_others, 10);
        assert_eq!(found.len(), 1);
        assert!(!ends_with_newest(&found, &with_others), "the newest record may wait");
        assert!(ends_with_newest(&found, &with_others[..1]) && ends_with_newest(&[], &[]));
    }

    #[test]
    fn oldest_waiting_is_the_first_after_the_last_stored_one() {
        let all = candidates(&readings(4), 10);
        let waits = |stored: [bool; 4]| {
            oldest_waiting(&all, &stored).map(|(arrival, is_first)| (arrival.as_second(), is_first))
        };
        assert_eq!(waits([true, true, true, true]), None);
        assert_eq!(waits([true, false, true, false]), Some((3, false)), "the second one was rejected");
        assert_eq!(waits([true, false, false, false]), Some((1, false)));
        assert_eq!(waits([false, false, false, false]), Some((0, true)), "there may be older ones");
    }
}
