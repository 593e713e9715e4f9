//! One subcommand a file, and the match that runs them.

mod canaries;
mod completions;
mod consent;
mod demo;
mod doctor;
mod down;
mod export;
mod init;
mod inspect;
mod invoke;
mod layouts;
mod local;
mod logs;
mod man;
mod plan;
mod positive_count;
mod put;
mod rejects;
mod scan;
mod simulate;
mod size;
mod stack_context;
mod status;
mod tail;
#[cfg(test)]
mod tests;
mod up;
mod why;

use std::path::Path;

use clap::Subcommand;
use futures::FutureExt as _;
use futures::future::{LocalBoxFuture, ready};

use crate::context::Context;
use crate::error::Error;
use crate::global_flags::GlobalFlags;
use crate::output::{Format, Output};
use crate::settings::Scope;

/// The subcommand to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Up(up::UpArgs),
    Plan(plan::PlanArgs),
    Status(status::StatusArgs),
    Put(put::PutArgs),
    Simulate(simulate::SimulateArgs),
    Size(size::SizeArgs),
    Scan(scan::ScanArgs),
    Tail(tail::TailArgs),
    Inspect(inspect::InspectArgs),
    Invoke(invoke::InvokeArgs),
    Why(why::WhyArgs),
    Layouts(layouts::LayoutsArgs),
    Logs(logs::LogsArgs),
    Doctor(doctor::DoctorArgs),
    Rejects(rejects::RejectsArgs),
    Down(down::DownArgs),
    Demo(demo::DemoArgs),
    Init(init::InitArgs),
    Export(export::ExportArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    Local(local::LocalArgs),
}

impl Command {
    /// Runs a command that must work whatever the settings file holds; nothing when this one needs the settings.
    pub(crate) fn run_without_settings(&self, global: &GlobalFlags, output: &Output) -> Option<Result<(), Error>> {
        match self {
            Command::Init(args) => Some(init::run(global, output, args)),
            _ => None,
        }
    }

    /// Returns which settings the command reads.
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Command::Completions(_) | Command::Man(_) => Scope { file: false, local: false },
            Command::Export(args) => Scope { file: args.reads_settings(), local: false },
            Command::Demo(_) => Scope { file: false, local: true },
            Command::Local(args) => Scope { file: args.reads_settings(), local: true },
            _ => Scope { file: true, local: false },
        }
    }

    /// Returns the form of the data: what was typed, or the default of the environment where the command has that form.
    #[must_use]
    pub(crate) fn format(&self, global: &GlobalFlags) -> Format {
        let is_default = global.from_environment.contains("output");
        if is_default && global.output == Format::Csv && !self.has_csv() { Format::Auto } else { global.output }
    }

    /// Refuses what cannot be shown in the asked form, before anything is done.
    ///
    /// # Errors
    /// When CSV is asked of a command that has no rows.
    pub(crate) fn check_format(&self, output: &Output) -> Result<(), Error> {
        if self.has_csv() { Ok(()) } else { output.check_report_format() }
    }

    /// Returns whether `-o csv` can show the result: the command prints rows, or nothing at all.
    fn has_csv(&self) -> bool {
        match self {
            Command::Scan(_)
            | Command::Tail(_)
            | Command::Layouts(_)
            | Command::Logs(_)
            | Command::Export(_)
            | Command::Completions(_)
            | Command::Man(_) => true,
            Command::Local(args) => !args.reports(),
            Command::Rejects(args) => args.has_rows(),
            _ => false,
        }
    }

    /// Returns the data directory that a `local` command was given, for hints.
    #[must_use]
    pub(crate) fn data_dir(&self) -> Option<&Path> {
        match self {
            Command::Local(args) => args.data_dir(),
            _ => None,
        }
    }

    /// Returns what stdout gets if the command does not succeed; nothing for most.
    #[must_use]
    pub(crate) fn output_of_failure(&self) -> Option<String> {
        match self {
            Command::Local(args) => args.output_of_failure(),
            _ => None,
        }
    }

    /// Returns the same for a command line that could not be read; `words` are those that are not flags.
    #[must_use]
    pub(crate) fn output_of_wrong_usage(words: &[&str]) -> Option<String> {
        if words.starts_with(&local::ENV) {
            return Some(local::output_of_wrong_env());
        }
        None
    }

    /// Runs the command.
    ///
    /// # Errors
    /// Whatever the command could not do.
    pub(crate) fn run(self, context: &Context, command_line: clap::Command) -> LocalBoxFuture<'_, Result<(), Error>> {
        let left = || Error::interrupted("interrupted");
        // Each is boxed before it is polled: in a dev build one future for all commands has a frame with room for each of
        // them, which does not fit the stack of a test's thread.
        match self {
            Command::Up(args) => up::run(context, args).boxed_local(),
            Command::Plan(args) => context.or_interrupt(plan::run(context, args), left).boxed_local(),
            Command::Status(args) => context.or_interrupt(status::run(context, args), left).boxed_local(),
            Command::Put(args) => put::run(context, args).boxed_local(),
            Command::Simulate(args) => simulate::run(context, args).boxed_local(),
            Command::Size(args) => size::run(context, args).boxed_local(),
            Command::Scan(args) => scan::run(context, args).boxed_local(),
            Command::Tail(args) => tail::run(context, args).boxed_local(),
            Command::Inspect(args) => inspect::run(context, args).boxed_local(),
            Command::Invoke(args) => invoke::run(context, args).boxed_local(),
            Command::Why(args) => why::run(context, args).boxed_local(),
            Command::Layouts(args) => ready(layouts::run(context, &args)).boxed_local(),
            Command::Logs(args) => logs::run(context, args).boxed_local(),
            Command::Doctor(args) => context.or_interrupt(doctor::run(context, args), left).boxed_local(),
            Command::Rejects(args) => rejects::run(context, args).boxed_local(),
            Command::Down(args) => down::run(context, args).boxed_local(),
            Command::Demo(args) => demo::run(context, args).boxed_local(),
            // Ran before there was a context.
            Command::Init(_) => ready(Ok(())).boxed_local(),
            Command::Export(args) => export::run(context, args).boxed_local(),
            Command::Completions(args) => ready(completions::run(context, &args, command_line)).boxed_local(),
            Command::Man(args) => ready(man::run(context, args, command_line)).boxed_local(),
            Command::Local(args) => local::run(args, context).boxed_local(),
        }
    }
}
