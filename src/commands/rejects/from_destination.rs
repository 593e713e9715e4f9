//! `rejects from-destination`: batches that Lambda gave up, by the documents of a failure destination.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args as ClapArgs, ValueHint};
use tokio::time::timeout;

use super::export::{check_ending, refuse_dash};
use super::replay_flags::ReplayFlags;
use super::replay_run::{Candidate, replay_all};
use super::selection::{dead_letters, table};
use crate::context::Context;
use crate::error::Error;
use crate::operate::{DestinationReader, FailureDocument, ReplayReason, read_documents, retention_hours};
use crate::output::{ExportedDeadLetter, FailureDocumentRow, Format, OutputFile, units};

/// How long to wait for the account of the caller. It is compared only to find a mistake.
const ACCOUNT_WAIT: Duration = Duration::from_secs(5);
/// Why a record is not replayed that is a dead letter.
const HELD: &str = "the function put it into the dead-letter table: `rejects replay` with its id replays it";

/// Show, export or replay batches that Lambda gave up, by the documents of a failure destination
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  aws sqs receive-message --queue-url URL --max-number-of-messages 10 >failed.json
  sensorctl rejects from-destination --file failed.json
  sensorctl rejects from-destination --file failed.json --to records.ndjson
  sensorctl rejects from-destination --file failed.json --replay --yes
  sensorctl logs --local --filter discarded -o ndjson | sensorctl rejects from-destination --local --file -

