//! Columns whose values tell rows apart that would be put as one sensor: by their values, whatever their names.

use std::hash::BuildHasher as _;

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::device_names::{DeviceColumn, words};
use super::unit::Unit;
use crate::pipeline::parse_time;

/// Rows that are looked at.
const MOST_ROWS: usize = 10_000;
/// Values of a column up to which they may be those of devices.
const MOST_VALUES: usize = 256;
/// Bytes of such a value.
const MOST_BYTES: usize = 64;
/// Words of names of columns that describe a row, or hold a quantity of it.
const OTHER_NAMES: &str = "\
    status state quality flag flags mode alarm error event direction weather conditions firmware version fw \
    comment note notes message operator user dst trend humidity humid humi hum rh feuchte luftfeuchte \
    luftfeuchtigkeit moisture battery batt bat pressure press luftdruck co2 voc pm pm10 pm25 rssi snr lqi \
    signal light lux wind rain count counter seq sequence packet hour minute second day month year weekday \
    interval period duration uptime voltage vbat power energy current speed level percent setpoint";
/// Words of names of columns that part what another column names: a sensor's depth, the building of a room.
const PARTS: &str = "building gebäude floor etage plot port height depth application statistic";
/// Texts of a column that says how a row is, and not of what device it is.
const STATES: &str = "\
    ok good bad fair poor on off true false yes no valid invalid normal low high alarm warning warn error err \
    fault suspect open closed heat heating cool cooling idle auto manual none null nan n/a na unknown \
    unavailable online offline active inactive day night raw edited estimated";
/// Letters of the points of the compass.
const COMPASS: &str = "NESWnesw";

/// A column while its cells are looked at.
#[derive(Clone, Debug)]
struct SeriesColumn {
    source: String,
    /// The same column, where its name is that of devices.
    named: Option<DeviceColumn>,
    is_part: bool,
    ids: FxHashMap<String, u32>,
    /// The value of each row.
    values: Vec<u32>,
    /// True if a value can be no device's name.
    is_other: bool,
    has_text: bool,
}

/// Cells of the rows of a file that may tell its series apart.
#[derive(Clone, Debug, Default)]
pub(super) struct SeriesColumns {
    columns: Vec<SeriesColumn>,
    sensors: Vec<u64>,
    /// Sensor, time and quantity of each row.
    keys: Vec<u64>,
    temperatures: Vec<u64>,
}

/// A column that names devices, by its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundColumn {
    pub source: String,
    /// Different values among the rows that were looked at.
    pub values: u64,
}

impl SeriesColumn {
    fn see(&mut self, value: &str) {
        if let Some(named) = &mut self.named {
            named.see(value);
        }
        let id = self.ids.get(value).copied().unwrap_or_else(|| self.add(value));
        self.values.push(id);
    }

    /// Takes a value that no row before has. Returns its number.
    fn add(&mut self, value: &str) -> u32 {
        self.is_other |= value.is_empty() || value.len() > MOST_BYTES || self.ids.len() == MOST_VALUES;
        let is_number = value.parse::<f64>().is_ok() || value.replacen(',', ".", 1).parse::<f64>().is_ok();
        self.is_other |= is_number && value.contains(['.', ',']);
        self.has_text |= !is_number;
        self.is_other |= !is_number && !self.is_other && parse_time(value).is_ok();
        let id = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        if self.ids.len() < MOST_VALUES {
            self.ids.insert(value.to_owned(), id);
        }
        id
    }

    /// Returns whether most rows have a value that others have, too, and there are several of these.
    fn recurs(&self) -> bool {
        let mut counts: FxHashMap<u32, usize> = FxHashMap::default();
        self.values.iter().for_each(|id| *counts.entry(*id).or_default() += 1);
        let recurring = || counts.values().filter(|count| **count > 1);
        recurring().count() > 1 && recurring().sum::<usize>() * 5 >= self.values.len() * 4
    }

