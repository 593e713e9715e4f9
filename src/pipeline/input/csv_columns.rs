//! Which column of a CSV file holds which key of a reading.

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;

use sensor_model::{Decimal, Reading, truncate_for_log};

use super::csv_value::value_of;
use crate::pipeline::time::parse_time;

const SENSOR: &str = "sensor_id";
const TEMPERATURE: &str = "temperature";
const TIME: &str = "current_time";
/// Where a stored reading was in the stream; what comes in has no say in it.
const RESERVED: [&str; 2] = ["shard_id", "sequence_number"];

/// `KEY=COLUMN`: the reading's key and the file's column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnMapping {
    /// Key of the reading.
    pub key: String,
    /// Column of the file.
    pub column: String,
}

impl FromStr for ColumnMapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, column)) if !key.is_empty() && !column.is_empty() => {
                Ok(ColumnMapping { key: key.to_owned(), column: column.to_owned() })
            }
            _ => Err("write KEY=COLUMN, for example current_time=date".to_owned()),
        }
    }
}

/// The columns of one file.
#[derive(Debug)]
pub(crate) struct CsvFileColumns {
    sensor: Sensor,
    temperature: usize,
    time: usize,
    fields: Vec<(usize, String)>,
    width: usize,
}

#[derive(Debug)]
enum Sensor {
    Column(usize),
    Fixed(String),
}

/// Why a row is no reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RowError {
    pub code: &'static str,
    pub reason: String,
}

fn bad(code: &'static str, reason: impl Into<String>) -> RowError {
    RowError { code, reason: reason.into() }
}

/// What is missing and what there is: so many names, and of each so much, as can be read.
fn no_column(wanted: &str, names: &[&str]) -> String {
    const MOST: usize = 12;
    // A file without a header: its first line is a reading, which is not to be shown.
    if names.iter().any(|name| parse_time(name).is_ok()) {
        return format!("there is no column `{wanted}`; its first line holds values and no names");
    }
    let mut listed = names.iter().take(MOST).map(|name| truncate_for_log(name)).collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        listed.push_str(&format!(" and {} more", names.len() - MOST));
    }
    format!("there is no column `{wanted}`; there are: {listed}")
}

impl CsvFileColumns {
    /// Finds the columns in a header. The text of an error says what is missing and what there is.
    pub(crate) fn of(header: &[&str], mappings: &[ColumnMapping], sensor: Option<&str>) -> Result<Self, String> {
        let names: Vec<&str> = header.iter().map(|name| name.trim()).collect();
        if let Some(at) = names.iter().position(|name| name.is_empty()) {
            return Err(format!("column {} has no name", at + 1));
        }
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().find(|name| !seen.insert(**name)) {
            return Err(format!("column `{}` is there twice", truncate_for_log(name)));
        }
        let mut keys: Vec<Option<&str>> = names.iter().map(|name| Some(*name)).collect();
        let mut mapped = BTreeMap::new();
        for ColumnMapping { key, column } in mappings {
            let Some(at) = names.iter().position(|name| name == column) else {
                return Err(no_column(column, &names));
            };
            if mapped.insert(key.as_str(), at).is_some() {
                return Err(format!("`{key}` is mapped twice"));
            }
        }
        // A mapped column no longer goes by its own name, and a mapped key no longer by its own column.
        for key in &mut keys {
            if key.is_some_and(|name| mapped.contains_key(name)) {
                *key = None;
            }
        }
        for (key, at) in &mapped {
            keys[*at] = Some(key);
        }
        let find = |wanted: &str| keys.iter().position(|key| *key == Some(wanted));
        let need = |wanted: &str| find(wanted).ok_or_else(|| no_column(wanted, &names));
        let sensor = match (find(SENSOR), sensor) {
            (Some(at), _) => Sensor::Column(at),
            (None, Some(sensor)) => Sensor::Fixed(sensor.to_owned()),
            (None, None) => need(SENSOR).map(Sensor::Column)?,
        };
        let own = |key: &str| ![SENSOR, TEMPERATURE, TIME].contains(&key) && !RESERVED.contains(&key);
        Ok(CsvFileColumns {
            sensor,
            temperature: need(TEMPERATURE)?,
            time: need(TIME)?,
            fields: keys
                .iter()
                .enumerate()
                .filter_map(|(at, key)| key.filter(|key| own(key)).map(|key| (at, key.to_owned())))
                .collect(),
            width: names.len(),
        })
    }

