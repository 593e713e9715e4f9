//! Names that columns and members have in files of many origins.

use super::super::device_names::words;
use super::super::quantity_key::is_counter;
use super::super::unit::{DEGREE_SIGNS, Unit};

/// Names of times; those that stand first are looked for first.
const TIMES: [&str; 52] = [
    "current_time",
    "timestamp",
    "time",
    "datetime",
    "date_time",
    "date-time",
    "date time",
    "date / time",
    "date/time",
    "ts",
    "created_at",
    "observed",
    "observation_time",
    "reference_timestamp",
    "last_changed",
    "last_seen",
    "received_at",
    "event_time",
    "recorded_at",
    "_time",
    "time stamp",
    "time_stamp",
    "stamp",
    "tmstamp",
    "recorded",
    "logged at",
    "logged_at",
    "utc",
    "zeitstempel",
    "zeitpunkt",
    "zeit",
    "datum zeit",
    "mess_datum",
    "horodatage",
    "date heure",
    "fecha y hora",
    "fecha hora",
    "fecha tiempo",
    "data hora",
    "data e ora",
    "tijdstip",
    "время",
    "дата и время",
    "时间",
    "時間",
    "日時",
    "дата",
    "ημερομηνία",
    "date",
    "datum",
    "fecha",
    "päivämäärä",
];

/// Names of temperatures that do not hold the word.
const TEMPERATURES: [&str; 12] =
    ["celsius", "fahrenheit", "kelvin", "degc", "degf", "deg c", "deg f", "tmp", "airtc", "airtc_avg", "tair", "t_air"];
/// Words that hold the letters of one and are another.
const NO_TEMPERATURES: [&str; 4] = ["stempel", "templ", "attempt", "tempor"];
/// Quantities that are not what a sensor measured there and then, and settings.
const OTHER_TEMPERATURES: [&str; 34] = [
    "dew",
    "dp",
    "min",
    "max",
    "unit",
    "set",
    "feels",
    "apparent",
    "chill",
    "index",
    "alarm",
    "status",
    "hi ",
    "low",
    "high",
    "limit",
    "std",
    "deviation",
    "quality",
    "flag",
    "offset",
    "delta",
    "diff",
    "trend",
    "error",
    "count",
    "color",
    "colour",
    "target",
    "thresh",
    "desired",
    "variance",
    "soll",
    "consigne",
];

/// Names of members that hold what is set, and not what was measured.
const SETTINGS: [&str; 10] = [
    "config",
    "configuration",
    "settings",
    "desired",
    "target",
    "targets",
    "setpoint",
    "setpoints",
    "limits",
    "thresholds",
];
/// Words for a change of a temperature, for whether it is right, and for what measures it.
const OTHER_WORDS: [&str; 22] = [
    "ok", "valid", "invalid", "fault", "fail", "failed", "warn", "warning", "alert", "enabled", "change", "changed",
    "rate", "gradient", "slope", "drift", "drop", "rise", "ramp", "id", "wet", "wetbulb",
];

/// Returns whether a name has a word for something else than what a sensor measured there and then.
fn is_other_quantity(plain: &str) -> bool {
    OTHER_TEMPERATURES.iter().any(|other| plain.contains(other))
        || words(plain).iter().any(|word| OTHER_WORDS.contains(&word.as_str()))
        || is_counter(plain)
}

/// Returns a name without its unit and what stands around it.
fn plain(name: &str) -> String {
    let name = name.trim_start_matches('\u{feff}').trim();
    let before = name.split(['(', '[', '{', ',', '°']).next().unwrap_or(name).trim();
    let rest = if before.is_empty() { name.rsplit([')', ']', '}']).next().unwrap_or(name).trim() } else { before };
    rest.to_lowercase()
}

/// Returns whether a name is one of a temperature.
pub(super) fn is_temperature(name: &str) -> bool {
    let plain = plain(name);
    let is_other_script = ["темпер", "θερμοκρ", "温度", "溫度", "気温"].iter().any(|word| plain.contains(word));
    let is_word =
        (plain.contains("temp") || is_other_script) && !NO_TEMPERATURES.iter().any(|other| plain.contains(other));
    let is_unit = || Unit::named(name).is_some_and(|unit| unit.is_temperature() && name.chars().count() > 1);
    (is_word || TEMPERATURES.contains(&plain.as_str()) || is_unit()) && !is_other_quantity(&plain)
}

