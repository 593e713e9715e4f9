//! Operations on functions: create, read, list, update, delete.

use std::fs::File;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::concurrency;
use super::find_function::{change, find, touched};
use super::function_name::{FunctionName, LATEST};
use super::function_settings::{self, FunctionInput, host_architecture};
use super::pending_state::PendingChange;
use super::request::{ApiRequest, invalid};
use super::tags;
use crate::lambda::published;
use crate::lambda::runtime::code;
use crate::lambda::runtime::code::Code;
use crate::lambda::service::Lambda;
use crate::lambda::state::{FunctionRecord, Logging, Published};
use crate::protocol::aws_json;
use crate::protocol::aws_json::{Response, ServiceError};

/// Limit of functions in one page of `ListFunctions`.
const PAGE: usize = 50;

/// Handles `CreateFunction`.
pub(crate) async fn create(call: &ApiRequest<'_>) -> Result<Response, ServiceError> {
    let input: FunctionInput = call.input()?;
    let deps = call.lambda.deps();
    let required = |value: &Option<String>, member: &str| {
        value.clone().ok_or_else(|| function_settings::constraint("null", member, "Member must not be null"))
    };
    let given = required(&input.function_name, "functionName")?;
    let name = FunctionName::parse(&given, None, &deps.identity)?.name;
    required(&input.role, "role")?;
    if input.runtime.is_none() || input.handler.is_none() {
        let message = "Runtime and Handler are mandatory parameters for functions created with deployment packages.";
        return Err(invalid(message));
    }
    let tags = input.tags.clone().unwrap_or_default();
    tags::check(&tags)?;
    if call.lambda.function(&name).is_some() {
        return Err(exists(&name));
    }
    let zip = input.code.as_ref().and_then(|code| code.zip_file.clone());
    let mut function = blank(name.clone());
    function.tags = tags;
    let publish = input.publish;
    function_settings::apply(input, &mut function, deps)?;
    // Held until the function's record refers to the code.
    let (code, _held) = unpack(call.lambda, zip).await?;
    set_code(&mut function, code);
    if publish {
        published::publish(&mut function);
    }
    let function = Arc::new(touched(function));
    call.lambda.change_functions(|functions| {
        if functions.contains_key(&name) {
            return Err(exists(&name));
        }
        functions.insert(name, Arc::clone(&function));
        Ok(())
    })?;
    call.lambda.settling().begin(&function.id, PendingChange::Creating, deps.timing.function_create);
    let mut answer = configuration(call.lambda, &function);
    if publish {
        answer["Version"] = json!(function.published.number.to_string());
    }
    Ok(aws_json::json(201, &answer))
}

/// Handles `GetFunction`. The code has no download location.
pub(crate) fn get(call: &ApiRequest<'_>, name: &str) -> Result<Response, ServiceError> {
    let function = find(call, name)?;
    let mut answer = json!({
        "Configuration": asked_for(call, name, &function),
        "Code": {"RepositoryType": "S3"},
    });
    if !function.tags.is_empty() {
        answer["Tags"] = json!(function.tags);
    }
    if function.reserved_concurrency.is_some() {
        answer["Concurrency"] = concurrency::shown(function.reserved_concurrency);
    }
    Ok(aws_json::json(200, &answer))
}

/// Handles `GetFunctionConfiguration`.
pub(crate) fn get_configuration(call: &ApiRequest<'_>, name: &str) -> Result<Response, ServiceError> {
    let function = find(call, name)?;
    Ok(aws_json::json(200, &asked_for(call, name, &function)))
}

/// Handles `ListFunctions`, in the order of their names; the marker is the last name of the page before.
pub(crate) fn list(call: &ApiRequest<'_>) -> Result<Response, ServiceError> {
    let (page, marker) = call.page(call.lambda.functions(), PAGE, |function| &function.name)?;
    let functions: Vec<Value> = page.iter().map(|function| configuration(call.lambda, function)).collect();
    Ok(aws_json::json(200, &json!({"Functions": functions, "NextMarker": marker})))
}

/// Handles `UpdateFunctionConfiguration`.
pub(crate) fn update_configuration(call: &ApiRequest<'_>, name: &str) -> Result<Response, ServiceError> {
    let old = find_settled(call, name)?;
    let input: FunctionInput = call.input()?;
    let revision = input.revision_id.clone();
    let new = change(call.lambda, &old.name, revision.as_deref(), |function| {
        function_settings::apply(FunctionInput { architectures: None, ..input }, function, call.lambda.deps())
    })?;
    call.lambda.pool().renew(&new.id);
    call.lambda.settling().begin(&new.id, PendingChange::Updating, call.lambda.deps().timing.function_update);
    Ok(aws_json::json(200, &configuration(call.lambda, &new)))
}

/// Handles `UpdateFunctionCode`.
pub(crate) async fn update_code(call: &ApiRequest<'_>, name: &str) -> Result<Response, ServiceError> {
    let old = find_settled(call, name)?;
    let mut input: FunctionInput = call.input()?;
    let (revision, dry_run, zip) = (input.revision_id.take(), input.dry_run, input.zip_file.take());
    let publish = input.publish;
    let mut checked = (*old).clone();
    function_settings::apply(input, &mut checked, call.lambda.deps())?;
    let (code, _held) = unpack(call.lambda, zip).await?;
    if dry_run {
        set_code(&mut checked, code);
        return Ok(aws_json::json(200, &configuration(call.lambda, &checked)));
    }
    let new = change(call.lambda, &old.name, revision.as_deref(), |function| {
        set_code(function, code);
        if publish {
            published::publish(function);
        }
        Ok(())
    })?;
    call.lambda.pool().renew(&new.id);
    call.lambda.settling().begin(&new.id, PendingChange::Updating, call.lambda.deps().timing.function_update);
    let latest = configuration(call.lambda, &new);
    Ok(aws_json::json(200, &if publish { published::version_of(&new, latest) } else { latest }))
}

