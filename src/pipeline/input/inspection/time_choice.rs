//! Which of several columns holds the times of the readings: by their names, and by their values.

use super::super::device_names::words;
use super::super::time_format::{TimeOptions, TimeParser, YEAR_2000, forms_of, reads_alone};
use super::names::time_places;

/// Words for the moment of a measurement.
const MEASURED: [&str; 20] = [
    "measured",
    "measurement",
    "measure",
    "sample",
    "sampled",
    "sampling",
    "observed",
    "observation",
    "obs",
    "reading",
    "read",
    "taken",
    "recorded",
    "captured",
    "acquired",
    "phenomenon",
    "gemessen",
    "messung",
    "messzeit",
    "messzeitpunkt",
];
/// Words for a later moment on the way of a reading.
const RECEIVED: [&str; 40] = [
    "received",
    "receive",
    "receipt",
    "recv",
    "rx",
    "arrival",
    "arrived",
    "ingest",
    "ingested",
    "ingestion",
    "upload",
    "uploaded",
    "insert",
    "inserted",
    "import",
    "imported",
    "stored",
    "saved",
    "server",
    "gateway",
    "update",
    "updated",
    "modified",
    "created",
    "creation",
    "synced",
    "sync",
    "processed",
    "published",
    "posted",
    "sent",
    "forwarded",
    "delivered",
    "exported",
    "downloaded",
    "empfangen",
    "end",
    "stop",
    "until",
    "to",
];
/// Words for moments that are of a device, or of a document, and of no reading.
const UNRELATED: [&str; 24] = [
    "expires",
    "expiry",
    "expiration",
    "expire",
    "calibrated",
    "calibration",
    "installed",
    "installation",
    "boot",
    "booted",
    "uptime",
    "birth",
    "due",
    "next",
    "warranty",
    "commissioned",
    "deployed",
    "registered",
    "activated",
    "sunrise",
    "sunset",
    "maintenance",
    "serviced",
    "manufactured",
];
const QUARTER: i64 = 15 * 60;
const HALF_DAY: i64 = 14 * 3600;

/// Meanings of a time by its name, the likeliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    /// The name of the key itself.
    Key,
    Measured,
    Plain,
    Received,
    Unrelated,
}

impl Meaning {
    fn of(name: &str) -> Self {
        if name == super::super::keys::TIME {
            return Meaning::Key;
        }
        let words = words(name);
        let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        match () {
            () if has(&UNRELATED) => Meaning::Unrelated,
            () if has(&MEASURED) => Meaning::Measured,
            () if has(&RECEIVED) => Meaning::Received,
            () => Meaning::Plain,
        }
    }
}

/// The first values of a column, as far as they tell whether it holds times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TimeValues {
    /// True if they are numbers, none of which is a time since 2000.
    pub is_other_number: bool,
    /// True if they have a date and a clock.
    pub is_whole: bool,
    /// The first and the last moment, where each value has one by itself.
    pub range: Option<(i64, i64)>,
}

impl TimeValues {
    /// Looks at values.
    pub(super) fn of<'c>(cells: impl Iterator<Item = &'c str>) -> Self {
        let parser = TimeParser::new(&TimeOptions::default()).unwrap_or_default();
        let mut values = TimeValues { is_other_number: true, is_whole: true, range: None };
        let (mut is_certain, mut is_empty) = (true, true);
        for cell in cells.map(str::trim).filter(|cell| !cell.is_empty()) {
            is_empty = false;
            let is_number = sensor_model::Decimal::parse(cell).is_ok();
            let seconds = parser.text(cell).ok().and_then(|time| {
                let whole = time.seconds.as_str().split('.').next()?.parse::<i64>().ok()?;
                (!is_number || whole >= YEAR_2000.cast_signed()).then_some(whole)
            });
            values.is_other_number &= is_number && seconds.is_none() && !is_compact_date(cell);
            values.is_whole &= if is_number { seconds.is_some() } else { has_date_and_clock(cell) };
            is_certain &= seconds.is_some();
            if let Some(at) = seconds {
                let (first, last) = values.range.unwrap_or((at, at));
                values.range = Some((first.min(at), last.max(at)));
            }
        }
        if is_empty {
            return TimeValues::default();
        }
        TimeValues { range: values.range.filter(|_| is_certain && values.is_whole), ..values }
    }

    /// Returns whether two columns hold the same moments, also where one of them counts in another zone.
    pub(super) fn is_same(self, other: Self, may_be_local: bool) -> bool {
        let Some(((first, last), (other_first, other_last))) = self.range.zip(other.range) else { return true };
        let (begin, end) = (other_first - first, other_last - last);
        let is_zone = || may_be_local && begin == end && begin % QUARTER == 0 && begin.abs() <= HALF_DAY;
        begin.abs() <= 1 && end.abs() <= 1 || is_zone()
    }
}

