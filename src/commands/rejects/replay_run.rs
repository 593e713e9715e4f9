//! The windows of a replay: some dead letters at a time, in constant memory.

use std::time::{Duration, Instant};

use super::replay_flags::ReplayFlags;
use super::selection::{dead_letters, table};
use crate::context::Context;
use crate::error::Error;
use crate::operate::{
    DeadLetter, DeadLetterId, NOT_STORED, PipelineTarget, ReplayEdit, ReplayFate, ReplayItem, ReplayOptions,
    ReplayReason, ReplayTarget, Replayer,
};
use crate::output::{Output, ReplayReport, Step, fate_line, units};

/// Dead letters that are replayed at once.
const WINDOW: usize = 2000;
/// Bytes of data that are replayed at once.
const WINDOW_BYTES: usize = 16 * 1024 * 1024;
/// Dead letters that are named if they are not replayed.
const NAMED: u64 = 20;
/// Shortest and longest polling interval of the tables, on AWS and on the local cloud.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));
const LOCAL_PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));

/// A dead letter to replay.
#[derive(Debug)]
pub(super) struct Candidate {
    /// The dead letter.
    pub letter: DeadLetter,
    /// Data that replaces its own, or why it is not replayed.
    pub edited: Option<Result<Vec<u8>, ReplayReason>>,
}

/// Replays all that `next` gives, reports it, and returns the report.
///
/// # Errors
/// If a call fails or Ctrl-C ends it. The report was shown nevertheless.
pub(super) async fn replay_all(
    context: &Context,
    flags: &ReplayFlags,
    mut changes: ReplayEdit,
    mut next: impl AsyncFnMut() -> Result<Option<Candidate>, Error>,
) -> Result<ReplayReport, Error> {
    let began = Instant::now();
    let pipeline = &context.settings.pipeline;
    let letters = table(context).await?;
    let pauses = if letters.clients.is_loopback() { LOCAL_PAUSES } else { PAUSES };
    let target = PipelineTarget {
        letters,
        stream: &pipeline.stream.name,
        table: &pipeline.table.name,
        interrupt: &context.interrupt,
    };
    let options =
        ReplayOptions { overwrite: flags.overwrite, dry_run: flags.dry_run, timeout: flags.timeout(), pauses };
    let mut replayer = Replayer::new(&target, options, &context.interrupt);
    let step = context.output.progress().step(format!("dead letters to {}", pipeline.stream.name));
    let mut ledger = Ledger::new(&context.output, flags.dry_run);
    let mut deferred: Vec<ReplayItem> = Vec::new();
    let mut source = Source { next: &mut next, is_at_end: false };
    let result = loop {
        if source.is_at_end && deferred.is_empty() {
            break Ok(());
        }
        if context.interrupt.is_cancelled() {
            break Err(interrupted());
        }
        let mut window = std::mem::take(&mut deferred);
        let filled = fill(context, &replayer, &mut changes, &mut source, &mut window, &mut ledger).await;
        if window.is_empty() || filled.is_err() {
            deferred = window;
            break filled;
        }
        let result = replayer.replay(window).await;
        let is_stuck = is_stuck(&result.fates);
        for (id, fate) in &result.fates {
            ledger.add(id, fate);
        }
        ledger.show(&step);
        deferred = result.deferred;
        if let Some(error) = result.stopped {
            break Err(error);
        }
        if is_stuck {
            let seconds = flags.timeout().as_secs();
            let message = format!("the stream took readings, and none was stored or rejected within {seconds} s");
            break Err(Error::incomplete(message)
                .hint("`sensorctl why` tells why the function does not store them")
                .hint("the same command goes on; a longer `--timeout` waits longer"));
        }
    };
    for item in &deferred {
        ledger.add(&item.letter.id, &not_tried());
    }
    let is_all_done = result.is_ok() && ledger.report.failed == 0;
    let result = if context.interrupt.is_cancelled() && !is_all_done { Err(interrupted()) } else { result };
    match &result {
        Ok(()) => step.done(if flags.dry_run { "compared" } else { "replayed" }),
        Err(_) => step.failed(),
    }
    if flags.dry_run && replayer.is_memory_full() {
        context
            .output
            .note("not all readings were compared with each other: those of one sensor and time may be refused");
    }
    let report = ledger.finish(&changes, began.elapsed());
    context.output.report(&report)?;
    result.map(|()| report)
}

