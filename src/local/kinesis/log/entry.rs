//! One record in a log file: a header that guards the length, then the record guarded by its own checksum.
//!
//! Layout, little-endian: length of the body (u32), CRC-32 of the body (u32), CRC-32 of these eight bytes (u32); then
//! the body: index (u64), arrival in epoch ms (u64), flags (u8), length of the key (u16), key, data. The header's own
//! checksum distinguishes a damaged length from an entry that a kill cut short.

/// Size of the header, in bytes.
const HEADER: usize = 12;

/// Size of the body before the key, in bytes.
const FIXED: usize = 19;

/// Flag: the stream was encrypted when the record arrived.
const ENCRYPTED: u8 = 1;

/// A record as stored in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryRef<'a> {
    /// Index in the shard: increases by one, from 1.
    pub index: u64,
    /// Arrival in epoch milliseconds; never decreases along the shard.
    pub arrival: u64,
    /// True if the stream was encrypted at arrival.
    pub encrypted: bool,
    /// The producer's key.
    pub partition_key: &'a str,
    /// The data.
    pub data: &'a [u8],
}

impl EntryRef<'_> {
    /// Returns the size of the encoded entry in bytes.
    pub(crate) fn len(&self) -> usize {
        HEADER + FIXED + self.partition_key.len() + self.data.len()
    }

    /// Encodes the entry at the end of a buffer.
    pub(crate) fn append_to(&self, buffer: &mut Vec<u8>) {
        let start = buffer.len();
        buffer.extend_from_slice(&[0; HEADER]);
        buffer.extend_from_slice(&self.index.to_le_bytes());
        buffer.extend_from_slice(&self.arrival.to_le_bytes());
        buffer.push(if self.encrypted { ENCRYPTED } else { 0 });
        // Keys have at most 256 characters of four bytes, records at most 10 MiB: both fit.
        let key_length = u16::try_from(self.partition_key.len()).unwrap_or(u16::MAX);
        buffer.extend_from_slice(&key_length.to_le_bytes());
        buffer.extend_from_slice(self.partition_key.as_bytes());
        buffer.extend_from_slice(self.data);
        let body = &buffer[start + HEADER..];
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&length.to_le_bytes());
        header[4..8].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
        let guard = crc32fast::hash(&header[..8]);
        header[8..].copy_from_slice(&guard.to_le_bytes());
        buffer[start..start + HEADER].copy_from_slice(&header);
    }
}

/// The result of parsing bytes at a position in a log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed<'a> {
    /// A whole entry.
    Entry(EntryRef<'a>),
    /// The beginning of an entry; at least this many bytes are needed.
    Incomplete(usize),
    /// No valid entry: the bytes are damaged.
    Damaged(&'static str),
}

/// Parses the entry at the start of these bytes.
pub(crate) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let Some((header, rest)) = bytes.split_at_checked(HEADER) else { return Parsed::Incomplete(HEADER) };
    if u32_at(header, 8) != crc32fast::hash(&header[..8]) {
        return Parsed::Damaged("the header's checksum is wrong");
    }
    let length = u32_at(header, 0) as usize;
    let Some(body) = rest.get(..length) else { return Parsed::Incomplete(HEADER + length) };
    if crc32fast::hash(body) != u32_at(header, 4) {
        return Parsed::Damaged("the record's checksum is wrong");
    }
    decode(body).map_or_else(Parsed::Damaged, Parsed::Entry)
}

/// Decodes a body whose checksum matched.
fn decode(body: &[u8]) -> Result<EntryRef<'_>, &'static str> {
    let (fixed, rest) = body.split_at_checked(FIXED).ok_or("the record is too short")?;
    let key_length = usize::from(u16::from_le_bytes([fixed[17], fixed[18]]));
    let (key, data) = rest.split_at_checked(key_length).ok_or("the partition key is too long")?;
    let partition_key = std::str::from_utf8(key).map_err(|_| "the partition key is not text")?;
    Ok(EntryRef {
        index: u64_at(fixed, 0),
        arrival: u64_at(fixed, 8),
        encrypted: fixed[16] & ENCRYPTED != 0,
        partition_key,
        data,
    })
}

/// Decodes an entry again that [`parse`] found whole.
pub(crate) fn reread(bytes: &[u8]) -> Result<EntryRef<'_>, &'static str> {
    decode(bytes.get(HEADER..).unwrap_or_default())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn log_entry_parses_whole_and_every_prefix_is_incomplete(
            index: u64, arrival: u64, encrypted: bool, key in ".{0,20}", data: Vec<u8>, cut: prop::sample::Index,
        ) {
            let entry = EntryRef { index, arrival, encrypted, partition_key: &key, data: &data };
            let mut bytes = Vec::new();
            entry.append_to(&mut bytes);
            prop_assert_eq!(bytes.len(), entry.len());
            prop_assert_eq!(parse(&bytes), Parsed::Entry(entry));
            let cut = cut.index(bytes.len());
            prop_assert!(matches!(parse(&bytes[..cut]), Parsed::Incomplete(needed) if needed > cut));
        }

        #[test]
        fn log_entry_flipped_bit_is_detected(data: Vec<u8>, at: prop::sample::Index, bit in 0..8) {
            let entry = EntryRef { index: 7, arrival: 9, encrypted: false, partition_key: "key", data: &data };
            let mut bytes = Vec::new();
            entry.append_to(&mut bytes);
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            prop_assert!(matches!(parse(&bytes), Parsed::Damaged(_)));
        }
    }
}
