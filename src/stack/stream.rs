//! The Kinesis stream.

use aws_sdk_kinesis::types::{ScalingType, StreamDescriptionSummary, StreamMode, StreamModeDetails, StreamStatus};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use super::{Cloud, Difference, Found, Kind, Properties, References, Resource, Settled, State, Tags};
use crate::aws::{Cause, Failure};

const SERVICE: &str = "Kinesis";

/// A provisioned stream of a fixed number of shards.
pub struct Stream {
    /// Its name.
    pub name: String,
    /// Open shards.
    pub shards: i32,
}

impl Stream {
    async fn describe(&self, cloud: &Cloud) -> Result<Option<StreamDescriptionSummary>, Failure> {
        let clients = &cloud.clients;
        match clients.kinesis.describe_stream_summary().stream_name(&self.name).send().await {
            Ok(answer) => Ok(answer.stream_description_summary),
            Err(error) => {
                let failure = clients.failure(SERVICE, "DescribeStreamSummary", &self.name, &error);
                if failure.cause == Cause::Missing { Ok(None) } else { Err(failure) }
            }
        }
    }

    async fn tags(&self, cloud: &Cloud) -> Result<Tags, Failure> {
        let clients = &cloud.clients;
        match clients.kinesis.list_tags_for_stream().stream_name(&self.name).send().await {
            Ok(answer) => Ok(answer.tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect()),
            Err(error) => {
                let failure = clients.failure(SERVICE, "ListTagsForStream", &self.name, &error);
                if failure.cause == Cause::Missing { Ok(Tags::new()) } else { Err(failure) }
            }
        }
    }
}

impl Resource for Stream {
    fn kind(&self) -> Kind {
        Kind::Stream
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn observe<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Found, Failure>> {
        async move {
            let (stream, tags) = futures::try_join!(self.describe(cloud), self.tags(cloud))?;
            let Some(stream) = stream else { return Ok(Found::missing()) };
            let mode = stream.stream_mode_details.as_ref().map_or("PROVISIONED", |mode| mode.stream_mode.as_str());
            let properties = [("shards", json!(stream.open_shard_count)), ("mode", json!(mode))];
            Ok(Found {
                state: state_of(&stream),
                arn: Some(stream.stream_arn),
                tags,
                properties: properties.into(),
                ..Found::missing()
            })
        }
        .boxed()
    }

    fn wanted(&self, _: &References) -> Properties {
        [("shards", json!(self.shards)), ("mode", json!("PROVISIONED"))].into()
    }

    fn create<'a>(&'a self, cloud: &'a Cloud, _: &'a References) -> BoxFuture<'a, Result<Option<String>, Failure>> {
        async move {
            let clients = &cloud.clients;
            let call = clients
                .kinesis
                .create_stream()
                .stream_name(&self.name)
                .shard_count(self.shards)
                .set_tags(Some(cloud.owner.tags().into_iter().collect()));
            call.send().await.map_err(|error| clients.failure(SERVICE, "CreateStream", &self.name, &error))?;
            // The answer names no ARN, and others wait for it.
            Ok(self.describe(cloud).await?.map(|stream| stream.stream_arn))
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        cloud: &'a Cloud,
        _: &'a References,
        found: &'a Found,
        differences: &'a [Difference],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let kinesis = &cloud.clients.kinesis;
            let failure = |operation, error: &_| cloud.clients.failure(SERVICE, operation, &self.name, error);
            for difference in differences {
                match difference.property {
                    "shards" => {
                        let call = kinesis
                            .update_shard_count()
                            .stream_name(&self.name)
                            .target_shard_count(self.shards)
                            .scaling_type(ScalingType::UniformScaling);
                        call.send().await.map_err(|error| failure("UpdateShardCount", &error))?;
                    }
                    "mode" => {
                        let mode = StreamModeDetails::builder().stream_mode(StreamMode::Provisioned).build();
                        let mode = mode
                            .map_err(|error| cloud.clients.not_made(SERVICE, "UpdateStreamMode", &self.name, error))?;
                        let call = kinesis
                            .update_stream_mode()
                            .stream_arn(found.arn.clone().unwrap_or_default())
                            .stream_mode_details(mode);
                        call.send()
                            .await
                            .map_err(|error| cloud.clients.failure(SERVICE, "UpdateStreamMode", &self.name, &error))?;
                    }
                    _ => {}
                }
            }
            Ok(())
        }
        .boxed()
    }

    fn settle<'a>(&'a self, cloud: &'a Cloud) -> BoxFuture<'a, Result<Settled, Failure>> {
        async move {
            let Some(stream) = self.describe(cloud).await? else {
                return Ok(Settled::NotYet("not to be seen yet".to_owned()));
            };
            if state_of(&stream) != State::Active {
                return Ok(Settled::NotYet(stream.stream_status.to_string()));
            }
            // Some endpoints drop the tags of the create call; without them `down` would not know its own stream.
            let has = self.tags(cloud).await?;
            let lacking: Vec<_> = cloud.owner.tags().into_iter().filter(|(key, _)| !has.contains_key(key)).collect();
            if !lacking.is_empty() {
                let clients = &cloud.clients;
                let call = clients
                    .kinesis
                    .add_tags_to_stream()
                    .stream_name(&self.name)
                    .set_tags(Some(lacking.into_iter().collect()));
                call.send().await.map_err(|error| clients.failure(SERVICE, "AddTagsToStream", &self.name, &error))?;
            }
            Ok(Settled::Works(stream.stream_arn))
        }
        .boxed()
    }

    fn delete<'a>(&'a self, cloud: &'a Cloud, _: &'a Found) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let clients = &cloud.clients;
            // Consumers of others make the service refuse, and that is right.
            let call = clients.kinesis.delete_stream().stream_name(&self.name).enforce_consumer_deletion(false);
            call.send().await.map(drop).map_err(|error| clients.failure(SERVICE, "DeleteStream", &self.name, &error))
        }
        .boxed()
    }
}

fn state_of(stream: &StreamDescriptionSummary) -> State {
    match &stream.stream_status {
        StreamStatus::Active => State::Active,
        StreamStatus::Deleting => State::Deleting,
        status => State::Changing(status.to_string()),
    }
}
