//! The Lambda half of the local cloud.
//!
//! Functions are real processes behind the real Runtime API; event source mappings deliver the records of a stream to
//! them.
//!
//! `router` parses requests; `functions`, `mappings`, `invoke` and their neighbors handle them with `state`; `pool` →
//! `execution_environment` → `runtime_api` run code; `poller` → `shard_reader` → `shard_worker` move records.

#[cfg(test)]
mod activity;
mod api;
mod counters;
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

/// The services that Lambda needs from the rest of the local cloud.
#[derive(Clone)]
pub(crate) struct LambdaServices {
    /// Account and region.
    pub identity: Identity,
    /// Issues the credentials of functions.
    pub keys: CredentialStore,
    /// The streams.
    pub kinesis: Kinesis,
    /// The roles.
    pub iam: Iam,
    /// The logs of functions.
    pub logs: Logs,
    /// The injected faults.
    pub faults: Faults,
    /// Receives failures of background work.
    pub notices: Diagnostics,
    /// Directory of state and unpacked code.
    pub dir: PathBuf,
    /// Durability of changes.
    pub durability: Durability,
    /// Endpoint of the local cloud, for the functions.
    pub endpoint: String,
    /// Durations of changes.
    pub timing: LatencyProfile,
}
