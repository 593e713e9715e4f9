//! Replays dead letters, some at a time: compare with the table, put, wait until stored, delete.
//!
//! It may end anywhere and be repeated. A dead letter is deleted only after its reading was read back, or the new dead
//! letter of it, so nothing is lost. A reading that is stored already is not put again, and one that is put twice
//! replaces itself, so nothing is doubled.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::comparison::{Found, same_key};
use super::item::{FoundRejection, ReplayFate, ReplayItem, ReplayReason};
use super::options::ReplayOptions;
use super::put_readings::PutReadings;
use super::reading_origin::ReadingOrigin;
use super::slots::{Slot, SlotState, Sorted, sorted};
use super::target::ReplayTarget;
use crate::error::Error;
use crate::operate::DeadLetterId;
use crate::operate::dead_letters::deletion::Deletion;
use crate::pipeline::{PutReceipt, RowState, StoredReading, compare_sequence_numbers};

/// Readings that were rejected, and readings that were put, of which digests are kept, up to 250 bytes each.
const KEPT_READINGS: usize = 100_000;
/// The code of a reading that the stream took, and that did not arrive in time.
pub(crate) const NOT_STORED: &str = "not-stored";

/// How long a read goes on after an interrupt: the last look at what is stored.
const GRACE: Duration = Duration::from_secs(2);

/// Replays dead letters.
pub(crate) struct Replayer<'a, T> {
    target: &'a T,
    options: ReplayOptions,
    interrupt: &'a CancellationToken,
    /// The origins of readings that the function rejected again, by digest.
    rejected: HashMap<[u8; 32], ReadingOrigin>,
    /// The readings that were put.
    put: PutReadings,
    /// The first sequence number of this replay in each shard.
    first: BTreeMap<String, String>,
}

/// The result of replaying some dead letters.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// The outcome for each.
    pub fates: Vec<(DeadLetterId, ReplayFate)>,
    /// Those of keys that others of them have with other values: they come next.
    pub deferred: Vec<ReplayItem>,
    /// The error that ended the replay.
    pub stopped: Option<Error>,
}

impl<'a, T: ReplayTarget> Replayer<'a, T> {
    /// Creates a replay, which the interrupt ends.
    pub(crate) fn new(target: &'a T, options: ReplayOptions, interrupt: &'a CancellationToken) -> Self {
        Replayer {
            target,
            options,
            interrupt,
            rejected: HashMap::new(),
            put: PutReadings::new(KEPT_READINGS),
            first: BTreeMap::new(),
        }
    }

    /// Returns whether a dead letter came after the first reading of this replay was put into its shard. Replaying those,
    /// too, might have no end.
    #[must_use]
    pub(crate) fn is_new(&self, id: &DeadLetterId) -> bool {
        let first = self.first.get(&id.shard_id);
        first.is_some_and(|first| !is_before(&id.sequence_number, first))
    }

    /// Replays some dead letters.
    pub(crate) async fn replay(&mut self, items: Vec<ReplayItem>) -> Replayed {
        let Sorted { mut slots, deferred, refused } = sorted(items);
        let mut result = self.advance(&mut slots).await;
        let kept = ReplayReason::new("stopped", "the replay ended before it was known to be stored");
        for slot in &mut slots {
            let is_open = matches!(slot.state, SlotState::Open | SlotState::Sent(_));
            if is_open && (result.is_err() || !self.options.dry_run) {
                slot.state = SlotState::Kept(ReplayFate::Failed(kept.clone()));
            }
        }
        // Letters whose readings are known to be stored are deleted, also after a failure.
        let mut fates = self.settle(slots, &mut result).await;
        fates.extend(refused.into_iter().map(|item| (item.letter.id, ReplayFate::Refused(same_key()))));
        Replayed { fates, deferred, stopped: result.err() }
    }

    async fn advance(&mut self, slots: &mut [Slot]) -> Result<(), Error> {
        self.compare(slots).await?;
        if self.options.dry_run {
            return Ok(());
        }
        self.put(slots).await?;
        self.wait(slots).await
    }

