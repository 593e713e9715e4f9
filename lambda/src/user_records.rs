//! The user records of a batch: each plain record, and each record inside an aggregated one, with its place in the
//! shard.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sensor_model::aggregation::{self, AggregatedUserRecords, RecordContents};

use crate::event::{Event, Record};

/// A user record, which should be a reading.
#[derive(Debug)]
pub(crate) struct UserRecord<'a> {
    /// The Kinesis record around it.
    pub record: &'a Record<'a>,
    /// Its index in an aggregated record; 0 in a plain record.
    pub sub_index: usize,
    /// Its own partition key in an aggregated record. A plain record uses the record's key.
    pub own_partition_key: Option<&'a str>,
    /// Its data.
    pub data: &'a [u8],
    /// The reason why its data cannot be parsed.
    pub broken: Option<UserRecordError>,
}

/// The reason why a user record is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserRecordError {
    /// A short, stable name.
    pub code: String,
    /// The message for people.
    pub reason: String,
    /// True if the reason is the function's own text. Such a text has no content of readings and may be logged.
    pub is_ours: bool,
}

impl UserRecord<'_> {
    /// Returns the partition key that it was put with.
    pub(crate) fn partition_key(&self) -> Cow<'_, str> {
        self.own_partition_key.map_or_else(|| self.record.partition_key(), Cow::Borrowed)
    }
}

impl UserRecordError {
    /// Creates an error with a text of the function's own.
    pub(crate) fn new(code: &str, reason: &str) -> Self {
        UserRecordError { code: code.to_owned(), reason: reason.to_owned(), is_ours: true }
    }
}

/// The records of an event in the order of the shard, and their data.
#[derive(Debug)]
pub(crate) struct Decoded<'a> {
    bytes: Vec<u8>,
    /// A record without a range has data that is not base64.
    records: Vec<(&'a Record<'a>, Option<Range<usize>>)>,
}

impl<'a> Decoded<'a> {
    /// Sorts the records by sequence number and decodes them.
    pub(crate) fn of(event: &'a Event<'a>) -> Self {
        let mut records: Vec<_> = event.records.iter().collect();
        records
            .sort_by(|left, right| cmp_sequence_numbers(&left.kinesis.sequence_number, &right.kinesis.sequence_number));
        let encoded: usize = records.iter().map(|record| record.kinesis.data.len()).sum();
        let mut bytes = Vec::with_capacity(encoded / 4 * 3 + 3);
        let mut decode = |record: &Record<'_>| {
            let begin = bytes.len();
            if STANDARD.decode_vec(record.kinesis.data.as_bytes(), &mut bytes).is_err() {
                bytes.truncate(begin);
                return None;
            }
            Some(begin..bytes.len())
        };
        let records = records.into_iter().map(|record| (record, decode(record))).collect();
        Decoded { bytes, records }
    }

    /// Returns all user records, in the order in which they were put.
    pub(crate) fn pieces(&'a self) -> impl Iterator<Item = UserRecord<'a>> {
        self.records.iter().flat_map(|(record, range)| {
            let data = range.as_ref().map(|range| &self.bytes[range.clone()]);
            let (whole, sub_records) = contents(record, data);
            let parts = sub_records.enumerate().map(|(sub_index, sub)| UserRecord {
                record,
                sub_index,
                own_partition_key: Some(sub.partition_key),
                data: sub.data,
                broken: None,
            });
            whole.into_iter().chain(parts)
        })
    }
}

/// Splits a record: a plain record is one user record, an aggregated one is many.
fn contents<'a>(record: &'a Record<'a>, data: Option<&'a [u8]>) -> (Option<UserRecord<'a>>, AggregatedUserRecords<'a>) {
    let whole = |data, broken| {
        (
            Some(UserRecord { record, sub_index: 0, own_partition_key: None, data, broken }),
            AggregatedUserRecords::default(),
        )
    };
    let Some(data) = data else {
        let rejection = UserRecordError::new("not-base64", "the record's data is not base64");
        return whole(record.kinesis.data.as_bytes(), Some(rejection));
    };
    match catch_panic(|| Ok(aggregation::contents(data))) {
        Ok(RecordContents::Plain) => whole(data, None),
        Ok(RecordContents::Aggregated(sub_records)) => (None, sub_records),
        Ok(RecordContents::Broken(reason)) => {
            whole(data, Some(UserRecordError::new(reason.code(), &reason.to_string())))
        }
        Err(rejection) => whole(data, Some(rejection)),
    }
}

