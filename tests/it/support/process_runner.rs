//! Runs `sensorctl` as a process.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Run, Runner, Sandbox, eventually, search_path};

/// An environment whose commands and local cloud are processes.
pub type TestEnv = Sandbox<ProcessRunner>;

/// A runner of `sensorctl` processes.
pub struct ProcessRunner {
    home: PathBuf,
}

impl ProcessRunner {
    /// Returns a `sensorctl` command that inherits nothing but PATH.
    fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sensorctl"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", search_path())
            .env("HOME", &self.home)
            .env("SENSORCTL_DATA_DIR", self.home.join("data"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

impl Runner for ProcessRunner {
    fn new(home: &Path) -> Self {
        ProcessRunner { home: home.to_owned() }
    }

    fn start_local_cloud(&mut self) {
        self.run(&["local", "start", "--port", "0"]).assert_success();
    }

    fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&mut self.command(arguments.iter().copied()))
    }

    fn kill_when(&self, arguments: &[&str], is_due: impl Fn() -> bool) -> bool {
        let mut command = self.command(arguments.iter().copied());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let observe = || {
            let has_ended = child.try_wait().unwrap().is_some();
            (is_due(), has_ended)
        };
        let (was_due, _) = eventually("a kill is due or the command ends", observe, |(due, ended)| *due || *ended);
        // Succeeds even if the command has ended.
        child.kill().unwrap();
        child.wait().unwrap();
        was_due
    }
}

impl Drop for ProcessRunner {
    fn drop(&mut self) {
        // The directory is deleted next. A local cloud that outlived its test would keep its port forever.
        let _ = self.command(["local", "stop"]).output();
    }
}

impl Sandbox<ProcessRunner> {
    /// Returns a `sensorctl` command that inherits nothing but PATH.
    pub fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        self.runner().command(arguments)
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
}
