//! Reads one shard, distributes its records to the shard workers, and writes checkpoints of finished records.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::batcher::{Batcher, Limits};
use super::checkpoint::{Checkpoints, Position};
use super::event::EVENT_LIMIT;
use super::filter::Filter;
use super::shard_worker::ShardWorker;
use super::stream_item::{StreamItem, worker_of};
use super::watermark::Watermark;
use crate::faults::{InjectedError, Inside, refusal};
use crate::kinesis::{RecordPage, Shard, StartAt, StreamRecord, Subscription};
use crate::lambda::api::function_name::function_name_from_arn;
use crate::lambda::service::Lambda;
use crate::lambda::state::MappingRecord;
use crate::metrics::Metric;
use crate::protocol::aws_json::ServiceError;

/// Polling interval of a shard without new records, as in the service: it may have been closed.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Limit of records in one `GetRecords`.
const PAGE: usize = 10_000;
/// Limit of records that are done behind an unfinished one: they would be delivered again if the local cloud ended now,
/// and each takes about 100 bytes.
const DONE_AHEAD: usize = 50_000;

/// The way in which the reading of a shard ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The shard is closed, and all its records are done.
    Finished,
    /// It was stopped, or the shard cannot be read now.
    Left,
}

/// The reader of one shard.
pub(crate) struct ShardReader {
    pub lambda: Lambda,
    pub mapping: Arc<MappingRecord>,
    pub shard: Shard,
    pub checkpoints: Arc<Checkpoints>,
    pub stop: CancellationToken,
}

/// The workers of a shard, and the watermark of their records.
struct ShardWorkers {
    tasks: JoinSet<()>,
    queues: Vec<mpsc::UnboundedSender<StreamItem>>,
    settled: mpsc::UnboundedReceiver<Vec<u64>>,
    progress: Watermark,
    filter: Option<Filter>,
}

/// The result of one read.
enum Turn {
    /// Records: there may be more.
    More,
    /// No new records.
    Empty,
    /// The shard is closed and read to its end.
    End,
    /// The shard no longer exists.
    Gone,
}

impl ShardReader {
    /// Reads until the shard ends or this is stopped, and until the batches in progress are done.
    pub(crate) async fn run(self) -> End {
        let filter = match Filter::of(&self.mapping.settings) {
            Ok(filter) => filter,
            // The filters could be parsed when they were set, but possibly by another version. Without them too many
            // records would be delivered.
            Err(error) => {
                self.note(&error);
                self.stop.cancelled().await;
                return End::Left;
            }
        };
        let mut workers = self.workers(filter);
        let read_all = self.read(&mut workers).await;
        let ShardWorkers { mut tasks, queues, mut settled, mut progress, .. } = workers;
        // Workers end when no more records can come, or when they are stopped.
        drop(queues);
        if !read_all && !self.stop.is_cancelled() {
            // Two readers must not deliver the same records.
            tasks.shutdown().await;
        }
        while let Some(indexes) = settled.recv().await {
            self.complete(&mut progress, &indexes);
        }
        while tasks.join_next().await.is_some() {}
        if read_all && progress.len() == 0 {
            self.checkpoints.set(&self.shard, Position::Finished);
            #[cfg(test)]
            self.lambda.activity().finished(&self.mapping, &self.shard);
            return End::Finished;
        }
        End::Left
    }

    fn workers(&self, filter: Option<Filter>) -> ShardWorkers {
        let settings = &self.mapping.settings;
        let limits = Limits { records: settings.batch_size, window: Duration::from_secs(settings.window_seconds) };
        let (settled_sender, settled) = mpsc::unbounded_channel();
        let (mut tasks, mut queues) = (JoinSet::new(), Vec::new());
        for _ in 0..settings.parallelization {
            let (sender, records) = mpsc::unbounded_channel();
            queues.push(sender);
            let worker = ShardWorker {
                lambda: self.lambda.clone(),
                mapping: Arc::clone(&self.mapping),
                shard_id: self.shard.id.clone(),
                function: function_name_from_arn(&self.lambda.deps().identity, &self.mapping.function_arn),
                stop: self.stop.clone(),
                settled: settled_sender.clone(),
            };
            let batching = Batcher::new(records, limits);
            #[cfg(test)]
            let batching = batching.watched(self.lambda.activity());
            tasks.spawn(worker.run(batching));
        }
        ShardWorkers { tasks, queues, settled, progress: Watermark::default(), filter }
    }

