//! The observed state of a resource.

use std::collections::BTreeMap;

use serde_json::Value;

/// Named properties of a resource, as JSON so that they can be compared and shown generically.
pub(crate) type Properties = BTreeMap<&'static str, Value>;

/// Tags of a resource.
pub(crate) type Tags = BTreeMap<String, String>;

/// The state of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It does not exist.
    Missing,
    /// It exists and is ready.
    Active,
    /// It is in transition to another state. The text is the service's name for it.
    Changing(String),
    /// Being deleted.
    Deleting,
    /// It exists and does not work. The text has the reason.
    Failed(String),
}

/// The observed state of a resource.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    /// Its state.
    pub state: State,
    /// Its ARN, or for a mapping its ARN or UUID.
    pub arn: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// The properties that sensorctl sets.
    pub properties: Properties,
    /// Further details to show: a mapping's UUID, its last result.
    pub details: BTreeMap<&'static str, String>,
    /// Warnings about unmanaged configuration that loses readings. Each is a sentence.
    pub warnings: Vec<String>,
}

impl Observed {
    /// Returns the observed state without a resource of that name.
    #[must_use]
    pub(crate) fn missing() -> Self {
        Observed {
            state: State::Missing,
            arn: None,
            tags: Tags::new(),
            properties: Properties::new(),
            details: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// Returns a numeric property.
    #[must_use]
    pub(crate) fn number(&self, property: &str) -> Option<i32> {
        self.properties.get(property)?.as_i64().and_then(|number| number.try_into().ok())
    }

    /// Returns a boolean property.
    #[must_use]
    pub(crate) fn switch(&self, property: &str) -> Option<bool> {
        self.properties.get(property)?.as_bool()
    }

    /// Returns a text property.
    #[must_use]
    pub(crate) fn text(&self, property: &str) -> Option<String> {
        self.properties.get(property)?.as_str().map(str::to_owned)
    }

    /// Returns whether the resource exists, ready or not.
    #[must_use]
    pub(crate) fn exists(&self) -> bool {
        self.state != State::Missing
    }
}
