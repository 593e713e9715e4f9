//! Merges command line, environment and file: the first layer with a value wins, and its origin is kept.

use std::collections::{BTreeMap, BTreeSet};

use super::constraints::Range;
use super::file::File;
use super::layer_value::{LayerValue, from_text, typed};
use super::origin::{Setting, SettingOrigin};
use super::variables;
use crate::error::Error;

/// A function that reads an environment variable.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// All layers of settings, by precedence.
pub(super) struct Layers<'a> {
    flags: BTreeMap<String, (String, SettingOrigin)>,
    environment: Environment<'a>,
    file: Option<File>,
    /// Names of the environment's variables that must be known.
    variables: Vec<String>,
    settled: Vec<Setting>,
    known: BTreeSet<String>,
    sections: BTreeSet<String>,
    /// Sections that only the file can have, with names of the user's own in them.
    file_sections: BTreeSet<&'static str>,
}

impl<'a> Layers<'a> {
    /// Creates the layers. `flags` are dotted names with their text.
    #[must_use]
    pub(super) fn new(
        flags: BTreeMap<String, (String, SettingOrigin)>,
        environment: Environment<'a>,
        file: Option<File>,
    ) -> Self {
        Layers {
            flags,
            environment,
            file,
            variables: Vec::new(),
            settled: Vec::new(),
            known: BTreeSet::new(),
            sections: BTreeSet::new(),
            file_sections: BTreeSet::new(),
        }
    }

    /// Refuses those of these variables that have this program's prefix but are unknown.
    #[must_use]
    pub(super) fn knowing(mut self, variables: Vec<String>) -> Self {
        self.variables = variables;
        self
    }

    /// Returns a section by its name. The empty name is the top level.
    pub(super) fn section(&mut self, name: &'static str) -> Section<'_, 'a> {
        Section { layers: self, name }
    }

    /// Returns the file, if there is one.
    #[must_use]
    pub(super) fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// Returns the file, for a section that only the file can have.
    #[must_use]
    pub(super) fn file_section(&mut self, name: &'static str) -> Option<&File> {
        self.file_sections.insert(name);
        self.file.as_ref()
    }

    /// Returns an environment variable that is set and not empty.
    #[must_use]
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    /// Records a resolved value.
    pub(super) fn resolve(&mut self, key: &str, value: &impl ToString, origin: SettingOrigin) {
        self.settled.push(Setting { key: key.to_owned(), value: value.to_string(), origin });
    }

    /// Returns the origin of a key's resolved value.
    #[must_use]
    pub(super) fn origin(&self, key: &str) -> SettingOrigin {
        let settled = self.settled.iter().find(|setting| setting.key == key);
        settled.map_or(SettingOrigin::Default, |setting| setting.origin.clone())
    }

    /// Returns the origin of a member of a table setting: its own flag, or its line in the file.
    pub(super) fn member_origin(&self, key: &str, member: &str, whole: &SettingOrigin) -> SettingOrigin {
        let full = format!("{key}.{member}");
        match (self.flags.get(&full), &self.file) {
            (Some((_, origin)), _) => origin.clone(),
            (None, Some(file)) if !matches!(whole, SettingOrigin::Environment(_)) && file.value(key).is_some() => {
                file.origin(&full)
            }
            _ => whole.clone(),
        }
    }

    /// Removes resolved values that have no effect after all.
    pub(super) fn unset(&mut self, keys: &[&str]) {
        self.settled.retain(|setting| !keys.contains(&setting.key.as_str()));
    }

    /// Returns the value of a key from the first layer that names it.
    pub(super) fn take(&mut self, key: &str) -> Option<LayerValue> {
        self.known.insert(key.to_owned());
        if let Some((section, _)) = key.split_once('.') {
            self.sections.insert(section.to_owned());
        }
        let given = self.take_whole(key);
        let inner = format!("{key}.");
        let inside: Vec<_> = self.flags.iter().filter(|(name, _)| name.starts_with(&inner)).collect();
        let Some((_, (_, origin))) = inside.first() else { return given };
        // `--set tags.team=blue` adds to the tags of the file.
        let mut table = given.and_then(|given| given.value.as_table().cloned()).unwrap_or_default();
        let mut typed_members = BTreeMap::new();
        for (name, (text, _)) in &inside {
            let member = name[inner.len()..].to_owned();
            table.insert(member.clone(), from_text(text));
            typed_members.insert(member, text.clone());
            self.known.insert((*name).clone());
        }
        Some(LayerValue { value: toml::Value::Table(table), origin: origin.clone(), typed: None, typed_members })
    }

