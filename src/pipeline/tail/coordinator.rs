//! Starts a task for each shard when its parents were read, finds new shards, and ends with the last one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep};

use super::event::{TailEvent, TailObserver};
use super::progress::TailPositions;
use super::read_pace::ReadPace;
use super::shard_task::{EndCause, ShardEnd, ShardTask, TailContext};
use super::shard_tree::ShardTree;
use super::stream_reader::{ChildShard, ListFrom, ListedShard, ShardPosition, StreamReader};
use super::tail_page::TailPage;
use super::trouble::MAX_OUTAGE;
use crate::aws::{AwsFailure, FailureCause};
use crate::error::Error;

/// Pages that wait for their consumer.
const WAITING_PAGES: usize = 2;
/// Pages in memory, those included that are on their way. A page has about 1 MiB.
const MAX_PAGES: usize = 16;
/// How often the shards are listed without a reason: a net below the ends of shards, which name their children.
const RELIST: Duration = Duration::from_secs(30);
/// The list of shards begins so much earlier than the records: it must not begin in the future of a service whose clock
/// is behind.
const LIST_MARGIN_MS: i64 = 5_000;
/// How long a stream may have no shards.
const MAX_EMPTY: Duration = Duration::from_mins(1);
/// How often the shards are listed for a parent that is not among them.
const MAX_LISTS: u32 = 3;
/// How often a shard may be missing that the list has.
const MAX_RESTARTS: u32 = 5;

/// The first records of a tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TailStart {
    /// Those that arrive from now on.
    Latest,
    /// The oldest.
    TrimHorizon,
    /// Those that arrived at this time (milliseconds since 1970) or later.
    Time(i64),
}

/// The last records of a tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TailEnd {
    /// Those that have arrived by now.
    Now,
    /// Those that arrive up to this time (milliseconds since 1970).
    Time(i64),
}

/// The part of a stream to read, and the pace.
#[derive(Clone, Debug)]
pub(crate) struct TailOptions {
    /// The first records.
    pub from: TailStart,
    /// The last records. Without it, the tail does not end.
    pub until: Option<TailEnd>,
    /// The shards to read. Empty: all, and their children.
    pub shards: Vec<String>,
    /// The pauses.
    pub pace: ReadPace,
}

/// The pages of a stream as they come.
#[derive(Debug)]
pub(crate) struct TailStream {
    pages: mpsc::Receiver<TailPage>,
    positions: Arc<TailPositions>,
    /// Ends with this value, and its tasks with it.
    coordinator: JoinSet<Result<(), Error>>,
}

impl TailStream {
    /// Begins to read.
    pub(crate) fn start<R: StreamReader>(reader: R, options: TailOptions, observer: Arc<TailObserver>) -> Self {
        let (sender, pages) = mpsc::channel(WAITING_PAGES);
        let mut coordinator = JoinSet::new();
        let positions = Arc::<TailPositions>::default();
        let tail = TailContext {
            reader: Arc::new(reader),
            pace: options.pace,
            until_ms: None,
            pages: sender,
            room: Arc::new(Semaphore::new(MAX_PAGES)),
            positions: positions.clone(),
            observer,
        };
        coordinator.spawn(run(tail, options));
        TailStream { pages, positions, coordinator }
    }

    /// Returns the next page, or `None` when all that is asked for was read. Can be canceled without a loss.
    ///
    /// # Errors
    /// The stream cannot be read any more. All pages before were returned.
    pub(crate) async fn next(&mut self) -> Result<Option<TailPage>, Error> {
        if let Some(page) = self.pages.recv().await {
            return Ok(Some(page));
        }
        match self.coordinator.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(None),
            Some(Ok(Err(error))) => Err(error),
            Some(Err(error)) => Err(Error::failed("reading the stream failed").with_source(error)),
        }
    }
}

impl TailStream {
    /// Returns a beginning that leaves out no record, if reading has begun.
    pub(crate) fn resume(&self) -> Option<TailStart> {
        self.positions.earliest().map(|earliest| match earliest {
            ShardPosition::Time(time) => TailStart::Time(time),
            _ => TailStart::TrimHorizon,
        })
    }
}

