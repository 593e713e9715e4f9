//! The Lambda half of the local cloud: functions as real processes behind the real Runtime API, and event source
//! mappings that bring them the records of a stream.
//!
//! `router` takes requests apart; `functions`, `mappings`, `invoke` and their neighbors answer them from `state`; `pool` →
//! `execution_environment` → `runtime_api` run code; `poller` → `shard_reader` → `shard_worker` move records.

#[cfg(test)]
mod activity;
mod api;
mod event_queue;
mod event_source;
mod permissions;
mod published;
mod runtime;
mod service;
mod state;
#[cfg(test)]
pub(crate) mod tests;

use std::path::PathBuf;

use super::diagnostics::Diagnostics;
use super::durability::Durability;
use super::faults::Faults;
use super::iam::Iam;
use super::identity::Identity;
use super::kinesis::Kinesis;
use super::latency_profile::LatencyProfile;
use super::logs::Logs;
use crate::auth::credentials::CredentialStore;

pub(crate) use crate::lambda::api::request::error_response;
pub(crate) use crate::lambda::api::route::Route;
pub(crate) use crate::lambda::api::router::handle;
pub(crate) use service::Lambda;

/// What the Lambda half needs of the rest of the local cloud.
#[derive(Clone)]
pub(crate) struct LambdaServices {
    /// Account and region.
    pub identity: Identity,
    /// Issues the credentials that a function gets.
    pub keys: CredentialStore,
    /// Streams to read.
    pub kinesis: Kinesis,
    /// Roles to check.
    pub iam: Iam,
    /// Where functions' output goes.
    pub logs: Logs,
    /// What goes wrong on request.
    pub faults: Faults,
    /// Where what nobody asks for is told.
    pub notices: Diagnostics,
    /// Where state and unpacked code are kept.
    pub dir: PathBuf,
    /// What changes survive.
    pub durability: Durability,
    /// The local cloud's own address, for the functions.
    pub endpoint: String,
    /// How long changes take.
    pub timing: LatencyProfile,
}
