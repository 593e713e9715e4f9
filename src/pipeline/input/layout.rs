//! Layouts: named bundles of input options for the files of one program or device.
//!
//! Each is a TOML file in `templates/layouts`, embedded by the build; those of the user's own stand in `sensorctl.toml`.
//! docs/layouts.md says how one is written.

mod json_shape;
mod recognition;
#[cfg(test)]
pub(super) mod tests;

use serde::{Deserialize, Serialize};

use super::keys::TEMPERATURE;
use super::options::InputOptions;
use crate::error::Error;

pub(crate) use self::recognition::FileHead;
use self::recognition::Recognition;

/// Name and text of each layout in `templates/layouts`.
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/layouts.rs"));

/// How sure it is that files look like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Confidence {
    /// By the program's source, its vendor's documentation or a standard.
    Documented,
    /// By other people's parsers and files.
    ThirdParty,
}

impl Confidence {
    /// The word in a layout's TOML.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Confidence::Documented => "documented",
            Confidence::ThirdParty => "third-party",
        }
    }
}

/// A layout that was read.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// The name for `--layout`.
    pub name: String,
    /// A description of its files in one line.
    pub summary: String,
    /// Flags that say what the files do not hold, such as `--sensor`.
    pub needs: Vec<String>,
    /// Where the form of the files is described.
    pub source: Option<String>,
    /// How sure it is.
    pub confidence: Option<Confidence>,
    /// The place in the settings file of one of the user's own.
    pub place: Option<String>,
    /// How the files are read.
    pub options: InputOptions,
    /// The TOML that it was read from.
    pub text: String,
    recognition: Recognition,
}

impl Layout {
    /// Returns whether neither the files nor the options name the unit of the temperatures.
    pub(super) fn lacks_unit(&self, options: &InputOptions) -> bool {
        let is_typed = options.unit.iter().any(|unit| unit.key == TEMPERATURE);
        !is_typed && self.needs.iter().any(|need| need == "--unit")
    }

    /// Returns whether neither the layout nor the options say which column is the temperature.
    pub(super) fn lacks_temperature(&self, options: &InputOptions) -> bool {
        options.mapped(TEMPERATURE).next().is_none() && self.needs.iter().any(|need| need == "--map")
    }
}

/// A layout of the settings file.
#[derive(Clone, Debug)]
pub(crate) struct OwnLayoutText {
    /// The name for `--layout`.
    pub name: String,
    /// Its keys.
    pub table: toml::Table,
    /// Where it stands.
    pub place: String,
}

/// The keys of a layout beside the input options.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Description {
    summary: String,
    needs: Vec<String>,
    source: Option<String>,
    confidence: Option<Confidence>,
    extends: Option<String>,
    recognize: Recognition,
}

const DESCRIPTION_KEYS: [&str; 6] = ["summary", "needs", "source", "confidence", "extends", "recognize"];

/// All layouts that there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layouts {
    own: Vec<OwnLayoutText>,
}

impl Layouts {
    /// Returns the built-in layouts and those of the settings file, which go before built-in ones of the same name.
    pub(crate) fn new(own: Vec<OwnLayoutText>) -> Self {
        Layouts { own }
    }

    /// Returns options with those of the layout that they name.
    ///
    /// # Errors
    /// As [`Layouts::get`], and when the layout needs a sensor or a unit that the options do not name.
    pub(crate) fn resolved(&self, options: &InputOptions) -> Result<InputOptions, Error> {
        let Some(name) = &options.layout else { return Ok(options.clone()) };
        let layout = self.get(name)?;
        let needs_sensor = layout.needs.iter().any(|need| need == "--sensor");
        if needs_sensor && options.sensor.is_none() && options.mapped("sensor_id").next().is_none() {
            return Err(Error::usage(format!("files of the layout `{name}` do not name a sensor"))
                .hint("add `--sensor ID`, or `--map sensor_id=@file` for the file's name"));
        }
        if layout.lacks_unit(options) {
            return Err(Error::usage(format!("files of the layout `{name}` do not say in which unit they are")).hint(
                "add `--unit temperature=K:C` for kelvin, `temperature=F:C` for Fahrenheit, or `temperature=C:C`",
            ));
        }
        if layout.lacks_temperature(options) {
            return Err(Error::usage(format!(
                "files of the layout `{name}` do not say which column is the temperature"
            ))
            .hint("add `--map temperature=COLUMN`, such as `--map temperature=field1`"));
        }
        Ok(options.clone().over(layout.options))
    }

