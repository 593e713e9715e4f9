//! The zone of the times, as their column's name has it, or a line above the header: `Timezone,UTC+08:00`.

use super::super::output::Output;
use super::super::time_format::{is_utc_name, is_zone_name, is_zone_of_file, zone_of_name};
use super::CsvParser;

impl CsvParser {
    /// Takes the zone that the name of the time's column has, or a line above the header, where no option and no column names
    /// it.
    pub(super) fn take_zone_of_header(&self, output: &mut Output) {
        let is_known = self.options.time_zone.is_some()
            || self.options.mapped("utc_offset").next().is_some()
            || self.columns.offset_in_header().is_some()
            || self.columns.time_names().into_iter().any(is_utc_name);
        if is_known {
            return;
        }
        let in_name = self.columns.time_names().into_iter().find_map(zone_of_name);
        if let Some(zone) = in_name.or_else(|| zone_in(&self.surroundings.preamble)) {
            output.builder.take_zone_above(&zone);
        }
    }
}

/// Returns the zone that the lines name, with the word for it before it or above it.
fn zone_in(lines: &[Vec<String>]) -> Option<String> {
    for (at, line) in lines.iter().enumerate() {
        for (place, cell) in line.iter().enumerate() {
            let (name, value) = cell.split_once([':', '=']).unwrap_or((cell, ""));
            if !is_zone_name(name) {
                continue;
            }
            let behind = || line.get(place + 1).map(|cell| cell.trim());
            let below = || lines.get(at + 1)?.get(place).map(|cell| cell.trim());
            let own = Some(value.trim()).filter(|value| !value.is_empty());
            let found = [own, behind(), below()].into_iter().flatten().find(|zone| is_zone_of_file(zone));
            // A table above the rows has names behind the name.
            let is_pair = own.is_some() || line.iter().filter(|cell| !cell.is_empty()).count() == 2;
            let named = found.or_else(|| own.or_else(behind).filter(|_| is_pair));
            if let Some(zone) = named {
                return Some(zone.to_owned());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_stands_behind_its_name_or_below_it() {
        let zone = |lines: &[&str]| {
            let cells = |line: &&str| line.split(',').map(str::to_owned).collect();
            zone_in(&lines.iter().map(cells).collect::<Vec<_>>())
        };
        assert_eq!(zone(&["Model,RC-5", "Timezone,UTC+08:00"]).as_deref(), Some("UTC+08:00"));
        assert_eq!(zone(&["# time zone: Europe/Berlin"]).as_deref(), Some("Europe/Berlin"));
        assert_eq!(zone(&["Model: x,Time Zone: GMT+8"]).as_deref(), Some("GMT+8"));
        let table = ["latitude,timezone,timezone_abbreviation", "52.5,Europe/Berlin,CET"];
        assert_eq!(zone(&table).as_deref(), Some("Europe/Berlin"));
        assert_eq!(zone(&["Timezone,CST"]).as_deref(), Some("CST"), "it is not passed over");
        assert_eq!(zone(&["latitude,timezone,name", "1,x,y"]), None);
        assert_eq!(zone(&["Zone,UTC+8"]), None);
    }
}
