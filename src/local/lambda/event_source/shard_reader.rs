//! Reads one shard and deals its records out to lanes; writes down how far they are done.

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
use super::stream_item::{StreamItem, lane_of};
use super::watermark::Watermark;
use crate::faults::{InjectedError, Inside, refusal};
use crate::kinesis::{RecordPage, Shard, StartAt, StreamRecord};
use crate::lambda::LambdaServices;
use crate::lambda::api::function_name::function_name_from_arn;
use crate::lambda::service::Lambda;
use crate::lambda::state::MappingRecord;
use crate::protocol::aws_json::ServiceError;

/// A shard without new records is looked at this often, as in the service: it may have been closed.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Records of one `GetRecords`.
const PAGE: usize = 10_000;
/// Records that may be done while one before them is not: they would come again if the local cloud ended now, and each
/// takes about 100 bytes.
const DONE_AHEAD: usize = 50_000;

/// How the reading of a shard ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is closed, and everything in it is done.
    Finished,
    /// It was stopped, or the shard cannot be read now.
    Left,
}

/// What reads one shard.
pub(crate) struct ShardReader {
    pub lambda: Lambda,
    pub mapping: Arc<MappingRecord>,
    pub shard: Shard,
    pub checkpoints: Arc<Checkpoints>,
    pub stop: CancellationToken,
}

/// The lanes of a shard, and how far their records are done.
struct ShardWorkers {
    tasks: JoinSet<()>,
    queues: Vec<mpsc::UnboundedSender<StreamItem>>,
    settled: mpsc::UnboundedReceiver<Vec<u64>>,
    progress: Watermark,
    filter: Option<Filter>,
}

/// Whether a read gave something.
enum Turn {
    /// Records: there may be more.
    More,
    /// Nothing new.
    Empty,
    /// The shard is closed and read to its end.
    End,
    /// The shard is no longer there.
    Gone,
}

