//! Sends readings to the stream: groups by shard, aggregates, requests, retries and the counts of the report.
//!
//! ```text
//! intake (--rate, rejected lines) → key groups (shard map, aggregation) → request → stream writer (PutRecords)
//!                                        ↑ retry, rate of each shard ←────────────── answers → ledger → checkpoint
//! ```

pub(crate) mod abort_signal;
pub(crate) mod aggregate_count;
pub(crate) mod aggregation;
pub(crate) mod aggregation_mode;
pub(crate) mod bulk_put;
pub(crate) mod checkpoint;
pub(crate) mod estimate;
pub(crate) mod event;
pub(crate) mod group_layout;
pub(crate) mod intake;
pub(crate) mod key_groups;
pub(crate) mod key_slots;
pub(crate) mod map_refresh;
pub(crate) mod parcel;
mod put_body;
pub(crate) mod put_options;
pub(crate) mod rate_limit;
pub(crate) mod reading_sizes;
pub(crate) mod record;
pub(crate) mod request;
pub(crate) mod retry;
pub(crate) mod scheduler;
pub(crate) mod sender;
pub(crate) mod shard_map;
pub(crate) mod stream_lookup;
pub(crate) mod stream_writer;
