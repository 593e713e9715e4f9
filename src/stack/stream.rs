//! The Kinesis stream.

mod consumers;
mod update;

use aws_sdk_kinesis::types::{StreamDescriptionSummary, StreamMode, StreamModeDetails, StreamStatus};
use futures::FutureExt;
use serde_json::{Value, json};

use super::change_tracker::Asked;
use super::orphans::Candidate;
use super::resource::{Attempt, Obstacle, Tags};
use super::sighting::with_tags;
use super::{Cloud, Difference, Found, Kind, Properties, References, Resource, Settled, State, event_source_mapping};
use crate::aws::{Call, Cause, Failure};
use crate::settings::{self, Capacity};

use self::update::Change;

const SERVICE: &str = "Kinesis";

/// The stream of the pipeline.
pub struct Stream {
    wanted: settings::Stream,
    asked: Asked<Change>,
}

impl Stream {
    /// What the settings ask for.
    #[must_use]
    pub fn new(wanted: settings::Stream) -> Self {
        Stream { wanted, asked: Asked::default() }
    }

    fn call<'a>(&'a self, cloud: &'a Cloud, operation: &'static str) -> Call<'a> {
        cloud.clients.call(SERVICE, operation, &self.wanted.name)
    }

    async fn describe(&self, cloud: &Cloud) -> Result<Option<StreamDescriptionSummary>, Failure> {
        let request = cloud.clients.kinesis.describe_stream_summary().stream_name(&self.wanted.name);
        let answer = self.call(cloud, "DescribeStreamSummary").find(request.send().await)?;
        Ok(answer.and_then(|answer| answer.stream_description_summary))
    }

    /// Asks for a change, once.
    async fn ask(&self, cloud: &Cloud, change: &Change, arn: &str) -> Result<(), Failure> {
        let ask = change.ask(&cloud.clients, &self.wanted.name, arn);
        let lacks = async { Ok(self.describe(cloud).await?.and_then(|stream| Change::next(&self.wanted, &stream))) };
        self.asked.ask(cloud, self.call(cloud, "UpdateStream"), change, ask, lacks).await
    }

    /// Adds tags, ten a call at most (docs/facts/kinesis.md, Encryption and tags). Those that say whose it is come
    /// first and together.
    async fn add_tags(&self, cloud: &Cloud, tags: Tags) -> Result<(), Failure> {
        let (ours, own): (Vec<_>, Vec<_>) =
            tags.into_iter().partition(|(name, _)| !cloud.owner.tags.contains_key(name));
        let tags: Vec<_> = ours.into_iter().chain(own).collect();
        for some in tags.chunks(10) {
            let request = cloud.clients.kinesis.add_tags_to_stream().stream_name(&self.wanted.name);
            let request = request.set_tags(Some(some.iter().cloned().collect()));
            self.call(cloud, "AddTagsToStream").done(request.send().await)?;
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
        let request = clients.kinesis.list_tags_for_stream().stream_name(name).set_exclusive_start_tag_key(last);
        let call = clients.call(SERVICE, "ListTagsForStream", name);
        let Some(answer) = call.find(request.send().await)? else { return Ok(Tags::new()) };
        let before = tags.len();
        tags.extend(answer.tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())));
        if !answer.has_more_tags || tags.len() == before {
            return Ok(tags);
        }
    }
}

