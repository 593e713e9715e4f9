//! Reads the records of failure documents again, one after the other.

use std::collections::{BTreeSet, HashSet, VecDeque};

use super::dead_letter::{DeadLetter, DeadLetterId};
use super::destination::FailureDocument;
use super::source_record::SourceRecord;
use super::stream_range::RangeReader;
use super::table::DeadLetterTable;
use crate::aws::Clients;
use crate::error::Error;

/// Reads the user records of documents, a page at a time.
#[derive(Debug)]
pub(crate) struct DestinationReader<'a> {
    clients: &'a Clients,
    stream: &'a str,
    documents: VecDeque<FailureDocument>,
    open: Option<(RangeReader<'a>, FailureDocument, u64)>,
    ready: VecDeque<DeadLetter>,
    /// The dead-letter table, if user records are looked up there.
    letters: Option<DeadLetterTable<'a>>,
    /// Those of the last page that it holds.
    held: HashSet<DeadLetterId>,
    /// Records that the stream does not have any more.
    pub gone: u64,
}

impl<'a> DestinationReader<'a> {
    /// Creates a reader of documents of this stream.
    #[must_use]
    pub(crate) fn new(clients: &'a Clients, stream: &'a str, documents: Vec<FailureDocument>) -> Self {
        DestinationReader {
            clients,
            stream,
            documents: documents.into(),
            open: None,
            ready: VecDeque::new(),
            letters: None,
            held: HashSet::new(),
            gone: 0,
        }
    }

    /// Looks up each user record in the dead-letter table, where the function may have put it before its batch was given up.
    #[must_use]
    pub(crate) fn with_dead_letters(self, letters: DeadLetterTable<'a>) -> Self {
        DestinationReader { letters: Some(letters), ..self }
    }

    /// Returns whether the dead-letter table holds the user record that was returned last.
    #[must_use]
    pub(crate) fn is_held(&self, id: &DeadLetterId) -> bool {
        self.held.contains(id)
    }

    async fn take(&mut self, records: Vec<SourceRecord>, condition: &str) -> Result<(), Error> {
        self.ready = records.into_iter().flat_map(|record| record.letters(condition)).collect();
        if let Some(letters) = self.letters.filter(|_| !self.ready.is_empty()) {
            let ids: BTreeSet<_> = self.ready.iter().map(|letter| letter.id.clone()).collect();
            self.held = letters.held(&ids.into_iter().collect::<Vec<_>>()).await?;
        }
        Ok(())
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
                    self.take(records, &document.condition).await?;
                } else {
                    let reader = RangeReader::begin(self.clients, self.stream, &document).await?;
                    self.open = Some((reader, document, 0));
                }
                continue;
            };
            if let Some(records) = reader.next().await? {
                *found += records.len() as u64;
                let condition = document.condition.clone();
                self.take(records, &condition).await?;
            } else {
                // Records that a filter drops are in the range, too, so there may be more than the batch had.
                self.gone += document.records.saturating_sub(*found);
                self.open = None;
            }
        }
    }
}
