//! Collects the records of a shard worker into batches.
//!
//! A batch ends when it reaches its number of records, its size or its window, whichever comes first.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout_at;

use super::event::{EMPTY, EVENT_LIMIT, EventEnvelope};
use super::stream_item::StreamItem;

/// The limits of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Maximum number of records.
    pub records: usize,
    /// Batch window: how long its first record waits for others.
    pub window: Duration,
}

/// The records of a shard worker that are not in a batch yet.
pub(crate) struct Batcher {
    limits: Limits,
    records: UnboundedReceiver<StreamItem>,
    queue: VecDeque<StreamItem>,
    #[cfg(test)]
    activity: crate::lambda::activity::Activity,
}

impl Batcher {
    pub(crate) fn new(records: UnboundedReceiver<StreamItem>, limits: Limits) -> Self {
        Batcher {
            limits,
            records,
            queue: VecDeque::new(),
            #[cfg(test)]
            activity: crate::lambda::activity::Activity::default(),
        }
    }

    /// Returns the batcher with its waiting records counted.
    #[cfg(test)]
    pub(crate) fn watched(self, activity: &crate::lambda::activity::Activity) -> Self {
        Batcher { activity: activity.clone(), ..self }
    }

    /// Returns the next batch, or `None` when no more records can come.
    ///
    /// Cancel-safe: dropping the future loses no record.
    pub(crate) async fn next(&mut self, frame: &EventEnvelope) -> Option<Vec<StreamItem>> {
        if self.queue.is_empty() {
            let first = self.records.recv().await?;
            self.queue.push_back(first);
        }
        // The window begins when the record was read: a record that waited while the function was busy need not wait
        // again.
        let deadline = self.queue.front()?.read_at + self.limits.window;
        let mut bytes = EMPTY + frame.length(&self.queue);
        loop {
            while self.queue.len() < self.limits.records
                && bytes <= EVENT_LIMIT
                && let Ok(item) = self.records.try_recv()
            {
                bytes += frame.length([&item]);
                self.queue.push_back(item);
            }
            let is_full =
                self.limits.window.is_zero() || self.queue.len() >= self.limits.records || bytes > EVENT_LIMIT;
            if is_full {
                break;
            }
            #[cfg(test)]
            let _waiting = self.activity.begin(crate::lambda::activity::What::Waiting(self.queue.len()));
            match timeout_at(deadline, self.records.recv()).await {
                Ok(Some(item)) => {
                    bytes += frame.length([&item]);
                    self.queue.push_back(item);
                }
                // The window has passed, or the shard has ended.
                Err(_) | Ok(None) => break,
            }
        }
        let count = frame.fitting(self.queue.iter().take(self.limits.records));
        Some(self.queue.drain(..count).collect())
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
    use tokio::time::Instant;

    use super::*;
    use crate::kinesis::StreamRecord;

    const MINUTE: Duration = Duration::from_secs(60);

    fn frame() -> EventEnvelope {
        EventEnvelope::new("", "", "", "")
    }

    fn batcher(records: usize, window: Duration) -> (UnboundedSender<StreamItem>, Batcher) {
        let (sender, receiver) = unbounded_channel();
        (sender, Batcher::new(receiver, Limits { records, window }))
    }

    /// Sends records with `bytes` of data each.
    fn send(sender: &UnboundedSender<StreamItem>, count: u64, bytes: usize) {
        for index in 0..count {
            let record = StreamRecord {
                sequence_number: index.to_string(),
                partition_key: "k".into(),
                data: "x".repeat(bytes),
                arrival: 0.0,
            };
            sender.send(StreamItem::new(index, record)).unwrap();
        }
    }

    async fn next(batching: &mut Batcher) -> Option<usize> {
        batching.next(&frame()).await.map(|batch| batch.len())
    }

    // The paused clock advances only for pending timers.
    #[tokio::test(start_paused = true)]
    async fn batcher_without_window_returns_available_records_at_once() {
        let (sender, mut batching) = batcher(10, Duration::ZERO);
        send(&sender, 13, 1);
        assert_eq!(next(&mut batching).await, Some(10));
        assert_eq!(next(&mut batching).await, Some(3));
        drop(sender);
        assert_eq!(next(&mut batching).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn batcher_waits_for_the_batch_window_and_no_longer() {
        let (sender, mut batching) = batcher(10, MINUTE);
        let began = Instant::now();
        send(&sender, 2, 1);
        let late = sender.clone();
        tokio::spawn(async move {
            tokio::time::sleep(MINUTE / 2).await;
            send(&late, 3, 1);
        });
        assert_eq!(next(&mut batching).await, Some(5));
        assert_eq!(began.elapsed().as_secs(), 60, "from the first record on");
    }

    #[tokio::test(start_paused = true)]
    async fn batcher_full_batch_does_not_wait() {
        let (sender, mut batching) = batcher(10, MINUTE);
        let began = Instant::now();
        send(&sender, 25, 1);
        assert_eq!((next(&mut batching).await, next(&mut batching).await), (Some(10), Some(10)));
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(next(&mut batching).await, Some(5));
        assert_eq!(began.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn batcher_six_megabytes_do_not_wait_and_are_not_exceeded() {
        let (sender, mut batching) = batcher(10_000, MINUTE);
        let began = Instant::now();
        send(&sender, 8, 1_000_000);
        let batch = batching.next(&frame()).await.unwrap();
        assert_eq!(batch.len(), 6);
        assert!(frame().event(&batch).len() <= EVENT_LIMIT);
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(next(&mut batching).await, Some(2));
        assert_eq!(began.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn batcher_records_that_waited_for_the_function_go_at_once() {
        let (sender, mut batching) = batcher(10, MINUTE);
        send(&sender, 3, 1);
        tokio::time::sleep(2 * MINUTE).await;
        let began = Instant::now();
        assert_eq!(next(&mut batching).await, Some(3));
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn batcher_end_of_shard_ends_the_window() {
        let (sender, mut batching) = batcher(10, MINUTE);
        let began = Instant::now();
        send(&sender, 3, 1);
        drop(sender);
        assert_eq!((next(&mut batching).await, next(&mut batching).await), (Some(3), None));
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
