//! What the user wants: flags, environment, file and defaults, in this order, as one value.

use std::path::PathBuf;

use crate::cli::Global;
use crate::error::Error;

/// Everything that can be set, settled.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Appended to every resource name as `-NAME`.
    pub stage: Option<String>,
    /// AWS profile.
    pub profile: Option<String>,
    /// AWS region.
    pub region: Option<String>,
    /// Address that stands in for AWS.
    pub endpoint_url: Option<String>,
    /// Use the local cloud of this user.
    pub local: bool,
    /// Where the local cloud keeps its state.
    pub data_dir: PathBuf,
    /// The resources of the pipeline.
    pub pipeline: Pipeline,
}

/// The resources of a pipeline, with the names of the walkthrough as defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// Table of readings.
    pub table: String,
    /// Table of rejected readings.
    pub rejects_table: String,
    /// Kinesis stream.
    pub stream: String,
    /// Open shards of the stream.
    pub shards: i32,
    /// Role of the function.
    pub role: String,
    /// Function.
    pub function: String,
    /// Memory of the function in MB.
    pub memory_mb: i32,
    /// The function's time limit in seconds.
    pub timeout_seconds: i32,
    /// Records a batch of the event source mapping holds at most.
    pub batch_size: i32,
    /// Batches of one shard that are processed at the same time.
    pub parallelization: i32,
    /// Days that the function's log is kept.
    pub log_retention_days: i32,
    /// Days that a rejected reading is kept.
    pub rejects_retention_days: i32,
}

impl Pipeline {
    /// The defaults, with the stage appended to every name.
    #[must_use]
    pub fn named(stage: Option<&str>) -> Self {
        let name = |base: &str| stage.map_or_else(|| base.to_owned(), |stage| format!("{base}-{stage}"));
        Pipeline {
            table: name("SensorData"),
            rejects_table: name("SensorDataRejects"),
            stream: name("temperature-sensor-data"),
            shards: 1,
            role: name("kinesis-lambda-dynamodb"),
            function: name("ProcessKinesisRecords"),
            memory_mb: 256,
            timeout_seconds: 60,
            batch_size: 1000,
            parallelization: 1,
            log_retention_days: 14,
            rejects_retention_days: 30,
        }
    }

    /// The log group that Lambda writes the function's log to.
    #[must_use]
    pub fn log_group(&self) -> String {
        format!("/aws/lambda/{}", self.function)
    }
}

impl Settings {
    /// Settles all settings.
    ///
    /// # Errors
    /// When a value is out of its range.
    pub fn resolve(global: &Global) -> Result<Self, Error> {
        let stage = global.stage.clone().filter(|stage| !stage.is_empty());
        if let Some(stage) = &stage {
            check_stage(stage)?;
        }
        Ok(Settings {
            profile: global.profile.clone(),
            region: global.region.clone(),
            endpoint_url: global.endpoint_url.clone(),
            local: global.local,
            data_dir: data_dir()?,
            pipeline: Pipeline::named(stage.as_deref()),
            stage,
        })
    }
}

/// A stage goes into names of every service; the function's (64 of `[a-zA-Z0-9-_]`) is the narrowest.
fn check_stage(stage: &str) -> Result<(), Error> {
    let fits = stage.len() <= 32
        && stage.chars().all(|character| character.is_ascii_alphanumeric() || character == '-' || character == '_');
    if fits {
        return Ok(());
    }
    Err(Error::usage(format!("`{stage}` cannot be a stage"))
        .hint("a stage has at most 32 letters, digits, hyphens and underscores"))
}

/// `SENSORCTL_DATA_DIR`, else the platform's state directory.
fn data_dir() -> Result<PathBuf, Error> {
    if let Some(path) = std::env::var_os("SENSORCTL_DATA_DIR").filter(|path| !path.is_empty()) {
        return Ok(PathBuf::from(path));
    }
    dirs::state_dir().or_else(dirs::data_local_dir).map(|dir| dir.join("sensorctl")).ok_or_else(|| {
        Error::usage("no home directory to keep the local cloud's state in").hint("set SENSORCTL_DATA_DIR to a folder")
    })
}