/// Catches a panic over one record, which must not fail the rest of its batch.
pub(crate) fn catch_panic<T>(work: impl FnOnce() -> Result<T, UserRecordError>) -> Result<T, UserRecordError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(UserRecordError::new("panic", "the function failed on this record; please report it")))
}

/// Compares decimal texts of any length by value.
fn cmp_sequence_numbers(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0').as_bytes(), right.trim_start_matches('0').as_bytes());
    // Consecutive numbers differ near their ends, and musl would compare them byte by byte.
    let ((parts, rest), (other_parts, other_rest)) = (left.as_chunks(), right.as_chunks());
    let by_parts = || {
        let number = |part: &[u8; 8]| u64::from_be_bytes(*part);
        parts.iter().map(number).cmp(other_parts.iter().map(number))
    };
    left.len().cmp(&right.len()).then_with(by_parts).then_with(|| rest.cmp(other_rest))
}

#[cfg(test)]
mod tests {
    use super::{Decoded, UserRecord, UserRecordError, catch_panic, cmp_sequence_numbers};
    use crate::event::Event;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use sensor_model::aggregation::{Aggregate, AggregatedUserRecord, KEPT_ONE_BY_ONE};
    use std::cmp::Ordering;

    proptest! {
        #[test]
        fn cmp_sequence_numbers_equal_length_compares_as_text(
            digits in "[1-9][0-9]{0,60}", at in any::<prop::sample::Index>(), digit in 0..10_u8,
        ) {
            let mut other = digits.clone().into_bytes();
            let at = at.index(other.len());
            other[at] = b'0' + if at == 0 { digit.max(1) } else { digit };
            let other = String::from_utf8(other).unwrap();
            prop_assert_eq!(cmp_sequence_numbers(&digits, &other), digits.cmp(&other));
        }
    }

    /// Passes the user records of an event with these records to `look`.
    fn with_pieces(records: &[&[u8]], look: impl FnOnce(&[UserRecord<'_>])) {
        let mut aggregate = Aggregate::new();
        for data in records {
            aggregate.push(&AggregatedUserRecord { partition_key: "k", explicit_hash_key: None, data });
        }
        let data = STANDARD.encode(aggregate.finish());
        let json = format!(
            r#"{{"Records":[{{"eventID":"shardId-000000000000:1","kinesis":{{"partitionKey":"k","sequenceNumber":"1","data":"{data}"}}}}]}}"#
        );
        let event = Event::read(json.as_bytes()).unwrap();
        look(&Decoded::of(&event).pieces().collect::<Vec<_>>());
    }

    #[test]
    fn aggregate_with_too_many_user_records_is_one_reject() {
        let empty: &[u8] = b"";
        with_pieces(&vec![empty; 200_000], |pieces| {
            let [piece] = pieces else { panic!("{} pieces", pieces.len()) };
            assert_eq!(piece.broken.as_ref().unwrap().code, "too-many-records");
            assert!(piece.data.len() > 400_000 && piece.sub_index == 0, "all of its bytes are kept");
        });
        with_pieces(&vec![empty; KEPT_ONE_BY_ONE], |pieces| {
            assert_eq!((pieces.len(), pieces[999].sub_index, pieces[0].broken.is_none()), (1000, 999, true));
        });
        // The smallest possible readings, and a few records that are not readings.
        let least: &[u8] = br#"{"sensor_id":"a","temperature":0,"current_time":0}"#;
        let mut readings = vec![least; 20_000];
        readings.extend([empty; 1000]);
        with_pieces(&readings, |pieces| assert_eq!(pieces.len(), 21_000));
    }

    #[test]
    fn cmp_sequence_numbers_compares_by_value() {
        assert_eq!(cmp_sequence_numbers("9", "10"), Ordering::Less);
        assert_eq!(cmp_sequence_numbers("0010", "10"), Ordering::Equal);
        assert_eq!(
            cmp_sequence_numbers(
                "49590338271490256608559692538361571095921575989136588899",
                "49590338271490256608559692538361571095921575989136588898"
            ),
            Ordering::Greater
        );
    }

    #[test]
    fn catch_panic_rejects_the_user_record() {
        let result = catch_panic(|| -> Result<(), UserRecordError> { panic!("boom") });
        assert_eq!(result.unwrap_err().code, "panic");
        assert_eq!(catch_panic(|| Ok::<_, UserRecordError>(1)), Ok(1));
        assert_eq!(catch_panic(|| Err::<(), _>(UserRecordError::new("a", "b"))), Err(UserRecordError::new("a", "b")));
    }
}