async fn run<R: StreamReader>(mut tail: TailContext<R>, options: TailOptions) -> Result<(), Error> {
    tail.reader.start_clock().await?;
    let now_ms = tail.reader.now_ms();
    tail.until_ms = options.until.map(|until| match until {
        TailEnd::Now => now_ms,
        TailEnd::Time(time) => time,
    });
    let start_ms = match options.from {
        TailStart::TrimHorizon => None,
        TailStart::Latest => Some(now_ms),
        // Nothing is older.
        TailStart::Time(time) => Some(time).filter(|time| *time > 0),
    };
    let list_from = match start_ms {
        // A shard that was named may be closed since long.
        Some(time) if options.shards.is_empty() => ListFrom::Time(time.saturating_sub(LIST_MARGIN_MS)),
        _ => ListFrom::TrimHorizon,
    };
    let listed = first_list(&tail, list_from).await?;
    check_selection(tail.reader.name(), &options.shards, &listed)?;
    let position = start_ms.map_or(ShardPosition::TrimHorizon, ShardPosition::Time);
    let is_wanted = |shard: &ListedShard| options.shards.is_empty() || options.shards.contains(&shard.id);
    let mut tree = ShardTree::default();
    listed.into_iter().filter(is_wanted).for_each(|shard| tree.add(shard, position.clone()));
    let follows = options.shards.is_empty();
    let tasks = JoinSet::new();
    Coordinator { tail, list_from, position, follows, tree, tasks, restarts: HashMap::new() }.run().await
}

/// Lists the shards. A stream that was just created may have none yet.
async fn first_list<R: StreamReader>(tail: &TailContext<R>, list_from: ListFrom) -> Result<Vec<ListedShard>, Error> {
    let began = Instant::now();
    let mut attempt = 0;
    loop {
        match tail.reader.shards(list_from).await {
            Ok(listed) if listed.is_empty() => {}
            Ok(listed) => return Ok(listed),
            // The service has answered before.
            Err(failure) if attempt > 0 && is_passing(&failure) => {}
            Err(failure) => return Err(failure.into()),
        }
        if began.elapsed() >= MAX_EMPTY {
            let name = tail.reader.name();
            return Err(
                Error::failed(format!("stream {name} has no shards")).hint("`sensorctl status` shows its state")
            );
        }
        sleep(tail.pace.retry_pause(attempt)).await;
        attempt += 1;
    }
}

fn check_selection(stream: &str, selection: &[String], listed: &[ListedShard]) -> Result<(), Error> {
    /// Shards that a hint names.
    const NAMED: usize = 10;
    match selection.iter().find(|id| !listed.iter().any(|shard| shard.id == **id)) {
        None => Ok(()),
        Some(unknown) => {
            let named: Vec<_> = listed.iter().take(NAMED).map(|shard| shard.id.as_str()).collect();
            let more = listed.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            Err(Error::usage(format!("stream {stream} has no shard `{unknown}`"))
                .hint(format!("its shards are {}{more}", named.join(", "))))
        }
    }
}

struct Coordinator<R: StreamReader> {
    tail: TailContext<R>,
    list_from: ListFrom,
    /// The first records of all shards. One that is found later may be older than the tail: a list is not always up to
    /// date.
    position: ShardPosition,
    /// True if the children of closed shards are read, too.
    follows: bool,
    tree: ShardTree,
    tasks: JoinSet<ShardEnd>,
    /// Restarts of shards that were missing.
    restarts: HashMap<String, u32>,
}

impl<R: StreamReader> Coordinator<R> {
    async fn run(mut self) -> Result<(), Error> {
        let mut relist = interval_at(Instant::now() + RELIST, RELIST);
        let mut told = None;
        loop {
            self.start_ready();
            let shards = self.tree.reading();
            if told.replace(shards) != Some(shards) {
                self.tail.observer.on(&TailEvent::Reading { shards });
            }
            if self.tree.is_finished() {
                return Ok(());
            }
            tokio::select! {
                () = self.tail.pages.closed() => return Ok(()),
                Some(ended) = self.tasks.join_next() => {
                    let ended = ended.map_err(|error| Error::failed("reading a shard failed").with_source(error))?;
                    self.ended(ended).await?;
                }
                _ = relist.tick() => self.look_again().await?,
            }
        }
    }

    /// Marks a shard as read to its end.
    fn finish(&mut self, shard: &str) {
        self.tree.finish(shard);
        self.tail.positions.finished(shard);
    }

    fn start_ready(&mut self) {
        let start_ms = match self.position {
            ShardPosition::Time(time) => Some(time),
            _ => None,
        };
        for (shard, position) in self.tree.take_ready() {
            self.tail.positions.begun(&shard.id, &shard.parents, start_ms);
            self.tasks.spawn(ShardTask::new(self.tail.clone(), shard, position).run());
        }
    }

    async fn ended(&mut self, end: ShardEnd) -> Result<(), Error> {
        let ShardEnd { shard, position, cause } = end;
        match cause {
            EndCause::Until | EndCause::Unwanted => self.finish(&shard.id),
            EndCause::Closed(children) => self.closed(&shard, position, children).await?,
            EndCause::Missing(failure) => self.missing(&shard, position, failure).await?,
            EndCause::Failed(failure) => {
                // The sequence numbers of a stream that is created again are other ones.
                if failure.code.as_deref() == Some("InvalidArgumentException") {
                    self.refresh().await?;
                }
                return Err(failure.into());
            }
        }
        Ok(())
    }

