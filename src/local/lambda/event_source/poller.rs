//! Runs one event source mapping: a reader for each shard whose parents are done, and checkpoints on disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::checkpoint::{Checkpoints, Position};
use super::poller_handle::{Poller, PollerGuard};
use super::shard_reader::{End, ShardReader};
use crate::kinesis::Shard;
use crate::lambda::LambdaServices;
use crate::lambda::service::Lambda;
use crate::lambda::state::{MappingRecord, MappingState};

/// How often checkpoints are written while they change.
const SAVE: Duration = Duration::from_millis(200);
/// How often shards are looked for when none has ended, and when the stream cannot be read.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// What troubles of the mapping as a whole are of.
const SHARDS: &str = "the shards";
const CHECKPOINTS: &str = "the checkpoints";

/// Starts the poller of a mapping, unless the mapping is disabled. Not for a mapping that is about to be changed again:
/// that change starts the poller.
pub(crate) fn begin(guard: &mut PollerGuard<'_>, lambda: &Lambda, uuid: &str) {
    let mapping = lambda.mapping(uuid).filter(|mapping| mapping.state == MappingState::Enabled);
    guard.replace(mapping.map(|mapping| {
        let stop = lambda.stopping().child_token();
        let work = tokio::spawn(run(lambda.clone(), Arc::new(mapping), stop.clone()));
        Poller::new(stop, work)
    }));
}

async fn run(lambda: Lambda, mapping: Arc<MappingRecord>, stop: CancellationToken) {
    #[cfg(test)]
    let _reading = lambda.activity().begin(crate::lambda::activity::What::Reading);
    let uuid = mapping.uuid.clone();
    let LambdaServices { dir, durability, .. } = lambda.deps();
    let checkpoints = match Checkpoints::load(dir, &uuid, *durability) {
        Ok(checkpoints) => Arc::new(checkpoints),
        Err(error) => return lambda.note_result(&uuid, &format!("PROBLEM: {}", error.full_message())),
    };
    let mut readers = Readers { lambda, mapping, checkpoints, stop, tasks: JoinSet::new(), running: BTreeMap::new() };
    let (mut save, mut look) = (every(SAVE), every(POLL_INTERVAL));
    while !readers.stop.is_cancelled() {
        tokio::select! {
            () = readers.stop.cancelled() => {}
            Some(ended) = readers.tasks.join_next_with_id() => {
                // The children of a finished shard are read at once; what cannot be read waits a moment.
                if readers.ended(ended) {
                    look.reset_immediately();
                }
            }
            _ = save.tick() => readers.save(),
            _ = look.tick() => readers.look().await,
        }
    }
    while readers.tasks.join_next().await.is_some() {}
    readers.save();
}

fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// The readers of a mapping's shards.
struct Readers {
    lambda: Lambda,
    mapping: Arc<MappingRecord>,
    checkpoints: Arc<Checkpoints>,
    stop: CancellationToken,
    tasks: JoinSet<End>,
    /// By shard id.
    running: BTreeMap<String, Running>,
}

/// A reader at work.
struct Running {
    task: Id,
    /// When its shard was made.
    created: u64,
    stop: CancellationToken,
}

impl Readers {
    /// Looks for shards, begins with those that are due, and ends readers of shards that are no more.
    async fn look(&mut self) {
        let shards = match self.lambda.deps().kinesis.shards(&self.mapping.stream_arn).await {
            Ok(shards) => shards,
            Err(error) if error.code == "ResourceNotFoundException" => {
                return self.note(SHARDS, &format!("PROBLEM: Stream not found: {}", self.mapping.stream_arn));
            }
            Err(error) => return self.note(SHARDS, &format!("PROBLEM: {}: {}", error.code, error.message)),
        };
        self.lambda.clear_problem(&self.mapping.uuid, SHARDS);
        for shard in &shards {
            // A new stream has the name: what is read from the earlier one does not count any more.
            if let Some(running) = self.running.get(&shard.id).filter(|running| running.created != shard.created) {
                running.stop.cancel();
            }
        }
        self.checkpoints.keep_only(&shards);
        for shard in due(&shards, &self.checkpoints, |id| self.running.contains_key(id)) {
            let stop = self.stop.child_token();
            let reader = ShardReader {
                lambda: self.lambda.clone(),
                mapping: Arc::clone(&self.mapping),
                shard: shard.clone(),
                checkpoints: Arc::clone(&self.checkpoints),
                stop: stop.clone(),
            };
            let task = self.tasks.spawn(reader.run()).id();
            self.running.insert(shard.id.clone(), Running { task, created: shard.created, stop });
        }
    }

