//! The points of one metric.

use std::time::Duration;

use jiff::Timestamp;

/// Age below which a point may still be incomplete: metrics arrive a minute or two late (docs/facts/diagnosis.md,
/// Metrics).
pub(crate) const SETTLING: Duration = Duration::from_secs(120);

/// The points of one metric, the oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct MetricSeries {
    /// Points; none where the service has none.
    pub points: Vec<MetricPoint>,
    /// The reason why points may be missing.
    pub incomplete: Option<String>,
}

/// A point of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MetricPoint {
    /// Its begin.
    pub time: Timestamp,
    /// The statistic of its samples.
    pub value: f64,
}

impl MetricSeries {
    /// Returns the newest point.
    pub(crate) fn newest(&self) -> Option<MetricPoint> {
        self.points.last().copied()
    }

    /// Returns the sum of all points; `None` where there are none, which is not zero.
    pub(crate) fn sum(&self) -> Option<f64> {
        (!self.points.is_empty()).then(|| self.points.iter().map(|point| point.value).sum())
    }

    /// Returns the points that are complete at `now`.
    pub(crate) fn settled(&self, now: Timestamp) -> MetricSeries {
        let until = now.checked_sub(SETTLING).unwrap_or(Timestamp::MIN);
        let points = self.points.iter().filter(|point| point.time <= until).copied().collect();
        MetricSeries { points, incomplete: self.incomplete.clone() }
    }

    /// Returns the points from `start` on.
    pub(crate) fn since(&self, start: Timestamp) -> MetricSeries {
        let points = self.points.iter().filter(|point| point.time >= start).copied().collect();
        MetricSeries { points, incomplete: self.incomplete.clone() }
    }

    /// Returns points by whole minutes before a time.
    #[cfg(test)]
    pub(crate) fn of_minutes_before(now: Timestamp, points: &[(i64, f64)]) -> MetricSeries {
        let point = |(ago, value): &(i64, f64)| {
            let time = Timestamp::from_second(now.as_second() - ago * 60).unwrap();
            MetricPoint { time, value: *value }
        };
        MetricSeries { points: points.iter().map(point).collect(), incomplete: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(i64, f64)]) -> MetricSeries {
        let point = |(minute, value): &(i64, f64)| {
            let time = Timestamp::from_second(minute * 60).unwrap();
            MetricPoint { time, value: *value }
        };
        MetricSeries { points: points.iter().map(point).collect(), incomplete: None }
    }

    #[test]
    fn missing_points_are_not_zero() {
        assert_eq!((series(&[]).sum(), series(&[]).newest()), (None, None));
        assert_eq!(series(&[(1, 0.0), (2, 0.0)]).sum(), Some(0.0));
    }

    #[test]
    fn newest_two_minutes_are_not_settled() {
        let all = series(&[(10, 1.0), (11, 2.0), (12, 3.0)]);
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        assert_eq!(all.settled(at(13 * 60)), series(&[(10, 1.0), (11, 2.0)]));
        assert_eq!(all.settled(at(13 * 60 - 1)), series(&[(10, 1.0)]));
        assert_eq!(all.since(at(11 * 60)), series(&[(11, 2.0), (12, 3.0)]));
    }
}
