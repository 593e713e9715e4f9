//! Kinesis: streams as append-only logs on disk, behind the JSON and CBOR wire and for the pollers in this process.
//!
//! A record is acknowledged when it is written to its shard's log file, so it survives a kill of this process. Sequence
//! numbers and iterators have the form of `ferrokinesis-core`; the rest is written here.

mod api;
mod fan_out;
mod hash_range;
mod iterator;
mod log;
mod requested_streams;
mod sequence;
pub(crate) mod serde_types;
mod shard;
mod store;
mod stream;
mod throttle;
mod validation;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ferrokinesis_core::types::StreamStatus;
use tokio::sync::watch;

pub(crate) use self::api::MAX_RECORDS;
use self::api::{OnlyTarget, Read};
pub(crate) use self::fan_out::Subscription;
use self::fan_out::Subscriptions;
use self::iterator::ShardIterator;
use self::log::LogOptions;
use self::sequence::{SequenceNumber, shard_number};
use self::store::Store;
use super::changed_names::ChangedNames;
use super::diagnostics::Diagnostics;
use super::durability::Durability;
use super::identity::Identity;
use crate::error::Error;
use crate::metrics::MetricStore;
use crate::protocol::aws_json;
use crate::protocol::aws_json::{Request, Response, ServiceError, now_ms, seconds};
pub(crate) use crate::protocol::wire_format::WireFormat;

/// The Kinesis service of one local cloud; clones share it.
#[derive(Clone)]
pub(crate) struct Kinesis(Arc<Inner>);

struct Inner {
    identity: Identity,
    options: StreamOptions,
    store: Store,
    notices: Diagnostics,
    puts: watch::Sender<u64>,
    subscriptions: Subscriptions,
    touched: ChangedNames,
    metrics: MetricStore,
}

/// Options of a local Kinesis where it may differ from the service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamOptions {
    /// Durability of an acknowledged put or change.
    pub durability: Durability,
    /// True if each shard enforces the service's rates: 1 MiB and 1,000 records written a second, 2 MiB and five reads.
    pub throttle: bool,
    /// Duration of `CREATING` for a stream.
    pub create_delay: Duration,
    /// Duration of `UPDATING` for a stream.
    pub update_delay: Duration,
    /// Duration of `DELETING` for a stream.
    pub delete_delay: Duration,
    /// Duration of a subscription (enhanced fan-out).
    pub subscription_lifetime: Duration,
    /// Time after the begin of a subscription in which no other one can take over.
    pub exclusive_subscription: Duration,
    /// Size at which a log file is closed and the next one begins, in bytes.
    pub segment_bytes: u64,
}

impl Default for StreamOptions {
    fn default() -> Self {
        StreamOptions {
            durability: Durability::Process,
            throttle: false,
            create_delay: Duration::ZERO,
            update_delay: Duration::ZERO,
            delete_delay: Duration::ZERO,
            subscription_lifetime: fan_out::LIFETIME,
            exclusive_subscription: fan_out::EXCLUSIVE,
            segment_bytes: 16 << 20,
        }
    }
}

/// Error code of a request beyond a shard's read or write rate.
const THROTTLED: &str = "ProvisionedThroughputExceededException";

/// One shard of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    /// `shardId-000000000000`.
    pub id: String,
    /// The parent shard: this one was split or merged from it.
    pub parent: Option<String>,
    /// The other parent of a merge.
    pub adjacent_parent: Option<String>,
    /// Creation time in epoch milliseconds; differs from that of a shard in an earlier stream of the same name.
    pub created: u64,
}

/// A position in a shard where reading starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StartAt {
    /// The oldest retained record.
    TrimHorizon,
    /// Records put from now on.
    Latest,
    /// The first record that arrived at or after this time, in seconds since 1970.
    AtTimestamp(f64),
    /// The record of this sequence number.
    AtSequence(String),
    /// The record after this sequence number.
    AfterSequence(String),
}

/// One record as the service hands it out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StreamRecord {
    /// Decimal digits.
    pub sequence_number: String,
    /// The producer's key.
    pub partition_key: String,
    /// The data in base64.
    pub data: String,
    /// When it arrived, in seconds since 1970, to the millisecond.
    pub arrival: f64,
}

/// The result of one read of a shard.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RecordPage {
    /// Records in sequence order.
    pub records: Vec<StreamRecord>,
    /// Iterator of the next read; `None` when the shard is closed and read to its end.
    pub next: Option<String>,
    /// Iterator age: how far the read is behind the newest record.
    pub millis_behind: u64,
}