/// Handles `DeleteFunction`.
///
/// Event source mappings of the function stay, as in the service (docs/facts/lambda.md, Function states).
pub(crate) fn delete(call: &ApiRequest<'_>, name: &str) -> Result<Response, ServiceError> {
    let identity = &call.lambda.deps().identity;
    FunctionName::parse(name, call.query("Qualifier"), identity)?.latest_only(identity)?;
    let function = find(call, name)?;
    call.lambda.change_functions(|functions| {
        functions.remove(&function.name);
        Ok(())
    })?;
    call.lambda.pool().retire(&function.id);
    Ok(aws_json::json(204, &()).map(|_| Bytes::new()))
}

/// Returns the configuration of the version that a request names.
fn asked_for(call: &ApiRequest<'_>, given: &str, function: &FunctionRecord) -> Value {
    let identity = &call.lambda.deps().identity;
    let qualifier = FunctionName::parse(given, call.query("Qualifier"), identity).ok().and_then(|name| name.qualifier);
    let latest = configuration(call.lambda, function);
    if qualifier.is_none_or(|qualifier| qualifier == LATEST) { latest } else { published::version_of(function, latest) }
}

/// Returns the function that a path names, if it can be changed now.
fn find_settled(call: &ApiRequest<'_>, given: &str) -> Result<Arc<FunctionRecord>, ServiceError> {
    let identity = &call.lambda.deps().identity;
    FunctionName::parse(given, call.query("Qualifier"), identity)?.latest_only(identity)?;
    let function = find(call, given)?;
    let arn = call.lambda.deps().identity.function_arn(&function.name);
    call.lambda.settling().check_update(&function.id, &arn)?;
    Ok(function)
}

/// Returns the configuration in the service's format.
pub(crate) fn configuration(lambda: &Lambda, function: &FunctionRecord) -> Value {
    let mut logging = json!({"LogFormat": function.logging.format, "LogGroup": function.logging.group});
    if let Some(level) = &function.logging.application_level {
        logging["ApplicationLogLevel"] = json!(level);
    }
    if let Some(level) = &function.logging.system_level {
        logging["SystemLogLevel"] = json!(level);
    }
    let mut shown = json!({
        "FunctionName": function.name,
        "FunctionArn": lambda.deps().identity.function_arn(&function.name),
        "Runtime": function.runtime,
        "Role": function.role,
        "Handler": function.handler,
        "CodeSize": function.code_size,
        "Description": function.description,
        "Timeout": function.timeout,
        "MemorySize": function.memory_size,
        "LastModified": function.last_modified,
        "CodeSha256": function.code_sha256,
        "Version": LATEST,
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": function.revision_id,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [function.architecture],
        "EphemeralStorage": {"Size": function.ephemeral_storage},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": logging,
    });
    // The code folder was deleted by hand: uploading the code again repairs it, and a failed `LastUpdateStatus` prompts
    // the client to do so.
    let code = lambda.deps().dir.join("code").join(&function.code_folder);
    if !code.is_dir() {
        shown["LastUpdateStatus"] = json!("Failed");
        shown["LastUpdateStatusReason"] = json!(format!("its code is gone: {}", code.display()));
        shown["LastUpdateStatusReasonCode"] = json!("InternalError");
    }
    if !function.environment.is_empty() {
        shown["Environment"] = json!({"Variables": function.environment});
    }
    for (name, value) in &function.shown {
        shown[name] = value.clone();
    }
    lambda.settling().show(&function.id, &mut shown);
    shown
}

fn exists(name: &str) -> ServiceError {
    ServiceError::new(409, "ResourceConflictException", format!("Function already exist: {name}"))
}

/// Returns a function with all settings at their defaults.
fn blank(name: String) -> FunctionRecord {
    let group = format!("/aws/lambda/{name}");
    FunctionRecord {
        name,
        id: Uuid::new_v4().to_string(),
        runtime: String::new(),
        role: String::new(),
        role_id: String::new(),
        handler: String::new(),
        description: String::new(),
        timeout: 3,
        memory_size: 128,
        ephemeral_storage: 512,
        // The service's default is x86_64, which cannot run everywhere; the default here is the machine's own
        // architecture.
        architecture: host_architecture().to_owned(),
        environment: std::collections::BTreeMap::new(),
        logging: Logging { format: "Text".to_owned(), group, application_level: None, system_level: None },
        shown: Map::new(),
        code_sha256: String::new(),
        code_size: 0,
        code_folder: String::new(),
        tags: std::collections::BTreeMap::new(),
        reserved_concurrency: None,
        published: Published::default(),
        revision_id: String::new(),
        last_modified: String::new(),
    }
}

fn set_code(function: &mut FunctionRecord, code: Code) {
    function.code_sha256 = code.sha256;
    function.code_size = code.size;
    function.code_folder = code.folder;
}

/// Unpacks a zip in base64, off the threads that handle requests.
async fn unpack(lambda: &Lambda, zip: Option<String>) -> Result<(Code, File), ServiceError> {
    let zip = zip.ok_or_else(|| invalid("Please provide a source for function code."))?;
    let root = lambda.deps().dir.join("code");
    let durability = lambda.deps().durability;
    let work = tokio::task::spawn_blocking(move || {
        let zip = STANDARD.decode(zip.as_bytes()).map_err(|_| invalid("The ZipFile is not base64."))?;
        code::unpack(&zip, &root, durability)
    });
    work.await.map_err(|_| ServiceError::new(500, "ServiceException", "The code could not be unpacked."))?
}
