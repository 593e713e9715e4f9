//! `[tail]`: how `tail` reads the stream.

use std::time::Duration;

use super::constraints;
use super::layers::Layers;
use crate::error::Error;

/// Settings of `tail`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TailSettings {
    /// The pause between two reads of a shard while records wait. `None` leaves the choice to the endpoint.
    pub pause: Option<Duration>,
}

impl TailSettings {
    pub(super) fn read(layers: &mut Layers<'_>) -> Result<Self, Error> {
        let range = &constraints::TAIL_PAUSE;
        let accept = |milliseconds| range.accept(milliseconds);
        let pause = layers.section("tail").integer_or("pause_ms", "auto", None, accept, &range.in_words())?;
        Ok(TailSettings { pause: pause.map(|pause| Duration::from_millis(u64::from(pause.unsigned_abs()))) })
    }
}
