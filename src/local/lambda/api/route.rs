//! Routes of Lambda requests by method and path.
//!
//! One parser serves the handlers, the authorizer and the names of operations.

use http::Method;
use percent_encoding::percent_decode_str;

/// An operation and the resource that its path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The operation's name as in IAM, except for `Invoke`.
    pub operation: &'static str,
    pub(crate) subject: Subject,
}

/// The resource that a path names, decoded, as the caller wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Nothing,
    /// A function, in any of the forms of its name.
    Function(String),
    /// The UUID of an event source mapping.
    Mapping(String),
    /// The ARN of a function or event source mapping.
    Resource(String),
}

/// The literal parts of a path are compared without decoding; only the parts between them are decoded.
const FUNCTION_OPERATIONS: [(&str, &str, &str, &str); 13] = [
    ("GET", "2015-03-31", "", "GetFunction"),
    ("DELETE", "2015-03-31", "", "DeleteFunction"),
    ("GET", "2015-03-31", "configuration", "GetFunctionConfiguration"),
    ("PUT", "2015-03-31", "configuration", "UpdateFunctionConfiguration"),
    ("PUT", "2015-03-31", "code", "UpdateFunctionCode"),
    ("POST", "2015-03-31", "invocations", "Invoke"),
    ("GET", "2015-03-31", "versions", "ListVersionsByFunction"),
    ("GET", "2015-03-31", "aliases", "ListAliases"),
    ("GET", "2015-03-31", "policy", "GetPolicy"),
    ("GET", "2020-06-30", "code-signing-config", "GetFunctionCodeSigningConfig"),
    ("PUT", "2017-10-31", "concurrency", "PutFunctionConcurrency"),
    ("DELETE", "2017-10-31", "concurrency", "DeleteFunctionConcurrency"),
    ("GET", "2019-09-30", "concurrency", "GetFunctionConcurrency"),
];

impl Route {
    /// Returns the operation of a request, or `None` if the local cloud does not have it.
    pub(crate) fn of(method: &Method, path: &str) -> Option<Route> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let route = |operation, subject| Some(Route { operation, subject });
        let of_function = |version: &str, name: &str, rest: &str| {
            let found = FUNCTION_OPERATIONS
                .iter()
                .find(|operation| (operation.0, operation.1, operation.2) == (method.as_str(), version, rest));
            route(found?.3, Subject::Function(decoded(name)))
        };
        match (method.as_str(), parts.as_slice()) {
            ("POST", ["2015-03-31", "functions"]) => route("CreateFunction", Subject::Nothing),
            ("GET", ["2015-03-31", "functions"]) => route("ListFunctions", Subject::Nothing),
            (_, [version, "functions", name]) => of_function(version, name, ""),
            (_, [version, "functions", name, rest]) if !rest.is_empty() => of_function(version, name, rest),
            ("GET", ["2016-08-19", "account-settings"]) => route("GetAccountSettings", Subject::Nothing),
            (method, ["2017-03-31", "tags", arn @ ..]) => {
                let operation = match method {
                    "GET" => "ListTags",
                    "POST" => "TagResource",
                    "DELETE" => "UntagResource",
                    _ => return None,
                };
                route(operation, Subject::Resource(decoded(&arn.join("/"))))
            }
            ("POST", ["2015-03-31", "event-source-mappings"]) => route("CreateEventSourceMapping", Subject::Nothing),
            ("GET", ["2015-03-31", "event-source-mappings"]) => route("ListEventSourceMappings", Subject::Nothing),
            (method, ["2015-03-31", "event-source-mappings", uuid]) => {
                let operation = match method {
                    "GET" => "GetEventSourceMapping",
                    "PUT" => "UpdateEventSourceMapping",
                    "DELETE" => "DeleteEventSourceMapping",
                    _ => return None,
                };
                route(operation, Subject::Mapping(decoded(uuid)))
            }
            _ => None,
        }
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &Method, path: &str) -> Option<(&'static str, Subject)> {
        Route::of(method, path).map(|route| (route.operation, route.subject))
    }

    #[test]
    fn route_decodes_names_and_not_literal_parts() {
        let function = |name: &str| Subject::Function(name.to_owned());
        let get = |path: &str| route(&Method::GET, path);
        assert_eq!(get("/2015-03-31/functions/f"), Some(("GetFunction", function("f"))));
        assert_eq!(get("/2015-03-31/functions/function%3Af/"), Some(("GetFunction", function("function:f"))));
        for path in [
            "/2015-03-31/%66unctions/f",
            "/%32015-03-31/functions/f",
            "/2015-03-31/functions/f/%70olicy",
            "/2015-03-31/functions/a/b/policy",
            "/2099-01-01/functions/f",
            "/2015-03-31//functions/f/policy",
        ] {
            assert_eq!(get(path), None, "{path}");
        }
        assert_eq!(get("/2015-03-31/functions//policy/"), Some(("GetPolicy", function(""))), "no name");
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
        let tags = format!("/2017-03-31/tags/{}", arn.replace(':', "%3a"));
        assert_eq!(route(&Method::DELETE, &tags), Some(("UntagResource", Subject::Resource(arn.to_owned()))));
        let mapping = route(&Method::PUT, "/2015-03-31/event-source-mappings/u%2F1");
        assert_eq!(mapping, Some(("UpdateEventSourceMapping", Subject::Mapping("u/1".to_owned()))));
        assert_eq!(route(&Method::PATCH, "/2015-03-31/functions/f"), None);
    }
}
