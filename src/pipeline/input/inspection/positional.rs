//! Options for JSON whose rows are lists, with the names of their places beside them: `{"columns":[…],"data":[[…],…]}`.

use serde_json::{Map, Value};

use super::super::device_names::{DeviceColumn, sensor_sources};
use super::super::keys::{SENSOR, TEMPERATURE, TIME};
use super::super::options::InputOptions;
use super::candidate::{Candidate, with_forms};
use super::names::is_temperature;
use super::temperatures::Temperatures;
use super::time_choice::{TimeChoice, TimeValues, choose};
use super::time_columns::ROWS;
use crate::pipeline::ColumnMapping;

/// Keys of the names.
const NAMES: [&str; 2] = ["columns", "fields"];
/// Keys of the rows.
const TABLES: [&str; 3] = ["values", "data", "rows"];
/// The key of labels that all rows of a table have.
const TAGS: &str = "tags";
/// The key of the measurement that all rows of a table are of.
const MEASUREMENT: &str = "name";

/// Tables of one document that have the same place in it, and the same names.
struct Tables {
    /// The path of what holds the names and the rows, with a dot behind it.
    parent: String,
    rows_key: &'static str,
    names: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Labels of the rows beside them, with the values that each table has.
    labels: Vec<(String, Vec<String>)>,
    measurements: Vec<String>,
}

/// Returns options by the places of the names. `is_complete` says that no table is behind the text.
pub(super) fn positional_candidates(text: &str, is_complete: bool, name: &str, given: &InputOptions) -> Vec<Candidate> {
    let document = serde_json::from_str(text).ok().filter(|_| is_complete);
    let Some(document) = document.or_else(|| serde_json::from_str::<Value>(&closed(text)?).ok()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    collect(&document, "", &mut found);
    let mut all = found.into_iter();
    let Some(mut tables) = all.next() else { return Vec::new() };
    // Another table may have its columns in another order.
    if tables.parent.contains("[]") && !is_complete {
        return Vec::new();
    }
    for other in all {
        if other.parent != tables.parent || other.names != tables.names || other.rows_key != tables.rows_key {
            return Vec::new();
        }
        tables.add(other);
    }
    tables.candidates(name, given)
}

/// Returns a text that ends within the rows of a table, closed behind the last whole row.
fn closed(text: &str) -> Option<String> {
    let (mut open, mut end) = (Vec::new(), None);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            b'[' => open.push(']'),
            b'{' => open.push('}'),
            b']' | b'}' => {
                open.pop()?;
                if byte == b']' && open.last() == Some(&']') {
                    end = Some((at + 1, open.clone()));
                }
            }
            _ => {}
        }
    }
    let (end, open) = end?;
    Some(text[..end].chars().chain(open.into_iter().rev()).collect())
}

/// Collects the tables at a path and below it.
fn collect(value: &Value, path: &str, found: &mut Vec<Tables>) {
    match value {
        Value::Array(elements) => {
            // An array that is the whole document is read element by element.
            let path = if path.is_empty() { String::new() } else { format!("{path}[]") };
            elements.iter().take(ROWS).for_each(|element| collect(element, &path, found));
        }
        Value::Object(members) => {
            let parent = if path.is_empty() { String::new() } else { format!("{path}.") };
            if let Some(table) = Tables::of(members, &parent) {
                found.push(table);
                return;
            }
            let is_plain = |key: &str| key.chars().all(|sign| sign.is_alphanumeric() || sign == '_' || sign == '-');
            for (key, member) in members.iter().filter(|(key, _)| is_plain(key)) {
                collect(member, &format!("{parent}{key}"), found);
            }
        }
        _ => {}
    }
}

/// Returns the text of a cell, which is empty for a list or an object.
fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => String::new(),
    }
}

impl Tables {
    fn of(members: &Map<String, Value>, parent: &str) -> Option<Self> {
        let names = NAMES.iter().find_map(|key| members.get(*key)?.as_array())?;
        let names = names.iter().map(|name| Some(name.as_str()?.to_owned())).collect::<Option<Vec<_>>>()?;
        let (rows_key, rows) = TABLES.into_iter().find_map(|key| Some((key, members.get(key)?.as_array()?)))?;
        let row = |row: &Value| Some(row.as_array()?.iter().map(cell).collect::<Vec<_>>());
        let rows = rows.iter().take(ROWS).map(row).collect::<Option<Vec<_>>>()?;
        let is_even = !names.is_empty() && rows.iter().all(|row| row.len() == names.len());
        let tags = members.get(TAGS).and_then(Value::as_object);
        let labels = tags.into_iter().flatten().map(|(key, value)| (key.clone(), vec![cell(value)])).collect();
        let measurements = members.get(MEASUREMENT).map(cell).into_iter().collect();
        is_even.then(|| Tables { parent: parent.to_owned(), rows_key, names, rows, labels, measurements })
    }

