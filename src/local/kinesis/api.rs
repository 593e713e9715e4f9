//! The operations of the Kinesis API, one file for each group.

mod account;
mod consumers;
mod encryption;
mod monitoring;
mod put;
mod read;
mod resharding;
mod retention;
mod shards;
mod streams;
mod subscribe;
mod tags;
mod target;

pub(super) use self::consumers::OneConsumer;
pub(crate) use self::put::MAX_RECORDS;
pub(super) use self::read::{MAX_PAGE_RECORDS, Read, RecordAnswer};
pub(super) use self::shards::stream_of_token;
pub(super) use self::target::OnlyTarget;

use ferrokinesis_core::types::StreamStatus;

use super::Kinesis;
use super::stream::StreamState;
use crate::protocol::aws_json::{Response, ServiceError, now_ms};
use crate::protocol::wire_format::WireFormat;

impl Kinesis {
    /// Dispatches one request to its operation.
    pub(super) fn answer(&self, operation: &str, form: WireFormat, body: &[u8]) -> Result<Response, ServiceError> {
        match operation {
            "PutRecord" => self.put_record(form, form.read(body)?),
            "PutRecords" => self.put_records(form, form.read(body)?),
            "GetRecords" => self.get_records(form, &form.read(body)?),
            "GetShardIterator" => self.get_shard_iterator(form, &form.read(body)?),
            "ListShards" => self.list_shards(form, form.read(body)?),
            "DescribeStream" => self.describe_stream(form, &form.read(body)?),
            "DescribeStreamSummary" => self.describe_stream_summary(form, &form.read(body)?),
            "ListStreams" => self.list_streams(form, &form.read(body)?),
            "CreateStream" => self.create_stream(form, form.read(body)?),
            "DeleteStream" => self.delete_stream(form, &form.read(body)?),
            "UpdateStreamMode" => self.update_stream_mode(form, &form.read(body)?),
            "UpdateMaxRecordSize" => self.update_max_record_size(form, &form.read(body)?),
            "UpdateStreamWarmThroughput" => self.update_stream_warm_throughput(form, &form.read(body)?),
            "UpdateShardCount" => self.update_shard_count(form, &form.read(body)?),
            "SplitShard" => self.split_shard(form, &form.read(body)?),
            "MergeShards" => self.merge_shards(form, &form.read(body)?),
            "IncreaseStreamRetentionPeriod" => self.increase_retention(form, &form.read(body)?),
            "DecreaseStreamRetentionPeriod" => self.decrease_retention(form, &form.read(body)?),
            "AddTagsToStream" => self.add_tags_to_stream(form, form.read(body)?),
            "RemoveTagsFromStream" => self.remove_tags_from_stream(form, &form.read(body)?),
            "ListTagsForStream" => self.list_tags_for_stream(form, &form.read(body)?),
            "TagResource" => self.tag_resource(form, form.read(body)?),
            "UntagResource" => self.untag_resource(form, &form.read(body)?),
            "ListTagsForResource" => self.list_tags_for_resource(form, &form.read(body)?),
            "StartStreamEncryption" => self.start_stream_encryption(form, &form.read(body)?),
            "StopStreamEncryption" => self.stop_stream_encryption(form, &form.read(body)?),
            "EnableEnhancedMonitoring" => self.enable_enhanced_monitoring(form, &form.read(body)?),
            "DisableEnhancedMonitoring" => self.disable_enhanced_monitoring(form, &form.read(body)?),
            "RegisterStreamConsumer" => self.register_stream_consumer(form, form.read(body)?),
            "DeregisterStreamConsumer" => self.deregister_stream_consumer(form, &form.read(body)?),
            "DescribeStreamConsumer" => self.describe_stream_consumer(form, &form.read(body)?),
            "ListStreamConsumers" => self.list_stream_consumers(form, &form.read(body)?),
            "DescribeLimits" => Ok(self.describe_limits(form)),
            _ => Err(ServiceError::not_implemented("kinesis", operation)),
        }
    }

    /// Changes a stream that must be `ACTIVE`; it is `UPDATING` for `update_delay` afterwards.
    fn update<T>(
        &self,
        name: &str,
        edit: impl FnOnce(&mut StreamState, u64) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let now = now_ms();
        let answer = self.stream(name)?.change(|state| {
            self.must_be_active(state, now)?;
            let answer = edit(state, now)?;
            state.status = StreamStatus::Updating;
            state.settles = now + delay(self.0.options.update_delay);
            Ok(answer)
        })?;
        self.wake();
        Ok(answer)
    }

    /// Rejects a change of a stream while another one is in progress.
    fn must_be_active(&self, state: &StreamState, now: u64) -> Result<(), ServiceError> {
        let status = state.status(now);
        if status == StreamStatus::Active {
            return Ok(());
        }
        let message = format!(
            "Stream {} under account {} not ACTIVE, instead in state {status}",
            state.name, self.0.identity.account
        );
        Err(ServiceError::bad_request("ResourceInUseException", message))
    }
}

/// Converts a delay to milliseconds.
fn delay(delay: std::time::Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}