/// Returns whether readings were put and none arrived: then others would not arrive either.
fn is_stuck(fates: &[(DeadLetterId, ReplayFate)]) -> bool {
    let is_late = |fate: &ReplayFate| matches!(fate, ReplayFate::Failed(reason) if reason.code == NOT_STORED);
    let is_done =
        |fate: &ReplayFate| matches!(fate, ReplayFate::Replayed { was_stored: false } | ReplayFate::RejectedAgain(_));
    fates.iter().any(|(_, fate)| is_late(fate)) && !fates.iter().any(|(_, fate)| is_done(fate))
}

fn interrupted() -> Error {
    Error::interrupted("interrupted; dead letters that were not seen to be stored are kept")
        .hint("the same command goes on; readings that are stored already are not put again")
}

fn not_tried() -> ReplayFate {
    ReplayFate::Failed(ReplayReason::new("stopped", "the replay ended before it was sent"))
}

/// The dead letters to replay.
struct Source<'a, N> {
    next: &'a mut N,
    is_at_end: bool,
}

/// Fills a window with readings, and refuses dead letters that are not readings.
async fn fill<T: ReplayTarget>(
    context: &Context,
    replayer: &Replayer<'_, T>,
    changes: &mut ReplayEdit,
    source: &mut Source<'_, impl AsyncFnMut() -> Result<Option<Candidate>, Error>>,
    window: &mut Vec<ReplayItem>,
    ledger: &mut Ledger<'_>,
) -> Result<(), Error> {
    let mut bytes: usize = window.iter().map(|item| item.data.len()).sum();
    while !source.is_at_end && window.len() < WINDOW && bytes < WINDOW_BYTES {
        let Some(Candidate { letter, edited }) = context.or_interrupt((source.next)(), interrupted).await? else {
            source.is_at_end = true;
            break;
        };
        if replayer.is_new(&letter.id) {
            ledger.new += 1;
            continue;
        }
        let edited = match edited.transpose() {
            Ok(edited) => edited,
            Err(reason) => {
                ledger.add(&letter.id, &ReplayFate::Refused(reason));
                continue;
            }
        };
        match changes.prepare(letter, edited) {
            Ok(item) => {
                bytes += item.letter.data.len() + item.data.len();
                window.push(item);
            }
            Err((letter, reason)) => ledger.add(&letter.id, &ReplayFate::Refused(reason)),
        }
    }
    Ok(())
}

/// Counts what became of dead letters, and names the first that were not replayed.
struct Ledger<'a> {
    output: &'a Output,
    report: ReplayReport,
    /// Dead letters that came during the replay.
    new: u64,
}

impl<'a> Ledger<'a> {
    fn new(output: &'a Output, is_dry: bool) -> Self {
        Ledger { output, report: ReplayReport { ready: is_dry.then_some(0), ..ReplayReport::default() }, new: 0 }
    }

    fn add(&mut self, id: &DeadLetterId, fate: &ReplayFate) {
        self.report.add(fate);
        let Some(line) = fate_line(&id.to_string(), fate) else { return };
        if self.report.left() <= NAMED {
            self.output.status(line);
        }
    }

    fn show(&self, step: &Step) {
        let ReplayReport { found, replayed, .. } = self.report;
        step.waiting(&format!("{} of {} replayed", units::count(replayed), units::count(found)));
    }

    fn finish(mut self, changes: &ReplayEdit, elapsed: Duration) -> ReplayReport {
        let ReplayEdit { assumed_utc, left_out, .. } = *changes;
        let unnamed = self.report.left().saturating_sub(NAMED);
        if unnamed > 0 {
            self.output.note(format!("{} more were not replayed, which are not named", dead_letters(unnamed)));
        }
        // Those of readings that were rejected again are counted as such.
        let others = self.new.saturating_sub(self.report.rejected_again);
        if others > 0 {
            let count = dead_letters(others);
            self.output.note(format!("{count} that came during the replay are left to the next one"));
        }
        if assumed_utc > 0 {
            let count = units::count(assumed_utc);
            self.output.note(format!("{count} times without a zone were taken as UTC"));
        }
        if left_out > 0 {
            self.output.note(format!("left out (`--drop`): {} of dead letters", units::counted(left_out, "member")));
        }
        self.report.assumed_utc = assumed_utc;
        self.report.left_out = left_out;
        self.report.seconds = elapsed.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.report.replayed as f64 / elapsed.as_secs_f64().max(0.001);
        self.report.readings_per_second = rate;
        self.report
    }
}
