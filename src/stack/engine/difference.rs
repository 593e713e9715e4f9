//! A difference between the desired and the observed state of a resource.

use serde::Serialize;
use serde_json::Value;

/// A setting that is not as wanted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Name of the setting.
    pub property: &'static str,
    /// What the settings ask for.
    #[serde(rename = "wanted")]
    pub desired: Value,
    /// What the service has.
    pub found: Value,
    /// Whether it takes a new resource to change it.
    #[serde(skip)]
    pub replaces: bool,
    /// Whether the change takes data away, or what guards it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub loses_data: bool,
}
