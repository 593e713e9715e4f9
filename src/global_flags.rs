//! Flags that every command takes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{ArgAction, Args, ValueHint};

use crate::output::{ColorChoice, Format};

/// Flags that every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalFlags {
    /// Name of this copy of the pipeline, appended to every resource name as `-NAME`
    #[arg(long, global = true, value_name = "NAME", env = "SENSORCTL_STAGE")]
    pub stage: Option<String>,
    /// Settings file [default: sensorctl.toml, if it exists]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath, env = "SENSORCTL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Change one setting, named as in the settings file: `--set stream.shards=2` (repeatable)
    #[arg(long, global = true, value_name = "KEY=VALUE", value_hint = ValueHint::Other)]
    pub set: Vec<String>,
    /// AWS profile for credentials and region
    #[arg(long, global = true, value_name = "NAME", value_hint = ValueHint::Other, env = "SENSORCTL_PROFILE")]
    pub profile: Option<String>,
    /// AWS region
    #[arg(long, global = true, value_name = "NAME", env = "SENSORCTL_REGION")]
    pub region: Option<String>,
    /// Send every AWS call to this address
    #[arg(long, global = true, value_name = "URL", env = "SENSORCTL_ENDPOINT_URL")]
    pub endpoint_url: Option<String>,
    /// Use the local cloud of this user instead of AWS
    #[arg(long, global = true, env = "SENSORCTL_LOCAL", value_parser = clap::builder::BoolishValueParser::new())]
    pub local: bool,
    /// Format of the data on stdout
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", default_value_t, env = "SENSORCTL_OUTPUT")]
    pub output: Format,
    /// Print errors only
    #[arg(short, long, global = true, env = "SENSORCTL_QUIET", value_parser = clap::builder::BoolishValueParser::new())]
    pub quiet: bool,
    /// Print more detail; twice: every AWS call with attempt, time and request id
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// When to use color
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t, env = "SENSORCTL_COLOR")]
    pub color: ColorChoice,
    /// Which of the flags above were set by the environment.
    #[arg(skip)]
    pub from_environment: BTreeSet<&'static str>,
}
