//! A thread that reads inputs chunk by chunk and keeps the chunks that it had read when the put ends early.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::facts::SharedFacts;
use super::source::ReadProgress;
use super::spare_texts::SpareTexts;
use super::unread::Positions;
use crate::error::Error;
use crate::pipeline::Inputs;
use crate::pipeline::input::parsed_chunk::ParsedChunk;
use crate::pipeline::input::parsed_line::ParsedLine;

/// Chunks that wait between reading and sending.
const WAITING: usize = 4;
/// A reader that does not end within this waits for its input, and has handed over all that it read.
const READER_LIMIT: Duration = Duration::from_secs(1);

type Chunk = Result<ParsedChunk, Error>;

/// The chunks of inputs that are being read.
#[derive(Debug)]
pub(crate) struct ParsedChunks {
    waiting: mpsc::Receiver<Chunk>,
    /// Chunks that were read after the receiver closed; `None` once they have been taken.
    refused: Arc<Mutex<Option<Vec<Chunk>>>>,
    reader: Option<JoinHandle<()>>,
    positions: Positions,
    facts: SharedFacts,
    spare_texts: SpareTexts,
}

impl ParsedChunks {
    /// Begins to read.
    #[must_use]
    pub(crate) fn of(inputs: Inputs) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING);
        let refused = Arc::new(Mutex::new(Some(Vec::new())));
        let kept = Arc::clone(&refused);
        let (positions, facts, spare_texts) = (inputs.positions(), inputs.facts(), inputs.spare_texts());
        let reader = tokio::task::spawn_blocking(move || {
            inputs.read(|chunk| match sender.blocking_send(chunk) {
                Ok(()) => ReadProgress::Wanted,
                Err(mpsc::error::SendError(chunk)) => match kept.lock().as_mut() {
                    Some(chunks) => {
                        chunks.push(chunk);
                        ReadProgress::LastKept
                    }
                    None => ReadProgress::Refused,
                },
            });
        });
        ParsedChunks { waiting, refused, reader: Some(reader), positions, facts, spare_texts }
    }

    /// Returns what is counted while the inputs are read.
    pub(crate) fn facts(&self) -> SharedFacts {
        self.facts.clone()
    }

    /// Returns where the texts of readings go that are done with.
    pub(crate) fn spare_texts(&self) -> SpareTexts {
        self.spare_texts.clone()
    }

    /// Returns how far the inputs are read.
    pub(crate) fn positions(&self) -> Positions {
        self.positions.clone()
    }

    /// The next chunk; nothing at the end of the last input.
    pub(crate) async fn next(&mut self) -> Option<Chunk> {
        if let Some(chunk) = self.waiting.recv().await {
            return Some(chunk);
        }
        // A reader that broke is not the end of the input.
        let ended = self.reader.as_mut()?.await;
        self.reader = None;
        ended.err().map(|error| Err(Error::failed("reading the input broke").with_source(error)))
    }

    /// Ends the reading, and gives the readings that were taken from the input already: out of a pipe they cannot be had
    /// again.
    pub(crate) async fn drain(mut self) -> Vec<ParsedLine> {
        self.waiting.close();
        let mut rest = Vec::new();
        while let Some(chunk) = self.waiting.recv().await {
            rest.extend(chunk.unwrap_or_default().items);
        }
        if let Some(reader) = self.reader.take() {
            // The chunks are complete in both cases: the reader has ended, or it waits for its input.
            let _ = timeout(READER_LIMIT, reader).await;
        }
        // A chunk that comes later counts as not read.
        let refused = self.refused.lock().take();
        rest.extend(refused.into_iter().flatten().flat_map(|chunk| chunk.unwrap_or_default().items));
        rest
    }

    /// Returns the chunks of a channel, for readings that come from no input.
    pub(crate) fn from_channel(waiting: mpsc::Receiver<Chunk>) -> Self {
        ParsedChunks {
            waiting,
            refused: Arc::default(),
            reader: None,
            positions: Positions::default(),
            facts: SharedFacts::default(),
            spare_texts: SpareTexts::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::*;
    use crate::pipeline::{InputOptions, InputOrigin};

    /// Hands out what it has, then waits for a sign, then breaks.
    struct Source(io::Cursor<Vec<u8>>, std::sync::mpsc::Receiver<()>);

    impl Read for Source {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.read(into)? {
                0 => {
                    // Continues after a message, and after the sender is gone.
                    let _ = self.1.recv();
                    panic!("as if the reader had a bug")
                }
                some => Ok(some),
            }
        }
    }

    fn chunks(readings: usize) -> (ParsedChunks, std::sync::mpsc::Sender<()>) {
        let line = |time| format!("{{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":{time}}}\n");
        let text = (0..readings).map(line).collect::<Vec<_>>().concat();
        let (go_on, waits) = std::sync::mpsc::channel();
        let source = Source(io::Cursor::new(text.into_bytes()), waits);
        let inputs = Inputs::of("-", Box::new(source), &InputOptions::default()).unwrap();
        (ParsedChunks::of(inputs), go_on)
    }

    #[tokio::test]
    async fn what_was_taken_from_a_pipe_is_there_after_an_early_end() {
        let (mut chunks, _go_on) = chunks(100_000);
        let first = chunks.next().await.unwrap().unwrap().items.len();
        let rest = chunks.drain().await.len();
        // The reader stopped where it was, at the end of what it had taken from the pipe.
        assert!(first > 0 && rest > 0 && first + rest < 100_000, "{first} {rest}");
        let (mut chunks, _go_on) = super::tests::chunks(1000);
        let first = chunks.next().await.unwrap().unwrap().items.len();
        assert_eq!(first + chunks.drain().await.len(), 1000, "all of a pipe that has no more");
    }

    #[tokio::test]
    async fn what_was_handed_over_and_what_is_left_are_all_lines_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let line = |time| format!("{{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":{time}}}\n");
        let paths = ["one", "two"].map(|name| dir.path().join(name));
        for path in &paths {
            std::fs::write(path, (0..50_000).map(line).collect::<Vec<_>>().concat()).unwrap();
        }
        let origins = paths.map(InputOrigin::File);
        let mut chunks = ParsedChunks::of(Inputs::open(&origins, &InputOptions::default()).unwrap());
        let positions = chunks.positions();
        let read = chunks.next().await.unwrap().unwrap().items.len() + chunks.drain().await.len();
        let unread = positions.unread(Duration::from_secs(60));
        let lines = unread.iter().map(|unread| unread.lines.unwrap()).collect::<Vec<_>>();
        assert_eq!((unread[0].lines_read, lines[0]), (read as u64, 50_000 - read as u64));
        assert_eq!((&unread[1].origin, unread[1].lines_read, lines[1]), (&origins[1], 0, 50_000));

        let mut chunks = ParsedChunks::of(Inputs::open(&origins[..1], &InputOptions::default()).unwrap());
        let positions = chunks.positions();
        while chunks.next().await.is_some() {}
        assert_eq!(positions.unread(Duration::from_secs(60)), []);
    }

    #[tokio::test]
    async fn a_reader_that_breaks_is_no_end_of_the_input() {
        let (mut chunks, go_on) = chunks(10);
        assert_eq!(chunks.next().await.unwrap().unwrap().items.len(), 10);
        go_on.send(()).unwrap();
        let error = chunks.next().await.unwrap().unwrap_err();
        assert!(error.to_string().contains("reading the input broke"), "{error}");
        assert!(chunks.next().await.is_none());
    }
}
