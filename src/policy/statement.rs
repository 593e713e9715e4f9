//! One statement of a policy: whether it is about what is asked.

use serde_json::Value;

use super::Ask;
use super::condition::{self, Met};
use super::pattern::matches;

/// A statement as it stands in the document.
#[derive(Clone, Copy)]
pub(super) struct Statement<'a>(pub &'a Value);

/// Whether a statement is about what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Covered,
    NotCovered,
    /// It has a condition that is not understood here: it must open no door, and close what it may close.
    Unclear,
}

impl Statement<'_> {
    pub(super) fn allows(self) -> bool {
        self.0.get("Effect").and_then(Value::as_str) == Some("Allow")
    }

    pub(super) fn reach(self, ask: &Ask<'_>) -> Reach {
        let covered = self.covers_principal(ask.service) && self.covers_action(ask.action) && self.covers_resource(ask);
        if !covered {
            return Reach::NotCovered;
        }
        match self.0.get("Condition").map_or(Met::Yes, |conditions| condition::met(conditions, ask.context)) {
            Met::Yes => Reach::Covered,
            Met::No => Reach::NotCovered,
            Met::Unclear => Reach::Unclear,
        }
    }

    fn covers_principal(self, service: Option<&str>) -> bool {
        match (self.0.get("Principal"), service) {
            (None, None) => true,
            (Some(Value::String(all)), Some(_)) => all == "*",
            (Some(principal), Some(service)) => holds(principal.get("Service"), |name| name == service),
            _ => false,
        }
    }

    fn covers_action(self, action: &str) -> bool {
        let action = action.to_ascii_lowercase();
        let names = |name: &str| matches(&name.to_ascii_lowercase(), &action);
        match (self.0.get("Action"), self.0.get("NotAction")) {
            (Some(actions), None) => holds(Some(actions), names),
            (None, Some(others)) => !holds(Some(others), names),
            _ => false,
        }
    }

    fn covers_resource(self, ask: &Ask<'_>) -> bool {
        let names = |pattern: &str| match ask.resource {
            Some(resource) => matches(pattern, resource),
            None => pattern == "*" || self.allows(),
        };
        match (self.0.get("Resource"), self.0.get("NotResource")) {
            (Some(resources), None) => holds(Some(resources), names),
            (None, Some(others)) => !holds(Some(others), names),
            // A trust policy hangs on its resource.
            _ => ask.service.is_some(),
        }
    }
}

/// Whether a text, or one of a list of texts, is what is wanted.
pub(super) fn holds(value: Option<&Value>, wanted: impl Fn(&str) -> bool) -> bool {
    match value {
        Some(Value::String(one)) => wanted(one),
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).any(wanted),
        _ => false,
    }
}
