//! `sensorctl local`: the local cloud as a background service.

mod aws_cli;
mod differences;
mod environment;

use std::io::{self, IsTerminal as _};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueHint};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use self::aws_cli::AwsCli;
use self::differences::Requested;
use crate::context::Context;
use crate::error::Error;
use crate::hint_flags::flag_words;
use crate::output::{LocalStatus, Warning};
use sensorctl_local::daemon::{self, Running, Started};
use sensorctl_local::{
    CONTROL_HEADER, Durability, FaultPlan, LatencyProfile, Limits, LocalCloud, LocalOptions, to_the_second,
};

/// The port where none is asked for.
pub(super) const PORT: u16 = 4588;
/// The form of `--faults`.
const FAULTS_HELP: &str = "\
Faults to inject: rules SERVICE:OPERATION=FAULT@WHEN separated by `;`, and seed=NUMBER. `*` stands for any letters. \
The first rule that matches a call applies. Rules for kinesis:GetRecords and lambda:Invoke also apply to event source \
mappings.

FAULT: throttle, error, error(503): refused, in the service's words
       hotKey:                      writes of items, throttled by the limit of one partition
       denied:                      refused for a missing permission
       drop, lost, hang:            no answer: before the call takes effect, after it, never
       delay(200ms):                a late answer
       partial(50%):                records of PutRecords that fail
       unprocessed(50%):            items of BatchWriteItem that come back
       undecryptable:               variables and filters in Lambda's answers, as for who may not use their key
       staleGrant(30s):             CreateRole: functions made with the role in this time cannot decrypt their variables
WHEN:  20%: at random; #3 or #3-5: that call of the operation; default: always

Example: seed=7;kinesis:PutRecords=throttle@20%;iam:CreateRole=lost@#1

While it runs, its owner can set, show and clear faults, and list the calls so far with their numbers:
       eval \"$(sensorctl local env)\"
       curl -H \"@$SENSORCTL_CONTROL_HEADER\" -X PUT -d 'iam:CreateRole=lost@#1' $AWS_ENDPOINT_URL/_sensorctl/faults
       curl -H \"@$SENSORCTL_CONTROL_HEADER\" [-X DELETE] $AWS_ENDPOINT_URL/_sensorctl/faults
       curl -H \"@$SENSORCTL_CONTROL_HEADER\" $AWS_ENDPOINT_URL/_sensorctl/calls";

/// The arguments of `local`.
#[derive(Debug, clap::Args)]
#[command(about = "Run the local cloud: Kinesis, Lambda, DynamoDB, IAM and Logs on this machine")]
pub(crate) struct LocalArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start the local cloud in the background, and wait until it answers
    Start(RunArgs),
    /// Stop the local cloud and keep its data
    Stop(WhereArgs),
    /// Show whether it runs, where, and with which faults, timing and durability (exit code 3 if it does not run)
    Status(WhereArgs),
    /// Stop the local cloud and delete its data: tables, streams, functions, roles and logs
    Reset(ResetArgs),
    /// Run the local cloud in the foreground until Ctrl-C
    Run(RunArgs),
    /// Print shell lines that point any AWS tool at it: eval "$(sensorctl local env)"
    Env(WhereArgs),
}

#[derive(Debug, clap::Args)]
struct WhereArgs {
    #[arg(
        long,
        value_name = "DIR",
        value_hint = ValueHint::DirPath,
        help = "Directory of its data [default: SENSORCTL_DATA_DIR, else the platform's state directory]"
    )]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// Port on 127.0.0.1; 0 for any free one [default: 4588]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    #[arg(
        long,
        value_name = "SPEC",
        value_hint = ValueHint::Other,
        help = "Faults to inject, such as \"seed=7;kinesis:PutRecords=throttle@20%;iam:CreateRole=lost@#1\"",
        long_help = FAULTS_HELP
    )]
    faults: Option<FaultPlan>,
    /// Simulate the time that AWS takes: none, aws, or aws/10 (ten times as fast) [default: none]
    #[arg(long, value_name = "none|aws", value_hint = ValueHint::Other)]
    timing: Option<LatencyProfile>,
    /// Durability of acknowledged writes: process (survives a killed local cloud), or full (survives a power cut; slower) [default: process]
    #[arg(long, value_name = "process|full", value_hint = ValueHint::Other)]
    durable: Option<Durability>,
    #[command(flatten)]
    place: WhereArgs,
}

#[derive(Debug, clap::Args)]
struct ResetArgs {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    place: WhereArgs,
}

impl LocalArgs {
    /// Returns whether the command ends with a report, rather than with lines for a shell or with nothing.
    pub(crate) fn reports(&self) -> bool {
        matches!(self.action, Action::Start(_) | Action::Status(_))
    }

