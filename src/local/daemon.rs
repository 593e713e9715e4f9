//! tmp
use crate::aws::Target;
use crate::error::Error;
use std::path::Path;
pub(crate) async fn running_target(_data_dir: &Path, _region: Option<&str>) -> Result<Target, Error> {
    Err(Error::failed("the local cloud is not running").hint("start it with `sensorctl local start`"))
}