    /// Takes in that a reader has ended; true when its shard is done.
    fn ended(&mut self, ended: Result<(Id, End), JoinError>) -> bool {
        let (task, end) = match ended {
            Ok((task, end)) => (task, Some(end)),
            Err(error) => (error.id(), None),
        };
        let shards: Vec<_> = self.running.extract_if(.., |_, running| running.task == task).collect();
        if end.is_none() {
            for (shard, _) in shards {
                // A panic; the shard is taken up again from its checkpoint.
                self.note(&shard, "PROBLEM: the local cloud failed while it read a shard");
            }
        }
        end == Some(End::Finished)
    }

    fn save(&self) {
        match self.checkpoints.save() {
            Ok(false) => {}
            Ok(true) => self.lambda.clear_problem(&self.mapping.uuid, CHECKPOINTS),
            Err(error) => self.note(CHECKPOINTS, &format!("PROBLEM: {error}")),
        }
    }

    fn note(&self, of: &str, result: &str) {
        self.lambda.set_problem(&self.mapping.uuid, of, result);
    }
}

/// The shards to begin with now: not read yet, and with nothing before them that is not done.
fn due<'a>(shards: &'a [Shard], checkpoints: &Checkpoints, is_running: impl Fn(&str) -> bool) -> Vec<&'a Shard> {
    let is_finished = |shard: &Shard| checkpoints.get(shard) == Some(Position::Finished);
    // A parent that the stream no longer lists has no records any more; those that were read may still be under way.
    let is_done = |id: &String| !is_running(id) && shards.iter().find(|shard| shard.id == *id).is_none_or(is_finished);
    let is_due = |shard: &&Shard| {
        !is_running(&shard.id)
            && !is_finished(shard)
            && shard.parent.as_ref().is_none_or(is_done)
            && shard.adjacent_parent.as_ref().is_none_or(is_done)
    };
    shards.iter().filter(is_due).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durability::Durability;

    fn shard(id: &str, parents: [Option<&str>; 2]) -> Shard {
        let [parent, adjacent_parent] = parents.map(|parent| parent.map(str::to_owned));
        Shard { id: id.to_owned(), parent, adjacent_parent, created: 1 }
    }

    fn checkpoints(dir: &std::path::Path) -> Checkpoints {
        std::fs::create_dir(dir.join("checkpoints")).unwrap();
        Checkpoints::create(dir, "u", Vec::new(), Durability::Process).unwrap();
        Checkpoints::load(dir, "u", Durability::Process).unwrap()
    }

    #[test]
    fn a_child_waits_for_both_its_parents() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = checkpoints(dir.path());
        let shards = [
            shard("a", [None, None]),
            shard("b", [None, None]),
            shard("c", [Some("a"), Some("b")]),
            shard("d", [Some("long gone"), None]),
            shard("e", [Some("c"), None]),
        ];
        let due_while = |running: &[&str]| -> Vec<String> {
            due(&shards, &checkpoints, |id| running.contains(&id)).into_iter().map(|shard| shard.id.clone()).collect()
        };
        assert_eq!(due_while(&[]), ["a", "b", "d"]);
        assert_eq!(due_while(&["a", "long gone"]), ["b"], "its records are still under way");
        checkpoints.set(&shards[0], Position::Finished);
        assert_eq!(due_while(&[]), ["b", "d"]);
        checkpoints.set(&shards[1], Position::Finished);
        assert_eq!(due_while(&["d"]), ["c"], "and not the grandchild");
        assert_eq!(due_while(&["b", "d"]), [""; 0], "done, but not ended");
    }

    #[test]
    fn a_new_stream_of_the_same_name_is_read_from_its_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = checkpoints(dir.path());
        checkpoints.set(&shard("a", [None, None]), Position::Finished);
        let new = Shard { created: 2, ..shard("a", [None, None]) };
        assert_eq!(due(std::slice::from_ref(&new), &checkpoints, |_| false), [&new]);
    }
}