    /// Returns the data directory that was given.
    pub(crate) fn data_dir(&self) -> Option<&Path> {
        let place = match &self.action {
            Action::Start(args) | Action::Run(args) => &args.place,
            Action::Reset(args) => &args.place,
            Action::Stop(place) | Action::Status(place) | Action::Env(place) => place,
        };
        place.data_dir.as_deref()
    }

    /// Returns what stdout gets if the command does not succeed: a shell evaluates what `env` prints.
    pub(crate) fn output_of_failure(&self) -> Option<String> {
        matches!(self.action, Action::Env(_)).then(environment::failed_lines)
    }

    /// Returns whether the command reads the settings file, which may name the region of a new local cloud.
    pub(crate) fn reads_settings(&self) -> bool {
        matches!(self.action, Action::Start(_))
    }
}

impl RunArgs {
    /// Returns the options that were given, for a local cloud that runs already.
    fn requested<'a>(&'a self, context: &'a Context) -> Requested<'a> {
        Requested {
            port: self.port.filter(|port| *port != 0),
            region: context.settings.region.as_deref(),
            faults: self.faults.as_ref(),
            timing: self.timing,
            durability: self.durable,
        }
    }

    fn options(&self, context: &Context) -> LocalOptions {
        LocalOptions {
            data_dir: self.place.data_dir(context),
            port: self.port.unwrap_or(PORT),
            region: context.settings.region.clone(),
            faults: self.faults.clone().unwrap_or_default(),
            timing: self.timing.unwrap_or_default(),
            durability: self.durable.unwrap_or_default(),
            limits: Limits::default(),
        }
    }
}

impl WhereArgs {
    fn data_dir(&self, context: &Context) -> PathBuf {
        let named = self.data_dir.clone().unwrap_or_else(|| context.settings.data_dir.clone());
        // Absolute, because the reader may have another working directory. Relative if the current directory is gone.
        std::path::absolute(&named).unwrap_or(named)
    }
}

/// The words of a command line that asks for the lines of `env`.
pub(super) const ENV: [&str; 2] = ["local", "env"];

/// Returns what stdout gets if a command line that asks for the lines of `env` is wrong.
pub(super) fn output_of_wrong_env() -> String {
    environment::failed_lines()
}

/// Runs the command.
///
/// # Errors
/// When the local cloud cannot be started, found or stopped.
pub(super) async fn run(args: LocalArgs, context: &Context) -> Result<(), Error> {
    let work = async {
        match &args.action {
            Action::Start(args) => start(args, context).await,
            Action::Stop(args) => stop(args, context).await,
            Action::Status(args) => status(args, context).await,
            Action::Reset(args) => reset(args, context).await,
            Action::Env(args) => environment(args, context).await,
            Action::Run(args) => run_here(args, context).await,
        }
    };
    match args.action {
        // Takes an interrupt for its end, and ends in order.
        Action::Run(_) => work.await,
        _ => context.or_interrupt(work, || Error::interrupted("interrupted")).await,
    }
}

async fn start(args: &RunArgs, context: &Context) -> Result<(), Error> {
    let options = args.options(context);
    // Asked beside the start, and waited for after its report.
    let aws_cli = tokio::spawn(aws_cli::check_version());
    let running = start_with(context, &options, &args.requested(context)).await?;
    context.output.report_of_work(&status_of(Some(&running), options.data_dir))?;
    // Other commands find another directory by their environment.
    if args.place.data_dir.is_none() {
        context.output.status("Next: `sensorctl up --local` creates a pipeline in it.");
    }
    match aws_cli.await {
        Ok(AwsCli::Outdated(version)) => context.output.warn(&Warning::OutdatedAwsCli { version }),
        Ok(AwsCli::Slow) => context.output.note(aws_cli::SLOW),
        Ok(AwsCli::Usable) | Err(_) => {}
    }
    Ok(())
}

/// Returns the report on a local cloud, which runs or does not.
fn status_of(running: Option<&Running>, data_dir: PathBuf) -> LocalStatus {
    LocalStatus {
        running: running.is_some(),
        endpoint: running.map(|running| running.endpoint.clone()),
        pid: running.map(|running| running.pid),
        region: running.map(|running| running.region.clone()),
        version: running.map(|running| running.version.clone()),
        timing: running.map(|running| running.timing.to_string()),
        durable: running.map(|running| running.durable.clone()),
        faults: running.map(|running| running.faults.clone()).filter(|faults| !faults.is_empty()),
        notices: running.map(|running| running.notices.clone()).unwrap_or_default(),
        data_dir,
    }
}

