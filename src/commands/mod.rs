//! One subcommand a file, and the match that runs them.

mod deployment;
mod down;
mod plan;
mod status;
mod up;

use clap::Subcommand;

use crate::context::Context;
use crate::error::Error;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Up(up::Args),
    Plan(plan::Args),
    Status(status::Args),
    Down(down::Args),
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever the command could not do.
    pub async fn run(self, context: &Context) -> Result<(), Error> {
        match self {
            Command::Up(args) => args.run(context).await,
            Command::Plan(args) => args.run(context).await,
            Command::Status(args) => args.run(context).await,
            Command::Down(args) => args.run(context).await,
        }
    }
}
