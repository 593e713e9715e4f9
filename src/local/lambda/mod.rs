//! The Lambda half of the local cloud: functions as real processes behind the real Runtime API, and event source
//! mappings that bring them the records of a stream.
//!
//! `router` takes requests apart; `functions`, `mappings`, `invoke` and their neighbors answer them from `state`; `pool` →
//! `execution_environment` → `runtime_api` run code; `poller` → `shard_reader` → `shard_worker` move records.

#[cfg(test)]
mod activity;
mod batch;
mod batch_response;
mod batcher;
mod checkpoint;
mod code;
mod concurrency;
mod environment;
mod event;
mod event_queue;
mod execution_environment;
mod failure;
mod failure_destination;
mod filter;
mod function_name;
mod function_settings;
mod functions;
mod invocation;
mod invoke;
mod invoke_api;
mod log_forwarder;
mod mapping_settings;
mod mappings;
mod orphan_processes;
mod pending_state;
mod permissions;
mod platform_log;
mod poller;
mod pool;
mod process;
mod process_tree;
mod procfs;
mod published;
mod requested_resources;
mod route;
mod router;
mod runtime_api;
mod service;
mod shard_reader;
mod shard_worker;
mod spawn;
mod state;
mod stream_item;
mod tags;
#[cfg(test)]
pub(super) mod tests;
mod unzip;
mod versions;
mod watermark;

use std::path::PathBuf;

use super::credentials::Keys;
use super::diagnostics::Notices;
use super::durability::Durability;
use super::faults::Faults;
use super::iam::Iam;
use super::identity::Identity;
use super::kinesis::Kinesis;
use super::latency_profile::Timing;
use super::logs::Logs;

pub(crate) use route::Route;
pub(crate) use router::error_response;
pub(crate) use service::Lambda;

/// What the Lambda half needs of the rest of the local cloud.
#[derive(Clone)]
pub(crate) struct Deps {
    /// Account and region.
    pub identity: Identity,
    /// Issues the credentials that a function gets.
    pub keys: Keys,
    /// Streams to read.
    pub kinesis: Kinesis,
    /// Roles to check.
    pub iam: Iam,
    /// Where functions' output goes.
    pub logs: Logs,
    /// What goes wrong on request.
    pub faults: Faults,
    /// Where what nobody asks for is told.
    pub notices: Notices,
    /// Where state and unpacked code are kept.
    pub dir: PathBuf,
    /// What changes survive.
    pub durability: Durability,
    /// The local cloud's own address, for the functions.
    pub endpoint: String,
    /// How long changes take.
    pub timing: Timing,
}
