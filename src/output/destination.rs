//! Where data and lines go: stdout and stderr of this process, or the memory of a test.

use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

#[cfg(test)]
pub(crate) use captured::Captured;

/// The two streams that a command writes.
#[derive(Clone, Debug, Default)]
pub(super) enum Destination {
    /// stdout and stderr.
    #[default]
    Process,
    /// Memory that a test reads.
    #[cfg(test)]
    Captured(Captured),
}

impl Destination {
    /// Writes data for stdout, and flushes it.
    pub(super) fn data(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Destination::Process => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            }
            #[cfg(test)]
            Destination::Captured(captured) => {
                captured.push(bytes, b"");
                Ok(())
            }
        }
    }

    /// Returns whether stdout is a pipe or socket that nobody reads any more.
    pub(super) fn has_no_reader(&self) -> bool {
        match self {
            Destination::Process => {
                let stdout = io::stdout();
                // Of a pipe, an error means that its other end was closed. Nothing else is asked for.
                let mut looked_at = [PollFd::new(&stdout, PollFlags::empty())];
                let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
                poll(&mut looked_at, Some(&at_once)).is_ok()
                    && looked_at[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
            }
            #[cfg(test)]
            Destination::Captured(_) => false,
        }
    }

    /// Writes a line for stderr.
    pub(super) fn line(&self, line: &str) {
        match self {
            // A write to a closed stderr has no reader to report it to.
            Destination::Process => drop(writeln!(io::stderr().lock(), "{line}")),
            #[cfg(test)]
            Destination::Captured(captured) => captured.push(b"", format!("{line}\n").as_bytes()),
        }
    }
}

#[cfg(test)]
mod captured {
    use std::sync::Arc;

    use parking_lot::Mutex;

    /// The captured stdout and stderr of a command; clones share them.
    #[derive(Clone, Debug, Default)]
    pub struct Captured(Arc<Mutex<(Vec<u8>, Vec<u8>)>>);

    impl Captured {
        pub(super) fn push(&self, to_stdout: &[u8], to_stderr: &[u8]) {
            let mut streams = self.0.lock();
            streams.0.extend_from_slice(to_stdout);
            streams.1.extend_from_slice(to_stderr);
        }

        /// Returns what was written to stdout and to stderr.
        pub fn texts(&self) -> (String, String) {
            let streams = self.0.lock();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (text(&streams.0), text(&streams.1))
        }
    }
}
