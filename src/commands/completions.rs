//! `sensorctl completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::context::Context;
use crate::error::Error;

/// Write the completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sensorctl completions bash > ~/.local/share/bash-completion/completions/sensorctl")]
pub struct CompletionsArgs {
    /// Shell to write them for
    shell: Shell,
}

pub(super) fn run(context: &Context, args: &CompletionsArgs) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "sensorctl", &mut script);
    context.output.bytes(&script)
}
