//! Which key of a reading a quantity is, by the name that a file gives it.

use super::keys::TEMPERATURE;
use super::mapping::captured;

/// Ends of names that count something, or are a part of a histogram (Prometheus, "Metric and label naming" and
/// "Histograms and summaries").
const COUNTERS: [&str; 6] = ["_total", "_count", "_sum", "_bucket", "_created", "_errors"];

/// Returns the key of a quantity, and the part of its name at `*`. A pattern takes no counter for a temperature; a name
/// without `*` does.
pub(super) fn long_key<'k, 'n>(keys: &'k [(String, String)], name: &'n str) -> Option<(&'k str, Option<&'n str>)> {
    keys.iter().find_map(|(pattern, key)| {
        let part = captured(pattern, name)?;
        let is_pattern = pattern.contains('*');
        if is_pattern && key == TEMPERATURE && is_counter(name) && !is_counter(pattern) {
            return None;
        }
        Some((key.as_str(), is_pattern.then_some(part)))
    })
}

/// Returns whether a name is one of a number that only counts: `temperature_read_errors_total`.
pub(super) fn is_counter(name: &str) -> bool {
    COUNTERS.iter().any(|end| name.ends_with(end)) || name.contains("_errors_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_takes_no_counter_for_a_temperature() {
        let keys = |patterns: &[&str]| -> Vec<(String, String)> {
            patterns.iter().map(|pattern| ((*pattern).to_owned(), TEMPERATURE.to_owned())).collect()
        };
        let any = keys(&["*_celsius", "*temperature*"]);
        for name in [
            "temperature_read_errors_total",
            "temperature_errors",
            "temperature_errors_by_sensor",
            "temperature_celsius_count",
            "temperature_celsius_sum",
            "temperature_celsius_bucket",
            "temperature_celsius_created",
        ] {
            assert_eq!(long_key(&any, name), None, "{name}");
        }
        for name in ["room_celsius", "temperature_indoor", "temperature"] {
            assert!(long_key(&any, name).is_some(), "{name}");
        }
        assert!(long_key(&keys(&["temperature_errors_total"]), "temperature_errors_total").is_some(), "named whole");
        assert!(long_key(&keys(&["*_sum"]), "temperature_sum").is_some(), "asked for");
    }
}
