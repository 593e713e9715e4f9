//! The reads of a stream that looking at a pipeline may take: Lambda lives on the same five reads a second of each shard
//! (docs/facts/kinesis.md, Read limits).

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// The time from one read to the next, of any shard.
const PAUSE: Duration = Duration::from_secs(1);
/// Reads of one shard in all.
const READS_OF_SHARD: u32 = 5;

/// The remaining reads.
#[derive(Debug, Default)]
pub(crate) struct ReadBudget(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: Option<Instant>,
    taken: BTreeMap<String, u32>,
}

impl ReadBudget {
    /// Takes one read of a shard, and waits until it is due. Returns false if the shard has none left.
    pub(crate) async fn take(&self, shard: &str) -> bool {
        let mut state = self.0.lock().await;
        let taken = state.taken.entry(shard.to_owned()).or_default();
        if *taken >= READS_OF_SHARD {
            return false;
        }
        *taken += 1;
        if let Some(next) = state.next {
            sleep_until(next).await;
        }
        state.next = Some(Instant::now() + PAUSE);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn read_budget_gives_one_read_a_second_and_five_a_shard() {
        let budget = ReadBudget::default();
        let began = Instant::now();
        for n in 0..5 {
            assert!(budget.take("shardId-0").await);
            assert_eq!(began.elapsed().as_secs(), n);
        }
        assert!(!budget.take("shardId-0").await);
        assert!(budget.take("shardId-1").await);
        assert_eq!(began.elapsed().as_secs(), 5);
    }
}
