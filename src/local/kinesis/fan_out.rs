//! Enhanced fan-out: which subscriptions of registered consumers are active, and how fast each may read.

mod event_feed;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(super) use self::event_feed::EventFeed;
use super::iterator::ShardIterator;
use super::{Kinesis, RecordPage};
use crate::protocol::aws_json::{ServiceError, now_ms};

/// Time after which a subscription ends (docs/facts/kinesis.md, Enhanced fan-out).
pub(crate) const LIFETIME: Duration = Duration::from_mins(5);

/// Time in which a second subscription to the same shard is refused; later it takes over (docs/facts/kinesis.md,
/// Enhanced fan-out).
pub(crate) const EXCLUSIVE: Duration = Duration::from_secs(5);

/// Rate of a subscription in bytes of data and keys a second, where limits are enforced.
const BYTES_PER_SECOND: u64 = 2 << 20;

/// Limit of data and keys in one read of an event source mapping, in bytes.
const MAX_READ_BYTES: usize = 10 << 20;

/// The subscriptions of a local Kinesis; clones share them.
#[derive(Clone, Default)]
pub(super) struct Subscriptions(Arc<Mutex<HashMap<SubscribedShard, Active>>>);

/// A shard as one consumer reads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SubscribedShard {
    consumer_arn: String,
    shard: u32,
    /// The shard's epoch: a stream of the same name may follow.
    epoch: u64,
}

/// The newest subscription of a shard; it may have ended.
struct Active {
    began: Instant,
    taken: CancellationToken,
    is_open: bool,
    id: u64,
}

/// The right to read a shard as a consumer, until it is dropped or another subscription takes over.
pub(crate) struct Subscription {
    subscriptions: Subscriptions,
    of: SubscribedShard,
    taken: CancellationToken,
    id: u64,
    /// Time from which the next read is allowed; `None` if rates are not enforced.
    free_at: Option<Instant>,
}

impl Subscriptions {
    /// Begins a subscription, and ends an older one of the same consumer and shard.
    ///
    /// # Errors
    /// `ResourceInUseException` if the older one is younger than `exclusive`, even if it has ended.
    fn begin(&self, of: SubscribedShard, exclusive: Duration, is_limited: bool) -> Result<Subscription, ServiceError> {
        let now = Instant::now();
        let mut all = self.0.lock();
        all.retain(|_, active| active.is_open || now < active.began + exclusive);
        let id = match all.get(&of) {
            Some(active) if now < active.began + exclusive => return Err(in_use(&of.consumer_arn)),
            Some(active) => {
                active.taken.cancel();
                active.id + 1
            }
            None => 0,
        };
        let taken = CancellationToken::new();
        all.insert(of.clone(), Active { began: now, taken: taken.clone(), is_open: true, id });
        drop(all);
        Ok(Subscription { subscriptions: self.clone(), of, taken, id, free_at: is_limited.then_some(now) })
    }
}

impl Subscription {
    /// Returns once another subscription has taken over, with the error that ends this one.
    pub(crate) async fn taken_over(&self) -> ServiceError {
        self.taken.cancelled().await;
        in_use(&self.of.consumer_arn)
    }

    /// Returns whether another subscription has taken over.
    pub(crate) fn is_taken_over(&self) -> bool {
        self.taken.is_cancelled()
    }

    /// Counts a read of so many bytes against the rate.
    pub(crate) fn gave(&mut self, bytes: u64) {
        if let Some(free_at) = &mut self.free_at {
            let takes = Duration::from_micros(bytes * 1_000_000 / BYTES_PER_SECOND);
            *free_at = Instant::now().max(*free_at) + takes;
        }
    }

    /// Returns the time from which the next read is allowed, or `None` if it is allowed now.
    pub(crate) fn busy_until(&self) -> Option<Instant> {
        self.free_at.filter(|free_at| Instant::now() < *free_at)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut all = self.subscriptions.0.lock();
        if let Some(active) = all.get_mut(&self.of).filter(|active| active.id == self.id) {
            active.is_open = false;
        }
    }
}

impl Kinesis {
    /// Begins a subscription of a consumer to a shard, of which `epoch` says which it is.
    ///
    /// # Errors
    /// `ResourceInUseException` shortly after another one began.
    pub(super) fn begin_subscription(
        &self,
        consumer_arn: &str,
        shard: u32,
        epoch: u64,
    ) -> Result<Subscription, ServiceError> {
        let options = &self.0.options;
        let of = SubscribedShard { consumer_arn: consumer_arn.to_owned(), shard, epoch };
        self.0.subscriptions.begin(of, options.exclusive_subscription, options.throttle)
    }

