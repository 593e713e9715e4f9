//! Saves how far the inputs are settled.

use std::future::pending;

use tokio::time::Instant;

use super::Scheduler;
use crate::error::Error;
use crate::pipeline::put::checkpoint::checkpoint_saver::CheckpointSaver;
use crate::pipeline::put::intake::Unsaved;
use crate::pipeline::put::stream_writer::StreamWriter;

impl<W: StreamWriter> Scheduler<'_, W> {
    /// Begins to save what is settled, if a save is due. Returns the time of the next look.
    pub(super) fn save_when_due(&mut self, now: Instant) -> Option<Instant> {
        let due = self.saver.as_ref()?.due()?;
        if now < due {
            return Some(due);
        }
        if let Err(error) = self.save(now) {
            self.halt.abort_with(error);
            return None;
        }
        self.saver.as_ref()?.due()
    }

    fn save(&mut self, now: Instant) -> Result<(), Error> {
        let Some(saver) = &mut self.saver else { return Ok(()) };
        let first_open = self.groups.first_unsettled().unwrap_or(self.intake.read());
        match self.intake.settle_before(first_open)? {
            Some(Unsaved { inputs, rejects }) => saver.begin(inputs, rejects, now),
            None => saver.put_off(now),
        }
        Ok(())
    }

    /// Saves the last state, now that nothing is in flight.
    pub(super) async fn save_at_end(&mut self) -> Result<(), Error> {
        let before = match &mut self.saver {
            Some(saver) => saver.finish().await,
            None => return Ok(()),
        };
        self.save(Instant::now())?;
        match &mut self.saver {
            Some(saver) => before.and(saver.finish().await),
            None => before,
        }
    }
}

/// Waits for the save that runs. Never returns without one.
pub(super) async fn saved(saver: &mut Option<CheckpointSaver>) -> Result<(), Error> {
    match saver {
        Some(saver) => saver.saved().await,
        None => pending().await,
    }
}
