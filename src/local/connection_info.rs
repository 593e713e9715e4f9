//! How clients reach a local cloud.

use std::fmt;
use std::time::Duration;

/// An access key of a local cloud. Its `Debug` form hides the key.
#[derive(Clone)]
pub struct AccessKey {
    /// Access key id.
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
    /// The region that it reports.
    pub region: String,
    /// Its owner's credentials.
    pub access_key: AccessKey,
    /// How long a changed event source mapping may still run with its old settings.
    pub mapping_in_force: Duration,
}

/// What the owner's access key id begins with; no key of AWS does.
pub(crate) const OWNER_KEY_PREFIX: &str = "LKIA";
