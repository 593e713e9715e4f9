//! What a function writes, line by line into its log group, between the platform's own lines (facts: B5).

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{mpsc, oneshot};

use super::names::LATEST;
use super::permissions::LogAccess;
use super::process::Pipes;
use super::state::Logging;
use crate::local::logs::Logs;

/// Bytes of `LogType=Tail` (facts: B6).
const TAIL_LIMIT: usize = 4096;
/// Bytes of one log event; a longer line is cut into several.
const LINE_LIMIT: usize = 256 * 1024 - 26;
/// A function that never stops writing must not keep its answer back.
const SETTLE: Duration = Duration::from_millis(250);

/// Where the lines of one execution environment go.
pub(super) struct Destination {
    pub logs: Logs,
    pub group: String,
    pub stream: String,
    /// What the role allows.
    pub access: LogAccess,
}

impl Destination {
    /// Writes lines, as far as the role allows it; without a word where it does not, as the service does.
    pub(super) fn write(&self, events: Vec<(u64, String)>, may_create_group: bool) {
        if self.access.write {
            self.logs.append(&self.group, &self.stream, events, may_create_group && self.access.create_group);
        }
    }
}

/// The output of one execution environment.
pub(super) struct LogLines {
    commands: mpsc::Sender<Command>,
}

enum Command {
    /// An invocation begins: its tail starts empty.
    Begin(Vec<String>, oneshot::Sender<()>),
    /// A line of the platform, after everything that the function has written so far.
    Platform(Vec<String>, oneshot::Sender<Vec<u8>>),
}

impl LogLines {
    /// Starts reading the pipes, until both are closed and this is dropped.
    pub(super) fn start(pipes: Pipes, destination: Destination) -> Self {
        let (commands, receiver) = mpsc::channel(8);
        tokio::spawn(read(pipes, receiver, Sink { destination, tail: Tail::default() }));
        LogLines { commands }
    }

    /// Marks the beginning of an invocation.
    ///
    /// Returns once the lines are written: what the function writes after it has got the invocation would otherwise
    /// be read first, because output comes before commands, and be missing from the tail.
    pub(super) async fn begin(&self, lines: Vec<String>) {
        let (sender, written) = oneshot::channel();
        let asked = self.commands.send(Command::Begin(lines, sender));
        let answered = async {
            asked.await.ok()?;
            written.await.ok()
        };
        // A function that never stops writing in the background must not keep its own invocation back either.
        tokio::time::timeout(SETTLE, answered).await.unwrap_or_default();
    }

    /// Marks its end; gives the last 4 KB of what was written since its beginning.
    pub(super) async fn end(&self, lines: Vec<String>) -> Vec<u8> {
        let (sender, tail) = oneshot::channel();
        let asked = self.commands.send(Command::Platform(lines, sender));
        let answered = async {
            asked.await.ok()?;
            tail.await.ok()
        };
        tokio::time::timeout(SETTLE, answered).await.ok().flatten().unwrap_or_default()
    }
}

/// Output comes before commands: what was written before an answer was sent is read before the answer's last lines.
async fn read(mut pipes: Pipes, mut commands: mpsc::Receiver<Command>, mut sink: Sink) {
    let (mut out, mut err) = (LineBuffer::default(), LineBuffer::default());
    let (mut out_open, mut err_open, mut wanted) = (true, true, true);
    while out_open || err_open || wanted {
        tokio::select! {
            biased;
            open = out.fill(&mut pipes.stdout), if out_open => out_open = open,
            open = err.fill(&mut pipes.stderr), if err_open => err_open = open,
            command = commands.recv(), if wanted => match command {
                Some(Command::Begin(lines, written)) => {
                    // The rest of what an earlier invocation wrote is not this one's.
                    let mut late = out.rest();
                    late.extend(err.rest());
                    sink.write(late, false);
                    sink.tail.clear();
                    sink.write(lines, true);
                    // Whoever waited may have given up.
                    written.send(()).unwrap_or_default();
                }
                Some(Command::Platform(lines, tail)) => {
                    let mut all = out.rest();
                    all.extend(err.rest());
                    all.extend(lines);
                    sink.write(all, false);
                    tail.send(sink.tail.content()).unwrap_or_default();
                }
                None => wanted = false,
            },
        }
        let mut lines = out.lines();
        lines.extend(err.lines());
        sink.write(lines, false);
    }
    let mut lines = out.rest();
    lines.extend(err.rest());
    sink.write(lines, false);
}

struct Sink {
    destination: Destination,
    tail: Tail,
}

