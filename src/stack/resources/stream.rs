//! The Kinesis stream.

mod consumers;
mod update;

use aws_sdk_kinesis::types::{StreamDescriptionSummary, StreamMode, StreamModeDetails, StreamStatus};
use futures::FutureExt;
use serde_json::{Value, json};

use super::event_source_mapping;
use crate::aws::{AwsFailure, CallContext, FailureCause};
use crate::settings::{self, Capacity};
use crate::stack::engine::change_tracker::ChangeTracker;
use crate::stack::engine::observed::Tags;
use crate::stack::engine::resource::{Attempt, DeletionBlocker};
use crate::stack::engine::sighting::with_tags;
use crate::stack::engine::tagged_resource::TaggedResource;
use crate::stack::{ArnRegistry, Difference, Kind, Observed, Properties, Readiness, Resource, Session, State};

use self::update::StreamChange;

const SERVICE: &str = "Kinesis";

/// The detail with the service's status of the stream.
pub(crate) const STREAM_STATUS: &str = "stream_status";

/// The stream of the pipeline.
pub(crate) struct Stream {
    wanted: settings::Stream,
    changes: ChangeTracker<StreamChange>,
}

impl Stream {
    /// Creates the stream from the settings.
    #[must_use]
    pub(crate) fn new(wanted: settings::Stream) -> Self {
        Stream { wanted, changes: ChangeTracker::default() }
    }

    fn call<'a>(&'a self, session: &'a Session, operation: &'static str) -> CallContext<'a> {
        session.clients.call(SERVICE, operation, &self.wanted.name)
    }

    async fn describe(&self, session: &Session) -> Result<Option<StreamDescriptionSummary>, AwsFailure> {
        let request = session.clients.kinesis.describe_stream_summary().stream_name(&self.wanted.name);
        let answer = self.call(session, "DescribeStreamSummary").optional(request.send().await)?;
        Ok(answer.and_then(|answer| answer.stream_description_summary))
    }

    /// Requests a change, once.
    async fn request(&self, session: &Session, change: &StreamChange, arn: &str) -> Result<(), AwsFailure> {
        let ask = change.send(&session.clients, &self.wanted.name, arn);
        let lacks =
            async { Ok(self.describe(session).await?.and_then(|stream| StreamChange::next(&self.wanted, &stream))) };
        self.changes.request(session, self.call(session, "UpdateStream"), change, ask, lacks).await
    }

    /// Adds tags, at most ten per call (docs/facts/kinesis.md, Encryption and tags). Ownership tags come first and
    /// together.
    async fn add_tags(&self, session: &Session, tags: Tags) -> Result<(), AwsFailure> {
        let (ours, own): (Vec<_>, Vec<_>) =
            tags.into_iter().partition(|(name, _)| !session.owner.tags.contains_key(name));
        let tags: Vec<_> = ours.into_iter().chain(own).collect();
        for some in tags.chunks(10) {
            let request = session.clients.kinesis.add_tags_to_stream().stream_name(&self.wanted.name);
            let request = request.set_tags(Some(some.iter().cloned().collect()));
            self.call(session, "AddTagsToStream").unit(request.send().await)?;
        }
        Ok(())
    }
}

/// Returns the tags of a stream, or no tags if it does not exist.
pub(crate) async fn tags_of(session: &Session, name: &str) -> Result<Tags, AwsFailure> {
    let clients = &session.clients;
    let mut tags = Tags::new();
    loop {
        // With many tags, the service returns ten per page.
        let last = tags.keys().next_back().cloned();
        let request = clients.kinesis.list_tags_for_stream().stream_name(name).set_exclusive_start_tag_key(last);
        let call = clients.call(SERVICE, "ListTagsForStream", name);
        let Some(answer) = call.optional(request.send().await)? else { return Ok(Tags::new()) };
        let before = tags.len();
        tags.extend(answer.tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())));
        if !answer.has_more_tags || tags.len() == before {
            return Ok(tags);
        }
    }
}

