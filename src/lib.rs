//! `sensorctl` stands up, feeds, watches and takes down a realtime sensor pipeline on AWS or on a laptop.
//!
//! Data flows one way: `cli` → `commands` → { `stack` | `pipeline` | `operate` } → `aws`; what happened flows back as events and
//! reports to `output`. The local cloud (`sensorctl-local`) and the evaluation of policies (`sensorctl-policy`) are crates
//! of their own, and so is the reading model that the function shares (`sensor_model`).
//!
//! # Terms
//!
//! - *resource*: desired and observed state, drift; orphan (tagged, no longer configured), unmanaged (not made by
//!   sensorctl), adopt; create, update, replace, delete; wait until ready
//! - *failure*: transient or permanent, throttled; retry, backoff, deadline
//! - *record* (Kinesis), user record (inside an aggregate), reading (domain), item (`DynamoDB`), row (output)
//! - *stream*: shard, parent and child shard, hash range, sequence number, iterator, checkpoint, iterator age (lag)
//! - *event source mapping*: poller, batch, batch window, bisect, partial batch response, failure destination
//! - *function*: execution environment, cold start, runtime API, event
//! - *dead letter* (in the table `SensorDataRejects`); rejected line (refused before sending)
//! - *canary* (probe): a test reading sent through to prove the path
//! - *local cloud*: data directory, fault injection, latency profile
//! - *query*, parallel scan, segment, page; input format, layout (columns of a file → reading), parser

mod aws;
mod cli;
mod commands;
mod context;
mod error;
mod global_flags;
mod hint_flags;
mod loopback;
mod observer;
mod operate;
mod output;
mod pipeline;
mod raw_arguments;
mod settings;
mod stack;
mod temporary_files;
mod units;
mod usage_error;
mod whole_lines;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::CommandFactory as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::Cli;
use crate::commands::Command;
use crate::context::Context;
use crate::output::ColorChoice;
use crate::output::{Format, Output, print_log_lines};
use crate::settings::hint_flags;

pub use crate::error::{Error, ErrorKind};

/// The exit code of [`ErrorKind::Interrupted`].
const INTERRUPTED: i32 = 130;
/// Signals that come so soon after the first one are of the same wish.
const SAME_WISH: Duration = Duration::from_millis(500);

/// Parses, runs, and tells how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let cli = match Cli::read(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let output = Output::new(Format::Auto, false, 0, ColorChoice::Never);
            let of_failure = Command::output_of_wrong_usage(&usage_error::words(&arguments));
            drop(OnFailure { output, text: of_failure.filter(|_| !usage_error::is_help(&error)) });
            return usage_error::report(&error, &arguments);
        }
    };
    let hint_flags = hint_flags(&cli.global).with_data_dir(cli.command.data_dir());
    let output = Output::new(cli.command.format(&cli.global), cli.global.quiet, cli.global.verbose, cli.global.color);
    let output = output.repeating(hint_flags);
    if cli.global.verbose > 1 {
        print_log_lines(&output, aws::CALL_LOG_TARGET);
    }
    let mut on_failure = OnFailure { output: output.clone(), text: cli.command.output_of_failure() };
    match execute(cli, &output) {
        Ok(()) => {
            on_failure.text = None;
            ExitCode::SUCCESS
        }
        Err(error) => {
            output.error(&error);
            error.kind().exit_code()
        }
    }
}

/// Writes a text to stdout unless the command succeeds, also after a panic.
struct OnFailure {
    output: Output,
    text: Option<String>,
}

impl Drop for OnFailure {
    fn drop(&mut self) {
        if let Some(text) = &self.text {
            // The exit code says already that it failed.
            self.output.data(text).unwrap_or_default();
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
        .thread_stack_size(sensorctl_local::THREAD_STACK)
        .build()
        .map_err(|error| Error::failed("could not start").with_source(error))?;
    let interrupt = CancellationToken::new();
    let result = runtime.block_on(async {
        // From here on, before anything is done: until then a signal ends the process without a word.
        let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
        if let [Ok(interrupts), Ok(terminations)] = signals {
            // `nohup` asks to survive a hangup.
            let hangups = if ignores_hangup() { None } else { signal(SignalKind::hangup()).ok() };
            let signals = (interrupts, terminations, hangups);
            let of_failure = cli.command.output_of_failure();
            tokio::spawn(watch_signals(signals, interrupt.clone(), output.clone(), of_failure));
        }
        let context = Context::new(&cli.global, cli.command.scope(), output.clone(), interrupt)?;
        cli.command.run(&context, Cli::command()).await
    });
    // A blocking read of stdin may never return.
    runtime.shutdown_background();
    result
}

/// Waits for a signal that may not be listened to.
async fn next_of(signals: &mut Option<Signal>) {
    match signals {
        Some(signals) => drop(signals.recv().await),
        None => std::future::pending().await,
    }
}

/// Returns whether this process was started with SIGHUP ignored; false where the system does not report it.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}

/// The first Ctrl-C, or wish of the system to end, asks everything to come to an end; the second does not wait for it.
/// One wish may send several signals: `timeout` signals both its child and the child's group.
#[expect(clippy::exit, reason = "a second signal ends the process at once, without waiting for tasks")]
async fn watch_signals(
    (mut interrupts, mut terminations, mut hangups): (Signal, Signal, Option<Signal>),
    interrupt: CancellationToken,
    output: Output,
    of_failure: Option<String>,
) {
    let mut first: Option<Instant> = None;
    loop {
        tokio::select! {
            _ = interrupts.recv() => {}
            _ = terminations.recv() => {}
            () = next_of(&mut hangups) => {}
        }
        interrupt.cancel();
        if first.get_or_insert_with(Instant::now).elapsed() >= SAME_WISH {
            break;
        }
    }
    whole_lines::wait_for_writers().await;
    temporary_files::remove_all();
    drop(OnFailure { output, text: of_failure });
    std::process::exit(INTERRUPTED);
}
