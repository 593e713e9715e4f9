//! Decides when the shards are listed again.

use std::time::Duration;

use tokio::time::Instant;

/// The shortest time between two lists. `ListShards` has a limit of its own for each stream (docs/facts/kinesis.md, Call
/// rates).
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest pause after lists that brought nothing new.
const LONGEST: Duration = Duration::from_secs(30);

/// The state of the list of shards.
#[derive(Debug)]
pub(crate) struct MapRefresh {
    is_stale: bool,
    is_running: bool,
    not_before: Instant,
    pause: Duration,
}

impl MapRefresh {
    /// Returns the state of a list that was just read.
    pub(crate) fn fresh(now: Instant) -> Self {
        MapRefresh { is_stale: false, is_running: false, not_before: now + SHORTEST, pause: SHORTEST }
    }

    /// Notes that a record went to another shard than the list says.
    pub(crate) fn note_stale(&mut self) {
        self.is_stale = true;
    }

    /// Notes a throttle. It may come from a reshard, or be a reason for one, so the list is read again now and then.
    pub(crate) fn note_throttle(&mut self, now: Instant) {
        if now.saturating_duration_since(self.not_before) >= LONGEST {
            self.is_stale = true;
        }
    }

    /// Returns whether to list now.
    ///
    /// # Errors
    /// The time when to ask again.
    pub(crate) fn try_start(&mut self, now: Instant) -> Result<bool, Instant> {
        if !self.is_stale || self.is_running {
            return Ok(false);
        }
        if now < self.not_before {
            return Err(self.not_before);
        }
        self.is_running = true;
        Ok(true)
    }

    /// Notes the end of a list, and whether it had other shards.
    pub(crate) fn finish(&mut self, is_new: bool, now: Instant) {
        self.is_running = false;
        self.is_stale = false;
        self.pause = if is_new { SHORTEST } else { (self.pause * 2).min(LONGEST) };
        self.not_before = now + self.pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn map_refresh_is_paced_and_slows_down_while_nothing_is_new() {
        let mut now = Instant::now();
        let mut refresh = MapRefresh::fresh(now);
        assert_eq!(refresh.try_start(now), Ok(false));
        let mut pauses = Vec::new();
        for _ in 0..7 {
            refresh.note_stale();
            let later = refresh.try_start(now).unwrap_err();
            pauses.push((later - now).as_secs());
            now = later;
            assert_eq!(refresh.try_start(now), Ok(true));
            refresh.note_stale();
            assert_eq!(refresh.try_start(now), Ok(false), "one at a time");
            refresh.finish(false, now);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        refresh.finish(true, now);
        refresh.note_throttle(now + Duration::from_secs(30));
        assert_eq!(refresh.try_start(now + Duration::from_secs(30)), Ok(false), "just read");
        refresh.note_throttle(now + Duration::from_secs(31));
        assert_eq!(refresh.try_start(now + Duration::from_secs(31)), Ok(true));
    }
}
