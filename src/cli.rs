//! The command line as it is typed; no behavior.

mod help_text;

use std::ffi::OsString;

use clap::builder::{Resettable, StyledStr};
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, CommandFactory, FromArgMatches, Id, Parser};

use self::help_text::with_joined_paragraphs;
use crate::commands::Command;
use crate::global_flags::GlobalFlags;
use crate::raw_arguments::asked_color;

/// Build, feed, watch and delete a realtime sensor pipeline: readings → Kinesis → Lambda → DynamoDB.
#[derive(Debug, Parser)]
#[command(name = "sensorctl", version, max_term_width = 100)]
#[command(after_help = "New here? `sensorctl demo` runs the whole pipeline once on this machine, without an account.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub global: GlobalFlags,
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the command line, remembering what it took from the environment.
    ///
    /// # Errors
    /// Wrong usage; also help and version, which clap treats alike.
    pub(crate) fn read(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let mut command = with_joined_paragraphs(Cli::command()).color(asked_color(arguments));
        for flag in empty_variables(&command) {
            command = command.mut_arg(flag, |argument| argument.env(Resettable::Reset));
        }
        let variables = variables(&command);
        let matches = command.clone().try_get_matches_from(arguments).map_err(|error| {
            without_environment(command, arguments, error.kind()).unwrap_or(name_variable(error, arguments, &variables))
        })?;
        let mut cli = Cli::from_arg_matches(&matches)?;
        cli.global.from_environment = ["stage", "profile", "region", "endpoint_url", "local", "output"]
            .into_iter()
            .filter(|flag| matches.value_source(flag) == Some(ValueSource::EnvVariable))
            .collect();
        Ok(cli)
    }
}

/// Returns the flags whose environment variable is set and empty, which counts as not set.
fn empty_variables(command: &clap::Command) -> Vec<Id> {
    let is_empty =
        |argument: &&Arg| argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    command.get_arguments().filter(is_empty).map(|argument| argument.get_id().clone()).collect()
}

/// Returns the same error of a command line that is read without the environment: its usage line then shows only flags
/// that were typed.
fn without_environment(
    command: clap::Command,
    arguments: &[OsString],
    kind: clap::error::ErrorKind,
) -> Option<clap::Error> {
    let flags: Vec<Id> =
        command.get_arguments().filter(|it| it.get_env().is_some()).map(|it| it.get_id().clone()).collect();
    let forgetting =
        |command: clap::Command, flag: Id| command.mut_arg(flag, |argument| argument.env(Resettable::Reset));
    let error = flags.into_iter().fold(command, forgetting).try_get_matches_from(arguments).err()?;
    (error.kind() == kind).then_some(error)
}

/// Environment variables that stand for flags, with their values.
fn variables(command: &clap::Command) -> Vec<(String, String)> {
    let names = command.get_arguments().filter_map(Arg::get_env).filter_map(|name| name.to_str());
    names.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect()
}

/// Adds the name of the variable to an error about a value that nobody typed.
fn name_variable(mut error: clap::Error, arguments: &[OsString], variables: &[(String, String)]) -> clap::Error {
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) {
        let typed = arguments.iter().any(|argument| argument.to_string_lossy().ends_with(value.as_str()));
        let source = variables.iter().find(|(_, set_to)| set_to == value);
        if let Some((name, _)) = source.filter(|_| !typed) {
            let tip = StyledStr::from(format!("the environment variable {name} is set to it"));
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of a shell's command line; double quotes hold blanks.
    fn words(line: &str) -> Vec<OsString> {
        let mut quoted = false;
        let line = line.split(" #").next().unwrap_or_default();
        let parts = line.split(|character: char| {
            quoted ^= character == '"';
            character.is_whitespace() && !quoted
        });
        parts.filter(|part| !part.is_empty()).map(|part| part.replace('"', "").into()).collect()
    }

    #[test]
    fn every_command_of_the_readme_is_one() {
        let lines = include_str!("../README.md").lines();
        let typed = |line: &'static str| line.strip_prefix("$ ").unwrap_or(line).strip_prefix("sensorctl ");
        let lines: Vec<_> = lines.filter_map(typed).collect();
        assert!(lines.len() > 10, "{lines:?}");
        for line in lines {
            let arguments: Vec<_> = [OsString::from("sensorctl")].into_iter().chain(words(line)).collect();
            if let Err(error) = Cli::read(&arguments) {
                panic!("{line}: {error}");
            }
        }
    }
}