/// Starts this user's local cloud unless it runs.
pub(super) async fn ensure_running(context: &Context) -> Result<(), Error> {
    let data_dir = context.settings.data_dir.clone();
    if daemon::find(&data_dir).await?.is_none() {
        let region = context.settings.region.clone();
        // If the usual port is taken, any other will do: clients find it by the data directory.
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).await.is_err();
        let port = if taken { 0 } else { PORT };
        let options = LocalOptions { data_dir, port, region, ..LocalOptions::default() };
        start_with(context, &options, &Requested::default()).await?;
    }
    Ok(())
}

/// Starts a local cloud, or checks that the one that runs is as it was asked for.
async fn start_with(context: &Context, options: &LocalOptions, asked: &Requested<'_>) -> Result<Running, Error> {
    let started = daemon::start(options).await.map_err(|error| without_data_dir_flag(error.into(), &options.data_dir));
    let (running, how) = match started? {
        Started::New(running) => (running, "runs"),
        Started::Already(running) => {
            differences::check(&running, asked)?;
            (running, "already runs")
        }
    };
    context.output.status(format!("the local cloud {how} at {}", running.endpoint));
    if running.version != env!("CARGO_PKG_VERSION") {
        context.output.status(format!(
            "it is version {}: `sensorctl local stop`, then `sensorctl local start` starts this version",
            running.version
        ));
    }
    for notice in &running.notices {
        context.output.status(notice);
    }
    Ok(running)
}

/// Removes `--data-dir` from the hints of the started process. It got the data directory as an argument; the hints are
/// for a user who may not have named one.
fn without_data_dir_flag(error: Error, data_dir: &Path) -> Error {
    let flag = format!(" {}", flag_words("--data-dir", &data_dir.to_string_lossy()).join(" "));
    error.map_hints(|hint| hint.replace(&flag, ""))
}

async fn stop(args: &WhereArgs, context: &Context) -> Result<(), Error> {
    let stopped = daemon::stop(&args.data_dir(context)).await?;
    context.output.status(if stopped { "the local cloud is stopped" } else { "the local cloud was not running" });
    Ok(())
}

async fn status(args: &WhereArgs, context: &Context) -> Result<(), Error> {
    let data_dir = args.data_dir(context);
    let running = daemon::find(&data_dir).await?;
    context.output.report(&status_of(running.as_ref(), data_dir.clone()))?;
    if running.is_some() {
        return Ok(());
    }
    let why = daemon::not_running(&data_dir);
    Err(why.hints().iter().cloned().fold(Error::incomplete(why.to_string()), Error::hint))
}

async fn reset(args: &ResetArgs, context: &Context) -> Result<(), Error> {
    let data_dir = args.place.data_dir(context);
    // Before the question, and before a process that has nothing to do with it is taken for its owner.
    daemon::is_local_cloud(&data_dir)?;
    if !args.yes {
        let question = format!(
            "Delete the local cloud in {}: tables with their rows, streams with their records, functions, roles and logs?",
            data_dir.display()
        );
        if !context.output.can_ask() {
            return Err(Error::usage(
                "`local reset` deletes the data of the local cloud, and there is no terminal to ask on",
            )
            .hint("`--yes` continues without asking"));
        }
        if !context.output.confirm(&question).await? {
            return Err(Error::failed("not confirmed; nothing was deleted"));
        }
    }
    if daemon::stop(&data_dir).await? {
        context.output.status("the local cloud is stopped");
    }
    let others = daemon::reset(&data_dir)?;
    context.output.status(format!("the local cloud in {} is empty", data_dir.display()));
    if !others.is_empty() {
        context.output.status(format!("kept files that are not its own: {}", others.join(", ")));
    }
    Ok(())
}

async fn run_here(args: &RunArgs, context: &Context) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|error| Error::failed("could not listen for signals").with_source(error))?;
    // The log of a background service says when; a person at a terminal sees when.
    let has_times = !io::stderr().is_terminal();
    let say = |line: String| {
        let now = to_the_second(Timestamp::now());
        context.output.status(if has_times { format!("{now} {line}") } else { line });
    };
    let cloud = LocalCloud::start(args.options(context)).await?;
    say(format!("the local cloud runs at {}", cloud.endpoint()));
    let mut notices = cloud.notices();
    loop {
        tokio::select! {
            () = context.interrupt.cancelled() => break,
            _ = terminate.recv() => break,
            () = cloud.data_dir_deleted() => {
                say("the data directory was deleted".to_owned());
                break;
            }
            Some(notice) = notices.recv() => say(notice),
        }
    }
    say("the local cloud is stopping".to_owned());
    cloud.shutdown().await?;
    Ok(())
}

async fn environment(args: &WhereArgs, context: &Context) -> Result<(), Error> {
    let data_dir = args.data_dir(context);
    let running = daemon::find(&data_dir).await?.ok_or_else(|| daemon::not_running(&data_dir))?;
    context.output.data(&environment::lines(&running, &data_dir.join(CONTROL_HEADER)))
}