    /// Reads and distributes records; returns true when the shard was read to its end.
    async fn read(&self, workers: &mut ShardWorkers) -> bool {
        let settings = &self.mapping.settings;
        // Enough for every worker to have its next batch ready, and one more than would leave them all waiting for
        // more.
        let records_ahead = settings.batch_size * settings.parallelization * 2;
        let bytes_ahead = EVENT_LIMIT * (settings.parallelization + 2);
        let mut puts = self.lambda.deps().kinesis.puts();
        let mut place = Place::default();
        // A policy may change at any time; to evaluate it for every read would cost more than the read.
        let mut checked: Option<Instant> = None;
        // An earlier reader may have reported a problem.
        let mut may_have_problem = true;
        while !self.stop.is_cancelled() {
            while let Ok(indexes) = workers.settled.try_recv() {
                self.complete(&mut workers.progress, &indexes);
            }
            if checked.is_none_or(|at| at.elapsed() >= POLL_INTERVAL) {
                if let Err(error) = self.lambda.may_read(&self.mapping) {
                    self.note(&error);
                    may_have_problem = true;
                    self.pause(POLL_INTERVAL).await;
                    continue;
                }
                checked = Some(Instant::now());
            }
            // A worker that waits, or whose function fails, leaves room for the others.
            let has_room = workers.progress.undone() < records_ahead
                && workers.progress.weight() < bytes_ahead
                && workers.progress.len() < DONE_AHEAD;
            if has_room {
                puts.mark_unchanged();
                let turn = self.turn(&mut place, workers).await;
                if turn.is_ok() && std::mem::take(&mut may_have_problem) {
                    self.lambda.clear_problem(&self.mapping.uuid, &self.shard.id);
                }
                match turn {
                    Ok(Turn::More) => continue,
                    Ok(Turn::Empty) => {}
                    Ok(Turn::End) => return true,
                    Ok(Turn::Gone) => return false,
                    Err(error) => {
                        self.note(&error);
                        may_have_problem = true;
                        self.pause(POLL_INTERVAL).await;
                        continue;
                    }
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                Some(indexes) = workers.settled.recv() => self.complete(&mut workers.progress, &indexes),
                // A worker ends after its reader, unless it failed: its records are read again from the checkpoint.
                Some(_) = workers.tasks.join_next() => {
                    // Workers are stopped too, and may end first.
                    if self.stop.is_cancelled() {
                        continue;
                    }
                    let failed = "PROBLEM: the local cloud failed on a batch";
                    self.lambda.set_problem(&self.mapping.uuid, &self.shard.id, failed);
                    return false;
                }
                _ = puts.changed(), if has_room => {}
                () = tokio::time::sleep(POLL_INTERVAL), if has_room => {}
            }
        }
        false
    }

    /// Reads once, and distributes the records.
    async fn turn(&self, place: &mut Place, workers: &mut ShardWorkers) -> Result<Turn, ServiceError> {
        let settings = &self.mapping.settings;
        // A consumer does not poll: records are pushed to it.
        let poll = if self.mapping.consumer_arn.is_some() { Duration::ZERO } else { self.lambda.deps().timing.poll };
        // With a polling interval of a second, each poll reads all available records, as in the service.
        let enough = if poll.is_zero() { settings.batch_size * settings.parallelization } else { PAGE };
        let limit = enough.clamp(100, PAGE);
        let page = match self.page(place, limit).await {
            Ok(page) => page,
            // The stream was deleted or recreated.
            Err(error) if error.code == "ResourceNotFoundException" => {
                self.note(&error);
                return Ok(Turn::Gone);
            }
            Err(error) if error.code == "InvalidArgumentException" && place.last_read.is_some() => {
                return Ok(Turn::Gone);
            }
            Err(error) => return Err(error),
        };
        let was_empty = page.records.is_empty();
        let (read, mut filtered_out) = (page.records.len(), 0);
        for record in page.records {
            place.last_read = Some(record.sequence_number.clone());
            filtered_out += usize::from(!self.deal(record, workers));
        }
        self.lambda.count_polled(&self.mapping, read, filtered_out);
        #[cfg(test)]
        self.lambda.activity().polled(&self.mapping, &self.shard, was_empty, workers.progress.undone());
        let Some(next) = page.next else { return Ok(Turn::End) };
        place.iterator = Some(next);
        if !poll.is_zero() && page.millis_behind == 0 {
            self.pause(poll).await;
        }
        Ok(if was_empty { Turn::Empty } else { Turn::More })
    }

    async fn page(&self, place: &mut Place, limit: usize) -> Result<RecordPage, ServiceError> {
        if self.mapping.consumer_arn.is_none() {
            self.inject_fault("GetRecords").await?;
        }
        loop {
            let current = match place.iterator.take() {
                Some(iterator) => iterator,
                None => self.first_iterator(place.last_read.as_deref()).await?,
            };
            // A throttled shard makes a reader wait for seconds; a stop does not wait for it.
            let Some(page) = self.stop.run_until_cancelled(self.records(place, &current, limit)).await else {
                place.iterator = Some(current.clone());
                return Ok(RecordPage { records: Vec::new(), next: Some(current), millis_behind: 0 });
            };
            match page {
                // The iterator is too old: a new one continues after the last read record.
                Err(error) if error.code == "ExpiredIteratorException" => {}
                page => {
                    // After a failure the same position may be readable a moment later.
                    place.iterator = Some(current);
                    return page;
                }
            }
        }
    }

    /// Reads a page by polling, or as a consumer, which keeps a subscription.
    async fn records(&self, place: &mut Place, iterator: &str, limit: usize) -> Result<RecordPage, ServiceError> {
        let kinesis = &self.lambda.deps().kinesis;
        let Some(consumer_arn) = &self.mapping.consumer_arn else { return kinesis.records(iterator, limit).await };
        if place.subscription.as_ref().is_some_and(Subscription::is_taken_over) {
            place.subscription = None;
        }
        let subscription = match &mut place.subscription {
            Some(subscription) => subscription,
            none => {
                self.inject_fault("SubscribeToShard").await?;
                none.insert(kinesis.begin_subscription_at(consumer_arn, iterator)?)
            }
        };
        kinesis.records_of(subscription, iterator, limit).await
    }

    async fn inject_fault(&self, operation: &str) -> Result<(), ServiceError> {
        match self.lambda.deps().faults.inside("kinesis", operation).await {
            Inside::Goes => Ok(()),
            Inside::Refused(injected) => {
                if operation == "GetRecords" && injected == InjectedError::Throttled {
                    let stream = self.mapping.stream_arn.rsplit('/').next().unwrap_or_default();
                    self.lambda.deps().kinesis.metrics().add(Metric::ReadThroughputExceeded, stream, 1.0);
                }
                Err(refusal("kinesis", operation, injected))
            }
            // A read changes nothing, so it is simply repeated.
            Inside::Lost => Err(refusal("kinesis", operation, InjectedError::Failed(500))),
        }
    }

    /// Returns the first iterator: after the last read record, else the checkpoint, else at the starting position.
    async fn first_iterator(&self, last_read: Option<&str>) -> Result<String, ServiceError> {
        let (arn, id) = (&self.mapping.stream_arn, &self.shard.id);
        let kinesis = &self.lambda.deps().kinesis;
        let start = match (last_read, self.checkpoints.get(&self.shard)) {
            (Some(last), _) => StartAt::AfterSequence(last.to_owned()),
            (None, Some(Position::After(last))) => StartAt::AfterSequence(last),
            (None, Some(Position::From(first))) => StartAt::AtSequence(first),
            (None, Some(Position::Finished) | None) => match self.mapping.starting_timestamp {
                Some(at) if self.mapping.starting_position == "AT_TIMESTAMP" => StartAt::AtTimestamp(at),
                // With LATEST, a shard without a checkpoint is younger than the event source mapping.
                _ => StartAt::TrimHorizon,
            },
        };
        kinesis.iterator(arn, id, &start).await
    }

    /// Sends a record to its worker, and returns true. A record that no filter pattern matches is done at once.
    fn deal(&self, record: StreamRecord, workers: &mut ShardWorkers) -> bool {
        let is_taken = workers.filter.as_ref().is_none_or(|filter| filter.takes(&record));
        let worker = worker_of(&record.partition_key, workers.queues.len());
        let mut item = StreamItem::new(0, record);
        item.index = workers.progress.begin(&item.sequence_number, item.weight());
        if is_taken {
            // The reader notices a failed worker, and starts again from the checkpoint.
            workers.queues[worker].send(item).unwrap_or_default();
        } else {
            self.complete(&mut workers.progress, &[item.index]);
        }
        is_taken
    }

    fn complete(&self, progress: &mut Watermark, indexes: &[u64]) {
        if let Some(reached) = progress.complete(indexes) {
            self.checkpoints.set(&self.shard, Position::After(reached));
        }
    }

    async fn pause(&self, time: Duration) {
        self.stop.run_until_cancelled(tokio::time::sleep(time)).await;
    }

    fn note(&self, error: &ServiceError) {
        let text = if error.code == "ResourceNotFoundException" {
            format!("PROBLEM: Stream not found: {}", self.mapping.source_arn())
        } else {
            format!("PROBLEM: {}: {}", error.code, error.message)
        };
        self.lambda.set_problem(&self.mapping.uuid, &self.shard.id, &text);
    }
}

/// The position of a reader.
#[derive(Default)]
struct Place {
    iterator: Option<String>,
    last_read: Option<String>,
    /// The subscription of a consumer.
    subscription: Option<Subscription>,
}
