//! Settings of a function, with the service's validation errors.
//!
//! Sources: docs/facts/lambda.md, Function limits, Role not ready, Runtimes.

use std::collections::BTreeMap;

use sensor_model::limits::RESERVED_VARIABLES;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::request::invalid;
use crate::lambda::LambdaServices;
use crate::lambda::permissions::is_assumable;
use crate::lambda::state::{FunctionRecord, Logging, Tags};
use crate::protocol::aws_json::ServiceError;

/// Runtimes that run natively on this machine.
const RUNTIMES: [&str; 2] = ["provided.al2023", "provided.al2"];
/// Message for a role that was recreated after the function got it.
pub(crate) const NO_KEY: &str = "Lambda was unable to decrypt the environment variables because KMS access was denied. \
     Please check the function's KMS key settings. KMS Exception: UnrecognizedClientException KMS Message: The security \
     token included in the request is invalid.";

/// Message for a role that Lambda cannot assume.
pub(crate) const NO_ROLE: &str = "The role defined for the function cannot be assumed by Lambda.";
/// Limit of the environment variables as JSON, in bytes.
const ENVIRONMENT_LIMIT: usize = 4096;

/// The body of `CreateFunction`, `UpdateFunctionConfiguration` and `UpdateFunctionCode`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct FunctionInput {
    pub function_name: Option<String>,
    pub runtime: Option<String>,
    pub role: Option<String>,
    pub handler: Option<String>,
    pub code: Option<CodeInput>,
    pub description: Option<String>,
    pub timeout: Option<i64>,
    pub memory_size: Option<i64>,
    pub publish: bool,
    pub package_type: Option<String>,
    pub environment: Option<EnvironmentInput>,
    pub tags: Option<Tags>,
    pub layers: Option<Vec<Value>>,
    pub file_system_configs: Option<Vec<Value>>,
    pub vpc_config: Option<Value>,
    pub architectures: Option<Vec<String>>,
    pub ephemeral_storage: Option<SizeInput>,
    pub logging_config: Option<LoggingInput>,
    pub revision_id: Option<String>,
    pub dry_run: bool,
    pub zip_file: Option<String>,
    pub s3_bucket: Option<String>,
    pub image_uri: Option<String>,
    pub dead_letter_config: Option<Value>,
    pub tracing_config: Option<Value>,
    pub snap_start: Option<Value>,
    #[serde(rename = "KMSKeyArn")]
    pub kms_key_arn: Option<Value>,
}

/// `Code`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct CodeInput {
    pub zip_file: Option<String>,
    pub s3_bucket: Option<String>,
    pub image_uri: Option<String>,
}

/// `Environment`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct EnvironmentInput {
    pub variables: BTreeMap<String, String>,
}

/// `EphemeralStorage`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SizeInput {
    pub size: i64,
}

/// `LoggingConfig`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct LoggingInput {
    pub log_format: Option<String>,
    pub log_group: Option<String>,
    pub application_log_level: Option<String>,
    pub system_log_level: Option<String>,
}

/// Applies the settings in the input, after checking all of them.
pub(crate) fn apply(
    input: FunctionInput,
    function: &mut FunctionRecord,
    deps: &LambdaServices,
) -> Result<(), ServiceError> {
    refuse_what_cannot_run(&input)?;
    if let Some(runtime) = input.runtime {
        if !RUNTIMES.contains(&runtime.as_str()) {
            return Err(invalid(format!(
                "The local cloud runs no runtime {runtime}, only {} with an executable named bootstrap: put the \
                 runtime's own program into the zip as the bootstrap, or use the function on AWS.",
                RUNTIMES.join(" and ")
            )));
        }
        function.runtime = runtime;
    }
    if let Some(handler) = input.handler {
        if handler.is_empty() || handler.len() > 128 || handler.contains(char::is_whitespace) {
            return Err(constraint(&handler, "handler", "Member must satisfy regular expression pattern: [^\\s]+"));
        }
        function.handler = handler;
    }
    if let Some(description) = input.description {
        if description.chars().count() > 256 {
            let rule = "Member must have length less than or equal to 256";
            return Err(constraint(&description, "description", rule));
        }
        function.description = description;
    }
    if let Some(timeout) = input.timeout {
        function.timeout = within(timeout, "timeout", 1, 900)?;
    }
    if let Some(memory) = input.memory_size {
        function.memory_size = within(memory, "memorySize", 128, 10_240)?;
    }
    if let Some(storage) = input.ephemeral_storage {
        function.ephemeral_storage = within(storage.size, "ephemeralStorage.size", 512, 10_240)?;
    }
    if let Some(environment) = input.environment {
        check_environment(&environment.variables)?;
        function.environment = environment.variables;
    }
    if let Some(logging) = input.logging_config {
        function.logging = logging_of(logging, &function.logging)?;
    }
    let shown = [
        ("DeadLetterConfig", input.dead_letter_config),
        ("TracingConfig", input.tracing_config),
        ("SnapStart", input.snap_start),
        ("KMSKeyArn", input.kms_key_arn),
    ];
    keep(shown, &mut function.shown);
    if let Some(architectures) = input.architectures {
        function.architecture = architecture(&architectures)?;
    }
    // The role comes last, because a new role may still become usable; all other errors are permanent.
    if let Some(role) = input.role {
        check_role(&role, deps)?;
        // Setting the same name again changes nothing (re:Post, "KMSAccessDeniedException": set another role, then the
        // first one again).
        if function.role != role {
            function.role_id = deps.iam.grantee(&role).unwrap_or_default();
        }
        function.role = role;
    }
    Ok(())
}

