//! `sensorctl` stands up, feeds, watches and takes down a realtime sensor pipeline on AWS or on a laptop.
//!
//! Data flows one way: `cli` → `commands` → { `stack` | `pipeline` | `local` } → `aws`; what happened flows back as
//! events and reports to `output`.

mod aws;
mod cli;
mod commands;
mod context;
mod error;
#[cfg(feature = "local")]
mod local;
mod output;
mod pipeline;
mod policy;
mod settings;
mod stack;
mod wrong_usage;

use std::ffi::OsString;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::Cli;
use crate::context::Context;
use crate::output::Output;

pub use crate::error::{Error, ErrorKind};

/// The exit code of [`ErrorKind::Interrupted`].
const INTERRUPTED: i32 = 130;

/// Stack of each thread, in bytes; only what is used of it takes memory. A thread that runs out of stack ends the whole
/// process, and what the local cloud is sent decides how deep a parser goes: 4 KB of `(` take 20 MiB in a dev build.
const STACK: usize = 32 << 20;

/// Parses, runs, and tells how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let cli = match Cli::read(&arguments) {
        Ok(cli) => cli,
        Err(error) => return wrong_usage::tell(&error, &arguments),
    };
    let output = Output::new(cli.global.output, cli.global.quiet, cli.global.verbose, cli.global.color);
    match execute(cli, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            error.kind().exit_code()
        }
    }
}

fn execute(cli: Cli, output: &Output) -> Result<(), Error> {
    cli.command.check_format(output)?;
    if let Some(result) = cli.command.run_without_settings(&cli.global, output) {
        return result;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build()
        .map_err(|error| Error::failed("could not start").caused_by(error))?;
    let interrupt = CancellationToken::new();
    let result = runtime.block_on(async {
        let context = Context::new(&cli.global, cli.command.scope(), output.clone(), interrupt.clone())?;
        tokio::spawn(watch_for_interrupt(interrupt));
        cli.command.run(&context).await
    });
    // A blocking read of stdin may never return.
    runtime.shutdown_background();
    result
}

/// The first Ctrl-C, or wish of the system to end, asks everything to come to an end; the second does not wait for it.
#[expect(clippy::exit, reason = "somebody insists, and nothing that still runs can be told")]
async fn watch_for_interrupt(interrupt: CancellationToken) {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    for second in [false, true] {
        tokio::select! {
            result = tokio::signal::ctrl_c() => if result.is_err() { return },
            _ = terminate.recv() => {}
        }
        interrupt.cancel();
        if second {
            std::process::exit(INTERRUPTED);
        }
    }
}
