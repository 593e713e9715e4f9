//! Reads one shard and deals its records out to lanes; writes down how far they are done.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::checkpoint::{Checkpoints, Position};
use super::lane::{Lane, function_of};
use super::progress::Progress;
use super::records::{Item, lane_of};
use super::service::Lambda;
use super::state::Mapping;
use crate::local::kinesis::{Page, StartAt};
use crate::local::wire::ServiceError;

/// A shard without new records is looked at this often, as in the service: it may have been closed.
const LOOK: Duration = Duration::from_secs(1);
/// Records of one `GetRecords`.
const PAGE: usize = 10_000;
/// Bytes of records that are read ahead of the function.
const AHEAD: usize = 16 << 20;

/// How the reading of a shard ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is closed, and everything in it is done.
    Finished,
    /// It was stopped, or the shard cannot be read now.
    Left,
}

/// What reads one shard.
pub(super) struct ShardReader {
    pub lambda: Lambda,
    pub mapping: Arc<Mapping>,
    pub shard_id: String,
    pub checkpoints: Arc<Checkpoints>,
    pub stop: CancellationToken,
}

impl ShardReader {
    /// Reads until the shard ends or this is stopped; batches under way are done then.
    pub(super) async fn run(self) -> End {
        let settings = &self.mapping.settings;
        let (settled_sender, mut settled) = mpsc::unbounded_channel();
        let mut lanes = JoinSet::new();
        let mut queues = Vec::new();
        for _ in 0..settings.parallelization {
            let (sender, records) = mpsc::unbounded_channel();
            queues.push(sender);
            let lane = Lane {
                lambda: self.lambda.clone(),
                mapping: Arc::clone(&self.mapping),
                shard_id: self.shard_id.clone(),
                function: function_of(&self.lambda, &self.mapping.function_arn),
                stop: self.stop.clone(),
                records,
                settled: settled_sender.clone(),
            };
            lanes.spawn(lane.run());
        }
        drop(settled_sender);
        let mut progress = Progress::default();
        let read_all = self.read(&queues, &mut progress, &mut settled).await;
        // Lanes end when no more records can come, or when they are stopped.
        drop(queues);
        if !read_all && !self.stop.is_cancelled() {
            // The stream is gone: what was read from it must not be brought twice by two readers.
            lanes.shutdown().await;
        }
        while let Some(indexes) = settled.recv().await {
            self.complete(&mut progress, &indexes);
        }
        while lanes.join_next().await.is_some() {}
        if read_all && progress.len() == 0 {
            self.checkpoints.set(&self.shard_id, Position::Finished);
            return End::Finished;
        }
        End::Left
    }

