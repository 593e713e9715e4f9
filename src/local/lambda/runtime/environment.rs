//! The environment variables of an execution environment, as recorded on the real service.
//!
//! Source: docs/facts/lambda.md, provided.al2023.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use sensor_model::limits::RESERVED_VARIABLES;

use crate::auth::credentials::SessionKeys;
use crate::lambda::api::function_name::LATEST;
use crate::lambda::state::FunctionRecord;

/// The location and identity of an execution environment.
pub(crate) struct Place<'a> {
    pub region: &'a str,
    pub endpoint: &'a str,
    pub runtime_api: SocketAddr,
    pub code: &'a Path,
    pub scratch: &'a Path,
    pub log_stream: &'a str,
}

/// Returns all variables of the process.
///
/// It gets no others, so that nothing of the user's own environment reaches the function.
pub(crate) fn variables(function: &FunctionRecord, place: &Place<'_>, keys: &SessionKeys) -> BTreeMap<String, String> {
    let root = place.code.display().to_string();
    // Variables that the service does not set, and that a function may set itself. Here an environment has no file
    // system of its own with its own `/tmp`: programs that ask for the directory of temporary files get one that is its
    // own.
    let mut all = BTreeMap::from([
        ("AWS_ENDPOINT_URL".to_owned(), place.endpoint.to_owned()),
        ("TMPDIR".to_owned(), place.scratch.display().to_string()),
    ]);
    all.extend(function.environment.clone());
    let ours = [
        ("AWS_ACCESS_KEY_ID", keys.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", keys.secret_access_key.clone()),
        ("AWS_SESSION_TOKEN", keys.session_token.clone()),
        ("AWS_REGION", place.region.to_owned()),
        ("AWS_DEFAULT_REGION", place.region.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", LATEST.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_size.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", function.logging.group.clone()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", place.log_stream.to_owned()),
        ("AWS_LAMBDA_RUNTIME_API", place.runtime_api.to_string()),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR".to_owned()),
        ("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000".to_owned()),
        ("_AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1".to_owned()),
        ("_AWS_XRAY_DAEMON_PORT", "2000".to_owned()),
        ("LAMBDA_TASK_ROOT", root.clone()),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
        ("_HANDLER", function.handler.clone()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin".to_owned()),
        ("LD_LIBRARY_PATH", format!("/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:{root}:{root}/lib:/opt/lib")),
    ];
    for (name, value) in ours {
        // A function may have its own PATH, LANG and TZ; reserved variables never get into its configuration.
        if RESERVED_VARIABLES.contains(&name) || !all.contains_key(name) {
            all.insert(name.to_owned(), value);
        }
    }
    if function.logging.format == "JSON" {
        all.insert("AWS_LAMBDA_LOG_FORMAT".to_owned(), "JSON".to_owned());
        let level = function.logging.application_level.as_deref().unwrap_or("INFO");
        all.insert("AWS_LAMBDA_LOG_LEVEL".to_owned(), level.to_owned());
    }
    all
}