impl RecordPage {
    fn of(read: Read) -> RecordPage {
        let record = |entry: log::Entry| StreamRecord {
            sequence_number: read.shard.sequence_number(entry.index, entry.arrival).to_string(),
            partition_key: entry.partition_key,
            data: BASE64.encode(entry.data),
            arrival: seconds(entry.arrival),
        };
        RecordPage {
            records: read.entries.into_iter().map(record).collect(),
            next: read.next.map(|next| next.token(now_ms())),
            millis_behind: read.millis_behind,
        }
    }
}

impl Kinesis {
    /// Opens the streams kept in a directory, and creates the directory if needed.
    ///
    /// # Errors
    /// The directory cannot be used, or a stream's state is damaged. A damaged log is an error of the reads that meet
    /// it.
    pub(crate) fn open(
        directory: &Path,
        identity: Identity,
        options: StreamOptions,
        notices: Diagnostics,
    ) -> Result<Kinesis, Error> {
        let StreamOptions { segment_bytes, durability, .. } = options;
        let store = Store::open(directory, LogOptions { segment_bytes, durability, notices: notices.clone() })?;
        let (puts, _) = watch::channel(0);
        Ok(Kinesis(Arc::new(Inner {
            identity,
            options,
            store,
            notices,
            puts,
            subscriptions: Subscriptions::default(),
            touched: ChangedNames::default(),
            metrics: MetricStore::default(),
        })))
    }

    /// Handles a request of the Kinesis API, except `SubscribeToShard`.
    pub(crate) async fn handle(&self, request: Request) -> Response {
        let form = WireFormat::of(request.headers());
        let kinesis = self.clone();
        self.blocking(move || kinesis.answer(aws_json::operation(&request), form, request.body()))
            .await
            .unwrap_or_else(|error| form.refuse(&error))
    }

    /// Returns the error response to `GetRecords` for a stream that does not exist, else `None`.
    pub(crate) async fn refuse_target(&self, request: &Request) -> Option<Response> {
        let form = WireFormat::of(request.headers());
        let (kinesis, body) = (self.clone(), request.body().clone());
        let found = self.blocking(move || {
            let name = kinesis.target(&form.read::<OnlyTarget>(&body)?.target)?;
            let stream = kinesis.stream(&name)?;
            let (live, now) = (stream.read(), now_ms());
            if live.state.status(now) == StreamStatus::Creating || live.state.is_gone(now) {
                return Err(kinesis.no_stream(&name));
            }
            Ok(())
        });
        found.await.err().map(|error| form.refuse(&error))
    }

    /// Returns the shards of a stream, including closed ones.
    ///
    /// # Errors
    /// `ResourceNotFoundException` if the stream does not exist.
    pub(crate) async fn shards(&self, stream_arn: &str) -> Result<Vec<Shard>, ServiceError> {
        let name = self.name_of(stream_arn)?;
        let kinesis = self.clone();
        self.blocking(move || {
            let stream = kinesis.stream(&name)?;
            let live = stream.read();
            let shards = live.state.visible_shards(now_ms()).map(|shard| Shard {
                id: shard.id(),
                parent: shard.parent.map(sequence::shard_id),
                adjacent_parent: shard.adjacent_parent.map(sequence::shard_id),
                created: shard.created,
            });
            Ok(shards.collect())
        })
        .await
    }

    /// Returns the retention period of a stream, or `None` if the stream does not exist.
    pub(crate) fn retention(&self, stream_arn: &str) -> Option<Duration> {
        let stream = self.stream(&self.name_of(stream_arn).ok()?).ok()?;
        let hours = stream.read().state.retention_hours;
        Some(Duration::from_secs(u64::from(hours) * 3600))
    }

    /// Returns an iterator into a shard.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for a missing stream or shard, `InvalidArgumentException` for a sequence number of
    /// another shard.
    pub(crate) async fn iterator(
        &self,
        stream_arn: &str,
        shard_id: &str,
        at: &StartAt,
    ) -> Result<String, ServiceError> {
        let name = self.name_of(stream_arn)?;
        let (kinesis, shard_id, at) = (self.clone(), shard_id.to_owned(), at.clone());
        self.blocking(move || kinesis.start(&name, &shard_id, &at).map(|iterator| iterator.token(now_ms()))).await
    }

