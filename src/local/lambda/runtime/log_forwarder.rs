//! Forwards a function's output line by line to its log group, between the platform's own lines.
//!
//! Source: docs/facts/lambda.md, Log lines.

use std::collections::VecDeque;

use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::unconstrained;

use super::process::Pipes;
use crate::lambda::permissions::LogAccess;
use crate::logs::Logs;
use crate::protocol::aws_json::now_ms;

/// Size of the log tail of `LogType=Tail`, in bytes (docs/facts/lambda.md, Invoke).
const TAIL_LIMIT: usize = 4096;
/// Limit of one log event in bytes; a longer line is split.
const LINE_LIMIT: usize = 256 * 1024 - 26;
/// Capacity of a pipe in bytes: the most that can be written but unread before another event.
const PIPE: usize = 64 * 1024;

/// The log destination of one execution environment.
pub(crate) struct Destination {
    pub logs: Logs,
    pub group: String,
    pub stream: String,
    /// Log permissions of the role.
    pub access: LogAccess,
}

impl Destination {
    /// Writes lines if the role allows it; otherwise drops them silently, as the service does.
    ///
    /// Returns whether they are stored.
    pub(crate) async fn write(&self, events: Vec<(u64, String)>, may_create_group: bool) -> bool {
        let may_create_group = may_create_group && self.access.create_group;
        self.access.write && self.logs.append(&self.group, &self.stream, events, may_create_group).await
    }
}

/// The output of one execution environment.
pub(crate) struct LogForwarder {
    commands: mpsc::Sender<Command>,
}

enum Command {
    /// Begins an invocation with an empty log tail.
    Begin(Vec<String>, LogAccess, oneshot::Sender<()>),
    /// Platform lines before the first invocation.
    Preface(Vec<String>, oneshot::Sender<()>),
    /// Platform lines after all that the function has written so far.
    Add(Vec<String>, oneshot::Sender<Vec<u8>>),
}

impl LogForwarder {
    /// Starts to read the pipes, until both are closed and this is dropped.
    pub(crate) fn start(pipes: Pipes, destination: Destination) -> Self {
        let (commands, receiver) = mpsc::channel(8);
        tokio::spawn(read(pipes, receiver, Sink { destination, tail: Tail::default() }));
        LogForwarder { commands }
    }

    /// Begins an invocation, with the role's current permissions.
    ///
    /// Returns once the lines are written: output of the function after it got the invocation follows them.
    pub(crate) async fn begin(&self, lines: Vec<String>, access: LogAccess) {
        self.ask(|written| Command::Begin(lines, access, written)).await;
    }

    /// Adds lines about the init phase.
    pub(crate) async fn preface(&self, lines: Vec<String>) {
        self.ask(|written| Command::Preface(lines, written)).await;
    }

    /// Adds lines; returns the last 4 KB written since the beginning of the invocation.
    pub(crate) async fn add(&self, lines: Vec<String>) -> Vec<u8> {
        self.ask(|tail| Command::Add(lines, tail)).await
    }

    async fn ask<T: Default>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> T {
        let (sender, answer) = oneshot::channel();
        match self.commands.send(command(sender)).await {
            Ok(()) => answer.await.unwrap_or_default(),
            // The reader has ended only by a panic; the invocation gets its response anyway.
            Err(_) => T::default(),
        }
    }
}

/// Merges output and commands in order: output written before a response comes before its last lines.
///
/// A function that never stops writing does not delay its response.
async fn read(pipes: Pipes, mut commands: mpsc::Receiver<Command>, mut sink: Sink) {
    let (mut out, mut err) = (LineReader::new(pipes.stdout), LineReader::new(pipes.stderr));
    let mut wanted = true;
    while out.is_open || err.is_open || wanted {
        let command = tokio::select! {
            () = out.fill(), if out.is_open => None,
            () = err.fill(), if err.is_open => None,
            command = commands.recv(), if wanted => {
                wanted = command.is_some();
                command
            }
        };
        if command.is_some() {
            out.catch_up();
            err.catch_up();
        }
        let mut lines = out.lines();
        lines.extend(err.lines());
        if command.is_some() {
            // A last line without a line feed counts too.
            lines.extend(out.rest());
            lines.extend(err.rest());
        }
        sink.write(lines, false).await;
        // The caller may have stopped waiting.
        match command {
            Some(Command::Begin(lines, access, written)) => {
                sink.destination.access = access;
                sink.tail.clear();
                sink.write(lines, true).await;
                written.send(()).unwrap_or_default();
            }
            Some(Command::Preface(lines, written)) => {
                sink.write(lines, true).await;
                written.send(()).unwrap_or_default();
            }
            Some(Command::Add(lines, tail)) => {
                sink.write(lines, false).await;
                tail.send(sink.tail.content()).unwrap_or_default();
            }
            None => {}
        }
    }
    let mut lines = out.rest();
    lines.extend(err.rest());
    sink.write(lines, false).await;
}

