//! The Kinesis stream.

mod change;

use aws_sdk_kinesis::types::{StreamDescriptionSummary, StreamMode, StreamModeDetails, StreamStatus};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use super::asked::{Asked, Next};
use super::tags::{OwnTags, TAGS};
use super::{Cloud, Difference, Found, Kind, Properties, References, Resource, Settled, State, Tags};
use crate::aws::{Cause, Failure};
use crate::settings::{self, Capacity};

use self::change::Change;

const SERVICE: &str = "Kinesis";

/// The stream of the pipeline.
pub struct Stream {
    wanted: settings::Stream,
    tags: OwnTags,
    asked: Asked<Change>,
}

impl Stream {
    /// What the settings ask for.
    #[must_use]
    pub fn new(wanted: settings::Stream, tags: OwnTags) -> Self {
        Stream { wanted, tags, asked: Asked::default() }
    }

    async fn describe(&self, cloud: &Cloud) -> Result<Option<StreamDescriptionSummary>, Failure> {
        let clients = &cloud.clients;
        match clients.kinesis.describe_stream_summary().stream_name(&self.wanted.name).send().await {
            Ok(answer) => Ok(answer.stream_description_summary),
            Err(error) => {
                let failure = clients.failure(SERVICE, "DescribeStreamSummary", &self.wanted.name, &error);
                if failure.cause == Cause::Missing { Ok(None) } else { Err(failure) }
            }
        }
    }

    async fn tags(&self, cloud: &Cloud) -> Result<Tags, Failure> {
        tags_of(cloud, &self.wanted.name).await
    }

    /// Asks for a change, once.
    async fn ask(&self, cloud: &Cloud, change: &Change, arn: &str) -> Result<(), Failure> {
        let (clients, name) = (&cloud.clients, &self.wanted.name);
        match self.asked.next(cloud, change) {
            Next::Ask => change.ask(clients, name, arn).await.inspect_err(|_| self.asked.forget()),
            Next::Wait => Ok(()),
            Next::GiveUp => {
                let why = format!("the service took it ({change}), but does not show it");
                Err(clients.not_made(SERVICE, "UpdateStream", name, why))
            }
        }
    }

    /// Adds the tags that it lacks. Ten a call at most (facts/aws.md A12).
    async fn add_tags(&self, cloud: &Cloud) -> Result<(), Failure> {
        let clients = &cloud.clients;
        let lacking: Vec<_> = self.tags.lacking(&cloud.owner, &self.tags(cloud).await?).into_iter().collect();
        for some in lacking.chunks(10) {
            let call = clients.kinesis.add_tags_to_stream().stream_name(&self.wanted.name);
            let result = call.set_tags(Some(some.iter().cloned().collect())).send().await;
            result.map_err(|error| clients.failure(SERVICE, "AddTagsToStream", &self.wanted.name, &error))?;
        }
        Ok(())
    }
}

/// The tags of a stream; none if it is not there.
pub async fn tags_of(cloud: &Cloud, name: &str) -> Result<Tags, Failure> {
    let clients = &cloud.clients;
    let mut tags = Tags::new();
    loop {
        // The service gives ten a page where tags are many.
        let last = tags.keys().next_back().cloned();
        let call = clients.kinesis.list_tags_for_stream().stream_name(name).set_exclusive_start_tag_key(last);
        match call.send().await {
            Ok(answer) => {
                let before = tags.len();
                tags.extend(answer.tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())));
                if !answer.has_more_tags || tags.len() == before {
                    return Ok(tags);
                }
            }
            Err(error) => {
                let failure = clients.failure(SERVICE, "ListTagsForStream", name, &error);
                return if failure.cause == Cause::Missing { Ok(Tags::new()) } else { Err(failure) };
            }
        }
    }
}

impl Resource for Stream {
    fn kind(&self) -> Kind {
        Kind::Stream
    }

    fn name(&self) -> &str {
        &self.wanted.name
    }

    fn is_existing(&self) -> bool {
        self.wanted.existing
    }

    fn observe<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Found, Failure>> {
        async move {
            let (stream, tags) = futures::try_join!(self.describe(cloud), self.tags(cloud))?;
            let Some(stream) = stream else { return Ok(Found::missing()) };
            let mode = if mode_of(&stream) == StreamMode::OnDemand { "on-demand" } else { "provisioned" };
            let mut properties: Properties = [
                ("mode", json!(mode)),
                ("shards", json!(stream.open_shard_count)),
                ("retention_hours", json!(stream.retention_period_hours)),
                ("encryption", json!(change::key_of(&stream).unwrap_or("none"))),
            ]
            .into();
            self.tags.found(&tags, &mut properties);
            let state = state_of(&stream);
            Ok(Found { state, arn: Some(stream.stream_arn), tags, properties, ..Found::missing() })
        }
        .boxed()
    }

