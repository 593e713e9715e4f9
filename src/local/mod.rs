//! The local cloud: the services of the pipeline on one loopback port.

use std::path::Path;

use crate::aws::Target;
use crate::error::Error;

/// How to reach the local cloud that runs on this data directory.
///
/// # Errors
/// When none runs.
pub async fn running_target(_data_dir: &Path, _region: Option<&str>) -> Result<Target, Error> {
    Err(Error::failed("the local cloud is not running").hint("start it with `sensorctl local start`"))
}
