//! The registered consumer of a tail: registered for this run and deregistered at its end, or an existing one.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesis::types::ConsumerStatus;

use crate::aws::wait::{self, Poll, WaitError};
use crate::aws::{AwsFailure, Clients};
use crate::error::Error;
use crate::pipeline::put::aggregation_mode::OWN_CONSUMERS;

/// The longest time until a new consumer can read.
const MAX_CREATING: Duration = Duration::from_mins(5);
/// The longest time that the end of a tail takes.
const MAX_DEREGISTERING: Duration = Duration::from_secs(10);

/// A consumer that can read.
#[derive(Debug)]
pub(crate) struct StreamConsumer {
    clients: Arc<Clients>,
    resource: String,
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// True if it was registered for this run.
    pub is_own: bool,
}

impl StreamConsumer {
    /// Registers a consumer under a name of its own. Readers with the same name would take shards over from each other.
    ///
    /// # Errors
    /// If it cannot be registered, or does not become active.
    pub(crate) async fn register(clients: Arc<Clients>, stream: &str) -> Result<Self, Error> {
        let name = format!("{OWN_CONSUMERS}{}-{:08x}", host(), rand::random::<u32>());
        let stream_arn = stream_arn(&clients, stream).await?;
        let resource = format!("stream {stream}, consumer {name}");
        let request = clients.kinesis.register_stream_consumer().stream_arn(&stream_arn).consumer_name(&name);
        let answer = clients.call("Kinesis", "RegisterStreamConsumer", &resource).answer(request.send().await);
        let arn = match answer {
            Ok(answer) => answer.consumer.map(|consumer| consumer.consumer_arn).unwrap_or_default(),
            // The call may have taken effect, and nobody else has this name.
            Err(failure) => match consumer_arn(&clients, &stream_arn, &name).await {
                Some(arn) => arn,
                None => return Err(clients.with_account_context(failure).await.into()),
            },
        };
        let consumer = StreamConsumer { clients, resource, arn, name, is_own: true };
        match consumer.wait_until_active().await {
            Ok(()) => Ok(consumer),
            Err(error) => {
                // The registered consumer must not stay, whichever step failed.
                let left = consumer.deregister().await.err();
                Err(left.into_iter().fold(error, |error, left| error.hint(left.to_string())))
            }
        }
    }

    /// Takes an existing consumer, which stays.
    ///
    /// # Errors
    /// If no consumer has that name, or it is not active.
    pub(crate) async fn existing(clients: Arc<Clients>, stream: &str, name: &str) -> Result<Self, Error> {
        let stream_arn = stream_arn(&clients, stream).await?;
        let resource = format!("stream {stream}, consumer {name}");
        let request = clients.kinesis.describe_stream_consumer().stream_arn(stream_arn).consumer_name(name);
        let answer = clients.call("Kinesis", "DescribeStreamConsumer", &resource).answer(request.send().await);
        let arn = match answer {
            Ok(answer) => answer.consumer_description.map(|consumer| consumer.consumer_arn).unwrap_or_default(),
            Err(failure) => return Err(clients.with_account_context(failure).await.into()),
        };
        let consumer = StreamConsumer { clients, resource, arn, name: name.to_owned(), is_own: false };
        consumer.wait_until_active().await?;
        Ok(consumer)
    }

    async fn wait_until_active(&self) -> Result<(), Error> {
        let look = || async {
            let request = self.clients.kinesis.describe_stream_consumer().consumer_arn(&self.arn);
            let call = self.clients.call("Kinesis", "DescribeStreamConsumer", &self.resource);
            let answer = match call.answer(request.send().await) {
                Ok(answer) => answer,
                Err(failure) if failure.is_transient() => return Ok(Poll::Pending(failure.to_string())),
                Err(failure) => return Err(failure),
            };
            let status = answer.consumer_description.map(|consumer| consumer.consumer_status);
            Ok(match status {
                Some(ConsumerStatus::Active) => Poll::Ready(()),
                Some(other) => Poll::Pending(other.as_str().to_owned()),
                None => Poll::Pending("not described".to_owned()),
            })
        };
        let found: Result<(), WaitError<AwsFailure, String>> =
            wait::poll_until(self.clients.schedule(MAX_CREATING), look, |_, _| {}).await;
        match found {
            Ok(()) => Ok(()),
            Err(WaitError::Failed(failure)) => Err(self.clients.with_account_context(failure).await.into()),
            Err(late @ WaitError::TimedOut { .. }) => {
                Err(Error::failed(format!("consumer {} is not active", self.name)).with_source(late))
            }
        }
    }

    /// Deregisters a consumer of this run. An existing one stays.
    ///
    /// # Errors
    /// If it may still be registered. The error has the command that deregisters it.
    pub(crate) async fn deregister(&self) -> Result<(), Error> {
        if !self.is_own {
            return Ok(());
        }
        let call = || async {
            let request = self.clients.kinesis.deregister_stream_consumer().consumer_arn(&self.arn);
            let call = self.clients.call("Kinesis", "DeregisterStreamConsumer", &self.resource);
            call.optional(request.send().await).map(drop)
        };
        crate::aws::retry_transient(self.clients.schedule(MAX_DEREGISTERING), call).await.map_err(|failure| {
            let arn = &self.arn;
            Error::failed(format!("consumer {} is still registered, and costs money: {}", self.name, failure.said()))
                .hint(format!("`aws kinesis deregister-stream-consumer --consumer-arn {arn}` removes it"))
        })
    }
}

/// Returns the ARN of a consumer, if it can be found.
async fn consumer_arn(clients: &Clients, stream_arn: &str, name: &str) -> Option<String> {
    let request = clients.kinesis.describe_stream_consumer().stream_arn(stream_arn).consumer_name(name);
    request.send().await.ok()?.consumer_description.map(|consumer| consumer.consumer_arn)
}

async fn stream_arn(clients: &Clients, stream: &str) -> Result<String, Error> {
    let resource = format!("stream {stream}");
    let answer = clients.kinesis.describe_stream_summary().stream_name(stream).send().await;
    match clients.call("Kinesis", "DescribeStreamSummary", &resource).answer(answer) {
        Ok(answer) => Ok(answer.stream_description_summary.map(|summary| summary.stream_arn).unwrap_or_default()),
        Err(failure) => Err(clients.with_account_context(failure).await.into()),
    }
}

/// Returns the name of this machine, as far as a consumer's name may have it.
fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let kept: String =
        name.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(*letter)).collect();
    if kept.is_empty() { "host".to_owned() } else { kept.chars().take(64).collect() }
}
