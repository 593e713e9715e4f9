//! The shards of a stream and their parents: a shard may be read when all of its parents were read to their end.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::stream_reader::{ListedShard, ShardPosition};

/// The shards to read.
#[derive(Debug, Default)]
pub(super) struct ShardTree {
    /// By id. Ids grow with the time of creation.
    nodes: BTreeMap<String, Node>,
}

#[derive(Debug)]
struct Node {
    shard: Arc<ListedShard>,
    state: NodeState,
}

#[derive(Debug)]
enum NodeState {
    /// It is read from this position when its parents are finished.
    Waiting(ShardPosition),
    Reading,
    Finished,
}

impl ShardTree {
    /// Adds a shard that is to be read from a position. One that is known already stays as it is.
    pub(super) fn add(&mut self, shard: ListedShard, position: ShardPosition) {
        let node = |shard| Node { shard: Arc::new(shard), state: NodeState::Waiting(position) };
        self.nodes.entry(shard.id.clone()).or_insert_with(|| node(shard));
    }

    /// Returns a shard.
    pub(super) fn get(&self, id: &str) -> Option<&ListedShard> {
        self.nodes.get(id).map(|node| &*node.shard)
    }

    /// Returns the known children of a shard.
    pub(super) fn children(&self, id: &str) -> Vec<String> {
        let is_child = |node: &&Node| node.shard.parents.iter().any(|parent| parent == id);
        self.nodes.values().filter(is_child).map(|node| node.shard.id.clone()).collect()
    }

    /// Returns the shards that may be read now. From now on they count as being read. A parent that is not known has no
    /// records any more, or none that are asked for.
    pub(super) fn take_ready(&mut self) -> Vec<(Arc<ListedShard>, ShardPosition)> {
        let is_done =
            |parent: &String| self.nodes.get(parent).is_none_or(|parent| matches!(parent.state, NodeState::Finished));
        let is_ready =
            |node: &Node| matches!(node.state, NodeState::Waiting(_)) && node.shard.parents.iter().all(is_done);
        let ready: Vec<_> = self.nodes.iter().filter(|(_, node)| is_ready(node)).map(|(id, _)| id.clone()).collect();
        ready.into_iter().filter_map(|id| self.take(&id)).collect()
    }

    fn take(&mut self, id: &str) -> Option<(Arc<ListedShard>, ShardPosition)> {
        let node = self.nodes.get_mut(id)?;
        match std::mem::replace(&mut node.state, NodeState::Reading) {
            NodeState::Waiting(position) => Some((node.shard.clone(), position)),
            NodeState::Reading | NodeState::Finished => None,
        }
    }

    /// Marks a shard as read to its end.
    pub(super) fn finish(&mut self, id: &str) {
        self.set(id, NodeState::Finished);
    }

    /// Marks a shard as to be read again, from a position.
    pub(super) fn read_again(&mut self, id: &str, position: ShardPosition) {
        self.set(id, NodeState::Waiting(position));
    }

    fn set(&mut self, id: &str, state: NodeState) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.state = state;
        }
    }

    /// Returns the number of shards that are being read.
    pub(super) fn reading(&self) -> usize {
        self.nodes.values().filter(|node| matches!(node.state, NodeState::Reading)).count()
    }

    /// Returns whether all shards were read to their end.
    pub(super) fn is_finished(&self) -> bool {
        self.nodes.values().all(|node| matches!(node.state, NodeState::Finished))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(shards: &[(&str, &[&str])]) -> ShardTree {
        let mut tree = ShardTree::default();
        for (id, parents) in shards {
            tree.add(shard(id, parents), ShardPosition::TrimHorizon);
        }
        tree
    }

    fn shard(id: &str, parents: &[&str]) -> ListedShard {
        ListedShard {
            id: id.to_owned(),
            parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
            range: None,
            first_sequence_number: String::new(),
            is_closed: false,
        }
    }

    fn ready(tree: &mut ShardTree) -> Vec<String> {
        tree.take_ready().into_iter().map(|(shard, _)| shard.id.clone()).collect()
    }

    #[test]
    fn children_of_a_split_wait_for_their_parent() {
        let mut tree = tree(&[("0", &[]), ("1", &["0"]), ("2", &["0"])]);
        assert_eq!(ready(&mut tree), ["0"]);
        assert_eq!(ready(&mut tree), [""; 0]);
        tree.finish("0");
        assert_eq!(ready(&mut tree), ["1", "2"]);
        assert_eq!((tree.reading(), tree.is_finished()), (2, false));
    }

    #[test]
    fn child_of_a_merge_waits_for_both_parents_and_starts_once() {
        let mut tree = tree(&[("0", &[]), ("1", &[]), ("2", &["0", "1"])]);
        assert_eq!(ready(&mut tree), ["0", "1"]);
        tree.finish("1");
        assert_eq!(ready(&mut tree), [""; 0]);
        tree.add(shard("2", &["0", "1"]), ShardPosition::TrimHorizon);
        tree.finish("0");
        assert_eq!(ready(&mut tree), ["2"]);
        tree.add(shard("2", &["0", "1"]), ShardPosition::TrimHorizon);
        assert_eq!(ready(&mut tree), [""; 0]);
        tree.finish("2");
        assert!(tree.is_finished());
    }

    #[test]
    fn parent_that_is_not_listed_counts_as_read() {
        let mut tree = tree(&[("5", &["3", "4"])]);
        assert_eq!(ready(&mut tree), ["5"]);
        tree.read_again("5", ShardPosition::After("7".into()));
        assert_eq!(tree.take_ready()[0].1, ShardPosition::After("7".into()));
    }
}
