//! The items of the dead-letter table: raw bytes, reason, origin and expiry.

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sensor_model::Decimal;

use crate::dynamodb::{Key, MESSAGE_CHARACTERS, finish_request, first, push_attribute, push_bytes};
use crate::store::Put;
use crate::user_records::{UserRecord, UserRecordError};

/// The key of the dead-letter table.
pub(crate) static KEY: Key = Key { partition: "ShardId", sort: "RejectId", sort_type: "S" };

/// Bytes of a record in one item. The other attributes stay below the remaining 16 KiB of an item's 400 KiB.
const PART_BYTES: usize = 384 * 1024;
/// Maximum characters kept of a code and of a partition key. Kinesis allows 256 for a partition key. The key of a user
/// record has no limit and must not make an item too large for the table.
const KEY_CHARACTERS: usize = 256;
const DAY: Duration = Duration::from_hours(24);

/// The items of all rejects of a chunk.
#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    text: String,
    /// The entry that an item belongs to, and the ranges of its key and its request in the text.
    items: Vec<(usize, Range<usize>, Range<usize>)>,
}

/// Returns the expiry time of a reject that is stored now.
pub(crate) fn expiry(days: u64) -> Decimal {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Decimal::from(now.as_secs().saturating_add(DAY.as_secs().saturating_mul(days)))
}

impl DeadLetters {
    /// Adds the items of one reject: one for every part of its bytes, at least one.
    pub(crate) fn push(
        &mut self,
        owner: usize,
        piece: &UserRecord<'_>,
        rejection: &UserRecordError,
        expires_at: &Decimal,
    ) {
        let none: &[u8] = &[];
        let parts = piece.data.chunks(PART_BYTES).chain(piece.data.is_empty().then_some(none));
        let count = piece.data.len().div_ceil(PART_BYTES).max(1).to_string();
        let kinesis = &piece.record.kinesis;
        let arrival = kinesis.approximate_arrival_timestamp.and_then(|number| Decimal::parse(number.get()).ok());
        let partition_key = piece.partition_key();
        let out = &mut self.text;
        for (part, data) in parts.enumerate() {
            let begin = out.len();
            let id = reject_id(&kinesis.sequence_number, piece.sub_index, part);
            let key = KEY.push_request(out, piece.record.shard_id(), &id);
            for (name, attribute_type, text) in [
                ("SequenceNumber", "S", &*kinesis.sequence_number),
                ("PartitionKey", "S", first(KEY_CHARACTERS, &partition_key)),
                ("Code", "S", first(KEY_CHARACTERS, &rejection.code)),
                ("Reason", "S", first(MESSAGE_CHARACTERS, &rejection.reason)),
                ("ExpiresAt", "N", expires_at.as_str()),
                ("Parts", "N", &count),
            ] {
                out.push(',');
                push_attribute(out, name, attribute_type, text);
            }
            if let Some(arrival) = &arrival {
                out.push(',');
                push_attribute(out, "ArrivalTime", "N", arrival.as_str());
            }
            out.push(',');
            push_bytes(out, "Data", data);
            finish_request(out);
            self.items.push((owner, key, begin..out.len()));
        }
    }

    /// Returns the entries that the items belong to.
    pub(crate) fn owners(&self) -> impl Iterator<Item = usize> {
        self.items.iter().map(|(owner, ..)| *owner)
    }

    /// Returns the put requests.
    pub(crate) fn puts(&self) -> Vec<Put<'_>> {
        let put = |(_, key, request): &(usize, Range<usize>, Range<usize>)| Put {
            key: &self.text[key.clone()],
            request: &self.text[request.clone()],
        };
        self.items.iter().map(put).collect()
    }
}

/// Returns an id that sorts by sub-index and part within a record. A 10 MiB record has at most 7 digits of user records
/// and 27 parts.
fn reject_id(sequence_number: &str, sub_index: usize, part: usize) -> String {
    format!("{sequence_number}#{sub_index:07}#{part:03}")
}
