//! The pending changes of a stream, one at a time, because each one makes it busy.

use std::cmp::Ordering;
use std::fmt;

use aws_sdk_kinesis::types::{EncryptionType, ScalingType, StreamDescriptionSummary, StreamMode, StreamModeDetails};

use super::{SERVICE, mode_of};
use crate::aws::{AwsFailure, Clients};
use crate::settings::{Capacity, Stream};

/// A change of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StreamChange {
    /// Change the capacity mode. At most two such changes per day (docs/facts/kinesis.md, Capacity modes).
    Mode(StreamMode),
    /// Change the number of open shards.
    Shards(i32),
    /// Increase the retention.
    Longer(i32),
    /// Decrease the retention. Older records expire almost at once.
    Shorter(i32),
    /// Encrypt with a key, or with another one.
    Encrypt(String),
    /// Stop encryption. Contains the key in use.
    Decrypt(String),
}

impl StreamChange {
    /// Returns the next change towards the desired state.
    #[must_use]
    pub(super) fn next(wanted: &Stream, found: &StreamDescriptionSummary) -> Option<Self> {
        let mode = match wanted.capacity {
            Capacity::Shards(_) => StreamMode::Provisioned,
            Capacity::OnDemand => StreamMode::OnDemand,
        };
        if mode_of(found) != mode {
            return Some(StreamChange::Mode(mode));
        }
        if let Capacity::Shards(shards) = wanted.capacity
            && shards != found.open_shard_count
        {
            return Some(StreamChange::Shards(towards(found.open_shard_count, shards)));
        }
        let hours = wanted.retention_hours;
        match hours.cmp(&found.retention_period_hours) {
            Ordering::Greater => return Some(StreamChange::Longer(hours)),
            Ordering::Less => return Some(StreamChange::Shorter(hours)),
            Ordering::Equal => {}
        }
        match (&wanted.key, key_of(found)) {
            (Some(key), has) if has.map(short_key) != Some(short_key(key)) => Some(StreamChange::Encrypt(key.clone())),
            (None, Some(has)) => Some(StreamChange::Decrypt(has.to_owned())),
            _ => None,
        }
    }

    /// Requests the change.
    pub(super) async fn send(&self, clients: &Clients, name: &str, arn: &str) -> Result<(), AwsFailure> {
        let kinesis = &clients.kinesis;
        let call = |operation| clients.call(SERVICE, operation, name);
        match self {
            StreamChange::Mode(mode) => {
                let call = call("UpdateStreamMode");
                let details = StreamModeDetails::builder().stream_mode(mode.clone()).build();
                let details = details.map_err(|error| call.build_failure(error))?;
                call.unit(kinesis.update_stream_mode().stream_arn(arn).stream_mode_details(details).send().await)
            }
            StreamChange::Shards(shards) => {
                let request = kinesis.update_shard_count().stream_name(name).target_shard_count(*shards);
                call("UpdateShardCount").unit(request.scaling_type(ScalingType::UniformScaling).send().await)
            }
            StreamChange::Longer(hours) => {
                let request = kinesis.increase_stream_retention_period().stream_name(name);
                let result = request.retention_period_hours(*hours).send().await;
                call("IncreaseStreamRetentionPeriod").unit(result)
            }
            StreamChange::Shorter(hours) => {
                let request = kinesis.decrease_stream_retention_period().stream_name(name);
                let result = request.retention_period_hours(*hours).send().await;
                call("DecreaseStreamRetentionPeriod").unit(result)
            }
            StreamChange::Encrypt(key) => {
                let request = kinesis.start_stream_encryption().stream_name(name).key_id(key);
                call("StartStreamEncryption").unit(request.encryption_type(EncryptionType::Kms).send().await)
            }
            StreamChange::Decrypt(key) => {
                let request = kinesis.stop_stream_encryption().stream_name(name).key_id(key);
                call("StopStreamEncryption").unit(request.encryption_type(EncryptionType::Kms).send().await)
            }
        }
    }
}

impl fmt::Display for StreamChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StreamChange::Mode(mode) => write!(formatter, "changing to {mode}"),
            StreamChange::Shards(shards) => write!(formatter, "resharding to {shards}"),
            StreamChange::Longer(hours) | StreamChange::Shorter(hours) => {
                write!(formatter, "changing retention to {hours} h")
            }
            StreamChange::Encrypt(_) => formatter.write_str("starting encryption"),
            StreamChange::Decrypt(_) => formatter.write_str("ending encryption"),
        }
    }
}

