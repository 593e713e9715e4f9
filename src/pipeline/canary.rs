//! Canaries: test readings that show that a shard is consumed up to them. They do not stay in the table.

mod cleanup;
mod registry;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_kinesis::primitives::Blob;
use futures::stream::{self, StreamExt};
use rand::Rng;
use sensor_model::{Decimal, Reading};
use tokio_util::sync::CancellationToken;

use super::{PutReceipt, now, wait_until_stored};
use crate::aws::wait::{PollSchedule, WaitError};
use crate::aws::{self, AwsFailure, Clients, FailureCause};
use crate::pipeline::put::record::partition_key;

use self::registry::State;

pub(crate) use self::cleanup::RemainingProbe;
pub(crate) use self::registry::ProbeRegistry;

/// Prefix of a canary's sensor id.
const SENSOR_PREFIX: &str = "sensorctl-canary-";

/// Canaries of a shard for each of its parallel batches. Hash keys spread them over the parallel batches by chance: the
/// probability that one of ten batches gets none of 160 canaries is about one in two million.
const PROBES_PER_PARALLEL_BATCH: i32 = 16;

/// Maximum canaries in flight. One takes about 2 s on AWS, nearly all of it pauses between two reads of its row, so
/// that few requests are in flight. 25 shards with 10 parallel batches take 8,000 canaries, and 80 s.
const MAX_IN_FLIGHT: usize = 200;

/// Maximum attempts when the shards change while canaries are put.
const ROUNDS: u32 = 3;

/// Canaries put one after the other for each parallel batch. A batch may store its canary and fail for an earlier
/// record, which is then delivered again. The next batch, with the second canary, comes only when it is done.
const CONSECUTIVE_PROBES: usize = 2;

/// The result of draining a stream with canaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProbesConsumed {
    /// Open shards. Each was consumed up to its canaries.
    pub shards: usize,
    /// Canaries that were found in the table.
    pub canaries: usize,
    /// Time from the first put to the last row.
    pub took: Duration,
}

/// The reason why canaries did not confirm the path.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProbeError {
    /// A call failed.
    #[error(transparent)]
    Failed(#[from] AwsFailure),
    /// A canary was put but did not arrive in the table.
    #[error("the test reading put into {shard} is not in table {table} after {} s", waited.as_secs())]
    NotStored {
        /// The shard.
        shard: String,
        /// The table.
        table: String,
        /// The waited time.
        waited: Duration,
    },
    /// The shards changed in every attempt.
    #[error("the shards of stream {0} change while they are looked at")]
    Resharding(String),
}

/// The path of canaries from a stream to a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProbeRoute<'a> {
    /// SDK clients.
    pub clients: &'a Clients,
    /// The stream.
    pub stream: &'a str,
    /// The table.
    pub table: &'a str,
    /// The deadline of all waits.
    pub end: Instant,
    /// The canaries that were put, for [`ProbeRoute::delete_remaining_probes`].
    pub trail: &'a ProbeRegistry,
}

/// An open shard: its id, and a hash key in its hash range.
struct Shard {
    id: String,
    hash_key: String,
}

