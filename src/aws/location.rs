//! Where calls go.

use std::fmt;

use crate::loopback::is_loopback;

/// Account and region of a call, and the endpoint that replaces AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallLocation {
    /// The account, once known, and the region.
    pub place: String,
    /// The endpoint that replaces AWS.
    pub endpoint: Option<String>,
    /// True if this is the local cloud that `--local` finds.
    pub is_local_cloud: bool,
}

impl CallLocation {
    /// Returns whether the calls stay on this machine.
    #[must_use]
    pub(crate) fn is_near(&self) -> bool {
        self.endpoint.as_deref().is_some_and(is_loopback)
    }

    /// Returns the endpoint that was named, of an emulator or another server.
    #[must_use]
    pub(crate) fn named_endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref().filter(|_| !self.is_local_cloud)
    }
}

impl fmt::Display for CallLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.place)?;
        self.endpoint.iter().try_for_each(|endpoint| write!(formatter, " at {endpoint}"))
    }
}

/// A place on AWS.
impl From<&str> for CallLocation {
    fn from(place: &str) -> Self {
        CallLocation { place: place.to_owned(), ..CallLocation::default() }
    }
}