A document names a shard and a range of sequence numbers; the records are in the stream until its retention ends:
without --to and --replay each batch is listed with the hours that are left, the most urgent first. The file holds what
a queue or topic received, the answer of `aws sqs receive-message`, or objects of a bucket, which have the records
themselves. sensorctl does not read the destination, and deletes nothing there: delete its messages when all are
replayed. The range may hold records that were stored already, or that a filter dropped: --replay puts only those that
the table does not hold. Records that the stream does not have any more are counted, and make the exit code 3.")]
pub(super) struct FromDestinationArgs {
    /// File with documents; `-` is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Write the records to this file, as `rejects export` does
    #[arg(long = "to", value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "replay")]
    target: Option<PathBuf>,
    /// Overwrite the file of --to, if there is something in it
    #[arg(long, requires = "target")]
    force: bool,
    /// Put the readings into the stream again, by the rules of `rejects replay`
    #[arg(long)]
    replay: bool,
    #[command(flatten)]
    how: ReplayFlags,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl FromDestinationArgs {
    /// Returns whether the result is a report, not rows.
    pub(super) fn reports(&self) -> bool {
        self.replay
    }
}

pub(super) async fn run(context: &Context, args: &FromDestinationArgs) -> Result<(), Error> {
    refuse_dash(args.target.as_deref(), "name a file, or `./-`")?;
    let flag = args.how.first_flag().or(args.yes.then_some("--yes"));
    if let Some(flag) = flag.filter(|_| !args.replay) {
        return Err(Error::usage(format!("`{flag}` is for `--replay`")));
    }
    let mut documents = documents(context, &args.file).await?;
    let stream = &context.settings.pipeline.stream.name;
    if let Some(other) = documents.iter().find(|document| document.stream != *stream) {
        return Err(Error::usage(format!("a document is about stream {}, not {stream}", other.stream))
            .hint("`--stage` or `--set stream.name=NAME` chooses the stream"));
    }
    check_place(context, &documents).await?;
    documents.sort_by(|left, right| left.arrived.cmp(&right.arrived));
    match (&args.target, args.replay) {
        (Some(target), _) => export(context, target, args.force, documents).await,
        (None, true) => replay(context, args, documents).await,
        (None, false) => list(context, &documents).await,
    }
}

/// Refuses documents of another region or account, whose stream may have the same name and other records.
async fn check_place(context: &Context, documents: &[FailureDocument]) -> Result<(), Error> {
    let clients = context.clients().await?;
    if let Some(other) = documents.iter().find(|document| document.region != clients.region) {
        let (there, here) = (&other.region, &clients.region);
        return Err(Error::usage(format!("a document is about a stream in {there}, not {here}"))
            .hint("`--region` chooses the region"));
    }
    let work = async { Ok(timeout(ACCOUNT_WAIT, clients.account()).await) };
    let account = context.or_interrupt(work, || Error::interrupted("interrupted")).await?;
    let account = account.map_err(|_| format!("no answer within {} s", ACCOUNT_WAIT.as_secs()));
    match account.and_then(|answer| answer.map_err(|failure| Error::from(failure).full_message())) {
        Ok(account) => match documents.iter().find(|document| document.account != account) {
            Some(FailureDocument { account: other, .. }) => {
                Err(Error::usage(format!("a document is about a stream of account {other}, not {account}"))
                    .hint("`--profile` chooses the account"))
            }
            None => Ok(()),
        },
        Err(failure) => {
            context.output.note(format!("the account of the documents could not be compared with yours: {failure}"));
            Ok(())
        }
    }
}

async fn documents(context: &Context, path: &Path) -> Result<Vec<FailureDocument>, Error> {
    let name = path.display().to_string();
    let path = path.to_owned();
    let read = move || -> io::Result<Result<Vec<FailureDocument>, String>> {
        let source: Box<dyn Read> =
            if path.as_os_str() == "-" { Box::new(io::stdin()) } else { Box::new(File::open(&path)?) };
        Ok(read_documents(BufReader::new(source)))
    };
    // A pipe may never end.
    let reading = tokio::task::spawn_blocking(read);
    let work = async { Ok(reading.await.map_err(io::Error::other).and_then(|result| result)) };
    let read =
        context.or_interrupt(work, || Error::interrupted("interrupted; nothing was read from the stream")).await?;
    let read = read.map_err(|error| Error::failed(format!("could not read {name}")).with_source(error))?;
    read.map_err(|reason| Error::failed(format!("{name}: {reason}; nothing was read from the stream")))
}

async fn list(context: &Context, documents: &[FailureDocument]) -> Result<(), Error> {
    let clients = context.clients().await?;
    let stream = &context.settings.pipeline.stream.name;
    let work = async { Ok(retention_hours(clients, stream).await) };
    let retention = context.or_interrupt(work, || Error::interrupted("interrupted")).await?;
    if let Err(why) = &retention {
        context
            .output
            .note(format!("how long stream {stream} keeps records is not known ({why}): no time left is shown"));
    }
    let retention = retention.ok();
    let now = jiff::Timestamp::now().as_millisecond();
    let mut rows = context.output.rows();
    for document in documents {
        rows.push(&FailureDocumentRow::new(document, now, retention))?;
    }
    rows.finish::<FailureDocumentRow>()?;
    let records: u64 = documents.iter().map(|document| document.records).sum();
    let batches = units::count(documents.len() as u64);
    context.output.status(format!("{batches} batches of {} records that Lambda gave up.", units::count(records)));
    Ok(())
}

async fn export(context: &Context, target: &Path, force: bool, documents: Vec<FailureDocument>) -> Result<(), Error> {
    check_ending(context, Some(target))?;
    let file = OutputFile::create(target, force)?;
    let output = context.output.to_file(&file);
    if matches!(output.chosen_format(), Format::Csv | Format::Table) {
        return Err(Error::usage("records are written as JSON").hint("use an ending such as .ndjson or .ndjson.gz"));
    }
    let format = if output.chosen_format() == Format::Json { Format::Json } else { Format::Ndjson };
    let mut rows = output.rows_in(format);
    let mut reader =
        DestinationReader::new(context.clients().await?, &context.settings.pipeline.stream.name, documents);
    let left = || Error::interrupted(format!("interrupted; {} was not written", target.display()));
    let mut count = 0;
    while let Some(letter) = context.or_interrupt(reader.next(), left).await? {
        rows.push(&ExportedDeadLetter::new(&letter))?;
        count += 1;
    }
    rows.finish::<ExportedDeadLetter<'_>>()?;
    file.finish()?;
    context.output.status(format!("Wrote {}: {} user records.", file.name(), units::count(count)));
    check_gone(context, &reader, Ok(()))
}

async fn replay(context: &Context, args: &FromDestinationArgs, documents: Vec<FailureDocument>) -> Result<(), Error> {
    let changes = args.how.changes()?;
    let stream = &context.settings.pipeline.stream.name;
    if !args.yes && !args.how.dry_run {
        if !context.output.can_ask() {
            return Err(Error::usage(
                "`rejects from-destination --replay` asks first, and there is no terminal to ask on",
            )
            .hint("`--yes` continues without asking"));
        }
        let records: u64 = documents.iter().map(|document| document.records).sum();
        let region = &context.clients().await?.region;
        let question = format!("Replay {} records into stream {stream} in {region}?", units::count(records));
        let nothing = || Error::interrupted("interrupted; nothing was replayed");
        if !context.or_interrupt(context.output.confirm(&question), nothing).await? {
            return Err(Error::failed("not confirmed; nothing was replayed"));
        }
    }
    let reader = DestinationReader::new(context.clients().await?, stream, documents);
    let mut reader = reader.with_dead_letters(table(context).await?);
    let next = async || {
        let Some(letter) = reader.next().await? else { return Ok(None) };
        // Its replay would not delete that one.
        let held = reader.is_held(&letter.id).then(|| Err(ReplayReason::new("dead-letter", HELD)));
        Ok(Some(Candidate { letter, edited: held }))
    };
    let result = replay_all(context, &args.how, changes, next).await.and_then(|report| {
        if report.left() == 0 {
            return Ok(());
        }
        let (left, found) = (report.left_in_words(), dead_letters(report.found));
        Err(Error::incomplete(format!("not all of {found} were replayed: {left}"))
            .hint("the same command tries again; `--to FILE` writes the records to look at them"))
    });
    check_gone(context, &reader, result)
}

/// Fails if the stream did not have all records any more, with the error of the work before all.
fn check_gone(context: &Context, reader: &DestinationReader<'_>, result: Result<(), Error>) -> Result<(), Error> {
    if reader.gone == 0 {
        return result;
    }
    let (count, stream) = (units::count(reader.gone), &context.settings.pipeline.stream.name);
    let message = format!("{count} records are lost: stream {stream} does not have them any more");
    match result {
        Ok(()) => Err(Error::incomplete(message)),
        Err(error) => Err(error.hint(format!("besides, {message}"))),
    }
}
