//! `sensorctl completions`.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;

use crate::context::Context;
use crate::error::Error;
use crate::pipeline::Layouts;

/// Write the completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sensorctl completions bash > ~/.local/share/bash-completion/completions/sensorctl")]
pub(crate) struct CompletionsArgs {
    /// Shell to write them for
    shell: Shell,
}

pub(super) fn run(context: &Context, args: &CompletionsArgs, command_line: Command) -> Result<(), Error> {
    context.output.bytes(&script(args.shell, command_line))
}

fn script(shell: Shell, command_line: Command) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut with_values(command_line), "sensorctl", &mut script);
    script
}

/// Returns the command with the names of the built-in layouts as values, and with a value hint for every value that is not a
/// path. Without one, shells offer file names.
fn with_values(command: Command) -> Command {
    let is_layouts = command.get_name() == "layouts";
    let hinted = |argument: Arg| {
        if argument.get_id() == "layout" || (is_layouts && argument.get_id() == "name") {
            let names = Layouts::new(Vec::new());
            let names = names.names().into_iter().map(str::to_owned).collect::<Vec<_>>();
            return argument.value_parser(PossibleValuesParser::new(names));
        }
        let is_unknown = argument.get_value_hint() == ValueHint::Unknown && argument.get_action().takes_values();
        if is_unknown { argument.value_hint(ValueHint::Other) } else { argument }
    };
    command.mut_args(hinted).mut_subcommands(with_values)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn completions_offer_every_command_of_every_shell() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let script = String::from_utf8(script(shell, Cli::command())).unwrap();
            for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }

    #[test]
    fn completions_offer_the_names_of_layouts() {
        let script = String::from_utf8(script(Shell::Bash, Cli::command())).unwrap();
        let cases: Vec<_> = script.split("--layout)\n").skip(1).map(|case| case.split(";;").next().unwrap()).collect();
        assert_eq!(cases.len(), 3, "put, inspect and size");
        assert!(cases.iter().all(|case| case.contains("hoboware") && case.contains("the-things-stack")), "{cases:?}");
        let layouts = script.split("sensorctl__subcmd__layouts)\n").nth(1).unwrap_or_default();
        assert!(layouts.split(";;").next().unwrap().contains("hoboware"), "{layouts}");
    }

    #[test]
    fn completions_offer_file_names_for_files_only() {
        let script = String::from_utf8(script(Shell::Bash, Cli::command())).unwrap();
        let offers_files = |flag: &str| {
            let cases: Vec<_> = script.split(&format!("{flag})\n")).skip(1).collect();
            assert!(!cases.is_empty(), "{flag}");
            cases.iter().any(|case| case.split(";;").next().unwrap().contains("compgen -f"))
        };
        for flag in
            ["--timing", "--durable", "--set", "--delete-adopted", "--timeout", "--interval", "--sensor", "--stage"]
        {
            assert!(!offers_files(flag), "{flag}");
        }
        for flag in ["--config", "--event", "--file", "--rejects"] {
            assert!(offers_files(flag), "{flag}");
        }
    }
}