/// Names of all streams.
pub async fn list(cloud: &Cloud) -> Result<Vec<Candidate>, Failure> {
    let pages = cloud.clients.kinesis.list_streams().into_paginator().send();
    let pages: Result<Vec<_>, _> = pages.collect().await;
    let pages = cloud.clients.call(SERVICE, "ListStreams", "all streams").answer(pages)?;
    let names = pages.into_iter().flat_map(|page| page.stream_names);
    Ok(names.map(|name| Candidate { key: name.clone(), name }).collect())
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

    fn observe<'a>(&'a self, cloud: &'a Cloud) -> Attempt<'a, Found> {
        async move {
            let tags = |_: &StreamDescriptionSummary| tags_of(cloud, &self.wanted.name).boxed();
            let created = |stream: &StreamDescriptionSummary| stream.stream_creation_timestamp;
            let seen = with_tags(|| self.describe(cloud).boxed(), tags, created).await?;
            let Some((stream, tags)) = seen else { return Ok(Found::missing()) };
            let mode = if mode_of(&stream) == StreamMode::OnDemand { "on-demand" } else { "provisioned" };
            let properties: Properties = [
                ("mode", json!(mode)),
                ("shards", json!(stream.open_shard_count)),
                ("retention_hours", json!(stream.retention_period_hours)),
                ("encryption", json!(update::key_of(&stream).map_or("none", update::short_key))),
            ]
            .into();
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
            ("encryption", json!(self.wanted.key.as_deref().map_or("none", update::short_key))),
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
        properties
    }

    fn keep(&mut self, found: &Found, is_asked: &dyn Fn(&str) -> bool) {
        let wanted = &mut self.wanted;
        if !is_asked("stream.mode") && !is_asked("stream.shards") {
            wanted.capacity = match (found.text("mode").as_deref(), found.number("shards")) {
                (Some("on-demand"), _) => Capacity::OnDemand,
                (_, Some(shards)) => Capacity::Shards(shards),
                (_, None) => wanted.capacity,
            };
        }
        if let Some(hours) = found.number("retention_hours").filter(|_| !is_asked("stream.retention_hours")) {
            wanted.retention_hours = hours;
        }
        if !is_asked("stream.encryption") {
            wanted.key = found.text("encryption").filter(|key| key != "none");
        }
    }

    fn loses_data(&self, property: &str, has: &Value, wanted: &Value, _: &Found) -> bool {
        property == "retention_hours" && has.as_i64() > wanted.as_i64()
    }

    fn create<'a>(&'a self, cloud: &'a Cloud, _: &'a References) -> Attempt<'a, Option<String>> {
        async move {
            let call = self.call(cloud, "CreateStream");
            let mut request = cloud
                .clients
                .kinesis
                .create_stream()
                .stream_name(&self.wanted.name)
                .set_tags(Some(cloud.owner.all_tags().into_iter().collect()));
            match self.wanted.capacity {
                Capacity::Shards(shards) => request = request.shard_count(shards),
                Capacity::OnDemand => {
                    let mode = StreamModeDetails::builder().stream_mode(StreamMode::OnDemand).build();
                    request = request.stream_mode_details(mode.map_err(|error| call.not_made(error))?);
                }
            }
            call.done(request.send().await)?;
            cloud.recent.note_creation(&self.wanted.name);
            // The answer names no ARN, and others wait for it.
            Ok(self.describe(cloud).await?.map(|stream| stream.stream_arn))
        }
        .boxed()
    }

    fn update<'a>(&'a self, cloud: &'a Cloud, _: &'a References, _: &'a Found, _: &'a [Difference]) -> Attempt<'a> {
        async move {
            // The first change is asked for here; `settle` asks for each next one when the stream is free again.
            let Some(stream) = self.describe(cloud).await? else { return Ok(()) };
            match Change::next(&self.wanted, &stream) {
                Some(change) => self.ask(cloud, &change, &stream.stream_arn).await,
                None => Ok(()),
            }
        }
        .boxed()
    }

    fn tag<'a>(&'a self, cloud: &'a Cloud, _: &'a Found, tags: Tags) -> Attempt<'a> {
        self.add_tags(cloud, tags).boxed()
    }

    fn settle<'a>(&'a self, cloud: &'a Cloud) -> Attempt<'a, Settled> {
        async move {
            let Some(stream) = self.describe(cloud).await? else { return Ok(Settled::Unseen) };
            let next = Change::next(&self.wanted, &stream);
            match (state_of(&stream), next) {
                // Retention and encryption cannot be given when a stream is made.
                (State::Active, Some(change)) => {
                    self.ask(cloud, &change, &stream.stream_arn).await?;
                    Ok(Settled::NotYet(change.to_string()))
                }
                (State::Active, None) => {
                    // Some endpoints drop the tags of the create call; without them `down` would not know its own stream.
                    let lacking = cloud.owner.lacking(&tags_of(cloud, &self.wanted.name).await?);
                    self.add_tags(cloud, lacking).await?;
                    Ok(Settled::Works(stream.stream_arn))
                }
                _ => {
                    self.asked.busy();
                    Ok(Settled::NotYet(stream.stream_status.to_string()))
                }
            }
        }
        .boxed()
    }

    fn delete<'a>(&'a self, cloud: &'a Cloud, found: &'a Found) -> Attempt<'a> {
        async move {
            let call = self.call(cloud, "DeleteStream");
            let request = cloud.clients.kinesis.delete_stream().stream_name(&self.wanted.name);
            let request = request.enforce_consumer_deletion(cloud.delete_consumers);
            match call.done(request.send().await) {
                // Also what somebody registered since it was looked for: that does not pass by itself.
                Err(failure) if failure.cause == Cause::InUse => match self.obstacle(cloud, found).await? {
                    Some(Obstacle { what, way }) => Err(call.not_made(format!("it {what}: {way}"))),
                    None => Err(failure),
                },
                result => result,
            }
        }
        .boxed()
    }

    fn obstacle<'a>(&'a self, cloud: &'a Cloud, found: &'a Found) -> Attempt<'a, Option<Obstacle>> {
        async move {
            let (consumers, functions) = match &found.arn {
                Some(arn) if !cloud.delete_consumers => futures::try_join!(
                    consumers::of(cloud, arn, &self.wanted.name),
                    event_source_mapping::fed_by(cloud, arn, &self.wanted.name)
                )?,
                _ => return Ok(None),
            };
            let mut readers = Vec::new();
            if !consumers.is_empty() {
                readers.push(format!("consumers that others registered: {}", consumers.join(", ")));
            }
            if !functions.is_empty() {
                readers.push(format!("event source mappings of others, to the function {}", functions.join(", ")));
            }
            Ok((!readers.is_empty()).then(|| Obstacle {
                what: format!("is read by {}", readers.join("; and by ")),
                way:
                    "`sensorctl down --delete-consumers` deletes it all the same: registered consumers go with it, and \
                      mappings of others stay and read nothing any more"
                        .to_owned(),
            }))
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
