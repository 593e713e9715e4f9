//! Paces reads of tags one by one: some rate limits are per account, so other clients would be throttled.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Kinesis allows five `ListTagsForStream` per second and account (docs/facts/kinesis.md, Call rates).
const PERIOD: Duration = Duration::from_millis(250);

/// A pace of four calls per second on AWS, and without limit on this machine.
pub(super) struct Pace(Option<Mutex<Interval>>);

impl Pace {
    /// Returns a pace that begins now.
    pub(super) fn new(is_nearby: bool) -> Self {
        Pace((!is_nearby).then(|| {
            let mut ticks = interval(PERIOD);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Mutex::new(ticks)
        }))
    }

    /// Waits for the turn of the next call.
    pub(super) async fn turn(&self) {
        if let Some(ticks) = &self.0 {
            ticks.lock().await.tick().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pace_limits_calls_on_aws_only() {
        for (is_nearby, least) in [(false, Duration::from_secs(2)), (true, Duration::ZERO)] {
            let (pace, began) = (Pace::new(is_nearby), Instant::now());
            for _ in 0..9 {
                pace.turn().await;
            }
            assert_eq!(began.elapsed(), least);
        }
    }
}