    /// Returns whether its values can be names of devices.
    fn may_name_devices(&self) -> bool {
        let is_state = |text: &String| has_word(STATES, &text.to_lowercase());
        let is_unit = |text: &String| self.has_text && Unit::named(text).is_some();
        let is_compass = |text: &String| text.len() < 4 && text.chars().all(|sign| COMPASS.contains(sign));
        let texts = || self.ids.keys();
        !self.is_other
            && self.ids.len() > 1
            && !(texts().all(is_state) || texts().all(is_unit) || texts().all(is_compass))
    }

    /// Returns whether its numbers go round: each comes again when all others have come.
    fn goes_round(&self) -> bool {
        let length = self.ids.len();
        self.values.len() >= 2 * length
            && self.values.iter().enumerate().all(|(at, id)| usize::try_from(*id).is_ok_and(|id| id == at % length))
    }

    fn found(&self) -> FoundColumn {
        FoundColumn { source: self.source.clone(), values: self.ids.len() as u64 }
    }
}

impl SeriesColumns {
    /// Takes the names of columns and their sources in options; those that hold a quantity by their names are left out.
    pub(super) fn new(columns: impl IntoIterator<Item = (String, String)>) -> Self {
        let column = |(name, source): (String, String)| {
            let words = words(&name);
            let is_other = words.iter().any(|word| has_word(OTHER_NAMES, word) || word.starts_with("temp"));
            let named = DeviceColumn::named(&name);
            // The port of an uplink (`fPort`) says what the message is.
            let is_part = words.iter().any(|word| has_word(PARTS, word)) && !words.iter().any(|word| word == "f");
            let (ids, values) = (FxHashMap::default(), Vec::new());
            SeriesColumn { source, named, is_part, ids, values, is_other, has_text: false }
        };
        SeriesColumns { columns: columns.into_iter().map(column).collect(), ..SeriesColumns::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Takes a row that is a reading: its sensor, its time and the name of its quantity, and its value.
    pub(super) fn see<'c>(
        &mut self,
        sensor: &str,
        moment: [&str; 2],
        temperature: &str,
        cell: impl Fn(usize) -> &'c str,
    ) {
        if self.keys.len() == MOST_ROWS {
            return;
        }
        self.sensors.push(FxBuildHasher.hash_one(sensor));
        self.keys.push(FxBuildHasher.hash_one((sensor, moment)));
        self.temperatures.push(FxBuildHasher.hash_one(temperature));
        for (at, column) in self.columns.iter_mut().enumerate() {
            column.see(cell(at).trim());
        }
    }

    /// Returns the column that tells apart the rows of one sensor and one time, of which each would replace the one before.
    pub(super) fn certain(&self) -> Option<FoundColumn> {
        let mut groups: FxHashMap<u64, Vec<usize>> = FxHashMap::default();
        for (at, key) in self.keys.iter().enumerate() {
            groups.entry(*key).or_default().push(at);
        }
        let groups: Vec<_> = groups.into_values().filter(|rows| rows.len() > 1).collect();
        let together: usize = groups.iter().map(Vec::len).sum();
        // Records that were sent twice have the same value.
        let differs = |rows: &Vec<usize>| rows.iter().any(|row| self.temperatures[*row] != self.temperatures[rows[0]]);
        if groups.len() < 2 || together * 2 < self.keys.len() || !groups.iter().any(differs) {
            return None;
        }
        let parts = |column: &&SeriesColumn| {
            let is_parted = |rows: &Vec<usize>| {
                let mut seen = FxHashSet::default();
                rows.iter().all(|row| seen.insert(column.values[*row]))
            };
            column.may_name_devices() && column.recurs() && groups.iter().all(is_parted)
        };
        let rank =
            |column: &&SeriesColumn| (!column.has_text, column.named.as_ref().map_or(usize::MAX, DeviceColumn::rank));
        self.columns.iter().filter(parts).min_by_key(rank).map(SeriesColumn::found)
    }

    /// Returns the columns whose values come again and again while all rows are put as one sensor: they may be devices, or
    /// say how a row is.
    pub(super) fn recurring(&self) -> impl Iterator<Item = FoundColumn> + '_ {
        let may_name = |column: &&SeriesColumn| {
            column.may_name_devices() && if column.has_text { column.recurs() } else { column.goes_round() }
        };
        self.columns.iter().filter(may_name).map(SeriesColumn::found)
    }