    fn wanted(&self, _: &References) -> Properties {
        if self.wanted.existing {
            return Properties::new();
        }
        let mut properties: Properties = [
            ("retention_hours", json!(self.wanted.retention_hours)),
            ("encryption", json!(self.wanted.key.as_deref().unwrap_or("none"))),
        ]
        .into();
        match self.wanted.capacity {
            Capacity::OnDemand => {
                properties.insert("mode", json!("on-demand"));
            }
            Capacity::Shards(shards) => {
                properties.extend([("mode", json!("provisioned")), ("shards", json!(shards))]);
            }
        }
        self.tags.want(&mut properties);
        properties
    }

    fn create<'a>(&'a self, cloud: &'a Cloud, _: &'a References) -> BoxFuture<'a, Result<Option<String>, Failure>> {
        async move {
            let clients = &cloud.clients;
            let name = &self.wanted.name;
            let mut call = clients
                .kinesis
                .create_stream()
                .stream_name(name)
                .set_tags(Some(self.tags.all(&cloud.owner).into_iter().collect()));
            match self.wanted.capacity {
                Capacity::Shards(shards) => call = call.shard_count(shards),
                Capacity::OnDemand => {
                    let mode = StreamModeDetails::builder().stream_mode(StreamMode::OnDemand).build();
                    let mode = mode.map_err(|error| clients.not_made(SERVICE, "CreateStream", name, error))?;
                    call = call.stream_mode_details(mode);
                }
            }
            call.send().await.map_err(|error| clients.failure(SERVICE, "CreateStream", name, &error))?;
            // The answer names no ARN, and others wait for it.
            Ok(self.describe(cloud).await?.map(|stream| stream.stream_arn))
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        cloud: &'a Cloud,
        _: &'a References,
        _: &'a Found,
        differences: &'a [Difference],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            // The first change is asked for here; `settle` asks for each next one when the stream is free again.
            if differences.iter().any(|difference| difference.property == TAGS) {
                self.add_tags(cloud).await?;
            }
            let Some(stream) = self.describe(cloud).await? else { return Ok(()) };
            match Change::next(&self.wanted, &stream) {
                Some(change) => self.ask(cloud, &change, &stream.stream_arn).await,
                None => Ok(()),
            }
        }
        .boxed()
    }

    fn settle<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Settled, Failure>> {
        async move {
            let Some(stream) = self.describe(cloud).await? else {
                return Ok(Settled::NotYet("not to be seen yet".to_owned()));
            };
            if state_of(&stream) != State::Active {
                self.asked.busy();
                return Ok(Settled::NotYet(stream.stream_status.to_string()));
            }
            // Retention and encryption cannot be given when a stream is made.
            if let Some(change) = Change::next(&self.wanted, &stream) {
                self.ask(cloud, &change, &stream.stream_arn).await?;
                return Ok(Settled::NotYet(change.to_string()));
            }
            // Some endpoints drop the tags of the create call; without them `down` would not know its own stream.
            self.add_tags(cloud).await?;
            Ok(Settled::Works(stream.stream_arn))
        }
        .boxed()
    }

    fn delete<'a>(&'a self, cloud: &'a Cloud, _: &'a Found) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let clients = &cloud.clients;
            let name = &self.wanted.name;
            // Consumers of others make the service refuse, and that is right.
            let call = clients.kinesis.delete_stream().stream_name(name).enforce_consumer_deletion(false);
            call.send().await.map(drop).map_err(|error| clients.failure(SERVICE, "DeleteStream", name, &error))
        }
        .boxed()
    }
}

fn mode_of(stream: &StreamDescriptionSummary) -> StreamMode {
    stream.stream_mode_details.as_ref().map_or(StreamMode::Provisioned, |details| details.stream_mode.clone())
}

fn state_of(stream: &StreamDescriptionSummary) -> State {
    match &stream.stream_status {
        StreamStatus::Active => State::Active,
        StreamStatus::Deleting => State::Deleting,
        status => State::Changing(status.to_string()),
    }
}
