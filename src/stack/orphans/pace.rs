//! How fast tags are asked for one by one: some of the limits are of the whole account, so others would be throttled.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Kinesis takes five `ListTagsForStream` a second of an account (docs/facts/kinesis.md, Call rates).
const PERIOD: Duration = Duration::from_millis(250);

/// Lets four calls a second begin on AWS, and any number on this machine.
pub struct Pace(Option<Mutex<Interval>>);

impl Pace {
    /// A pace that begins now.
    pub fn new(is_nearby: bool) -> Self {
        Pace((!is_nearby).then(|| {
            let mut ticks = interval(PERIOD);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Mutex::new(ticks)
        }))
    }

    /// Waits for the turn of the next call.
    pub async fn turn(&self) {
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
    async fn four_calls_a_second_begin_on_aws_and_none_waits_on_this_machine() {
        for (is_nearby, least) in [(false, Duration::from_secs(2)), (true, Duration::ZERO)] {
            let (pace, began) = (Pace::new(is_nearby), Instant::now());
            for _ in 0..9 {
                pace.turn().await;
            }
            assert_eq!(began.elapsed(), least);
        }
    }
}
