//! Hash ranges: they decide which shard owns a record.

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

/// The hash range of a shard, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(Decimal, Decimal)", into = "(Decimal, Decimal)")]
pub(crate) struct HashRange {
    /// The lowest key.
    pub start: u128,
    /// The highest key.
    pub end: u128,
}

impl HashRange {
    /// The range of all hash keys.
    pub(super) const ALL: HashRange = HashRange { start: 0, end: u128::MAX };

    /// Returns `count` even ranges as the service creates them.
    ///
    /// Their step is `floor(2^128 / count)`; the last range takes the rest.
    pub(super) fn even(count: u32) -> Vec<HashRange> {
        let count = u128::from(count.max(1));
        if count == 1 {
            return vec![HashRange::ALL];
        }
        // floor(2^128 / count); 2^128 itself does not fit into a u128.
        let step = u128::MAX / count + u128::from(u128::MAX % count == count - 1);
        (0..count)
            .map(|at| HashRange {
                start: at * step,
                end: if at + 1 == count { u128::MAX } else { (at + 1) * step - 1 },
            })
            .collect()
    }

    /// Returns whether the other range begins right after this one ends.
    pub(super) fn meets(&self, other: &HashRange) -> bool {
        self.end.checked_add(1) == Some(other.start)
    }
}

/// Returns the hash key of a partition key: its MD5 as a number.
pub(super) fn hash_key(partition_key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key.as_bytes()).into())
}

/// A hash key as decimal digits in a string: JSON numbers are not wide enough.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Decimal(u128);

impl TryFrom<String> for Decimal {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Decimal)
    }
}

impl From<Decimal> for String {
    fn from(number: Decimal) -> String {
        number.0.to_string()
    }
}

impl From<(Decimal, Decimal)> for HashRange {
    fn from((start, end): (Decimal, Decimal)) -> Self {
        HashRange { start: start.0, end: end.0 }
    }
}

impl From<HashRange> for (Decimal, Decimal) {
    fn from(range: HashRange) -> Self {
        (Decimal(range.start), Decimal(range.end))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hash_range_of_two_shards_meets_in_the_middle() {
        let middle = 170_141_183_460_469_231_731_687_303_715_884_105_727;
        let ranges = HashRange::even(2);
        assert_eq!(ranges[0], HashRange { start: 0, end: middle });
        assert_eq!(ranges[1], HashRange { start: middle + 1, end: u128::MAX });
    }

    #[test]
    fn hash_key_is_md5_as_in_the_service() {
        assert_eq!(hash_key("1"), 261_578_874_264_819_908_609_102_035_485_573_088_411);
        assert_eq!(hash_key("device-7"), 82_854_626_076_645_082_116_509_365_037_338_430_615);
    }

    proptest! {
        #[test]
        fn even_ranges_cover_every_hash_key_once(count in 1..600_u32) {
            let ranges = HashRange::even(count);
            prop_assert_eq!(ranges.len(), count as usize);
            prop_assert_eq!((ranges[0].start, ranges[ranges.len() - 1].end), (0, u128::MAX));
            prop_assert!(ranges.windows(2).all(|pair| pair[0].meets(&pair[1])));
            let widths: Vec<u128> = ranges.iter().map(|range| range.end - range.start).collect();
            prop_assert!(widths.iter().all(|width| width - widths[0] < u128::from(count)));
        }
    }
}
