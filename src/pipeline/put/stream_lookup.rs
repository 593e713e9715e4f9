//! Looks up how to send to a stream: its shards, its limits, and its readers.

use std::time::Duration;

use aws_sdk_kinesis::types::{RecordDistributionStrategy, StreamDescriptionSummary, StreamMode};
use aws_sdk_lambda::types::EventSourceMappingConfiguration;
use futures::future;
use tokio::time::timeout;

use super::aggregation::Aggregation;
use super::aggregation_mode::{
    AggregationChoice, AggregationDecision, MappingReader, PipelineMarks, ResourceTags, StreamReaders, decide,
};
use super::put_options::SendPlan;
use super::rate_limit::ShardLimits;
use super::sender::KinesisStream;
use super::shard_map::{ShardMap, ShardRange};
use super::stream_writer::StreamWriter as _;
use crate::aws::{AwsFailure, FailureCause};

/// Maximum time of all look-ups. A put works without them.
const LIMIT: Duration = Duration::from_secs(15);

/// A stream as the look-ups found it.
#[derive(Debug)]
pub(crate) struct FoundStream {
    /// How to send to it.
    pub plan: SendPlan,
    /// When it was created, in milliseconds since 1970, if that is known.
    pub created_ms: Option<i64>,
}

/// Looks up how to send to the stream. A look-up that fails makes the plan more careful, and never fails the put.
/// Returns a remark where readings are not aggregated.
pub(crate) async fn look_up_plan(
    stream: KinesisStream<'_>,
    choice: AggregationChoice,
    marks: &PipelineMarks,
) -> (FoundStream, Option<String>) {
    let late = |operation| {
        let failure = stream.clients.build_failure("Kinesis", operation, stream.name, "no answer within 15 s");
        AwsFailure { cause: FailureCause::Unreachable, ..failure }
    };
    let looks = async { tokio::join!(stream.describe_readers(choice), stream.open_shards()) };
    let (seen, shards) =
        timeout(LIMIT, looks).await.unwrap_or_else(|_| (Err(late("DescribeStreamSummary")), Err(late("ListShards"))));
    let limits = match &seen {
        // The local cloud without `--timing` has no limits.
        Ok((summary, _)) if !stream.clients.settles_at_once() && mode_of(summary) == StreamMode::Provisioned => {
            ShardLimits::Provisioned
        }
        _ => ShardLimits::Unknown,
    };
    let created = seen.as_ref().ok().and_then(|(summary, _)| summary.stream_creation_timestamp.to_millis().ok());
    let readers = match seen {
        Ok((_, readers)) => readers,
        Err(failure) => StreamReaders {
            is_distributed_by_service: Err(failure.clone()),
            tags: Err(failure.clone()),
            consumers: Err(failure.clone()),
            mappings: Err(failure),
        },
    };
    let decision = decide(choice, &readers, marks);
    let (map, decision) = with_map(choice, shards, decision);
    let plan = SendPlan { map, aggregation: decision.aggregation, limits };
    (FoundStream { plan, created_ms: created }, decision.note)
}

/// Returns the shards, and the decision that they allow: `auto` needs to know them.
fn with_map(
    choice: AggregationChoice,
    shards: Result<Vec<ShardRange>, AwsFailure>,
    decision: AggregationDecision,
) -> (ShardMap, AggregationDecision) {
    let reason = match shards {
        Ok(shards) => match ShardMap::new(shards) {
            Some(map) => return (map, decision),
            None => "the list of shards has gaps: a reshard is under way".to_owned(),
        },
        Err(failure) => format!("{} {} failed ({})", failure.service, failure.operation, failure.said()),
    };
    let decision = match (choice, decision) {
        (AggregationChoice::Auto, AggregationDecision { aggregation: Aggregation::On { .. }, .. }) => {
            AggregationDecision {
                aggregation: Aggregation::Off,
                note: Some(format!(
                    "readings are not aggregated: {reason}; `--aggregation always` aggregates them all the same"
                )),
            }
        }
        (_, decision) => decision,
    };
    (ShardMap::unknown(), decision)
}

fn mode_of(summary: &StreamDescriptionSummary) -> StreamMode {
    summary.stream_mode_details.as_ref().map_or(StreamMode::Provisioned, |mode| mode.stream_mode.clone())
}

