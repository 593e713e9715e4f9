//! Latency profiles: the durations of the real cloud, for rehearsal and benchmarks.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::kinesis::StreamOptions;

/// How long pollers may continue with the old settings of a changed event source mapping
/// (docs/facts/event-source-mapping.md, Timing).
const MAPPING_IN_FORCE: Duration = Duration::from_mins(3);

/// Durations until changes complete or become visible. All zero by default: changes are immediate.
///
/// AWS promises no figures. These are recorded or reported ones (docs/facts); a guess is marked as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatencyProfile {
    /// Speed-up over AWS; 0: no delays.
    speed: u32,
    /// Stream status CREATING (guess; terraform polls after 10 s: docs/facts/retries.md, Waits of other tools).
    pub stream_create: Duration,
    /// Stream status UPDATING (guess; minutes for large ones).
    pub stream_update: Duration,
    /// Stream status DELETING (guess).
    pub stream_delete: Duration,
    /// True if each shard is throttled to 1 MiB and 1,000 records a second (docs/facts/kinesis.md, Write limits).
    pub stream_throttle: bool,
    /// Table status CREATING (terraform polls after 5 s: docs/facts/retries.md, Waits of other tools).
    pub table_create: Duration,
    /// Table status UPDATING or DELETING (guesses).
    pub table_change: Duration,
    /// Delay until `DescribeTable` finds a new table (docs/facts/dynamodb.md, Tables).
    pub table_lag: Duration,
    /// Delay until tags of a table are visible (docs/facts/dynamodb.md, Tables).
    pub tags_lag: Duration,
    /// Delay until a new role can be assumed (5 to 15 s: docs/facts/iam.md, Eventual consistency).
    pub role: Duration,
    /// Delay until a policy takes effect (docs/facts/iam.md, Eventual consistency).
    pub policy: Duration,
    /// Period in which reads of a changed role or policy may return its previous state (reads are eventually
    /// consistent: docs/facts/iam.md, Eventual consistency).
    pub replica_lag: Duration,
    /// Function state Pending (1 to 10 s: docs/facts/lambda.md, Function states).
    pub function_create: Duration,
    /// Function update status `InProgress` (about 1 s: docs/facts/retries.md, Waits of other tools).
    pub function_update: Duration,
    /// Event source mapping state Creating, then Enabling for the same time (a guess:
    /// docs/facts/event-source-mapping.md, Timing).
    pub mapping_create: Duration,
    /// Event source mapping state Updating, Enabling or Disabling (a guess: docs/facts/event-source-mapping.md,
    /// Timing).
    pub mapping_update: Duration,
    /// Time for which pollers use the old settings of a changed event source mapping that is Enabled again (changed
    /// filters took about two minutes to act: docs/facts/event-source-mapping.md, Timing).
    pub mapping_lag: Duration,
    /// Event source mapping state Deleting (a guess).
    pub mapping_delete: Duration,
    /// Polling interval of a shard, independent of puts (docs/facts/event-source-mapping.md, Timing).
    pub poll: Duration,
}

impl LatencyProfile {
    /// Returns the durations of AWS, divided by `speed`.
    fn aws(speed: u32) -> Self {
        let seconds = |seconds: f64| Duration::from_secs_f64(seconds / f64::from(speed.max(1)));
        LatencyProfile {
            speed,
            stream_create: seconds(10.0),
            stream_update: seconds(10.0),
            stream_delete: seconds(10.0),
            stream_throttle: true,
            table_create: seconds(7.0),
            table_change: seconds(5.0),
            table_lag: seconds(1.0),
            tags_lag: seconds(2.0),
            role: seconds(8.0),
            policy: seconds(6.0),
            replica_lag: seconds(5.0),
            function_create: seconds(3.0),
            function_update: seconds(1.5),
            mapping_create: seconds(10.0),
            mapping_update: seconds(10.0),
            mapping_lag: seconds(120.0),
            mapping_delete: seconds(10.0),
            poll: seconds(1.0),
        }
    }

    /// Returns the stream options of the profile.
    pub(crate) fn of_streams(&self) -> StreamOptions {
        let defaults = StreamOptions::default();
        StreamOptions {
            throttle: self.stream_throttle,
            create_delay: self.stream_create,
            update_delay: self.stream_update,
            delete_delay: self.stream_delete,
            // Also without delays a subscription lasts as long as in the service.
            subscription_lifetime: defaults.subscription_lifetime.div_f64(self.speed()),
            exclusive_subscription: defaults.exclusive_subscription.div_f64(self.speed()),
            ..defaults
        }
    }

    /// Returns how long a client must wait here until a changed event source mapping is certainly in effect.
    pub(crate) fn mapping_in_force(&self) -> Duration {
        if self.is_none() { Duration::ZERO } else { MAPPING_IN_FORCE / self.speed }
    }

    /// Returns the speed-up over AWS; 1 if there are no delays.
    pub(crate) fn speed(&self) -> f64 {
        f64::from(self.speed.max(1))
    }

    /// Returns whether all changes are immediate.
    pub fn is_none(&self) -> bool {
        self.speed == 0
    }
}

impl fmt::Display for LatencyProfile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.speed {
            0 => formatter.write_str("none"),
            1 => formatter.write_str("aws"),
            speed => write!(formatter, "aws/{speed}"),
        }
    }
}

impl FromStr for LatencyProfile {
    type Err = String;

    /// Parses `none`, `aws`, or `aws/N` (N times as fast).
    fn from_str(text: &str) -> Result<Self, String> {
        let speed = match text {
            "none" => return Ok(LatencyProfile::default()),
            "aws" => Some(1),
            _ => text.strip_prefix("aws/").and_then(|speed| speed.parse().ok()),
        };
        speed
            .filter(|speed| (1..=1000).contains(speed))
            .map(LatencyProfile::aws)
            .ok_or_else(|| "expected `none`, `aws`, or `aws/10` for ten times as fast".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_profile_parses_its_own_display() {
        for text in ["none", "aws", "aws/20"] {
            assert_eq!(text.parse::<LatencyProfile>().unwrap().to_string(), text);
        }
        assert!(LatencyProfile::default().is_none());
        let ten_times = "aws/10".parse::<LatencyProfile>().unwrap();
        assert_eq!(ten_times.role, Duration::from_millis(800));
        assert!(ten_times.mapping_in_force() > ten_times.mapping_lag, "clients wait long enough");
        assert!(LatencyProfile::default().mapping_in_force().is_zero());
        for text in ["", "AWS", "aws/", "aws/0", "aws/-1", "slow"] {
            assert!(text.parse::<LatencyProfile>().is_err(), "{text}");
        }
    }
}
