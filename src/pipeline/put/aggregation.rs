//! Aggregates of a key group: many readings in one Kinesis record, in the format of the Kinesis Producer Library.

use std::sync::Arc;

use sensor_model::aggregation::{AggregateBuffer, KeyIndex, write_digests};

use super::parcel::{Parcel, Places, unpacked};
use super::record::MAX_RECORD_BYTES;
use crate::pipeline::Record;

/// Maximum bytes of an aggregate, with room for its partition key.
///
/// A provisioned stream is billed by PUT payload units of 25,600 bytes (Amazon Kinesis Data Streams pricing): just below
/// a unit nothing of it is wasted, and nothing is gained above. An on-demand stream rounds up to 1,024 bytes, which is
/// 2 % here. Above 1,050 bytes the limit of 1,000 records a second no longer matters, and a smaller aggregate is
/// repeated faster when the function fails.
pub(crate) const AGGREGATE_BYTES: usize = 25_000;

/// How readings become Kinesis records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aggregation {
    /// A record for each reading.
    Off,
    /// Many readings in a record.
    On {
        /// True if a reading that is alone keeps the partition key of its group, which costs it the plain form. It must
        /// where the event source mapping has several batches of a shard in flight: Lambda keeps the order of each
        /// partition key only.
        keeps_group_key: bool,
    },
}

/// The keys of the Kinesis records of a key group.
#[derive(Clone, Debug)]
pub(crate) struct GroupKeys {
    /// The partition key.
    pub partition_key: Arc<str>,
    /// A hash key that the group's shard owns, as decimal text.
    pub explicit_hash_key: Arc<str>,
}

impl GroupKeys {
    /// Returns whether an aggregate of so many bytes has room for another reading. `is_known` is true if the partition
    /// key of the reading is in it already.
    pub(crate) fn leave_room_for(&self, record: &Record, is_known: bool, bytes: usize) -> bool {
        let key_bytes = if is_known { 0 } else { AggregateBuffer::key_bytes(&record.partition_key) };
        // An index of four bytes is more than any aggregate has.
        let record_bytes = AggregateBuffer::record_bytes(1 << 21, Some(0), record.data.as_bytes());
        bytes + key_bytes + record_bytes + self.partition_key.len() <= AGGREGATE_BYTES
    }
}

/// The index of a partition key in one aggregate.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RememberedKey {
    /// The number of the aggregate, from 1.
    pub aggregate: u64,
    /// The index there.
    pub index: KeyIndex,
}

impl RememberedKey {
    /// Returns the index in the aggregate of this number.
    pub(crate) fn index_in(&self, aggregate: u64) -> Option<KeyIndex> {
        (self.aggregate == aggregate).then_some(self.index)
    }
}

/// An aggregate that readings are added to.
///
/// Every user record has the explicit hash key of the record around it. The KCL drops an aggregate as a whole when the
/// hash key of one user record is outside the shard that it reads (docs/facts/kinesis.md, Aggregation). With one hash
/// key for all of them that cannot happen, whichever shard takes the record after a reshard, and nothing of it needs to
/// be sent again.
#[derive(Debug, Default)]
pub(crate) struct OpenAggregate {
    buffer: AggregateBuffer,
    places: Places,
    /// Its number, which no other aggregate has.
    number: u64,
}

impl OpenAggregate {
    /// Returns the number of readings.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Returns whether a reading fits. One that is larger than an aggregate is alone in one.
    pub(crate) fn fits(&self, record: &Record, key: RememberedKey, keys: &GroupKeys) -> bool {
        let is_known = key.index_in(self.number).is_some();
        self.buffer.is_empty() || keys.leave_room_for(record, is_known, self.buffer.encoded_bytes())
    }

