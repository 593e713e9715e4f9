//! Test support: a hermetic environment for `sensorctl`, a raw API client, and resources made without `sensorctl`.

mod api_client;
mod deletions;
mod env;
mod eventually;
mod fake_aws;
mod foreign_stack;
mod run;
mod settings;
mod signing;
mod test_resource;

use std::path::{Path, PathBuf};

pub use api_client::{ApiClient, RecordedCall, percent_encode};
pub use deletions::{RESOURCE_KINDS, delete_by_hand};
pub use env::TestEnv;
pub use eventually::eventually;
pub use fake_aws::{ACCOUNT, CannedError, FakeAws};
pub use foreign_stack::ForeignStack;
pub use run::{Run, send_signal};
pub use settings::{changed_settings, create_permissions_boundary};
pub use test_resource::TestResource;

/// Returns the path of a file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
