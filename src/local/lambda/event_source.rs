//! Event source mappings at work: pollers, shard workers, batches, filters, checkpoints, failure destinations.

pub(crate) mod batch;
pub(crate) mod batch_response;
pub(crate) mod batcher;
pub(crate) mod checkpoint;
pub(crate) mod event;
pub(crate) mod failure_destination;
pub(crate) mod filter;
pub(crate) mod poller;
pub(crate) mod poller_handle;
pub(crate) mod shard_reader;
pub(crate) mod shard_worker;
pub(crate) mod stream_item;
pub(crate) mod watermark;
