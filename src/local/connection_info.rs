//! Connection settings for clients of a local cloud.

use std::fmt;
use std::time::Duration;

/// An access key of a local cloud. Its `Debug` form hides the key.
#[derive(Clone)]
pub struct AccessKey {
    /// Access key ID.
    pub key_id: String,
    /// Secret access key.
    pub secret: String,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AccessKey").finish_non_exhaustive()
    }
}

/// Endpoint, region and credentials of a running local cloud.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// `http://127.0.0.1:PORT`.
    pub endpoint_url: String,
    /// Region of the local cloud.
    pub region: String,
    /// Its owner's credentials.
    pub access_key: AccessKey,
    /// How long the old settings of a changed event source mapping may stay in effect.
    pub mapping_in_force: Duration,
}

/// Prefix of the owner's access key ID; no AWS key has it.
pub(crate) const OWNER_KEY_PREFIX: &str = "LKIA";
