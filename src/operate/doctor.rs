//! `doctor`: tests everything that a pipeline needs around it, each check on its own.
//!
//! The judgements are pure: they get what was observed, so that tests can feed them what no local cloud gives. A check
//! that could not be made is `unknown` with the reason, never `ok`.

mod artifact;
mod calls;
mod capacity_quota;
mod clock;
mod connection;
mod credentials;
mod endpoint;
mod finding;
mod kinesis_quota;
mod lambda_quota;
mod local_cloud;
mod permissions;
mod retention;
mod services;
mod tag_policy;

pub(crate) use artifact::{examine_artifact, examine_zip};
pub(crate) use connection::examine_connection;
pub(crate) use finding::{CheckFinding, CheckResult};
pub(crate) use local_cloud::{LocalCloudFacts, RunningLocalCloud, examine_local_cloud};
pub(crate) use retention::examine_retention;
pub(crate) use services::{examine_permissions, examine_services, services_not_asked};
