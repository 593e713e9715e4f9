//! The Resource Groups Tagging API: `GetResources`, and `ListRequiredTags` as in an account without tag policies.
//!
//! It covers the tagged tables, streams, functions, event source mappings and log groups. The service does not list
//! roles either.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};

use super::dynamodb::DynamoDb;
use super::kinesis::Kinesis;
use super::lambda::Lambda;
use super::logs::Logs;
use crate::operation;
use crate::protocol::aws_json;
use crate::protocol::aws_json::{AMZ_JSON_1_1, Request, Response, ServiceError};

/// Limit of resources in one response, and the default (API reference, `GetResources`).
const MOST_PER_PAGE: usize = 100;
const PER_PAGE: usize = 50;

/// Limit of filters, of values in one filter, and of ARNs in a request (API reference, `GetResources`).
const MOST_FILTERS: usize = 50;
const MOST_VALUES: usize = 20;
const MOST_ARNS: usize = 100;

/// Tags of resources by their ARNs.
pub(crate) type Tagged = BTreeMap<String, BTreeMap<String, String>>;

/// The Tagging API of one local cloud.
pub(crate) struct Tagging {
    pub(super) kinesis: Kinesis,
    pub(super) dynamodb: DynamoDb,
    pub(super) lambda: Lambda,
    pub(super) logs: Logs,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct GetResources {
    pagination_token: Option<String>,
    tag_filters: Vec<TagFilter>,
    resource_type_filters: Vec<String>,
    #[serde(rename = "ResourceARNList")]
    resource_arn_list: Option<BTreeSet<String>>,
    resources_per_page: Option<usize>,
    include_compliance_details: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagFilter {
    key: String,
    #[serde(default)]
    values: Vec<String>,
}

impl Tagging {
    /// Handles a request.
    pub(crate) async fn handle(&self, request: Request) -> Response {
        if operation::of_target(&request) == "ListRequiredTags" {
            return aws_json::json_as(200, AMZ_JSON_1_1, &json!({"RequiredTags": []}));
        }
        let (kinesis, lambda, logs, dynamodb) =
            (self.kinesis.clone(), self.lambda.clone(), self.logs.clone(), self.dynamodb.clone());
        let done = tokio::task::spawn_blocking(move || {
            let input = read(request.body())?;
            let mut all = dynamodb.tagged()?;
            all.extend(kinesis.tagged());
            all.extend(lambda.tagged());
            all.extend(logs.tagged());
            answer(&input, all)
        })
        .await;
        match done.unwrap_or_else(|error| Err(ServiceError::internal(error.to_string()))) {
            Ok(body) => aws_json::json_as(200, AMZ_JSON_1_1, &body),
            Err(error) => error.json(AMZ_JSON_1_1),
        }
    }
}

fn read(body: &[u8]) -> Result<GetResources, ServiceError> {
    let input: GetResources = serde_json::from_slice(body).map_err(|error| {
        let message = format!("The request cannot be read at its byte {}.", error.column());
        ServiceError::bad_request("SerializationException", message)
    })?;
    if !(1..=MOST_PER_PAGE).contains(&input.resources_per_page.unwrap_or(PER_PAGE)) {
        return Err(invalid(format!("ResourcesPerPage must be from 1 to {MOST_PER_PAGE}")));
    }
    if input.tag_filters.len() > MOST_FILTERS {
        return Err(invalid(format!("TagFilters has more than {MOST_FILTERS} filters")));
    }
    for filter in &input.tag_filters {
        if !(1..=128).contains(&filter.key.chars().count()) || filter.values.len() > MOST_VALUES {
            let message = format!("a filter has a Key of 1 to 128 characters and at most {MOST_VALUES} Values");
            return Err(invalid(message));
        }
    }
    if let Some(arns) = &input.resource_arn_list {
        if !(1..=MOST_ARNS).contains(&arns.len()) {
            return Err(invalid(format!("ResourceARNList must have from 1 to {MOST_ARNS} ARNs")));
        }
        let is_filtered = !input.tag_filters.is_empty() || !input.resource_type_filters.is_empty();
        if is_filtered || input.resources_per_page.is_some() || input.pagination_token.is_some() {
            return Err(invalid("ResourceARNList cannot be used with a filter, ResourcesPerPage or PaginationToken"));
        }
    }
    Ok(input)
}

fn answer(input: &GetResources, all: Tagged) -> Result<Value, ServiceError> {
    let after = match input.pagination_token.as_deref() {
        None | Some("") => String::new(),
        Some(token) => arn_in(token).ok_or_else(|| {
            ServiceError::bad_request("PaginationTokenExpiredException", "The pagination token is not one of this API.")
        })?,
    };
    let mut found =
        all.into_iter().filter(|(arn, tags)| *arn > after && !tags.is_empty() && input.takes(arn, tags)).peekable();
    let page: Vec<_> = found.by_ref().take(input.resources_per_page.unwrap_or(PER_PAGE)).collect();
    let last = page.last().filter(|_| found.peek().is_some());
    let token = last.map(|(arn, _)| BASE64.encode(arn)).unwrap_or_default();
    let tags = |tags: &BTreeMap<String, String>| -> Vec<Value> {
        tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
    };
    let resource = |(arn, own): &(String, BTreeMap<String, String>)| {
        let mut resource = json!({"ResourceARN": arn, "Tags": tags(own)});
        if input.include_compliance_details {
            // There is no tag policy that could object.
            resource["ComplianceDetails"] = json!({"ComplianceStatus": true});
        }
        resource
    };
    let page: Vec<Value> = page.iter().map(resource).collect();
    Ok(json!({ "PaginationToken": token, "ResourceTagMappingList": page }))
}

impl GetResources {
    fn takes(&self, arn: &str, tags: &BTreeMap<String, String>) -> bool {
        let is_named = self.resource_arn_list.as_ref().is_none_or(|arns| arns.contains(arn));
        let is_kind =
            self.resource_type_filters.is_empty() || self.resource_type_filters.iter().any(|filter| is_of(arn, filter));
        is_named
            && is_kind
            && self.tag_filters.iter().all(|filter| {
                let value = tags.get(&filter.key);
                value.is_some_and(|value| filter.values.is_empty() || filter.values.contains(value))
            })
    }
}

/// Returns whether the resource of an ARN is of a type: `kinesis`, or `kinesis:stream`.
fn is_of(arn: &str, filter: &str) -> bool {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, resource) = (parts.next().unwrap_or_default(), parts.nth(2).unwrap_or_default());
    match filter.split_once(':') {
        None => filter == service,
        Some((wanted, kind)) => {
            wanted == service && resource.strip_prefix(kind).is_some_and(|rest| rest.starts_with(['/', ':']))
        }
    }
}

fn arn_in(token: &str) -> Option<String> {
    String::from_utf8(BASE64.decode(token).ok()?).ok().filter(|arn| arn.starts_with("arn:"))
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::bad_request("InvalidParameterException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged() -> Tagged {
        let of = |arn: &str, stage: &str| {
            (format!("arn:aws:{arn}"), BTreeMap::from([("stage".to_owned(), stage.to_owned())]))
        };
        let mut all = Tagged::from([
            of("dynamodb:us-east-1:0:table/t", "a"),
            of("kinesis:us-east-1:0:stream/s", "a"),
            of("lambda:us-east-1:0:event-source-mapping:m", "b"),
            of("lambda:us-east-1:0:function:f", "a"),
            of("logs:us-east-1:0:log-group:g", "b"),
        ]);
        all.insert("arn:aws:kinesis:us-east-1:0:stream/untagged".to_owned(), BTreeMap::new());
        all
    }

    /// Returns the last parts of the ARNs that a request returns, over all its pages.
    fn found(input: &Value) -> Result<Vec<String>, String> {
        let (mut names, mut input) = (Vec::new(), input.clone());
        loop {
            let read = read(input.to_string().as_bytes()).map_err(|error| error.code)?;
            let page = answer(&read, tagged()).map_err(|error| error.code)?;
            for resource in page["ResourceTagMappingList"].as_array().unwrap() {
                let arn = resource["ResourceARN"].as_str().unwrap();
                names.push(arn.rsplit([':', '/']).next().unwrap().to_owned());
            }
            match page["PaginationToken"].as_str().unwrap() {
                "" => return Ok(names),
                token => input["PaginationToken"] = token.into(),
            }
        }
    }

    #[test]
    fn get_resources_finds_by_tags_types_and_arns() {
        for (input, wanted) in [
            (json!({}), "t s m f g"),
            (json!({"TagFilters": [{"Key": "stage"}]}), "t s m f g"),
            (json!({"TagFilters": [{"Key": "stage", "Values": ["b", "c"]}]}), "m g"),
            (json!({"TagFilters": [{"Key": "stage", "Values": ["a"]}, {"Key": "other"}]}), ""),
            (json!({"ResourceTypeFilters": ["lambda"]}), "m f"),
            (json!({"ResourceTypeFilters": ["lambda:function", "kinesis:stream"]}), "s f"),
            (json!({"ResourceTypeFilters": ["logs:log-group", "dynamodb:table"], "ResourcesPerPage": 1}), "t g"),
            (json!({"ResourceTypeFilters": ["lambda:event-source-mapping"], "PaginationToken": ""}), "m"),
            (json!({"ResourceARNList": ["arn:aws:kinesis:us-east-1:0:stream/s"]}), "s"),
            (json!({"ResourcesPerPage": 2}), "t s m f g"),
        ] {
            assert_eq!(found(&input).unwrap().join(" "), wanted, "{input}");
        }
    }

    #[test]
    fn get_resources_invalid_input_gets_the_services_errors() {
        for (input, code) in [
            (json!({"ResourcesPerPage": 0}), "InvalidParameterException"),
            (json!({"ResourcesPerPage": 101}), "InvalidParameterException"),
            (json!({"PaginationToken": "x"}), "PaginationTokenExpiredException"),
            (json!({"TagFilters": [{"Key": ""}]}), "InvalidParameterException"),
            (json!({"ResourceARNList": []}), "InvalidParameterException"),
            (json!({"ResourceARNList": ["arn:a"], "TagFilters": [{"Key": "a"}]}), "InvalidParameterException"),
            (json!({"TagFilters": 5}), "SerializationException"),
        ] {
            assert_eq!(found(&input).unwrap_err(), code, "{input}");
        }
    }
}
