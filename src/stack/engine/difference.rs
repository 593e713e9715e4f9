//! A difference between the desired and the observed state of a resource.

use serde::Serialize;
use serde_json::Value;

/// A property that differs from the desired state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Difference {
    /// Name of the property.
    pub property: &'static str,
    /// The desired value.
    #[serde(rename = "wanted")]
    pub desired: Value,
    /// The observed value.
    pub found: Value,
    /// True if the change requires a replacement.
    #[serde(skip)]
    pub replaces: bool,
    /// True if the change loses data or removes its protection.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub loses_data: bool,
}
