//! The function's environment variables: those that sensorctl sets, the user's own, and unmanaged ones.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{Environment, FunctionConfiguration};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::aws::{AwsFailure, Clients, FailureCause};

/// Returns the environment as it is compared and shown: the user's own variables, which may be secret, only as a
/// digest.
pub(super) fn shown(environment: &BTreeMap<String, String>) -> BTreeMap<String, Value> {
    let shown = |(name, value): (&String, &String)| {
        let ours = name.starts_with("SENSORCTL_");
        let digest = || format!("sha256:{}", STANDARD.encode(&Sha256::digest(value.as_bytes())[..9]));
        (name.clone(), json!(if ours { value.clone() } else { digest() }))
    };
    environment.iter().map(shown).collect()
}

/// Returns the variables of a function.
///
/// # Errors
/// If the service could not decrypt them for this caller. It still responds, without any variables. Such a function
/// must not count as one without variables, because an update replaces all of them.
pub(super) fn variables_of(
    clients: &Clients,
    function: &FunctionConfiguration,
) -> Result<BTreeMap<String, String>, AwsFailure> {
    let Some(environment) = &function.environment else { return Ok(BTreeMap::new()) };
    if let Some(error) = &environment.error {
        let of = format!("the variables of function {}", function.function_name().unwrap_or_default());
        return Err(unreadable(clients, &of, function.kms_key_arn(), error.error_code(), error.message()));
    }
    Ok(environment.variables.clone().unwrap_or_default().into_iter().collect())
}

/// Returns the failure to read data that is encrypted with a KMS key, from the error that replaces it in a response.
pub(crate) fn unreadable(
    clients: &Clients,
    of: &str,
    key: Option<&str>,
    code: Option<&str>,
    message: Option<&str>,
) -> AwsFailure {
    let key = key.map(|key| format!(" (key {key})")).unwrap_or_default();
    let failure = clients.build_failure("KMS", "Decrypt", &format!("{of}{key}"), message.unwrap_or_default());
    let code = code.unwrap_or("the service gives no code");
    let says_denied = |text: &str| text.contains("AccessDenied") || text.contains("not authorized");
    let cause = match code {
        _ if says_denied(code) || message.is_some_and(says_denied) => FailureCause::Denied,
        _ if code.starts_with("Internal") || code.starts_with("Service") => FailureCause::ServerError,
        _ if code.contains("Throttl") => FailureCause::Throttled,
        _ => FailureCause::Other,
    };
    AwsFailure { cause, code: Some(code.to_owned()), ..failure }
}

/// Returns the variables as a parameter of a call.
pub(super) fn environment_of(variables: BTreeMap<String, String>) -> Environment {
    Environment::builder().set_variables(Some(variables.into_iter().collect())).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_variables_are_compared_but_never_shown() {
        let environment = |token: &str| {
            BTreeMap::from([("SENSORCTL_TABLE".to_owned(), "t".to_owned()), ("TOKEN".to_owned(), token.to_owned())])
        };
        let one = shown(&environment("s3cret"));
        assert_eq!(one["SENSORCTL_TABLE"], "t");
        assert!(!json!(one).to_string().contains("s3cret"));
        assert_ne!(one, shown(&environment("other")));
    }
}
