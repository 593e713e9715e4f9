//! The REST API: which request asks for what, and errors in the form of the service.

use super::request::{ApiRequest, error_response};
use super::route::{Route, Subject};
use super::{concurrency, functions, mappings, tags, versions};
use crate::auth::signature::query_parameters;
use crate::lambda::api::invoke;
use crate::lambda::service::Lambda;
use crate::protocol::aws_json::{Request, Response, ServiceError};

/// Answers a request.
pub(crate) async fn handle(lambda: &Lambda, request: Request) -> Response {
    let call = ApiRequest { lambda, request: &request, query: query_parameters(request.uri()).collect() };
    match answer(&call).await {
        Ok(response) => response,
        Err(error) => error_response(&error),
    }
}

async fn answer(call: &ApiRequest<'_>) -> Result<Response, ServiceError> {
    let (method, path) = (call.request.method(), call.request.uri().path());
    let route = Route::of(method, path);
    let not_here = || {
        let text = format!("The local cloud has no Lambda operation {method} /{}", path.trim_matches('/'));
        Err(ServiceError::new(501, "NotImplementedException", text))
    };
    let Some(Route { operation, subject }) = route else { return not_here() };
    match (operation, subject) {
        ("CreateFunction", Subject::Nothing) => functions::create(call).await,
        ("ListFunctions", Subject::Nothing) => functions::list(call),
        ("GetAccountSettings", Subject::Nothing) => Ok(concurrency::account(call)),
        ("CreateEventSourceMapping", Subject::Nothing) => mappings::create(call).await,
        ("ListEventSourceMappings", Subject::Nothing) => mappings::list(call),
        (operation, Subject::Function(name)) => match operation {
            "GetFunction" => functions::get(call, &name),
            "DeleteFunction" => functions::delete(call, &name),
            "GetFunctionConfiguration" => functions::get_configuration(call, &name),
            "UpdateFunctionConfiguration" => functions::update_configuration(call, &name),
            "UpdateFunctionCode" => functions::update_code(call, &name).await,
            "Invoke" => invoke::invoke(call, &name).await,
            "ListVersionsByFunction" => versions::list_versions(call, &name),
            "ListAliases" => versions::list_aliases(call, &name),
            "GetPolicy" => versions::get_policy(call, &name),
            "GetFunctionCodeSigningConfig" => versions::get_code_signing(call, &name),
            "PutFunctionConcurrency" => concurrency::put(call, &name),
            "DeleteFunctionConcurrency" => concurrency::delete(call, &name),
            "GetFunctionConcurrency" => concurrency::get(call, &name),
            _ => not_here(),
        },
        ("ListTags", Subject::Resource(arn)) => tags::list(call, &arn),
        ("TagResource", Subject::Resource(arn)) => tags::add(call, &arn),
        ("UntagResource", Subject::Resource(arn)) => tags::remove(call, &arn),
        ("GetEventSourceMapping", Subject::Mapping(uuid)) => mappings::get(call, &uuid),
        ("UpdateEventSourceMapping", Subject::Mapping(uuid)) => mappings::update(call, &uuid),
        ("DeleteEventSourceMapping", Subject::Mapping(uuid)) => mappings::delete(call, &uuid),
        _ => not_here(),
    }
}
