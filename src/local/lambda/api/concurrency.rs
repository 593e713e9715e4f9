//! Reserved concurrency, and the limits of the account.

use serde::Deserialize;
use serde_json::{Value, json};

use super::find_function::{change, find};
use super::request::{ApiRequest, invalid};
use crate::protocol::aws_json;
use crate::protocol::aws_json::{Response, ServiceError};

/// Concurrency of an account, and what must stay unreserved (docs/facts/lambda.md, Function limits).
const ACCOUNT: u64 = 1000;
const UNRESERVED: u64 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    reserved_concurrent_executions: Option<u64>,
}

/// `PutFunctionConcurrency`.
pub(crate) fn put(call: &ApiRequest<'_>, name: &str) -> Result<Response, ServiceError> {
    let function = find(call, name)?;
    let wanted = call.input::<Input>()?.reserved_concurrent_executions.ok_or_else(|| {
        invalid(
            "1 validation error detected: Value null at 'reservedConcurrentExecutions' failed to satisfy constraint: \
             Member must not be null",
        )
    })?;
    let others = call.lambda.functions().into_iter().filter(|other| other.name != function.name);
    let reserved: u64 = others.filter_map(|other| other.reserved_concurrency).sum();
    if reserved.saturating_add(wanted) > ACCOUNT - UNRESERVED {
        return Err(invalid(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
             below its minimum value of [{UNRESERVED}]."
        )));
    }
    change(call.lambda, &function.name, None, |function| {
        function.reserved_concurrency = Some(wanted);
        Ok(())
    })?;
    Ok(aws_json::json(200, &json!({"ReservedConcurrentExecutions": wanted})))
}

/// `GetFunctionConcurrency`.
pub(crate) fn get(call: &ApiRequest<'_>, name: &str) -> Result<Response, ServiceError> {
    let function = find(call, name)?;
    Ok(aws_json::json(200, &shown(function.reserved_concurrency)))
}

/// `DeleteFunctionConcurrency`.
pub(crate) fn delete(call: &ApiRequest<'_>, name: &str) -> Result<Response, ServiceError> {
    let function = find(call, name)?;
    change(call.lambda, &function.name, None, |function| {
        function.reserved_concurrency = None;
        Ok(())
    })?;
    Ok(aws_json::json(204, &Value::Null).map(|_| bytes::Bytes::new()))
}

/// `GetAccountSettings`.
pub(crate) fn account(call: &ApiRequest<'_>) -> Response {
    let functions = call.lambda.functions();
    let reserved: u64 = functions.iter().filter_map(|function| function.reserved_concurrency).sum();
    let code: u64 = functions.iter().map(|function| function.code_size).sum();
    let limits = json!({"TotalCodeSize": 300_u64 << 30, "CodeSizeUnzipped": 262_144_000, "CodeSizeZipped": 52_428_800,
        "ConcurrentExecutions": ACCOUNT, "UnreservedConcurrentExecutions": ACCOUNT.saturating_sub(reserved)});
    let usage = json!({"TotalCodeSize": code, "FunctionCount": functions.len()});
    aws_json::json(200, &json!({"AccountLimit": limits, "AccountUsage": usage}))
}

/// As `GetFunction` and `GetFunctionConcurrency` show it.
pub(crate) fn shown(reserved: Option<u64>) -> Value {
    reserved.map_or_else(|| json!({}), |reserved| json!({"ReservedConcurrentExecutions": reserved}))
}