impl ShardReader {
    /// Reads until the shard ends or this is stopped; batches under way are done then.
    pub(crate) async fn run(self) -> End {
        let filter = match Filter::of(&self.mapping.settings) {
            Ok(filter) => filter,
            // They could be read when they were set, by another version then. Without them too much would come.
            Err(error) => {
                self.note(&error);
                self.stop.cancelled().await;
                return End::Left;
            }
        };
        let mut lanes = self.lanes(filter);
        let read_all = self.read(&mut lanes).await;
        let ShardWorkers { mut tasks, queues, mut settled, mut progress, .. } = lanes;
        // Lanes end when no more records can come, or when they are stopped.
        drop(queues);
        if !read_all && !self.stop.is_cancelled() {
            // What was read must not be brought twice by two readers.
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

    fn lanes(&self, filter: Option<Filter>) -> ShardWorkers {
        let settings = &self.mapping.settings;
        let limits = Limits { records: settings.batch_size, window: Duration::from_secs(settings.window_seconds) };
        let (settled_sender, settled) = mpsc::unbounded_channel();
        let (mut tasks, mut queues) = (JoinSet::new(), Vec::new());
        for _ in 0..settings.parallelization {
            let (sender, records) = mpsc::unbounded_channel();
            queues.push(sender);
            let lane = ShardWorker {
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
            tasks.spawn(lane.run(batching));
        }
        ShardWorkers { tasks, queues, settled, progress: Watermark::default(), filter }
    }

    /// True when the shard was read to its end.
    async fn read(&self, lanes: &mut ShardWorkers) -> bool {
        let settings = &self.mapping.settings;
        // Enough for every lane to have its next batch at hand, and one more than would leave them all waiting for more.
        let records_ahead = settings.batch_size * settings.parallelization * 2;
        let bytes_ahead = EVENT_LIMIT * (settings.parallelization + 2);
        let mut puts = self.lambda.deps().kinesis.puts();
        let mut place = Place::default();
        // A policy may change at any time; to ask it for every read would cost more than the read.
        let mut checked: Option<Instant> = None;
        // An earlier reader may have told of a trouble.
        let mut may_be_troubled = true;
        while !self.stop.is_cancelled() {
            while let Ok(indexes) = lanes.settled.try_recv() {
                self.complete(&mut lanes.progress, &indexes);
            }
            if checked.is_none_or(|at| at.elapsed() >= POLL_INTERVAL) {
                if let Err(error) = self.lambda.may_read(&self.mapping) {
                    self.note(&error);
                    may_be_troubled = true;
                    self.pause(POLL_INTERVAL).await;
                    continue;
                }
                checked = Some(Instant::now());
            }
            // A lane that waits, or whose function fails, leaves the others their room.
            let has_room = lanes.progress.undone() < records_ahead
                && lanes.progress.weight() < bytes_ahead
                && lanes.progress.len() < DONE_AHEAD;
            if has_room {
                puts.mark_unchanged();
                let turn = self.turn(&mut place, lanes).await;
                if turn.is_ok() && std::mem::take(&mut may_be_troubled) {
                    self.lambda.clear_problem(&self.mapping.uuid, &self.shard.id);
                }
                match turn {
                    Ok(Turn::More) => continue,
                    Ok(Turn::Empty) => {}
                    Ok(Turn::End) => return true,
                    Ok(Turn::Gone) => return false,
                    Err(error) => {
                        self.note(&error);
                        may_be_troubled = true;
                        self.pause(POLL_INTERVAL).await;
                        continue;
                    }
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                Some(indexes) = lanes.settled.recv() => self.complete(&mut lanes.progress, &indexes),
                // A lane ends after its reader, unless it failed: its records are taken up again from the checkpoint.
                Some(_) = lanes.tasks.join_next() => {
                    // Lanes hear of an end as well, and may be the first to follow it.
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

    /// Reads once, and deals out what came.
    async fn turn(&self, place: &mut Place, lanes: &mut ShardWorkers) -> Result<Turn, ServiceError> {
        let settings = &self.mapping.settings;
        let poll = self.lambda.deps().timing.poll;
        // Where a shard is looked at once a second, each look takes all that there is, as in the service.
        let enough = if poll.is_zero() { settings.batch_size * settings.parallelization } else { PAGE };
        let limit = enough.clamp(100, PAGE);
        let page = match self.page(place, limit).await {
            Ok(page) => page,
            // The stream is gone, or another one has its name.
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
        for record in page.records {
            place.last_read = Some(record.sequence_number.clone());
            self.deal(record, lanes);
        }
        #[cfg(test)]
        self.lambda.activity().polled(&self.mapping, &self.shard, was_empty, lanes.progress.undone());
        let Some(next) = page.next else { return Ok(Turn::End) };
        place.iterator = Some(next);
        if !poll.is_zero() && page.millis_behind == 0 {
            self.pause(poll).await;
        }
        Ok(if was_empty { Turn::Empty } else { Turn::More })
    }

    async fn page(&self, place: &mut Place, limit: usize) -> Result<RecordPage, ServiceError> {
        let LambdaServices { kinesis, faults, .. } = self.lambda.deps();
        match faults.inside("kinesis", "GetRecords").await {
            Inside::Goes => {}
            Inside::Refused(trouble) => return Err(refusal("kinesis", "GetRecords", trouble)),
            // To read changes nothing: it is read again.
            Inside::Lost => return Err(refusal("kinesis", "GetRecords", InjectedError::Failed(500))),
        }
        loop {
            let current = match place.iterator.take() {
                Some(iterator) => iterator,
                None => self.first_iterator(place.last_read.as_deref()).await?,
            };
            // A shard that has given enough makes a reader wait for seconds, and a stop does not.
            let Some(page) = self.stop.run_until_cancelled(kinesis.records(&current, limit)).await else {
                place.iterator = Some(current.clone());
                return Ok(RecordPage { records: Vec::new(), next: Some(current), millis_behind: 0 });
            };
            match page {
                // It was made long ago: a new one goes on after what was read last.
                Err(error) if error.code == "ExpiredIteratorException" => {}
                page => {
                    // After a failure the same place may be readable a moment later.
                    place.iterator = Some(current);
                    return page;
                }
            }
        }
    }

    /// Where to read on: after what was read last, else after what is done, else where the mapping starts.
    async fn first_iterator(&self, last_read: Option<&str>) -> Result<String, ServiceError> {
        let (arn, id) = (&self.mapping.stream_arn, &self.shard.id);
        let kinesis = &self.lambda.deps().kinesis;
        let start = match (last_read, self.checkpoints.get(&self.shard)) {
            (Some(last), _) => StartAt::AfterSequence(last.to_owned()),
            (None, Some(Position::After(last))) => StartAt::AfterSequence(last),
            (None, Some(Position::From(first))) => StartAt::AtSequence(first),
            (None, Some(Position::Finished) | None) => match self.mapping.starting_timestamp {
                Some(at) if self.mapping.starting_position == "AT_TIMESTAMP" => StartAt::AtTimestamp(at),
                // With LATEST, a shard without a position is younger than the mapping.
                _ => StartAt::TrimHorizon,
            },
        };
        kinesis.iterator(arn, id, &start).await
    }

    /// Gives a record to its lane; one that no filter takes is done at once.
    fn deal(&self, record: StreamRecord, lanes: &mut ShardWorkers) {
        let is_taken = lanes.filter.as_ref().is_none_or(|filter| filter.takes(&record));
        let lane = lane_of(&record.partition_key, lanes.queues.len());
        let mut item = StreamItem::new(0, record);
        item.index = lanes.progress.begin(&item.sequence_number, item.weight());
        if is_taken {
            // A lane that has failed is seen by the reader, which begins anew.
            lanes.queues[lane].send(item).unwrap_or_default();
        } else {
            self.complete(&mut lanes.progress, &[item.index]);
        }
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
            format!("PROBLEM: Stream not found: {}", self.mapping.stream_arn)
        } else {
            format!("PROBLEM: {}: {}", error.code, error.message)
        };
        self.lambda.set_problem(&self.mapping.uuid, &self.shard.id, &text);
    }
}

/// Where reading is.
#[derive(Default)]
struct Place {
    iterator: Option<String>,
    last_read: Option<String>,
}
