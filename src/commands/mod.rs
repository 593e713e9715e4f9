//! One subcommand a file, and the match that runs them.

#[cfg(feature = "local")]
mod local;

use clap::Subcommand;

use crate::context::Context;
use crate::error::Error;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    #[cfg(feature = "local")]
    Local(local::Args),
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever the command could not do.
    pub async fn run(self, context: &Context) -> Result<(), Error> {
        match self {
            #[cfg(feature = "local")]
            Command::Local(args) => local::run(args, context).await,
        }
    }
}