impl Sink {
    /// Only the first line of an invocation makes a log group: a late line must not bring a deleted one back.
    fn write(&mut self, lines: Vec<String>, may_create_group: bool) {
        if lines.is_empty() {
            return;
        }
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        for line in &lines {
            self.tail.push(line.as_bytes());
            self.tail.push(b"\n");
        }
        self.destination.write(lines.into_iter().map(|line| (now, line)).collect(), may_create_group);
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

/// Cuts bytes into lines.
#[derive(Default)]
struct LineBuffer {
    pending: Vec<u8>,
    lines: Vec<String>,
}

impl LineBuffer {
    /// Reads once; false at the end.
    async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin)) -> bool {
        let mut chunk = [0_u8; 8192];
        match from.read(&mut chunk).await {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.push(&chunk[..length]);
                true
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
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

    /// All that is there, also a last line without its line feed.
    fn rest(&mut self) -> Vec<String> {
        if !self.pending.is_empty() {
            self.cut();
        }
        self.lines()
    }
}

/// What the platform says of an invocation.
pub(super) struct Report {
    pub duration: Duration,
    pub init: Option<Duration>,
    pub memory_size_mb: u64,
    pub max_memory_mb: u64,
    /// `timeout` or `error`, with the kind of error, when it did not end well.
    pub status: Option<(&'static str, Option<String>)>,
}

/// The line before the function's own.
pub(super) fn start_line(logging: &Logging, request_id: &str) -> String {
    if logging.format == "JSON" {
        return platform(logging, "platform.start", &json!({"requestId": request_id, "version": LATEST}));
    }
    format!("START RequestId: {request_id} Version: {LATEST}")
}

/// The lines after the function's own.
pub(super) fn end_lines(logging: &Logging, request_id: &str, report: &Report) -> Vec<String> {
    let duration = milliseconds(report.duration);
    let billed = (report.duration + report.init.unwrap_or_default()).as_nanos().div_ceil(1_000_000);
    if logging.format == "JSON" {
        let mut metrics = json!({"durationMs": duration, "billedDurationMs": billed,
            "memorySizeMB": report.memory_size_mb, "maxMemoryUsedMB": report.max_memory_mb});
        if let Some(init) = report.init {
            metrics["initDurationMs"] = json!(milliseconds(init));
        }
        let status = report.status.as_ref().map_or("success", |(status, _)| status);
        let record = json!({"requestId": request_id, "metrics": metrics, "status": status});
        return vec![platform(logging, "platform.report", &record)];
    }
    let (memory, used) = (report.memory_size_mb, report.max_memory_mb);
    let mut fields = vec![
        format!("REPORT RequestId: {request_id}"),
        format!("Duration: {duration:.2} ms"),
        format!("Billed Duration: {billed} ms"),
        format!("Memory Size: {memory} MB"),
        format!("Max Memory Used: {used} MB"),
    ];
    if let Some(init) = report.init {
        fields.push(format!("Init Duration: {:.2} ms", milliseconds(init)));
    }
    // Every field ends with a tab in the service's line; only a status, which comes last, does not.
    fields.push(report.status.as_ref().map(|(status, _)| format!("Status: {status}")).unwrap_or_default());
    if let Some((_, Some(kind))) = &report.status {
        fields.push(format!("Error Type: {kind}"));
    }
    let line = fields.join("\t");
    vec![format!("END RequestId: {request_id}"), line]
}

fn platform(logging: &Logging, kind: &str, record: &Value) -> String {
    let level = logging.system_level.as_deref().unwrap_or("INFO");
    json!({"time": Timestamp::now().to_string(), "type": kind, "level": level, "record": record}).to_string()
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Logging {
        Logging { format: "Text".into(), group: "/g".into(), application_level: None, system_level: None }
    }

    #[test]
    fn the_report_has_the_form_of_the_service() {
        let report = Report {
            duration: Duration::from_micros(1_230),
            init: Some(Duration::from_micros(40_100)),
            memory_size_mb: 128,
            max_memory_mb: 30,
            status: None,
        };
        assert_eq!(
            end_lines(&text(), "id", &report),
            [
                "END RequestId: id",
                "REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 42 ms\tMemory Size: 128 MB\t\
                 Max Memory Used: 30 MB\tInit Duration: 40.10 ms\t"
            ]
        );
        assert_eq!(start_line(&text(), "id"), "START RequestId: id Version: $LATEST");
    }

    #[test]
    fn lines_are_whole_whatever_the_chunks() {
        let mut buffer = LineBuffer::default();
        for chunk in ["one\ntw", "o\n\nth", "ree"] {
            buffer.push(chunk.as_bytes());
        }
        assert_eq!(buffer.lines(), ["one", "two", ""]);
        assert_eq!(buffer.rest(), ["three"]);
        assert_eq!(buffer.rest(), [""; 0]);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let mut buffer = LineBuffer::default();
        for _ in 0..64 {
            buffer.push(&[b'x'; 8192]);
        }
        assert!(!buffer.lines().is_empty());
        assert!(buffer.pending.len() < LINE_LIMIT);
    }

    #[test]
    fn the_tail_keeps_the_last_bytes() {
        let mut tail = Tail::default();
        tail.push(&[b'a'; 5000]);
        tail.push(b"end");
        let content = tail.content();
        assert_eq!(content.len(), TAIL_LIMIT);
        assert!(content.ends_with(b"aend"));
    }
}
