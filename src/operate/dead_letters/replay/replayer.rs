//! Replays dead letters, some at a time: compare with the table, put, wait until stored, delete.
//!
//! It may end anywhere and be repeated. A dead letter is deleted only after its reading was read back, or the new dead
//! letter of it, so nothing is lost. A reading that is stored already is not put again, and one that is put twice
//! replaces itself, so nothing is doubled.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::item::{FoundRejection, ReplayFate, ReplayItem, ReplayReason};
use super::target::ReplayTarget;
use crate::error::Error;
use crate::operate::DeadLetterId;
use crate::operate::dead_letters::deletion::Deletion;
use crate::pipeline::{PutReceipt, RowState, StoredReading, compare_sequence_numbers};

/// Digests of rejected readings that are kept, 32 bytes each.
const KEPT_DIGESTS: usize = 100_000;
/// The code of a reading that the stream took, and that did not arrive in time.
pub(crate) const NOT_STORED: &str = "not-stored";

/// How dead letters are replayed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplayOptions {
    /// True to put a reading although the table holds other values at its key.
    pub overwrite: bool,
    /// True to put and delete nothing.
    pub dry_run: bool,
    /// How long to wait until readings are stored.
    pub timeout: Duration,
    /// The shortest and the longest pause between two looks at the tables.
    pub pauses: (Duration, Duration),
}

/// Replays dead letters.
pub(crate) struct Replayer<'a, T> {
    target: &'a T,
    options: ReplayOptions,
    interrupt: &'a CancellationToken,
    /// Readings that the function rejected again.
    rejected: HashSet<[u8; 32]>,
    /// The first sequence number of this replay in each shard.
    first: BTreeMap<String, String>,
}

/// The result of replaying some dead letters.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// What became of each.
    pub fates: Vec<(DeadLetterId, ReplayFate)>,
    /// Those of keys that others of them have with other values: they come next.
    pub deferred: Vec<ReplayItem>,
    /// The error that ended the replay.
    pub stopped: Option<Error>,
}

/// Dead letters of one reading.
struct Slot {
    items: Vec<ReplayItem>,
    state: SlotState,
}

enum SlotState {
    /// It is to be put.
    Open,
    /// The stream took it.
    Sent(PutReceipt),
    /// The table holds it.
    Stored { before: bool },
    /// The function rejected it again, and there is a new dead letter.
    RejectedAgain(ReplayReason),
    /// Its dead letters are kept.
    Kept(ReplayFate),
}

impl Slot {
    fn first(&self) -> &ReplayItem {
        // A slot is made of an item.
        &self.items[0]
    }

    /// Returns whether a dead letter at the place of the sent record is its own, and none of those that are replayed.
    fn is_rejected_by(&self, found: &FoundRejection) -> bool {
        let SlotState::Sent(PutReceipt { shard_id, sequence_number }) = &self.state else { return false };
        let is_replayed = |item: &ReplayItem| {
            item.letter.id.shard_id == *shard_id && item.letter.id.sequence_number == *sequence_number
        };
        !self.items.iter().any(is_replayed) && found.is_of(self.first())
    }
}

impl<'a, T: ReplayTarget> Replayer<'a, T> {
    /// Creates a replay, which the interrupt ends.
    pub(crate) fn new(target: &'a T, options: ReplayOptions, interrupt: &'a CancellationToken) -> Self {
        Replayer { target, options, interrupt, rejected: HashSet::new(), first: BTreeMap::new() }
    }

    /// Returns whether a dead letter came after the first reading of this replay was put into its shard. Replaying those,
    /// too, might have no end.
    #[must_use]
    pub(crate) fn is_new(&self, id: &DeadLetterId) -> bool {
        let first = self.first.get(&id.shard_id);
        first.is_some_and(|first| compare_sequence_numbers(&id.sequence_number, first) != Ordering::Less)
    }

    /// Replays some dead letters.
    pub(crate) async fn replay(&mut self, items: Vec<ReplayItem>) -> Replayed {
        let (mut slots, deferred) = slots(items);
        let mut result = self.advance(&mut slots).await;
        let kept = ReplayReason::new("stopped", "the replay ended before it was known to be stored");
        for slot in &mut slots {
            let is_open = matches!(slot.state, SlotState::Open | SlotState::Sent(_));
            if is_open && (result.is_err() || !self.options.dry_run) {
                slot.state = SlotState::Kept(ReplayFate::Failed(kept.clone()));
            }
        }
        // What is known to be stored is deleted, also after a failure.
        let fates = self.settle(slots, &mut result).await;
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

    /// Compares with the rows that are stored.
    async fn compare(&self, slots: &mut [Slot]) -> Result<(), Error> {
        let readings: Vec<_> = slots.iter().map(|slot| &slot.first().reading).collect();
        let rows = self.target.rows(&readings).await?;
        for (slot, row) in slots.iter_mut().zip(rows) {
            let is_equal = matches!(&row, RowState::Stored(row) if row.reading == slot.first().reading);
            if is_equal {
                slot.state = SlotState::Stored { before: true };
            } else if row != RowState::Absent && !self.options.overwrite {
                let message = "the table holds other values at its sensor and time; `--overwrite` replaces them";
                slot.state = SlotState::Kept(ReplayFate::Refused(ReplayReason::new("other-values", message)));
            } else if self.rejected.contains(&slot.first().digest()) {
                let message = "the function rejected an equal reading in this replay";
                slot.state = SlotState::RejectedAgain(ReplayReason::new("rejected-before", message));
            }
        }
        Ok(())
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
                    let PutReceipt { shard_id, sequence_number } = receipt.clone();
                    let first = self.first.entry(shard_id).or_insert_with(|| sequence_number.clone());
                    if compare_sequence_numbers(&sequence_number, first) == Ordering::Less {
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
        let rows = self.target.rows(&readings).await?;
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
        let rejections = self.target.rejections(&receipts).await?;
        for (slot, rejection) in sent.iter_mut().zip(rejections) {
            if let Some(FoundRejection { reason, .. }) = rejection.filter(|found| slot.is_rejected_by(found)) {
                if self.rejected.len() < KEPT_DIGESTS {
                    self.rejected.insert(slot.first().digest());
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

/// Joins dead letters of equal readings. Those of a key with other values are deferred, so that each is compared with the
/// one before.
fn slots(items: Vec<ReplayItem>) -> (Vec<Slot>, Vec<ReplayItem>) {
    let mut slots: Vec<Slot> = Vec::new();
    let mut deferred = Vec::new();
    let mut by_key: HashMap<(String, String), usize> = HashMap::new();
    for item in items {
        let key = (item.reading.sensor_id.clone(), item.reading.current_time.as_str().to_owned());
        match by_key.get(&key) {
            Some(&at) if slots[at].first().reading == item.reading => slots[at].items.push(item),
            Some(_) => deferred.push(item),
            None => {
                by_key.insert(key, slots.len());
                slots.push(Slot { items: vec![item], state: SlotState::Open });
            }
        }
    }
    (slots, deferred)
}

/// Returns whether a row comes from a later record of the same shard.
fn is_later(row: &StoredReading, receipt: &PutReceipt) -> bool {
    let is_same_shard = row.shard_id.as_ref() == Some(&receipt.shard_id);
    let later = |number: &String| compare_sequence_numbers(number, &receipt.sequence_number) == Ordering::Greater;
    is_same_shard && row.sequence_number.as_ref().is_some_and(later)
}

#[cfg(test)]
mod model_tests;
