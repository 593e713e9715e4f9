//! Reads the records of failure documents again, one after the other.

use std::collections::VecDeque;

use super::dead_letter::DeadLetter;
use super::destination::FailureDocument;
use super::source_record::SourceRecord;
use super::stream_range::RangeReader;
use crate::aws::Clients;
use crate::error::Error;

/// Reads the user records of documents, in constant memory.
#[derive(Debug)]
pub(crate) struct DestinationReader<'a> {
    clients: &'a Clients,
    stream: &'a str,
    documents: VecDeque<FailureDocument>,
    open: Option<(RangeReader<'a>, FailureDocument, u64)>,
    ready: VecDeque<DeadLetter>,
    /// Records that the stream does not have any more.
    pub gone: u64,
}

impl<'a> DestinationReader<'a> {
    /// Creates a reader of documents of this stream.
    #[must_use]
    pub(crate) fn new(clients: &'a Clients, stream: &'a str, documents: Vec<FailureDocument>) -> Self {
        DestinationReader { clients, stream, documents: documents.into(), open: None, ready: VecDeque::new(), gone: 0 }
    }

    /// Returns the next user record; `None` behind the last.
    ///
    /// # Errors
    /// If the stream cannot be read.
    pub(crate) async fn next(&mut self) -> Result<Option<DeadLetter>, Error> {
        loop {
            if let Some(letter) = self.ready.pop_front() {
                return Ok(Some(letter));
            }
            let Some((reader, document, found)) = &mut self.open else {
                let Some(mut document) = self.documents.pop_front() else { return Ok(None) };
                if let Some(records) = document.payload.take() {
                    self.gone += document.records.saturating_sub(records.len() as u64);
                    take(records, &document, &mut self.ready);
                } else {
                    let reader = RangeReader::begin(self.clients, self.stream, &document).await?;
                    self.open = Some((reader, document, 0));
                }
                continue;
            };
            if let Some(records) = reader.next().await? {
                *found += records.len() as u64;
                take(records, document, &mut self.ready);
            } else {
                // Records that a filter drops are in the range, too, so there may be more than the batch had.
                self.gone += document.records.saturating_sub(*found);
                self.open = None;
            }
        }
    }
}

fn take(records: Vec<SourceRecord>, document: &FailureDocument, ready: &mut VecDeque<DeadLetter>) {
    ready.extend(records.into_iter().flat_map(|record| record.letters(&document.condition)));
}
