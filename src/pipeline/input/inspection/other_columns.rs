//! Columns that could have been read in place of those that are.

use super::super::keys::{TEMPERATURE, TIME};
use super::names;
use super::{ColumnReport, Inspection};

/// Signs that join the columns of a source.
const JOINS: [char; 2] = ['+', '/'];

impl Inspection {
    /// Finds other temperatures and other times, which stay further fields.
    pub(super) fn find_other_columns(&mut self) {
        self.other_temperatures = self.temperatures_beside();
        self.other_times = self.times_beside();
    }

    /// Returns a line each on other temperatures and other times.
    pub(super) fn other_columns(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for (key, what, names) in
            [(TEMPERATURE, "temperature", &self.other_temperatures), (TIME, "time", &self.other_times)]
        {
            let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            let stay = match quoted.len() {
                0 => continue,
                1 => format!("is a {what}, too, and stays a further field"),
                _ => format!("are {what}s, too, and stay further fields"),
            };
            remarks.push(format!("{} {stay}; `--map {key}=COLUMN` takes another", quoted.join(", ")));
        }
        remarks
    }

    /// Returns whether a field is left out by an option, so that nothing about it has to be said.
    fn is_left_out(&self, name: &String) -> bool {
        self.options.drop.contains(name) || !self.options.only.is_empty()
    }

    /// Returns the columns that are temperatures by their names, beside those that are read as such by a guess.
    fn temperatures_beside(&self) -> Vec<String> {
        let read: Vec<_> = self.options.mapped(TEMPERATURE).map(|mapping| mapping.source.as_str()).collect();
        if read.is_empty()
            || !self.choices.is_empty()
            || self.options.layout.is_some()
            || self.options.quantity.is_some()
        {
            return Vec::new();
        }
        let is_named = |name: &str| names::is_temperature(name) || names::has_temperature_unit(name);
        let is_other = |name: &String| !read.contains(&name.as_str()) && is_named(last_key(name));
        let columns = self.columns.iter().filter(|column| column.kind == "number").map(|column| &column.name);
        columns.filter(|name| is_other(name) && !self.is_left_out(name)).cloned().collect()
    }

    /// Returns the columns that hold a date and a clock, or a time by their name and values, beside that which is read.
    fn times_beside(&self) -> Vec<String> {
        if self.readings.is_empty() || !self.choices.is_empty() || self.options.layout.is_some() {
            return Vec::new();
        }
        let mapped: Vec<_> = self.options.mapped(TIME).map(|mapping| mapping.source.clone()).collect();
        let read = if mapped.is_empty() { vec![TIME.to_owned()] } else { mapped };
        let is_read = |name: &str| {
            let is_part = |source: &String| source == name || source.split(JOINS).any(|part| part == name);
            // A member that a star stands for.
            let is_starred = |source: &String| source.contains('*') && last_key(source) == last_key(name);
            read.iter().any(|source| is_part(source) || is_starred(source))
        };
        let is_named = |name: &str| !names::time_places(&[last_key(name).to_owned()]).is_empty();
        let is_time = |column: &&ColumnReport| {
            let values = column.time_values();
            values.is_whole && (column.kind != "number" || is_named(&column.name))
        };
        let columns = self.columns.iter().filter(is_time).map(|column| &column.name);
        columns.filter(|name| !is_read(name) && !self.is_left_out(name)).cloned().collect()
    }
}

/// Returns the last key of a path into JSON; of a column, all of its name that may be one.
pub(super) fn last_key(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