    /// Returns the sequence number from which the records put after now can be read, at any later time.
    ///
    /// # Errors
    /// As [`Kinesis::iterator`].
    pub(crate) async fn tip(&self, stream_arn: &str, shard_id: &str) -> Result<String, ServiceError> {
        let name = self.name_of(stream_arn)?;
        let (kinesis, shard_id) = (self.clone(), shard_id.to_owned());
        self.blocking(move || {
            let at = kinesis.start(&name, &shard_id, &StartAt::Latest)?;
            let tip = SequenceNumber {
                created: at.created,
                shard: at.shard,
                index: at.next,
                time: now_ms() / 1000,
                is_continuation: false,
            };
            Ok(tip.to_string())
        })
        .await
    }

    /// Returns the next records of a shard: at most `limit`, and at most the page of one `GetRecords`.
    ///
    /// # Errors
    /// `ExpiredIteratorException` five minutes after the iterator was created.
    pub(crate) async fn records(&self, iterator: &str, limit: usize) -> Result<RecordPage, ServiceError> {
        let at = ShardIterator::parse(iterator, now_ms())?;
        // Event source mappings count against the shard's read rate like any reader; they wait instead of failing.
        while let Err(wait) = self.admit_read(&at) {
            tokio::time::sleep(wait).await;
        }
        let kinesis = self.clone();
        self.blocking(move || Ok(RecordPage::of(kinesis.read(&at, limit)?))).await
    }

    /// Returns the metrics of the streams.
    pub(crate) fn metrics(&self) -> &MetricStore {
        &self.0.metrics
    }

    /// Exhausts a shard's read rate for about this many seconds.
    #[cfg(test)]
    pub(crate) fn exhaust_reads(&self, name: &str, seconds: u64) {
        let stream = self.stream(name).unwrap();
        let live = stream.read();
        let (_, shard) = live.shard(0).unwrap();
        while shard.reads.admit(now_ms()).is_ok() {}
        shard.reads.gave(seconds * (2 << 20));
    }

    /// Deletes expired records and deleted streams, and reports damage that it finds. Blocks.
    pub(crate) fn tidy(&self) {
        self.0.store.sweep();
        for stream in self.0.store.all() {
            self.0.notices.tell_failure(stream.trim().map_err(|error| error.message));
        }
    }

    /// Returns a receiver that changes after every acknowledged put to any stream, and when shards change.
    ///
    /// Readers wait on it instead of polling.
    pub(crate) fn puts(&self) -> watch::Receiver<u64> {
        self.0.puts.subscribe()
    }

    /// Wakes the readers.
    pub(crate) fn wake(&self) {
        self.0.puts.send_modify(|count| *count += 1);
    }

    /// Runs `work` off the threads that serve requests: it reads and writes files.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        match tokio::task::spawn_blocking(work).await {
            Ok(answer) => answer,
            Err(error) => Err(ServiceError::internal(error.to_string())),
        }
    }

    /// Returns the stream with this name.
    fn stream(&self, name: &str) -> Result<Arc<stream::Stream>, ServiceError> {
        self.0.touched.note(|| self.0.identity.stream_arn(name));
        self.0.store.get(name).ok_or_else(|| self.no_stream(name))
    }

    /// Returns the stream's name from its ARN, which must belong to this account and region.
    fn name_of(&self, arn: &str) -> Result<String, ServiceError> {
        let name = arn.strip_prefix(&self.0.identity.stream_arn(""));
        // In a consumer's ARN, more segments follow the stream's name.
        let name = name.and_then(|name| name.split('/').next());
        name.map(str::to_owned).ok_or_else(|| self.no_stream(arn))
    }

    fn rate_exceeded(&self, shard: &str, stream: &str) -> String {
        format!("Rate exceeded for shard {shard} in stream {stream} under account {}.", self.0.identity.account)
    }

    fn no_stream(&self, name: &str) -> ServiceError {
        let message = format!("Stream {name} under account {} not found.", self.0.identity.account);
        ServiceError::bad_request("ResourceNotFoundException", message)
    }

    fn no_shard(&self, id: &str, stream: &str) -> ServiceError {
        let message =
            format!("Could not find shard {id} in stream {stream} under account {}.", self.0.identity.account);
        ServiceError::bad_request("ResourceNotFoundException", message)
    }

    /// Returns the shard number in a shard ID as callers write it.
    fn number_of(&self, id: &str, stream: &str) -> Result<u32, ServiceError> {
        shard_number(id).ok_or_else(|| self.no_shard(id, stream))
    }
}

#[cfg(test)]
mod tests;
