//! Reads one shard from a position to its end, whatever fails on the way.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::sleep;

use super::event::{TailEvent, TailObserver};
use super::progress::TailPositions;
use super::read_pace::{ReadPace, ShardPace};
use super::stream_reader::{ChildShard, ListedShard, RecordPage, ShardPosition, StreamReader};
use super::tail_page::TailPage;
use super::trouble::Trouble;
use crate::aws::{AwsFailure, FailureCause};

/// How often in succession the service may refuse a new place in the shard.
const MAX_RENEWALS: u32 = 20;

/// State that all tasks of a tail share.
pub(super) struct TailContext<R> {
    pub reader: Arc<R>,
    pub pace: ReadPace,
    /// The last arrival time that is asked for.
    pub until_ms: Option<i64>,
    pub pages: mpsc::Sender<TailPage>,
    /// Room for pages in memory.
    pub room: Arc<Semaphore>,
    pub positions: Arc<TailPositions>,
    pub observer: Arc<TailObserver>,
}

impl<R> Clone for TailContext<R> {
    fn clone(&self) -> Self {
        TailContext {
            reader: self.reader.clone(),
            pace: self.pace,
            until_ms: self.until_ms,
            pages: self.pages.clone(),
            room: self.room.clone(),
            positions: self.positions.clone(),
            observer: self.observer.clone(),
        }
    }
}

/// The end of a task.
#[derive(Debug)]
pub(super) struct ShardEnd {
    pub shard: Arc<ListedShard>,
    /// Behind the last page that was handed over.
    pub position: ShardPosition,
    pub cause: EndCause,
}

/// The reason why a task ended.
#[derive(Debug)]
pub(super) enum EndCause {
    /// The shard has no more records. Its children, as far as the service named them.
    Closed(Vec<ChildShard>),
    /// All records up to the last time that is asked for were read.
    Until,
    /// The service does not know the shard, or the stream.
    Missing(AwsFailure),
    /// The calls cannot succeed.
    Failed(AwsFailure),
    /// The receiver of the pages is gone.
    Unwanted,
}

/// The consequence of a failure for the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// The place in the shard has to be asked for again.
    Renew,
    /// The call can be repeated.
    Repeat,
    /// The position is the end of the shard.
    End,
    Missing,
    Final,
}

pub(super) struct ShardTask<R: StreamReader> {
    tail: TailContext<R>,
    shard: Arc<ListedShard>,
    position: ShardPosition,
    session: Option<R::Session>,
    pace: ShardPace,
    trouble: Trouble,
    renewals: u32,
}

impl<R: StreamReader> ShardTask<R> {
    pub(super) fn new(tail: TailContext<R>, shard: Arc<ListedShard>, position: ShardPosition) -> Self {
        let pace = ShardPace::new(tail.pace);
        ShardTask { tail, shard, position, session: None, pace, trouble: Trouble::default(), renewals: 0 }
    }

    /// Reads the shard and hands its pages over.
    pub(super) async fn run(mut self) -> ShardEnd {
        let cause = loop {
            // Pushed records come at some time, and take room only then.
            let mut room = None;
            if !R::IS_PUSHED {
                room = wait_for(self.tail.room.clone()).await;
            }
            let asked_ms = self.tail.reader.now_ms();
            let ended = match self.next_page().await {
                Ok(page) => {
                    if room.is_none() {
                        room = wait_for(self.tail.room.clone()).await;
                    }
                    self.hand_over(page, asked_ms, room).await
                }
                Err(failure) => {
                    drop(room);
                    self.after(failure).await
                }
            };
            if let Some(cause) = ended {
                break cause;
            }
        };
        ShardEnd { shard: self.shard, position: self.position, cause }
    }

    async fn next_page(&mut self) -> Result<RecordPage, AwsFailure> {
        let reader = &self.tail.reader;
        let session = match &mut self.session {
            Some(session) => session,
            None => self.session.insert(reader.open(&self.shard.id, &self.position).await?),
        };
        reader.next(session, self.pace.page_records()).await
    }

