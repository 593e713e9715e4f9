//! `sensorctl local`: the local cloud as a background service.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::context::Context;
use crate::error::Error;
use crate::local::daemon::{self, Running, StartOptions, Started};
use crate::local::{FaultPlan, LocalCloud, LocalOptions, Timing};
use crate::output::Report;

/// The port where none is asked for.
const PORT: u16 = 4588;
/// Variables that would send a tool elsewhere, or as somebody else, if they stayed.
const NEUTRALISED: [&str; 17] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CA_BUNDLE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_ENDPOINT_URL_KINESIS",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    "AWS_ENDPOINT_URL_LOGS",
];

/// The form of `--faults`.
const FAULTS_HELP: &str = "\
What shall go wrong: rules SERVICE:OPERATION=FAULT@WHEN with `;` between them, and seed=NUMBER. `*` stands for any \
letters. The first rule that hits a call counts.

FAULT: throttle, error, error(503): refused, in the service's words
       denied:                      refused, as what the caller may not do
       drop, lost, hang:            no answer: before the call does its work, after it, never
       delay(200ms):                a late answer
       partial(50%):                records of PutRecords that fail
       unprocessed(50%):            items of BatchWriteItem that come back
WHEN:  20%: by chance; #3 or #3-5: that call of the operation; else always

Example: seed=7;kinesis:PutRecords=throttle@20%;iam:CreateRole=lost@#1";

/// The arguments of `local`.
#[derive(Debug, clap::Args)]
#[command(about = "The local cloud: Kinesis, Lambda, DynamoDB, IAM and Logs on this machine, as a background service")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start it in the background; returns when it answers
    Start(RunArgs),
    /// Stop it; its state stays
    Stop(WhereArgs),
    /// Whether it runs, and where
    Status(WhereArgs),
    /// Stop it and delete its state: tables with their rows, functions, roles, logs
    Reset(ResetArgs),
    /// Run it in the foreground until Ctrl-C
    Run(RunArgs),
    /// Print the lines that point any AWS tool at it: eval "$(sensorctl local env)"
    Env(WhereArgs),
}

#[derive(Debug, clap::Args)]
struct WhereArgs {
    #[arg(
        long,
        value_name = "DIR",
        help = "Where its state lives [default: SENSORCTL_DATA_DIR, else the platform's state directory]"
    )]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// Port on 127.0.0.1; 0 takes any free one
    #[arg(long, value_name = "N", default_value_t = PORT)]
    port: u16,
    #[arg(
        long,
        value_name = "SPEC",
        default_value = "",
        hide_default_value = true,
        help = "What shall go wrong, such as \"seed=7;kinesis:PutRecords=throttle@20%;iam:CreateRole=lost@#1\"",
        long_help = FAULTS_HELP
    )]
    faults: FaultPlan,
    /// How long things take until they are there: none, aws (as in the real cloud), or aws/10 (ten times as fast)
    #[arg(long, value_name = "none|aws", default_value = "none")]
    timing: Timing,
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

impl Args {
    /// Whether it ends with a report, rather than lines for a shell or nothing.
    pub fn reports(&self) -> bool {
        matches!(self.action, Action::Start(_) | Action::Status(_))
    }
}

impl WhereArgs {
    fn data_dir(&self, context: &Context) -> PathBuf {
        let named = self.data_dir.clone().unwrap_or_else(|| context.settings.data_dir.clone());
        // Whoever is told of it may stand elsewhere. It cannot be told where there is no folder to stand in.
        std::path::absolute(&named).unwrap_or(named)
    }
}