/// Returns whether a member around a path holds settings.
pub(super) fn is_setting(path: &str) -> bool {
    let mut steps = path.split('.').map(|step| step.trim_end_matches("[]").to_lowercase());
    steps.any(|step| SETTINGS.contains(&step.as_str()))
}

/// Returns whether a name has a unit of temperature, and no word for another temperature than what a sensor measures.
pub(super) fn has_temperature_unit(name: &str) -> bool {
    let is_written = name.contains(DEGREE_SIGNS);
    let is_other = || is_other_quantity(&plain(name)) || plain(name).contains("wet");
    is_written && Unit::of_column(name).is_some_and(Unit::is_temperature) && !is_other()
}

/// Returns whether a name is that of a temperature, and has no further word that says of what.
pub(super) fn is_plain_temperature(name: &str) -> bool {
    let known = ["temp", "temperature", "temperatur", "température", "temperatura", "t", "c", "f", "k"];
    let is_known = |word: &String| known.contains(&word.as_str()) || TEMPERATURES.contains(&word.as_str());
    words(&plain(name)).iter().all(is_known)
}

/// Returns the places of times among names, the likeliest first. Where one is named as UTC, those named as local are not
/// looked at.
pub(super) fn time_places(names: &[String]) -> Vec<usize> {
    let has = |name: &String, parts: &[&str]| parts.iter().any(|part| name.to_lowercase().contains(part));
    let is_time = |name: &String| has(name, &["time", "date", "zeit", "datum"]);
    let is_utc = |name: &String| is_time(name) && has(name, &["utc", "gmt"]) && !has(name, &["offset", "zone"]);
    let has_utc = names.iter().any(is_utc);
    let is_passed_over = |name: &String| has(name, &["local", "lokal"]) && has_utc;
    let plain_names: Vec<_> = names.iter().map(|name| plain(name)).collect();
    let rank = |at: &usize| {
        let (name, plain) = (&names[*at], &plain_names[*at]);
        if let Some(known) = TIMES.iter().position(|known| known == plain) {
            return Some(known);
        }
        let is_named = ["time", "date", "zeit", "datum"].iter().any(|part| plain.contains(part));
        is_named.then_some(if is_utc(name) { TIMES.len() } else { TIMES.len() + 1 })
    };
    let looked_at = (0..names.len()).filter(|at| !is_passed_over(&names[*at]));
    let mut found: Vec<_> = looked_at.filter_map(|at| Some((rank(&at)?, at))).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, at)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperature_is_known_by_its_name() {
        for name in [
            "temperature",
            "Temp (°C)",
            "outTemp",
            "Celsius(°C)",
            "[°C] Temperatur",
            "°C",
            "AirTC(1)",
            "Indoor Temperature(℃)",
            "Температура",
        ] {
            assert!(is_temperature(name), "{name}");
        }
        for name in [
            "Zeitstempel",
            "template",
            "attempts",
            "Dew Point (°C)",
            "Temp_Min",
            "set_temp",
            "Hi Temp",
            "Temp_Std",
            "color_temp",
            "temperature_reads_total",
            "Temp ok",
            "Wet Bulb Temp (°C)",
            "Solltemperatur",
            "Temperature change (°C)",
            "temp_valid",
            "temperature_celsius_sum",
            "C",
            "humidity",
            "F",
        ] {
            assert!(!is_temperature(name), "{name}");
        }
    }

    #[test]
    fn unit_of_temperature_stands_behind_the_name_of_a_place() {
        for name in ["Kitchen T [°C]", "Channel A (°C)", "Probe 2, ℃"] {
            assert!(has_temperature_unit(name), "{name}");
        }
        for name in ["Dew Point (°C)", "Wet bulb (°C)", "Change (°C)", "Channel B (%RH)", "Channel 1 (C)"] {
            assert!(!has_temperature_unit(name), "{name}");
        }
    }

    #[test]
    fn time_is_known_by_its_name() {
        let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let time_place = |names: &[String]| time_places(names).first().copied();
        assert_eq!(time_place(&names(&["No.", "Date Time, GMT+01:00", "Temp"])), Some(1));
        assert_eq!(time_place(&names(&["date", "Zeitstempel [UTC]"])), Some(1));
        assert_eq!(time_place(&names(&["a", "Measured (date)"])), None);
        assert_eq!(time_place(&names(&["timestamp_local", "timestamp_utc", "temp_f"])), Some(1));
        assert_eq!(time_place(&names(&["Time (local)", "Time (UTC)"])), Some(1));
        assert_eq!(time_place(&names(&["local_time", "utc_offset"])), Some(0));
    }
}
