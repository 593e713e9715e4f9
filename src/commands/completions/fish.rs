//! The script for fish.

use clap::{Arg, Command, ValueHint};

/// How the script finds out whether a command is typed already. It fails where a flag at the end has no value yet.
const PARSED: &str = "-- $cmd 2>/dev/null\n    or return\n";
/// Then there is no command yet.
const NO_COMMAND: &str = "-- $cmd 2>/dev/null\n    or return 0\n";
/// How lines for the arguments of `help` begin.
const OF_HELP: &str = "complete -c sensorctl -n \"__fish_sensorctl_using_subcommand help; and not ";

/// Returns a script that completes values of flags before the command, the arguments of `help`, and positional arguments, and
/// offers files only where a command takes one.
pub(super) fn mended(script: &str, command_line: &Command) -> String {
    let script = script.replacen(PARSED, NO_COMMAND, 1);
    let line = |line: &str| {
        // The word `help` is always there.
        if line.starts_with(OF_HELP) { line.replacen(" help\" -f", "\" -f", 1) } else { line.to_owned() }
    };
    let mut script: String = script.lines().map(|text| line(text) + "\n").collect();
    for command in visible(command_line) {
        let condition = format!("__fish_sensorctl_using_subcommand {}", command.get_name());
        if !command.has_subcommands() {
            script.extend(positionals(&condition, command));
        }
        for nested in visible(command) {
            script.extend(positionals(
                &format!("{condition}; and __fish_seen_subcommand_from {}", nested.get_name()),
                nested,
            ));
        }
    }
    script
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set())
}

/// Returns the line for the positional arguments of a command; none where one is a file.
fn positionals(condition: &str, command: &Command) -> Option<String> {
    let is_file =
        |argument: &Arg| argument.get_value_hint() != ValueHint::Other && argument.get_possible_values().is_empty();
    if command.get_positionals().any(is_file) {
        return None;
    }
    let values = command.get_positionals().flat_map(Arg::get_possible_values).filter(|value| !value.is_hide_set());
    let values: Vec<_> = values.map(|value| value.get_name().to_owned()).collect();
    let offered = if values.is_empty() { String::new() } else { format!(" -a \"{}\"", values.join(" ")) };
    Some(format!("complete -c sensorctl -n \"{condition}\" -f{offered}\n"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap_complete::Shell;

    use super::super::script;
    use crate::cli::Cli;

    #[test]
    fn fish_completes_positional_values_help_and_flags_before_the_command() {
        let script = script(Shell::Fish, Cli::command());
        assert!(script.contains("or return 0\n") && !script.contains("help\" -f -a \"up\""), "{script}");
        let of = |command: &str| {
            let begin = format!("complete -c sensorctl -n \"__fish_sensorctl_using_subcommand {command}\" -f");
            script
                .lines()
                .find_map(|line| line.strip_prefix(&begin).filter(|rest| !rest.contains(" -d ")))
                .map(str::to_owned)
        };
        assert!(of("layouts").unwrap().contains("hoboware"));
        assert_eq!(of("completions").unwrap(), " -a \"bash elvish fish powershell zsh\"");
        assert_eq!(of("status").as_deref(), Some(""));
        assert_eq!(of("rejects; and __fish_seen_subcommand_from show").as_deref(), Some(""));
        assert_eq!(of("inspect"), None, "it takes a file");
    }
}
