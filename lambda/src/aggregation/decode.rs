//! Decodes an aggregated record without copying.

use md5::{Digest, Md5};

use super::protobuf::{Content, Fields};
use super::{AggregatedUserRecord, DIGEST_BYTES, MAGIC};

/// Returns whether the bytes begin like an aggregated record. No JSON text does.
#[must_use]
pub fn is_marked(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The user records of an aggregated record, in their order. Each is decoded only on demand, because a few bytes can be
/// a user record.
#[derive(Debug, Default)]
pub struct AggregatedUserRecords<'a> {
    partition_keys: Vec<&'a str>,
    explicit_hash_keys: Vec<&'a str>,
    /// Their messages, all checked.
    messages: std::vec::IntoIter<&'a [u8]>,
}

impl<'a> Iterator for AggregatedUserRecords<'a> {
    type Item = AggregatedUserRecord<'a>;

    fn next(&mut self) -> Option<AggregatedUserRecord<'a>> {
        sub_record(self.messages.next()?, &self.partition_keys, &self.explicit_hash_keys)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.messages.size_hint()
    }
}

impl ExactSizeIterator for AggregatedUserRecords<'_> {}

/// Decodes the user records of an aggregated record, at least one. Returns `None` for a plain record: one without the
/// magic bytes, with a wrong checksum, without user records, or with a message that is broken anywhere.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<AggregatedUserRecords<'_>> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (message, digest) = rest.split_at_checked(rest.len().checked_sub(DIGEST_BYTES)?)?;
    if Md5::digest(message).as_slice() != digest {
        return None;
    }
    // The keys may follow the records that refer to them.
    let mut partition_keys = Vec::new();
    let mut explicit_hash_keys = Vec::new();
    let mut messages = Vec::new();
    for field in Fields(message) {
        match field? {
            (1, Content::Bytes(key)) => partition_keys.push(std::str::from_utf8(key).ok()?),
            (2, Content::Bytes(key)) => explicit_hash_keys.push(std::str::from_utf8(key).ok()?),
            (3, Content::Bytes(message)) => messages.push(message),
            (1..=3, _) => return None,
            _ => {}
        }
    }
    let is_whole = |message: &&[u8]| sub_record(message, &partition_keys, &explicit_hash_keys).is_some();
    if messages.is_empty() || !messages.iter().all(is_whole) {
        return None;
    }
    Some(AggregatedUserRecords { partition_keys, explicit_hash_keys, messages: messages.into_iter() })
}

fn sub_record<'a>(
    message: &'a [u8],
    partition_keys: &[&'a str],
    hash_keys: &[&'a str],
) -> Option<AggregatedUserRecord<'a>> {
    let named = |keys: &[&'a str], index: u64| keys.get(usize::try_from(index).ok()?).copied();
    let mut partition_key = None;
    let mut explicit_hash_key = None;
    let mut data = None;
    for field in Fields(message) {
        match field? {
            (1, Content::Number(index)) => partition_key = Some(named(partition_keys, index)?),
            (2, Content::Number(index)) => explicit_hash_key = Some(named(hash_keys, index)?),
            (3, Content::Bytes(bytes)) => data = Some(bytes),
            (1..=3, _) => return None,
            _ => {}
        }
    }
    Some(AggregatedUserRecord { partition_key: partition_key?, explicit_hash_key, data: data? })
}
