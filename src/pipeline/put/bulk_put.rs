//! Puts many readings into the stream, or checks them, and counts the results.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::abort_signal::AbortSignal;
use super::put_options::PutOptions;
use super::scheduler::Scheduler;
use super::stream_writer::StreamWriter;
use crate::error::Error;
use crate::pipeline::input::parsed_line::ParsedLine;
use crate::pipeline::input::unread::{COUNT_LIMIT, Positions};
use crate::pipeline::{InputSummary, ParsedChunks, PutEvent, PutSummary, Record, Unread};

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

/// Reads and validates the whole input and sends nothing. `accepted` counts the records that would be sent.
pub(crate) async fn validate_only(mut chunks: ParsedChunks, mut plan: PutOptions<'_>) -> PutOutcome {
    let began = Instant::now();
    let (positions, facts) = (chunks.positions(), chunks.facts());
    let mut summary = PutSummary::default();
    let mut reasons = BTreeMap::new();
    let mut stopped = None;
    while let Some(chunk) = tokio::select! {
        biased;
        () = plan.interrupt.cancelled() => None,
        chunk = chunks.next() => chunk,
    } {
        let result = chunk.and_then(|items| {
            for item in items.items {
                summary.read += 1;
                match item {
                    ParsedLine::Ready(_) => summary.accepted += 1,
                    ParsedLine::Rejected(rejection) => {
                        summary.rejected += 1;
                        *reasons.entry(rejection.code).or_default() += 1;
                        plan.observer.on(&PutEvent::Rejected(&rejection));
                        plan.rejects.as_mut().map_or(Ok(()), |file| file.write(&rejection))?;
                    }
                }
            }
            Ok(())
        });
        if let Err(error) = result {
            stopped = Some(error);
            break;
        }
    }
    drop(chunks);
    let mut summary = summary.within(began.elapsed());
    let unread = unread(positions).await;
    summary.input = InputSummary::new(&facts, reasons, &unread);
    PutOutcome { summary, failed: Vec::new(), stopped, unread }
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
