//! Runs one event source mapping: a reader for each shard whose parents are done, and checkpoints on disk.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Deps;
use super::checkpoint::{Checkpoints, Position};
use super::service::Lambda;
use super::shard_reader::{End, ShardReader};
use super::state::Mapping;
use crate::local::kinesis::Shard;

/// How often checkpoints are written while they change.
const SAVE: Duration = Duration::from_millis(200);
/// How often shards are looked for when none has ended, and when the stream cannot be read.
const LOOK: Duration = Duration::from_secs(1);

/// A mapping at work.
pub(super) struct MappingTask {
    stop: CancellationToken,
    work: JoinHandle<()>,
}

impl MappingTask {
    pub(super) fn start(lambda: Lambda, mapping: Mapping) -> Self {
        let stop = lambda.stopping().child_token();
        let work = tokio::spawn(run(lambda, Arc::new(mapping), stop.clone()));
        MappingTask { stop, work }
    }

    /// Ends it once the batches under way are done.
    pub(super) async fn finish(self) {
        self.stop.cancel();
        // It ends when it is told to; a panic in it has ended it as well.
        self.work.await.unwrap_or_default();
    }

    /// Ends it when the local cloud ends: invocations under way are cut off.
    pub(super) async fn abandon(self) {
        self.finish().await;
    }
}

async fn run(lambda: Lambda, mapping: Arc<Mapping>, stop: CancellationToken) {
    let Deps { dir, durability, .. } = lambda.deps();
    let checkpoints = match Checkpoints::load(dir, &mapping.uuid, *durability) {
        Ok(checkpoints) => Arc::new(checkpoints),
        Err(error) => return lambda.note_result(&mapping.uuid, &format!("PROBLEM: {error}")),
    };
    let mut readers = JoinSet::new();
    let mut reading = BTreeSet::new();
    let mut save = tokio::time::interval(SAVE);
    let mut look = tokio::time::interval(LOOK);
    save.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            Some(ended) = readers.join_next() => {
                if let Ok((shard_id, end)) = ended {
                    reading.remove(&shard_id);
                    // The children of a finished shard are read at once; what cannot be read waits a moment.
                    if end == End::Finished {
                        look.reset_immediately();
                    }
                }
            }
            _ = save.tick() => keep(&lambda, &mapping, &checkpoints),
            _ = look.tick() => match lambda.deps().kinesis.shards(&mapping.stream_arn).await {
                Ok(shards) => for shard_id in due(&shards, &checkpoints, &reading) {
                    reading.insert(shard_id.clone());
                    let reader = ShardReader {
                        lambda: lambda.clone(),
                        mapping: Arc::clone(&mapping),
                        shard_id: shard_id.clone(),
                        checkpoints: Arc::clone(&checkpoints),
                        stop: stop.clone(),
                    };
                    readers.spawn(async move { (shard_id, reader.run().await) });
                },
                Err(error) if error.code == "ResourceNotFoundException" => {
                    let text = format!("PROBLEM: Stream not found: {}", mapping.stream_arn);
                    lambda.note_result(&mapping.uuid, &text);
                }
                Err(error) => {
                    lambda.note_result(&mapping.uuid, &format!("PROBLEM: {}: {}", error.code, error.message));
                }
            },
        }
    }
    while readers.join_next().await.is_some() {}
    keep(&lambda, &mapping, &checkpoints);
}

fn keep(lambda: &Lambda, mapping: &Mapping, checkpoints: &Checkpoints) {
    if let Err(error) = checkpoints.save() {
        lambda.note_result(&mapping.uuid, &format!("PROBLEM: {error}"));
    }
}

/// The shards to begin with now: not read yet, and with nothing before them that is not done.
fn due(shards: &[Shard], checkpoints: &Checkpoints, reading: &BTreeSet<String>) -> Vec<String> {
    // An open shard cannot have been read to its end: that was one of an earlier stream.
    checkpoints.forget(|shard_id, position| {
        let shard = shards.iter().find(|shard| shard.id == shard_id);
        shard.is_none_or(|shard| shard.open && *position == Position::Finished)
    });
    let is_done =
        |id: &String| !shards.iter().any(|shard| shard.id == *id) || checkpoints.get(id) == Some(Position::Finished);
    let is_due = |shard: &&Shard| {
        !reading.contains(&shard.id)
            && checkpoints.get(&shard.id) != Some(Position::Finished)
            && shard.parent.as_ref().is_none_or(is_done)
            && shard.adjacent_parent.as_ref().is_none_or(is_done)
    };
    shards.iter().filter(is_due).map(|shard| shard.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::durability::Durability;

    fn shard(id: &str, parents: [Option<&str>; 2], open: bool) -> Shard {
        let [parent, adjacent_parent] = parents.map(|parent| parent.map(str::to_owned));
        Shard { id: id.to_owned(), parent, adjacent_parent, open }
    }

    #[test]
    fn a_child_waits_for_both_its_parents() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::load(dir.path(), "u", Durability::Process).unwrap();
        let shards = [
            shard("a", [None, None], false),
            shard("b", [None, None], false),
            shard("c", [Some("a"), Some("b")], true),
            shard("d", [Some("long gone"), None], true),
        ];
        let reading = BTreeSet::new();
        assert_eq!(due(&shards, &checkpoints, &reading), ["a", "b", "d"]);
        checkpoints.set("a", Position::Finished);
        assert_eq!(due(&shards, &checkpoints, &reading), ["b", "d"]);
        checkpoints.set("b", Position::Finished);
        assert_eq!(due(&shards, &checkpoints, &BTreeSet::from(["d".to_owned()])), ["c"]);
    }

    #[test]
    fn a_new_stream_of_the_same_name_is_read_from_its_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::load(dir.path(), "u", Durability::Process).unwrap();
        checkpoints.set("a", Position::Finished);
        checkpoints.set("b", Position::After("7".into()));
        assert_eq!(due(&[shard("a", [None, None], true)], &checkpoints, &BTreeSet::new()), ["a"]);
        assert_eq!(checkpoints.get("b"), None);
    }
}
