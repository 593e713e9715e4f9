//! The records that an event source mapping gave up, by the metrics of its events.

use jiff::Timestamp;

use super::{GIVEN_UP_HOURS, GivenUpRecords};
use crate::aws::Clients;
use crate::operate::metrics::{MetricQuery, MetricSeries, MetricWindow, Statistic, read_metrics};

/// Counts the records that are nowhere any more, and those of which the failure destination has the place: the table has
/// neither.
const METRICS: [&str; 2] = ["DroppedEventCount", "OnFailureDestinationDeliveredEventCount"];

/// Reads how many records an event source mapping that publishes its events gave up, with one call.
///
/// # Errors
/// The reason why it is not known.
pub(crate) async fn counted_given_up(
    clients: &Clients,
    uuid: &str,
    now: Timestamp,
) -> Result<Option<GivenUpRecords>, String> {
    let queries = METRICS.map(|name| MetricQuery::of_mapping(name, uuid, Statistic::Sum));
    match read_metrics(clients, &queries, MetricWindow::last(GIVEN_UP_HOURS * 60, now)).await {
        Ok(series) => given_up(&series),
        Err(why) => Err(why.reason().to_owned()),
    }
}

/// Returns the sum of the series, which are in the order of [`METRICS`]. Counts of events have no point where there was
/// none. One in a minute that is not complete counts, too: there are no less.
fn given_up(series: &[MetricSeries]) -> Result<Option<GivenUpRecords>, String> {
    let mut found: Option<GivenUpRecords> = None;
    for (name, series) in METRICS.iter().zip(series) {
        for point in series.points.iter().filter(|point| point.value > 0.0) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count above zero")]
            let count = point.value.round() as u64;
            let of_minute = GivenUpRecords::new(count, name, point.time.as_millisecond());
            found = Some(match found {
                Some(found) => found.with(of_minute),
                None => of_minute,
            });
        }
    }
    match series.iter().find_map(|series| series.incomplete.as_ref()) {
        Some(why) if found.is_none() => Err(why.clone()),
        _ => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_counted_also_where_a_destination_has_their_places() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let of = |points: &[(i64, f64)]| MetricSeries::of_minutes_before(now, points);
        assert_eq!(given_up(&[of(&[(9, 0.0)]), MetricSeries::default()]), Ok(None));
        let found = given_up(&[of(&[(9, 2.0), (8, 0.0)]), of(&[(3, 5.0)])]).unwrap().unwrap();
        assert_eq!(found.described(), "7 records (DroppedEventCount, OnFailureDestinationDeliveredEventCount)");
        let ms = |ago: i64| now.as_millisecond() - ago * 60_000;
        assert_eq!((found.first_ms, found.last_ms), (ms(9), ms(3)));
        let incomplete = MetricSeries { incomplete: Some("Forbidden".into()), ..MetricSeries::default() };
        assert_eq!(given_up(&[of(&[]), incomplete.clone()]), Err("Forbidden".to_owned()));
        assert_eq!(given_up(&[of(&[(1, 1.0)]), incomplete]).unwrap().unwrap().count, 1, "there are no less");
    }
}