    async fn closed(
        &mut self,
        shard: &ListedShard,
        position: ShardPosition,
        named: Vec<ChildShard>,
    ) -> Result<(), Error> {
        let listed = self.refresh_with_parents(&named).await?;
        if self.follows {
            for ChildShard { id, parents, range } in named {
                let child = ListedShard { id, parents, range, first_sequence_number: String::new(), is_closed: false };
                self.tree.add(child, self.position.clone());
            }
        }
        let is_child = |child: &&ListedShard| child.parents.contains(&shard.id);
        let mut children = self.tree.children(&shard.id);
        children.extend(listed.iter().filter(is_child).map(|child| child.id.clone()));
        children.sort();
        children.dedup();
        let is_open = listed.iter().any(|known| known.id == shard.id && !known.is_closed);
        if children.is_empty() && is_open {
            // An emulator may answer so at the newest record.
            sleep(self.tail.pace.retry_pause(0)).await;
            self.tree.read_again(&shard.id, position);
            return Ok(());
        }
        self.finish(&shard.id);
        let (shard, goes_on) = (shard.id.as_str(), self.follows);
        self.tail.observer.on(&TailEvent::Closed { shard, children: &children, goes_on });
        Ok(())
    }

    async fn missing(
        &mut self,
        shard: &ListedShard,
        position: ShardPosition,
        failure: AwsFailure,
    ) -> Result<(), Error> {
        let listed = self.refresh().await?;
        if !listed.iter().any(|known| known.id == shard.id) {
            self.tail.observer.on(&TailEvent::Trimmed { shard: &shard.id });
            self.finish(&shard.id);
            return Ok(());
        }
        let restarts = self.restarts.entry(shard.id.clone()).or_default();
        if *restarts >= MAX_RESTARTS {
            return Err(failure.into());
        }
        sleep(self.tail.pace.retry_pause(*restarts)).await;
        *restarts += 1;
        self.tree.read_again(&shard.id, position);
        Ok(())
    }

    /// Looks for new shards without a reason. It may fail for now.
    async fn look_again(&mut self) -> Result<(), Error> {
        match self.tail.reader.shards(self.list_from).await {
            Ok(listed) => self.take(&listed),
            Err(failure) if is_passing(&failure) => Ok(()),
            Err(failure) => Err(self.final_error(failure)),
        }
    }

    /// Lists the shards, and adds those that are new.
    async fn refresh(&mut self) -> Result<Vec<ListedShard>, Error> {
        let began = Instant::now();
        let mut attempt = 0;
        loop {
            match self.tail.reader.shards(self.list_from).await {
                Ok(listed) => {
                    self.take(&listed)?;
                    return Ok(listed);
                }
                Err(failure) if is_passing(&failure) && began.elapsed() < MAX_OUTAGE => {
                    sleep(self.tail.pace.retry_pause(attempt)).await;
                    attempt += 1;
                }
                Err(failure) => return Err(self.final_error(failure)),
            }
        }
    }

    /// Lists the shards, until the parents of these children are known. A parent may have been opened after the last list,
    /// or not be in this one yet. It may also have no records any more.
    async fn refresh_with_parents(&mut self, children: &[ChildShard]) -> Result<Vec<ListedShard>, Error> {
        let mut listed = self.refresh().await?;
        for attempt in 0..MAX_LISTS {
            let is_known = |parent: &String| self.tree.get(parent).is_some();
            if !self.follows || children.iter().flat_map(|child| &child.parents).all(is_known) {
                break;
            }
            sleep(self.tail.pace.retry_pause(attempt)).await;
            listed = self.refresh().await?;
        }
        Ok(listed)
    }

    fn take(&mut self, listed: &[ListedShard]) -> Result<(), Error> {
        let name = self.tail.reader.name();
        for shard in listed {
            let known = self.tree.get(&shard.id).map(|known| known.first_sequence_number.as_str());
            if known.is_some_and(|known| !known.is_empty() && known != shard.first_sequence_number) {
                self.tail.positions.clear();
                return Err(Error::failed(format!("stream {name} was deleted and created again while it was read"))
                    .hint("`sensorctl tail --from trim-horizon` reads the new one"));
            }
            if self.follows {
                self.tree.add(shard.clone(), self.position.clone());
            }
        }
        Ok(())
    }

    fn final_error(&self, failure: AwsFailure) -> Error {
        if failure.cause != FailureCause::Missing {
            return failure.into();
        }
        self.tail.positions.clear();
        let said = failure.said();
        Error::failed(format!(
            "stream {} was deleted while it was read, in {}: {said}",
            self.tail.reader.name(),
            failure.location
        ))
        .hint("`sensorctl up` creates it again; `sensorctl status` shows what exists")
    }
}

fn is_passing(failure: &AwsFailure) -> bool {
    failure.is_transient() || failure.cause == FailureCause::Unreachable
}
