//! Test support that runs `sensorctl` in either way: a hermetic environment, a raw API client, resources created
//! without `sensorctl`, and interrupted commands. The integration tests (`tests/it`) and the unit tests of
//! `src/commands` include it.

mod api_client;
pub mod crash;
mod deletions;
mod env;
mod eventually;
mod foreign_stack;
mod run;
mod settings;
mod signing;

pub use api_client::{ApiClient, RecordedCall, percent_encode};
pub use deletions::{RESOURCE_KINDS, delete_by_hand};
pub use env::{Runner, Sandbox};
pub use eventually::eventually;
pub use foreign_stack::ForeignStack;
pub use run::{Run, send_signal};
pub use settings::{changed_settings, create_permissions_boundary};
