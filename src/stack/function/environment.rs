//! The function's environment variables: those that sensorctl sets, the user's own, and what somebody else set.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{Environment, FunctionConfiguration};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The environment as it is compared and shown: of the user's own variables, which may be secret, a digest only.
pub fn shown(environment: &BTreeMap<String, String>) -> BTreeMap<String, Value> {
    let shown = |(name, value): (&String, &String)| {
        let ours = name.starts_with("SENSORCTL_");
        let digest = || format!("sha256:{}", STANDARD.encode(&Sha256::digest(value.as_bytes())[..9]));
        (name.clone(), json!(if ours { value.clone() } else { digest() }))
    };
    environment.iter().map(shown).collect()
}

/// The variables that a function has.
pub fn variables_of(function: &FunctionConfiguration) -> BTreeMap<String, String> {
    let variables = function.environment.as_ref().and_then(|environment| environment.variables.clone());
    variables.unwrap_or_default().into_iter().collect()
}

/// Variables for a call.
pub fn environment_of(variables: BTreeMap<String, String>) -> Environment {
    Environment::builder().set_variables(Some(variables.into_iter().collect())).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_users_own_are_compared_but_never_shown() {
        let environment = |token: &str| {
            BTreeMap::from([("SENSORCTL_TABLE".to_owned(), "t".to_owned()), ("TOKEN".to_owned(), token.to_owned())])
        };
        let one = shown(&environment("s3cret"));
        assert_eq!(one["SENSORCTL_TABLE"], "t");
        assert!(!json!(one).to_string().contains("s3cret"));
        assert_ne!(one, shown(&environment("other")));
    }
}