/// Runs the command.
///
/// # Errors
/// When the local cloud cannot be started, found or stopped.
pub async fn run(args: Args, context: &Context) -> Result<(), Error> {
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

/// `local status` as data.
#[derive(Debug, Serialize)]
struct Status {
    running: bool,
    endpoint: Option<String>,
    pid: Option<u32>,
    data_dir: PathBuf,
    region: Option<String>,
    version: Option<String>,
}

impl Status {
    fn new(about: Option<&Running>, data_dir: PathBuf) -> Self {
        Status {
            running: about.is_some(),
            endpoint: about.map(|running| running.endpoint.clone()),
            pid: about.map(|running| running.pid),
            region: about.map(|running| running.region.clone()),
            version: about.map(|running| running.version.clone()),
            data_dir,
        }
    }
}

impl Report for Status {
    fn table(&self) -> String {
        let data_dir = self.data_dir.display();
        match (&self.endpoint, self.pid, &self.region) {
            (Some(endpoint), Some(pid), Some(region)) => {
                format!("running    {endpoint}\nregion     {region}\nprocess    {pid}\nstate in   {data_dir}")
            }
            _ => format!("not running\nstate in   {data_dir}"),
        }
    }
}

async fn start(args: &RunArgs, context: &Context) -> Result<(), Error> {
    let data_dir = args.place.data_dir(context);
    let running = start_at(context, data_dir.clone(), args.port, args.faults.clone(), args.timing).await?;
    context.output.report(&Status::new(Some(&running), data_dir))
}

/// Starts this user's local cloud unless it runs.
pub(super) async fn ensure_running(context: &Context) -> Result<(), Error> {
    let data_dir = context.settings.data_dir.clone();
    if daemon::find(&data_dir).await?.is_none() {
        start_at(context, data_dir, PORT, FaultPlan::default(), Timing::default()).await?;
    }
    Ok(())
}

async fn start_at(
    context: &Context,
    data_dir: PathBuf,
    port: u16,
    faults: FaultPlan,
    timing: Timing,
) -> Result<Running, Error> {
    let has_wishes = !faults.is_empty() || !timing.is_none();
    let options = StartOptions { data_dir, port, region: context.settings.region.clone(), faults, timing };
    let (running, how) = match daemon::start(&options).await? {
        Started::New(running) => (running, "runs"),
        Started::Already(running) => (running, "already runs"),
    };
    context.output.status(format!("the local cloud {how} at {}", running.endpoint));
    if has_wishes && how == "already runs" {
        context.output.status("its faults and its timing stay as they were; stop and start it to change them");
    }
    if running.version != env!("CARGO_PKG_VERSION") {
        context.output.status(format!("it is version {}; stop and start it to change that", running.version));
    }
    Ok(running)
}

async fn stop(args: &WhereArgs, context: &Context) -> Result<(), Error> {
    let stopped = daemon::stop(&args.data_dir(context)).await?;
    context.output.status(if stopped { "the local cloud is stopped" } else { "the local cloud was not running" });
    Ok(())
}

async fn status(args: &WhereArgs, context: &Context) -> Result<(), Error> {
    let data_dir = args.data_dir(context);
    context.output.report(&Status::new(daemon::find(&data_dir).await?.as_ref(), data_dir))
}

async fn reset(args: &ResetArgs, context: &Context) -> Result<(), Error> {
    let data_dir = args.place.data_dir(context);
    if !args.yes {
        let question = format!(
            "Delete the local cloud in {}: tables with all their rows, functions, roles and logs?",
            data_dir.display()
        );
        if !context.output.can_ask() {
            return Err(Error::usage("`local reset` deletes the state of the local cloud and cannot ask here")
                .hint("add `--yes` if that is meant"));
        }
        if !context.output.confirm(&question).await? {
            return Err(Error::failed("nothing was deleted"));
        }
    }
    if daemon::stop(&data_dir).await? {
        context.output.status("the local cloud is stopped");
    }
    let others = daemon::reset(&data_dir)?;
    context.output.status(format!("the local cloud in {} is empty", data_dir.display()));
    if !others.is_empty() {
        context.output.status(format!("left alone, because they are not its own: {}", others.join(", ")));
    }
    Ok(())
}

async fn run_here(args: &RunArgs, context: &Context) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|error| Error::failed("could not listen for signals").caused_by(error))?;
    let options = LocalOptions {
        data_dir: args.place.data_dir(context),
        port: args.port,
        region: context.settings.region.clone(),
        faults: args.faults.clone(),
        timing: args.timing,
    };
    let cloud = LocalCloud::start(options).await?;
    context.output.status(format!("the local cloud runs at {}", cloud.endpoint()));
    tokio::select! {
        () = context.interrupt.cancelled() => {}
        _ = terminate.recv() => {}
    }
    context.output.status("the local cloud is ending");
    cloud.shutdown().await
}

async fn environment(args: &WhereArgs, context: &Context) -> Result<(), Error> {
    let data_dir = args.data_dir(context);
    let running = daemon::find(&data_dir).await?.ok_or_else(|| daemon::not_running(&data_dir))?;
    context.output.data(&environment_lines(&running))
}

/// Lines for a POSIX shell.
fn environment_lines(running: &Running) -> String {
    let set = [
        ("AWS_ENDPOINT_URL", &running.endpoint),
        ("AWS_REGION", &running.region),
        ("AWS_DEFAULT_REGION", &running.region),
        ("AWS_ACCESS_KEY_ID", &running.access.key_id),
        ("AWS_SECRET_ACCESS_KEY", &running.access.secret),
    ];
    let mut lines: Vec<String> = set.iter().map(|(name, value)| format!("export {name}={}", quoted(value))).collect();
    lines.push(format!("unset {}", NEUTRALISED.join(" ")));
    lines.join("\n")
}

/// A word that a POSIX shell takes as it is.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::aws::Access;

    #[test]
    fn a_shell_takes_the_lines_as_they_are_meant() {
        let running = Running {
            endpoint: "http://127.0.0.1:4588".into(),
            region: "us-east-1".into(),
            pid: 1,
            version: "0".into(),
            access: Access { key_id: "AKIA".into(), secret: "it's $HOME; `a` \"b\"".into() },
        };
        let script = "eval \"$LINES_OF\"\nprintf '%s|%s|%s' \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_ENDPOINT_URL\" \
             \"${AWS_PROFILE-unset}\"";
        let output = Command::new("sh")
            .args(["-c", script])
            .env("LINES_OF", environment_lines(&running))
            .env("AWS_PROFILE", "production")
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "it's $HOME; `a` \"b\"|http://127.0.0.1:4588|unset");
    }
}
