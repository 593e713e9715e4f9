//! Log lines under `-vv`, on stderr like everything else that is said to a person.

use std::io;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::Output;

/// Prints the log lines of a target, from now on. The SDK's own lines are left out: they hold requests.
pub(crate) fn print_log_lines(output: &Output, target: &str) {
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_level(false)
        .with_target(false)
        .without_time()
        .with_writer(Lines(output.clone()));
    let filter = Targets::new().with_target(target, tracing::Level::INFO);
    // Fails only where a subscriber is set already, which then prints the lines.
    tracing_subscriber::registry().with(filter).with(lines).try_init().unwrap_or_default();
}

/// Writes each line through the output, which knows of progress bars and closed pipes.
struct Lines(Output);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Output;

    fn make_writer(&'a self) -> Self::Writer {
        &self.0
    }
}

impl io::Write for &Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.status(String::from_utf8_lossy(line).trim_end());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
