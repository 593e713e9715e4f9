//! The items of the table of rejected readings: raw bytes, reason, origin, and when they expire.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sensor_model::Decimal;

use crate::dynamodb::{ItemJson, Table};
use crate::pieces::{Piece, Rejection};
use crate::store::Put;

/// Bytes of a record in one item; the other attributes stay below the 16 KiB that are left of an item's 400 KiB.
const PART_BYTES: usize = 384 * 1024;
/// Characters of a reason that are kept.
const REASON_CHARACTERS: usize = 1024;
const DAY: Duration = Duration::from_hours(24);

/// The table of rejected readings.
pub fn table(name: String) -> Table {
    Table { name, partition: "ShardId", sort: "RejectId" }
}

/// When a reject that is stored now expires.
pub fn expiry(days: u64) -> Decimal {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Decimal::from(now.as_secs().saturating_add(DAY.as_secs().saturating_mul(days)))
}

/// The items of one reject: one for every part of its bytes, at least one.
pub fn items(piece: &Piece<'_>, rejection: &Rejection, expires_at: &Decimal) -> Vec<Put> {
    let parts: Vec<&[u8]> = if piece.data.is_empty() { vec![&[]] } else { piece.data.chunks(PART_BYTES).collect() };
    let count = Decimal::from(parts.len() as u64);
    let shard_id = piece.record.shard_id();
    let kinesis = &piece.record.kinesis;
    let reason: String = rejection.reason.chars().take(REASON_CHARACTERS).collect();
    let arrival = kinesis.approximate_arrival_timestamp.and_then(|number| Decimal::parse(number.get()).ok());
    let part_item = |(part, data): (usize, &&[u8])| {
        let reject_id = reject_id(&kinesis.sequence_number, piece.sub_index, part);
        let mut item = ItemJson::new()
            .text("ShardId", shard_id)
            .text("RejectId", &reject_id)
            .text("SequenceNumber", &kinesis.sequence_number)
            .text("PartitionKey", piece.partition_key)
            .text("Code", &rejection.code)
            .text("Reason", &reason)
            .number("ExpiresAt", expires_at)
            .number("Parts", &count)
            .bytes("Data", data);
        if let Some(arrival) = &arrival {
            item = item.number("ArrivalTime", arrival);
        }
        Put { key: (shard_id.to_owned(), reject_id), item: item.finish() }
    };
    parts.iter().enumerate().map(part_item).collect()
}

/// Sorts by sub-index and part within a record; a 10 MiB record has at most 7 digits of sub-records and 27 parts.
fn reject_id(sequence_number: &str, sub_index: usize, part: usize) -> String {
    format!("{sequence_number}#{sub_index:07}#{part:03}")
}
