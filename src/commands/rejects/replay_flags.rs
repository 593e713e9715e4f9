//! The flags that say how readings are replayed.

use std::time::Duration;

use clap::Args as ClapArgs;

use crate::error::Error;
use crate::operate::ReplayEdit;
use crate::pipeline::{ColumnMapping, ConstantField, InputFormat, InputOptions, parse_duration};

const TIMEOUT: Duration = Duration::from_mins(1);

/// How readings are replayed.
#[derive(Debug, ClapArgs)]
pub(super) struct ReplayFlags {
    /// Set a key of the reading, whether it has it or not; a JSON number, true, false or null where it is one, else text
    /// (repeatable)
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<ConstantField>,
    /// Where a key of the reading comes from: a path such as `temperature=payload.temp` (repeatable), as in `put --file`
    #[arg(long, value_name = "KEY=PATH")]
    map: Vec<ColumnMapping>,
    /// Accept numbers and times that are text, and sensors that are numbers, as --map does
    #[arg(long)]
    coerce: bool,
    /// Leave out these members, which would be lost or stand in the way (repeatable); `*` all that have no place
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    drop: Vec<String>,
    /// Replace other values that the table holds at the sensor and time of a reading
    #[arg(long)]
    pub overwrite: bool,
    /// Compare with the table and send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How long to wait until readings are stored [default: 60s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
}

impl ReplayFlags {
    /// Returns the first flag that is set.
    pub(super) fn first_flag(&self) -> Option<&'static str> {
        let flags = [
            (!self.fields.is_empty(), "--field"),
            (!self.map.is_empty(), "--map"),
            (self.coerce, "--coerce"),
            (!self.drop.is_empty(), "--drop"),
            (self.overwrite, "--overwrite"),
            (self.dry_run, "--dry-run"),
            (self.timeout.is_some(), "--timeout"),
        ];
        flags.iter().find(|(is_set, _)| *is_set).map(|(_, flag)| *flag)
    }

    /// Returns how long to wait until readings are stored.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(TIMEOUT)
    }

    /// Returns the changes to each dead letter.
    ///
    /// # Errors
    /// If a field cannot be set.
    pub(super) fn changes(&self) -> Result<ReplayEdit, Error> {
        let is_read = self.coerce || !self.map.is_empty();
        let input = is_read.then(|| InputOptions {
            format: Some(InputFormat::Json),
            map: self.map.clone(),
            coerce: true,
            ..InputOptions::default()
        });
        ReplayEdit::new(&self.fields, input, self.drop.clone()).map_err(Error::usage)
    }
}
