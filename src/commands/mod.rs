//! One subcommand a file, and the match that runs them.

use clap::Subcommand;

use crate::context::Context;
use crate::error::Error;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever the command could not do.
    pub async fn run(self, _context: &Context) -> Result<(), Error> {
        match self {}
    }
}
