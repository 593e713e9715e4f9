//! `sensorctl` inside the test: the local cloud on its own runtime, and each command on another.

use std::path::{Path, PathBuf};
use std::thread;

use clap::builder::Resettable;
use clap::{Arg, CommandFactory, FromArgMatches};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::support::{ApiClient, RecordedCall, Run, Runner, Sandbox, eventually};
use crate::cli::Cli;
use crate::context::Context;
use crate::error::Error;
use crate::output::{Captured, Output};
use crate::settings::{FILE_NAME, Settings, hint_flags};
use sensorctl_local::{LocalCloud, LocalOptions};

/// An environment whose commands and local cloud run inside the test.
pub(super) type InProcessEnv = Sandbox<InProcessRunner>;

/// Runs commands as [`crate::run`] does, but with their own HOME, working directory and variables.
pub(super) struct InProcessRunner {
    home: PathBuf,
    cloud: Option<(LocalCloud, Runtime)>,
}

/// A parsed command and its outputs.
struct Command {
    cli: Cli,
    output: Output,
    captured: Captured,
}

impl InProcessRunner {
    fn data_dir(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Parses a command line as a shell in the home directory would pass it, without variables of the environment.
    fn read(&self, arguments: &[&str]) -> Command {
        let mut parser = Cli::command();
        let from_environment = |argument: &&Arg| argument.get_env().is_some();
        let ids: Vec<_> = parser.get_arguments().filter(from_environment).map(|flag| flag.get_id().clone()).collect();
        for id in ids {
            parser = parser.mut_arg(id, |argument| argument.env(Resettable::Reset));
        }
        let words = ["sensorctl"].iter().chain(arguments);
        let matches = parser.try_get_matches_from(words).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        let mut cli = Cli::from_arg_matches(&matches).unwrap();
        let global = &mut cli.global;
        let hint_flags = hint_flags(global);
        let found = Some(PathBuf::from(FILE_NAME)).filter(|name| self.home.join(name).exists());
        global.config = global.config.take().or(found).map(|path| self.home.join(path));
        let (output, captured) = Output::captured(global.output, global.quiet, global.verbose);
        let output = output.repeating(hint_flags);
        Command { cli, output, captured }
    }

    async fn execute(&self, cli: Cli, output: Output) -> Result<(), Error> {
        cli.command.check_format(&output)?;
        let data_dir = self.data_dir();
        let environment = |name: &str| (name == "SENSORCTL_DATA_DIR").then(|| data_dir.to_str().unwrap().to_owned());
        let settings = Settings::resolve_in(&cli.global, cli.command.scope(), &environment)?;
        // A command without a local cloud would start this program again.
        assert!(self.cloud.is_some() || !settings.local, "no local cloud runs");
        let context = Context::with_settings(settings, output, CancellationToken::new());
        cli.command.run(&context, Cli::command()).await
    }
}

impl Runner for InProcessRunner {
    fn new(home: &Path) -> Self {
        InProcessRunner { home: home.to_owned(), cloud: None }
    }

    fn start_local_cloud(&mut self) {
        let options = LocalOptions { data_dir: self.data_dir(), ..LocalOptions::default() };
        let runtime = new_runtime();
        let cloud = runtime.block_on(LocalCloud::start(options)).unwrap();
        self.cloud = Some((cloud, runtime));
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let Command { cli, output, captured } = self.read(arguments);
        let result = new_runtime().block_on(self.execute(cli, output.clone()));
        let code = match result {
            Ok(()) => 0,
            Err(error) => {
                output.error(&error);
                error.kind().code().into()
            }
        };
        let (stdout, stderr) = captured.texts();
        Run { code, stdout, stderr }
    }

    /// Drops the command and every task that it spawned.
    fn kill_when(&self, arguments: &[&str], is_due: impl Fn() -> bool) -> bool {
        let Command { cli, output, .. } = self.read(arguments);
        let runtime = new_runtime();
        let metrics = runtime.metrics();
        let kill = CancellationToken::new();
        let was_due = thread::scope(|scope| {
            let command = || kill.run_until_cancelled(self.execute(cli, output));
            let thread = scope.spawn(|| drop(runtime.block_on(command())));
            let observe = || {
                let has_ended = thread.is_finished();
                (is_due(), has_ended)
            };
            let (was_due, _) = eventually("a kill is due or the command ends", observe, |(due, ended)| *due || *ended);
            kill.cancel();
            was_due
        });
        // Waits until all tasks of the command are dropped, and with them its connections.
        drop(runtime);
        assert_eq!(metrics.num_alive_tasks(), 0, "a killed command does nothing any more");
        was_due
    }
}

impl Drop for InProcessRunner {
    fn drop(&mut self) {
        if let Some((cloud, runtime)) = self.cloud.take() {
            let stopped = runtime.block_on(cloud.shutdown());
            if !thread::panicking() {
                stopped.unwrap();
            }
        }
    }
}

/// Creates a runtime like that of a `sensorctl` process.
fn new_runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

#[test]
fn command_killed_sends_no_more_requests() {
    let env = InProcessEnv::with_local_cloud();
    let api = ApiClient::new(&env);
    let first_changes = ["dynamodb:CreateTable", "iam:CreateRole", "kinesis:CreateStream", "logs:CreateLogGroup"];
    let faults: Vec<_> = first_changes.iter().map(|call| format!("{call}=hang")).collect();
    api.set_faults(&faults.join(";"));
    // Then no request is in flight: everything else waits for these five.
    let all_hang = || api.recorded_calls().iter().filter(|it| first_changes.contains(&&*it.call)).count() == 5;
    assert!(env.runner().kill_when(&["up", "--local"], all_hang));
    // Breaks the connections of the hung calls: a client that still exists would send them again.
    api.set_faults("");
    for _ in 0..300 {
        api.json("Kinesis_20131202.ListStreams", &json!({}));
    }
    let own = |n| RecordedCall { call: "kinesis:ListStreams".to_owned(), n };
    assert_eq!(api.recorded_calls(), (1..=300).map(own).collect::<Vec<_>>());
}

#[test]
fn lost_response_breaks_connection_and_sdk_sends_call_again() {
    let env = InProcessEnv::with_local_cloud();
    let api = ApiClient::new(&env);
    api.set_faults("iam:CreateRole=lost@#1");
    env.run(["up", "--local"]).assert_success();
    let creations = api.recorded_calls().into_iter().filter(|it| it.call == "iam:CreateRole");
    assert_eq!(creations.map(|it| it.n).collect::<Vec<_>>(), [1, 2]);
}
