//! The account's limit of shards against the stream of the settings.

use super::calls::{ShardLimits, StreamShards};
use super::finding::Verdict;
use crate::settings::{Capacity, Stream};

const REMEDY: &str = "fewer `stream.shards`, or request more shards per Region in the Service Quotas console (Kinesis Data \
                      Streams)";

/// The stream of the settings, as it is now.
#[derive(Clone, Copy, Debug)]
pub(super) enum StreamNow {
    /// It could not be asked for.
    Unknown,
    /// It does not exist.
    Missing,
    /// It has these shards.
    Found(StreamShards),
}

impl StreamNow {
    /// Returns its shards, if they are known.
    pub(super) fn shards(self) -> Option<StreamShards> {
        match self {
            StreamNow::Found(shards) => Some(shards),
            StreamNow::Unknown | StreamNow::Missing => None,
        }
    }
}

/// Judges the limits.
pub(super) fn judge(limits: ShardLimits, found: StreamNow, stream: &Stream) -> Verdict {
    if stream.existing {
        return Verdict::ok("`stream.existing`: its shards are never changed");
    }
    match stream.capacity {
        Capacity::OnDemand => on_demand(limits, found),
        Capacity::Shards(wanted) => provisioned(limits, found, wanted),
    }
}

/// The verdict where the answer has no limit.
fn unstated() -> Verdict {
    Verdict::unknown("DescribeLimits does not say the limit")
}

fn on_demand(limits: ShardLimits, found: StreamNow) -> Verdict {
    let ShardLimits { on_demand_streams: Some(most), open_on_demand_streams: open, .. } = limits else {
        return unstated();
    };
    let evidence = format!("{open} of {most} streams on demand exist");
    match found {
        _ if open < most => Verdict::ok(evidence),
        StreamNow::Found(StreamShards { is_on_demand: true, .. }) => {
            Verdict::ok(format!("{evidence}, this one among them"))
        }
        StreamNow::Found(_) | StreamNow::Missing => Verdict::failed(
            evidence,
            "request more streams on demand in the Service Quotas console, or set `stream.mode`",
        ),
        StreamNow::Unknown => Verdict::unknown(format!("{evidence}; whether this one is among them is not known")),
    }
}

fn provisioned(limits: ShardLimits, found: StreamNow, wanted: i32) -> Verdict {
    let Some(most) = limits.shards else { return unstated() };
    let free = most - limits.open_shards;
    // Shards of a stream on demand count elsewhere.
    let own = found.shards().filter(|found| !found.is_on_demand).map_or(0, |found| found.open_shards);
    let evidence = format!("`stream.shards` is {wanted}; {free} of the account's {most} shards are free");
    if own > 0 {
        let evidence = format!("{evidence}, this stream has {own} of the others");
        return match wanted {
            wanted if wanted > own + free => Verdict::failed(evidence, REMEDY),
            wanted if wanted != own && wanted > free => Verdict::warning(
                format!("{evidence}; a reshard needs the old and the new shards for a while"),
                "change `stream.shards` in smaller steps, or request more shards per Region",
            ),
            _ => Verdict::ok(evidence),
        };
    }
    match found {
        _ if wanted <= free => Verdict::ok(evidence),
        StreamNow::Found(_) | StreamNow::Missing => Verdict::failed(evidence, REMEDY),
        StreamNow::Unknown => Verdict::unknown(format!("{evidence}; the shards of this stream are not known")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::doctor::CheckResult::{Failed, Ok, Unknown, Warning};
    use crate::settings::Pipeline;

    #[test]
    fn shards_are_compared_with_what_is_free_and_the_stream_s_own() {
        let limits = |open_shards, open_on_demand_streams| ShardLimits {
            shards: Some(500),
            open_shards,
            on_demand_streams: Some(50),
            open_on_demand_streams,
        };
        let own = |open_shards, is_on_demand| StreamNow::Found(StreamShards { open_shards, is_on_demand });
        let wanted = |capacity| Stream { capacity, ..Pipeline::by_default().unwrap().stream };
        let (shards, on_demand) = (|count| wanted(Capacity::Shards(count)), || wanted(Capacity::OnDemand));
        for (verdict, result) in [
            (judge(limits(0, 0), StreamNow::Missing, &shards(500)), Ok),
            (judge(limits(0, 0), StreamNow::Missing, &shards(501)), Failed),
            (judge(limits(500, 0), StreamNow::Missing, &shards(1)), Failed),
            (judge(limits(500, 0), own(1, false), &shards(1)), Ok),
            (judge(limits(500, 0), own(1, false), &shards(2)), Failed),
            (judge(limits(499, 0), own(1, false), &shards(2)), Warning),
            (judge(limits(500, 0), own(4, true), &shards(2)), Failed),
            (judge(limits(500, 0), StreamNow::Unknown, &shards(1)), Unknown),
            (judge(limits(0, 49), StreamNow::Missing, &on_demand()), Ok),
            (judge(limits(0, 50), StreamNow::Missing, &on_demand()), Failed),
            (judge(limits(0, 50), own(4, true), &on_demand()), Ok),
            (judge(limits(0, 50), StreamNow::Unknown, &on_demand()), Unknown),
            (judge(limits(500, 50), StreamNow::Unknown, &Stream { existing: true, ..shards(9) }), Ok),
            (judge(ShardLimits { shards: None, ..limits(0, 0) }, StreamNow::Missing, &shards(1)), Unknown),
            (judge(ShardLimits { shards: None, ..limits(0, 0) }, own(1, false), &shards(1)), Unknown),
            (judge(ShardLimits { on_demand_streams: None, ..limits(0, 0) }, StreamNow::Missing, &on_demand()), Unknown),
        ] {
            assert_eq!(verdict.result, result, "{verdict:?}");
        }
    }
}
