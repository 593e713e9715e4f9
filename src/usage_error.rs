//! Reports command-line usage errors as text or, with `-o json`, as JSON.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind::BrokenPipe;
use std::io::Write as _;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use crate::cli::Cli;
use crate::error::Error;
use crate::output::ColorChoice;
use crate::output::{Format, Output, visible};
use crate::raw_arguments::asked_for;

/// Says what clap has to say; help and version are data on stdout and a success.
pub(crate) fn report(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let is_data = is_help(error);
    let format = asked_format(arguments, std::env::var("SENSORCTL_OUTPUT").ok().as_deref());
    match format {
        Some(format) if !is_data => Output::new(format, false, 0, ColorChoice::Never).error(&read(error)),
        // An argument must not act on the terminal.
        _ if !is_data && arguments.iter().any(|argument| has_control_characters(argument)) => {
            let text = visible(&error.render().to_string()).into_owned();
            // A failure of stderr cannot be reported.
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
        _ => match error.print() {
            // A write to a closed pipe has no reader to report it to.
            Err(unwritten) if is_data && unwritten.kind() != BrokenPipe => return ExitCode::FAILURE,
            _ => {}
        },
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn has_control_characters(argument: &OsStr) -> bool {
    argument.to_string_lossy().chars().any(char::is_control)
}

/// Returns whether the error is the help or the version, which clap returns as errors.
pub(crate) fn is_help(error: &clap::Error) -> bool {
    matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
}

/// The words of a command line that are neither flags nor values of global flags, as far as that can be told without
/// reading it.
pub(crate) fn words(arguments: &[OsString]) -> Vec<&str> {
    let command = Cli::command();
    let takes_value = |text: &str| {
        command.get_arguments().filter(|argument| argument.get_action().takes_values()).any(|argument| {
            let is_long = argument.get_long().is_some_and(|long| text.strip_prefix("--") == Some(long));
            // Short flags may stand together; the last one takes the value.
            let is_short = |short| !text.starts_with("--") && text.starts_with('-') && text.ends_with(short);
            is_long || argument.get_short().is_some_and(is_short)
        })
    };
    let mut words = Vec::new();
    let mut texts = arguments.iter().skip(1).filter_map(|argument| argument.to_str());
    while let Some(text) = texts.next() {
        if !text.starts_with('-') {
            words.push(text);
        } else if takes_value(text) {
            texts.next();
        }
    }
    words
}

/// The form of JSON that was asked for, if any, in arguments that could not be read as a whole; the last one counts.
fn asked_format(arguments: &[OsString], environment: Option<&str>) -> Option<Format> {
    let output = |text| str::strip_prefix(text, "--output").or_else(|| short_output(text));
    match asked_for(arguments, output, environment) {
        Some("json") => Some(Format::Json),
        Some("ndjson") => Some(Format::Ndjson),
        _ => None,
    }
}

/// Returns the value of `-o`, which may follow other short flags: `-qo json`.
fn short_output(text: &str) -> Option<&str> {
    let flags = text.strip_prefix('-').filter(|flags| !flags.starts_with('-'))?;
    let (before, value) = flags.split_once('o')?;
    before.chars().all(|flag| matches!(flag, 'q' | 'v')).then_some(value)
}

/// Clap's words in our form: its first paragraph is the message, tips and usage are hints.
fn read(error: &clap::Error) -> Error {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Error::usage("a command is missing").hint("`sensorctl --help` lists the commands");
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut paragraphs = text.split("\n\n").map(one_line).filter(|paragraph| !paragraph.is_empty());
    let said = Error::usage(paragraphs.next().unwrap_or_default());
    paragraphs.fold(said, |said, paragraph| {
        said.hint(paragraph.strip_prefix("tip: ").map_or(paragraph.clone(), str::to_owned))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn asked(arguments: &[&str], environment: Option<&str>) -> Option<Format> {
        let arguments: Vec<_> = ["sensorctl"].iter().chain(arguments).map(OsString::from).collect();
        asked_format(&arguments, environment)
    }

    #[test]
    fn json_is_seen_in_every_way_to_ask_for_it() {
        for arguments in [
            &["-o", "json"][..],
            &["-ojson"],
            &["-qo", "json"],
            &["-vqojson"],
            &["--output", "json"],
            &["x", "--output=json"],
        ] {
            assert_eq!(asked(arguments, None), Some(Format::Json), "{arguments:?}");
        }
        assert_eq!(asked(&["scan"], Some("ndjson")), Some(Format::Ndjson));
        assert_eq!(asked(&["-o", "table"], Some("json")), None);
        assert_eq!(asked(&["-o", "json", "-o", "csv"], None), None);
        assert_eq!(asked(&["--", "-o", "json"], None), None);
        assert_eq!(asked(&["-o"], None), None);
    }

    #[test]
    fn words_leave_out_flags_and_values_of_global_flags() {
        let of = |line: &str| {
            let arguments: Vec<_> = ["sensorctl"].into_iter().chain(line.split(' ')).map(OsString::from).collect();
            words(&arguments).join(" ")
        };
        for line in [
            "local env --bogus",
            "--stage local local env",
            "-qo json -v local --set=a=b env",
            "local --config x env",
            "--local local env",
        ] {
            assert_eq!(of(line), "local env", "{line}");
        }
        assert_eq!(of("put --sensor local --field env"), "put local env");
    }

    #[test]
    fn the_message_is_one_line_and_the_rest_are_hints() {
        let error = read(&Cli::try_parse_from(["sensorctl", "scan", "--limmit", "3"]).unwrap_err());
        assert_eq!(error.full_message(), "unexpected argument '--limmit' found");
        assert!(error.hints().iter().any(|hint| hint.contains("'--limit'")), "{:?}", error.hints());
        let error = read(&Cli::try_parse_from(["sensorctl"]).unwrap_err());
        assert_eq!(error.full_message(), "a command is missing");
    }
}
