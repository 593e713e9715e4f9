//! Registered consumers, which read by `SubscribeToShard`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};

use super::delay;
use super::shards::check_age;
use super::tags::check_tags;
use crate::kinesis::Kinesis;
use crate::kinesis::stream::ConsumerState;
use crate::kinesis::validation::{Checks, invalid};
use crate::protocol::aws_json::{Response, ServiceError, now_ms, seconds};
use crate::protocol::wire_format::WireFormat;

/// Limit of consumers of one stream.
const MAX_CONSUMERS: usize = 20;

/// Consumers in one response if the caller gives no limit.
const PAGE: i64 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RegisterConsumer {
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    consumer_name: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OneConsumer {
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    consumer_name: Option<String>,
    #[serde(rename = "ConsumerARN")]
    consumer_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListConsumers {
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

impl OneConsumer {
    fn by_arn(arn: &str) -> Self {
        OneConsumer { stream_arn: None, consumer_name: None, consumer_arn: Some(arn.to_owned()) }
    }
}

impl ConsumerState {
    /// Returns the ARN of the consumer with this name.
    pub(crate) fn arn(&self, stream_arn: &str, name: &str) -> String {
        format!("{stream_arn}/consumer/{name}:{}", self.created / 1000)
    }

    fn described(&self, stream_arn: &str, name: &str) -> Value {
        json!({
            "ConsumerName": name,
            "ConsumerARN": self.arn(stream_arn, name),
            "ConsumerStatus": self.status(now_ms()),
            "ConsumerCreationTimestamp": seconds(self.created),
        })
    }
}

impl Kinesis {
    pub(super) fn register_stream_consumer(
        &self,
        form: WireFormat,
        input: RegisterConsumer,
    ) -> Result<Response, ServiceError> {
        let mut checks = Checks::default();
        checks.present("streamARN", input.stream_arn.as_ref()).present("consumerName", input.consumer_name.as_ref());
        checks.name("consumerName", input.consumer_name.as_deref()).done()?;
        let arn = input.stream_arn.unwrap_or_default();
        let name = input.consumer_name.unwrap_or_default();
        let tags = input.tags.unwrap_or_default();
        check_tags(&tags)?;
        let now = now_ms();
        let consumer = self.stream(&self.name_of(&arn)?)?.change(|state| {
            self.must_be_active(state, now)?;
            state.consumers.retain(|_, consumer| !consumer.is_gone(now));
            if state.consumers.contains_key(&name) {
                let message = format!("Consumer {name} under stream {arn} already exists.");
                return Err(ServiceError::bad_request("ResourceInUseException", message));
            }
            if state.consumers.len() >= MAX_CONSUMERS {
                let message = "You have reached the maximum number of registered consumers for this stream.";
                return Err(ServiceError::bad_request("LimitExceededException", message));
            }
            let settles = now + delay(self.0.options.update_delay);
            let consumer = ConsumerState { created: now, tags, settles, deleting: false };
            let described = consumer.described(&arn, &name);
            state.consumers.insert(name, consumer);
            Ok(described)
        })?;
        Ok(form.members(&json!({ "Consumer": consumer })))
    }

    pub(super) fn deregister_stream_consumer(
        &self,
        form: WireFormat,
        input: &OneConsumer,
    ) -> Result<Response, ServiceError> {
        let (stream, name) = self.consumer(input)?;
        self.stream(&stream)?.change(|state| {
            let (now, takes) = (now_ms(), delay(self.0.options.update_delay));
            if takes == 0 {
                state.consumers.remove(&name);
            } else if let Some(consumer) = state.consumers.get_mut(&name) {
                if consumer.status(now) != "ACTIVE" {
                    let message = format!("Consumer {name} is {}.", consumer.status(now));
                    return Err(ServiceError::bad_request("ResourceInUseException", message));
                }
                (consumer.deleting, consumer.settles) = (true, now + takes);
            }
            Ok(())
        })?;
        // Its subscriptions end.
        self.wake();
        Ok(form.empty())
    }

    pub(super) fn describe_stream_consumer(
        &self,
        form: WireFormat,
        input: &OneConsumer,
    ) -> Result<Response, ServiceError> {
        let (name, consumer) = self.consumer(input)?;
        let stream = self.stream(&name)?;
        let arn = self.0.identity.stream_arn(&name);
        let state = &stream.read().state;
        let found = state.consumers.get(&consumer).ok_or_else(|| no_consumer(&consumer, &arn))?;
        let mut described = found.described(&arn, &consumer);
        described["StreamARN"] = arn.into();
        Ok(form.members(&json!({ "ConsumerDescription": described })))
    }

    pub(super) fn list_stream_consumers(
        &self,
        form: WireFormat,
        input: &ListConsumers,
    ) -> Result<Response, ServiceError> {
        let mut checks = Checks::default();
        checks.present("streamARN", input.stream_arn.as_ref());
        checks.range("maxResults", input.max_results, 1, 10_000).done()?;
        let name = self.named(None, input.stream_arn.as_deref())?;
        let arn = self.0.identity.stream_arn(&name);
        let stream = self.stream(&name)?;
        let state = &stream.read().state;
        let limit = usize::try_from(input.max_results.unwrap_or(PAGE)).unwrap_or_default();
        let now = now_ms();
        let after = input.next_token.as_deref().map(|token| after(token, now)).transpose()?;
        let mut rest =
            state.present_consumers(now).filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after));
        let page: Vec<_> = rest.by_ref().take(limit).collect();
        let described: Vec<_> = page.iter().map(|(name, consumer)| consumer.described(&arn, name)).collect();
        let mut body = json!({ "Consumers": described });
        if rest.next().is_some() {
            let last = page.last().map(|(name, _)| (*name).clone()).unwrap_or_default();
            body["NextToken"] = BASE64.encode(json!([last, now]).to_string()).into();
        }
        Ok(form.members(&body))
    }

    /// Returns whether a consumer is registered.
    pub(crate) fn has_consumer(&self, arn: &str) -> bool {
        self.consumer(&OneConsumer::by_arn(arn)).is_ok()
    }

    /// Checks that the consumer of a subscription is still registered.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, also while it is `DELETING`: there is nothing to wait for.
    pub(crate) fn check_registered(&self, arn: &str) -> Result<(), ServiceError> {
        let (stream_name, name) = self.consumer(&OneConsumer::by_arn(arn))?;
        let stream = self.stream(&stream_name)?;
        let is_registered = stream.read().state.consumers.get(&name).is_some_and(|consumer| !consumer.deleting);
        if is_registered { Ok(()) } else { Err(no_consumer(arn, &self.0.identity.stream_arn(&stream_name))) }
    }

    /// Returns the name of the stream of a consumer, which must be registered and `ACTIVE`.
    pub(crate) fn active_consumer(&self, arn: &str) -> Result<String, ServiceError> {
        let (stream_name, name) = self.consumer(&OneConsumer::by_arn(arn))?;
        let stream = self.stream(&stream_name)?;
        let consumers = &stream.read().state.consumers;
        let consumer =
            consumers.get(&name).ok_or_else(|| no_consumer(arn, &self.0.identity.stream_arn(&stream_name)))?;
        if consumer.status(now_ms()) == "ACTIVE" {
            return Ok(stream_name);
        }
        let message = format!(
            "Consumer {name} with creation timestamp {} under stream: {stream_name}, account {} is not in ACTIVE status.",
            consumer.created / 1000,
            self.0.identity.account
        );
        Err(ServiceError::bad_request("ResourceInUseException", message))
    }

    /// Returns the name of the stream to which the consumer in the request belongs.
    pub(crate) fn consumers_stream(&self, input: &OneConsumer) -> Result<String, ServiceError> {
        self.name_of(input.consumer_arn.as_deref().or(input.stream_arn.as_deref()).unwrap_or_default())
    }

    /// Returns the stream and the name of the consumer in the request, which must be registered.
    pub(crate) fn consumer(&self, input: &OneConsumer) -> Result<(String, String), ServiceError> {
        let wanted = match (&input.consumer_arn, &input.consumer_name) {
            (None, None) => None,
            (by_arn, by_name) if by_arn.is_some() || input.stream_arn.is_some() => Some((by_arn, by_name)),
            _ => None,
        };
        let Some((by_arn, by_name)) = wanted else {
            return Err(invalid("Must specify either ConsumerARN, or both StreamARN and ConsumerName."));
        };
        let stream_name = self.consumers_stream(input)?;
        let stream = self.stream(&stream_name)?;
        let stream_arn = self.0.identity.stream_arn(&stream_name);
        let state = &stream.read().state;
        let found = state.present_consumers(now_ms()).find(|(name, consumer)| {
            by_arn.as_ref().is_none_or(|arn| consumer.arn(&stream_arn, name) == *arn)
                && by_name.as_ref().is_none_or(|wanted| *name == wanted)
        });
        let named = by_name.as_deref().or(by_arn.as_deref()).unwrap_or_default();
        let (name, _) = found.ok_or_else(|| no_consumer(named, &stream_arn))?;
        Ok((stream_name, name.clone()))
    }
}

/// Returns the consumer name in a page token, which expires after as long as a token of `ListShards`.
fn after(token: &str, now: u64) -> Result<String, ServiceError> {
    let token = BASE64.decode(token).ok().and_then(|text| serde_json::from_slice::<(String, u64)>(&text).ok());
    let (name, made) = token.ok_or_else(|| invalid("Invalid NextToken."))?;
    check_age(made, now)?;
    Ok(name)
}

fn no_consumer(name: &str, stream_arn: &str) -> ServiceError {
    let message = format!("Consumer {name} under stream {stream_arn} not found.");
    ServiceError::bad_request("ResourceNotFoundException", message)
}
