//! `DescribeLimits`: the account's limits.

use ferrokinesis_core::types::StreamMode;
use serde_json::json;

use crate::kinesis::Kinesis;
use crate::protocol::aws_json::Response;
use crate::protocol::wire_format::WireFormat;

/// Limit of open shards in provisioned streams; each may keep a file open.
pub(super) const SHARD_LIMIT: usize = 500;

/// Limit of on-demand streams, as in the service; reported, not enforced.
const ON_DEMAND_STREAMS: usize = 50;

impl Kinesis {
    pub(super) fn describe_limits(&self, form: WireFormat) -> Response {
        let streams = self.0.store.all();
        let open: usize = streams.iter().map(|stream| stream.read().state.open_shards().len()).sum();
        let on_demand = streams.iter().filter(|stream| stream.read().state.mode == StreamMode::OnDemand).count();
        form.members(&json!({
            "ShardLimit": SHARD_LIMIT,
            "OpenShardCount": open,
            "OnDemandStreamCount": on_demand,
            "OnDemandStreamCountLimit": ON_DEMAND_STREAMS,
        }))
    }
}