impl KinesisStream<'_> {
    async fn describe(&self) -> Result<StreamDescriptionSummary, AwsFailure> {
        let call = self.clients.call("Kinesis", "DescribeStreamSummary", self.name);
        let answer = self.clients.kinesis.describe_stream_summary().stream_name(self.name).send().await;
        call.answer(answer)?.stream_description_summary.ok_or_else(|| call.build_failure("an answer without a stream"))
    }

    /// Describes the stream, and looks for its readers where they decide.
    async fn describe_readers(
        &self,
        choice: AggregationChoice,
    ) -> Result<(StreamDescriptionSummary, StreamReaders), AwsFailure> {
        let is_asked = choice == AggregationChoice::Auto;
        let described = async {
            let summary = self.describe().await?;
            let arn = &summary.stream_arn;
            let readers =
                if is_asked { tokio::join!(self.consumers(arn), self.mappings(arn)) } else { (Ok(vec![]), Ok(vec![])) };
            Ok((summary, readers))
        };
        let tags = async { if is_asked { self.tags().await } else { Ok(ResourceTags::new()) } };
        let (described, tags) = tokio::join!(described, tags);
        let (summary, (consumers, mappings)) = described?;
        let is_distributed_by_service =
            Ok(summary.record_distribution_strategy == Some(RecordDistributionStrategy::Auto));
        Ok((summary, StreamReaders { is_distributed_by_service, tags, consumers, mappings }))
    }

    async fn tags(&self) -> Result<ResourceTags, AwsFailure> {
        let mut tags = ResourceTags::new();
        loop {
            let last = tags.keys().next_back().cloned();
            let request = self.clients.kinesis.list_tags_for_stream().stream_name(self.name);
            let answer = request.set_exclusive_start_tag_key(last).send().await;
            let answer = self.clients.call("Kinesis", "ListTagsForStream", self.name).answer(answer)?;
            let before = tags.len();
            tags.extend(answer.tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())));
            if !answer.has_more_tags || tags.len() == before {
                return Ok(tags);
            }
        }
    }

    async fn consumers(&self, arn: &str) -> Result<Vec<String>, AwsFailure> {
        let pages = self.clients.kinesis.list_stream_consumers().stream_arn(arn).into_paginator().send();
        let pages: Result<Vec<_>, _> = pages.collect().await;
        let pages = self.clients.call("Kinesis", "ListStreamConsumers", self.name).answer(pages)?;
        let consumers = pages.into_iter().flat_map(|page| page.consumers.unwrap_or_default());
        Ok(consumers.map(|consumer| consumer.consumer_name).collect())
    }

    async fn mappings(&self, arn: &str) -> Result<Vec<MappingReader>, AwsFailure> {
        let request = self.clients.lambda.list_event_source_mappings().event_source_arn(arn);
        let mappings: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
        let mappings = self.clients.call("Lambda", "ListEventSourceMappings", self.name).answer(mappings)?;
        let readers = mappings.into_iter().filter(|mapping| mapping.state() != Some("Deleting"));
        future::try_join_all(readers.map(|mapping| self.reader(mapping))).await
    }

    async fn reader(&self, mapping: EventSourceMappingConfiguration) -> Result<MappingReader, AwsFailure> {
        let function_arn = mapping.function_arn.unwrap_or_default();
        let (own_arn, name) = unqualified(&function_arn);
        let (tags, function_tags) = tokio::try_join!(
            self.lambda_tags(mapping.event_source_mapping_arn.as_deref().unwrap_or_default()),
            self.lambda_tags(&own_arn)
        )?;
        // A filter that cannot be decrypted is a filter, too.
        let has_filter = mapping.filter_criteria.is_some_and(|criteria| !criteria.filters().is_empty())
            || mapping.filter_criteria_error.is_some();
        let parallelization = mapping.parallelization_factor.unwrap_or(1);
        Ok(MappingReader { function: name, tags, function_tags, has_filter, parallelization })
    }

    async fn lambda_tags(&self, arn: &str) -> Result<ResourceTags, AwsFailure> {
        if arn.is_empty() {
            return Ok(ResourceTags::new());
        }
        let answer = self.clients.lambda.list_tags().resource(arn).send().await;
        let answer = self.clients.call("Lambda", "ListTags", arn).optional(answer)?;
        Ok(answer.and_then(|answer| answer.tags).unwrap_or_default().into_iter().collect())
    }
}

/// Returns the ARN of a function without version or alias, and its name.
fn unqualified(arn: &str) -> (String, String) {
    let parts: Vec<_> = arn.split(':').take(7).collect();
    (parts.join(":"), parts.last().map_or_else(String::new, |name| (*name).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unqualified_arn_has_no_version() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:f";
        for qualified in [arn.to_owned(), format!("{arn}:live")] {
            assert_eq!(unqualified(&qualified), (arn.to_owned(), "f".to_owned()));
        }
    }
}
