//! The unit that a key group sends: one aggregate, or readings as a record each.

use std::sync::Arc;

use sensor_model::aggregation::{decode, write_digests};

use super::retry::{AcceptedEntries, EntryResult, RetryQueue};
use crate::pipeline::Record;

/// A record of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PutEntry<'a> {
    /// The data.
    pub data: &'a [u8],
    /// The partition key.
    pub partition_key: &'a str,
    /// The hash key that replaces the hash of the partition key, as decimal text.
    pub explicit_hash_key: Option<&'a str>,
}

/// The places of readings in the input, in order.
#[derive(Debug, Default)]
pub(crate) struct Places {
    lines: Vec<u64>,
    /// The inputs, each with the number of readings before its first.
    inputs: Vec<(usize, u32)>,
}

impl Places {
    /// Adds the place of a reading.
    pub(crate) fn push(&mut self, input: u32, line: u64) {
        if self.inputs.last().is_none_or(|(_, last)| *last != input) {
            self.inputs.push((self.lines.len(), input));
        }
        self.lines.push(line);
    }

    /// Returns the number of readings.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    fn input_of(&self, reading: usize) -> u32 {
        let after = self.inputs.partition_point(|(first, _)| *first <= reading);
        self.inputs.get(after.saturating_sub(1)).map_or(0, |(_, input)| *input)
    }
}

/// Readings of one key group that are sent in the same request. The group sends no other until all of them are settled.
#[derive(Debug)]
pub(crate) struct Parcel {
    content: Content,
    /// The number of its first reading in the input.
    first: u64,
    is_resent: bool,
    /// The memory that it counts for.
    weight: usize,
}

#[derive(Debug)]
enum Content {
    Records {
        records: Vec<Record>,
        unsent: RetryQueue,
    },
    Aggregate {
        data: Vec<u8>,
        /// True if the digest at the end of the data is written.
        has_digest: bool,
        partition_key: Arc<str>,
        explicit_hash_key: Arc<str>,
        places: Places,
    },
}

impl Parcel {
    /// Creates a parcel that sends each reading as a record.
    pub(crate) fn of_records(records: Vec<Record>, first: u64) -> Self {
        let unsent = RetryQueue::all(records.len());
        Parcel { content: Content::Records { records, unsent }, first, is_resent: false, weight: 0 }
    }

    /// Creates a parcel that sends an aggregate whose digest is not yet written. Its keys are those of the record around
    /// the readings.
    pub(crate) fn of_aggregate(
        data: Vec<u8>,
        partition_key: Arc<str>,
        explicit_hash_key: Arc<str>,
        places: Places,
        first: u64,
    ) -> Self {
        Parcel {
            content: Content::Aggregate { data, has_digest: false, partition_key, explicit_hash_key, places },
            first,
            is_resent: false,
            weight: 0,
        }
    }

    /// Sets the memory that it counts for.
    pub(crate) fn with_weight(self, weight: usize) -> Self {
        Parcel { weight, ..self }
    }

    /// Returns the memory that it counts for.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// Returns the number of its first reading in the input.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// Returns the aggregate if its digest has to be written now.
    pub(super) fn without_digest(&mut self) -> Option<&mut [u8]> {
        match &mut self.content {
            Content::Aggregate { data, has_digest, .. } if !*has_digest => {
                *has_digest = true;
                Some(data)
            }
            _ => None,
        }
    }

    /// Writes the digest of an aggregate.
    pub(super) fn write_digest(&mut self) {
        if let Some(aggregate) = self.without_digest() {
            write_digests(&mut [aggregate]);
        }
    }

