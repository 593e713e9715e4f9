//! Options for files whose rows hold one quantity each: `timestamp,device,quantity,value`, or a topic and its value.

use std::collections::BTreeSet;

use super::super::keys::TEMPERATURE;
use super::super::unit::scaled_unit;
use super::names::is_temperature;
use super::temperatures::Temperatures;
use crate::pipeline::ColumnMapping;

/// Names of what holds the quantity's name; those that stand first are looked for first.
const QUANTITIES: [&str; 28] = [
    "quantity",
    "parameter",
    "param",
    "metric",
    "variable",
    "measurement",
    "measure",
    "property",
    "observedproperty",
    "observable",
    "attribute",
    "attr",
    "characteristic",
    "item",
    "signal",
    "field",
    "_field",
    "kind",
    "sensortype",
    "readingtype",
    "datatype",
    "type",
    "topic",
    "tag",
    "key",
    "name",
    "channel",
    "series",
];
/// Names of what holds its value.
const VALUES: [&str; 14] = [
    "value",
    "val",
    "_value",
    "reading",
    "measurement",
    "result",
    "wert",
    "valeur",
    "valor",
    "valore",
    "waarde",
    "state",
    "payload",
    "data",
];
/// Further quantities that are known by these names.
const KNOWN: [(&str, &[&str]); 3] = [
    ("humidity", &["humidity", "hum", "rh", "relative_humidity"]),
    ("pressure", &["pressure", "barometric_pressure"]),
    ("battery", &["battery", "batt", "bat"]),
];
/// Levels of a topic that stand behind the quantity.
const BEHIND: [&str; 3] = ["state", "value", "data"];

/// Returns the places of the name and of the value of a quantity among names.
pub(super) fn quantity_and_value(names: &[String]) -> Vec<(usize, usize)> {
    let values = places(names, &VALUES);
    let pair = |quantity: usize| Some((quantity, *values.iter().find(|value| **value != quantity)?));
    places(names, &QUANTITIES).into_iter().filter_map(pair).collect()
}

/// Returns the place of a column that names the quantity of each row: a temperature and others that are known.
pub(super) fn quantity_of_temperatures(names: &[String], rows: &[Vec<String>]) -> Option<usize> {
    let has_both = |at: &usize| {
        let cells = || rows.iter().filter_map(|row| row.get(*at));
        cells().any(|cell| is_temperature(cell)) && cells().any(|cell| known(cell).is_some())
    };
    places(names, &QUANTITIES).into_iter().find(has_both)
}

/// Returns the places of the wanted names, in the order in which they are wanted.
fn places(names: &[String], wanted: &[&str]) -> Vec<usize> {
    let plain = |name: &String| name.to_lowercase().replace([' ', '-'], "").replace("_type", "type");
    let names: Vec<_> = names.iter().map(plain).collect();
    wanted.iter().filter_map(|wanted| names.iter().position(|name| name == wanted)).collect()
}

/// The keys of a reading, by the names of quantities.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LongKeys {
    pub map: Vec<ColumnMapping>,
    /// Names of which one is the temperature, which nothing tells.
    pub temperatures: Vec<String>,
    /// True if the names hold those of the sensors.
    pub has_sensor: bool,
}

/// Returns the keys that names of quantities give; nothing where none is a temperature.
pub(super) fn keys_of(names: &BTreeSet<String>) -> Option<LongKeys> {
    let are_topics = !names.is_empty() && names.iter().all(|name| name.contains('/'));
    if are_topics { keys_of_topics(names) } else { keys_of_names(names) }
}

fn mapping(key: &str, source: &str) -> ColumnMapping {
    ColumnMapping { key: key.to_owned(), source: source.to_owned() }
}

fn known(name: &str) -> Option<&'static str> {
    let name = name.trim_end_matches(':').to_lowercase();
    KNOWN.into_iter().find(|(_, names)| names.contains(&name.as_str())).map(|(key, _)| key)
}