    fn take_whole(&self, key: &str) -> Option<LayerValue> {
        if let Some((text, origin)) = self.flags.get(key) {
            return Some(typed(text, origin.clone()));
        }
        let variable = variables::of_setting(key);
        if let Some(text) = self.variable(&variable) {
            return Some(typed(&text, SettingOrigin::Environment(variable)));
        }
        let file = self.file.as_ref()?;
        let origin = || file.origin(key);
        let given = |value: &toml::Value| LayerValue {
            value: value.clone(),
            origin: origin(),
            typed: None,
            typed_members: BTreeMap::new(),
        };
        file.value(key).map(given)
    }

    /// Ends the reading and returns the resolved settings. Keys that no section has read are unknown.
    ///
    /// # Errors
    /// If a key is unknown. The error has its place and the nearest known name.
    pub(super) fn finish(self) -> Result<Vec<Setting>, Error> {
        variables::check(&self.variables, &self.known)?;
        let names = self.known.union(&self.sections).cloned().collect();
        for (key, (_, origin)) in &self.flags {
            if self.sections.contains(key) {
                let error = Error::usage(format!("{origin}: `{key}` is a section of settings, and not one of them"));
                return Err(error
                    .hint(format!("`--set {key}.NAME=VALUE` sets one of them"))
                    .hint("`sensorctl init --print` shows all settings"));
            }
            if !self.known.contains(key) {
                return Err(unknown(key, origin, &names));
            }
        }
        if let Some(file) = &self.file {
            for key in file.keys() {
                let is_section = file.value(&key).is_some_and(toml::Value::is_table);
                // A table setting validates its own members.
                let (whole, is_inside) = key.split_once('.').map_or((key.as_str(), false), |(whole, _)| (whole, true));
                let inside = is_inside && self.known.contains(whole) || self.file_sections.contains(whole);
                if self.known.contains(&key) || inside || (is_section && self.sections.contains(&key)) {
                    continue;
                }
                let origin = file.origin(&key);
                if self.sections.contains(&key) {
                    return Err(Error::usage(format!("{origin}: `{key}` must be a section, [{key}]")));
                }
                return Err(unknown(&key, &origin, &names));
            }
        }
        Ok(self.settled)
    }
}

fn unknown(key: &str, origin: &SettingOrigin, known: &BTreeSet<String>) -> Error {
    let error = Error::usage(format!("{origin}: there is no setting `{key}`"));
    let mut near: Vec<_> = known.iter().map(|name| (strsim::jaro_winkler(key, name), name)).collect();
    // A setting of that very name in another section is the most likely one.
    let bare = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    near.iter_mut().filter(|(_, name)| bare(name) == bare(key)).for_each(|(nearness, _)| *nearness = 1.0);
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    match near.first() {
        Some((nearness, name)) if *nearness > 0.8 => error.hint(format!("did you mean `{name}`?")),
        _ => error.hint("`sensorctl init --print` shows all settings"),
    }
}

/// The settings of one section.
pub(super) struct Section<'l, 'a> {
    layers: &'l mut Layers<'a>,
    name: &'static str,
}

