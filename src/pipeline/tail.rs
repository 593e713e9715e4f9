//! Reads records as they enter the stream: every shard, parents before children, without a gap and without a repeat.
//!
//! ```text
//! coordinator (shard tree: which shards may be read) → a task for each shard (iterators, pauses, retries)
//!                                  ↑ end of a shard ───┘   └→ pages, in one channel → user records → readings
//! ```
//!
//! A task hands over the last page of its shard before it reports the end. The coordinator starts children only then,
//! so that their pages come later in the channel.

pub(crate) mod coordinator;
pub(crate) mod event;
pub(crate) mod fan_out_reader;
#[cfg(test)]
mod model_tests;
pub(crate) mod polling_reader;
pub(crate) mod progress;
pub(crate) mod read_pace;
pub(crate) mod shard_task;
pub(crate) mod shard_tree;
pub(crate) mod stream_consumer;
pub(crate) mod stream_reader;
pub(crate) mod tail_page;
pub(crate) mod trouble;
