//! Input options as they are typed, for commands in hints and in the report of `inspect`.

use clap::ValueEnum;

use super::key_table::KeyValue;
use super::name_list::{typed_names, unquoted_names};
use super::option_values::ConstantField;
use super::options::InputOptions;

/// A flag and its value; none for a switch.
pub(crate) type FlagWord = (&'static str, Option<String>);

impl InputOptions {
    /// Returns the options as they were typed: with the names in quotes of their lists, and with flags of the command.
    #[must_use]
    pub(crate) fn typed(self, sensor: Option<String>, fields: Vec<ConstantField>) -> Self {
        InputOptions {
            columns: unquoted_names(&self.columns),
            only: unquoted_names(&self.only),
            drop: unquoted_names(&self.drop),
            missing: unquoted_names(&self.missing),
            sensor,
            fields,
            ..self
        }
    }

    /// Returns the flags that give these options, in the order of the help.
    #[must_use]
    pub(crate) fn flags(&self) -> Vec<FlagWord> {
        let mut flags: Vec<FlagWord> = Vec::new();
        let mut add = |flag, value: Option<String>| flags.extend(value.map(|value| (flag, Some(value))));
        add("--layout", self.layout.clone());
        add("--format", self.format.as_ref().map(name));
        add("--delimiter", self.delimiter.map(|delimiter| delimiter.to_string()));
        add("--decimal", self.decimal.as_ref().map(name));
        add("--encoding", self.encoding.map(|encoding| encoding.to_string()));
        add("--skip-lines", self.skip_lines.map(|lines| lines.to_string()));
        add("--skip-after-header", self.skip_after_header.map(|lines| lines.to_string()));
        add("--columns", typed_names(&self.columns));
        add("--comment", self.comment.clone());
        self.map.iter().for_each(|item| add("--map", Some(typed(item))));
        self.matches.iter().for_each(|item| add("--match", Some(typed(item))));
        add("--quantity", self.quantity.clone());
        add("--value", self.value.clone());
        add("--join-within", self.join_within.map(|span| format!("{}ms", span.as_millis())));
        add("--only", typed_names(&self.only));
        add("--drop", typed_names(&self.drop));
        add("--missing", typed_names(&self.missing));
        self.unit.iter().for_each(|item| add("--unit", Some(typed(item))));
        add("--time-format", self.time_format.clone());
        add("--time-unit", self.time_unit.as_ref().map(name));
        add("--time-zone", self.time_zone.clone());
        add("--sensor", self.sensor.clone());
        self.fields.iter().for_each(|item| add("--field", Some(typed(item))));
        let switches = [("--short-rows", self.short_rows), ("--untyped", self.untyped), ("--coerce", self.coerce)];
        flags.extend(switches.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| (flag, None)));
        flags
    }

    /// Returns the flags that mean nothing for a single reading.
    #[must_use]
    pub(crate) fn flags_for_files(&self) -> Vec<&'static str> {
        let of_times = ["--time-format", "--time-unit", "--time-zone"];
        self.flags().into_iter().map(|(flag, _)| flag).filter(|flag| !of_times.contains(flag)).collect()
    }
}

fn typed(item: &impl KeyValue) -> String {
    let (key, value) = item.pair();
    format!("{key}={value}")
}

fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
