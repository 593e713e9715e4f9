//! The events of one subscription: records as they come, signs of life, and the error or shard end that is last.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Subscription;
use crate::kinesis::Kinesis;
use crate::kinesis::api::{MAX_PAGE_RECORDS, Read, RecordAnswer};
use crate::kinesis::iterator::ShardIterator;
use crate::kinesis::sequence::SequenceNumber;
use crate::protocol::aws_json::{ServiceError, now_ms};
use crate::protocol::event_stream;
use crate::protocol::event_stream::INITIAL_RESPONSE;

/// Interval of empty events while no record comes. AWS sends one every five seconds; clients give up after a few times
/// that, and those whose operations must make progress within five seconds are connected here as well.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// Limit of data and keys in one event, in bytes. A larger record goes alone.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// Pause before a read and after each event. The puts of this time share an event: a subscription reads at most 200 times
/// a second. It also keeps messages apart for clients that expect one in each chunk (lifion-aws-event-stream 1.0.7).
const GATHER: Duration = Duration::from_millis(5);

/// How long a client may take to receive the last event.
const LAST_EVENT: Duration = Duration::from_secs(5);

/// The feed of a subscription that has begun.
pub(crate) struct EventFeed {
    pub kinesis: Kinesis,
    pub consumer_arn: String,
    pub at: ShardIterator,
    pub subscription: Subscription,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SubscribeToShardEvent<'a> {
    records: Vec<RecordAnswer<'a>>,
    /// Absent in the last event of a closed shard.
    #[serde(skip_serializing_if = "Option::is_none")]
    continuation_sequence_number: Option<String>,
    millis_behind_latest: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    child_shards: Vec<Value>,
}

impl EventFeed {
    /// Sends events until the subscription ends: by its time, by the end of the shard, by an error, by another
    /// subscription, or because the client is gone.
    pub(crate) async fn run(mut self, events: mpsc::Sender<Bytes>) {
        let lifetime = self.kinesis.0.options.subscription_lifetime;
        let taken = self.subscription.taken.clone();
        let ended = tokio::select! {
            ended = self.feed(&events) => ended,
            () = tokio::time::sleep(lifetime) => Ok(()),
            () = taken.cancelled() => Err(self.subscription.taken_over().await),
            () = events.closed() => Ok(()),
        };
        // The next subscription does not wait for a client that reads slowly.
        drop(self.subscription);
        let Err(error) = ended else { return };
        if let Ok(last) = event_stream::exception(&error) {
            // The client may be gone as well.
            tokio::time::timeout(LAST_EVENT, events.send(last)).await.unwrap_or(Ok(())).unwrap_or_default();
        }
    }

    /// Sends events until the end of the shard, or until the client is gone.
    async fn feed(&mut self, events: &mpsc::Sender<Bytes>) -> Result<(), ServiceError> {
        let send = async |event: Bytes| {
            // A client that is gone ends the feed elsewhere.
            events.send(event).await.unwrap_or_default();
            tokio::time::sleep(GATHER).await;
        };
        send(event_stream::event(INITIAL_RESPONSE, &json!({}))?).await;
        let mut puts = self.kinesis.puts();
        let mut millis_behind = 0;
        // The first event goes out at once: from then on the client knows where to continue.
        let mut heartbeat = Instant::now();
        loop {
            puts.mark_unchanged();
            let busy_until = self.subscription.busy_until();
            if busy_until.is_none() {
                let read = self.read().await?;
                if let Some(last) = read.entries.last() {
                    self.at.next = last.index + 1;
                    let event = self.event(read.record_answers(), read.millis_behind)?;
                    self.subscription.gave(read.bytes());
                    send(event).await;
                    millis_behind = read.millis_behind;
                    heartbeat = Instant::now() + HEARTBEAT;
                }
                if read.next.is_none() {
                    // Clients know the end by the missing continuation, and some do not look for records in it.
                    send(last_event(&read)?).await;
                    return Ok(());
                }
                if !read.entries.is_empty() && millis_behind > 0 {
                    continue;
                }
            }
            if heartbeat <= Instant::now() {
                send(self.event(Vec::new(), millis_behind)?).await;
                heartbeat = Instant::now() + HEARTBEAT;
            }
            tokio::select! {
                changed = puts.changed(), if busy_until.is_none() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    tokio::time::sleep(GATHER).await;
                }
                () = tokio::time::sleep_until(busy_until.map_or(heartbeat, |busy_until| busy_until.min(heartbeat))) => {}
            }
        }
    }

    /// Returns an event after which the next one begins at `at`.
    fn event(&self, records: Vec<RecordAnswer<'_>>, millis_behind_latest: u64) -> Result<Bytes, ServiceError> {
        encoded(&SubscribeToShardEvent {
            records,
            continuation_sequence_number: Some(continuation(&self.at)),
            millis_behind_latest,
            child_shards: Vec::new(),
        })
    }

    /// Reads the records of one event. The consumer must still be registered, and the stream be the same.
    async fn read(&self) -> Result<Read, ServiceError> {
        let (kinesis, at, consumer_arn) = (self.kinesis.clone(), self.at.clone(), self.consumer_arn.clone());
        let read = self.kinesis.blocking(move || {
            kinesis.check_registered(&consumer_arn)?;
            kinesis.read_as_consumer(&at, MAX_PAGE_RECORDS, MAX_EVENT_BYTES)
        });
        read.await.map_err(|error| match error.code.as_str() {
            "ExpiredIteratorException" => self.kinesis.no_stream(&self.at.stream),
            _ => error,
        })
    }
}

/// Returns the event at the end of a closed shard.
fn last_event(read: &Read) -> Result<Bytes, ServiceError> {
    encoded(&SubscribeToShardEvent {
        records: Vec::new(),
        continuation_sequence_number: None,
        millis_behind_latest: 0,
        child_shards: read.child_answers(),
    })
}

fn encoded(event: &SubscribeToShardEvent<'_>) -> Result<Bytes, ServiceError> {
    event_stream::event("SubscribeToShardEvent", event)
}

/// Returns the sequence number from which another subscription gets the record of an iterator first, whether it starts
/// at or after that number.
fn continuation(at: &ShardIterator) -> String {
    let (created, shard, index, time) = (at.created, at.shard, at.next.saturating_sub(1), now_ms() / 1000);
    SequenceNumber { created, shard, index, time, is_continuation: true }.to_string()
}