impl ProbeRoute<'_> {
    /// Sends one canary and waits for its row. In any case, call [`ProbeRoute::delete_remaining_probes`] afterwards.
    ///
    /// # Errors
    /// If the canary does not arrive.
    pub(crate) async fn send_probe(&self) -> Result<Duration, ProbeError> {
        let began = Instant::now();
        self.send_and_confirm(None, &CancellationToken::new()).await?;
        Ok(began.elapsed())
    }

    /// Confirms that everything in the stream is consumed. Canaries go into every open shard. Once the first are
    /// stored, others follow, in batches that come only after the batches of the first are done. Order is kept only within
    /// each of the `parallel_batches` of a shard, so each gets canaries. In any case, call
    /// [`ProbeRoute::delete_remaining_probes`] afterwards.
    ///
    /// # Errors
    /// If a canary does not arrive, or if the shards change in every attempt.
    pub(crate) async fn drain(&self, parallel_batches: i32) -> Result<ProbesConsumed, ProbeError> {
        let began = Instant::now();
        let each = usize::try_from(if parallel_batches > 1 { parallel_batches * PROBES_PER_PARALLEL_BATCH } else { 1 })
            .unwrap_or(1);
        for _ in 0..ROUNDS {
            let shards = self.open_shards().await?;
            for _ in 0..CONSECUTIVE_PROBES {
                self.confirm_all(shards.iter().flat_map(|shard| std::iter::repeat_n(shard, each))).await?;
            }
            // A shard that was split or merged in the meantime has children without a canary.
            let ids = |shards: &[Shard]| shards.iter().map(|shard| shard.id.clone()).collect::<BTreeSet<_>>();
            if ids(&self.open_shards().await?) == ids(&shards) {
                let took = began.elapsed();
                return Ok(ProbesConsumed {
                    shards: shards.len(),
                    canaries: shards.len() * each * CONSECUTIVE_PROBES,
                    took,
                });
            }
        }
        Err(ProbeError::Resharding(self.stream.to_owned()))
    }

    /// Sends a canary through each of the shards. After the first failure, puts no more canaries and waits for none.
    async fn confirm_all(&self, shards: impl Iterator<Item = &Shard>) -> Result<(), ProbeError> {
        let stop = CancellationToken::new();
        let through = shards.map(|shard| {
            let stop = &stop;
            async move {
                let result = self.send_and_confirm(Some(shard), stop).await;
                if result.is_err() {
                    stop.cancel();
                }
                result
            }
        });
        let results: Vec<_> = stream::iter(through).buffered(MAX_IN_FLIGHT).collect().await;
        results.into_iter().find(Result::is_err).unwrap_or(Ok(()))
    }

    /// Puts a canary, waits for its row, and deletes the row. Stops early when `stop` is canceled.
    async fn send_and_confirm(&self, shard: Option<&Shard>, stop: &CancellationToken) -> Result<(), ProbeError> {
        let ProbeRoute { clients, table, trail, .. } = *self;
        if stop.is_cancelled() {
            return Ok(());
        }
        let canary = self.canary()?;
        trail.note(&canary, State::OnItsWay);
        let receipt = match self.put(&canary, shard).await {
            Ok(receipt) => receipt,
            Err(failure) => {
                // The stream may have accepted it all the same; the cleanup deletes it.
                if !failure.is_transient() && failure.cause != FailureCause::Unreachable {
                    trail.forget(&canary);
                }
                return Err(failure.into());
            }
        };
        let stored = wait_until_stored(clients, table, &canary, &receipt.sequence_number, self.left());
        let stored = tokio::select! {
            biased;
            stored = stored => stored,
            () = stop.cancelled() => return Ok(()),
        };
        match stored {
            Ok(()) => {
                // If this fails, the cleanup tries again.
                if self.remove(&canary).await.is_ok() {
                    trail.note(&canary, State::Removed);
                }
                Ok(())
            }
            Err(WaitError::Failed(failure)) => Err(failure.into()),
            Err(WaitError::TimedOut { waited, .. }) => {
                trail.note(&canary, State::GivenUp);
                Err(ProbeError::NotStored { shard: receipt.shard_id, table: table.to_owned(), waited })
            }
        }
    }

    fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    fn schedule(&self, limit: Duration) -> PollSchedule {
        self.clients.schedule(limit)
    }

    async fn retry<T, Fut>(&self, limit: Duration, call: impl Fn() -> Fut) -> Result<T, AwsFailure>
    where
        Fut: Future<Output = Result<T, AwsFailure>>,
    {
        aws::retry_transient(self.schedule(limit), call).await
    }

    fn canary(&self) -> Result<Reading, AwsFailure> {
        let not_made = |why| self.clients.build_failure("Kinesis", "PutRecord", self.stream, why);
        let number: u64 = rand::rng().random();
        Ok(Reading {
            sensor_id: format!("{SENSOR_PREFIX}{number:016x}"),
            temperature: Decimal::parse("0").map_err(|error| not_made(error.to_string()))?,
            current_time: now().map_err(not_made)?,
            fields: [].into(),
        })
    }

    async fn put(&self, canary: &Reading, shard: Option<&Shard>) -> Result<PutReceipt, AwsFailure> {
        let request = self
            .clients
            .kinesis
            .put_record()
            .stream_name(self.stream)
            .partition_key(partition_key(&canary.sensor_id))
            .set_explicit_hash_key(shard.map(|shard| shard.hash_key.clone()))
            .data(Blob::new(canary.to_json()));
        let call = self.clients.call("Kinesis", "PutRecord", self.stream);
        let answer = self.retry(self.left(), || async { call.answer(request.clone().send().await) }).await?;
        Ok(PutReceipt { shard_id: answer.shard_id, sequence_number: answer.sequence_number })
    }

    async fn open_shards(&self) -> Result<Vec<Shard>, AwsFailure> {
        let mut shards = Vec::new();
        let mut token: Option<String> = None;
        loop {
            // A later page is identified by its token alone.
            let name = token.is_none().then(|| self.stream.to_owned());
            let request = self.clients.kinesis.list_shards().set_stream_name(name).set_next_token(token);
            let call = self.clients.call("Kinesis", "ListShards", self.stream);
            let answer = self.retry(self.left(), || async { call.answer(request.clone().send().await) }).await?;
            let is_open = |shard: &aws_sdk_kinesis::types::Shard| {
                shard.sequence_number_range.as_ref().is_some_and(|range| range.ending_sequence_number.is_none())
            };
            for shard in answer.shards.unwrap_or_default().into_iter().filter(is_open) {
                let hash_key = shard.hash_key_range.map(|range| range.starting_hash_key).unwrap_or_default();
                shards.push(Shard { id: shard.shard_id, hash_key });
            }
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(shards);
            }
        }
    }
}
