//! `sensorctl inspect`.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::commands::layouts;
use crate::context::Context;
use crate::error::Error;
use crate::pipeline::{ConstantField, InputOptions, InputOrigin, inspect};

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
    let options = input.typed(sensor, fields);
    let layouts = layouts::layouts(&context.settings);
    let looking = tokio::task::spawn_blocking(move || inspect(&origin, &options, &layouts, all));
    let work = async { looking.await.map_err(|error| Error::failed("could not read").with_source(error))? };
    let mut inspection = context.or_interrupt(work, || Error::interrupted("interrupted")).await?;
    if inspection.error.is_none() && inspection.format.is_some() {
        let words = words(&file, &inspection.options);
        inspection.command = Some(command(context, words));
    }
    for choice in &mut inspection.choices {
        choice.command = Some(command(context, words(&file, &choice.options)));
    }
    context.output.report(&inspection)?;
    match inspection.error {
        Some(error) if !inspection.choices.is_empty() => {
            Err(Error::incomplete(format!("{}: {error}", file.display())).hint("run the command that is the right one"))
        }
        Some(_) => {
            let error = Error::incomplete(format!("no reading was found in {}", file.display()));
            Err(if inspection.reasons.is_empty() {
                error.hint("name them: `--map temperature=COLUMN --map current_time=COLUMN`, and the sensor with `--map sensor_id=COLUMN` or `--sensor ID`")
            } else {
                error.hint("the reasons name the options that read its lines")
            })
        }
        None => Ok(()),
    }
}

/// The line to type for `put`.
fn command(context: &Context, words: Vec<OsString>) -> String {
    context.settings.hints.command("put", words).trim_matches('`').to_owned()
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
