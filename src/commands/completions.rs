//! `sensorctl completions`.

mod bash;
mod fish;

use std::path::Path;

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;

use crate::context::Context;
use crate::error::Error;
use crate::pipeline::Layouts;
use crate::stack::{DEFAULT_STAGE, STAGE_TAG};

/// The place in the script for bash that completes the value of `--stage`.
const BASH_STAGE: &str = "--stage)\n                    COMPREPLY=(\"${cur}\")\n";

/// Write the completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sensorctl completions bash > ~/.local/share/bash-completion/completions/sensorctl")]
pub(crate) struct CompletionsArgs {
    /// Shell to write them for
    #[arg(required_unless_present = "stages")]
    shell: Option<Shell>,
    /// Print the stages that the scripts offer
    #[arg(long, hide = true, conflicts_with = "shell")]
    stages: bool,
}

pub(super) fn run(context: &Context, args: &CompletionsArgs, command_line: Command) -> Result<(), Error> {
    match args.shell {
        Some(shell) => context.output.bytes(script(shell, command_line).as_bytes()),
        None => context.output.bytes(stages(&context.settings.data_dir).as_bytes()),
    }
}

/// Returns the stages that have roles on this user's local cloud, one a line. A shell waits for it, so that nothing is
/// called: those on AWS would take a call.
fn stages(data_dir: &Path) -> String {
    let stages = sensorctl_local::daemon::role_tags(data_dir, STAGE_TAG);
    // Bash expands the words that it is offered.
    let is_plain = |stage: &String| stage.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let stages = stages.into_iter().filter(|stage| stage != DEFAULT_STAGE).filter(is_plain);
    stages.flat_map(|stage| [stage, "\n".to_owned()]).collect()
}

fn script(shell: Shell, command_line: Command) -> String {
    let mut script = Vec::new();
    let command_line = with_values(command_line);
    clap_complete::generate(shell, &mut command_line.clone(), "sensorctl", &mut script);
    let script = without_hidden_flag(shell, &String::from_utf8_lossy(&script));
    let script = with_stages(shell, &script);
    match shell {
        Shell::Bash => bash::mended(&script),
        Shell::Fish => fish::mended(&script, &command_line),
        _ => script,
    }
}

/// Returns a script that does not offer the flag by which it asks for stages: clap offers hidden flags, too.
fn without_hidden_flag(shell: Shell, script: &str) -> String {
    if shell == Shell::Bash {
        return script.replace(" --stages", "");
    }
    let offers = |line: &&str| !line.contains("--stages") && !line.contains(" -l stages ");
    script.lines().filter(offers).flat_map(|line| [line, "\n"]).collect()
}

/// Returns a script that asks for the stages when `--stage` is completed, in the shells whose scripts can be changed so.
fn with_stages(shell: Shell, script: &str) -> String {
    const ASK: &str = "sensorctl completions --stages 2>/dev/null";
    let line = |line: &str| match shell {
        Shell::Zsh if line.starts_with("'--stage=[") => {
            line.replace("]:NAME:'", &format!("]:NAME:{{compadd -- $({ASK})}}'"))
        }
        Shell::Fish if line.contains(" -l stage ") => format!("{line} -a '({ASK})'"),
        _ => line.to_owned(),
    };
    if shell == Shell::Bash {
        let words = format!("COMPREPLY=($(compgen -W \"$({ASK})\" -- \"${{cur}}\"))");
        return script.replace(BASH_STAGE, &BASH_STAGE.replace("COMPREPLY=(\"${cur}\")", &words));
    }
    script.lines().map(|text| line(text) + "\n").collect()
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
            let script = script(shell, Cli::command());
            for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }

    #[test]
    fn completions_do_not_offer_the_flag_that_they_ask_by() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let script = script(shell, Cli::command()).replace("completions --stages", "");
            assert!(!script.contains("--stages") && !script.contains(" -l stages "), "{shell}");
        }
    }

    #[test]
    fn completions_offer_no_stage_that_a_shell_would_expand() {
        let dir = tempfile::tempdir().unwrap();
        let role = |stage: &str| serde_json::json!({"tags": {STAGE_TAG: stage}});
        let roles = serde_json::json!({"a": role("blue"), "b": role("$(id)"), "c": role("`id`"), "d": role("default")});
        std::fs::write(dir.path().join("iam.json"), serde_json::json!({"roles": roles}).to_string()).unwrap();
        assert_eq!(stages(dir.path()), "blue\n");
    }

    #[test]
    fn completions_ask_for_stages_wherever_the_flag_stands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell, Cli::command());
            let places = match shell {
                Shell::Bash => script.matches("--stage)\n").count(),
                Shell::Zsh => script.matches("'--stage=[").count(),
                _ => script.matches(" -l stage ").count(),
            };
            assert!(places > 20, "{shell}: {places}");
            assert_eq!(
                script
                    .matches("$(sensorctl completions --stages ")
                    .count()
                    .max(script.matches("'(sensorctl completions --stages ").count()),
                places,
                "{shell}"
            );
        }
    }

    #[test]
    fn completions_offer_the_names_of_layouts() {
        let script = script(Shell::Bash, Cli::command());
        let cases: Vec<_> = script.split("--layout)\n").skip(1).map(|case| case.split(";;").next().unwrap()).collect();
        assert_eq!(cases.len(), 3, "put, inspect and size");
        assert!(cases.iter().all(|case| case.contains("hoboware") && case.contains("the-things-stack")), "{cases:?}");
        let layouts = script.split("sensorctl__subcmd__layouts)\n").nth(1).unwrap_or_default();
        assert!(layouts.split(";;").next().unwrap().contains("hoboware"), "{layouts}");
    }

    #[test]
    fn completions_offer_file_names_for_files_only() {
        let script = script(Shell::Bash, Cli::command());
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
