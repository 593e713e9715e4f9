//! Tags of functions and event source mappings, by ARN.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::find_function::{change, find};
use super::find_mapping;
use super::request::{ApiRequest, invalid};
use crate::identity::Identity;
use crate::lambda::service::Lambda;
use crate::lambda::state::Tags;
use crate::protocol::aws_json;
use crate::protocol::aws_json::{Response, ServiceError};
use crate::tagging::Tagged;

/// Tags that a resource can have.
const LIMIT: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    tags: Tags,
}

impl Lambda {
    /// Returns the tags of all functions and event source mappings by their ARNs.
    pub(crate) fn tagged(&self) -> Tagged {
        let identity = &self.deps().identity;
        let functions = self.functions().into_iter();
        let functions = functions.map(|function| (identity.function_arn(&function.name), function.tags.clone()));
        let mappings = self.mappings().into_iter();
        functions.chain(mappings.map(|mapping| (identity.mapping_arn(&mapping.uuid), mapping.tags))).collect()
    }
}

/// `ListTags`.
pub(crate) fn list(call: &ApiRequest<'_>, arn: &str) -> Result<Response, ServiceError> {
    let tags = match mapping_of(&call.lambda.deps().identity, arn) {
        Some(uuid) => find_mapping::find(call, uuid)?.tags,
        None => find(call, arn)?.tags.clone(),
    };
    Ok(aws_json::json(200, &json!({"Tags": tags})))
}

/// `TagResource`.
pub(crate) fn add(call: &ApiRequest<'_>, arn: &str) -> Result<Response, ServiceError> {
    let new = call.input::<Input>()?.tags;
    check(&new)?;
    let mut all = match mapping_of(&call.lambda.deps().identity, arn) {
        Some(uuid) => find_mapping::find(call, uuid)?.tags,
        None => find(call, arn)?.tags.clone(),
    };
    all.extend(new);
    check(&all)?;
    replace(call, arn, all)
}

/// `UntagResource`.
pub(crate) fn remove(call: &ApiRequest<'_>, arn: &str) -> Result<Response, ServiceError> {
    let keys = call.query_all("tagKeys");
    let mut all = match mapping_of(&call.lambda.deps().identity, arn) {
        Some(uuid) => find_mapping::find(call, uuid)?.tags,
        None => find(call, arn)?.tags.clone(),
    };
    all.retain(|key, _| !keys.contains(&key.as_str()));
    replace(call, arn, all)
}

/// Keys of 1 to 128 and values of up to 256 characters, no key of the service's own.
pub(crate) fn check(tags: &Tags) -> Result<(), ServiceError> {
    if tags.len() > LIMIT {
        return Err(invalid(format!("Number of tags exceeds resource tag limit of {LIMIT}.")));
    }
    for (key, value) in tags {
        if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 || key.starts_with("aws:") {
            return Err(invalid(format!("The tag `{key}` is not valid.")));
        }
    }
    Ok(())
}

fn replace(call: &ApiRequest<'_>, arn: &str, tags: Tags) -> Result<Response, ServiceError> {
    if let Some(uuid) = mapping_of(&call.lambda.deps().identity, arn) {
        call.lambda.change_mappings(|mappings| {
            if let Some(mapping) = mappings.get_mut(uuid) {
                mapping.tags = tags;
            }
            Ok(())
        })?;
    } else {
        let name = find(call, arn)?.name.clone();
        change(call.lambda, &name, None, |function| {
            function.tags = tags;
            Ok(())
        })?;
    }
    Ok(aws_json::json(204, &()).map(|_| Bytes::new()))
}

/// Returns the UUID of a mapping's ARN, which must be one of this account and region.
pub(crate) fn mapping_of<'a>(identity: &Identity, arn: &'a str) -> Option<&'a str> {
    arn.strip_prefix(&identity.mapping_arn(""))
}
