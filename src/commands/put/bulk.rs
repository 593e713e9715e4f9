//! Many readings from files and standard input.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::PutArgs;
use super::checkpoint::OpenCheckpoint;
use super::output_files::{OutputFiles, is_stdout};
use super::resume::ResumeHint;
use super::send_plan::send_plan;
use crate::commands::layouts;
use crate::context::Context;
use crate::error::{Error, ErrorKind};
use crate::hint_flags::shell_word;
use crate::output::{NAMED_LINES, Output, PutProgress, Report as _, units};
use crate::pipeline::{
    Estimator, FoundStream, InputOptions, InputOrigin, Inputs, KinesisStream, ParsedChunks, PutCheckpoint, PutOptions,
    PutOutcome, Record, RejectsFile, SendPlan, put_all, restart_hint, validate_only,
};
use crate::whole_lines;

pub(super) async fn run(context: &Context, args: PutArgs) -> Result<(), Error> {
    let origins = origins(&args.files)?;
    let kept = args.checkpoint.as_deref().map(|path| OpenCheckpoint::open(path, &args.files)).transpose()?;
    let written = OutputFiles::open(context, &args).await?;
    let reader = with_layout(context, &args.input_options())?;
    // Existing files are emptied, and the network is used, only after the beginning of every input was read.
    let mut inputs = open(context, origins, reader.clone()).await?;
    let is_resumed = kept.as_ref().is_some_and(OpenCheckpoint::is_begun);
    let OutputFiles { mut rejects, failed: failed_file } =
        if is_resumed { written.append()? } else { written.truncate()? };
    let clients = if args.dry_run { None } else { Some(context.clients().await?) };
    let found = match clients {
        Some(clients) => send_plan(context, args.aggregation(), clients).await?,
        None => FoundStream { plan: SendPlan::unknown(), created_ms: None },
    };
    let mut checkpoint = None;
    if let (Some(kept), Some(clients)) = (kept, clients) {
        let resumed = kept.resume(context, &reader, clients, &found).await?;
        inputs = inputs.after(resumed.settled.iter().map(|part| part.settled).collect());
        checkpoint = Some(resumed);
    }
    let settled_before = checkpoint.as_ref().map(PutCheckpoint::items);

    let chunks = ParsedChunks::of(inputs);
    let watcher = PutProgress::new(&context.output, name_of(&args.files), args.rejects.is_none(), args.dry_run);
    let (size, positions) = (size_of(&args.files), chunks.positions());
    let watcher = watcher.with_position(move |_| Some((positions.bytes_read()?, size?)));
    let options = PutOptions {
        plan: found.plan,
        rate: args.rate,
        max_errors: args.max_errors,
        rejects: rejects.as_mut(),
        checkpoint,
        observer: &watcher,
        interrupt: &context.interrupt,
    };
    let stream = &context.settings.pipeline.stream.name;
    let mut outcome = match clients {
        Some(clients) => put_all(chunks, &KinesisStream { clients, name: stream }, options).await,
        None => validate_only(chunks, options, Estimator::new(args.aggregation(), args.rate)).await,
    };
    outcome.summary.settled_before = settled_before;
    watcher.finish(&outcome.summary);
    // A write that fails must not keep the other file and the ledger from being written.
    let rejects_kept = rejects.map_or(Ok(()), RejectsFile::finish);
    let failed_kept = match (failed_file, &args.failed) {
        (Some(file), Some(path)) => write_failed(file, path, &outcome.failed),
        _ => Ok(()),
    };
    if !context.interrupt.is_cancelled() {
        outcome.summary.input.remarks().into_iter().for_each(|remark| context.output.note(remark));
    }
    if let Some(estimate) = &outcome.summary.estimate {
        estimate.lines().into_iter().for_each(|line| context.output.status(line));
    }
    // Standard output holds nothing but lines where one of the files is that.
    let told = if [&args.rejects, &args.failed].into_iter().flatten().any(|path| is_stdout(path)) {
        context.output.status(outcome.summary.table());
        Ok(())
    } else {
        context.output.report(&outcome.summary)
    };
    // Where nothing went through, or it was ended on purpose, one reason says more than a list.
    if outcome.summary.accepted > 0
        && !context.interrupt.is_cancelled()
        && (args.failed.is_none() || failed_kept.is_err())
    {
        name_failed(&context.output, &args.files, &outcome.failed);
    }
    let failed_are_kept = args.failed.is_some() && failed_kept.is_ok();
    match (rejects_kept.and(failed_kept).and(told), verdict(context, &args, outcome, failed_are_kept)) {
        (Ok(()), ended) => ended,
        (Err(unwritten), Ok(())) => Err(unwritten),
        // Readings rejected or not sent are the lesser news beside a file that should have kept them.
        (Err(unwritten), Err(ended)) if ended.kind() == ErrorKind::Incomplete => Err(unwritten.hint(ended.to_string())),
        (Err(unwritten), Err(ended)) => Err(ended.hint(unwritten.full_message())),
    }
}

