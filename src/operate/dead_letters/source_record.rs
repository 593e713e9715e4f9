//! A record of the stream, taken apart into user records.

use sensor_model::Decimal;
use sensor_model::aggregation::{self, RecordContents};

use super::dead_letter::{DeadLetter, DeadLetterId};

/// A record of the stream that Lambda gave up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SourceRecord {
    /// The shard.
    pub shard_id: String,
    /// The sequence number.
    pub sequence_number: String,
    /// The partition key.
    pub partition_key: String,
    /// When it arrived, in seconds since 1970.
    pub arrived: Option<Decimal>,
    /// The data.
    pub data: Vec<u8>,
}

impl SourceRecord {
    /// Returns its user records as dead letters that no table holds.
    pub(super) fn letters(self, condition: &str) -> Vec<DeadLetter> {
        let message = "Lambda gave its batch up, and the failure destination has its place";
        let letter = |index: usize, partition_key: &str, data: &[u8]| DeadLetter {
            id: DeadLetterId {
                shard_id: self.shard_id.clone(),
                sequence_number: self.sequence_number.clone(),
                index: u32::try_from(index).unwrap_or(u32::MAX),
            },
            reason: condition.to_owned(),
            message: message.to_owned(),
            partition_key: partition_key.to_owned(),
            arrived: self.arrived.clone(),
            expires: None,
            data: data.to_vec(),
            parts: Vec::new(),
            missing_parts: 0,
        };
        match aggregation::contents(&self.data) {
            RecordContents::Aggregated(parts) => {
                parts.enumerate().map(|(index, part)| letter(index, part.partition_key, part.data)).collect()
            }
            RecordContents::Plain | RecordContents::Broken(_) => vec![letter(0, &self.partition_key, &self.data)],
        }
    }
}