/// Stores the given settings, to be returned.
pub(crate) fn keep<const N: usize>(given: [(&str, Option<Value>); N], shown: &mut Map<String, Value>) {
    for (name, value) in given {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            shown.insert(name.to_owned(), value);
        }
    }
}

/// Returns the error `1 validation error detected: …`.
pub(crate) fn constraint(value: &str, member: &str, rule: &str) -> ServiceError {
    let text =
        format!("1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}");
    ServiceError::new(400, "ValidationException", text)
}

/// Returns a number if it is within its bounds.
pub(crate) fn within(value: i64, member: &str, least: i64, most: i64) -> Result<u64, ServiceError> {
    let rule = match value {
        _ if value < least => format!("Member must have value greater than or equal to {least}"),
        _ if value > most => format!("Member must have value less than or equal to {most}"),
        _ => return Ok(value.unsigned_abs()),
    };
    Err(constraint(&value.to_string(), member, &rule))
}

/// Returns the architecture of this machine by the service's name.
pub(crate) fn host_architecture() -> &'static str {
    if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" }
}

fn refuse_what_cannot_run(input: &FunctionInput) -> Result<(), ServiceError> {
    let filled = |list: &Option<Vec<Value>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let subnets = input.vpc_config.as_ref().and_then(|config| config.get("SubnetIds")).and_then(Value::as_array);
    let code = input.code.as_ref();
    let what = if input.package_type.as_deref().is_some_and(|kind| kind != "Zip")
        || input.image_uri.is_some()
        || code.is_some_and(|code| code.image_uri.is_some())
    {
        "container images"
    } else if input.s3_bucket.is_some() || code.is_some_and(|code| code.s3_bucket.is_some()) {
        "code from S3 (send it as ZipFile)"
    } else if filled(&input.layers) {
        "layers"
    } else if filled(&input.file_system_configs) {
        "file systems"
    } else if subnets.is_some_and(|subnets| !subnets.is_empty()) {
        "VPCs"
    } else if text_in(input.dead_letter_config.as_ref(), "TargetArn").is_some_and(|arn| !arn.is_empty()) {
        "dead letter queues"
    } else if text_in(input.snap_start.as_ref(), "ApplyOn").is_some_and(|on| on != "None") {
        "SnapStart"
    } else {
        return Ok(());
    };
    Err(invalid(format!("The local cloud has no {what}.")))
}

/// Returns a string member of an optional setting.
fn text_in<'a>(setting: Option<&'a Value>, name: &str) -> Option<&'a str> {
    setting?.get(name)?.as_str()
}

fn architecture(given: &[String]) -> Result<String, ServiceError> {
    let [one] = given else {
        let rule = "Member must have length less than or equal to 1";
        return Err(constraint(&format!("[{}]", given.join(", ")), "architectures", rule));
    };
    if !["x86_64", "arm64"].contains(&one.as_str()) {
        let rule = "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64]]";
        return Err(constraint(&format!("[{one}]"), "architectures", rule));
    }
    if one != host_architecture() {
        let host = host_architecture();
        return Err(invalid(format!("The local cloud runs functions on this machine, which is {host} and not {one}.")));
    }
    Ok(one.clone())
}

