//! Support for tests that run `sensorctl` as a process, and all of the shared test support.

mod fake_aws;
mod interposed;
mod process_runner;
mod role_session;
#[allow(dead_code, unused_imports, reason = "the unit tests of `src/commands` use the rest")]
#[path = "../../support/mod.rs"]
mod shared;
mod terminal;
mod test_resource;

use std::path::{Path, PathBuf};

pub use fake_aws::{ACCOUNT, CannedError, FakeAws, http as fake_http};
pub use interposed::{Interposed, an_hour_ahead, with_body};
pub use process_runner::{ProcessRunner, TestEnv};
pub use role_session::role_session;
pub use shared::*;
pub use test_resource::TestResource;

/// Returns the path of a file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Returns the PATH of commands: this process's own, with an AWS CLI before all that answers at once.
pub fn search_path() -> String {
    format!("{}:{}", repository("tests/fixtures/bin").display(), std::env::var("PATH").unwrap_or_default())
}