    /// Returns the columns that have one text in all rows that were looked at, with that text, while all are put as one
    /// sensor. Numbers are looked at only where the name is that of devices, or of a part of one.
    pub(super) fn constant(&self) -> impl Iterator<Item = (usize, String)> + '_ {
        self.columns.iter().enumerate().filter_map(|(at, column)| {
            let text = column.ids.keys().next().filter(|_| column.ids.len() == 1 && !column.is_other)?;
            let may_change = column.has_text || column.named.is_some() || column.is_part;
            (may_change && may_name_device(text)).then(|| (at, text.clone()))
        })
    }

    /// Returns the first of these whose values change more often than there are values, as where devices take turns.
    pub(super) fn taking_turns(&self) -> Option<FoundColumn> {
        let takes_turns = |source: &str| {
            self.columns.iter().any(|column| column.source == source && runs(&column.values) > column.ids.len())
        };
        self.recurring().find(|found| takes_turns(&found.source))
    }

    /// Returns whether a column differs between rows of one sensor and one time.
    fn parts_moments(&self, column: &SeriesColumn) -> bool {
        let mut first: FxHashMap<u64, u32> = FxHashMap::default();
        self.keys
            .iter()
            .zip(&column.values)
            .any(|(key, value)| first.insert(*key, *value).is_some_and(|it| it != *value))
    }

    /// Returns the columns with a name of devices that differ for one sensor: back and forth, or in each of its rows. One
    /// that changes once is the place of a sensor that was moved.
    pub(super) fn differing(&self) -> impl Iterator<Item = FoundColumn> + '_ {
        let differs = |column: &&SeriesColumn| {
            let is_named = column.named.as_ref().is_some_and(DeviceColumn::names_several);
            let parts_moments = || column.named.is_some() && self.parts_moments(column);
            if column.is_other || !(is_named || column.is_part || parts_moments()) {
                return false;
            }
            let mut of_sensors: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
            for (sensor, value) in self.sensors.iter().zip(&column.values) {
                of_sensors.entry(*sensor).or_default().push(*value);
            }
            of_sensors.values().any(|values| {
                let distinct = values.iter().collect::<FxHashSet<_>>().len();
                distinct > 1 && (runs(values) > distinct || distinct == values.len())
            })
        };
        self.columns.iter().filter(differs).map(SeriesColumn::found)
    }
}

fn has_word(list: &str, word: &str) -> bool {
    list.split(' ').any(|known| known == word)
}

/// Returns whether a text may name a device: it is no state, no unit, no point of the compass, no fraction and no time.
pub(super) fn may_name_device(text: &str) -> bool {
    let is_number = text.parse::<f64>().is_ok() || text.replacen(',', ".", 1).parse::<f64>().is_ok();
    let is_other_text = || {
        text == "%"
            || Unit::named(text).is_some_and(Unit::is_temperature)
            || has_word(STATES, &text.to_lowercase())
            || text.len() < 4 && text.chars().all(|sign| COMPASS.contains(sign))
            || parse_time(text).is_ok()
    };
    text.len() <= MOST_BYTES && if is_number { !text.contains(['.', ',']) } else { !is_other_text() }
}

/// Returns sources of the sensor, before them one that tells apart what the first of them, or none, does not.
pub(super) fn with_series(mut sources: Vec<String>, series: &SeriesColumns) -> Vec<String> {
    let own = sources.first().cloned();
    let of_turns = || if own.is_none() { series.taking_turns() } else { series.differing().next() };
    if let Some(FoundColumn { source, .. }) = series.certain().or_else(of_turns) {
        sources.insert(0, own.map_or(source.clone(), |own| format!("{own}+{source}")));
    }
    sources
}