/// Returns the name of the inputs for the progress line.
fn name_of(files: &[PathBuf]) -> String {
    match files {
        [one] if one.as_os_str() == "-" => "standard input".to_owned(),
        [one] => one.file_name().unwrap_or(one.as_os_str()).to_string_lossy().into_owned(),
        files => format!("{} files", files.len()),
    }
}

/// Returns the bytes of all files, or `None` if the size of one is not known.
fn size_of(files: &[PathBuf]) -> Option<u64> {
    let is_known = |path: &PathBuf| InputOrigin::from(path.as_path()).is_replayable();
    files.iter().map(|path| path.metadata().ok().filter(|_| is_known(path)).map(|found| found.len())).sum()
}

fn origins(files: &[PathBuf]) -> Result<Vec<InputOrigin>, Error> {
    let origins: Vec<_> = files.iter().map(|path| InputOrigin::from(path.as_path())).collect();
    if origins.iter().filter(|origin| **origin == InputOrigin::Stdin).count() > 1 {
        return Err(Error::usage("standard input (`-`) can be read only once"));
    }
    Ok(origins)
}

/// Adds the options of the layout that is named.
fn with_layout(context: &Context, options: &InputOptions) -> Result<InputOptions, Error> {
    layouts::layouts(&context.settings).resolved(options)
}

async fn open(context: &Context, origins: Vec<InputOrigin>, reader: InputOptions) -> Result<Inputs, Error> {
    let opening = tokio::task::spawn_blocking(move || Inputs::open(&origins, &reader));
    let work = async { opening.await.map_err(|error| Error::failed("could not read").with_source(error))? };
    context.or_interrupt(work, || Error::interrupted("interrupted; nothing was sent")).await
}

fn write_failed(file: File, path: &Path, failed: &[Record]) -> Result<(), Error> {
    let _writing = whole_lines::writing();
    let mut writer = BufWriter::new(file);
    let written = failed.iter().try_for_each(|record| writeln!(writer, "{}", record.data));
    written
        .and_then(|()| writer.flush())
        .map_err(|error| Error::failed(format!("could not write {}", path.display())).with_source(error))
}