struct Sink {
    destination: Destination,
    tail: Tail,
}

impl Sink {
    /// Writes lines to the log destination.
    ///
    /// Only the first lines of an environment or invocation create a log group: a late line must not recreate a deleted
    /// one.
    async fn write(&mut self, lines: Vec<String>, may_create_group: bool) {
        if lines.is_empty() {
            return;
        }
        let now = now_ms();
        for line in &lines {
            self.tail.push(line.as_bytes());
            self.tail.push(b"\n");
        }
        // The function cannot receive an error about dropped lines.
        self.destination.write(lines.into_iter().map(|line| (now, line)).collect(), may_create_group).await;
    }
}

/// The last bytes of the log.
#[derive(Default)]
struct Tail(VecDeque<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(TAIL_LIMIT)..];
        let over = (self.0.len() + bytes.len()).saturating_sub(TAIL_LIMIT);
        self.0.drain(..over);
        self.0.extend(bytes);
    }

    fn clear(&mut self) {
        self.0.clear();
    }

    fn content(&self) -> Vec<u8> {
        self.0.iter().copied().collect()
    }
}

/// Reads a pipe line by line.
struct LineReader<R> {
    pipe: R,
    is_open: bool,
    buffer: LineBuffer,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    fn new(pipe: R) -> Self {
        LineReader { pipe, is_open: true, buffer: LineBuffer::default() }
    }

    /// Reads once.
    async fn fill(&mut self) {
        let mut chunk = [0_u8; 8192];
        match self.pipe.read(&mut chunk).await {
            Ok(0) | Err(_) => self.is_open = false,
            Ok(length) => self.buffer.push(&chunk[..length]),
        }
    }

    /// Reads all that is in the pipe now.
    fn catch_up(&mut self) {
        let before = self.buffer.taken;
        while self.is_open && self.buffer.taken - before < PIPE && unconstrained(self.fill()).now_or_never().is_some() {
        }
    }

    fn lines(&mut self) -> Vec<String> {
        self.buffer.lines()
    }

    fn rest(&mut self) -> Vec<String> {
        self.buffer.rest()
    }
}

/// Splits bytes into lines.
#[derive(Default)]
struct LineBuffer {
    pending: Vec<u8>,
    lines: Vec<String>,
    /// Bytes so far.
    taken: usize,
}

impl LineBuffer {
    fn push(&mut self, bytes: &[u8]) {
        self.taken += bytes.len();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.pending.extend_from_slice(part.strip_suffix(b"\n").unwrap_or(part));
            if part.ends_with(b"\n") || self.pending.len() >= LINE_LIMIT {
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        self.lines.push(String::from_utf8_lossy(&self.pending).into_owned());
        self.pending.clear();
    }

    fn lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// Returns all remaining lines, including a last line without a line feed.
    fn rest(&mut self) -> Vec<String> {
        if !self.pending.is_empty() {
            self.cut();
        }
        self.lines()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_are_whole_for_any_chunks() {
        let mut buffer = LineBuffer::default();
        for chunk in ["one\ntw", "o\n\nth", "ree"] {
            buffer.push(chunk.as_bytes());
        }
        assert_eq!(buffer.lines(), ["one", "two", ""]);
        assert_eq!(buffer.rest(), ["three"]);
        assert_eq!(buffer.rest(), [""; 0]);
    }

    #[test]
    fn log_line_over_the_limit_is_split() {
        let mut buffer = LineBuffer::default();
        for _ in 0..64 {
            buffer.push(&[b'x'; 8192]);
        }
        assert!(!buffer.lines().is_empty());
        assert!(buffer.pending.len() < LINE_LIMIT);
    }

    #[test]
    fn log_tail_keeps_the_last_bytes() {
        let mut tail = Tail::default();
        tail.push(&[b'a'; 5000]);
        tail.push(b"end");
        let content = tail.content();
        assert_eq!(content.len(), TAIL_LIMIT);
        assert!(content.ends_with(b"aend"));
    }
}
