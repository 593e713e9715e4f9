//! The pipeline of a replay: its stream and its two tables.

use std::collections::HashMap;
use std::time::Duration;

use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _};
use sensor_model::Reading;
use sensor_model::backoff::Backoff;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::item::{FoundRejection, ReplayItem, ReplayReason};
use super::target::ReplayTarget;
use crate::aws::AwsFailure;
use crate::error::Error;
use crate::operate::dead_letters::deletion::Deletion;
use crate::operate::dead_letters::joiner::ItemPart;
use crate::operate::dead_letters::table::{Item, item_part, part_key};
use crate::operate::{DeadLetter, DeadLetterId, DeadLetterTable};
use crate::pipeline::{
    KinesisStream, MAX_REQUEST_BYTES, MAX_REQUEST_RECORDS, PutEntry, PutReceipt, RowState, batch_get, partition_key,
    rows_at,
};

/// The pauses after records that the stream did not take.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(2) };
/// Time without an accepted record after which the rest is given up.
const GIVE_UP_AFTER: Duration = Duration::from_mins(1);

/// How long deletions begin after an interrupt.
const GRACE: Duration = Duration::from_secs(2);
/// How long those that have begun then go on: one that is given up may take effect all the same.
const LAST_CALLS: Duration = Duration::from_secs(3);
/// Deletions in flight.
const CONCURRENT: usize = 32;

/// The stream and the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PipelineTarget<'a> {
    /// The dead-letter table.
    pub letters: DeadLetterTable<'a>,
    /// The name of the stream.
    pub stream: &'a str,
    /// The name of the table of readings.
    pub table: &'a str,
    /// Ends resends.
    pub interrupt: &'a CancellationToken,
}

impl PipelineTarget<'_> {
    /// Puts records that fit into one request, and resends those that the stream did not take.
    async fn put_request(&self, items: &[&ReplayItem]) -> Result<Vec<Result<PutReceipt, ReplayReason>>, Error> {
        let stream = KinesisStream { clients: self.letters.clients, name: self.stream };
        let mut answers: Vec<Option<PutReceipt>> = vec![None; items.len()];
        let mut progressed = Instant::now();
        let mut attempt = 0;
        loop {
            let open: Vec<usize> = (0..items.len()).filter(|at| answers[*at].is_none()).collect();
            let keys: Vec<_> = open.iter().map(|at| partition_key(&items[*at].reading.sensor_id)).collect();
            let records: Vec<_> = open.iter().zip(&keys).map(|(at, key)| entry(items[*at], key)).collect();
            let is_late = progressed.elapsed() >= GIVE_UP_AFTER;
            let mut refusal = None;
            match stream.put_records(&records).await {
                Ok(results) => {
                    for (at, result) in open.iter().zip(results) {
                        match result {
                            Ok(receipt) => {
                                answers[*at] = Some(receipt);
                                (progressed, attempt) = (Instant::now(), 0);
                            }
                            Err(code) => refusal = Some(format!("the stream did not take it: {code}")),
                        }
                    }
                }
                Err(failure) if failure.is_transient() && !is_late => {
                    refusal = Some(format!("it is not known whether the stream took it: {failure}"));
                }
                Err(failure) => return self.located(Err(failure)).await,
            }
            let Some(message) = refusal else { break };
            if progressed.elapsed() >= GIVE_UP_AFTER || self.interrupt.is_cancelled() {
                let reason = || ReplayReason::new("not-taken", message.clone());
                return Ok(answers.into_iter().map(|answer| answer.ok_or_else(reason)).collect());
            }
            tokio::select! {
                () = sleep(BACKOFF.full_jitter(attempt, rand::random())) => {}
                () = self.interrupt.cancelled() => {}
            }
            attempt += 1;
        }
        Ok(answers.into_iter().flatten().map(Ok).collect())
    }

    async fn parts(&self, keys: Vec<Item>) -> Result<Vec<ItemPart>, Error> {
        let items = self.located(batch_get(self.letters.clients, self.letters.name, keys).await).await?;
        Ok(items.into_iter().filter_map(|item| item_part(item, true)).collect())
    }

    async fn located<T>(&self, result: Result<T, AwsFailure>) -> Result<T, Error> {
        match result {
            Ok(value) => Ok(value),
            Err(failure) => Err(self.letters.clients.with_account_context(failure).await.into()),
        }
    }
}

