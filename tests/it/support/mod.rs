//! A hermetic home: own HOME, own data directory, no AWS settings of the person who runs the tests, any free port.

mod answerer;
mod neighbour;
mod signing;
mod stranger;
mod thing;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub use answerer::{ACCOUNT, Answerer, Saying};
pub use neighbour::{Neighbour, form};
pub use stranger::{Seen, Stranger};
pub use thing::Thing;

/// A home of its own; its local cloud is stopped when it goes.
pub struct Home {
    dir: TempDir,
}

/// How a run ended.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    pub fn new() -> Self {
        Home { dir: tempfile::tempdir().unwrap() }
    }

    /// A home whose local cloud runs.
    pub fn with_local_cloud() -> Self {
        let home = Home::new();
        home.run(["local", "start", "--port", "0"]).succeeded();
        home
    }

    /// A home whose pipeline is up.
    pub fn with_pipeline() -> Self {
        let home = Home::with_local_cloud();
        home.run(["up", "--local"]).succeeded();
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `sensorctl` with nothing of the outside but PATH.
    pub fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sensorctl"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("SENSORCTL_DATA_DIR", self.path("data"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    #[must_use = "look at how the run ended"]
    pub fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Run {
        Run::of(&self.command(arguments).output().unwrap())
    }

    /// A run that reads `input` from stdin.
    #[must_use = "look at how the run ended"]
    pub fn run_with_input<'a>(&self, arguments: impl IntoIterator<Item = &'a str>, input: &[u8]) -> Run {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Run::of(&child.wait_with_output().unwrap())
    }

    pub fn spawn<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// The endpoint and keys of the running local cloud.
    pub fn endpoint(&self) -> Value {
        self.announced().unwrap()
    }

    /// As [`Home::endpoint`], if a local cloud has announced itself.
    pub fn announced(&self) -> Option<Value> {
        let text = std::fs::read(self.path("data").join("endpoint.json")).ok()?;
        Some(serde_json::from_slice(&text).unwrap())
    }

    /// Waits until `status` finds everything well: a mapping says so after its next look at the stream only.
    #[track_caller]
    pub fn becomes_healthy(&self) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let run = self.run(["status", "--local", "-o", "json"]);
            if run.code == 0 {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{}{}", run.stdout, run.stderr);
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }

    /// Rows of the table of readings once there are that many, by sensor and time.
    pub fn rows(&self, count: usize) -> Vec<Value> {
        self.rows_with(|rows| rows.len() >= count)
    }

    /// Rows of the table of readings once they are as wanted.
    pub fn rows_with(&self, are_all: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let run = self.run(["scan", "--local", "--consistent", "-o", "ndjson"]).succeeded();
            let rows: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            if are_all(&rows) {
                return rows;
            }
            assert!(std::time::Instant::now() < deadline, "still {} rows, and not all that were wanted", rows.len());
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // The folder is about to go; a cloud that outlived its test would hold a port for ever.
        let _ = self.command(["local", "stop"]).output();
    }
}

impl Run {
    pub fn of(output: &Output) -> Self {
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub fn succeeded(self) -> Self {
        self.exited(0)
    }

    #[track_caller]
    pub fn exited(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Asserts that stderr says all of this.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "no `{part}` in: {}", self.stderr);
        }
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
