//! The counters of one service: points of a minute each, for the last three hours.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use super::catalog::Metric;
use crate::protocol::aws_json::now_ms;

/// Milliseconds of one point.
pub(crate) const MINUTE: u64 = 60_000;

/// Minutes that are kept.
const KEPT: u64 = 180;

/// Limit of resources with points of one metric; the one without news for the longest time goes first.
const MOST_RESOURCES: usize = 1000;

/// The counters of one service; clones share them.
#[derive(Clone, Default)]
pub(crate) struct MetricStore(Arc<Mutex<HashMap<Metric, HashMap<String, Series>>>>);

/// The points of one metric of one resource, by minute since 1970, the oldest first.
#[derive(Default)]
struct Series(VecDeque<(u64, Samples)>);

/// The samples of a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Samples {
    pub count: f64,
    pub sum: f64,
    pub minimum: f64,
    pub maximum: f64,
}

impl MetricStore {
    /// Adds a sample of now.
    pub(crate) fn add(&self, metric: Metric, resource: &str, value: f64) {
        self.add_at(metric, resource, value, now_ms());
    }

    /// Adds a sample of a time in epoch milliseconds.
    pub(crate) fn add_at(&self, metric: Metric, resource: &str, value: f64, at: u64) {
        let mut all = self.0.lock();
        let series = all.entry(metric).or_default();
        if !series.contains_key(resource) && series.len() >= MOST_RESOURCES {
            let oldest = series.iter().min_by_key(|(_, series)| series.newest()).map(|(name, _)| name.clone());
            series.remove(&oldest.unwrap_or_default());
        }
        match series.get_mut(resource) {
            Some(series) => series.add(at / MINUTE, value),
            None => series.entry(resource.to_owned()).or_default().add(at / MINUTE, value),
        }
    }

    /// Returns the samples of each minute from `start` and before `end` (epoch milliseconds), the oldest first, with the
    /// minute's begin.
    pub(crate) fn points(&self, metric: Metric, resource: &str, start: u64, end: u64) -> Vec<(u64, Samples)> {
        let all = self.0.lock();
        let points = all.get(&metric).and_then(|series| series.get(resource)).map(|series| series.0.iter());
        let points = points.into_iter().flatten().map(|(minute, samples)| (minute * MINUTE, *samples));
        points.filter(|(at, _)| (start..end).contains(at)).collect()
    }
}

impl Series {
    fn newest(&self) -> u64 {
        self.0.back().map_or(0, |(minute, _)| *minute)
    }

    fn add(&mut self, minute: u64, value: f64) {
        let newest = self.newest().max(minute);
        while self.0.front().is_some_and(|(oldest, _)| oldest + KEPT <= newest) {
            self.0.pop_front();
        }
        if minute + KEPT <= newest {
            return;
        }
        let place = self.0.iter().rposition(|(at, _)| *at <= minute);
        match place.and_then(|place| self.0.get_mut(place)).filter(|(at, _)| *at == minute) {
            Some((_, samples)) => samples.add(&Samples::of(value)),
            None => self.0.insert(place.map_or(0, |place| place + 1), (minute, Samples::of(value))),
        }
    }
}

impl Samples {
    fn of(value: f64) -> Samples {
        Samples { count: 1.0, sum: value, minimum: value, maximum: value }
    }

    /// Adds other samples.
    pub(crate) fn add(&mut self, other: &Samples) {
        self.count += other.count;
        self.sum += other.sum;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(store: &MetricStore, start: u64, end: u64) -> Vec<(u64, f64)> {
        let points = store.points(Metric::Errors, "f", start * MINUTE, end * MINUTE);
        points.into_iter().map(|(at, samples)| (at / MINUTE, samples.sum)).collect()
    }

    #[test]
    fn metric_points_are_minutes_in_order_whatever_the_order_of_the_samples() {
        let store = MetricStore::default();
        for (minute, value) in [(10, 1.0), (12, 4.0), (11, 2.0), (10, 8.0), (9, 16.0)] {
            store.add_at(Metric::Errors, "f", value, minute * MINUTE + 59_999);
        }
        assert_eq!(sums(&store, 0, 100), [(9, 16.0), (10, 9.0), (11, 2.0), (12, 4.0)]);
        assert_eq!(sums(&store, 10, 12), [(10, 9.0), (11, 2.0)], "the end is not included");
        let all = store.points(Metric::Errors, "f", 0, 11 * MINUTE);
        assert_eq!(all[1].1, Samples { count: 2.0, sum: 9.0, minimum: 1.0, maximum: 8.0 });
        assert!(store.points(Metric::Errors, "g", 0, u64::MAX).is_empty());
    }

    #[test]
    fn metric_points_are_kept_for_three_hours_and_for_a_thousand_resources() {
        let store = MetricStore::default();
        for minute in 0..1000 {
            store.add_at(Metric::Errors, "f", 1.0, minute * MINUTE);
        }
        store.add_at(Metric::Errors, "f", 1.0, 0);
        assert_eq!(sums(&store, 0, 5000).len(), 180);
        for at in 1..=1000 {
            store.add_at(Metric::Errors, &format!("g{at}"), 1.0, (2000 + at) * MINUTE);
        }
        assert!(sums(&store, 0, 5000).is_empty(), "the oldest gave its place");
        assert_eq!(store.points(Metric::Errors, "g1", 0, u64::MAX).len(), 1);
    }
}