fn keys_of_names(names: &BTreeSet<String>) -> Option<LongKeys> {
    let names: Vec<_> = names.iter().cloned().collect();
    // A conversion would be that of all temperatures.
    let is_whole_degree = |at: &usize| scaled_unit(&names[*at]).is_none();
    let found = (0..names.len()).filter(|at| is_temperature(&names[*at]) || is_single_letter(&names[*at]));
    let found = found.filter(is_whole_degree).collect();
    let (one, temperatures) = match Temperatures::choose(&names, found) {
        Temperatures::None => return None,
        Temperatures::One(at) => (Some(names[at].as_str()), Vec::new()),
        Temperatures::Each(places) | Temperatures::OneOf(places) => {
            (None, places.into_iter().map(|at| names[at].clone()).collect())
        }
    };
    let keys = one.map(|name| (TEMPERATURE, name)).into_iter();
    let keys = keys.chain(names.iter().filter_map(|name| Some((known(name)?, name.as_str()))));
    let map = keys.filter(|(key, name)| key != name).map(|(key, name)| mapping(key, name)).collect();
    Some(LongKeys { map, temperatures, has_sensor: false })
}

/// Returns whether a quantity is the letter of temperatures in formulas.
fn is_single_letter(name: &str) -> bool {
    matches!(name, "T" | "t")
}

fn keys_of_topics(names: &BTreeSet<String>) -> Option<LongKeys> {
    // The level that says the quantity, with what stands behind it.
    let suffixes: BTreeSet<_> = names.iter().filter_map(|name| suffix(name)).collect();
    let suffixes: Vec<_> = suffixes.into_iter().map(str::to_owned).collect();
    let levels: Vec<_> = suffixes.iter().map(|suffix| level(suffix).to_owned()).collect();
    let found = (0..levels.len()).filter(|at| is_temperature(&levels[*at])).collect();
    let temperatures = Temperatures::choose(&levels, found);
    let of_temperature = temperatures.places().iter().map(|at| mapping(TEMPERATURE, &format!("*/{}", suffixes[*at])));
    let mut map: Vec<_> = of_temperature.collect();
    if map.is_empty() {
        return None;
    }
    let others = suffixes.iter().zip(&levels).filter_map(|(suffix, level)| Some((known(level)?, suffix)));
    for (key, suffix) in others {
        if !map.iter().any(|mapping| mapping.key == key) {
            map.push(mapping(key, &format!("*/{suffix}")));
        }
    }
    Some(LongKeys { map, temperatures: Vec::new(), has_sensor: true })
}

fn suffix(topic: &str) -> Option<&str> {
    let (before, last) = topic.rsplit_once('/')?;
    match before.rsplit_once('/') {
        Some((_, level)) if BEHIND.contains(&last) => Some(&topic[topic.len() - last.len() - 1 - level.len()..]),
        _ => (!before.is_empty()).then_some(last),
    }
}

fn level(suffix: &str) -> &str {
    suffix.split('/').next().unwrap_or(suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Option<String> {
        let keys = keys_of(&names.iter().map(|name| (*name).to_owned()).collect())?;
        let map: Vec<_> = keys.map.iter().map(|mapping| format!("{}={}", mapping.key, mapping.source)).collect();
        Some(format!("{} {}", map.join(" "), keys.temperatures.join("|")).trim().to_owned())
    }

    #[test]
    fn names_of_quantities_give_keys() {
        assert_eq!(keys(&["RH", "Temp"]).as_deref(), Some("temperature=Temp humidity=RH"));
        assert_eq!(keys(&["humidity", "temperature"]).as_deref(), Some(""));
        assert_eq!(keys(&["cpu_temp", "air_temp"]).as_deref(), Some("temperature=air_temp"));
        assert_eq!(keys(&["temp_in", "temp_out"]).as_deref(), Some("temp_in|temp_out"));
        let topics = ["a/b/temperature", "a/c/temperature", "a/b/battery", "a/b/online"];
        assert_eq!(keys(&topics).as_deref(), Some("temperature=*/temperature battery=*/battery"));
        assert_eq!(keys(&["n/sensor/outside_temp/state"]).as_deref(), Some("temperature=*/outside_temp/state"));
        assert_eq!(keys(&["a/b/battery"]), None);
        assert_eq!(keys(&["rain"]), None);
    }

    #[test]
    fn name_and_value_of_a_quantity_are_known_by_their_columns() {
        let places =
            |names: &[&str]| quantity_and_value(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(places(&["ts", "device", "parameter", "value"]), [(2, 3)]);
        assert_eq!(places(&["time", "sensor_type", "Reading"]), [(1, 2)]);
        assert_eq!(places(&["topic", "payload", "time"]), [(0, 1)]);
        assert!(places(&["time", "value"]).is_empty());
    }
}
