//! A chunk of a batch: a bounded number of user records that are decoded and stored before the next ones, so that
//! memory does not grow with the content of a batch.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use rustc_hash::FxBuildHasher;
use sensor_model::Reading;

use crate::dynamodb::{FailureKind, WriteFailure, push_row};
use crate::metrics::MetricIssue;
use crate::store::Put;
use crate::user_records::{UserRecord, UserRecordError, catch_panic};

/// Maximum user records in a chunk.
pub(crate) const MAX_USER_RECORDS: usize = 4096;
/// Maximum bytes of the user records in a chunk. The last one may exceed it.
const MAX_BYTES: usize = 1024 * 1024;

/// The outcome of a user record.
#[derive(Debug)]
pub(crate) enum ItemOutcome {
    /// Not tried yet.
    Open,
    /// Stored as a row.
    Stored,
    /// Replaced by a later reading of the same key.
    Replaced,
    /// Not a reading, or not one that the table accepts.
    Rejected(UserRecordError),
    /// Stored neither as a row nor as a reject.
    Unstored(Unstored),
}

/// The reason why a user record was not stored.
#[derive(Debug)]
pub(crate) enum Unstored {
    /// The write of its row failed.
    Failure(Rc<WriteFailure>),
    /// The write of its reject failed.
    Reject(Rc<WriteFailure>),
    /// It is not a reading, and no dead-letter table is configured.
    NoRejectsTable(UserRecordError),
}

impl Unstored {
    /// Returns the reason for the log.
    pub(crate) fn issue(&self) -> MetricIssue {
        match self {
            Unstored::Failure(failure) => MetricIssue { code: failure.code.clone(), message: failure.to_string() },
            Unstored::Reject(failure) => {
                let code = failure.code.clone();
                // The service's message about an item may quote the item.
                let why = if failure.kind == FailureKind::ItemRejected { code.clone() } else { failure.to_string() };
                MetricIssue { code, message: format!("reject not stored: {why}") }
            }
            Unstored::NoRejectsTable(UserRecordError { code, reason, is_ours }) => {
                let mut message = format!("no reading, and no table for rejects is set: {code}");
                // This message may quote it, too.
                if *is_ours {
                    message = format!("{message}: {reason}");
                }
                MetricIssue { code: code.clone(), message }
            }
        }
    }
}

/// A user record and its outcome.
#[derive(Debug)]
pub(crate) struct ChunkItem<'a> {
    /// The user record.
    pub piece: UserRecord<'a>,
    /// Its outcome.
    pub fate: ItemOutcome,
    row: Option<Row>,
}

impl ChunkItem<'_> {
    /// Returns whether it is a reading whose time is before 1970 or after 2100, and so mostly in another unit.
    pub(crate) fn has_uncertain_time(&self) -> bool {
        self.row.as_ref().is_some_and(|row| !row.has_plausible_time)
    }
}

/// The place of a reading's row in the text of a chunk.
#[derive(Debug)]
struct Row {
    key: Range<usize>,
    request: Range<usize>,
    has_plausible_time: bool,
}

/// User records that are handled together.
#[derive(Debug, Default)]
pub(crate) struct BatchChunk<'a> {
    /// The user records, in the order of the shard.
    pub entries: Vec<ChunkItem<'a>>,
    /// The rows of all readings, in the service's JSON.
    text: String,
    bytes: usize,
}

/// The order of readings with the same key.
#[derive(Debug)]
pub(crate) struct DuplicateIndex {
    /// The last reading of each key, in the order of the shard.
    pub last: Vec<usize>,
    /// For each entry, the entry of the same key before it.
    pub before: Vec<Option<usize>>,
}

impl<'a> BatchChunk<'a> {
    /// Loads the next user records, `at_most` this many. Returns `false` at the end of the batch.
    pub(crate) fn fill(&mut self, pieces: &mut impl Iterator<Item = UserRecord<'a>>, at_most: usize) -> bool {
        self.entries.clear();
        self.text.clear();
        self.bytes = 0;
        while self.entries.len() < at_most && self.bytes < MAX_BYTES {
            let Some(piece) = pieces.next() else { break };
            self.push(piece);
        }
        !self.entries.is_empty()
    }

    fn push(&mut self, mut piece: UserRecord<'a>) {
        self.bytes += piece.data.len();
        let begin = self.text.len();
        let row = match piece.broken.take() {
            Some(rejection) => Err(rejection),
            None => catch_panic(|| {
                let reading = Reading::from_json(piece.data)
                    .map_err(|refusal| UserRecordError::new(refusal.code(), &refusal.to_string()))?;
                let origin = (piece.record.shard_id(), &*piece.record.kinesis.sequence_number);
                let key = push_row(&mut self.text, &reading, origin);
                let has_plausible_time = reading.has_plausible_time();
                Ok(Row { key, request: begin..self.text.len(), has_plausible_time })
            }),
        };
        let (row, fate) = match row {
            Ok(row) => (Some(row), ItemOutcome::Open),
            Err(rejection) => {
                // A panic may have left a partial row.
                self.text.truncate(begin);
                (None, ItemOutcome::Rejected(rejection))
            }
        };
        self.entries.push(ChunkItem { piece, fate, row });
    }

    /// Returns the put request for a reading.
    pub(crate) fn put(&self, index: usize) -> Option<Put<'_>> {
        let row = self.entries[index].row.as_ref()?;
        Some(Put { key: &self.text[row.key.clone()], request: &self.text[row.request.clone()] })
    }

    /// Groups the readings by key.
    pub(crate) fn rivals(&self) -> DuplicateIndex {
        let mut latest = HashMap::with_capacity_and_hasher(self.entries.len(), FxBuildHasher);
        let mut before = vec![None; self.entries.len()];
        let mut is_last = vec![false; self.entries.len()];
        for index in 0..self.entries.len() {
            let Some(put) = self.put(index) else { continue };
            is_last[index] = true;
            if let Some(earlier) = latest.insert(put.key, index) {
                before[index] = Some(earlier);
                is_last[earlier] = false;
            }
        }
        let last = (0..is_last.len()).filter(|&index| is_last[index]).collect();
        DuplicateIndex { last, before }
    }
}
