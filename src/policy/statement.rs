//! A statement of a policy and its match against a request.

use serde_json::Value;

use super::condition::{self, ConditionMatch};
use super::pattern::Pattern;
use super::{AuthorizationRequest, Principal};

/// A statement of the document.
#[derive(Clone, Copy)]
pub(super) struct Statement<'a> {
    pub body: &'a Value,
    /// True if `${…}` stands for a key's value: in documents of version 2012-10-17 only.
    pub has_variables: bool,
}

/// The effect of a statement on the requests that it covers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
    /// Neither of them, so the statement may allow and may deny.
    Unclear,
}

impl<'a> Statement<'a> {
    pub(super) fn effect(self) -> Effect {
        match self.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => Effect::Unclear,
        }
    }

    /// Returns whether the statement covers a request. An unclear statement must not allow anything, and must deny
    /// whatever it may deny.
    pub(super) fn covers(self, ask: &AuthorizationRequest<'_>) -> ConditionMatch {
        let condition = self
            .get("Condition")
            .map_or(ConditionMatch::Yes, |conditions| condition::met(conditions, ask.context, self.has_variables));
        let parts =
            [self.covers_principal(ask.principal.as_ref()), self.covers_action(ask.action), self.covers_resource(ask)];
        ConditionMatch::all(parts.into_iter().chain([condition]))
    }

    fn get(self, name: &str) -> Option<&'a Value> {
        self.body.get(name)
    }

    fn covers_principal(self, asker: Option<&Principal<'_>>) -> ConditionMatch {
        match (self.get("Principal"), self.get("NotPrincipal"), asker) {
            (None, None, None) => ConditionMatch::Yes,
            (Some(Value::String(all)), None, Some(_)) if all == "*" => ConditionMatch::Yes,
            (Some(named @ Value::Object(_)), None, Some(asker)) => asker.is_named_by(named),
            _ => ConditionMatch::Unclear,
        }
    }

    fn covers_action(self, action: &str) -> ConditionMatch {
        let action = action.to_ascii_lowercase();
        let named = |value| match texts(value) {
            Some(names) => {
                let is_it = |name: &&str| Pattern::plain(&name.to_ascii_lowercase()).matches(&action);
                ConditionMatch::when(names.iter().any(is_it))
            }
            None => ConditionMatch::Unclear,
        };
        match (self.get("Action"), self.get("NotAction")) {
            (Some(actions), None) => named(actions),
            (None, Some(others)) => named(others).not(),
            _ => ConditionMatch::Unclear,
        }
    }

    fn covers_resource(self, ask: &AuthorizationRequest<'_>) -> ConditionMatch {
        let is_it = |text: &&str| match (Pattern::of(text, ask.context, self.has_variables), ask.resource) {
            (Some(pattern), Some(resource)) => ConditionMatch::when(pattern.matches(resource)),
            // The resource may be any.
            (Some(pattern), None) if pattern.is_everything() => ConditionMatch::Yes,
            _ => ConditionMatch::Unclear,
        };
        let named =
            |value| texts(value).map_or(ConditionMatch::Unclear, |names| ConditionMatch::any(names.iter().map(is_it)));
        match (self.get("Resource"), self.get("NotResource")) {
            (Some(resources), None) => named(resources),
            (None, Some(others)) => named(others).not(),
            // A trust policy belongs to its resource.
            (None, None) if ask.principal.is_some() => ConditionMatch::Yes,
            _ => ConditionMatch::Unclear,
        }
    }
}

impl Principal<'_> {
    /// Returns whether the `Principal` of a statement names this principal.
    fn is_named_by(&self, principal: &Value) -> ConditionMatch {
        let (kind, is_it): (_, &dyn Fn(&str) -> ConditionMatch) = match self {
            Principal::Service(service) => ("Service", &|name| is_service(name, service)),
            Principal::Aws { account, arns } => ("AWS", &|name| is_one_of(name, account, arns)),
        };
        match principal.get(kind).map(texts) {
            None => ConditionMatch::No,
            Some(None) => ConditionMatch::Unclear,
            Some(Some(names)) => ConditionMatch::any(names.into_iter().map(is_it)),
        }
    }
}

/// Compares service names. A name that differs only in its region or partition may mean the same service.
fn is_service(name: &str, service: &str) -> ConditionMatch {
    let bare = |name: &str| name.split('.').next().map(str::to_owned);
    if name == service {
        ConditionMatch::Yes
    } else if name == "*" || bare(name) == bare(service) {
        ConditionMatch::Unclear
    } else {
        ConditionMatch::No
    }
}

fn is_one_of(name: &str, account: &str, arns: &[&str]) -> ConditionMatch {
    let is_account = |name: &str| {
        let parts: Vec<&str> = name.split(':').collect();
        name == account || matches!(parts.as_slice(), ["arn", _, "iam", "", of, "root"] if *of == account)
    };
    if name == "*" || is_account(name) || arns.contains(&name) {
        ConditionMatch::Yes
    } else if name.starts_with("arn:") || name.bytes().all(|byte| byte.is_ascii_digit()) {
        ConditionMatch::No
    } else {
        // A unique id, with which AWS replaces the ARN of a deleted principal.
        ConditionMatch::Unclear
    }
}

/// Returns a string, or the strings of a list. Returns `None` for another type and for an empty list.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::Array(many) if many.is_empty() => None,
        Value::Array(many) => many.iter().map(Value::as_str).collect(),
        one => Some(vec![one.as_str()?]),
    }
}
