//! The time that the real cloud takes, for rehearsal and benchmarks: nothing is at once there.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::kinesis::StreamOptions;

/// How long pollers may go on with the old settings of a changed event source mapping
/// (docs/facts/event-source-mapping.md, Timing).
const MAPPING_IN_FORCE: Duration = Duration::from_mins(3);

/// How long changes take until they are done, or seen. All zero: at once, which is the default.
///
/// AWS promises no figures: these are recorded or told ones (docs/facts), and where there are
/// none, a guess that is marked as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatencyProfile {
    /// How much shorter than AWS; 0: no delays.
    speed: u32,
    /// A stream is CREATING (guess; terraform looks after 10 s: docs/facts/retries.md, Waits of other tools).
    pub stream_create: Duration,
    /// A stream is UPDATING (guess; minutes for large ones).
    pub stream_update: Duration,
    /// A stream is DELETING (guess).
    pub stream_delete: Duration,
    /// Each shard takes 1 MiB and 1,000 records a second (docs/facts/kinesis.md, Write limits).
    pub stream_throttle: bool,
    /// A table is CREATING (terraform looks after 5 s: docs/facts/retries.md, Waits of other tools).
    pub table_create: Duration,
    /// A table is UPDATING or DELETING (guesses).
    pub table_change: Duration,
    /// A new table is not seen by `DescribeTable` (docs/facts/dynamodb.md, Tables).
    pub table_lag: Duration,
    /// Tags of a table are not seen (docs/facts/dynamodb.md, Tables).
    pub tags_lag: Duration,
    /// A new role cannot be assumed (5 to 15 s: docs/facts/iam.md, Eventual consistency).
    pub role: Duration,
    /// A policy has no effect yet (docs/facts/iam.md, Eventual consistency).
    pub policy: Duration,
    /// Looks at a changed role or policy may find what it was before (reads are eventually consistent: docs/facts/iam.md, Eventual consistency).
    pub replica_lag: Duration,
    /// A function is Pending (1 to 10 s: docs/facts/lambda.md, Function states).
    pub function_create: Duration,
    /// An update of a function is `InProgress` (about 1 s: docs/facts/retries.md, Waits of other tools).
    pub function_update: Duration,
    /// A mapping is Creating, then as long Enabling (a guess: docs/facts/event-source-mapping.md, Timing).
    pub mapping_create: Duration,
    /// A mapping is Updating, Enabling or Disabling (a guess: docs/facts/event-source-mapping.md, Timing).
    pub mapping_update: Duration,
    /// Pollers of a changed mapping that is Enabled again still go by its old settings (changed filters took
    /// about two minutes to act: docs/facts/event-source-mapping.md, Timing).
    pub mapping_lag: Duration,
    /// A mapping is Deleting (a guess).
    pub mapping_delete: Duration,
    /// A shard is looked at this often, whatever is put (docs/facts/event-source-mapping.md, Timing).
    pub poll: Duration,
}

impl LatencyProfile {
    /// AWS, so many times as fast.
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

    /// The same for streams.
    pub(crate) fn of_streams(&self) -> StreamOptions {
        StreamOptions {
            throttle: self.stream_throttle,
            create_delay: self.stream_create,
            update_delay: self.stream_update,
            delete_delay: self.stream_delete,
            ..StreamOptions::default()
        }
    }

    /// How long a client waits here until a changed mapping is surely in force.
    pub(crate) fn mapping_in_force(&self) -> Duration {
        if self.is_none() { Duration::ZERO } else { MAPPING_IN_FORCE / self.speed }
    }

    /// How much faster than AWS things go; 1 where they take no time at all.
    pub(crate) fn speed(&self) -> f64 {
        f64::from(self.speed.max(1))
    }

    /// Whether everything is at once.
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

    /// `none`, `aws`, or `aws/N`: N times as fast.
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
    fn what_is_written_is_read_again() {
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
