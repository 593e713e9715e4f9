//! Reads a stream as a registered consumer (enhanced fan-out): the service pushes the records of each shard, and other
//! readers do not share its rate.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesis::config::StalledStreamProtectionConfig;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{ShardIteratorType, StartingPosition, SubscribeToShardEvent, SubscribeToShardEventStream};
use tokio::time::timeout;

use super::polling_reader::{PollingReader, child_shard, stream_record};
use super::stream_consumer::StreamConsumer;
use super::stream_reader::{ListFrom, ListedShard, RecordPage, ShardPosition, StreamReader};
use crate::aws::{AwsFailure, Clients, FailureCause};

/// The longest time without an event. The service sends one every five seconds at least (docs/facts/kinesis.md, Enhanced
/// fan-out); the SDK's own protection against stalled streams would give up after that time.
const MAX_SILENCE: Duration = Duration::from_secs(45);
/// The longest time until a subscription begins.
const MAX_START: Duration = Duration::from_secs(30);

/// A reader that subscribes to shards.
#[derive(Debug)]
pub(crate) struct FanOutReader {
    /// Lists the shards.
    polling: PollingReader,
    clients: Arc<Clients>,
    consumer_arn: String,
    /// True if others may read as the same consumer.
    is_shared: bool,
    /// The stream and the consumer, for messages.
    resource: String,
}

impl FanOutReader {
    /// Creates a reader of this stream as a consumer.
    pub(crate) fn new(clients: Arc<Clients>, stream: &str, consumer: &StreamConsumer) -> Self {
        let StreamConsumer { name, arn, .. } = consumer;
        FanOutReader {
            polling: PollingReader::new(clients.clone(), stream),
            clients,
            consumer_arn: arn.clone(),
            is_shared: !consumer.is_own,
            resource: format!("stream {stream}, consumer {name}"),
        }
    }

    fn unanswered(&self, what: &str, limit: Duration) -> AwsFailure {
        let why = format!("no {what} within {} s", limit.as_secs());
        let failure = self.clients.build_failure("Kinesis", "SubscribeToShard", &self.resource, why);
        AwsFailure { cause: FailureCause::Unreachable, ..failure }
    }
}

impl StreamReader for FanOutReader {
    type Session = SubscribeToShardOutput;

    const IS_PUSHED: bool = true;

    fn name(&self) -> &str {
        self.polling.name()
    }

    fn now_ms(&self) -> i64 {
        self.polling.now_ms()
    }

    async fn start_clock(&self) -> Result<(), AwsFailure> {
        self.polling.start_clock().await
    }

    async fn shards(&self, from: ListFrom) -> Result<Vec<ListedShard>, AwsFailure> {
        self.polling.shards(from).await
    }

    async fn open(&self, shard: &str, position: &ShardPosition) -> Result<SubscribeToShardOutput, AwsFailure> {
        let call = || self.clients.call("Kinesis", "SubscribeToShard", &self.resource);
        let start = StartingPosition::builder();
        let start = match position {
            ShardPosition::TrimHorizon => start.r#type(ShardIteratorType::TrimHorizon),
            ShardPosition::Time(time) => {
                start.r#type(ShardIteratorType::AtTimestamp).timestamp(DateTime::from_millis(*time))
            }
            ShardPosition::After(number) => {
                start.r#type(ShardIteratorType::AfterSequenceNumber).sequence_number(number)
            }
        };
        let start = start.build().map_err(|error| call().build_failure(error))?;
        let request = self.clients.kinesis.subscribe_to_shard().consumer_arn(&self.consumer_arn).shard_id(shard);
        let config = aws_sdk_kinesis::config::Builder::new()
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        let sent = request.starting_position(start).customize().config_override(config).send();
        // The first event comes after the headers, which is where the SDK's own limits end.
        match timeout(MAX_START, sent).await {
            Ok(answer) => match call().answer(answer) {
                Ok(answer) => Ok(answer),
                // Five seconds later this call would take the shard over.
                Err(failure) if is_in_use(&failure) && self.is_shared && is_beginning(position) => {
                    Err(taken_over(failure))
                }
                Err(failure) if failure.is_transient() => Err(failure),
                Err(failure) => Err(self.clients.with_account_context(failure).await),
            },
            Err(_) => Err(self.unanswered("answer", MAX_START)),
        }
    }

    async fn next(&self, subscription: &mut SubscribeToShardOutput, _: usize) -> Result<RecordPage, AwsFailure> {
        match timeout(MAX_SILENCE, subscription.event_stream.recv()).await {
            Ok(Ok(Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)))) => Ok(page(event)),
            // An event that this version does not know.
            Ok(Ok(Some(_))) => Ok(RecordPage { behind_ms: Some(1), ..RecordPage::default() }),
            // A subscription lasts five minutes.
            Ok(Ok(None)) => Ok(RecordPage { behind_ms: Some(1), is_session_over: true, ..RecordPage::default() }),
            Ok(Err(error)) => {
                let failure = self.clients.event_failure("Kinesis", "SubscribeToShard", &self.resource, &error);
                Err(if is_in_use(&failure) { taken_over(failure) } else { failure })
            }
            Err(_) => Err(self.unanswered("event", MAX_SILENCE)),
        }
    }
}

/// Returns whether nothing of a shard was read yet.
fn is_beginning(position: &ShardPosition) -> bool {
    !matches!(position, ShardPosition::After(_))
}

fn is_in_use(failure: &AwsFailure) -> bool {
    failure.code.as_deref() == Some("ResourceInUseException")
}

/// Returns the failure as one that is not repeated: two readers would take the shard from each other for ever.
fn taken_over(failure: AwsFailure) -> AwsFailure {
    let message = format!("another reader subscribes to the shard as this consumer ({})", failure.message);
    AwsFailure { cause: FailureCause::Other, message, ..failure }
}

fn page(event: SubscribeToShardEvent) -> RecordPage {
    let is_end = event.continuation_sequence_number.is_empty();
    let children = event.child_shards.unwrap_or_default();
    RecordPage {
        records: event.records.into_iter().map(stream_record).collect(),
        behind_ms: Some(event.millis_behind_latest),
        end: is_end.then(|| children.into_iter().map(child_shard).collect()),
        is_session_over: false,
    }
}