    /// Adds a reading. `numbers` counts all aggregates.
    pub(crate) fn push(&mut self, record: &Record, key: &mut RememberedKey, keys: &GroupKeys, numbers: &mut u64) {
        if self.buffer.is_empty() {
            *numbers += 1;
            self.number = *numbers;
            self.buffer.push_explicit_hash_key(&keys.explicit_hash_key);
        }
        let number = self.number;
        let index = key.index_in(number).unwrap_or_else(|| {
            let index = self.buffer.push_partition_key(&record.partition_key);
            *key = RememberedKey { aggregate: number, index };
            index
        });
        self.buffer.push(index, Some(0), record.data.as_bytes());
        self.places.push(record.input, record.line);
    }

    /// Returns its readings as a parcel and starts an empty aggregate. `first` is the number of its first reading.
    pub(crate) fn seal(&mut self, keys: &GroupKeys, keeps_group_key: bool, first: u64) -> Parcel {
        self.number = 0;
        let mut data = self.buffer.finish_without_digest();
        let places = std::mem::take(&mut self.places);
        let is_too_large = data.len() + keys.partition_key.len() > MAX_RECORD_BYTES;
        if places.len() == 1 && (!keeps_group_key || is_too_large) {
            write_digests(&mut [&mut data]);
            return Parcel::of_records(unpacked(&data, &places), first);
        }
        let GroupKeys { partition_key, explicit_hash_key } = keys.clone();
        Parcel::of_aggregate(data, partition_key, explicit_hash_key, places, first)
    }
}

#[cfg(test)]
mod tests {
    use sensor_model::aggregation::decode;

    use super::*;

    fn keys() -> GroupKeys {
        GroupKeys { partition_key: "sensorctl-0".into(), explicit_hash_key: "12".into() }
    }

    fn record(sensor: &str, bytes: usize, line: u64) -> Record {
        Record { data: "x".repeat(bytes), partition_key: sensor.into(), row: 0, input: 0, line }
    }

    #[test]
    fn aggregate_is_filled_to_25_000_bytes_and_every_user_record_has_its_hash_key() {
        let (mut open, mut numbers) = (OpenAggregate::default(), 0);
        let mut remembered = [RememberedKey::default(); 3];
        let mut line = 0;
        loop {
            let sensor = usize::try_from(line % 3).unwrap();
            let record = record(&format!("sensor-{sensor}"), 80, line);
            if !open.fits(&record, remembered[sensor], &keys()) {
                break;
            }
            open.push(&record, &mut remembered[sensor], &keys(), &mut numbers);
            line += 1;
        }
        let mut parcel = open.seal(&keys(), false, 0);
        parcel.write_digest();
        let entry = parcel.entries().next().unwrap();
        assert_eq!((entry.partition_key, entry.explicit_hash_key), ("sensorctl-0", Some("12")));
        assert!((24_800..=AGGREGATE_BYTES).contains(&parcel.bytes()), "{}", parcel.bytes());
        let mut records = decode(entry.data).unwrap();
        assert_eq!(records.len() as u64, line);
        assert!(records.all(|record| record.explicit_hash_key == Some("12")));
        assert_eq!(entry.data.windows(8).filter(|bytes| *bytes == b"sensor-1").count(), 1, "each key is written once");
        let lines: Vec<_> = parcel.into_unsent().iter().map(|record| record.line).collect();
        assert_eq!(lines, (0..line).collect::<Vec<_>>());
        assert_eq!(open.len(), 0);
    }

    #[test]
    fn aggregate_of_one_reading_is_plain_unless_the_group_key_matters() {
        let sealed = |keeps_group_key, bytes| {
            let mut open = OpenAggregate::default();
            open.push(&record("s", bytes, 1), &mut RememberedKey::default(), &keys(), &mut 0);
            let mut parcel = open.seal(&keys(), keeps_group_key, 0);
            parcel.write_digest();
            let entry = parcel.entries().next().unwrap();
            (entry.partition_key.to_owned(), entry.explicit_hash_key.is_some(), decode(entry.data).is_some())
        };
        assert_eq!(sealed(false, 10), ("s".to_owned(), false, false));
        assert_eq!(sealed(true, 10), ("sensorctl-0".to_owned(), true, true));
        assert_eq!(sealed(true, MAX_RECORD_BYTES - 1), ("s".to_owned(), false, false), "it fits only as it is");
    }
}
