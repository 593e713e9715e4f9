//! The options that say how input files become readings: what the flags of `put` and `inspect` fill, and what a layout
//! holds as TOML.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use sensor_model::Decimal;
use serde::{Deserialize, Serialize};

use super::super::parse_duration;
use super::key_table;
use super::keys::TEMPERATURE;
use super::mapping::ColumnMapping;
use super::number::DecimalSign;
use super::option_values::{ColumnPattern, ConstantField};
use super::time_format::{TimeOptions, TimeParser, TimeUnit};
use super::unit::UnitConversion;

/// How input files are read.
///
/// Every option has a flag, and a key in a layout's TOML (`skip_lines` for `--skip-lines`). An option that is not set is
/// recognized by the file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(next_help_heading = "How files are read")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct InputOptions {
    /// Layout of the files: a named set of the options below (`sensorctl layouts` lists them); flags go before it
    #[arg(long, value_name = "NAME")]
    #[serde(skip)]
    pub layout: Option<String>,
    /// The files' format [default: recognized by content]
    #[arg(long, value_enum, value_name = "FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<InputFormat>,
    /// Delimiter of CSV: auto, comma, semicolon, tab, pipe, blanks, or one character [default: auto]
    #[arg(long, value_name = "DELIMITER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// Decimal sign: auto, point, comma; auto takes commas between commas only where all are quoted [default: auto]
    #[arg(long, value_enum, value_name = "SIGN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<DecimalSign>,
    /// Character encoding, such as windows-1252 or shift-jis [default: UTF-8, or UTF-16 by its byte order mark]
    #[arg(long, value_name = "LABEL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<TextEncoding>,
    /// Lines to skip before the CSV header, or before the first row with --columns
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_lines: Option<u64>,
    /// Lines to skip after the CSV header, such as units
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_after_header: Option<u64>,
    /// Names of the columns of a CSV file without header; an empty name ignores its column, and one with a comma stands in
    /// quotes
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Beginning of comment lines in CSV, where an empty one means that there are none (default: `#`, unless the line would
    /// be a reading)
    #[arg(long, value_name = "TEXT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Where a key of the reading comes from (repeatable): a CSV column, or in JSON a path such as
    /// `temperature=payload.temp` or `temperature=sensors[0].value`; `date+clock` joins two, `a//b` takes the first found
    #[arg(long, value_name = "KEY=COLUMN")]
    #[serde(with = "key_table", skip_serializing_if = "Vec::is_empty")]
    pub map: Vec<ColumnMapping>,
    /// Read only rows whose column or path matches; the part at `*` becomes its value (repeatable; one pattern of each
    /// column must match, and none behind `!`)
    #[arg(long = "match", value_name = "COLUMN=PATTERN")]
    #[serde(rename = "match", with = "key_table", skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<ColumnPattern>,
    /// Column or path that names the quantity, where each row holds one quantity; with --value
    #[arg(long, value_name = "COLUMN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<String>,
    /// Column or path that holds the quantity's value; with --quantity
    #[arg(long, value_name = "COLUMN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Join quantities of one sensor whose times differ by at most this [default: equal times only]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    #[serde(with = "length", skip_serializing_if = "Option::is_none")]
    pub join_within: Option<Duration>,
    /// Further fields to keep; all others are dropped. A name with a comma stands in quotes: `"Temp, °C",humidity`
    #[arg(long, value_name = "FIELD,FIELD", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Further fields to drop
    #[arg(long, value_name = "FIELD,FIELD", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
    /// Values that stand for no value, numbers or texts, such as nan,unavailable,-9999; `err*` all that begin so
    #[arg(long, value_name = "VALUE,VALUE", value_delimiter = ',', allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Convert a field's unit exactly, such as temperature=F:C (repeatable)
    #[arg(long, value_name = "KEY=FROM:TO")]
    #[serde(with = "key_table", skip_serializing_if = "Vec::is_empty")]
    pub unit: Vec<UnitConversion>,
    /// Form of times, as in strftime: %d.%m.%Y %H:%M; auto takes the order of day and month that the times of a CSV file show
    #[arg(long, value_name = "FORMAT", allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_format: Option<String>,
    /// Unit of numeric times; auto recognizes it by size [default: auto]
    #[arg(long, value_enum, value_name = "UNIT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_unit: Option<TimeUnit>,
    /// True if `only` comes from a layout.
    #[arg(skip)]
    #[serde(skip)]
    pub is_only_of_layout: bool,
    /// True if `drop` comes from a layout.
    #[arg(skip)]
    #[serde(skip)]
    pub is_drop_of_layout: bool,
    /// True if `time_unit` comes from a layout.
    #[arg(skip)]
    #[serde(skip)]
    pub is_time_unit_of_layout: bool,
    /// Time zone of times without one, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Accept CSV rows that end before the last columns: what is missing counts as empty
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub short_rows: bool,
    /// Read further columns of `scan -o csv`, which lost whether a value was a number or text
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub untyped: bool,
    /// Read NDJSON by the rules of CSV: numbers and times may be text, sensors may be numbers; implied by the options above
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub coerce: bool,
    /// Sensor of files that do not name one.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensor: Option<String>,
    /// Further fields with the same value in every reading.
    #[arg(skip)]
    #[serde(with = "key_table", rename = "field", skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<ConstantField>,
}

