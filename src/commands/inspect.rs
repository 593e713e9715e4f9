//! `sensorctl inspect`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::ValueEnum as _;

use crate::commands::layouts;
use crate::context::Context;
use crate::error::Error;
use crate::output::{Report, units};
use crate::pipeline::{ConstantField, InputOptions, InputOrigin, Inspection, inspect};

/// Show what a file is, how it would be read, and the `put` command for it
///
/// Looks at the first megabyte: compression, encoding, format, columns with type and range, layouts that match, the first
/// five readings as they would be put, lines that would be rejected by reason, and the command. Sends nothing. Flags that
/// are given here are part of the command.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sensorctl inspect hourly.csv
  sensorctl inspect --all --layout hoboware --sensor pond pond.csv
  mosquitto_sub -v -t 'tele/#' -C 5 | sensorctl inspect -")]
pub(crate) struct InspectArgs {
    /// The file; `-` is standard input
    file: PathBuf,
    /// Read all of it, not only the first megabyte
    #[arg(long)]
    all: bool,
    /// The sensor of files that do not name one
    #[arg(long, value_name = "ID")]
    sensor: Option<String>,
    /// A further field of every reading (repeatable)
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<ConstantField>,
    #[command(flatten)]
    input: InputOptions,
}

pub(super) async fn run(context: &Context, args: InspectArgs) -> Result<(), Error> {
    let InspectArgs { file, all, sensor, fields, input } = args;
    let origin = InputOrigin::from(file.as_path());
    let options = InputOptions { sensor, fields, ..input };
    let layouts = layouts::layouts(&context.settings);
    let looking = tokio::task::spawn_blocking(move || inspect(&origin, &options, &layouts, all));
    let work = async { looking.await.map_err(|error| Error::failed("could not read").with_source(error))? };
    let mut inspection = context.or_interrupt(work, || Error::interrupted("interrupted")).await?;
    if inspection.error.is_none() && inspection.format.is_some() {
        let words = words(&file, &inspection.options);
        inspection.command = Some(context.settings.hints.command("put", words).trim_matches('`').to_owned());
    }
    context.output.report(&inspection)?;
    match inspection.error {
        Some(_) => Err(Error::incomplete(format!("no reading was found in {}", file.display()))
            .hint("name them: `--map temperature=COLUMN --map current_time=COLUMN`, and the sensor with `--map sensor_id=COLUMN` or `--sensor ID`")),
        None => Ok(()),
    }
}

/// The arguments of `put` that read the file so.
fn words(file: &std::path::Path, options: &InputOptions) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["--file".into(), file.into()];
    for (flag, value) in options.flags() {
        match value {
            Some(value) if value.starts_with('-') => words.push(format!("{flag}={value}").into()),
            Some(value) => words.extend([flag.into(), value.into()]),
            None => words.push(flag.into()),
        }
    }
    words
}

impl Report for Inspection {
    fn table(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:<13}{value}");
        };
        line("file", &self.file);
        if let Some(compression) = self.compression {
            line("compression", compression);
        }
        let mark = if self.byte_order_mark { ", with a byte order mark" } else { "" };
        line("encoding", &format!("{}{mark}", self.encoding));
        let format = self.format.and_then(|format| format.to_possible_value());
        let format = format.map_or("none: it is empty".to_owned(), |format| format.get_name().to_owned());
        let delimiter = self.delimiter.as_ref().map_or(String::new(), |delimiter| format!(", delimiter {delimiter}"));
        let decimal = self.decimal.map_or(String::new(), |sign| format!(", decimal {sign}"));
        line("format", &format!("{format}{delimiter}{decimal}"));
        if let Some(header) = self.header_line {
            line("header", &format!("line {header}"));
        }
        for (at, column) in self.columns.iter().enumerate() {
            let range = match (&column.min, &column.max) {
                (Some(least), Some(most)) => format!(" {least} to {most}"),
                _ => String::new(),
            };
            let empty =
                if column.empty > 0 { format!(", {} empty", units::count(column.empty)) } else { String::new() };
            line(if at == 0 { "columns" } else { "" }, &format!("{}: {}{range}{empty}", column.name, column.kind));
        }
        if !self.layouts.is_empty() {
            line("layouts", &self.layouts.join(", "));
        }
        let part = if self.is_complete { "" } else { " in the first megabyte" };
        line("readings", &format!("{}{part}", units::count(self.accepted)));
        for reading in &self.readings {
            line("", reading.get());
        }
        if self.rejected > 0 {
            line("rejected", &units::count(self.rejected));
            for (code, reason) in &self.reasons {
                line(
                    "",
                    &format!("{} {code}, first in line {}: {}", units::count(reason.count), reason.line, reason.reason),
                );
            }
        }
        for remark in self.remarks() {
            line("note", &remark);
        }
        if let Some(error) = &self.error {
            line("not read", &error.replace('\n', &format!("\n{:13}", "")));
        }
        if let Some(command) = &self.command {
            line("command", command);
        }
        text.truncate(text.trim_end().len());
        text
    }
}