    /// Begins a subscription of an event source mapping to the shard of an iterator.
    ///
    /// # Errors
    /// As `SubscribeToShard`.
    pub(crate) fn begin_subscription_at(
        &self,
        consumer_arn: &str,
        iterator: &str,
    ) -> Result<Subscription, ServiceError> {
        let at = ShardIterator::parse(iterator, now_ms())?;
        self.active_consumer(consumer_arn)?;
        self.begin_subscription(consumer_arn, at.shard, at.created)
    }

    /// Returns the next records of a subscription, at most `limit`; waits while its rate is exhausted.
    ///
    /// # Errors
    /// `ResourceInUseException` once another subscription has taken over, `ResourceNotFoundException` if the consumer is
    /// gone, `ExpiredIteratorException` five minutes after the iterator was created.
    pub(crate) async fn records_of(
        &self,
        subscription: &mut Subscription,
        iterator: &str,
        limit: usize,
    ) -> Result<RecordPage, ServiceError> {
        let at = ShardIterator::parse(iterator, now_ms())?;
        if subscription.is_taken_over() {
            return Err(in_use(&subscription.of.consumer_arn));
        }
        if let Some(busy_until) = subscription.busy_until() {
            tokio::time::sleep_until(busy_until).await;
        }
        let (kinesis, consumer_arn) = (self.clone(), subscription.of.consumer_arn.clone());
        let read = self.blocking(move || {
            kinesis.check_registered(&consumer_arn)?;
            kinesis.read_as_consumer(&at, limit, MAX_READ_BYTES)
        });
        let read = read.await?;
        subscription.gave(read.bytes());
        Ok(RecordPage::of(read))
    }
}

fn in_use(consumer_arn: &str) -> ServiceError {
    let message = format!("Another active subscription exists for this consumer: {consumer_arn}");
    ServiceError::bad_request("ResourceInUseException", message)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn shard(consumer: &str, shard: u32) -> SubscribedShard {
        SubscribedShard { consumer_arn: consumer.to_owned(), shard, epoch: 1 }
    }

    #[tokio::test(start_paused = true)]
    async fn subscription_is_exclusive_for_five_seconds_and_then_taken_over() {
        let all = Subscriptions::default();
        let begin = |of| all.begin(of, EXCLUSIVE, false);
        let first = begin(shard("c", 0)).unwrap();
        assert_eq!(begin(shard("c", 0)).err().unwrap().code, "ResourceInUseException");
        let others = [begin(shard("c", 1)).unwrap(), begin(shard("d", 0)).unwrap()];
        tokio::time::advance(EXCLUSIVE / 2).await;
        assert!(begin(shard("c", 0)).is_err());
        tokio::time::advance(EXCLUSIVE / 2).await;
        assert!(first.taken_over().now_or_never().is_none());
        let second = begin(shard("c", 0)).unwrap();
        assert_eq!(first.taken_over().now_or_never().unwrap().code, "ResourceInUseException");
        assert!(others.iter().all(|other| other.taken_over().now_or_never().is_none()));
        drop(first);
        tokio::time::advance(EXCLUSIVE).await;
        drop(begin(shard("c", 0)).unwrap());
        assert!(second.taken_over().now_or_never().is_some(), "the end of the first did not free the second's place");
    }

    #[tokio::test(start_paused = true)]
    async fn subscription_that_ended_still_counts_for_five_seconds_and_is_then_forgotten() {
        let all = Subscriptions::default();
        drop(all.begin(shard("c", 0), EXCLUSIVE, false).unwrap());
        assert!(all.begin(shard("c", 0), EXCLUSIVE, false).is_err());
        tokio::time::advance(EXCLUSIVE).await;
        drop(all.begin(shard("d", 0), EXCLUSIVE, false).unwrap());
        assert_eq!(all.0.lock().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn subscription_rate_is_two_mebibytes_a_second_if_enforced() {
        let all = Subscriptions::default();
        let mut limited = all.begin(shard("c", 0), EXCLUSIVE, true).unwrap();
        let mut free = all.begin(shard("c", 1), EXCLUSIVE, false).unwrap();
        let began = Instant::now();
        assert_eq!(limited.busy_until(), None);
        for subscription in [&mut limited, &mut free] {
            subscription.gave(1 << 20);
            subscription.gave(5 << 20);
        }
        assert_eq!(limited.busy_until(), Some(began + Duration::from_secs(3)));
        assert_eq!(free.busy_until(), None);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(limited.busy_until(), None);
    }
}