/// Format of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::doc_markdown, reason = "the comments are help texts")]
pub(crate) enum InputFormat {
    /// One JSON object per line
    Ndjson,
    /// JSON objects one after the other, over several lines, glued, or in an array
    Json,
    /// Delimited values, with a header or --columns
    Csv,
    /// InfluxDB line protocol
    LineProtocol,
    /// SenML JSON (RFC 8428)
    Senml,
    /// Lines of `mosquitto_sub -v`: a topic, a blank, and a payload; paths are topic and payload.KEY
    Mqtt,
}

/// The separator between the values of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delimiter {
    /// Recognized by content.
    #[default]
    Auto,
    /// One or more blanks or tabs.
    Blanks,
    /// One ASCII character.
    Byte(u8),
}

const DELIMITERS: [(&str, Delimiter); 6] = [
    ("auto", Delimiter::Auto),
    ("comma", Delimiter::Byte(b',')),
    ("semicolon", Delimiter::Byte(b';')),
    ("tab", Delimiter::Byte(b'\t')),
    ("pipe", Delimiter::Byte(b'|')),
    ("blanks", Delimiter::Blanks),
];

impl FromStr for Delimiter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, delimiter)) = DELIMITERS.iter().find(|(name, _)| *name == text) {
            return Ok(*delimiter);
        }
        match text.as_bytes() {
            b"\\t" => Ok(Delimiter::Byte(b'\t')),
            [byte] if byte.is_ascii_punctuation() && !matches!(byte, b'"' | b'.' | b'-' | b'+') => {
                Ok(Delimiter::Byte(*byte))
            }
            [b'\t'] => Ok(Delimiter::Byte(b'\t')),
            [b' '] => Ok(Delimiter::Byte(b' ')),
            _ => Err("write auto, comma, semicolon, tab, pipe, blanks, or one ASCII character such as `^`".to_owned()),
        }
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (DELIMITERS.iter().find(|(_, delimiter)| delimiter == self), self) {
            (Some((name, _)), _) => formatter.write_str(name),
            (None, Delimiter::Byte(byte)) => write!(formatter, "{}", char::from(*byte)),
            (None, _) => formatter.write_str("auto"),
        }
    }
}

/// A character encoding by its label in the Encoding Standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextEncoding(pub &'static encoding_rs::Encoding);

impl FromStr for TextEncoding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        encoding_rs::Encoding::for_label_no_replacement(text.as_bytes()).map(TextEncoding).ok_or_else(|| {
            "not an encoding; write a label of the Encoding Standard, such as windows-1252, utf-16le, shift_jis or gbk"
                .to_owned()
        })
    }
}

impl fmt::Display for TextEncoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.name().to_ascii_lowercase())
    }
}

impl InputOptions {
    /// Returns whether JSON has the keys and types of a reading itself, as the function reads it.
    pub(super) fn has_own_keys(&self) -> bool {
        let InputOptions { map, matches, missing, unit, only, drop, fields, .. } = self;
        let is_long = self.quantity.is_some() || self.value.is_some();
        let has_text_rules = self.decimal.is_some() || self.time_format.is_some() || self.time_zone.is_some();
        map.is_empty()
            && matches.is_empty()
            && missing.is_empty()
            && unit.is_empty()
            && only.is_empty()
            && drop.is_empty()
            && fields.is_empty()
            && self.sensor.is_none()
            && !(is_long || has_text_rules || self.coerce)
    }

