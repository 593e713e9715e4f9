//! A window of a batch: so many pieces are looked at and stored before the next ones, so that the memory that a batch
//! needs does not grow with what is in it.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use rustc_hash::FxBuildHasher;
use sensor_model::Reading;

use crate::dynamodb::{FailureKind, WriteFailure, push_row};
use crate::metrics::MetricIssue;
use crate::store::Put;
use crate::user_records::{UserRecord, UserRecordError, catch_panic};

/// Pieces of a window, at most.
pub const MAX_USER_RECORDS: usize = 4096;
/// Bytes of the pieces of a window, at most, but for the last one.
const MAX_BYTES: usize = 1024 * 1024;

/// What became of a piece.
#[derive(Debug)]
pub enum ItemOutcome {
    /// Not tried yet.
    Open,
    /// It is a row now.
    Stored,
    /// A later reading of its key is stored.
    Replaced,
    /// It is no reading, or none that the table takes.
    Rejected(UserRecordError),
    /// It is neither a row nor a reject.
    Unstored(Unstored),
}

/// Why a piece could not be kept.
#[derive(Debug)]
pub enum Unstored {
    /// What became of the put of its row.
    Failure(Rc<WriteFailure>),
    /// What became of the put of its reject.
    Reject(Rc<WriteFailure>),
    /// It is no reading, and there is no table for rejects.
    NoRejectsTable(UserRecordError),
}

impl Unstored {
    /// The same, for the log.
    pub fn trouble(&self) -> MetricIssue {
        match self {
            Unstored::Failure(failure) => MetricIssue { code: failure.code.clone(), message: failure.to_string() },
            Unstored::Reject(failure) => {
                let code = failure.code.clone();
                // The service's own words about an item may quote it.
                let why = if failure.kind == FailureKind::ItemRejected { code.clone() } else { failure.to_string() };
                MetricIssue { code, message: format!("reject not stored: {why}") }
            }
            Unstored::NoRejectsTable(UserRecordError { code, reason, is_ours }) => {
                let mut message = format!("no reading, and no table for rejects is set: {code}");
                // Here, too.
                if *is_ours {
                    message = format!("{message}: {reason}");
                }
                MetricIssue { code: code.clone(), message }
            }
        }
    }
}

/// A piece and what became of it.
#[derive(Debug)]
pub struct ChunkItem<'a> {
    /// The piece.
    pub piece: UserRecord<'a>,
    /// What became of it.
    pub fate: ItemOutcome,
    row: Option<Row>,
}

impl ChunkItem<'_> {
    /// Whether it is a reading whose time is before 1970 or after 2100, and so mostly in another unit.
    pub fn has_uncertain_time(&self) -> bool {
        self.row.as_ref().is_some_and(|row| !row.has_plausible_time)
    }
}

/// Where in the text of a window the row of a reading is.
#[derive(Debug)]
struct Row {
    key: Range<usize>,
    request: Range<usize>,
    has_plausible_time: bool,
}

/// Pieces that are handled together.
#[derive(Debug, Default)]
pub struct BatchChunk<'a> {
    /// The pieces, in the order of the shard.
    pub entries: Vec<ChunkItem<'a>>,
    /// The rows of all readings, as the service takes them.
    text: String,
    bytes: usize,
}

/// Readings of one key: which one comes before which.
#[derive(Debug)]
pub struct DuplicateIndex {
    /// The last of each key, in the order of the shard.
    pub last: Vec<usize>,
    /// For each entry the one of the same key before it.
    pub before: Vec<Option<usize>>,
}

impl<'a> BatchChunk<'a> {
    /// The next pieces, `at_most` so many; none when there are no more.
    pub fn fill(&mut self, pieces: &mut impl Iterator<Item = UserRecord<'a>>, at_most: usize) -> bool {
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
                // What a panic left there.
                self.text.truncate(begin);
                (None, ItemOutcome::Rejected(rejection))
            }
        };
        self.entries.push(ChunkItem { piece, fate, row });
    }

    /// What is to be put for a reading.
    pub fn put(&self, index: usize) -> Option<Put<'_>> {
        let row = self.entries[index].row.as_ref()?;
        Some(Put { key: &self.text[row.key.clone()], request: &self.text[row.request.clone()] })
    }

    /// Sorts the readings by key.
    pub fn rivals(&self) -> DuplicateIndex {
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