impl<'a> Section<'_, 'a> {
    /// Returns all layers.
    pub(super) fn layers(&mut self) -> &mut Layers<'a> {
        self.layers
    }

    /// Returns the dotted name of a key.
    #[must_use]
    pub(super) fn full(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// Returns the value of a key.
    pub(super) fn take(&mut self, key: &str) -> Option<LayerValue> {
        self.layers.take(&self.full(key))
    }

    /// Records a resolved value.
    pub(super) fn settle(&mut self, key: &str, value: &impl ToString, given: Option<&LayerValue>) {
        let origin = given.map_or(SettingOrigin::Default, |given| given.origin.clone());
        let key = self.full(key);
        self.layers.resolve(&key, value, origin);
    }

    /// Returns the error for an invalid value.
    #[must_use]
    pub(super) fn refuse(&self, key: &str, given: &LayerValue, must_be: &str) -> Error {
        let LayerValue { value, origin, .. } = given;
        Error::usage(format!("{origin}: `{}` is {value}, but must be {must_be}", self.full(key)))
    }

    /// Reads a whole number.
    ///
    /// # Errors
    /// If the value has another type or is out of its range.
    pub(super) fn integer(&mut self, key: &str, default: i32, range: &Range) -> Result<i32, Error> {
        let given = self.take(key);
        let value = match &given {
            None => default,
            Some(given) => {
                let number = given.value.as_integer().and_then(|number| range.accept(number));
                number.ok_or_else(|| self.refuse(key, given, &range.in_words()))?
            }
        };
        self.settle(key, &value, given.as_ref());
        Ok(value)
    }

    /// Reads a whole number, or a word that means no number.
    ///
    /// # Errors
    /// If the value is neither, or not accepted.
    pub(super) fn integer_or(
        &mut self,
        key: &str,
        word: &str,
        default: Option<i32>,
        accept: impl Fn(i64) -> Option<i32>,
        must_be: &str,
    ) -> Result<Option<i32>, Error> {
        let given = self.take(key);
        let value = match &given {
            None => default,
            Some(given) if given.value.as_str() == Some(word) => None,
            Some(given) => {
                let number = given.value.as_integer().and_then(&accept);
                Some(number.ok_or_else(|| self.refuse(key, given, &format!("\"{word}\" or {must_be}")))?)
            }
        };
        let shown = value.map_or_else(|| format!("\"{word}\""), |number| number.to_string());
        self.settle(key, &shown, given.as_ref());
        Ok(value)
    }

    /// Reads a boolean.
    ///
    /// # Errors
    /// If the value has another type.
    pub(super) fn boolean(&mut self, key: &str, default: bool) -> Result<bool, Error> {
        let given = self.take(key);
        let value = match &given {
            None => default,
            Some(given) => given.value.as_bool().ok_or_else(|| self.refuse(key, given, "true or false"))?,
        };
        self.settle(key, &value, given.as_ref());
        Ok(value)
    }

    /// Reads a text. The error of `check` is the rule in words.
    ///
    /// # Errors
    /// If the value is not text, or the check refuses it.
    pub(super) fn text(
        &mut self,
        key: &str,
        default: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, Error> {
        let given = self.take(key);
        let value = match &given {
            None => default.to_owned(),
            Some(given) => {
                // `--set stream.name=7` means the text.
                let text = given.text().ok_or_else(|| self.refuse(key, given, "text in quotes"))?;
                check(text).map_err(|must_be| self.refuse(key, given, &must_be))?;
                text.to_owned()
            }
        };
        self.settle(key, &toml::Value::from(value.as_str()), given.as_ref());
        Ok(value)
    }

    /// Reads a text. Returns `None` if it is empty.
    ///
    /// # Errors
    /// If the value is not text, or the check refuses it.
    pub(super) fn optional(
        &mut self,
        key: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<Option<String>, Error> {
        let text = self.text(key, "", |text| if text.is_empty() { Ok(()) } else { check(text) })?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// Reads a list of texts, empty by default.
    ///
    /// # Errors
    /// If the value is not a list, has too many elements, or has an invalid one.
    pub(super) fn texts(
        &mut self,
        key: &str,
        most: usize,
        fits: impl Fn(&str) -> bool,
        must_be: &str,
    ) -> Result<Vec<String>, Error> {
        let given = self.take(key);
        let list = given.as_ref().map(|given| (given, given.value.as_array()));
        let texts = match list {
            None => Vec::new(),
            Some((given, list)) => {
                let all = list.filter(|list| list.len() <= most).and_then(|list| {
                    list.iter().map(|text| text.as_str().filter(|text| fits(text)).map(str::to_owned)).collect()
                });
                all.ok_or_else(|| self.refuse(key, given, &format!("a list of at most {most} {must_be}")))?
            }
        };
        let shown = toml::Value::from(texts.clone());
        self.settle(key, &shown, given.as_ref());
        Ok(texts)
    }

    /// Reads one of several words. The first is the default.
    ///
    /// # Errors
    /// If the value is another word.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Result<T, Error> {
        let words = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ");
        let default = choices[0].0;
        let text = self.text(key, default, |text| {
            choices.iter().any(|(word, _)| *word == text).then_some(()).ok_or_else(|| words.clone())
        })?;
        Ok(choices.iter().find(|(word, _)| *word == text).map_or(choices[0].1, |(_, value)| *value))
    }
}