    /// Returns the first flag that means nothing for a format.
    pub(super) fn flag_of_other_format(&self, format: InputFormat) -> Option<&'static str> {
        let csv_only = [
            ("--delimiter", self.delimiter.is_some()),
            ("--skip-lines", self.skip_lines.is_some()),
            ("--skip-after-header", self.skip_after_header.is_some()),
            ("--columns", !self.columns.is_empty()),
            ("--comment", self.comment.is_some()),
            ("--short-rows", self.short_rows),
            ("--untyped", self.untyped),
        ];
        let is_csv = format == InputFormat::Csv;
        csv_only.into_iter().find(|(_, is_set)| *is_set && !is_csv).map(|(flag, _)| flag)
    }

    /// Returns whether an option names the unit of the temperatures.
    pub(super) fn has_unit_of_temperature(&self) -> bool {
        self.unit.iter().any(|unit| unit.key == TEMPERATURE)
    }

    /// Returns the mappings of a key.
    pub(super) fn mapped<'o>(&'o self, key: &'o str) -> impl Iterator<Item = &'o ColumnMapping> {
        self.map.iter().filter(move |mapping| mapping.key == key)
    }

    /// Returns how times are read.
    pub(super) fn times(&self, default_unit: TimeUnit) -> TimeOptions {
        let default_unit = if self.time_format.is_some() { TimeUnit::Auto } else { default_unit };
        TimeOptions {
            unit: self.time_unit.unwrap_or(default_unit),
            is_unit_assumed: self.time_unit.is_none() || self.is_time_unit_of_layout,
            format: self.time_format.clone().filter(|_| !self.has_time_format_of_file()),
            zone: self.time_zone.clone(),
            decimal_comma: self.decimal == Some(DecimalSign::Comma),
        }
    }

    /// Returns whether the values of a file tell the form of its times.
    pub(super) fn has_time_format_of_file(&self) -> bool {
        self.time_format.as_deref() == Some("auto")
    }

    /// Reads a time that was typed.
    ///
    /// # Errors
    /// When it has no certain meaning; the text names the option that gives it one.
    pub(crate) fn time(&self, text: &str) -> Result<Decimal, String> {
        let parsed = TimeParser::new(&self.times(TimeUnit::Auto))?.text(text);
        parsed.map(|time| time.seconds).map_err(|error| error.to_string())
    }

    /// Adds the options of a layout: what is set here goes before it, and maps are joined key by key.
    #[must_use]
    pub(crate) fn over(self, layout: Self) -> Self {
        fn list<T>(own: Vec<T>, other: Vec<T>) -> Vec<T> {
            if own.is_empty() { other } else { own }
        }
        fn keyed<T, K: PartialEq>(own: Vec<T>, other: Vec<T>, key: impl Fn(&T) -> &K) -> Vec<T> {
            let other: Vec<_> = other.into_iter().filter(|it| !own.iter().any(|mine| key(mine) == key(it))).collect();
            own.into_iter().chain(other).collect()
        }
        // The one excludes the other: either of them goes before both of the layout.
        let has_times = self.time_format.is_some() || self.time_unit.is_some();
        let layout_times = if has_times { (None, None) } else { (layout.time_format, layout.time_unit) };
        InputOptions {
            layout: self.layout,
            format: self.format.or(layout.format),
            delimiter: self.delimiter.or(layout.delimiter),
            decimal: self.decimal.or(layout.decimal),
            encoding: self.encoding.or(layout.encoding),
            skip_lines: self.skip_lines.or(layout.skip_lines),
            skip_after_header: self.skip_after_header.or(layout.skip_after_header),
            columns: list(self.columns, layout.columns),
            comment: self.comment.or(layout.comment),
            map: keyed(self.map, layout.map, |mapping| &mapping.key),
            matches: keyed(self.matches, layout.matches, |pattern| &pattern.column),
            quantity: self.quantity.or(layout.quantity),
            value: self.value.or(layout.value),
            join_within: self.join_within.or(layout.join_within),
            is_only_of_layout: self.only.is_empty(),
            is_drop_of_layout: self.drop.is_empty(),
            only: list(self.only, layout.only),
            drop: list(self.drop, layout.drop),
            missing: list(self.missing, layout.missing),
            unit: keyed(self.unit, layout.unit, |unit| &unit.key),
            time_format: self.time_format.or(layout_times.0),
            is_time_unit_of_layout: self.time_unit.is_none() && layout_times.1.is_some(),
            time_unit: self.time_unit.or(layout_times.1),
            time_zone: self.time_zone.or(layout.time_zone),
            short_rows: self.short_rows || layout.short_rows,
            untyped: self.untyped || layout.untyped,
            coerce: self.coerce || layout.coerce,
            sensor: self.sensor.or(layout.sensor),
            fields: keyed(self.fields, layout.fields, |field| &field.name),
        }
    }
}

/// A name of the command line or of TOML for types that read themselves from text.
macro_rules! serde_by_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

serde_by_text!(Delimiter, TextEncoding);

/// A length of time in TOML, written as on the command line.
mod length {
    use super::{Deserialize, Duration, parse_duration};

    #[expect(clippy::ref_option, reason = "serde hands out a reference to the field")]
    pub(super) fn serialize<S: serde::Serializer>(length: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match length {
            Some(length) => to.collect_str(&format_args!("{}ms", length.as_millis())),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        parse_duration(&String::deserialize(from)?).map(Some).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
