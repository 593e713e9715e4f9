//! How readings are put.

use tokio_util::sync::CancellationToken;

use crate::pipeline::{PutObserver, RejectsFile};

/// What to do besides sending.
pub struct PutOptions<'a> {
    /// Readings per second at most.
    pub rate: Option<f64>,
    /// Keeps rejected lines.
    pub rejects: Option<&'a mut RejectsFile>,
    /// Hears of what happens.
    pub observer: &'a dyn PutObserver,
    /// Ends it early.
    pub interrupt: &'a CancellationToken,
}