    /// Reads, but not for long any more after an interrupt.
    async fn unless_interrupted<R>(&self, read: impl Future<Output = Result<R, Error>>) -> Result<R, Error> {
        let ended = async {
            self.interrupt.cancelled().await;
            sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            result = read => result,
            () = ended => Err(Error::interrupted("interrupted")),
        }
    }

    /// Compares with the rows that are stored, and with what this replay put.
    async fn compare(&mut self, slots: &mut [Slot]) -> Result<(), Error> {
        let readings: Vec<_> = slots.iter().map(|slot| &slot.first().reading).collect();
        let rows = self.unless_interrupted(self.target.rows(&readings)).await?;
        for (slot, row) in slots.iter_mut().zip(rows) {
            let found = Found { row: &row, put: self.put.at(&slot.first().reading), is_new: self.is_new_row(&row) };
            slot.state = found.state_of(slot.first(), self.options, &self.rejected);
            let is_promised = self.options.dry_run && matches!(slot.state, SlotState::Open);
            if is_promised || matches!(slot.state, SlotState::Stored { .. }) {
                // The next windows find what this one would have stored, and replace no row whose dead letter it deletes.
                self.put.insert(slot.first());
            }
        }
        Ok(())
    }

    /// Returns whether a row came into the stream after this replay put its first reading there.
    fn is_new_row(&self, row: &RowState) -> bool {
        let RowState::Stored(row) = row else { return false };
        let first = row.shard_id.as_ref().and_then(|shard| self.first.get(shard));
        first.zip(row.sequence_number.as_ref()).is_some_and(|(first, number)| !is_before(number, first))
    }

    /// Returns whether a dry run met more readings than it remembers, so that it does not know of each whether another one
    /// has its sensor and time.
    #[must_use]
    pub(crate) fn is_memory_full(&self) -> bool {
        self.put.is_full()
    }

    async fn put(&mut self, slots: &mut [Slot]) -> Result<(), Error> {
        let mut open: Vec<_> = slots.iter_mut().filter(|slot| matches!(slot.state, SlotState::Open)).collect();
        if open.is_empty() || self.interrupt.is_cancelled() {
            return Ok(());
        }
        let items: Vec<_> = open.iter().map(|slot| slot.first()).collect();
        let answers = self.target.put(&items).await?;
        for (slot, answer) in open.iter_mut().zip(answers) {
            slot.state = match answer {
                Ok(receipt) => {
                    self.put.insert(slot.first());
                    let PutReceipt { shard_id, sequence_number } = receipt.clone();
                    let first = self.first.entry(shard_id).or_insert_with(|| sequence_number.clone());
                    if is_before(&sequence_number, first) {
                        *first = sequence_number;
                    }
                    SlotState::Sent(receipt)
                }
                Err(reason) => SlotState::Kept(ReplayFate::Failed(reason)),
            };
        }
        Ok(())
    }

    /// Waits until each reading is stored or rejected.
    async fn wait(&mut self, slots: &mut [Slot]) -> Result<(), Error> {
        let began = Instant::now();
        let (mut pause, longest) = self.options.pauses;
        loop {
            self.look(slots).await?;
            let mut waiting: Vec<_> =
                slots.iter_mut().filter(|slot| matches!(slot.state, SlotState::Sent(_))).collect();
            let is_late = began.elapsed() >= self.options.timeout;
            if waiting.is_empty() || is_late || self.interrupt.is_cancelled() {
                let reason = if is_late {
                    let seconds = self.options.timeout.as_secs();
                    ReplayReason::new(
                        NOT_STORED,
                        format!("the stream took it, but it was not stored within {seconds} s"),
                    )
                } else {
                    ReplayReason::new("interrupted", "interrupted before it was seen in the table")
                };
                for slot in &mut waiting {
                    slot.state = SlotState::Kept(ReplayFate::Failed(reason.clone()));
                }
                return Ok(());
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = self.interrupt.cancelled() => {}
            }
            pause = (pause * 2).min(longest);
        }
    }

