//! Options that are tried out on a file.

use super::super::keys::{SENSOR, TEMPERATURE};
use super::super::options::InputOptions;
use super::super::time_format::forms_of_times;
use super::super::unit::{UnitConversion, scaled_unit};
use crate::pipeline::{ColumnMapping, Layout};

/// Why a file is not read by its names, and what to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub reason: String,
    pub hints: Vec<String>,
}

/// Options that may read a file.
#[derive(Clone)]
pub(super) struct Candidate {
    pub options: InputOptions,
    /// Forms that its times may have; none where they have a certain meaning.
    pub time_formats: Vec<String>,
    /// The columns of which nothing tells which is the temperature.
    pub temperatures: Vec<String>,
    /// Others, which name columns without a header in another way, where nothing tells which is right.
    pub others: Vec<Candidate>,
    /// One for each column of which nothing tells which holds the times of the readings; else none.
    pub times: Vec<Candidate>,
    /// The reason for which nothing is read with them.
    pub refusal: Option<Refusal>,
}

impl From<InputOptions> for Candidate {
    fn from(options: InputOptions) -> Self {
        Candidate {
            options,
            time_formats: Vec::new(),
            temperatures: Vec::new(),
            others: Vec::new(),
            times: Vec::new(),
            refusal: None,
        }
    }
}

impl Candidate {
    /// Returns candidates that read nothing, and say why.
    pub(super) fn refused(options: &InputOptions, refusal: Refusal) -> Vec<Self> {
        vec![Candidate { refusal: Some(refusal), ..Candidate::from(options.clone()) }]
    }

    /// Joins candidates for each of some columns of times, of which nothing tells which is right.
    pub(super) fn of_times(of_each: &[Vec<Self>]) -> Vec<Self> {
        let most = of_each.iter().map(Vec::len).max().unwrap_or_default();
        let nth = |at: usize| {
            let times: Vec<_> = of_each.iter().filter_map(|candidates| candidates.get(at).cloned()).collect();
            Candidate { options: times[0].options.clone(), times, ..Candidate::from(InputOptions::default()) }
        };
        (0..most).map(nth).collect()
    }

    /// Returns it with the sensor of each of some sources, or with that of the file's name where there are none.
    pub(super) fn with_sensors(self, sources: Vec<String>, name: &str) -> Vec<Self> {
        if self.options.sensor.is_some() || self.options.mapped(SENSOR).next().is_some() {
            return vec![self];
        }
        if sources.is_empty() {
            let sensor = Some(sensor_of(name));
            return vec![Candidate { options: InputOptions { sensor, ..self.options.clone() }, ..self }];
        }
        let with = |source: String| {
            let mut candidate = self.clone();
            if source != SENSOR {
                candidate.options.map.push(ColumnMapping { key: SENSOR.to_owned(), source });
            }
            candidate
        };
        sources.into_iter().map(with).collect()
    }
}

/// Returns a sensor's name for a file that has none.
pub(super) fn sensor_of(name: &str) -> String {
    match super::super::parser::stem(name).as_str() {
        "-" | "" => "my-sensor".to_owned(),
        stem => stem.to_owned(),
    }
}

/// Returns the options of a layout, with a sensor where its files do not name one.
pub(super) fn with_layout(layout: &Layout, given: &InputOptions, name: &str) -> InputOptions {
    let mut options = InputOptions { layout: Some(layout.name.clone()), ..given.clone() };
    if layout.needs.iter().any(|need| need == "--sensor") && options.sensor.is_none() {
        options.sensor = Some(sensor_of(name));
    }
    options
}

/// Returns the conversion of temperatures whose names all say that they count the same part of a degree.
pub(super) fn conversion_of<'n>(mut names: impl Iterator<Item = &'n str>) -> Option<UnitConversion> {
    let unit = scaled_unit(names.next()?)?;
    let degrees = unit.split('/').next()?;
    let typed = format!("{TEMPERATURE}={unit}:{degrees}");
    names.all(|name| scaled_unit(name).as_ref() == Some(&unit)).then(|| typed.parse().ok())?
}

/// Adds the forms of times that have no certain meaning.
pub(super) fn with_forms(options: InputOptions, times: impl Iterator<Item = String>, name: &str) -> Candidate {
    let has_form = options.time_format.is_some() || options.time_unit.is_some();
    let time_formats = if has_form { Vec::new() } else { forms_of_times(&times.collect::<Vec<_>>(), name) };
    Candidate { time_formats, ..Candidate::from(options) }
}
