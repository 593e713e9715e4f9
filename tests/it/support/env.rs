//! A hermetic environment: own HOME, own data directory, any free port, and no AWS settings of the person who runs the
//! tests.

use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{ApiClient, Run, eventually};

/// A throw-away home directory with its local cloud, which stops when the value is dropped.
pub struct TestEnv {
    dir: TempDir,
}

impl TestEnv {
    pub fn new() -> Self {
        TestEnv { dir: tempfile::tempdir().unwrap() }
    }

    /// Creates an environment whose local cloud runs.
    pub fn with_local_cloud() -> Self {
        let env = TestEnv::new();
        env.run(["local", "start", "--port", "0"]).assert_success();
        env
    }

    /// Creates an environment whose pipeline is up.
    pub fn with_pipeline() -> Self {
        let env = TestEnv::with_local_cloud();
        env.run(["up", "--local"]).assert_success();
        env
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Returns a `sensorctl` command that inherits only PATH.
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

    #[must_use = "assert how the command ended"]
    pub fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Run {
        Run::of(&mut self.command(arguments))
    }

    /// Runs a command with more environment variables.
    #[must_use = "assert how the command ended"]
    pub fn run_with_env<'a>(&self, arguments: impl IntoIterator<Item = &'a str>, variables: &[(&str, &str)]) -> Run {
        Run::of(self.command(arguments).envs(variables.iter().copied()))
    }

    /// Runs a command that reads `input` from stdin.
    #[must_use = "assert how the command ended"]
    pub fn run_with_input<'a>(&self, arguments: impl IntoIterator<Item = &'a str>, input: &[u8]) -> Run {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Run::of_child(child)
    }

    pub fn spawn<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// Runs a command until the `n`th call of an operation took effect and its response hangs, and kills it there. Returns
    /// false where the command ended without that call.
    #[must_use = "assert whether the command was killed"]
    #[track_caller]
    pub fn kill_at_call<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a str>,
        api: &ApiClient,
        call: &str,
        n: u64,
    ) -> bool {
        api.set_faults(&format!("{call}=hang@#{n}"));
        let mut child = self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let observe = || {
            let has_ended = child.try_wait().unwrap().is_some();
            (api.has_hung_call(), has_ended)
        };
        let (has_hung, _) = eventually("the call hangs or the command ends", observe, |(hung, ended)| *hung || *ended);
        // Succeeds also where the command has ended.
        child.kill().unwrap();
        child.wait().unwrap();
        api.set_faults("");
        has_hung
    }

    /// Returns the bundled function's zip with one more file in it: the same program under another sha256.
    pub fn rebuilt_function_zip(&self) -> Vec<u8> {
        self.run(["export", "function-zip", "bundled.zip"]).assert_success();
        let bundled = std::fs::read(self.path("bundled.zip")).unwrap();
        let mut zip = ZipWriter::new_append(Cursor::new(bundled)).unwrap();
        zip.start_file("notes", SimpleFileOptions::default()).unwrap();
        zip.finish().unwrap().into_inner()
    }

    /// Returns the endpoint and keys of the running local cloud.
    pub fn endpoint(&self) -> Value {
        self.endpoint_file().unwrap()
    }

    /// Returns the endpoint file, if there is one: a killed local cloud leaves its own behind.
    pub fn endpoint_file(&self) -> Option<Value> {
        let text = std::fs::read(self.path("data").join("endpoint.json")).ok()?;
        Some(serde_json::from_slice(&text).unwrap())
    }

    /// Waits until `status` reports a healthy pipeline: an event source mapping recovers only with its next poll.
    #[track_caller]
    pub fn wait_until_healthy(&self) {
        let status = || self.run(["status", "--local", "-o", "json"]);
        eventually("`status` succeeds", status, |run| run.code == 0);
    }

    /// Waits until the event source mapping's last processing result is accepted, and returns it.
    #[track_caller]
    pub fn wait_for_mapping_result(&self, expected: &str, accepts: impl Fn(&str) -> bool) -> String {
        let result = || {
            let status = self.run(["status", "--local", "-o", "json"]).json();
            status["mapping"]["last_processing_result"].as_str().unwrap().to_owned()
        };
        eventually(&format!("the last processing result is {expected}"), result, |result| accepts(result))
    }

    /// Waits until the table of readings has at least `count` rows, and returns all.
    #[track_caller]
    pub fn rows(&self, count: usize) -> Vec<Value> {
        self.rows_with(|rows| rows.len() >= count)
    }

    /// Waits until the rows of the table of readings are accepted, and returns them.
    #[track_caller]
    pub fn rows_with(&self, accepts: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let scan = || {
            let run = self.run(["scan", "--local", "--consistent", "-o", "ndjson"]).assert_success();
            let rows: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            (rows.len(), rows)
        };
        eventually("the table has the expected rows", scan, |(_, rows)| accepts(rows)).1
    }
}

impl Drop for TestEnv {
    fn drop(&mut self) {
        // The directory is deleted next; a local cloud that outlived its test would keep its port forever.
        let _ = self.command(["local", "stop"]).output();
    }
}