    async fn look(&mut self, slots: &mut [Slot]) -> Result<(), Error> {
        let mut sent: Vec<_> = slots.iter_mut().filter(|slot| matches!(slot.state, SlotState::Sent(_))).collect();
        let readings: Vec<_> = sent.iter().map(|slot| &slot.first().reading).collect();
        let rows = self.unless_interrupted(self.target.rows(&readings)).await?;
        for (slot, row) in sent.iter_mut().zip(rows) {
            let (SlotState::Sent(receipt), RowState::Stored(row)) = (&slot.state, row) else { continue };
            if row.reading == slot.first().reading {
                slot.state = SlotState::Stored { before: false };
            } else if is_later(&row, receipt) {
                let message = "a later reading of the same sensor and time replaced it at once";
                slot.state = SlotState::Kept(ReplayFate::Failed(ReplayReason::new("replaced", message)));
            }
        }
        sent.retain(|slot| matches!(slot.state, SlotState::Sent(_)));
        let receipts: Vec<_> = sent
            .iter()
            .filter_map(|slot| match &slot.state {
                SlotState::Sent(receipt) => Some(receipt),
                _ => None,
            })
            .collect();
        if receipts.is_empty() {
            return Ok(());
        }
        let rejections = self.unless_interrupted(self.target.rejections(&receipts)).await?;
        for (slot, rejection) in sent.iter_mut().zip(rejections) {
            if let Some(FoundRejection { reason, .. }) = rejection.filter(|found| slot.is_rejected_by(found)) {
                if self.rejected.len() < KEPT_READINGS {
                    self.rejected.insert(slot.first().digest(), slot.first().origin);
                }
                slot.state = SlotState::RejectedAgain(reason);
            }
        }
        Ok(())
    }

    /// Deletes the dead letters of readings that are stored or rejected again. Returns what became of each dead letter.
    async fn settle(&self, slots: Vec<Slot>, result: &mut Result<(), Error>) -> Vec<(DeadLetterId, ReplayFate)> {
        let mut fates = Vec::new();
        let mut done = Vec::new();
        for Slot { items, state } in slots {
            let fate = match state {
                SlotState::Stored { before } => ReplayFate::Replayed { was_stored: before },
                SlotState::RejectedAgain(reason) => ReplayFate::RejectedAgain(reason),
                SlotState::Kept(fate) => fate,
                // Only a dry run leaves it so.
                SlotState::Open | SlotState::Sent(_) => ReplayFate::Ready,
            };
            let is_done = matches!(fate, ReplayFate::Replayed { .. } | ReplayFate::RejectedAgain(_));
            for item in items {
                if is_done && !self.options.dry_run {
                    done.push((item.letter, fate.clone()));
                } else {
                    let is_stored = matches!(fate, ReplayFate::Replayed { .. });
                    fates.push((item.letter.id, if is_stored { ReplayFate::Ready } else { fate.clone() }));
                }
            }
        }
        let letters: Vec<_> = done.iter().map(|(letter, _)| letter).collect();
        let deletions = self.target.delete(&letters).await;
        for ((letter, fate), deletion) in done.into_iter().zip(deletions) {
            let fate = match deletion {
                Ok(Deletion::Deleted) => fate,
                Ok(Deletion::Changed) => {
                    let message =
                        "the function wrote it again meanwhile, so it is kept; its reading is stored or rejected";
                    ReplayFate::Failed(ReplayReason::new("changed", message))
                }
                Err(error) => {
                    let reason = ReplayReason::new(
                        "not-deleted",
                        "its reading is stored or rejected again, but it could not be deleted",
                    );
                    if result.is_ok() {
                        *result = Err(error);
                    }
                    ReplayFate::Failed(reason)
                }
            };
            fates.push((letter.id, fate));
        }
        fates
    }
}

fn is_before(number: &str, other: &str) -> bool {
    compare_sequence_numbers(number, other) == Ordering::Less
}

/// Returns whether a row comes from a later record of the same shard.
fn is_later(row: &StoredReading, receipt: &PutReceipt) -> bool {
    let is_same_shard = row.shard_id.as_ref() == Some(&receipt.shard_id);
    let later = |number: &String| is_before(&receipt.sequence_number, number);
    is_same_shard && row.sequence_number.as_ref().is_some_and(later)
}

#[cfg(test)]
mod model_tests;
