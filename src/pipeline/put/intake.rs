//! Takes readings from the input, line by line: counts them, keeps the pace of `--rate`, and reports rejected lines.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::Duration;

use tokio::time::Instant;

use super::checkpoint::settled_items::{SettledInput, SettledItems};
use super::key_groups::LINGER;
use crate::error::Error;
use crate::pipeline::input::parsed_chunk::ParsedChunk;
use crate::pipeline::input::parsed_line::ParsedLine;
use crate::pipeline::{ParsedChunks, PutEvent, PutObserver, Record, RejectedLine, RejectsFile};

/// The input side of a bulk put.
pub(crate) struct Intake<'a> {
    items: std::vec::IntoIter<ParsedLine>,
    /// The input that these items are from.
    input: usize,
    /// The number of these items that do not depend on the end of the input.
    stable: usize,
    settled: Option<SettledItems>,
    rejects: Option<&'a mut RejectsFile>,
    observer: &'a PutObserver,
    /// True if a rejected line could not be written, so that it is not settled.
    is_rejects_broken: bool,
    max_errors: Option<u64>,
    /// The time between two readings.
    interval: Option<Duration>,
    /// The time when the next reading may go, if the rate is limited.
    turn: Instant,
    counts: IntakeCounts,
}

/// Counts of the lines taken from the input.
#[derive(Debug, Default)]
pub(crate) struct IntakeCounts {
    /// Readings and rejected lines.
    pub read: u64,
    /// Rejected lines.
    pub rejected: u64,
    /// Rejected lines by their class.
    pub reasons: BTreeMap<&'static str, u64>,
    /// The error that ended the input early.
    pub error: Option<Error>,
    /// Readings that were read and not sent.
    pub left: Vec<Record>,
}

/// The settled parts of the inputs, before they are saved.
pub(crate) struct Unsaved {
    /// The parts.
    pub inputs: Vec<SettledInput>,
    /// The file of rejected lines, to be written to the disk before.
    pub rejects: Option<File>,
}

/// The next item of the input.
pub(crate) enum Next {
    /// A reading.
    Reading(Record),
    /// Nothing before this time.
    Until(Instant),
    /// The next chunk of the input is needed.
    Chunk,
}

impl<'a> Intake<'a> {
    /// Creates the input side with these limits: readings per second, and rejected lines.
    pub(crate) fn new(
        rejects: Option<&'a mut RejectsFile>,
        observer: &'a PutObserver,
        rate: Option<f64>,
        max_errors: Option<u64>,
        settled: Option<SettledItems>,
    ) -> Self {
        let interval = rate.map(|rate| Duration::from_secs_f64(rate.recip()));
        let counts = IntakeCounts::default();
        Intake {
            items: Vec::new().into_iter(),
            input: 0,
            stable: 0,
            settled,
            rejects,
            is_rejects_broken: false,
            observer,
            max_errors,
            interval,
            turn: Instant::now(),
            counts,
        }
    }

    /// Returns the number of lines that were taken.
    pub(crate) fn read(&self) -> u64 {
        self.counts.read
    }

    /// Returns whether the input ended in an error.
    pub(crate) fn has_failed(&self) -> bool {
        self.counts.error.is_some()
    }

    /// Adds a chunk, or the error that ends the input.
    pub(crate) fn add(&mut self, chunk: Result<ParsedChunk, Error>) {
        match chunk {
            Ok(ParsedChunk { items, input, stable }) => {
                (self.items, self.input, self.stable) = (items.into_iter(), input, stable);
            }
            Err(error) => self.fail(error),
        }
    }

    /// Ends the input. The first error is reported.
    fn fail(&mut self, error: Error) {
        self.counts.error.get_or_insert(error);
    }

    /// Returns the next reading.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        loop {
            if self.has_failed() || self.items.len() == 0 {
                return Next::Chunk;
            }
            if let Some(interval) = self.interval {
                // A small delay, from a slow timer, is made up for. A pause is not, or a burst would follow it.
                let turn = now.checked_sub(LINGER).map_or(self.turn, |earliest| self.turn.max(earliest));
                if turn > now && matches!(self.items.as_slice().first(), Some(ParsedLine::Ready(_))) {
                    return Next::Until(turn);
                }
                if matches!(self.items.as_slice().first(), Some(ParsedLine::Ready(_))) {
                    self.turn = turn + interval;
                }
            }
            let Some(item) = self.items.next() else { return Next::Chunk };
            self.counts.read += 1;
            if let Some(settled) = &mut self.settled {
                settled.take(&item, self.input, self.stable > 0);
                self.stable = self.stable.saturating_sub(1);
            }
            match item {
                ParsedLine::Ready(record) => return Next::Reading(record),
                ParsedLine::Rejected(rejection) => self.refuse(&rejection),
            }
        }
    }

    /// Notes that all items below a number are settled: the readings are, and the rejected lines are handed to the
    /// operating system. Returns what to save, if that is news.
    ///
    /// # Errors
    /// When the file of rejected lines cannot be written.
    pub(crate) fn settle_before(&mut self, first_open: u64) -> Result<Option<Unsaved>, Error> {
        let Some(settled) = self.settled.as_mut().filter(|_| !self.is_rejects_broken) else { return Ok(None) };
        if !settled.settle_before(first_open) {
            return Ok(None);
        }
        let inputs = settled.inputs().to_vec();
        match self.rejects.as_mut().map(|file| file.flush()).transpose() {
            Ok(rejects) => Ok(Some(Unsaved { inputs, rejects: rejects.flatten() })),
            Err(error) => {
                self.is_rejects_broken = true;
                Err(error)
            }
        }
    }

    fn refuse(&mut self, rejection: &RejectedLine) {
        self.counts.rejected += 1;
        *self.counts.reasons.entry(rejection.code).or_default() += 1;
        self.observer.on(&PutEvent::Rejected(rejection));
        if let Err(error) = self.rejects.as_mut().map_or(Ok(()), |file| file.write(rejection)) {
            self.is_rejects_broken = true;
            self.fail(error);
        }
        if let Some(most) = self.max_errors.filter(|most| self.counts.rejected > *most) {
            let RejectedLine { file, line, reason, .. } = rejection;
            let lines = if most == 1 { "1 line was" } else { &format!("{most} lines were") };
            self.fail(
                Error::failed(format!(
                    "more than {lines} rejected (`--max-errors`); the last is {file}:{line}: {reason}"
                ))
                .hint("a higher `--max-errors` goes on; `sensorctl inspect` shows which lines are rejected, and why"),
            );
        }
    }

    /// Ends the input, and returns what was taken from it. After an early end, what was read and not taken counts, too.
    pub(crate) async fn finish(mut self, chunks: ParsedChunks, is_early: bool) -> IntakeCounts {
        if self.settled.is_some() {
            // These lines are not settled: the run that goes on reads and writes them.
            self.rejects = None;
        }
        let items = std::mem::take(&mut self.items);
        let rest = if is_early || self.has_failed() { chunks.drain().await } else { Vec::new() };
        for item in items.chain(rest) {
            self.counts.read += 1;
            match item {
                ParsedLine::Ready(record) => self.counts.left.push(record),
                ParsedLine::Rejected(rejection) => self.refuse(&rejection),
            }
        }
        self.counts
    }
}