fn entry<'e>(item: &'e ReplayItem, partition_key: &'e str) -> PutEntry<'e> {
    PutEntry { data: &item.data, partition_key, explicit_hash_key: None }
}

impl ReplayTarget for PipelineTarget<'_> {
    async fn rows(&self, readings: &[&Reading]) -> Result<Vec<RowState>, Error> {
        self.located(rows_at(self.letters.clients, self.table, readings).await).await
    }

    async fn put(&self, items: &[&ReplayItem]) -> Result<Vec<Result<PutReceipt, ReplayReason>>, Error> {
        let mut answers = Vec::with_capacity(items.len());
        let mut rest = items;
        while !rest.is_empty() {
            if self.interrupt.is_cancelled() {
                let reason = || ReplayReason::new("interrupted", "interrupted before it was put");
                answers.extend(rest.iter().map(|_| Err(reason())));
                break;
            }
            let mut bytes = 0;
            let fits = |item: &&&ReplayItem| {
                bytes += item.data.len() + partition_key(&item.reading.sensor_id).len();
                bytes <= MAX_REQUEST_BYTES
            };
            let count = rest.iter().take(MAX_REQUEST_RECORDS).take_while(fits).count().max(1);
            let (now, later) = rest.split_at(count);
            answers.extend(self.put_request(now).await?);
            rest = later;
        }
        Ok(answers)
    }

    async fn rejections(&self, receipts: &[&PutReceipt]) -> Result<Vec<Option<FoundRejection>>, Error> {
        // A replayed reading is a plain record, whose dead letter has the index 0.
        let id = |receipt: &PutReceipt| {
            let PutReceipt { shard_id, sequence_number } = receipt.clone();
            DeadLetterId { shard_id, sequence_number, index: 0 }
        };
        let ids: Vec<_> = receipts.iter().map(|receipt| id(receipt)).collect();
        let first = self.parts(ids.iter().map(|id| part_key(id, 0)).collect()).await?;
        // The function writes the parts of a dead letter in no order.
        let others = first.iter().flat_map(|part| (1..part.count).map(|number| part_key(&part.letter.id, number)));
        let mut others = self.parts(others.collect()).await?;
        others.sort_by(|left, right| left.letter.parts[0].reject_id.cmp(&right.letter.parts[0].reject_id));
        let mut found: HashMap<DeadLetterId, (FoundRejection, u32)> = HashMap::new();
        for ItemPart { letter: DeadLetter { id, reason, message, data, .. }, count } in first {
            let reason = ReplayReason { code: reason, message };
            found.insert(id, (FoundRejection { reason, data }, count.saturating_sub(1)));
        }
        for ItemPart { letter, .. } in others {
            if let Some((rejection, missing)) = found.get_mut(&letter.id) {
                rejection.data.extend_from_slice(&letter.data);
                *missing = missing.saturating_sub(1);
            }
        }
        let whole = |id| found.remove(&id).filter(|(_, missing)| *missing == 0).map(|(rejection, _)| rejection);
        Ok(ids.into_iter().map(whole).collect())
    }

    async fn delete(&self, letters: &[&DeadLetter]) -> Vec<Result<Deletion, Error>> {
        // Deletions that are on their way end, and those that fail are not tried for long any more.
        let closed = async {
            self.interrupt.cancelled().await;
            sleep(GRACE).await;
        };
        let closed = closed.shared();
        let ended = async {
            closed.clone().await;
            sleep(LAST_CALLS).await;
        };
        let ended = ended.shared();
        let delete = |letter| {
            let (closed, ended) = (closed.clone(), ended.clone());
            async move {
                // A call that is begun and dropped may delete it after the ledger has said that it is kept.
                if closed.now_or_never().is_some() {
                    return Err(Error::interrupted("interrupted before it was deleted"));
                }
                tokio::select! {
                    biased;
                    deletion = self.letters.delete(letter) => deletion,
                    () = ended => Err(Error::interrupted("interrupted while it was deleted: it may be gone")),
                }
            }
        };
        stream::iter(letters.iter().copied()).map(delete).buffered(CONCURRENT).collect().await
    }
}
