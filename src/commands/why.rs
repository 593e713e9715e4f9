//! `sensorctl why`.

use std::sync::Arc;
use std::time::Duration;

use crate::commands::stack_context::{NoProgress, session};
use crate::context::Context;
use crate::error::Error;
use crate::operate::{Diagnosis, diagnose};
use crate::output::DiagnosisReport;

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

Nothing is changed and nothing is invoked. With -v, the excluded causes are shown, too. Exit code 3: a cause was found.
docs/troubleshooting.md describes each cause by its name.")]
pub(crate) struct WhyArgs {}

pub(super) async fn run(context: &Context, _args: WhyArgs) -> Result<(), Error> {
    let session = session(context, READ_LIMIT, Arc::new(NoProgress)).await?;
    let diagnosed = diagnose(&session, &context.settings.pipeline).await;
    let diagnosis = match diagnosed {
        Ok(diagnosis) => diagnosis,
        Err(failure) => return Err(session.clients.with_account_context(failure).await.into()),
    };
    let output = &context.output;
    let diagnosis = with_complete_commands(diagnosis, &|text| output.hint_flags().complete(text).into_owned());
    output.report(&DiagnosisReport { diagnosis: &diagnosis, shows_excluded: output.is_verbose() })?;
    verdict(context, &diagnosis)
}

/// Returns an error, for the exit code, if a cause is proven.
fn verdict(context: &Context, diagnosis: &Diagnosis) -> Result<(), Error> {
    let names: Vec<_> = diagnosis.causes.iter().map(|cause| cause.name.as_str()).collect();
    let unknown = match diagnosis.unknown.len() {
        0 => String::new(),
        1 => "; 1 cause could not be excluded".to_owned(),
        more => format!("; {more} causes could not be excluded"),
    };
    if names.is_empty() {
        context.output.status(format!("No cause was found{unknown}."));
        return Ok(());
    }
    let found = if names.len() == 1 { "1 cause found" } else { &format!("{} causes found", names.len()) };
    Err(Error::incomplete(format!("{found}: {}{unknown}", names.join(", "))))
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
