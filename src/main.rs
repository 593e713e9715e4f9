//! Parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    sensorctl::run(std::env::args_os())
}
