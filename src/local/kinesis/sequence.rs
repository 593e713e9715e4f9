//! Sequence numbers in the service's own format (version 2): decimal numbers of 56 digits that grow along a shard.

use std::fmt;

use ferrokinesis_core::sequence::{MAX_SEQ_IX, parse_sequence};

/// The largest power of ten in a `u64`.
const CHUNK: u128 = 10_000_000_000_000_000_000;

/// A decoded sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SequenceNumber {
    /// Creation time of its shard in epoch seconds, or a little later. It distinguishes a new stream from an earlier
    /// one of the same name, and a shard from its parents.
    pub created: u64,
    /// Number of its shard.
    pub shard: u32,
    /// Index of the record in the shard.
    pub index: u64,
    /// Arrival in epoch seconds.
    pub time: u64,
    /// True for a position between the record's number and the next one: where a subscription continues.
    pub is_continuation: bool,
}

impl SequenceNumber {
    /// Returns the ending sequence number of a closed shard, larger than that of any of its records.
    pub(super) fn ending(created: u64, shard: u32, closed: u64) -> Self {
        SequenceNumber { created, shard, index: MAX_SEQ_IX, time: closed, is_continuation: false }
    }

    /// Returns whether this is the ending sequence number of a closed shard.
    pub(super) fn is_ending(self) -> bool {
        self.index == MAX_SEQ_IX
    }

    /// Returns the index of the first record whose number is not less than this one.
    pub(super) fn index_at(self) -> u64 {
        self.index + u64::from(self.is_continuation)
    }

    /// Returns the index of the first record whose number is greater than this one.
    pub(super) fn index_after(self) -> u64 {
        self.index.saturating_add(1)
    }

    /// Parses a sequence number; returns `None` if this service does not assign such a number.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > 129 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let parsed = parse_sequence(text).ok()?;
        if parsed.version != 2 {
            return None;
        }
        Some(SequenceNumber {
            created: parsed.shard_create_time / 1000,
            shard: u32::try_from(parsed.shard_ix).ok()?,
            index: parsed.seq_ix?,
            time: parsed.seq_time? / 1000,
            is_continuation: parsed.byte1.is_some_and(|byte| byte != "00"),
        })
    }
}

/// Layout in bits from the highest: 2 (4 bits), created (36), low bits of the shard (4), index (64), 1 for a
/// continuation (8), time (36), shard (32), 2 (4). `ferrokinesis-core` writes the same through big integers, too slowly for
/// every record.
impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, shard) = (u128::from(self.index), u128::from(self.shard));
        let low = 2 | shard << 4 | u128::from(self.time) << 36 | u128::from(self.is_continuation) << 72 | index << 80;
        let high = index >> 48 | (shard & 0xf) << 16 | u128::from(self.created) << 20 | 2 << 56;
        let mut limbs = [high, low >> 64, low & u128::from(u64::MAX)];
        let mut divide = || {
            let mut rest = 0;
            for limb in &mut limbs {
                let value = rest << 64 | *limb;
                *limb = value / CHUNK;
                rest = value % CHUNK;
            }
            rest
        };
        let (lowest, middle, highest) = (divide(), divide(), divide());
        write!(f, "{highest}{middle:019}{lowest:019}")
    }
}

/// Returns a shard ID like `shardId-000000000000`.
pub(super) fn shard_id(number: u32) -> String {
    ferrokinesis_core::sequence::shard_id_name(i64::from(number))
}

/// Returns the number in a shard ID, or `None` for other text.
///
/// The service accepts short forms too: `shardId-7` and `7`.
pub(super) fn shard_number(id: &str) -> Option<u32> {
    let digits = id.strip_prefix("shardId-").unwrap_or(id);
    let is_number = (1..=12).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use ferrokinesis_core::sequence::{SeqObj, stringify_sequence};
    use proptest::prelude::*;

    use super::*;

    fn numbers() -> impl Strategy<Value = SequenceNumber> {
        (0..16_000_000_000_u64, 0..1_u32 << 31, 0..=MAX_SEQ_IX, 0..16_000_000_000_u64, any::<bool>()).prop_map(
            |(created, shard, index, time, is_continuation)| SequenceNumber {
                created,
                shard,
                index,
                time,
                is_continuation,
            },
        )
    }

    proptest! {
        #[test]
        fn sequence_number_matches_ferrokinesis_and_parses_back(number in numbers()) {
            let theirs = stringify_sequence(&SeqObj {
                shard_create_time: number.created * 1000,
                seq_ix: Some(number.index),
                byte1: Some(if number.is_continuation { "01" } else { "00" }.to_owned()),
                seq_time: Some(number.time * 1000),
                seq_rand: None,
                shard_ix: i64::from(number.shard),
                version: 2,
            });
            prop_assert_eq!(number.to_string(), theirs.clone());
            prop_assert_eq!(SequenceNumber::parse(&theirs), Some(number));
        }

        #[test]
        fn sequence_number_of_a_continuation_lies_between_two_records(number in numbers(), later in 0..1000_u64) {
            let record = SequenceNumber { index: number.index / 2, is_continuation: false, ..number };
            let continuation = SequenceNumber { is_continuation: true, time: record.time / 2, ..record };
            let next = SequenceNumber { index: record.index + 1, time: record.time + later, ..record };
            let digits = [record, continuation, next].map(|number| format!("{:0>60}", number.to_string()));
            prop_assert!(digits.is_sorted(), "{digits:?}");
            prop_assert_eq!((continuation.index_at(), continuation.index_after()), (next.index, next.index));
        }

        #[test]
        fn shard_id_short_forms_are_accepted(number: u32) {
            for id in [shard_id(number), format!("shardId-{number}"), number.to_string()] {
                prop_assert_eq!(shard_number(&id), Some(number));
            }
        }

        #[test]
        fn sequence_number_parse_never_panics(text in "[0-9]{0,140}|.*") {
            let _ = SequenceNumber::parse(&text);
        }
    }
}
