//! `UpdateShardCount`, `SplitShard` and `MergeShards`: closed shards keep their records, children name their parents.

use ferrokinesis_core::types::StreamMode;
use serde::Deserialize;
use serde_json::json;

use super::put::explicit;
use super::target::Target;
use crate::kinesis::Kinesis;
use crate::kinesis::hash_range::HashRange;
use crate::kinesis::stream::StreamState;
use crate::kinesis::validation::{Checks, invalid};
use crate::protocol::aws_json::{Response, ServiceError};
use crate::protocol::wire_format::WireFormat;

/// Limit of shard count changes of one stream in a rolling day.
const SCALINGS_A_DAY: usize = 10;

/// A day in milliseconds.
const DAY: u64 = 24 * 3_600_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateShardCount {
    #[serde(flatten)]
    target: Target,
    target_shard_count: Option<i64>,
    scaling_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SplitShard {
    #[serde(flatten)]
    target: Target,
    shard_to_split: Option<String>,
    new_starting_hash_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MergeShards {
    #[serde(flatten)]
    target: Target,
    shard_to_merge: Option<String>,
    adjacent_shard_to_merge: Option<String>,
}

impl Kinesis {
    pub(super) fn update_shard_count(
        &self,
        form: WireFormat,
        input: &UpdateShardCount,
    ) -> Result<Response, ServiceError> {
        let mut checks = Checks::default();
        checks.present("targetShardCount", input.target_shard_count.as_ref());
        checks.range("targetShardCount", input.target_shard_count, 1, 100_000);
        checks.present("scalingType", input.scaling_type.as_ref());
        checks.one_of("scalingType", input.scaling_type.as_deref(), &["UNIFORM_SCALING"]).done()?;
        let wanted = input.target_shard_count.and_then(|count| u32::try_from(count).ok()).unwrap_or(1);
        let name = self.target(&input.target)?;
        let open = self.stream(&name)?.read().state.open_shards().len();
        self.check_quota(wanted.saturating_sub(u32::try_from(open).unwrap_or(u32::MAX)))?;
        let current = self.update(&name, |state, now| {
            check_provisioned(state, "UpdateShardCount")?;
            let current = state.open_shards().len();
            let counts = format!("Current open shard count: {current} Target shard count: {wanted}");
            if wanted as usize > current * 2 {
                return Err(invalid(format!(
                    "UpdateShardCount cannot scale up over double your current open shard count. {counts}"
                )));
            }
            if (wanted as usize) < current.div_ceil(2) {
                return Err(invalid(format!(
                    "UpdateShardCount cannot scale down below half your current open shard count. {counts}"
                )));
            }
            state.scalings.retain(|at| *at > now.saturating_sub(DAY));
            if self.0.options.throttle && state.scalings.len() >= SCALINGS_A_DAY {
                let message = format!("The shard count of stream {name} was changed 10 times in the last 24 hours.");
                return Err(ServiceError::bad_request("LimitExceededException", message));
            }
            state.scalings.push(now);
            state.scale(&HashRange::even(wanted), now);
            Ok(current)
        })?;
        Ok(form.members(&json!({
            "StreamName": name,
            "StreamARN": self.0.identity.stream_arn(&name),
            "CurrentShardCount": current,
            "TargetShardCount": wanted,
        })))
    }

    pub(super) fn split_shard(&self, form: WireFormat, input: &SplitShard) -> Result<Response, ServiceError> {
        let mut checks = Checks::default();
        checks.present("shardToSplit", input.shard_to_split.as_ref());
        checks.name("shardToSplit", input.shard_to_split.as_deref());
        checks.present("newStartingHashKey", input.new_starting_hash_key.as_ref());
        checks.hash_key("newStartingHashKey", input.new_starting_hash_key.as_deref()).done()?;
        let name = self.target(&input.target)?;
        let id = input.shard_to_split.as_deref().unwrap_or_default();
        let number = self.number_of(id, &name)?;
        let text = input.new_starting_hash_key.as_deref().unwrap_or_default();
        self.check_quota(1)?;
        self.update(&name, |state, now| {
            check_provisioned(state, "SplitShard")?;
            let range = self.open_range(state, number, id)?;
            let account = &self.0.identity.account;
            let at = explicit(text).filter(|at| *at > range.start.saturating_add(1) && *at < range.end);
            let at = at.ok_or_else(|| {
                invalid(format!(
                    "NewStartingHashKey {text} used in SplitShard() on shard {id} in stream {name} under account \
                     {account} is not both greater than one plus the shard's StartingHashKey {} and less than the \
                     shard's EndingHashKey {}.",
                    range.start, range.end
                ))
            })?;
            state.split(number, at, now);
            Ok(())
        })?;
        Ok(form.empty())
    }

    pub(super) fn merge_shards(&self, form: WireFormat, input: &MergeShards) -> Result<Response, ServiceError> {
        let mut checks = Checks::default();
        checks.present("shardToMerge", input.shard_to_merge.as_ref());
        checks.name("shardToMerge", input.shard_to_merge.as_deref());
        checks.present("adjacentShardToMerge", input.adjacent_shard_to_merge.as_ref());
        checks.name("adjacentShardToMerge", input.adjacent_shard_to_merge.as_deref()).done()?;
        let name = self.target(&input.target)?;
        let first = input.shard_to_merge.as_deref().unwrap_or_default();
        let second = input.adjacent_shard_to_merge.as_deref().unwrap_or_default();
        let numbers = (self.number_of(first, &name)?, self.number_of(second, &name)?);
        self.update(&name, |state, now| {
            check_provisioned(state, "MergeShards")?;
            let ranges = (self.open_range(state, numbers.0, first)?, self.open_range(state, numbers.1, second)?);
            if !ranges.0.meets(&ranges.1) && !ranges.1.meets(&ranges.0) {
                return Err(invalid(format!(
                    "Shards {first} and {second} in stream {name} under account {} are not an adjacent pair of \
                     shards eligible for merging",
                    self.0.identity.account
                )));
            }
            state.merge(numbers.0, numbers.1, now);
            Ok(())
        })?;
        Ok(form.empty())
    }

    /// Returns the hash range of a shard, which must be open.
    fn open_range(&self, state: &StreamState, number: u32, id: &str) -> Result<HashRange, ServiceError> {
        let shard = state.shards.iter().find(|shard| shard.number == number);
        let shard = shard.ok_or_else(|| self.no_shard(id, &state.name))?;
        if shard.closed.is_some() {
            return Err(invalid(format!(
                "Shard {id} in stream {} under account {} has already been merged or split, and thus is not eligible \
                 for merging or splitting.",
                state.name, self.0.identity.account
            )));
        }
        Ok(shard.range)
    }
}

/// Rejects resharding of an on-demand stream; the service itself manages its shards.
fn check_provisioned(state: &StreamState, operation: &str) -> Result<(), ServiceError> {
    if state.mode == StreamMode::OnDemand {
        let message = format!("{operation} is not for streams in ON_DEMAND mode.");
        return Err(ServiceError::bad_request("ValidationException", message));
    }
    Ok(())
}

impl StreamState {
    /// Closes a shard and opens two children; the second begins at a hash key inside the shard's range.
    fn split(&mut self, number: u32, at: u128, now: u64) {
        let Some(range) = self.close(number, now) else { return };
        self.add_shard(HashRange { start: range.start, end: at - 1 }, Some(number), None, now);
        self.add_shard(HashRange { start: at, end: range.end }, Some(number), None, now);
    }

    /// Closes two adjacent shards and opens one child in their place.
    fn merge(&mut self, first: u32, second: u32, now: u64) -> Option<u32> {
        let (one, other) = (self.close(first, now)?, self.close(second, now)?);
        let range = HashRange { start: one.start.min(other.start), end: one.end.max(other.end) };
        Some(self.add_shard(range, Some(first), Some(second), now))
    }

    /// Splits and merges until the open shards have exactly these ranges.
    fn scale(&mut self, ranges: &[HashRange], now: u64) {
        for start in ranges.iter().map(|range| range.start) {
            let cut =
                self.open_shards().into_iter().find(|shard| shard.range.start < start && start <= shard.range.end);
            if let Some(number) = cut.map(|shard| shard.number) {
                self.split(number, start, now);
            }
        }
        for range in ranges {
            let inside = |start: u128| (range.start..=range.end).contains(&start);
            let parts: Vec<u32> =
                self.open_shards().iter().filter(|shard| inside(shard.range.start)).map(|shard| shard.number).collect();
            let mut parts = parts.into_iter();
            let mut merged = parts.next();
            for part in parts {
                merged = merged.and_then(|merged| self.merge(merged, part, now));
            }
        }
    }

    fn close(&mut self, number: u32, now: u64) -> Option<HashRange> {
        let shard = self.shards.iter_mut().find(|shard| shard.number == number)?;
        shard.closed = Some(now);
        Some(shard.range)
    }
}