    /// Hands a page over, and waits before the next one.
    async fn hand_over(
        &mut self,
        page: RecordPage,
        asked_ms: i64,
        room: Option<OwnedSemaphorePermit>,
    ) -> Option<EndCause> {
        let TailContext { reader, observer, pages, .. } = &self.tail;
        let shard = self.shard.id.as_str();
        if let Some((waited, was_throttled)) = self.trouble.recovered() {
            observer.on(&TailEvent::Recovered { shard, was_throttled, waited });
        }
        self.renewals = 0;
        let RecordPage { mut records, behind_ms, end, is_session_over } = page;
        if is_session_over {
            self.session = None;
        }
        if let Some(last) = records.last() {
            self.position = ShardPosition::After(last.sequence_number.clone());
        }
        let (count, bytes) = (records.len(), records.iter().map(|record| record.data.len()).sum());
        // An emulator may not tell how far it is behind.
        let is_behind = behind_ms.map_or(count > 0, |behind| behind > 0);
        let settles_ms = i64::try_from(self.tail.pace.settles_after.as_millis()).unwrap_or(i64::MAX);
        let is_over = self.tail.until_ms.is_some_and(|until| {
            records.retain(|record| record.arrived_ms.is_none_or(|arrived| arrived <= until));
            records.len() < count || (!is_behind && asked_ms > until.saturating_add(settles_ms))
        });
        let last_ms = records.last().and_then(|last| last.arrived_ms);
        if records.is_empty() {
            drop(room);
        } else {
            let received_ms = reader.now_ms();
            let page = TailPage { shard: self.shard.clone(), records, received_ms, room };
            if pages.send(page).await.is_err() {
                return Some(EndCause::Unwanted);
            }
        }
        // At the newest record, everything that could be read when it was asked for was read.
        if let Some(reached_ms) = if is_behind { last_ms } else { Some(asked_ms.saturating_sub(settles_ms)) } {
            self.tail.positions.reached(shard, reached_ms);
        }
        // The last answer may have records and be the end at the same time.
        if is_over {
            return Some(EndCause::Until);
        }
        if let Some(children) = end {
            return Some(EndCause::Closed(children));
        }
        sleep(self.pace.after_page(count, bytes, is_behind)).await;
        None
    }

    /// Decides what follows a failure, and waits before the next attempt.
    async fn after(&mut self, failure: AwsFailure) -> Option<EndCause> {
        let shard = self.shard.id.as_str();
        let meaning = meaning(&failure, self.session.is_some());
        if R::IS_PUSHED {
            self.session = None;
        }
        match meaning {
            Meaning::End => return Some(EndCause::Closed(Vec::new())),
            Meaning::Missing => return Some(EndCause::Missing(failure)),
            Meaning::Final => return Some(EndCause::Failed(failure)),
            Meaning::Renew if self.renewals >= MAX_RENEWALS => return Some(EndCause::Failed(failure)),
            Meaning::Renew => {
                self.session = None;
                self.tail.observer.on(&TailEvent::Renewed { shard, failure: &failure });
                // A place that is refused again and again must not use up the shard's calls.
                if self.renewals > 0 {
                    sleep(self.tail.pace.retry_pause(self.renewals - 1)).await;
                }
                self.renewals += 1;
            }
            Meaning::Repeat => {
                let verdict = self.trouble.failed(&failure);
                if verdict.is_hopeless {
                    return Some(EndCause::Failed(failure));
                }
                if let Some(waited) = verdict.report {
                    self.tail.observer.on(&TailEvent::Waiting { shard, failure: &failure, waited });
                }
                if failure.cause == FailureCause::Throttled {
                    self.pace.throttled();
                }
                sleep(self.tail.pace.retry_pause(verdict.attempt)).await;
            }
        }
        None
    }
}

/// Waits for room for a page.
async fn wait_for(room: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    // It is never closed.
    room.acquire_owned().await.ok()
}

/// Returns what a failure means. `has_session`: the service had given a place in the shard.
fn meaning(failure: &AwsFailure, has_session: bool) -> Meaning {
    let says = |part: &str| failure.message.contains(part);
    match failure.code.as_deref() {
        Some("ExpiredIteratorException") => return Meaning::Renew,
        // The texts are those of docs/facts/kinesis.md, Reading.
        Some("InvalidArgumentException") if says("has reached max possible value") => return Meaning::End,
        // The clock of this machine is ahead by some milliseconds.
        Some("InvalidArgumentException") if says("cannot be greater than the currentTimestampInMillis") => {
            return Meaning::Repeat;
        }
        Some("InvalidArgumentException") if has_session => return Meaning::Renew,
        _ => {}
    }
    match failure.cause {
        FailureCause::Missing => Meaning::Missing,
        FailureCause::Unreachable => Meaning::Repeat,
        _ if failure.is_transient() => Meaning::Repeat,
        _ => Meaning::Final,
    }
}