/// Lists the names of all streams.
pub(crate) async fn list(session: &Session) -> Result<Vec<TaggedResource>, AwsFailure> {
    let pages = session.clients.kinesis.list_streams().into_paginator().send();
    let pages: Result<Vec<_>, _> = pages.collect().await;
    let pages = session.clients.call(SERVICE, "ListStreams", "all streams").answer(pages)?;
    let names = pages.into_iter().flat_map(|page| page.stream_names);
    Ok(names.map(|name| TaggedResource { key: name.clone(), name }).collect())
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

    fn observe<'a>(&'a self, session: &'a Session) -> Attempt<'a, Observed> {
        async move {
            let tags = |stream: &StreamDescriptionSummary| {
                let arn = stream.stream_arn.clone();
                let tags = async move {
                    match session.stage_tags_of(&arn).await {
                        Some(tags) => Ok(tags),
                        None => tags_of(session, &self.wanted.name).await,
                    }
                };
                tags.boxed()
            };
            let created = |stream: &StreamDescriptionSummary| stream.stream_creation_timestamp;
            let seen = with_tags(|| self.describe(session).boxed(), tags, created).await?;
            let Some((stream, tags)) = seen else { return Ok(Observed::missing()) };
            let mode = if mode_of(&stream) == StreamMode::OnDemand { "on-demand" } else { "provisioned" };
            let properties: Properties = [
                ("mode", json!(mode)),
                ("shards", json!(stream.open_shard_count)),
                ("retention_hours", json!(stream.retention_period_hours)),
                ("encryption", json!(update::key_of(&stream).map_or("none", update::short_key))),
            ]
            .into();
            let state = observed_state(&stream);
            let details = [(STREAM_STATUS, stream.stream_status.to_string())].into();
            Ok(Observed { state, arn: Some(stream.stream_arn), tags, properties, details, ..Observed::missing() })
        }
        .boxed()
    }

    fn desired(&self, _: &ArnRegistry) -> Properties {
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

    fn preserve_unmanaged(&mut self, found: &Observed, is_asked: &dyn Fn(&str) -> bool) {
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

    fn loses_data(&self, property: &str, has: &Value, wanted: &Value, _: &Observed) -> bool {
        property == "retention_hours" && has.as_i64() > wanted.as_i64()
    }

    fn create<'a>(&'a self, session: &'a Session, _: &'a ArnRegistry) -> Attempt<'a, Option<String>> {
        async move {
            let call = self.call(session, "CreateStream");
            let mut request = session
                .clients
                .kinesis
                .create_stream()
                .stream_name(&self.wanted.name)
                .set_tags(Some(session.owner.all_tags().into_iter().collect()));
            match self.wanted.capacity {
                Capacity::Shards(shards) => request = request.shard_count(shards),
                Capacity::OnDemand => {
                    let mode = StreamModeDetails::builder().stream_mode(StreamMode::OnDemand).build();
                    request = request.stream_mode_details(mode.map_err(|error| call.build_failure(error))?);
                }
            }
            call.unit(request.send().await)?;
            session.recent.note_creation(&self.wanted.name);
            // The response does not contain an ARN, and other steps wait for it.
            Ok(self.describe(session).await?.map(|stream| stream.stream_arn))
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        session: &'a Session,
        _: &'a ArnRegistry,
        _: &'a Observed,
        _: &'a [Difference],
    ) -> Attempt<'a> {
        async move {
            // The first change is requested here. `poll_ready` requests each following one when the stream accepts
            // changes again.
            let Some(stream) = self.describe(session).await? else { return Ok(()) };
            match StreamChange::next(&self.wanted, &stream) {
                Some(change) => self.request(session, &change, &stream.stream_arn).await,
                None => Ok(()),
            }
        }
        .boxed()
    }

    fn tag<'a>(&'a self, session: &'a Session, _: &'a Observed, tags: Tags) -> Attempt<'a> {
        self.add_tags(session, tags).boxed()
    }

    fn poll_ready<'a>(&'a self, session: &'a Session) -> Attempt<'a, Readiness> {
        async move {
            let Some(stream) = self.describe(session).await? else { return Ok(Readiness::NotVisible) };
            let next = StreamChange::next(&self.wanted, &stream);
            match (state_of(&stream), next) {
                // Retention and encryption cannot be set in the create call.
                (State::Active, Some(change)) => {
                    self.request(session, &change, &stream.stream_arn).await?;
                    Ok(Readiness::NotYet(change.to_string()))
                }
                (State::Active, None) => {
                    // Some endpoints drop the tags of the create call. Without them `down` would not recognize its own
                    // stream.
                    let lacking = session.owner.missing_tags(&tags_of(session, &self.wanted.name).await?);
                    self.add_tags(session, lacking).await?;
                    Ok(Readiness::Ready(stream.stream_arn))
                }
                _ => {
                    self.changes.note_in_progress();
                    Ok(Readiness::NotYet(stream.stream_status.to_string()))
                }
            }
        }
        .boxed()
    }

    fn delete<'a>(&'a self, session: &'a Session, found: &'a Observed) -> Attempt<'a> {
        async move {
            let call = self.call(session, "DeleteStream");
            let request = session.clients.kinesis.delete_stream().stream_name(&self.wanted.name);
            let request = request.enforce_consumer_deletion(session.delete_consumers);
            match call.unit(request.send().await) {
                // Includes a consumer that was registered after the preflight: that is permanent.
                Err(failure) if failure.cause == FailureCause::InUse => match self
                    .deletion_blocker(session, found)
                    .await?
                {
                    Some(DeletionBlocker { what, remedy: way }) => Err(call.build_failure(format!("it {what}: {way}"))),
                    None => Err(failure),
                },
                result => result,
            }
        }
        .boxed()
    }

    fn deletion_blocker<'a>(
        &'a self,
        session: &'a Session,
        found: &'a Observed,
    ) -> Attempt<'a, Option<DeletionBlocker>> {
        async move {
            let (consumers, functions) = match &found.arn {
                Some(arn) if !session.delete_consumers => futures::try_join!(
                    consumers::of(session, arn, &self.wanted.name),
                    event_source_mapping::mappings_of_stream(session, arn, &self.wanted.name)
                )?,
                _ => return Ok(None),
            };
            let mut readers = Vec::new();
            if !consumers.is_empty() {
                readers.push(format!("registered consumers: {}", consumers.join(", ")));
            }
            if !functions.is_empty() {
                readers.push(format!("unmanaged event source mappings to the function {}", functions.join(", ")));
            }
            Ok((!readers.is_empty()).then(|| DeletionBlocker {
                what: format!("is read by {}", readers.join("; and by ")),
                remedy:
                    "`sensorctl down --delete-consumers` deletes it all the same: registered consumers are deleted with it, \
                      and unmanaged mappings stay and read nothing"
                        .to_owned(),
            }))
        }
        .boxed()
    }
}

