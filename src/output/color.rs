//! When to use color.

use clap::ValueEnum;

/// When to use color.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always, also off a terminal.
    Always,
    /// Never.
    Never,
}
