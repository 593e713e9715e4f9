//! What tools such as Terraform ask of every function, answered for a cloud without aliases and policies.

use serde_json::json;

use super::find_function::find;
use super::functions::configuration;
use super::request::ApiRequest;
use crate::lambda::published;
use crate::protocol::aws_json;
use crate::protocol::aws_json::{Response, ServiceError};

/// `ListVersionsByFunction`: `$LATEST`, and the newest published version while it is the same.
pub(crate) fn list_versions(call: &ApiRequest<'_>, name: &str) -> Result<Response, ServiceError> {
    let function = find(call, name)?;
    let mut latest = configuration(call.lambda, &function);
    let arn = latest["FunctionArn"].as_str().unwrap_or_default();
    latest["FunctionArn"] = json!(format!("{arn}:$LATEST"));
    let mut versions = vec![latest];
    if published::is_current(&function) {
        versions.push(published::version_of(&function, configuration(call.lambda, &function)));
    }
    Ok(aws_json::json(200, &json!({ "Versions": versions })))
}

/// `ListAliases`: none.
pub(crate) fn list_aliases(call: &ApiRequest<'_>, name: &str) -> Result<Response, ServiceError> {
    find(call, name)?;
    Ok(aws_json::json(200, &json!({"Aliases": []})))
}

/// `GetPolicy`: none.
pub(crate) fn get_policy(call: &ApiRequest<'_>, name: &str) -> Result<Response, ServiceError> {
    find(call, name)?;
    Err(ServiceError::new(404, "ResourceNotFoundException", "The resource you requested does not exist."))
}

/// `GetFunctionCodeSigningConfig`: none.
pub(crate) fn get_code_signing(call: &ApiRequest<'_>, name: &str) -> Result<Response, ServiceError> {
    let function = find(call, name)?;
    Ok(aws_json::json(200, &json!({"FunctionName": function.name})))
}
