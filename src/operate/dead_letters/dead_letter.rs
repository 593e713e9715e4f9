//! A dead letter: the bytes of a user record that the function could not store, and why.

use std::fmt;
use std::str::FromStr;

use sensor_model::Decimal;

/// The place of a user record in the stream, which identifies its dead letter: `SHARD/SEQUENCE/INDEX`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DeadLetterId {
    /// The shard.
    pub shard_id: String,
    /// The sequence number of the Kinesis record.
    pub sequence_number: String,
    /// The index in an aggregated record; 0 in a plain record.
    pub index: u32,
}

impl fmt::Display for DeadLetterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DeadLetterId { shard_id, sequence_number, index } = self;
        write!(formatter, "{shard_id}/{sequence_number}/{index}")
    }
}

impl FromStr for DeadLetterId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write SHARD/SEQUENCE/INDEX, as `sensorctl rejects list` prints it".to_owned();
        let (rest, index) = text.trim().rsplit_once('/').ok_or_else(wrong)?;
        let (shard_id, sequence_number) = rest.rsplit_once('/').ok_or_else(wrong)?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if shard_id.is_empty() || !is_number(sequence_number) || !is_number(index) {
            return Err(wrong());
        }
        let index = index.parse().map_err(|_| wrong())?;
        Ok(DeadLetterId { shard_id: shard_id.to_owned(), sequence_number: sequence_number.to_owned(), index })
    }
}

impl DeadLetterId {
    /// Reads the sort key of an item, `SEQUENCE#INDEX#PART`. Returns `None` for another form.
    pub(super) fn of_item(shard_id: &str, reject_id: &str) -> Option<Self> {
        let (rest, part) = reject_id.rsplit_once('#')?;
        let (sequence_number, index) = rest.rsplit_once('#')?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let id = DeadLetterId {
            shard_id: shard_id.to_owned(),
            sequence_number: sequence_number.to_owned(),
            index: index.parse().ok()?,
        };
        // Its parts are found again by the prefix.
        let is_own = is_number(sequence_number) && is_number(part) && reject_id.starts_with(&id.prefix());
        is_own.then_some(id)
    }

    /// Returns the beginning of the sort keys of its parts.
    pub(super) fn prefix(&self) -> String {
        format!("{}#{:07}#", self.sequence_number, self.index)
    }
}

/// One item of a dead letter. A record above 384 KiB has several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadLetterPart {
    /// The sort key of the item.
    pub reject_id: String,
    /// Its bytes of the data.
    pub bytes: usize,
    /// The expiry as the item has it, which every rewrite of the item changes.
    pub expires_at: Option<String>,
}

/// A dead letter with all of its parts that the table holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadLetter {
    /// Its place in the stream.
    pub id: DeadLetterId,
    /// The class of the reason, such as `not-json`.
    pub reason: String,
    /// The reason for people.
    pub message: String,
    /// The partition key that it was put with.
    pub partition_key: String,
    /// When its record arrived in the stream, in seconds since 1970.
    pub arrived: Option<Decimal>,
    /// When the table deletes it, in seconds since 1970.
    pub expires: Option<Decimal>,
    /// The bytes of the user record, as they were put.
    pub data: Vec<u8>,
    /// Its items, in order.
    pub parts: Vec<DeadLetterPart>,
    /// Items that are missing: an interrupted deletion, or the expiry, has left a rest.
    pub missing_parts: u32,
}
