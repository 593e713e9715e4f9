//! The pieces of a batch: each plain record, and each record inside an aggregated one, with its place in the shard.

use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sensor_model::{Reading, aggregation};

use crate::event::{Event, Record};

/// Something that should be a reading.
#[derive(Debug)]
pub struct Piece<'a> {
    /// The Kinesis record around it.
    pub record: &'a Record<'a>,
    /// Its index in an aggregated record; 0 in a plain one.
    pub sub_index: usize,
    /// Its own partition key.
    pub partition_key: &'a str,
    /// Its bytes.
    pub data: &'a [u8],
    /// What is in it.
    pub content: Result<Reading, Rejection>,
}

/// Why a piece is kept as a reject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// A short name that stays the same.
    pub code: String,
    /// What is wrong with it, for people.
    pub reason: String,
}

/// The bytes of every record, in the order of the shard.
#[derive(Debug)]
pub struct Decoded<'a>(Vec<(&'a Record<'a>, Result<Vec<u8>, Rejection>)>);

impl<'a> Decoded<'a> {
    /// Sorts the records by sequence number and decodes them.
    pub fn of(event: &'a Event<'a>) -> Self {
        let mut records: Vec<_> = event.records.iter().collect();
        records.sort_by(|left, right| by_sequence(&left.kinesis.sequence_number, &right.kinesis.sequence_number));
        let bytes = |record: &Record<'_>| {
            STANDARD
                .decode(record.kinesis.data.as_bytes())
                .map_err(|_| rejection("not-base64", "the record's data is no base64"))
        };
        Decoded(records.into_iter().map(|record| (record, bytes(record))).collect())
    }

    /// All pieces, in the order in which they were put.
    pub fn pieces(&'a self) -> Vec<Piece<'a>> {
        let mut pieces = Vec::with_capacity(self.0.len());
        for (record, bytes) in &self.0 {
            let plain = |data, content| Piece {
                record,
                sub_index: 0,
                partition_key: &record.kinesis.partition_key,
                data,
                content,
            };
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(rejection) => {
                    pieces.push(plain(record.kinesis.data.as_bytes(), Err(rejection.clone())));
                    continue;
                }
            };
            if !aggregation::is_marked(bytes) {
                pieces.push(plain(bytes, reading(bytes)));
                continue;
            }
            match guarded(|| aggregation::decode(bytes).ok_or_else(broken_aggregation)) {
                Ok(sub_records) => {
                    pieces.extend(sub_records.iter().enumerate().map(|(sub_index, sub)| Piece {
                        record,
                        sub_index,
                        partition_key: sub.partition_key,
                        data: sub.data,
                        content: reading(sub.data),
                    }));
                }
                Err(rejection) => pieces.push(plain(bytes, Err(rejection))),
            }
        }
        pieces
    }
}

fn rejection(code: &str, reason: &str) -> Rejection {
    Rejection { code: code.to_owned(), reason: reason.to_owned() }
}

fn broken_aggregation() -> Rejection {
    rejection("broken-aggregation", "marked as an aggregated record, but broken or empty")
}

fn reading(data: &[u8]) -> Result<Reading, Rejection> {
    guarded(|| Reading::from_json(data).map_err(|refusal| rejection(refusal.code(), &refusal.to_string())))
}

/// A panic over one record must not cost the others of its batch.
fn guarded<T>(work: impl FnOnce() -> Result<T, Rejection>) -> Result<T, Rejection> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(rejection("panic", "the function failed on this record; please report it")))
}

/// Compares decimal texts of any length by value.
fn by_sequence(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::{Rejection, by_sequence, guarded, rejection};
    use std::cmp::Ordering;

    #[test]
    fn sequence_numbers_compare_as_numbers() {
        assert_eq!(by_sequence("9", "10"), Ordering::Less);
        assert_eq!(by_sequence("0010", "10"), Ordering::Equal);
        assert_eq!(
            by_sequence(
                "49590338271490256608559692538361571095921575989136588899",
                "49590338271490256608559692538361571095921575989136588898"
            ),
            Ordering::Greater
        );
    }

    #[test]
    fn a_panic_is_a_rejection_of_what_caused_it() {
        let result = guarded(|| -> Result<(), Rejection> { panic!("boom") });
        assert_eq!(result.unwrap_err().code, "panic");
        assert_eq!(guarded(|| Ok::<_, Rejection>(1)), Ok(1));
        assert_eq!(guarded(|| Err::<(), _>(rejection("a", "b"))), Err(rejection("a", "b")));
    }
}
