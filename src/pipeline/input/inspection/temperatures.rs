//! Which of several temperatures is that of the surroundings.

use super::super::device_names::words;
use super::super::unit::Unit;
use super::names::is_plain_temperature;

/// Parts of a device whose temperature is not that of its surroundings.
const PARTS: [&str; 26] = [
    "cpu",
    "gpu",
    "soc",
    "core",
    "chip",
    "board",
    "pcb",
    "mcu",
    "esp",
    "esp32",
    "esp8266",
    "battery",
    "batt",
    "bat",
    "internal",
    "int",
    "ptemp",
    "panel",
    "case",
    "enclosure",
    "processor",
    "die",
    "logger",
    "device",
    "module",
    "system",
];

/// The temperatures of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Temperatures {
    None,
    One(usize),
    /// Each is that of a probe.
    Each(Vec<usize>),
    /// One of them, which nothing tells.
    OneOf(Vec<usize>),
}

impl Temperatures {
    /// Chooses among names or paths at these places.
    pub(super) fn choose(names: &[String], places: Vec<usize>) -> Self {
        let Some(best) = places.iter().map(|at| rank(&names[*at])).min() else { return Temperatures::None };
        let mut best: Vec<_> = places.into_iter().filter(|at| rank(&names[*at]) == best).collect();
        let units: Vec<_> = best.iter().map(|at| Unit::of_temperature(&names[*at])).collect();
        // The same temperature in several units.
        if let Some(first) =
            units[0].filter(|first| units.iter().all(Option::is_some) && units.iter().any(|unit| *unit != Some(*first)))
        {
            let celsius = units.iter().flatten().find(|unit| unit.name == "C").copied();
            let wanted = celsius.unwrap_or(first);
            let mut units = units.into_iter();
            best.retain(|_| units.next() == Some(Some(wanted)));
        }
        match best.as_slice() {
            [one] => Temperatures::One(*one),
            several
                if several.iter().any(|at| several.iter().any(|other| other != at && names[*other] == names[*at])) =>
            {
                Temperatures::OneOf(best)
            }
            _ => Temperatures::Each(best),
        }
    }

    /// Returns the places that are read.
    pub(super) fn places(&self) -> &[usize] {
        match self {
            Temperatures::None => &[],
            Temperatures::One(one) => std::slice::from_ref(one),
            Temperatures::Each(places) | Temperatures::OneOf(places) => places,
        }
    }
}

/// Returns how near to the surroundings a temperature is by its name: one without any further word is nearest.
fn rank(name: &str) -> u8 {
    let last = name.rsplit('.').next().unwrap_or(name);
    if words(name).iter().any(|word| PARTS.contains(&word.as_str())) {
        2
    } else {
        u8::from(!is_plain_temperature(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(names: &[&str]) -> Temperatures {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        Temperatures::choose(&names, (0..names.len()).collect())
    }

    #[test]
    fn temperature_of_the_surroundings_goes_before_that_of_a_part() {
        assert_eq!(choose(&["cpu_temp", "air_temperature"]), Temperatures::One(1));
        assert_eq!(choose(&["PTemp", "T107_Avg"]), Temperatures::One(1));
        assert_eq!(choose(&["soil_temp", "Temperature (°C)"]), Temperatures::One(1));
        assert_eq!(choose(&["BattTemp"]), Temperatures::One(0));
        assert_eq!(choose(&["Temp (°F)", "Temp (°C)"]), Temperatures::One(1));
        assert_eq!(choose(&["temp_f", "temp_c"]), Temperatures::One(1));
        assert_eq!(choose(&["indoor_temp", "outdoor_temp", "core.temp"]), Temperatures::Each(vec![0, 1]));
        assert_eq!(choose(&["temperature", "temperature"]), Temperatures::OneOf(vec![0, 1]));
        assert_eq!(choose(&[]), Temperatures::None);
    }
}
