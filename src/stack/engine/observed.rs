//! The observed state of a resource.

use std::collections::BTreeMap;

use serde_json::Value;

/// Named settings of a resource, as JSON so that they can be compared and shown without knowing them.
pub type Properties = BTreeMap<&'static str, Value>;

/// Tags of a resource.
pub type Tags = BTreeMap<String, String>;

/// Whether a resource is there and works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not there.
    Missing,
    /// There, and works.
    Active,
    /// On its way to another state; the text is what the service calls it.
    Changing(String),
    /// Being deleted.
    Deleting,
    /// There, but does not work; the text says why.
    Failed(String),
}

/// What was found of a resource.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Whether it is there and works.
    pub state: State,
    /// Its ARN, or for a mapping its ARN or UUID.
    pub arn: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Those of its settings that sensorctl sets.
    pub properties: Properties,
    /// More to show: a mapping's UUID, its last result.
    pub details: BTreeMap<&'static str, String>,
    /// What is there besides, is not ours to mend, and loses readings; each a sentence.
    pub warnings: Vec<String>,
}

impl Observed {
    /// Nothing of that name.
    #[must_use]
    pub fn missing() -> Self {
        Observed {
            state: State::Missing,
            arn: None,
            tags: Tags::new(),
            properties: Properties::new(),
            details: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// A setting that is a number.
    #[must_use]
    pub fn number(&self, property: &str) -> Option<i32> {
        self.properties.get(property)?.as_i64().and_then(|number| number.try_into().ok())
    }

    /// A setting that is on or off.
    #[must_use]
    pub fn switch(&self, property: &str) -> Option<bool> {
        self.properties.get(property)?.as_bool()
    }

    /// A setting that is a text.
    #[must_use]
    pub fn text(&self, property: &str) -> Option<String> {
        self.properties.get(property)?.as_str().map(str::to_owned)
    }

    /// Whether something of that name is there, working or not.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.state != State::Missing
    }
}
