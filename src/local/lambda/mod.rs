//! Lambda: a stand-in until the real one is merged.

use std::path::PathBuf;

use super::iam::Iam;
use super::identity::Identity;
use super::keys::Keys;
use super::kinesis::Kinesis;
use super::logs::Logs;
use super::wire::{Request, Response, ServiceError};
use crate::error::Error;

/// The Lambda of one local cloud; clones share it.
#[derive(Clone)]
pub(crate) struct Lambda;

/// What Lambda needs of the other services.
pub(crate) struct Deps {
    /// Account and region.
    pub identity: Identity,
    /// For the functions' own credentials.
    pub keys: Keys,
    /// For the pollers.
    pub kinesis: Kinesis,
    /// For execution roles.
    pub iam: Iam,
    /// For what functions write.
    pub logs: Logs,
    /// Where to keep state.
    pub dir: PathBuf,
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
}

#[expect(clippy::unused_async, reason = "the real one waits")]
impl Lambda {
    pub(crate) async fn start(_deps: Deps) -> Result<Lambda, Error> {
        Ok(Lambda)
    }

    pub(crate) async fn handle(&self, _request: Request) -> Response {
        ServiceError::new(501, "NotImplemented", "not built yet").rest()
    }

    pub(crate) async fn shutdown(&self) {}
}
