//! `sensorctl completions`.

use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;

use crate::context::Context;
use crate::error::Error;

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
    clap_complete::generate(shell, &mut without_file_names(command_line), "sensorctl", &mut script);
    script
}

/// Returns the command with a value hint for every value that is not a path. Without one, shells offer file names.
fn without_file_names(command: Command) -> Command {
    let hinted = |argument: Arg| {
        let is_unknown = argument.get_value_hint() == ValueHint::Unknown && argument.get_action().takes_values();
        if is_unknown { argument.value_hint(ValueHint::Other) } else { argument }
    };
    command.mut_args(hinted).mut_subcommands(without_file_names)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

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
