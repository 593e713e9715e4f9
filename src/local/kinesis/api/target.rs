//! The stream that a request targets: by name, by ARN or by both.

use serde::Deserialize;

use crate::kinesis::Kinesis;
use crate::kinesis::validation::{Checks, invalid};
use crate::protocol::aws_json::ServiceError;

/// The members that name a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Target {
    pub stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
}

/// A request whose only member is the target stream.
#[derive(Debug, Deserialize)]
pub(crate) struct OnlyTarget {
    #[serde(flatten)]
    pub target: Target,
}

impl Kinesis {
    /// Returns the name of the target stream.
    pub(crate) fn target(&self, target: &Target) -> Result<String, ServiceError> {
        self.named(target.stream_name.as_deref(), target.stream_arn.as_deref())
    }

    /// Returns the stream's name from a name, an ARN or both.
    pub(crate) fn named(&self, name: Option<&str>, arn: Option<&str>) -> Result<String, ServiceError> {
        Checks::default().name("streamName", name).done()?;
        match (name, arn) {
            (Some(name), None) => Ok(name.to_owned()),
            (None, Some(arn)) => self.name_of(arn),
            (Some(name), Some(arn)) if self.name_of(arn)? == name => Ok(name.to_owned()),
            (Some(_), Some(_)) => Err(invalid("StreamARN and StreamName must name the same stream.")),
            (None, None) => Err(invalid("Either StreamName or StreamARN should be provided.")),
        }
    }
}
