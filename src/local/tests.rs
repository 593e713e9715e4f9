//! End-to-end tests of the local cloud: through the AWS SDK, over HTTP, across restarts.

mod authorization;
pub(crate) mod clients;
mod cloudwatch;
mod connections;
mod eventually;
mod fan_out;
mod files;
pub(super) mod fuzzing;
mod malformed;
mod nesting;
mod ownership;
mod services;
mod tables;
mod wire;

use std::path::Path;

pub(crate) use self::eventually::eventually;
use super::{LocalCloud, LocalOptions};
use crate::protocol::aws_json::now_ms;
use crate::tests::clients::{Clients, connect};

/// Waits for the next millisecond, so that records put before and after it differ in their time.
pub(super) async fn next_millisecond() {
    let before = now_ms();
    while now_ms() == before {
        tokio::task::yield_now().await;
    }
}

async fn start(dir: &Path) -> (LocalCloud, Clients) {
    let options = LocalOptions {
        data_dir: dir.to_owned(),
        port: 0,
        region: Some("eu-central-1".into()),
        ..LocalOptions::default()
    };
    let cloud = LocalCloud::start(options).await.unwrap();
    let clients = connect(&cloud.connection_info()).await;
    (cloud, clients)
}