fn mode_of(stream: &StreamDescriptionSummary) -> StreamMode {
    stream.stream_mode_details.as_ref().map_or(StreamMode::Provisioned, |details| details.stream_mode.clone())
}

/// Returns the state of a stream that this run has not changed. A stream on demand reshards itself, which is well.
fn observed_state(stream: &StreamDescriptionSummary) -> State {
    let is_on_demand = mode_of(stream) == StreamMode::OnDemand;
    if is_on_demand && stream.stream_status == StreamStatus::Updating { State::Active } else { state_of(stream) }
}

fn state_of(stream: &StreamDescriptionSummary) -> State {
    match &stream.stream_status {
        StreamStatus::Active => State::Active,
        StreamStatus::Deleting => State::Deleting,
        status => State::Changing(status.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use super::*;

    #[test]
    fn stream_on_demand_that_reshards_itself_is_active() {
        let stream = |mode: StreamMode, status: StreamStatus| {
            StreamDescriptionSummary::builder()
                .stream_name("s")
                .stream_arn("arn")
                .stream_status(status)
                .stream_mode_details(StreamModeDetails::builder().stream_mode(mode).build().unwrap())
                .retention_period_hours(24)
                .stream_creation_timestamp(DateTime::from_secs(0))
                .set_enhanced_monitoring(Some(Vec::new()))
                .open_shard_count(4)
                .build()
                .unwrap()
        };
        let state = |mode, status| observed_state(&stream(mode, status));
        assert_eq!(state(StreamMode::OnDemand, StreamStatus::Updating), State::Active);
        assert!(matches!(state(StreamMode::OnDemand, StreamStatus::Creating), State::Changing(_)));
        assert!(matches!(state(StreamMode::Provisioned, StreamStatus::Updating), State::Changing(_)));
        assert!(matches!(state_of(&stream(StreamMode::OnDemand, StreamStatus::Updating)), State::Changing(_)));
    }
}
