//! The permissions that a request to Lambda needs, read with the handlers' own parsers.

use serde::Deserialize;

use super::function_name::FunctionName;
use super::route::{Route, Subject};
use super::tags::mapping_of;
use crate::auth::permissions::{Named, Needed};
use crate::auth::signature::query_parameter;
use crate::lambda::service::Lambda;
use crate::protocol::aws_json::Request;

/// The members of a body that name a function and a role to pass to it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Names {
    function_name: Option<String>,
    role: Option<String>,
}

impl Lambda {
    /// Returns the actions that a request needs, with their resources.
    pub(crate) fn needed_by(&self, request: &Request) -> Vec<Needed> {
        let Some(Route { operation, subject }) = Route::of(request.method(), request.uri().path()) else {
            return vec![Needed::new("lambda:Unknown", Named::Unclear)];
        };
        let action = if operation == "Invoke" { "InvokeFunction" } else { operation };
        let own = |named| Needed::new(format!("lambda:{action}"), named);
        match (operation, subject) {
            ("CreateFunction", _) => {
                let Some(Names { function_name, role }) = names(request) else { return vec![own(Named::Unclear)] };
                vec![own(self.named_function(&function_name.unwrap_or_default(), None)), passing(role)]
            }
            ("UpdateFunctionConfiguration", Subject::Function(name)) => {
                let function = own(self.named_function(&name, Some(request)));
                match names(request) {
                    Some(Names { role: None, .. }) => vec![function],
                    Some(Names { role, .. }) => vec![function, passing(role)],
                    None => vec![function, own(Named::Unclear)],
                }
            }
            (_, Subject::Function(name)) => vec![own(self.named_function(&name, Some(request)))],
            ("CreateEventSourceMapping", _) => vec![self.with_function(own(Named::All), request)],
            ("UpdateEventSourceMapping", Subject::Mapping(uuid)) => {
                let mapping = Named::These(vec![self.deps().identity.mapping_arn(&uuid)]);
                vec![self.with_function(own(mapping), request)]
            }
            (_, Subject::Mapping(uuid)) => vec![own(Named::These(vec![self.deps().identity.mapping_arn(&uuid)]))],
            (_, Subject::Resource(arn)) => match mapping_of(&self.deps().identity, &arn) {
                Some(uuid) => vec![own(Named::These(vec![self.deps().identity.mapping_arn(uuid)]))],
                None => vec![own(self.named_function(&arn, Some(request)))],
            },
            (_, Subject::Nothing) => vec![own(Named::All)],
        }
    }

    /// Adds the function of an event source mapping.
    ///
    /// It is a condition key and not a resource (Service Authorization Reference, Lambda).
    fn with_function(&self, needed: Needed, request: &Request) -> Needed {
        let given = names(request).and_then(|names| names.function_name);
        let identity = &self.deps().identity;
        match given.and_then(|given| FunctionName::parse(&given, None, identity).ok()) {
            Some(function) => needed.with("lambda:FunctionArn", identity.function_arn(&function.name)),
            None => needed,
        }
    }

    /// Returns the function with this name, with a qualifier also its version.
    ///
    /// So a policy for either applies.
    fn named_function(&self, given: &str, request: Option<&Request>) -> Named {
        let qualifier = request.and_then(|request| query_parameter(request.uri(), "Qualifier"));
        let identity = &self.deps().identity;
        let Ok(FunctionName { name, qualifier }) = FunctionName::parse(given, qualifier.as_deref(), identity) else {
            return Named::Unclear;
        };
        let arn = identity.function_arn(&name);
        let version = qualifier.map(|qualifier| format!("{arn}:{qualifier}"));
        Named::These([arn].into_iter().chain(version).collect())
    }
}

/// Returns the names in a body, or `None` if it cannot be decoded.
fn names(request: &Request) -> Option<Names> {
    let body: &[u8] = if request.body().is_empty() { b"{}" } else { request.body() };
    serde_json::from_slice(body).ok()
}

/// Returns the permission to pass a role to a function.
fn passing(role: Option<String>) -> Needed {
    let named = role.map_or(Named::Unclear, |role| Named::These(vec![role]));
    Needed::new("iam:PassRole", named).with("iam:PassedToService", "lambda.amazonaws.com")
}
