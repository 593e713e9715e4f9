//! The awsQuery protocol of IAM, STS and older clients of `CloudWatch`: form parameters in, XML out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use http::HeaderValue;

use super::aws_json::{self, REQUEST_ID, Request, Response, ServiceError};
use crate::auth::signature::query_parameters;

/// The differences between the services that use awsQuery.
#[derive(Clone, Copy)]
pub(crate) struct QueryService {
    /// XML namespace of the responses.
    pub namespace: &'static str,
}

/// Identity and Access Management.
pub(crate) const IAM: QueryService = QueryService { namespace: "https://iam.amazonaws.com/doc/2010-05-08/" };

/// Security Token Service.
pub(crate) const STS: QueryService = QueryService { namespace: "https://sts.amazonaws.com/doc/2011-06-15/" };

/// CloudWatch, for clients that do not use its newer protocols.
pub(crate) const CLOUDWATCH: QueryService =
    QueryService { namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/" };

/// The parameters of one request.
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads the parameters of a request from its body or, if it is presigned, from its URL.
    pub(crate) fn of(request: &Request) -> Parameters {
        // Decode them as they were signed: a form encodes a space in another way.
        let mut all: BTreeMap<String, String> = query_parameters(request.uri()).collect();
        all.extend(Parameters::parse(request.body()).0);
        Parameters(all)
    }

    /// Parses form-encoded text.
    pub(crate) fn parse(body: &[u8]) -> Parameters {
        Parameters(form_urlencoded::parse(body).into_owned().collect())
    }

    /// Returns the operation.
    pub(crate) fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
    }

    /// Returns an optional parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns the names of all parameters.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns a required parameter.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ServiceError> {
        self.get(name).ok_or_else(|| {
            let member = lower_first(name);
            invalid(&format!("Value null at '{member}' failed to satisfy constraint: Member must not be null"))
        })
    }

    /// Returns an integer within bounds, or its default.
    pub(crate) fn number(&self, name: &str, default: u32, low: u32, high: u32) -> Result<u32, ServiceError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        match text.parse() {
            Ok(number) if (low..=high).contains(&number) => Ok(number),
            _ => Err(invalid(&format!(
                "Value '{text}' at '{}' failed to satisfy constraint: \
                 Member must have value between {low} and {high}",
                lower_first(name)
            ))),
        }
    }

    /// Returns the strings of `Name.member.1`, `Name.member.2`…
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        (1..).map_while(|n| self.get(&format!("{name}.member.{n}")).map(str::to_owned)).collect()
    }

    /// Returns the tags of `Tags.member.1.Key`, `Tags.member.1.Value`…
    pub(crate) fn tags(&self) -> Result<BTreeMap<String, String>, ServiceError> {
        let mut tags = BTreeMap::new();
        for n in 1.. {
            let Some(key) = self.get(&format!("Tags.member.{n}.Key")) else { break };
            let value = self.get(&format!("Tags.member.{n}.Value")).unwrap_or_default();
            let fits = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
            if !fits || key.starts_with("aws:") {
                return Err(ServiceError::bad_request("InvalidInput", format!("The tag {key} is not valid.")));
            }
            if tags.insert(key.to_owned(), value.to_owned()).is_some() {
                let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
                return Err(ServiceError::bad_request("InvalidInput", message));
            }
        }
        Ok(tags)
    }
}

/// Returns the error with the code of the query protocol, which has its own for a wrong key.
pub(crate) fn with_query_code(error: &ServiceError) -> ServiceError {
    let code = match error.code.as_str() {
        "UnrecognizedClientException" => "InvalidClientTokenId",
        "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
        "ExpiredTokenException" => "ExpiredToken",
        "AccessDeniedException" => "AccessDenied",
        "InvalidSignatureException" => "SignatureDoesNotMatch",
        "IncompleteSignatureException" => {
            return ServiceError::bad_request("IncompleteSignature", error.message.clone());
        }
        _ => return error.clone(),
    };
    ServiceError::new(403, code, error.message.clone())
}

