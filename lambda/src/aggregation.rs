//! Many readings in one Kinesis record: the aggregation format of the Kinesis Producer Library, both ways.
//!
//! The bytes `F3 89 9A C2`, a protobuf message `AggregatedRecord { 1: partition keys, 2: explicit hash keys,
//! 3: records { 1: index of its partition key, 2: index of its explicit hash key, 3: data, 4: tags } }`, and the MD5 of
//! the message (amazon-kinesis-producer, `aggregation-format.md`).

mod decode;
mod encode;
mod protobuf;

pub use self::decode::{AggregatedUserRecords, decode, is_marked};
pub use self::encode::{Aggregate, encode};

/// What an aggregated record begins with.
pub const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];
/// Bytes of the checksum at the end.
const DIGEST_BYTES: usize = 16;

/// One of the records that an aggregated one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregatedUserRecord<'a> {
    /// Its own partition key; the record around it may travel under another.
    pub partition_key: &'a str,
    /// Its own explicit hash key, as decimal text.
    pub explicit_hash_key: Option<&'a str>,
    /// Its bytes.
    pub data: &'a [u8],
}

#[cfg(test)]
mod tests;
