//! Encodes and decodes the aggregation format of the Kinesis Producer Library: many user records in one Kinesis record.
//!
//! The bytes `F3 89 9A C2`, a protobuf message `AggregatedRecord { 1: partition keys, 2: explicit hash keys, 3: records
//! { 1: index of its partition key, 2: index of its explicit hash key, 3: data, 4: tags } }`, and the MD5 of the
//! message (amazon-kinesis-producer, `aggregation-format.md`).

mod buffer;
mod contents;
mod decode;
mod digest;
mod encode;
mod protobuf;
mod size;

pub use self::buffer::{AggregateBuffer, KeyIndex, write_digests};
pub use self::contents::{BrokenAggregate, KEPT_ONE_BY_ONE, RecordContents, contents};
pub use self::decode::{AggregatedUserRecords, decode, is_marked};
pub use self::encode::{Aggregate, encode};
pub use self::size::AggregateSize;

/// First bytes of an aggregated record.
pub const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];
/// Length of the checksum at the end, in bytes.
const DIGEST_BYTES: usize = 16;

/// A KPL user record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregatedUserRecord<'a> {
    /// Its own partition key. The Kinesis record around it may have another.
    pub partition_key: &'a str,
    /// Its own explicit hash key, as decimal text.
    pub explicit_hash_key: Option<&'a str>,
    /// Its data.
    pub data: &'a [u8],
}

#[cfg(test)]
mod tests;
