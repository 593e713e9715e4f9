//! The options of a bulk put.

use tokio_util::sync::CancellationToken;

use crate::pipeline::{PutObserver, RejectsFile};

/// The options of a bulk put.
pub(crate) struct PutOptions<'a> {
    /// Maximum readings per second.
    pub rate: Option<f64>,
    /// File for rejected lines.
    pub rejects: Option<&'a mut RejectsFile>,
    /// Receives events.
    pub observer: &'a dyn PutObserver,
    /// Ends the bulk put early.
    pub interrupt: &'a CancellationToken,
}
