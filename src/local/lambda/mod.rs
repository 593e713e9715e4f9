//! The Lambda half of the local cloud: functions as real processes behind the real Runtime API, and event source
//! mappings that bring them the records of a stream.
//!
//! `control_api` takes requests apart; `functions_api`, `mappings_api`, `invoke` and their neighbours answer them from
//! `state`; `pool` → `worker` → `runtime_api` run code; `mapping_task` → `shard_reader` → `lane` move records.

#[cfg(test)]
mod activity;
mod asked;
mod batch;
mod batch_answer;
mod batching;
mod checkpoint;
mod code;
mod concurrency_api;
mod control_api;
mod discard;
mod environment;
mod event;
mod event_queue;
mod failure;
mod filter;
mod function_settings;
mod functions_api;
mod invocation;
mod invoke;
mod invoke_api;
mod lane;
mod launch;
mod leftovers;
mod log_lines;
mod mapping_settings;
mod mapping_task;
mod mappings_api;
mod names;
mod permissions;
mod platform_lines;
mod pool;
mod process;
mod process_tree;
mod procfs;
mod progress;
mod published;
mod records;
mod route;
mod runtime_api;
mod service;
mod settling;
mod shard_reader;
mod state;
mod tags_api;
#[cfg(test)]
pub(super) mod tests;
mod unzip;
mod versions_api;
mod worker;

use std::path::PathBuf;

use super::durability::Durability;
use super::faults::Faults;
use super::iam::Iam;
use super::identity::Identity;
use super::keys::Keys;
use super::kinesis::Kinesis;
use super::logs::Logs;
use super::notices::Notices;
use super::timing::Timing;

pub(crate) use control_api::failure;
pub(crate) use route::Route;
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
