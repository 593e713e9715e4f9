//! A terminal that asks its person.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::{Run, TestEnv};

/// The end of every question.
const QUESTION: &str = "[y/N] ";

impl TestEnv {
    /// Runs a command whose stdin and stderr are a terminal. When it asks, calls `meanwhile` and then answers yes. Stdout is
    /// a pipe. The stderr of the run is what the terminal shows.
    #[must_use = "assert how the command ended"]
    pub fn run_on_terminal<'a>(&self, arguments: impl IntoIterator<Item = &'a str>, meanwhile: impl FnOnce()) -> Run {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let name = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes())).to_owned();
        let terminal = || -> File {
            use std::os::unix::fs::OpenOptionsExt as _;
            let flags = i32::try_from(OFlags::NOCTTY.bits()).unwrap();
            OpenOptions::new().read(true).write(true).custom_flags(flags).open(&name).unwrap()
        };
        let mut command = self.command(arguments);
        let child = command.env("TERM", "dumb").stdin(terminal()).stderr(terminal()).stdout(Stdio::piped());
        let child = child.spawn().unwrap();
        // The parent's copies keep the terminal open.
        drop(command);
        let mut master = File::from(master);
        let (seen, shown) = mpsc::channel();
        let mut screen = master.try_clone().unwrap();
        let reading = std::thread::spawn(move || {
            let mut text = Vec::new();
            let mut buffer = [0; 4096];
            // A terminal that nobody holds any more fails.
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                text.extend_from_slice(&buffer[..count]);
                if String::from_utf8_lossy(&text).contains(QUESTION) {
                    let _ = seen.send(());
                }
            }
            String::from_utf8_lossy(&text).into_owned()
        });
        if shown.recv_timeout(Duration::from_secs(60)).is_ok() {
            meanwhile();
            master.write_all(b"y\n").unwrap();
        }
        let mut run = Run::of_child(child);
        run.stderr = reading.join().unwrap();
        run
    }
}