    /// Reads a row.
    pub(crate) fn reading(&self, cells: &[&str]) -> Result<Reading, RowError> {
        if cells.len() != self.width {
            return Err(bad("column-count", format!("{} values where the header has {}", cells.len(), self.width)));
        }
        let needed = |at: usize, key: &str| match cells[at].trim() {
            "" => Err(bad("missing-key", format!("`{key}` is empty"))),
            text => Ok(text),
        };
        let sensor_id = match &self.sensor {
            Sensor::Column(at) => needed(*at, SENSOR).map(|_| cells[*at].to_owned())?,
            Sensor::Fixed(sensor) => sensor.clone(),
        };
        let temperature = Decimal::parse(needed(self.temperature, TEMPERATURE)?)
            .map_err(|error| bad("not-a-number", format!("`{TEMPERATURE}`: {error}")))?;
        let current_time =
            parse_time(needed(self.time, TIME)?).map_err(|error| bad("not-a-time", format!("`{TIME}`: {error}")))?;
        let mut fields = BTreeMap::new();
        for (at, key) in &self.fields {
            if !cells[*at].is_empty() {
                let value = value_of(cells[*at])
                    .map_err(|error| bad("not-a-number", format!("`{}`: {error}", key.escape_debug())))?;
                fields.insert(key.clone(), value);
            }
        }
        let reading = Reading { sensor_id, temperature, current_time, fields };
        reading.check().map_err(|refusal| bad(refusal.code(), refusal.to_string()))?;
        Ok(reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[&str]) -> Vec<ColumnMapping> {
        pairs.iter().map(|pair| pair.parse().unwrap()).collect()
    }

    fn json(columns: &CsvFileColumns, cells: &[&str]) -> String {
        columns.reading(cells).map_or_else(|bad| format!("{}: {}", bad.code, bad.reason), |reading| reading.to_json())
    }

    #[test]
    fn a_station_s_own_columns_become_a_reading() {
        let header = ["date", "pressure", "temperature", "wind"];
        let columns = CsvFileColumns::of(&header, &map(&["current_time=date"]), Some("seattle")).unwrap();
        assert_eq!(
            json(&columns, &["2010-01-01T01:00:00", "1016.60", "4.0", ""]),
            r#"{"sensor_id":"seattle","temperature":4,"current_time":1262307600,"pressure":1016.6}"#
        );
    }

    #[test]
    fn a_mapped_key_hides_the_column_of_its_own_name_and_reserved_columns_are_dropped() {
        let header = ["sensor_id", "temperature", "celsius", "current_time", "shard_id", "ok"];
        let columns = CsvFileColumns::of(&header, &map(&["temperature=celsius"]), None).unwrap();
        assert_eq!(
            json(&columns, &["s", "99", "1.5", "7", "shardId-000000000000", "true"]),
            r#"{"sensor_id":"s","temperature":1.5,"current_time":7,"ok":true}"#
        );
    }

    #[test]
    fn a_column_of_sensors_goes_before_the_sensor_of_the_command_line() {
        let columns = CsvFileColumns::of(&["sensor_id", "temperature", "current_time"], &[], Some("other")).unwrap();
        assert!(json(&columns, &["mine", "1", "2"]).contains("mine"));
    }

    #[test]
    fn a_header_that_cannot_be_is_told_with_what_is_missing() {
        let wrong = |header: &[&str], pairs: &[&str]| CsvFileColumns::of(header, &map(pairs), None).unwrap_err();
        assert_eq!(wrong(&["a", "temperature"], &[]), "there is no column `sensor_id`; there are: a, temperature");
        assert_eq!(wrong(&["a", "a"], &[]), "column `a` is there twice");
        assert_eq!(wrong(&["", "a"], &[]), "column 1 has no name");
        assert_eq!(wrong(&["a"], &["temperature=b"]), "there is no column `b`; there are: a");
    }

    #[test]
    fn a_bad_row_says_which_key_but_never_the_value() {
        let columns = CsvFileColumns::of(&["sensor_id", "temperature", "current_time"], &[], None).unwrap();
        let reason = |cells: &[&str]| {
            let bad = columns.reading(cells).unwrap_err();
            assert!(!bad.reason.contains("hunter2"), "{}", bad.reason);
            bad.code
        };
        assert_eq!(reason(&["s", "hunter2", "1"]), "not-a-number");
        assert_eq!(reason(&["s", "1", "hunter2"]), "not-a-time");
        assert_eq!(reason(&["s", "", "1"]), "missing-key");
        assert_eq!(reason(&["s", "1"]), "column-count");
    }
}
