//! One subcommand a file, and the match that runs them.

mod deployment;
mod down;
mod invoke;
mod plan;
mod put;
mod scan;
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
    Put(put::Args),
    Scan(scan::Args),
    Invoke(invoke::Args),
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
            Command::Put(args) => args.run(context).await,
            Command::Scan(args) => args.run(context).await,
            Command::Invoke(args) => args.run(context).await,
            Command::Down(args) => args.run(context).await,
        }
    }
}
