//! Lookup and change of a function that a request names.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::function_name::{FunctionName, LATEST, missing};
use super::request::ApiRequest;
use crate::lambda::published;
use crate::lambda::service::Lambda;
use crate::lambda::state::FunctionRecord;
use crate::protocol::aws_json::ServiceError;

/// The function that a path names.
pub(crate) fn find(call: &ApiRequest<'_>, given: &str) -> Result<Arc<FunctionRecord>, ServiceError> {
    let identity = &call.lambda.deps().identity;
    let FunctionName { name, qualifier } = FunctionName::parse(given, call.query("Qualifier"), identity)?;
    let function = call.lambda.function(&name).ok_or_else(|| missing(&identity.function_arn(&name)))?;
    match qualifier.as_deref() {
        None | Some(LATEST) => Ok(function),
        Some(version) => published::check(&function, version, identity).map(|()| function),
    }
}

/// Changes one function, if it is still at the revision that the caller knows.
pub(crate) fn change(
    lambda: &Lambda,
    name: &str,
    revision: Option<&str>,
    change: impl FnOnce(&mut FunctionRecord) -> Result<(), ServiceError>,
) -> Result<Arc<FunctionRecord>, ServiceError> {
    lambda.change_functions(|functions| {
        let slot = functions.get_mut(name).ok_or_else(|| missing(&lambda.deps().identity.function_arn(name)))?;
        if revision.is_some_and(|revision| revision != slot.revision_id) {
            return Err(ServiceError::new(
                412,
                "PreconditionFailedException",
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                 retrieve the latest Revision Id",
            ));
        }
        let mut function = (**slot).clone();
        change(&mut function)?;
        *slot = Arc::new(touched(function));
        Ok(Arc::clone(slot))
    })
}

pub(crate) fn touched(mut function: FunctionRecord) -> FunctionRecord {
    function.revision_id = Uuid::new_v4().to_string();
    function.last_modified = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string();
    function
}
