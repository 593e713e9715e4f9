//! One statement of a policy: whether it is about what is asked.

use serde_json::Value;

use super::Ask;
use super::condition::{self, Met};
use super::pattern::Pattern;

/// A statement as it stands in the document.
#[derive(Clone, Copy)]
pub(super) struct Statement<'a>(pub &'a Value);

impl Statement<'_> {
    pub(super) fn allows(self) -> bool {
        self.0.get("Effect").and_then(Value::as_str) == Some("Allow")
    }

    /// Whether it is about what is asked. What is unclear must open no door, and close what it may close.
    pub(super) fn covers(self, ask: &Ask<'_>) -> Met {
        let who_and_what = Met::when(self.covers_principal(ask.service) && self.covers_action(ask.action));
        let condition = self.0.get("Condition").map_or(Met::Yes, |conditions| condition::met(conditions, ask.context));
        Met::all([who_and_what, self.covers_resource(ask), condition].into_iter())
    }

    fn covers_principal(self, service: Option<&str>) -> bool {
        match (self.0.get("Principal"), service) {
            (None, None) => true,
            (Some(Value::String(all)), Some(_)) => all == "*",
            (Some(principal), Some(service)) => texts(principal.get("Service")).any(|name| name == service),
            _ => false,
        }
    }

    fn covers_action(self, action: &str) -> bool {
        let action = action.to_ascii_lowercase();
        let named = |value| texts(value).any(|name| Pattern::plain(&name.to_ascii_lowercase()).matches(&action));
        match (self.0.get("Action"), self.0.get("NotAction")) {
            (actions @ Some(_), None) => named(actions),
            (None, others @ Some(_)) => !named(others),
            _ => false,
        }
    }

    fn covers_resource(self, ask: &Ask<'_>) -> Met {
        let is_it = |pattern: &str| match (Pattern::with_variables(pattern, ask.context), ask.resource) {
            (Some(pattern), Some(resource)) => Met::when(pattern.matches(resource)),
            // It may be any.
            (Some(pattern), None) if pattern.is_everything() => Met::Yes,
            _ => Met::Unclear,
        };
        let named = |value| Met::any(texts(value).map(is_it));
        match (self.0.get("Resource"), self.0.get("NotResource")) {
            (resources @ Some(_), None) => named(resources),
            (None, others @ Some(_)) => named(others).not(),
            // A trust policy hangs on its resource.
            _ => Met::when(ask.service.is_some()),
        }
    }
}

/// A text, or the texts of a list.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let many = match value {
        Some(Value::Array(many)) => many.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    many.iter().filter_map(Value::as_str)
}