fn check_environment(variables: &BTreeMap<String, String>) -> Result<(), ServiceError> {
    const UNABLE: &str =
        "Lambda was unable to configure your environment variables because the environment variables you have provided";
    for name in variables.keys() {
        let mut letters = name.chars();
        let well_formed = name.len() >= 2
            && letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !well_formed && !RESERVED_VARIABLES.contains(&name.as_str()) {
            let rule = "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: \
                        [a-zA-Z]([a-zA-Z0-9_])+]";
            return Err(constraint("environment", "environment.variables", rule));
        }
    }
    if let Some(value) = variables.values().find(|value| value.contains('\0')) {
        return Err(invalid(format!("An environment variable of {} bytes holds a NUL.", value.len())));
    }
    let reserved: Vec<&str> =
        variables.keys().map(String::as_str).filter(|name| RESERVED_VARIABLES.contains(name)).collect();
    if !reserved.is_empty() {
        return Err(invalid(format!(
            "{UNABLE} contains reserved keys that are currently not supported for modification. Reserved keys used in \
             this request: {}",
            reserved.join(", ")
        )));
    }
    let measured = serde_json::to_string(variables).unwrap_or_default().len();
    if measured > ENVIRONMENT_LIMIT {
        // The service repeats the variables here. They may be secrets, and this message appears in logs.
        return Err(invalid(format!("{UNABLE} exceeded the 4KB limit. String measured: {measured} bytes")));
    }
    Ok(())
}

fn logging_of(input: LoggingInput, old: &Logging) -> Result<Logging, ServiceError> {
    let format = input.log_format.unwrap_or_else(|| old.format.clone());
    if !["Text", "JSON"].contains(&format.as_str()) {
        let rule = "Member must satisfy enum value set: [JSON, Text]";
        return Err(constraint(&format, "loggingConfig.logFormat", rule));
    }
    let group = input.log_group.unwrap_or_else(|| old.group.clone());
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || ".-_/#".contains(letter);
    if !(1..=512).contains(&group.len()) || !group.chars().all(allowed) {
        let rule = "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+";
        return Err(constraint(&group, "loggingConfig.logGroup", rule));
    }
    let levels = [input.application_log_level, input.system_log_level];
    if format == "Text" {
        if levels.iter().any(Option::is_some) {
            return Err(invalid("You can set log levels only if the log format is JSON."));
        }
        return Ok(Logging { format, group, application_level: None, system_level: None });
    }
    let [application, system] = levels;
    let or_info = |new: Option<String>, old: &Option<String>| new.or_else(|| old.clone()).or(Some("INFO".to_owned()));
    Ok(Logging {
        application_level: or_info(application, &old.application_level),
        system_level: or_info(system, &old.system_level),
        format,
        group,
    })
}

/// Rejects a role that does not exist or that Lambda may not assume.
fn check_role(arn: &str, deps: &LambdaServices) -> Result<(), ServiceError> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let is_arn = match parts.as_slice() {
        ["arn", partition, "iam", "", account, role] => {
            partition.starts_with("aws")
                && account.len() == 12
                && account.bytes().all(|digit| digit.is_ascii_digit())
                && role.strip_prefix("role").is_some_and(|rest| !rest.trim_start_matches('/').is_empty())
        }
        _ => false,
    };
    if !is_arn {
        let rule = "Member must satisfy regular expression pattern: \
                    arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+";
        return Err(constraint(arn, "role", rule));
    }
    if is_assumable(&deps.iam, &deps.identity, arn) {
        return Ok(());
    }
    Err(invalid(NO_ROLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_settings_out_of_bounds_get_the_services_message() {
        assert_eq!(within(900, "timeout", 1, 900).unwrap(), 900);
        let error = within(901, "timeout", 1, 900).unwrap_err();
        assert_eq!(
            error.message,
            "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have \
             value less than or equal to 900"
        );
        assert!(within(-1, "timeout", 1, 900).is_err());
    }

    #[test]
    fn function_environment_reserved_or_oversized_is_rejected() {
        let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        assert!(check_environment(&one("TABLE_NAME", "x")).is_ok());
        let error = check_environment(&one("AWS_REGION", "x")).unwrap_err();
        assert!(error.message.ends_with("Reserved keys used in this request: AWS_REGION"), "{}", error.message);
        assert!(check_environment(&one("A", "x")).is_err(), "too short");
        assert!(check_environment(&one("1A", "x")).is_err(), "starts with a digit");
        assert!(check_environment(&one("AB", &"x".repeat(5000))).unwrap_err().message.contains("4KB limit"));
    }

    #[test]
    fn function_architecture_must_be_the_machines() {
        let host = host_architecture();
        let other = if host == "arm64" { "x86_64" } else { "arm64" };
        assert_eq!(architecture(&[host.to_owned()]).unwrap(), host);
        assert!(architecture(&[other.to_owned()]).unwrap_err().message.contains("this machine"));
        assert_eq!(architecture(&["X86_64".to_owned()]).unwrap_err().code, "ValidationException");
        assert!(architecture(&[host.to_owned(), other.to_owned()]).is_err());
    }
}