    /// Returns the names in the order of the alphabet.
    pub(crate) fn names(&self) -> Vec<&str> {
        let own = self.own.iter().map(|layout| layout.name.as_str());
        let mut names: Vec<_> = own.chain(BUILT_IN.iter().map(|(name, _)| *name)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Reads the layout of a name.
    ///
    /// # Errors
    /// Fails if there is no such layout, or a key or value of it is unknown.
    pub(crate) fn get(&self, name: &str) -> Result<Layout, Error> {
        match self.own.iter().find(|layout| layout.name == name) {
            Some(own) => self.read_own(own),
            None => self.built_in(name),
        }
    }

    /// Reads all layouts, in the order of their names.
    ///
    /// # Errors
    /// As [`Layouts::get`].
    pub(crate) fn all(&self) -> Result<Vec<Layout>, Error> {
        self.names().into_iter().map(|name| self.get(name)).collect()
    }

    /// Returns the layouts whose files look like this one, the most particular first.
    ///
    /// # Errors
    /// As [`Layouts::get`].
    pub(crate) fn matching(&self, head: &FileHead) -> Result<Vec<Layout>, Error> {
        let mut found = self.all()?;
        found.retain(|layout| layout.recognition.matches(head));
        found.sort_by_key(|layout| std::cmp::Reverse(layout.recognition.weight()));
        Ok(found)
    }

    fn built_in(&self, name: &str) -> Result<Layout, Error> {
        let Some((name, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) else {
            return Err(self.unknown(name));
        };
        let wrong = |error: toml::de::Error| Error::failed(format!("the built-in layout {name}: {error}"));
        read(name, text.parse().map_err(wrong)?, text).map(|(layout, _)| layout).map_err(wrong)
    }

    fn read_own(&self, own: &OwnLayoutText) -> Result<Layout, Error> {
        let OwnLayoutText { name, table, place } = own;
        // The message alone: the whole error would show the line.
        let wrong = |error: toml::de::Error| {
            Error::usage(format!("{place}: [layout.{name}]: {}", error.message().trim()))
                .hint("`sensorctl layouts NAME` prints a built-in layout; docs/layouts.md explains the keys")
        };
        let (mut layout, extends) = read(name, table.clone(), &table.to_string()).map_err(wrong)?;
        if let Some(base) = extends {
            // A built-in one, so that layouts cannot go in a circle.
            let base =
                self.built_in(&base).map_err(|error| error.context(format!("{place}: [layout.{name}] extends")))?;
            layout.options = layout.options.over(base.options);
        }
        layout.place = Some(place.clone());
        Ok(layout)
    }

    fn unknown(&self, name: &str) -> Error {
        let error = Error::usage(format!("there is no layout `{name}`"));
        let near = self.names().into_iter().map(|known| (strsim::jaro_winkler(name, known), known));
        match near.max_by(|one, other| one.0.total_cmp(&other.0)) {
            Some((nearness, known)) if nearness > 0.8 => error.hint(format!("did you mean `{known}`?")),
            _ => error.hint("`sensorctl layouts` lists them"),
        }
    }
}

/// Reads a layout, with the one that it extends.
fn read(name: &str, mut table: toml::Table, text: &str) -> Result<(Layout, Option<String>), toml::de::Error> {
    let description: toml::Table = DESCRIPTION_KEYS.into_iter().filter_map(|key| table.remove_entry(key)).collect();
    let Description { summary, needs, source, confidence, extends, recognize } = description.try_into()?;
    // Whatever is left must be an option.
    let options: InputOptions = table.try_into()?;
    let layout = Layout {
        name: name.to_owned(),
        summary,
        needs,
        source,
        confidence,
        place: None,
        options,
        text: text.to_owned(),
        recognition: recognize,
    };
    Ok((layout, extends))
}