    /// Returns the records that are still to be sent, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = PutEntry<'_>> {
        let (records, aggregate) = match &self.content {
            Content::Records { records, unsent } => (Some((records, unsent)), None),
            Content::Aggregate { data, partition_key, explicit_hash_key, .. } => {
                let entry = PutEntry { data, partition_key, explicit_hash_key: Some(explicit_hash_key) };
                (None, Some(entry))
            }
        };
        let records = records.into_iter().flat_map(|(records, unsent)| {
            unsent.pending().iter().map(|index| PutEntry {
                data: records[*index].data.as_bytes(),
                partition_key: &records[*index].partition_key,
                explicit_hash_key: None,
            })
        });
        records.chain(aggregate)
    }

    /// Returns the number of records that are still to be sent.
    pub(crate) fn len(&self) -> usize {
        match &self.content {
            Content::Records { unsent, .. } => unsent.pending().len(),
            Content::Aggregate { .. } => 1,
        }
    }

    /// Returns the bytes of these records that the limits count: data and partition keys.
    pub(crate) fn bytes(&self) -> usize {
        self.entries().map(|entry| entry.data.len() + entry.partition_key.len()).sum()
    }

    /// Returns whether it was sent before.
    pub(crate) fn is_resent(&self) -> bool {
        self.is_resent
    }

    /// Applies the results of [`Self::entries`]. It is settled when the result has no code.
    pub(crate) fn settle(&mut self, answers: &[EntryResult]) -> AcceptedEntries {
        self.is_resent = true;
        match &mut self.content {
            Content::Records { records, unsent } => unsent.settle(records, answers),
            Content::Aggregate { data, places, .. } => match answers.first() {
                Some(EntryResult::Accepted { .. }) => {
                    AcceptedEntries { readings: places.len() as u64, records: 1, bytes: data.len() as u64, code: None }
                }
                Some(EntryResult::Failed(code)) => {
                    AcceptedEntries { code: Some(code.clone()), ..AcceptedEntries::default() }
                }
                None => AcceptedEntries { code: Some("no answer".to_owned()), ..AcceptedEntries::default() },
            },
        }
    }

    /// Notes that the request failed as a whole.
    pub(crate) fn note_failure(&mut self) {
        self.is_resent = true;
    }

    /// Returns the readings that are not settled, in order.
    pub(crate) fn into_unsent(mut self) -> Vec<Record> {
        self.write_digest();
        match self.content {
            Content::Records { records, unsent } => {
                let mut is_left = vec![false; records.len()];
                unsent.pending().iter().for_each(|index| is_left[*index] = true);
                records.into_iter().zip(is_left).filter_map(|(record, left)| left.then_some(record)).collect()
            }
            Content::Aggregate { data, places, .. } => unpacked(&data, &places),
        }
    }
}

/// Returns the readings of an aggregate of this process.
pub(crate) fn unpacked(data: &[u8], places: &Places) -> Vec<Record> {
    let records = decode(data).into_iter().flatten().zip(&places.lines).enumerate();
    let record = |(at, (record, line)): (usize, (sensor_model::aggregation::AggregatedUserRecord<'_>, &u64))| Record {
        data: String::from_utf8_lossy(record.data).into_owned(),
        partition_key: record.partition_key.into(),
        // Readings of an aggregate are accepted or refused together, so nothing asks for it.
        row: 0,
        input: places.input_of(at),
        line: *line,
    };
    records.map(record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(line: u64) -> Record {
        Record { data: "{}".into(), partition_key: "k".into(), row: line, input: 0, line }
    }

    #[test]
    fn parcel_of_records_returns_only_unsent_readings() {
        let mut parcel = Parcel::of_records((1..=4).map(record).collect(), 0);
        let accepted = || EntryResult::Accepted { shard_id: "s".into() };
        let failed = || EntryResult::Failed("InternalFailure".into());
        let settled = parcel.settle(&[accepted(), failed(), accepted(), failed()]);
        assert_eq!((settled.readings, settled.code.as_deref()), (2, Some("InternalFailure")));
        assert_eq!((parcel.len(), parcel.bytes(), parcel.entries().count()), (2, 6, 2));
        let lines: Vec<_> = parcel.into_unsent().iter().map(|record| record.line).collect();
        assert_eq!(lines, [2, 4]);
    }

    #[test]
    fn places_keep_the_input_of_each_reading() {
        let mut places = Places::default();
        for (input, line) in [(0, 7), (0, 8), (1, 1), (0, 9)] {
            places.push(input, line);
        }
        let inputs: Vec<_> = (0..4).map(|at| places.input_of(at)).collect();
        assert_eq!((inputs, places.len()), (vec![0, 0, 1, 0], 4));
    }
}