/// How it ended, as the exit code and in words: which readings are not in the stream, and how to go on.
fn verdict(context: &Context, args: &PutArgs, outcome: PutOutcome, failed_are_kept: bool) -> Result<(), Error> {
    let PutOutcome { summary, stopped, unread, .. } = outcome;
    let ledger = format!(
        "{} read, {} accepted, {} rejected, {} failed",
        units::count(summary.read),
        units::count(summary.accepted),
        units::count(summary.rejected),
        units::count(summary.failed)
    );
    let resume =
        ResumeHint { args, failed: summary.failed, failed_are_kept, unread: &unread }.hints(&context.settings.hints);
    let with_resume = |error: Error| resume.iter().cloned().fold(error, Error::hint);
    if context.interrupt.is_cancelled() {
        return Err(with_resume(Error::interrupted(format!("interrupted; {ledger}"))));
    }
    if let Some(error) = stopped {
        if let Some(checkpoint) = args.checkpoint.as_ref().filter(|_| error.kind() == ErrorKind::Usage) {
            // A file is another than that of the checkpoint: the same command does not go on.
            return Err(error.hint(restart_hint(checkpoint)));
        }
        let error = if summary.accepted > 0 { error.hint(ledger) } else { error };
        return Err(with_resume(error));
    }
    let is_resumed = summary.settled_before.is_some_and(|items| items > 0);
    if summary.read == 0 && is_resumed {
        context.output.status("Nothing is left to put.");
        return Ok(());
    }
    if summary.read == 0 && summary.input.left_out + summary.input.unjoined > 0 {
        return Err(Error::incomplete(
            "nothing was put: no row is a temperature that `--match` or the layout asks for",
        )
        .hint(format!(
            "{} shows what the file holds; `--map` and `--match` go before the layout's",
            inspect_command(&args.files, args.input_options().layout.as_deref())
        )));
    }
    let suspicions = if args.strict { summary.input.suspicions() } else { Vec::new() };
    if summary.is_whole() && suspicions.is_empty() {
        return Ok(());
    }
    if summary.is_whole() {
        return Err(Error::incomplete(format!("all readings were put, but (--strict): {}", suspicions.join("; "))));
    }
    let mut error = Error::incomplete(format!("not all readings were put: {ledger}"));
    if summary.rejected > 0 {
        error = error.hint(match &args.rejects {
            Some(path) if is_stdout(path) => "standard output has the rejected lines with their reasons".to_owned(),
            Some(path) => format!("{} has the rejected lines with their reasons", path.display()),
            None => "`--rejects FILE` keeps the rejected lines with their reasons".to_owned(),
        });
    }
    if summary.read > 0 && summary.rejected == summary.read {
        // The file is another than was thought.
        let command = inspect_command(&args.files, args.input_options().layout.as_deref());
        error = error.hint(format!("all lines were rejected: {command} shows what the file is and how to put it"));
    }
    Err(if summary.failed > 0 { with_resume(error) } else { error })
}

/// Returns the command that inspects the first file as it was read, in backticks. Standard input that was read cannot be
/// inspected.
fn inspect_command(files: &[PathBuf], layout: Option<&str>) -> String {
    let file = files.iter().find(|file| file.as_os_str() != "-").map(|file| file.to_string_lossy());
    let layout = layout.map_or(String::new(), |layout| format!("--layout {} ", shell_word(layout)));
    format!("`sensorctl inspect {layout}{}`", file.as_deref().map_or(Cow::from("FILE"), shell_word))
}

fn name_failed(output: &Output, files: &[PathBuf], failed: &[Record]) {
    let mut places: Vec<_> = failed.iter().map(|record| (record.input, record.line)).collect();
    places.sort_unstable();
    for (input, line) in places.into_iter().take(usize::try_from(NAMED_LINES).unwrap_or(usize::MAX)) {
        let file = files.get(input as usize).map_or(Path::new("-"), PathBuf::as_path).display();
        output.status(format!("{file}:{line}: not sent"));
    }
    let more = (failed.len() as u64).saturating_sub(NAMED_LINES);
    if more > 0 {
        output.status(format!("and {} more were not sent", units::count(more)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inspect_command_names_first_file_quoted_for_a_shell() {
        let with =
            |files: &[&str], layout| inspect_command(&files.iter().map(PathBuf::from).collect::<Vec<_>>(), layout);
        let command = |files: &[&str]| with(files, None);
        assert_eq!(with(&["a.json"], Some("prometheus")), "`sensorctl inspect --layout prometheus a.json`");
        assert_eq!(command(&["-", "my log.csv", "b.csv"]), "`sensorctl inspect 'my log.csv'`");
        assert_eq!(command(&["-"]), "`sensorctl inspect FILE`");
    }
}
