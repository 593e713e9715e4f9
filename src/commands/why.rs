//! `sensorctl why`.

mod local_runner;

use std::sync::Arc;
use std::time::Duration;

use crate::commands::stack_context::{NoProgress, session};
use crate::context::Context;
use crate::error::Error;
use crate::operate::{CauseName, Diagnosis, SearchOptions, diagnose};
use crate::output::DiagnosisReport;
use crate::stack::DEFAULT_STAGE;

use self::local_runner::LocalRunner;

/// The causes where nothing of a pipeline exists.
const ALL_MISSING: [CauseName; 4] =
    [CauseName::MappingAbsent, CauseName::FunctionMissing, CauseName::TableMissing, CauseName::StreamMissing];

/// Retries of a read end after this time.
const READ_LIMIT: Duration = Duration::from_secs(20);

/// Tell why the pipeline is blocked, slow or loses readings
///
/// Shows each cause that can be proven by reading: what proves it, and the command that mends it. What cannot be excluded
/// is shown as unknown, for instance where a call is denied.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sensorctl why
  sensorctl why -o json | jq -r '.causes[].remedy'

Nothing is changed, and the function is not invoked. Where it fails, the records of the blocked batch are read, at most
one GetRecords a second and five a shard, and the bundled function runs on them on this machine with tables of its own,
until the record that causes it is known: its shard, sequence number, key and reason are shown, its content only with
--show-data. The records lie in a folder that only this user may enter, and are removed at the end. With -v, the excluded causes are shown, too. Exit code 3: a cause was found.
docs/troubleshooting.md describes each cause by its name.")]
pub(crate) struct WhyArgs {
    /// Show the content of the record for which the function fails
    #[arg(long)]
    show_data: bool,
    /// Do not read the blocked batch, and do not run the function on it
    #[arg(long, conflicts_with = "show_data")]
    no_search: bool,
}

pub(super) async fn run(context: &Context, args: WhyArgs) -> Result<(), Error> {
    let runner = LocalRunner::new(context);
    let left = || Error::interrupted("interrupted");
    let diagnosed = context.or_interrupt(Box::pin(diagnosis(context, &args, &runner)), left).await;
    // Also where it was interrupted: the records of the batch are in its folder.
    let closed = runner.close().await;
    let diagnosis = diagnosed?;
    closed?;
    let output = &context.output;
    let diagnosis = with_complete_commands(diagnosis, &|text| output.hint_flags().complete(text).into_owned());
    output.report(&DiagnosisReport { diagnosis: &diagnosis, shows_excluded: output.is_verbose() })?;
    verdict(context, &diagnosis)
}

async fn diagnosis(context: &Context, args: &WhyArgs, runner: &LocalRunner<'_>) -> Result<Diagnosis, Error> {
    let session = session(context, READ_LIMIT, Arc::new(NoProgress)).await?;
    let search = (!args.no_search).then_some(SearchOptions { runner, shows_data: args.show_data });
    let diagnosed = diagnose(&session, &context.settings.pipeline, search).await;
    match diagnosed {
        Ok(diagnosis) => Ok(diagnosis),
        Err(failure) => Err(session.clients.with_account_context(failure).await.into()),
    }
}

/// Returns an error, for the exit code, if a cause is proven.
fn verdict(context: &Context, diagnosis: &Diagnosis) -> Result<(), Error> {
    let names: Vec<_> = diagnosis.causes.iter().map(|cause| cause.name.as_str()).collect();
    let unknown = match diagnosis.unknown.len() {
        0 => String::new(),
        1 => "; 1 cause could not be excluded".to_owned(),
        more => format!("; {more} causes could not be excluded"),
    };
    if names.is_empty() && diagnosis.excluded.is_empty() {
        let why = format!(
            "nothing could be diagnosed: none of {} causes could be proven or excluded",
            diagnosis.unknown.len()
        );
        return Err(Error::failed(why).hint("`sensorctl doctor` tests credentials, permissions and each service"));
    }
    if names.is_empty() {
        context.output.status(format!("No cause was found{unknown}."));
        return Ok(());
    }
    let found = if names.len() == 1 { "1 cause found" } else { &format!("{} causes found", names.len()) };
    let error = Error::incomplete(format!("{found}: {}{unknown}", names.join(", ")));
    let is_cause = |name: &CauseName| diagnosis.causes.iter().any(|cause| cause.name == *name);
    Err(if ALL_MISSING.iter().all(is_cause) {
        let stage = context.settings.stage.as_deref().unwrap_or(DEFAULT_STAGE);
        error.hint(format!(
            "there is no pipeline of stage {stage} here: are stage, region and account those that you mean? `sensorctl \
             status` names them"
        ))
    } else {
        error
    })
}

/// Completes the commands of a diagnosis with the flags of this run, so that they can be copied.
fn with_complete_commands(mut diagnosis: Diagnosis, complete: &dyn Fn(&str) -> String) -> Diagnosis {
    for cause in &mut diagnosis.causes {
        cause.remedy = complete(&cause.remedy);
    }
    for unknown in &mut diagnosis.unknown {
        unknown.reason = complete(&unknown.reason);
    }
    diagnosis
}
