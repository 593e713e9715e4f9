//! Operations on whole streams: create, delete, describe, list and stream settings.

use std::collections::{BTreeMap, BTreeSet};

use ferrokinesis_core::types::{StreamMode, StreamStatus};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::SHARD_LIMIT;
use super::delay;
use super::shards::described;
use super::tags::{MAX_TAGS, check_tags};
use super::target::{OnlyTarget, Target};
use crate::kinesis::Kinesis;
use crate::kinesis::hash_range::HashRange;
use crate::kinesis::stream::{ShardState, StreamState};
use crate::kinesis::validation::{Checks, invalid};
use crate::protocol::aws_json::{Response, ServiceError, now_ms, seconds};
use crate::protocol::wire_format::WireFormat;

/// Shards of a new on-demand stream.
const ON_DEMAND_SHARDS: u32 = 4;

/// Limit of streams in one `ListStreams` response, and the default.
const STREAMS_PER_PAGE: usize = 100;

/// Shards in one `DescribeStream` response if the caller gives no limit.
const SHARDS_PER_PAGE: i64 = 100;

/// Retention of a new stream, in hours.
const RETENTION: u32 = 24;

/// Minimum and maximum of `MaxRecordSizeInKiB`.
const RECORD_KIB: (i64, i64) = (1024, 10_240);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateStream {
    stream_name: Option<String>,
    shard_count: Option<i64>,
    stream_mode_details: Option<StreamModeDetails>,
    tags: Option<BTreeMap<String, String>>,
    #[serde(rename = "MaxRecordSizeInKiB")]
    max_record_kib: Option<i64>,
    #[serde(rename = "WarmThroughputMiBps")]
    warm_throughput_mibps: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamModeDetails {
    stream_mode: Option<StreamMode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteStream {
    #[serde(flatten)]
    target: Target,
    enforce_consumer_deletion: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeStream {
    #[serde(flatten)]
    target: Target,
    limit: Option<i64>,
    exclusive_start_shard_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListStreams {
    limit: Option<i64>,
    exclusive_start_stream_name: Option<String>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateStreamMode {
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    stream_mode_details: Option<StreamModeDetails>,
    #[serde(rename = "WarmThroughputMiBps")]
    warm_throughput_mibps: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct UpdateMaxRecordSize {
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    #[serde(rename = "MaxRecordSizeInKiB")]
    max_record_kib: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct UpdateStreamWarmThroughput {
    #[serde(flatten)]
    target: Target,
    #[serde(rename = "WarmThroughputMiBps")]
    warm_throughput: Option<u32>,
}

impl Kinesis {
    pub(super) fn create_stream(&self, form: WireFormat, input: CreateStream) -> Result<Response, ServiceError> {
        let mut checks = Checks::default();
        checks.present("streamName", input.stream_name.as_ref()).name("streamName", input.stream_name.as_deref());
        checks.range("shardCount", input.shard_count, 1, 100_000);
        checks.range("maxRecordSizeInKiB", input.max_record_kib, RECORD_KIB.0, RECORD_KIB.1).done()?;
        let name = input.stream_name.unwrap_or_default();
        let asked = input.stream_mode_details.and_then(|details| details.stream_mode);
        let mode = match (asked, input.shard_count) {
            (Some(StreamMode::OnDemand), Some(_)) => {
                return Err(ServiceError::bad_request(
                    "ValidationException",
                    "ShardCount must not be given for a stream in ON_DEMAND mode.",
                ));
            }
            (Some(StreamMode::Provisioned), None) => {
                return Err(ServiceError::bad_request(
                    "ValidationException",
                    "ShardCount must be given for a stream in PROVISIONED mode.",
                ));
            }
            (Some(mode), _) => mode,
            (None, Some(_)) => StreamMode::Provisioned,
            (None, None) => StreamMode::OnDemand,
        };
        let tags = input.tags.unwrap_or_default();
        check_tags(&tags)?;
        if tags.len() > MAX_TAGS {
            return Err(invalid("A stream cannot have more than 50 tags."));
        }
        let count = input.shard_count.and_then(|count| u32::try_from(count).ok()).unwrap_or(ON_DEMAND_SHARDS);
        self.0.store.sweep();
        self.0.touched.note(|| self.0.identity.stream_arn(&name));
        if self.0.store.get(&name).is_some() {
            return Err(self.already_exists(&name));
        }
        if mode == StreamMode::Provisioned {
            self.check_quota(count)?;
        }
        let now = now_ms();
        let mut state = StreamState {
            name: name.clone(),
            created: now,
            status: StreamStatus::Creating,
            settles: now + delay(self.0.options.create_delay),
            mode,
            retention_hours: RETENTION,
            max_record_kib: input.max_record_kib.and_then(|kib| u32::try_from(kib).ok()).unwrap_or(1024),
            key_id: None,
            metrics: BTreeSet::new(),
            warm_throughput: input.warm_throughput_mibps,
            tags,
            shards: Vec::new(),
            consumers: BTreeMap::new(),
            scalings: Vec::new(),
        };
        for range in HashRange::even(count) {
            state.add_shard(range, None, None, now);
        }
        match self.0.store.create(state) {
            Ok(()) => {}
            Err(error) if error.code == "ResourceInUseException" => return Err(self.already_exists(&name)),
            Err(error) => return Err(error),
        }
        self.wake();
        Ok(form.empty())
    }

    pub(super) fn delete_stream(&self, form: WireFormat, input: &DeleteStream) -> Result<Response, ServiceError> {
        let name = self.target(&input.target)?;
        let now = now_ms();
        self.stream(&name)?.change(|state| {
            if matches!(state.status(now), StreamStatus::Creating | StreamStatus::Deleting) {
                self.must_be_active(state, now)?;
            }
            if state.present_consumers(now_ms()).next().is_some() && input.enforce_consumer_deletion != Some(true) {
                let message = format!(
                    "Stream {name} under account {} has registered consumers; delete them first, or set \
                     EnforceConsumerDeletion.",
                    self.0.identity.account
                );
                return Err(ServiceError::bad_request("ResourceInUseException", message));
            }
            state.consumers.clear();
            state.status = StreamStatus::Deleting;
            state.settles = now + delay(self.0.options.delete_delay);
            Ok(())
        })?;
        self.0.store.sweep();
        self.wake();
        Ok(form.empty())
    }

    pub(super) fn describe_stream(&self, form: WireFormat, input: &DescribeStream) -> Result<Response, ServiceError> {
        Checks::default().range("limit", input.limit, 1, 10_000).done()?;
        let name = self.target(&input.target)?;
        let after = input.exclusive_start_shard_id.as_deref().map(|id| self.number_of(id, &name)).transpose()?;
        let stream = self.stream(&name)?;
        let live = stream.read();
        let limit = usize::try_from(input.limit.unwrap_or(SHARDS_PER_PAGE)).unwrap_or_default();
        let mut rest =
            live.state.visible_shards(now_ms()).filter(|shard| after.is_none_or(|after| shard.number > after));
        let shards: Vec<&ShardState> = rest.by_ref().take(limit).collect();
        let mut body = self.summary(&live.state);
        body["Shards"] = shards.iter().map(|shard| described(shard)).collect();
        body["HasMoreShards"] = rest.next().is_some().into();
        Ok(form.members(&json!({ "StreamDescription": body })))
    }

    pub(super) fn describe_stream_summary(
        &self,
        form: WireFormat,
        input: &OnlyTarget,
    ) -> Result<Response, ServiceError> {
        let stream = self.stream(&self.target(&input.target)?)?;
        let state = &stream.read().state;
        let mut body = self.summary(state);
        body["OpenShardCount"] = state.open_shards().len().into();
        body["ConsumerCount"] = state.consumers.len().into();
        body["MaxRecordSizeInKiB"] = state.max_record_kib.into();
        if let Some(throughput) = state.warm_throughput {
            body["WarmThroughput"] = json!({ "TargetMiBps": throughput, "CurrentMiBps": throughput });
        }
        Ok(form.members(&json!({ "StreamDescriptionSummary": body })))
    }

    pub(super) fn list_streams(&self, form: WireFormat, input: &ListStreams) -> Result<Response, ServiceError> {
        Checks::default().range("limit", input.limit, 1, 10_000).done()?;
        let after = input.next_token.as_ref().or(input.exclusive_start_stream_name.as_ref());
        let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(STREAMS_PER_PAGE);
        let mut names = Vec::new();
        let mut summaries = Vec::new();
        let mut has_more = false;
        for stream in self.0.store.all() {
            let state = &stream.read().state;
            if after.is_some_and(|after| state.name <= *after) {
                continue;
            }
            if names.len() == limit.min(STREAMS_PER_PAGE) {
                has_more = true;
                break;
            }
            names.push(state.name.clone());
            summaries.push(json!({
                "StreamName": state.name,
                "StreamARN": self.0.identity.stream_arn(&state.name),
                "StreamStatus": state.status(now_ms()),
                "StreamModeDetails": { "StreamMode": state.mode },
                "StreamCreationTimestamp": seconds(state.created),
            }));
        }
        let mut body = json!({ "StreamNames": names, "HasMoreStreams": has_more, "StreamSummaries": summaries });
        if has_more {
            body["NextToken"] = names.last().cloned().into();
        }
        Ok(form.members(&body))
    }

    pub(super) fn update_stream_mode(
        &self,
        form: WireFormat,
        input: &UpdateStreamMode,
    ) -> Result<Response, ServiceError> {
        let mode = input.stream_mode_details.as_ref().and_then(|details| details.stream_mode);
        let mut checks = Checks::default();
        checks.present("streamARN", input.stream_arn.as_ref()).present("streamModeDetails", mode.as_ref()).done()?;
        let name = self.named(None, input.stream_arn.as_deref())?;
        self.update(&name, |state, _| {
            state.mode = mode.unwrap_or(state.mode);
            state.warm_throughput = input.warm_throughput_mibps.or(state.warm_throughput);
            Ok(())
        })?;
        Ok(form.empty())
    }

    pub(super) fn update_max_record_size(
        &self,
        form: WireFormat,
        input: &UpdateMaxRecordSize,
    ) -> Result<Response, ServiceError> {
        let mut checks = Checks::default();
        checks.present("streamARN", input.stream_arn.as_ref());
        checks.present("maxRecordSizeInKiB", input.max_record_kib.as_ref());
        checks.range("maxRecordSizeInKiB", input.max_record_kib, RECORD_KIB.0, RECORD_KIB.1).done()?;
        let name = self.named(None, input.stream_arn.as_deref())?;
        let kib = input.max_record_kib.and_then(|kib| u32::try_from(kib).ok());
        self.update(&name, |state, _| {
            state.max_record_kib = kib.unwrap_or(state.max_record_kib);
            Ok(())
        })?;
        Ok(form.empty())
    }

    pub(super) fn update_stream_warm_throughput(
        &self,
        form: WireFormat,
        input: &UpdateStreamWarmThroughput,
    ) -> Result<Response, ServiceError> {
        Checks::default().present("warmThroughputMiBps", input.warm_throughput.as_ref()).done()?;
        let name = self.target(&input.target)?;
        self.update(&name, |state, _| {
            if state.mode != StreamMode::OnDemand {
                let message = "Warm throughput is only for streams in ON_DEMAND mode.";
                return Err(ServiceError::bad_request("ValidationException", message));
            }
            state.warm_throughput = input.warm_throughput;
            Ok(())
        })?;
        let throughput = input.warm_throughput;
        Ok(form.members(&json!({
            "StreamARN": self.0.identity.stream_arn(&name),
            "StreamName": name,
            "WarmThroughput": { "TargetMiBps": throughput, "CurrentMiBps": throughput },
        })))
    }

    /// Rejects shards beyond the account's quota.
    pub(super) fn check_quota(&self, additional: u32) -> Result<(), ServiceError> {
        let open: usize = self.0.store.all().iter().map(|stream| stream.read().state.open_shards().len()).sum();
        if open + additional as usize <= SHARD_LIMIT {
            return Ok(());
        }
        let message = format!(
            "This request would exceed the shard limit for the account {} in {}. Current shard count for the \
             account: {open}. Limit: {SHARD_LIMIT}. Number of additional shards that would have resulted from this \
             request: {additional}.",
            self.0.identity.account, self.0.identity.region
        );
        Err(ServiceError::bad_request("LimitExceededException", message))
    }

    fn already_exists(&self, name: &str) -> ServiceError {
        let message = format!("Stream {name} under account {} already exists.", self.0.identity.account);
        ServiceError::bad_request("ResourceInUseException", message)
    }

    /// Returns the members that both descriptions of a stream share.
    fn summary(&self, state: &StreamState) -> Value {
        let mut body = json!({
            "StreamName": state.name,
            "StreamARN": self.0.identity.stream_arn(&state.name),
            "StreamStatus": state.status(now_ms()),
            "StreamModeDetails": { "StreamMode": state.mode },
            "RetentionPeriodHours": state.retention_hours,
            "StreamCreationTimestamp": seconds(state.created),
            "EnhancedMonitoring": [{ "ShardLevelMetrics": state.metrics }],
            "EncryptionType": if state.key_id.is_some() { "KMS" } else { "NONE" },
        });
        if let Some(key) = &state.key_id {
            body["KeyId"] = key.clone().into();
        }
        body
    }
}