/// Creates the error for a parameter that violates a constraint.
pub(crate) fn invalid(what: &str) -> ServiceError {
    ServiceError::bad_request("ValidationError", format!("1 validation error detected: {what}"))
}

/// Creates the error for an unknown operation.
pub(crate) fn unknown_action(action: &str, version: &str) -> ServiceError {
    let message = format!("Could not find operation {action} for version {version}");
    ServiceError::bad_request("InvalidAction", message)
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// An XML writer.
#[derive(Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// Writes an element with text.
    pub(crate) fn leaf(&mut self, tag: &str, value: impl std::fmt::Display) -> &mut Xml {
        let value = value.to_string();
        // Writing to a string cannot fail.
        let _ = write!(self.0, "<{tag}>{}</{tag}>", escaped(&value));
        self
    }

    /// Writes an element with optional text.
    pub(crate) fn optional(&mut self, tag: &str, value: Option<impl std::fmt::Display>) -> &mut Xml {
        if let Some(value) = value {
            self.leaf(tag, value);
        }
        self
    }

    /// Writes an element with child elements.
    pub(crate) fn node(&mut self, tag: &str, content: impl FnOnce(&mut Xml)) -> &mut Xml {
        let _ = write!(self.0, "<{tag}>");
        content(self);
        let _ = write!(self.0, "</{tag}>");
        self
    }

    /// Writes `Tags`, as both services list them.
    pub(crate) fn tags<'a>(&mut self, tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> &mut Xml {
        self.node("Tags", |list| {
            for (key, value) in tags {
                list.node("member", |tag| {
                    tag.leaf("Key", key).leaf("Value", value);
                });
            }
        })
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Returns the response to an operation; without a result it has no result element.
pub(crate) fn answer(service: QueryService, action: &str, result: Result<Option<Xml>, ServiceError>) -> Response {
    let result = match result {
        Ok(result) => result,
        Err(refusal) => return error(service, &refusal),
    };
    let id = aws_json::request_id();
    let result = result.map(|xml| format!("<{action}Result>{}</{action}Result>", xml.0)).unwrap_or_default();
    let body = format!(
        "<{action}Response xmlns=\"{}\">{result}<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>\
         </{action}Response>",
        service.namespace
    );
    respond(200, body, &id)
}

/// Returns an error response.
pub(crate) fn error(service: QueryService, error: &ServiceError) -> Response {
    let id = aws_json::request_id();
    let mut xml = Xml::default();
    xml.node("Error", |body| {
        let side = if error.status < 500 { "Sender" } else { "Receiver" };
        body.leaf("Type", side).leaf("Code", &error.code).leaf("Message", &error.message);
    });
    xml.leaf("RequestId", &id);
    respond(error.status, format!("<ErrorResponse xmlns=\"{}\">{}</ErrorResponse>", service.namespace, xml.0), &id)
}

fn respond(status: u16, body: String, id: &str) -> Response {
    let mut response = aws_json::bytes(status, "text/xml", body);
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_text_is_escaped() {
        let mut xml = Xml::default();
        xml.leaf("A", "<b>&\"");
        assert_eq!(xml.0, "<A>&lt;b&gt;&amp;&quot;</A>");
    }

    #[test]
    fn query_parameters_lists_and_tags_are_read_by_number() {
        let parameters = Parameters::parse(
            b"Action=X&TagKeys.member.1=a&TagKeys.member.2=b+c&Tags.member.1.Key=k&Tags.member.1.Value=v%26w",
        );
        assert_eq!(parameters.list("TagKeys"), ["a", "b c"]);
        assert_eq!(parameters.tags().unwrap()["k"], "v&w");
        assert!(parameters.required("RoleName").unwrap_err().message.contains("'roleName'"));
    }
}
