//! `sensorctl doctor`.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use clap::ValueHint;
use clap::builder::PossibleValuesParser;
use sensorctl_local::daemon::{self, DataDirState};
use tokio::join;
use tokio::net::TcpListener;

use crate::commands::local::PORT;
use crate::context::Context;
use crate::error::Error;
use crate::loopback::is_loopback;
use crate::operate::{
    self, CheckFinding, CheckResult, CommandPermissions, LocalCloudFacts, RunningLocalCloud, examine_artifact,
    examine_connection, examine_local_cloud, examine_permissions, examine_retention, examine_services, examine_zip,
    services_not_asked,
};
use crate::output::DoctorReport;
use crate::settings::SettingOrigin;
use crate::stack::{DEFAULT_STAGE, Owner};

/// Test credentials, permissions, quotas, the function's zip and the clock
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each check is ok, a warning, failed, or unknown: it could not be tested, and the reason is said. The worst come last.
A warning or a failed check is exit code 3; unknown alone is not. Nothing is changed. A call waits at most 5 s, the check
of the permissions 10 s. docs/troubleshooting.md lists the checks by name.

Examples:
  sensorctl doctor
  sensorctl doctor -o json
  sensorctl doctor --for put,scan
  sensorctl doctor --artifact function.zip")]
pub(crate) struct DoctorArgs {
    /// Test only this zip of a function, without credentials and network
    #[arg(long, value_name = "FILE.zip", value_hint = ValueHint::FilePath)]
    artifact: Option<PathBuf>,
    /// Test only the permissions that these commands need of the caller, and the credentials
    #[arg(long = "for", value_name = "COMMAND", value_delimiter = ',', conflicts_with = "artifact")]
    #[arg(value_parser = PossibleValuesParser::new(operate::COMMANDS.iter().map(|command| command.command)))]
    #[arg(hide_possible_values = true)]
    commands: Vec<String>,
}

pub(super) async fn run(context: &Context, args: DoctorArgs) -> Result<(), Error> {
    let checks = match &args.artifact {
        Some(path) => {
            let (path, function) = (path.clone(), context.settings.pipeline.function.clone());
            let is_nearby = is_nearby(context);
            read(context, move || examine_zip(&path, &function, is_nearby)).await?
        }
        None if args.commands.is_empty() => examine(context).await?,
        None => examine_for(context, &args.commands).await?,
    };
    // JSON has the commands complete, too, so that they can be copied.
    let complete = |text: String| context.output.hint_flags().complete(&text).into_owned();
    let completed = |check: CheckFinding| CheckFinding { remedy: check.remedy.map(complete), ..check };
    let checks = checks.into_iter().map(completed).collect();
    let report = DoctorReport { checks, shows_times: context.output.is_verbose() };
    context.output.report(&report)?;
    verdict(context, &report)
}

async fn examine(context: &Context) -> Result<Vec<CheckFinding>, Error> {
    let settings = &context.settings.pipeline;
    let clients = context.clients().await;
    let is_nearby = clients.as_ref().map_or_else(|_| is_nearby(context), |clients| clients.is_loopback());
    let local = async {
        if context.settings.local {
            examine_local_cloud(&local_cloud(&context.settings.data_dir).await)
        } else {
            Vec::new()
        }
    };
    let services = async {
        match &clients {
            Ok(clients) => {
                let stage = context.settings.stage.clone().unwrap_or_else(|| DEFAULT_STAGE.to_owned());
                let owner = Owner { stage, region: clients.region.clone(), tags: settings.tags.clone() };
                examine_services(clients, settings, owner.marks()[0]).await
            }
            Err(_) => services_not_asked(settings),
        }
    };
    let mut checks = examine_connection(clients.as_ref().map(AsRef::as_ref), &region_origin(context));
    let (local, services) = join!(local, services);
    checks.extend(local);
    checks.extend(services);
    let function = settings.function.clone();
    checks.extend(read(context, move || examine_artifact(&function, is_nearby)).await?);
    checks.extend(examine_retention(settings));
    Ok(checks)
}

/// Tests the permissions that commands need.
///
/// # Errors
/// None of them needs any.
async fn examine_for(context: &Context, names: &[String]) -> Result<Vec<CheckFinding>, Error> {
    let needing = CommandPermissions::needing().into_iter();
    let commands: Vec<_> = needing.filter(|command| names.iter().any(|name| name == command.command)).collect();
    if commands.is_empty() {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        return Err(Error::usage(format!("no permission is needed for {}", names.join(", "))));
    }
    let clients = context.clients().await;
    let clients = clients.as_ref().map(AsRef::as_ref);
    let mut checks = examine_connection(clients, &region_origin(context));
    checks.extend(examine_permissions(clients.ok(), &context.settings.pipeline, &commands).await);
    Ok(checks)
}

/// Reads a file, which may be a pipe that never ends, until an interrupt.
async fn read<T: Send + 'static>(context: &Context, read: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let reading = tokio::task::spawn_blocking(read);
    let work = async { reading.await.map_err(|error| Error::failed("could not read the zip").with_source(error)) };
    context.or_interrupt(work, || Error::interrupted("interrupted")).await
}

/// Returns where the region comes from, in words.
fn region_origin(context: &Context) -> String {
    match context.settings.origin("region").filter(|origin| **origin != SettingOrigin::Default) {
        Some(origin) => origin.to_string(),
        None if context.settings.local => "the local cloud's".to_owned(),
        None => "the profile's".to_owned(),
    }
}

/// Returns whether the calls stay on this machine, so that the function runs on it.
fn is_nearby(context: &Context) -> bool {
    context.settings.local || context.settings.endpoint_url.as_deref().is_some_and(is_loopback)
}

/// Looks at this user's local cloud.
async fn local_cloud(data_dir: &Path) -> LocalCloudFacts {
    let DataDirState { exists, problem, mode, write_error, free_bytes, owner } = daemon::inspect(data_dir);
    let running = daemon::find(data_dir).await.map(|running| {
        running.map(|running| RunningLocalCloud {
            endpoint: running.endpoint,
            version: running.version,
            notices: running.notices,
            faults: running.faults,
        })
    });
    let usual_port = if matches!(running, Ok(None)) {
        // Closed at once: nothing connects in this moment.
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).await;
        Some((PORT, bound.err().map(|error| error.to_string())))
    } else {
        None
    };
    LocalCloudFacts {
        data_dir: data_dir.to_owned(),
        exists,
        problem: problem.map(Error::from),
        mode,
        write_error,
        free_bytes,
        owner,
        running: running.map_err(Error::from),
        usual_port,
    }
}

/// Returns an error, for the exit code, if a check warned or failed.
fn verdict(context: &Context, report: &DoctorReport) -> Result<(), Error> {
    let [failed, warned, unknown] =
        [CheckResult::Failed, CheckResult::Warning, CheckResult::Unknown].map(|result| report.names(result));
    let part = |names: &[&str], word: &str| (!names.is_empty()).then(|| format!("{word}: {}", names.join(", ")));
    let problems: Vec<_> = [part(&failed, "failed"), part(&warned, "warnings")].into_iter().flatten().collect();
    if !problems.is_empty() {
        return Err(Error::incomplete(problems.join("; ")));
    }
    let all = report.checks.len();
    context.output.status(match unknown.len() {
        0 => format!("All {all} checks are ok."),
        count => format!("{} of {all} checks are ok; unknown: {}.", all - count, unknown.join(", ")),
    });
    Ok(())
}