    fn add(&mut self, other: Tables) {
        self.rows.extend(other.rows);
        self.measurements.extend(other.measurements);
        for (key, values) in other.labels {
            match self.labels.iter_mut().find(|(known, _)| *known == key) {
                Some((_, all)) => all.extend(values),
                None => self.labels.push((key, values)),
            }
        }
    }

    fn column(&self, at: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().map(move |row| row[at].as_str()).filter(|cell| !cell.is_empty())
    }

    fn path(&self, at: usize) -> String {
        format!("{}{}[][{at}]", self.parent, self.rows_key)
    }

    fn candidates(&self, name: &str, given: &InputOptions) -> Vec<Candidate> {
        let is_number = |at: &usize| self.column(*at).all(|cell| sensor_model::Decimal::parse(cell).is_ok());
        let found = (0..self.names.len()).filter(|at| is_temperature(&self.names[*at]) && is_number(at)).collect();
        let temperatures = Temperatures::choose(&self.names, found);
        let places = temperatures.places();
        let distance = |at: usize| (usize::from(places.contains(&at)), 0);
        let values = |at: usize| TimeValues::of(self.column(at));
        let Some(TimeChoice { at, as_good }) = choose(&self.names, distance, values).filter(|_| !places.is_empty())
        else {
            return Vec::new();
        };
        if as_good.is_empty() {
            return self.with_time(&temperatures, at, name, given);
        }
        let of_each: Vec<_> = as_good.into_iter().map(|at| self.with_time(&temperatures, at, name, given)).collect();
        Candidate::of_times(&of_each)
    }

    fn with_time(&self, temperatures: &Temperatures, time: usize, name: &str, given: &InputOptions) -> Vec<Candidate> {
        let mut options = given.clone();
        let mut map = |key: &str, source: String| options.map.push(ColumnMapping { key: key.to_owned(), source });
        let mut undecided = Vec::new();
        match temperatures {
            _ if given.mapped(TEMPERATURE).next().is_some() => {}
            Temperatures::OneOf(places) => undecided = places.iter().map(|at| self.path(*at)).collect(),
            temperatures => temperatures.places().iter().for_each(|at| map(TEMPERATURE, self.path(*at))),
        }
        if given.mapped(TIME).next().is_none() {
            map(TIME, self.path(time));
        }
        let sources = self.sensors(temperatures, time);
        // Other places are further fields, by their names.
        let is_read = |at: &usize| {
            let path = self.path(*at);
            *at == time
                || temperatures.places().contains(at)
                || sources.first().is_some_and(|first| first.contains(&path))
        };
        let is_field = |at: &usize| !is_read(at) && !self.names[*at].is_empty() && self.names[*at] != SENSOR;
        for at in (0..self.names.len()).filter(is_field) {
            map(&self.names[at], self.path(at));
        }
        let times = self.column(time).map(str::to_owned);
        let candidate = with_forms(options, times.collect::<Vec<_>>().into_iter(), "");
        Candidate { temperatures: undecided, ..candidate }.with_sensors(sources, name)
    }

    /// Returns the sources of the sensor: a column, or the labels and the measurement of its table.
    fn sensors(&self, temperatures: &Temperatures, time: usize) -> Vec<String> {
        if let Some(at) = self.names.iter().position(|name| name == SENSOR) {
            return vec![self.path(at)];
        }
        let is_free = |at: &usize| *at != time && !temperatures.places().contains(at);
        let device = |at: usize| Some((self.path(at), DeviceColumn::named(&self.names[at])?.with(self.column(at))));
        let found = sensor_sources((0..self.names.len()).filter(is_free).filter_map(device));
        let tags = self.labels.iter().map(|(key, _)| format!("{}{TAGS}.{key}", self.parent));
        let differs = self.measurements.iter().any(|name| *name != self.measurements[0]);
        let measurement = differs.then(|| format!("{}{MEASUREMENT}", self.parent));
        let labels: Vec<_> = tags.chain(measurement).collect();
        let around = if labels.is_empty() { None } else { Some(labels.join("+")) };
        match (found.first(), around) {
            (Some(own), Some(around)) => vec![format!("{own}+{around}")],
            (None, Some(around)) => vec![around],
            (_, None) => found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_cut_ends_behind_its_last_row() {
        assert_eq!(closed(r#"{"a":["x]"],"b":[[1,"\"]"],[2,3"#).as_deref(), Some(r#"{"a":["x]"],"b":[[1,"\"]"]]}"#));
        assert_eq!(closed(r#"{"a":["x"],"b":[1,2"#), None);
        assert_eq!(closed("]"), None);
    }
}
