//! Puts many readings into the stream, or checks them, and counts the results.

use std::time::Duration;

use tokio::time::Instant;

use super::abort_signal::AbortSignal;
use super::estimate::Estimator;
use super::intake::{Intake, Next};
use super::put_options::PutOptions;
use super::scheduler::Scheduler;
use super::stream_writer::StreamWriter;
use crate::error::Error;
use crate::pipeline::input::unread::{COUNT_LIMIT, Positions};
use crate::pipeline::{InputSummary, ParsedChunks, PutSummary, Record, Unread};

/// The result of a bulk put.
#[derive(Debug)]
pub(crate) struct PutOutcome {
    /// The counts.
    pub summary: PutSummary,
    /// Records that the stream did not accept. The readings of a sensor are in input order.
    pub failed: Vec<Record>,
    /// The error that ended it early. `None` after the end of the input, and after an interrupt.
    pub stopped: Option<Error>,
    /// The inputs that were not read to their end.
    pub unread: Vec<Unread>,
}

/// Sends all records of `chunks`.
pub(crate) async fn put_all(chunks: ParsedChunks, writer: &impl StreamWriter, options: PutOptions<'_>) -> PutOutcome {
    let began = Instant::now();
    let (positions, facts) = (chunks.positions(), chunks.facts());
    let halt = AbortSignal::under(options.interrupt);
    let (counts, sent) = Scheduler::new(writer, options, &halt).run(chunks).await;
    let summary = PutSummary {
        read: counts.read,
        accepted: sent.accepted,
        rejected: counts.rejected,
        failed: sent.failed.len() as u64,
        records: sent.records,
        bytes: sent.bytes,
        retries: sent.retries,
        ..PutSummary::default()
    };
    let stopped = counts.error.or_else(|| halt.into_reason());
    let mut summary = summary.within(began.elapsed());
    let unread = unread(positions).await;
    summary.input = InputSummary::new(&facts, counts.reasons, &unread);
    PutOutcome { summary, failed: sent.failed, stopped, unread }
}

/// Counts the unread input on a blocking thread, away from the put workers.
async fn unread(positions: Positions) -> Vec<Unread> {
    let counting = positions.clone();
    let counted = tokio::task::spawn_blocking(move || counting.unread(COUNT_LIMIT)).await;
    counted.unwrap_or_else(|_| positions.unread(Duration::ZERO))
}

/// Reads and validates the whole input and sends nothing. `accepted` counts the readings that would be sent.
pub(crate) async fn validate_only(
    mut chunks: ParsedChunks,
    options: PutOptions<'_>,
    mut estimator: Estimator,
) -> PutOutcome {
    let began = Instant::now();
    let (positions, facts) = (chunks.positions(), chunks.facts());
    let mut spares = chunks.spare_texts();
    let PutOptions { rejects, observer, max_errors, interrupt, .. } = options;
    let mut intake = Intake::new(rejects, observer, None, max_errors, None);
    loop {
        match intake.next(began) {
            Next::Reading(record) => {
                estimator.add(&record);
                spares.give(record.data);
            }
            Next::Chunk if intake.has_failed() => break,
            Next::Chunk | Next::Until(_) => {
                let chunk = tokio::select! {
                    biased;
                    () = interrupt.cancelled() => None,
                    chunk = chunks.next() => chunk,
                };
                match chunk {
                    Some(chunk) => intake.add(chunk),
                    None => break,
                }
            }
        }
    }
    let counts = intake.finish(chunks, interrupt.is_cancelled()).await;
    counts.left.iter().for_each(|record| estimator.add(record));
    let summary = PutSummary {
        read: counts.read,
        accepted: counts.read - counts.rejected,
        rejected: counts.rejected,
        ..PutSummary::default()
    };
    let mut summary = summary.within(began.elapsed());
    let unread = unread(positions).await;
    summary.input = InputSummary::new(&facts, counts.reasons, &unread);
    summary.estimate = Some(estimator.finish());
    PutOutcome { summary, failed: Vec::new(), stopped: counts.error, unread }
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
