//! `SubscribeToShard`: begins a subscription of a registered consumer.

use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::read::{POSITIONS, start_at};
use crate::kinesis::fan_out::EventFeed;
use crate::kinesis::serde_types::Time;
use crate::kinesis::validation::Checks;
use crate::kinesis::{Kinesis, WireFormat};
use crate::protocol::aws_json;
use crate::protocol::aws_json::{Request, ServiceError, now_ms};
use crate::protocol::event_stream::EVENT_STREAM;
use crate::protocol::response_body::ResponseBody;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SubscribeToShard {
    #[serde(rename = "ConsumerARN")]
    consumer_arn: Option<String>,
    shard_id: Option<String>,
    starting_position: Option<StartingPosition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StartingPosition {
    r#type: Option<String>,
    sequence_number: Option<String>,
    timestamp: Option<Time>,
}

impl Kinesis {
    /// Handles `SubscribeToShard`. The events of a subscription are sent by a task of `work`.
    pub(crate) async fn subscribe(&self, request: Request, work: &TaskTracker) -> http::Response<ResponseBody> {
        let form = WireFormat::of(request.headers());
        let kinesis = self.clone();
        match self.blocking(move || kinesis.begin_feed(form.read(request.body())?)).await {
            Ok(feed) => {
                // One event is ready while another is sent: a slow client holds up its subscription, and nothing else.
                let (sender, events) = mpsc::channel(1);
                work.spawn(feed.run(sender));
                aws_json::bytes(200, EVENT_STREAM, Vec::new()).map(|_| ResponseBody::Events(events))
            }
            Err(error) => form.refuse(&error).map(ResponseBody::Whole),
        }
    }

    fn begin_feed(&self, input: SubscribeToShard) -> Result<EventFeed, ServiceError> {
        let mut checks = Checks::default();
        checks.present("consumerARN", input.consumer_arn.as_ref()).present("shardId", input.shard_id.as_ref());
        checks.name("shardId", input.shard_id.as_deref());
        let position = input.starting_position.as_ref();
        let kind = position.and_then(|position| position.r#type.as_deref());
        checks.present("startingPosition", position).present("startingPosition.type", kind.as_ref());
        checks.one_of("startingPosition.type", kind, &POSITIONS).done()?;
        let (number, time) = position.map_or((None, None), |it| (it.sequence_number.as_deref(), it.timestamp));
        let at = start_at(kind, number, time, now_ms())?;
        let consumer_arn = input.consumer_arn.unwrap_or_default();
        let stream = self.active_consumer(&consumer_arn)?;
        let at = self.start(&stream, &input.shard_id.unwrap_or_default(), &at).map_err(|mut error| {
            error.message = error.message.replace("GetShardIterator", "SubscribeToShard");
            error
        })?;
        let subscription = self.begin_subscription(&consumer_arn, at.shard, at.created)?;
        Ok(EventFeed { kinesis: self.clone(), consumer_arn, at, subscription })
    }
}
