//! A dead letter with the reading that is sent for it.

use sensor_model::Reading;
use sha2::{Digest as _, Sha256};

use super::reading_origin::ReadingOrigin;
use crate::operate::DeadLetter;

/// A dead letter and its reading.
#[derive(Clone, Debug)]
pub(crate) struct ReplayItem {
    /// The dead letter.
    pub letter: DeadLetter,
    /// The reading.
    pub reading: Reading,
    /// The bytes that are sent: those of the dead letter where nothing was edited.
    pub data: Vec<u8>,
    /// The parts of the reading that are the dead letter's own.
    pub origin: ReadingOrigin,
}

impl ReplayItem {
    /// Returns a digest of the reading, which is the same for dead letters of equal readings.
    pub(super) fn digest(&self) -> [u8; 32] {
        digest_of(&self.reading)
    }
}

/// Returns the digest of a reading.
pub(super) fn digest_of(reading: &Reading) -> [u8; 32] {
    Sha256::digest(reading.to_json().as_bytes()).into()
}

/// The outcome for a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReplayFate {
    /// A dry run: it would be sent, or its reading is stored already.
    Ready,
    /// The table holds its reading, and the dead letter is deleted.
    Replayed {
        /// True if the table held the reading before.
        was_stored: bool,
    },
    /// It was not sent.
    Refused(ReplayReason),
    /// The function rejected it again; the new dead letter replaces the old one.
    RejectedAgain(ReplayReason),
    /// It is not known to be stored, and is kept.
    Failed(ReplayReason),
}

/// A dead letter at the place of a record, with all its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundRejection {
    /// Why it was rejected.
    pub reason: ReplayReason,
    /// Its bytes.
    pub data: Vec<u8>,
}

impl FoundRejection {
    /// Returns whether it is of this item. Sequence numbers of a stream that was created again may be those of older dead
    /// letters: one that is being replayed, or of other data, is no new one.
    pub(super) fn is_of(&self, item: &ReplayItem) -> bool {
        item.data == self.data
    }
}

/// Why a dead letter was not replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReplayReason {
    /// The class of the reason.
    pub code: String,
    /// The reason for people, without content of the data.
    pub message: String,
}

impl ReplayReason {
    /// Creates a reason.
    #[must_use]
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        ReplayReason { code: code.to_owned(), message: message.into() }
    }
}