    /// True when the shard was read to its end.
    async fn read(
        &self,
        queues: &[mpsc::UnboundedSender<Item>],
        progress: &mut Progress,
        settled: &mut mpsc::UnboundedReceiver<Vec<u64>>,
    ) -> bool {
        let settings = &self.mapping.settings;
        // Enough for every lane to have its next batch at hand.
        let ahead = settings.batch_size * settings.parallelization * 2;
        let page_size = (settings.batch_size * settings.parallelization).clamp(100, PAGE);
        let mut puts = self.lambda.deps().kinesis.puts();
        let mut last_read: Option<String> = None;
        let mut iterator: Option<String> = None;
        // A policy may change at any time; to ask it for every read would cost more than the read.
        let mut checked: Option<Instant> = None;
        let poll = self.lambda.deps().timing.poll;
        while !self.stop.is_cancelled() {
            while let Ok(indexes) = settled.try_recv() {
                self.complete(progress, &indexes);
            }
            let has_room = progress.len() < ahead && progress.weight() < AHEAD;
            if checked.is_none_or(|at| at.elapsed() >= LOOK) {
                if let Err(error) = self.lambda.may_read(&self.mapping) {
                    self.note(&error);
                    self.stop.run_until_cancelled(tokio::time::sleep(LOOK)).await;
                    continue;
                }
                checked = Some(Instant::now());
            }
            if has_room {
                puts.mark_unchanged();
                match self.page(&mut iterator, last_read.as_deref(), page_size).await {
                    Ok(page) => {
                        let was_empty = page.records.is_empty();
                        for record in page.records {
                            last_read = Some(record.sequence_number.clone());
                            let lane = lane_of(&record.partition_key, queues.len());
                            let mut item = Item::new(0, record);
                            item.index = progress.begin(&item.sequence_number, item.weight());
                            // A lane ends before its reader only when both are stopped.
                            queues[lane].send(item).unwrap_or_default();
                        }
                        let Some(next) = page.next else { return true };
                        iterator = Some(next);
                        if !poll.is_zero() && page.millis_behind == 0 {
                            self.stop.run_until_cancelled(tokio::time::sleep(poll)).await;
                        }
                        if !was_empty {
                            continue;
                        }
                    }
                    Err(error) if error.code == "ExpiredIteratorException" => {
                        iterator = None;
                        continue;
                    }
                    Err(error) => {
                        self.note(&error);
                        if error.code == "ResourceNotFoundException" {
                            return false;
                        }
                        iterator = None;
                        self.stop.run_until_cancelled(tokio::time::sleep(LOOK)).await;
                        continue;
                    }
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                Some(indexes) = settled.recv() => self.complete(progress, &indexes),
                _ = puts.changed(), if has_room => {}
                () = tokio::time::sleep(LOOK), if has_room => {}
            }
        }
        false
    }

    async fn page(
        &self,
        iterator: &mut Option<String>,
        last_read: Option<&str>,
        limit: usize,
    ) -> Result<Page, ServiceError> {
        let kinesis = &self.lambda.deps().kinesis;
        let current = match iterator.take() {
            Some(iterator) => iterator,
            None => self.first_iterator(last_read).await?,
        };
        let page = kinesis.records(&current, limit).await;
        if page.is_err() {
            // The same place may be readable a moment later.
            *iterator = Some(current);
        }
        page
    }

    /// Where to read on: after what was read last, else after what is done, else where the mapping starts.
    async fn first_iterator(&self, last_read: Option<&str>) -> Result<String, ServiceError> {
        let (arn, shard) = (&self.mapping.stream_arn, &self.shard_id);
        let kinesis = &self.lambda.deps().kinesis;
        let start = match (last_read, self.checkpoints.get(shard)) {
            (Some(last), _) => StartAt::AfterSequence(last.to_owned()),
            (None, Some(Position::After(last))) => StartAt::AfterSequence(last),
            (None, Some(Position::Start { iterator, at })) => {
                if kinesis.records(&iterator, 1).await.is_ok() {
                    return Ok(iterator);
                }
                StartAt::AtTimestamp(at)
            }
            (None, Some(Position::Finished) | None) => match self.mapping.starting_timestamp {
                Some(at) if self.mapping.starting_position == "AT_TIMESTAMP" => StartAt::AtTimestamp(at),
                // With LATEST, a shard without a position is younger than the mapping.
                _ => StartAt::TrimHorizon,
            },
        };
        match kinesis.iterator(arn, shard, &start).await {
            // A sequence number of a stream that is no more: a new one has its name.
            Err(error) if error.code == "InvalidArgumentException" && matches!(start, StartAt::AfterSequence(_)) => {
                kinesis.iterator(arn, shard, &StartAt::TrimHorizon).await
            }
            result => result,
        }
    }

    fn complete(&self, progress: &mut Progress, indexes: &[u64]) {
        if let Some(reached) = progress.complete(indexes) {
            self.checkpoints.set(&self.shard_id, Position::After(reached));
        }
    }

    fn note(&self, error: &ServiceError) {
        let text = if error.code == "ResourceNotFoundException" {
            format!("PROBLEM: Stream not found: {}", self.mapping.stream_arn)
        } else {
            format!("PROBLEM: {}: {}", error.code, error.message)
        };
        self.lambda.note_result(&self.mapping.uuid, &text);
    }
}
