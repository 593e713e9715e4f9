//! `doctor`: tests everything that a pipeline needs around it, each check on its own.
//!
//! The judgements are pure: they get what was observed, so that tests can feed them what no local cloud gives. A check
//! that could not be made is `unknown` with the reason, never `ok`.

mod artifact;
mod finding;
mod local_cloud;
mod retention;

pub(crate) use artifact::{examine_artifact, examine_zip};
pub(crate) use finding::{CheckResult, Finding};
pub(crate) use local_cloud::{LocalCloudFacts, RunningLocalCloud, examine_local_cloud};
pub(crate) use retention::examine_retention;