/// Returns the key that encrypts the stream, if any.
pub(super) fn key_of(stream: &StreamDescriptionSummary) -> Option<&str> {
    match stream.encryption_type {
        Some(EncryptionType::Kms) => stream.key_id.as_deref(),
        _ => None,
    }
}

/// Returns a key in the form that all its names have in common: `alias/…`, or its id without the ARN around it. The
/// service may return another form than it was given.
pub(super) fn short_key(key: &str) -> &str {
    match (key.find("alias/"), key.split_once(":key/")) {
        (Some(at), _) => &key[at..],
        (None, Some((_, id))) => id,
        (None, None) => key,
    }
}

/// Returns the shard count of the next step. One resharding can at most double the shards, and at most halve them
/// (docs/facts/kinesis.md, Resharding).
fn towards(now: i32, wanted: i32) -> i32 {
    wanted.clamp((now + 1) / 2, now.saturating_mul(2).max(1))
}

#[cfg(test)]
mod tests {
    use aws_sdk_kinesis::types::StreamStatus;
    use aws_smithy_types::DateTime;

    use super::*;
    use crate::settings::Pipeline;

    fn found(shards: i32, hours: i32, key: Option<&str>) -> StreamDescriptionSummary {
        let mode = StreamModeDetails::builder().stream_mode(StreamMode::Provisioned).build().unwrap();
        StreamDescriptionSummary::builder()
            .stream_name("s")
            .stream_arn("arn")
            .stream_status(StreamStatus::Active)
            .stream_mode_details(mode)
            .retention_period_hours(hours)
            .stream_creation_timestamp(DateTime::from_secs(0))
            .set_enhanced_monitoring(Some(vec![]))
            .set_encryption_type(key.map(|_| EncryptionType::Kms))
            .set_key_id(key.map(str::to_owned))
            .open_shard_count(shards)
            .build()
            .unwrap()
    }

    fn wanted(capacity: Capacity, retention_hours: i32, key: Option<&str>) -> Stream {
        let stream = Pipeline::by_default().unwrap().stream;
        Stream { capacity, retention_hours, key: key.map(str::to_owned), ..stream }
    }

    #[test]
    fn next_returns_one_change_at_a_time_until_nothing_differs() {
        let want = wanted(Capacity::Shards(2), 48, Some("alias/aws/kinesis"));
        assert_eq!(StreamChange::next(&want, &found(1, 24, None)), Some(StreamChange::Shards(2)));
        assert_eq!(StreamChange::next(&want, &found(2, 24, None)), Some(StreamChange::Longer(48)));
        assert_eq!(StreamChange::next(&want, &found(2, 72, None)), Some(StreamChange::Shorter(48)));
        assert_eq!(
            StreamChange::next(&want, &found(2, 48, None)),
            Some(StreamChange::Encrypt("alias/aws/kinesis".into()))
        );
        assert_eq!(StreamChange::next(&want, &found(2, 48, Some("alias/aws/kinesis"))), None);
        let same = "arn:aws:kms:eu-west-1:123456789012:alias/aws/kinesis";
        assert_eq!(StreamChange::next(&want, &found(2, 48, Some(same))), None);
        let own = wanted(Capacity::Shards(2), 48, Some("arn:aws:kms:eu-west-1:123456789012:key/1234"));
        assert_eq!(StreamChange::next(&own, &found(2, 48, Some("1234"))), None);
        assert!(matches!(StreamChange::next(&own, &found(2, 48, Some("4321"))), Some(StreamChange::Encrypt(_))));
        let plain = wanted(Capacity::Shards(2), 48, None);
        assert_eq!(StreamChange::next(&plain, &found(2, 48, Some("k"))), Some(StreamChange::Decrypt("k".into())));
    }

    #[test]
    fn next_ignores_shards_of_on_demand_stream() {
        let want = wanted(Capacity::OnDemand, 24, None);
        assert_eq!(StreamChange::next(&want, &found(1, 24, None)), Some(StreamChange::Mode(StreamMode::OnDemand)));
        let mode = StreamModeDetails::builder().stream_mode(StreamMode::OnDemand).build().unwrap();
        let mut on_demand = found(4, 24, None);
        on_demand.stream_mode_details = Some(mode);
        assert_eq!(StreamChange::next(&want, &on_demand), None);
    }

    #[test]
    fn resharding_is_limited_to_double_or_half_per_step() {
        let steps = |mut now: i32, wanted| {
            let mut seen = Vec::new();
            while now != wanted {
                now = towards(now, wanted);
                seen.push(now);
            }
            seen
        };
        assert_eq!(steps(1, 8), [2, 4, 8]);
        assert_eq!(steps(9, 2), [5, 3, 2]);
        assert_eq!(steps(4, 5), [5]);
    }
}