/// Returns whether a cell is a date and a time of day.
pub(super) fn has_date_and_clock(cell: &str) -> bool {
    cell.len() > 11 && cell.contains(':') && (reads_alone(cell) || !forms_of(cell).is_empty())
}

/// Returns whether a cell is a date as `20231114`.
pub(super) fn is_compact_date(cell: &str) -> bool {
    let is_digits = cell.len() == 8 && cell.bytes().all(|byte| byte.is_ascii_digit());
    is_digits && jiff::civil::Date::strptime("%Y%m%d", cell).is_ok_and(|date| (1900..=2100).contains(&date.year()))
}

/// The column of the times, and those that may be it as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimeChoice {
    pub at: usize,
    /// Columns of other moments of which nothing tells which is that of the readings, with `at`; else none.
    pub as_good: Vec<usize>,
}

/// Chooses the column of the times. `distance` says how far one is from the temperatures: before all, and where names
/// leave it open.
pub(super) fn choose(
    names: &[String],
    distance: impl Fn(usize) -> (usize, usize),
    values: impl Fn(usize) -> TimeValues,
) -> Option<TimeChoice> {
    let mut places = time_places(names);
    let is_known = |at: &usize| !places.contains(at);
    let others: Vec<_> = (0..names.len())
        .filter(is_known)
        .filter(|at| matches!(Meaning::of(&names[*at]), Meaning::Measured | Meaning::Received))
        .filter(|at| {
            values(*at).is_whole && values(*at).range.is_none_or(|(first, _)| first >= YEAR_2000.cast_signed())
        })
        .collect();
    places.extend(others);
    let seen: Vec<_> = places.into_iter().map(|at| (at, values(at))).collect();
    let key = |at: usize, values: TimeValues| {
        let (before, after) = distance(at);
        (before, values.is_other_number, Meaning::of(&names[at]), after)
    };
    let (at, best) = seen.iter().copied().min_by_key(|(at, values)| key(*at, *values))?;
    let has_zone = |at: usize| {
        let name = names[at].to_lowercase();
        ["utc", "gmt", "local", "lokal"].iter().any(|word| name.contains(word))
    };
    let is_other = |(other, values): &&(usize, TimeValues)| {
        key(*other, *values) == key(at, best)
            && values.is_whole
            && best.is_whole
            && !best.is_same(*values, has_zone(at) || has_zone(*other))
    };
    let mut as_good: Vec<_> = seen.iter().filter(is_other).map(|(at, _)| *at).collect();
    if !as_good.is_empty() {
        as_good.insert(0, at);
    }
    Some(TimeChoice { at, as_good })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(columns: &[(&str, &[&str])]) -> (String, usize) {
        let names: Vec<_> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let values = |at: usize| TimeValues::of(columns[at].1.iter().copied());
        let choice = choose(&names, |_| (0, 0), values).unwrap();
        (names[choice.at].clone(), choice.as_good.len())
    }

    const EARLY: &[&str] = &["2023-11-14T22:13:20Z", "2023-11-14T22:23:20Z"];
    const LATE: &[&str] = &["2023-11-15T00:00:00Z", "2023-11-15T00:00:00Z"];

    #[test]
    fn time_of_the_measurement_goes_before_that_of_its_arrival() {
        for (measured, other) in [
            ("measured_at", "received_at"),
            ("time_measured", "time_received"),
            ("sample", "upload_time"),
            ("ts", "expires_at"),
            ("reading_date", "last_calibrated"),
            ("Date", "Installed"),
            ("observedAt", "timestamp"),
            ("time", "serverTime"),
            ("current_time", "measured"),
        ] {
            assert_eq!(chosen(&[(other, LATE), (measured, EARLY)]), (measured.to_owned(), 0), "{other}");
        }
    }

    #[test]
    fn times_of_one_meaning_decide_nothing_unless_they_are_the_same() {
        assert_eq!(chosen(&[("Created", EARLY), ("Updated", LATE)]).1, 2);
        assert_eq!(chosen(&[("time", EARLY), ("timestamp", LATE)]).1, 2);
        assert_eq!(chosen(&[("time", EARLY), ("timestamp", &["1700000000", "1700000600"])]).1, 0);
        assert_eq!(
            chosen(&[("time_utc", EARLY), ("time_local", &["2023-11-14T23:13:20", "2023-11-14T23:23:20"])]).1,
            0
        );
        assert_eq!(chosen(&[("date", &["2023-11-14"]), ("time", &["22:13:20"])]).1, 0);
    }

    #[test]
    fn number_that_is_no_time_since_1970_goes_behind_a_date() {
        assert_eq!(chosen(&[("date", &["2023-11-14"]), ("time", &["1310", "5"])]).0, "date");
        assert_eq!(chosen(&[("date", &["20231114"]), ("time", &["1310"])]).0, "date");
        assert_eq!(chosen(&[("time", &["0.5", "1.0"]), ("n", &["1", "2"])]).0, "time");
    }
}