/// Returns how often a value differs from the one before, with the first.
fn runs(values: &[u32]) -> usize {
    1 + values.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(name: &str, rows: &[(&str, &str, &str)]) -> SeriesColumns {
        let mut columns = SeriesColumns::new([(name.to_owned(), name.to_owned())]);
        for (at, (time, temperature, value)) in rows.iter().enumerate() {
            let time = if time.is_empty() { at.to_string() } else { (*time).to_owned() };
            columns.see("", [&time, ""], temperature, |_| value);
        }
        columns
    }

    fn certain(name: &str, values: [&str; 4]) -> Option<String> {
        let [a, b, c, d] = values;
        let rows = [("1", "21", a), ("1", "11", b), ("2", "22", c), ("2", "12", d)];
        columns(name, &rows).certain().map(|found| found.source)
    }

    fn recurring(name: &str, values: [&str; 4]) -> usize {
        columns(name, &values.map(|value| ("", "21", value))).recurring().count()
    }

    #[test]
    fn column_that_parts_rows_of_one_time_names_devices() {
        for values in
            [["a", "b", "a", "b"], ["1", "2", "1", "2"], ["b", "a", "a", "b"], ["28FF01", "28FF02", "28FF01", "28FF02"]]
        {
            assert_eq!(certain("Kammer", values).as_deref(), Some("Kammer"), "{values:?}");
        }
        for values in [
            ["a", "a", "b", "b"],
            ["a", "b", "c", "d"],
            ["OK", "Bad", "OK", "Bad"],
            ["C", "F", "C", "F"],
            ["N", "SW", "N", "SW"],
            ["1.5", "2.5", "1.5", "2.5"],
            ["a", "", "a", ""],
        ] {
            assert_eq!(certain("Kammer", values), None, "{values:?}");
        }
        assert_eq!(certain("humidity", ["40", "80", "40", "80"]), None);
    }

    #[test]
    fn readings_that_came_twice_are_of_one_device() {
        let rows = [("1", "21", "g1"), ("1", "21", "g2"), ("2", "22", "g1"), ("2", "22", "g2")];
        assert_eq!(columns("gateway", &rows).certain(), None);
    }

    #[test]
    fn column_with_recurring_texts_may_name_devices() {
        assert_eq!(recurring("Kammer", ["a", "b", "a", "b"]), 1);
        assert_eq!(recurring("Kammer", ["a", "a", "b", "b"]), 1);
        assert_eq!(recurring("Kammer", ["1", "2", "1", "2"]), 1);
        assert_eq!(recurring("Kammer", ["1", "1", "2", "2"]), 0, "a quantity may change so");
        assert_eq!(recurring("Kammer", ["a", "b", "c", "d"]), 0);
        assert_eq!(recurring("Kammer", ["ok", "error", "ok", "error"]), 0);
        assert_eq!(recurring("status", ["x", "y", "x", "y"]), 0);
    }

    #[test]
    fn named_column_differs_for_one_sensor_unless_it_changes_once() {
        let differing = |values: &[&str]| {
            let rows: Vec<_> = values.iter().map(|value| ("", "21", *value)).collect();
            columns("gateway", &rows).differing().count()
        };
        assert_eq!(differing(&["a", "b", "a", "b"]), 1);
        assert_eq!(differing(&["a", "b"]), 1);
        assert_eq!(differing(&["a", "a", "b", "b"]), 0);
        assert_eq!(differing(&["a", "a", "a"]), 0);
        let channels = [("1", "21", "1"), ("1", "11", "2")];
        assert_eq!(columns("channel", &channels).differing().count(), 1, "of one time");
        let numbers = [("1", "21", "1"), ("2", "11", "2")];
        assert_eq!(columns("channel", &numbers).differing().count(), 0, "it may count the rows");
        assert_eq!(columns("building", &numbers).differing().count(), 1);
        assert_eq!(columns("fPort", &numbers).differing().count(), 0);
    }
}
