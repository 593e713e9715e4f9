//! A hermetic environment: own HOME, own data directory, any free port, and none of the AWS settings of the person who
//! runs the tests. The integration tests run `sensorctl` in it as a process, the unit tests of `commands` inside the
//! test.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{ApiClient, Run, eventually};

/// A way to run `sensorctl`.
pub trait Runner {
    /// Creates a runner whose commands have `home` as their HOME and working directory.
    fn new(home: &Path) -> Self;

    /// Starts the local cloud, which ends when the runner is dropped.
    fn start_local_cloud(&mut self);

    /// Runs a command to its end.
    fn run(&self, arguments: &[&str]) -> Run;

    /// Runs a command and kills it as soon as `is_due`. Returns false if the command ended before that.
    fn kill_when(&self, arguments: &[&str], is_due: impl Fn() -> bool) -> bool;
}

/// A throw-away home directory with its local cloud, which stops when the value is dropped.
pub struct Sandbox<R> {
    // Dropped first: the directory must not be in use when it is deleted.
    runner: R,
    dir: TempDir,
}

impl<R: Runner> Sandbox<R> {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Sandbox { runner: R::new(dir.path()), dir }
    }

    /// Creates an environment with a running local cloud.
    pub fn with_local_cloud() -> Self {
        let mut env = Self::new();
        env.runner.start_local_cloud();
        env
    }

    /// Creates an environment with a pipeline that is up.
    pub fn with_pipeline() -> Self {
        let env = Self::with_local_cloud();
        env.run(["up", "--local"]).assert_success();
        env
    }

    pub fn runner(&self) -> &R {
        &self.runner
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[must_use = "assert how the command ended"]
    pub fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Run {
        self.runner.run(&arguments.into_iter().collect::<Vec<_>>())
    }

    /// Runs a command until the `n`th call of an operation took effect and its response hangs, and kills it there.
    /// Returns false if the command ended without that call.
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
        let arguments: Vec<_> = arguments.into_iter().collect();
        let was_killed = self.runner.kill_when(&arguments, || api.has_hung_call());
        api.set_faults("");
        was_killed
    }

    /// Returns the zip of the function that this `sensorctl` bundles.
    pub fn bundled_function_zip(&self) -> Vec<u8> {
        let path = self.path("bundled.zip");
        self.run(["export", "function-zip", "--force", path.to_str().unwrap()]).assert_success();
        std::fs::read(path).unwrap()
    }

    /// Returns the bundled function's zip with one more file in it: the same program under another sha256.
    pub fn rebuilt_function_zip(&self) -> Vec<u8> {
        let mut zip = ZipWriter::new_append(Cursor::new(self.bundled_function_zip())).unwrap();
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

    /// Returns the kinds that `plan` would change, each with the names of its changed properties.
    #[track_caller]
    pub fn planned_changes(&self) -> Vec<(String, Vec<String>)> {
        let plan = self.run(["plan", "--local", "-o", "json"]).assert_success().json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let is_change = |resource: &&Value| resource["action"] != "none" && resource["action"] != "keep";
        let changed = plan["resources"].as_array().unwrap().iter().filter(is_change);
        let properties = |resource: &Value| {
            let list = resource["changes"].as_array().into_iter().flatten();
            list.map(|change| text(&change["property"])).collect::<Vec<_>>()
        };
        changed.map(|resource| (text(&resource["kind"]), properties(resource))).collect()
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
