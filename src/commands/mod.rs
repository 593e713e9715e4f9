//! One subcommand a file, and the match that runs them.

mod invoke;
mod put;
mod scan;

use clap::Subcommand;

use crate::context::Context;
use crate::error::Error;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Put(put::Args),
    Scan(scan::Args),
    Invoke(invoke::Args),
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever the command could not do.
    pub async fn run(self, context: &Context) -> Result<(), Error> {
        match self {
            Command::Put(args) => put::run(context, args).await,
            Command::Scan(args) => scan::run(context, args).await,
            Command::Invoke(args) => invoke::run(context, args).await,
        }
    }
}
