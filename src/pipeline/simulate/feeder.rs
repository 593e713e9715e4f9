//! Hands the readings of a simulation to the bulk put: at a steady rate, or as fast as they are taken.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::generator::Generator;
use super::plan::SimulationPlan;
use super::reconciliation::SharedLedger;
use crate::pipeline::ParsedChunks;
use crate::pipeline::input::parsed_chunk::ParsedChunk;
use crate::pipeline::input::parsed_line::ParsedLine;

/// Readings that are handed over at once without a rate.
const CHUNK: u64 = 500;
/// Chunks that wait to be sent. Few, because a reading counts as sent from when it waits.
const WAITING: usize = 1;
/// Time between two hand-overs at most. At a lower rate each reading is handed over alone, at its own moment.
const TICK: Duration = Duration::from_millis(20);
/// A delay up to this, from a slow timer, is made up for. A longer one is not, or a burst would follow it.
const CATCH_UP: Duration = Duration::from_millis(100);

/// The size and the pace of a simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SimulationSize {
    /// Readings to send, duplicates included.
    pub count: Option<u64>,
    /// Time after which no more readings are sent.
    pub duration: Option<Duration>,
    /// Readings per second over all sensors; as fast as possible without it.
    pub rate: Option<f64>,
}

/// Generates readings in a task of its own and notes in the ledger when each was handed over.
#[must_use]
pub(crate) fn simulated_chunks(
    plan: Arc<SimulationPlan>,
    size: SimulationSize,
    ledger: Option<SharedLedger>,
) -> ParsedChunks {
    let (sender, chunks) = mpsc::channel(WAITING);
    let feeder = Feeder { readings: Generator::new(plan), size, ledger, sent: 0, sender };
    tokio::spawn(feeder.run());
    ParsedChunks::from_channel(chunks)
}

struct Feeder {
    readings: Generator,
    size: SimulationSize,
    ledger: Option<SharedLedger>,
    sent: u64,
    sender: mpsc::Sender<Result<ParsedChunk, crate::error::Error>>,
}

impl Feeder {
    async fn run(mut self) {
        let end = self.size.duration.and_then(|duration| Instant::now().checked_add(duration));
        let mut pace = self.size.rate.map(Pace::new);
        while !self.is_done(end) {
            let mut due = CHUNK;
            if let Some(pace) = &mut pace {
                let next = pace.next_hand_over();
                if end.is_some_and(|end| next > end) {
                    return;
                }
                tokio::select! {
                    () = sleep_until(next) => {}
                    () = self.sender.closed() => return,
                }
                due = pace.due();
            }
            let left = self.size.count.map_or(u64::MAX, |count| count - self.sent);
            if !self.hand_over(due.min(left)).await {
                return;
            }
        }
    }

    fn is_done(&self, end: Option<Instant>) -> bool {
        self.size.count.is_some_and(|count| self.sent >= count) || end.is_some_and(|end| Instant::now() >= end)
    }

    /// Returns false when nobody takes readings any more, or there are no more.
    async fn hand_over(&mut self, count: u64) -> bool {
        let Ok(permit) = self.sender.reserve().await else { return false };
        let mut chunk = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
        let mut slots = Vec::with_capacity(chunk.capacity());
        for reading in self.readings.by_ref().take(usize::try_from(count).unwrap_or(usize::MAX)) {
            slots.push(reading.slot);
            chunk.push(ParsedLine::Ready(reading.record));
        }
        self.sent += chunk.len() as u64;
        if let Some(ledger) = &self.ledger {
            ledger.lock().note_sent(&slots);
        }
        let is_whole = chunk.len() as u64 == count;
        permit.send(Ok(chunk.into_iter().collect()));
        is_whole
    }
}

/// The moments at which readings are due.
struct Pace {
    rate: f64,
    origin: Instant,
    /// Readings that were due since the origin.
    taken: u64,
}

impl Pace {
    fn new(rate: f64) -> Self {
        Pace { rate, origin: Instant::now(), taken: 0 }
    }

    /// Returns when the next reading is due, or the end of a tick if several are due within it.
    fn next_hand_over(&mut self) -> Instant {
        let now = Instant::now();
        let due = self.origin + self.time_of(self.taken);
        if due + CATCH_UP < now {
            // The stream was slower than the rate.
            self.origin = now;
            self.taken = 0;
            return now;
        }
        if self.rate > TICK.as_secs_f64().recip() { due.max(now + TICK / 2) } else { due }
    }

    /// Returns the readings that are due now, at least one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count above zero")]
    fn due(&mut self) -> u64 {
        let all = (self.origin.elapsed().as_secs_f64() * self.rate) as u64 + 1;
        let due = all.saturating_sub(self.taken).max(1);
        self.taken += due;
        due
    }

    #[expect(clippy::cast_precision_loss, reason = "a time to the microsecond")]
    fn time_of(&self, readings: u64) -> Duration {
        Duration::try_from_secs_f64(readings as f64 / self.rate).unwrap_or(Duration::MAX / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::plan_of;
    use super::*;

    /// Takes everything, and returns the sizes of the chunks with their times.
    async fn taken(size: SimulationSize) -> Vec<(Duration, usize)> {
        let began = Instant::now();
        let mut chunks = simulated_chunks(Arc::new(plan_of(1, 10)), size, None);
        let mut found = Vec::new();
        while let Some(chunk) = chunks.next().await {
            found.push((began.elapsed(), chunk.unwrap().items.len()));
        }
        found
    }

    fn sum(chunks: &[(Duration, usize)]) -> usize {
        chunks.iter().map(|(_, count)| count).sum()
    }

    #[tokio::test(start_paused = true)]
    async fn rate_is_steady_within_each_tenth_of_a_second() {
        let size = SimulationSize { count: None, duration: Some(Duration::from_secs(3)), rate: Some(1000.0) };
        let chunks = taken(size).await;
        assert!((2950..=3010).contains(&sum(&chunks)), "{}", sum(&chunks));
        for tenth in 0..29 {
            let within = chunks.iter().filter(|(time, _)| time.as_millis() / 100 == tenth);
            let count: usize = within.map(|(_, count)| count).sum();
            assert!((75..=125).contains(&count), "{count} readings in tenth {tenth}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn low_rate_hands_over_single_readings_and_count_ends_it() {
        let size = SimulationSize { count: Some(7), duration: None, rate: Some(2.0) };
        let chunks = taken(size).await;
        assert_eq!(chunks.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [1; 7]);
        let last = chunks[6].0;
        assert!((2990..3100).contains(&last.as_millis()), "{last:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_rate_chunks_are_full_and_count_is_exact() {
        let size = SimulationSize { count: Some(1234), duration: None, rate: None };
        assert_eq!(taken(size).await.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [500, 500, 234]);
    }

    #[tokio::test(start_paused = true)]
    async fn stall_of_the_stream_is_not_followed_by_a_burst() {
        let size = SimulationSize { count: None, duration: Some(Duration::from_secs(4)), rate: Some(1000.0) };
        let mut chunks = simulated_chunks(Arc::new(plan_of(1, 10)), size, None);
        chunks.next().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut largest = 0;
        while let Some(chunk) = chunks.next().await {
            largest = largest.max(chunk.unwrap().items.len());
        }
        assert!(largest <= 120, "{largest}");
    }
}
