//! `EnableEnhancedMonitoring` and `DisableEnhancedMonitoring`: the setting is stored; no metrics are measured.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;

use super::target::Target;
use crate::kinesis::Kinesis;
use crate::kinesis::validation::Checks;
use crate::protocol::aws_json::{Response, ServiceError};
use crate::protocol::wire_format::WireFormat;

/// Shard-level metrics; `ALL` stands for all of them.
const METRICS: [&str; 7] = [
    "IncomingBytes",
    "IncomingRecords",
    "IteratorAgeMilliseconds",
    "OutgoingBytes",
    "OutgoingRecords",
    "ReadProvisionedThroughputExceeded",
    "WriteProvisionedThroughputExceeded",
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Monitoring {
    #[serde(flatten)]
    target: Target,
    shard_level_metrics: Option<BTreeSet<String>>,
}

impl Kinesis {
    pub(super) fn enable_enhanced_monitoring(
        &self,
        form: WireFormat,
        input: &Monitoring,
    ) -> Result<Response, ServiceError> {
        self.change_monitoring(form, input, |current, asked| current.union(asked).cloned().collect())
    }

    pub(super) fn disable_enhanced_monitoring(
        &self,
        form: WireFormat,
        input: &Monitoring,
    ) -> Result<Response, ServiceError> {
        self.change_monitoring(form, input, |current, asked| current.difference(asked).cloned().collect())
    }

    fn change_monitoring(
        &self,
        form: WireFormat,
        input: &Monitoring,
        change: impl FnOnce(&BTreeSet<String>, &BTreeSet<String>) -> BTreeSet<String>,
    ) -> Result<Response, ServiceError> {
        let mut asked = input.shard_level_metrics.clone().unwrap_or_default();
        let mut checks = Checks::default();
        checks.present("shardLevelMetrics", input.shard_level_metrics.as_ref());
        checks.size("shardLevelMetrics", Some(asked.len()), 1, METRICS.len());
        for metric in &asked {
            if metric != "ALL" {
                checks.one_of("shardLevelMetrics", Some(metric), &METRICS);
            }
        }
        checks.done()?;
        if asked.contains("ALL") {
            asked = METRICS.iter().map(|metric| (*metric).to_owned()).collect();
        }
        let name = self.target(&input.target)?;
        let (before, after) = self.update(&name, |state, _| {
            let after = change(&state.metrics, &asked);
            Ok((std::mem::replace(&mut state.metrics, after.clone()), after))
        })?;
        Ok(form.members(&json!({
            "StreamName": name,
            "StreamARN": self.0.identity.stream_arn(&name),
            "CurrentShardLevelMetrics": before,
            "DesiredShardLevelMetrics": after,
        })))
    }
}
