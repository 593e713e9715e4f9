//! Published versions: the newest one of a function, for as long as the function is what it was when it was published.
//!
//! Deployers publish with every upload (`Publish: true`) and use what they published at once. A version that its function
//! has left behind is refused by its name: to answer with other code than that of the version would be silently wrong.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::state::{FunctionRecord, Published, Tags};
use crate::identity::Identity;
use crate::lambda::api::function_name::missing;
use crate::protocol::aws_json::ServiceError;

/// Publishes what a function is now. What is published already keeps its number, as in the service.
pub(super) fn publish(function: &mut FunctionRecord) {
    let of = fingerprint(function);
    if function.published.of != of {
        function.published = Published { number: function.published.number + 1, of };
    }
}

/// Returns whether the newest version is what its function is now.
pub(super) fn is_current(function: &FunctionRecord) -> bool {
    function.published.number > 0 && function.published.of == fingerprint(function)
}

/// Refuses a version that was never published, and one that its function has left behind.
///
/// # Errors
/// `ResourceNotFoundException`.
pub(super) fn check(function: &FunctionRecord, version: &str, identity: &Identity) -> Result<(), ServiceError> {
    let arn = format!("{}:{version}", identity.function_arn(&function.name));
    match version.parse::<u64>() {
        Ok(number) if number == function.published.number && is_current(function) => Ok(()),
        Ok(number) if (1..=function.published.number).contains(&number) => {
            let message = format!(
                "The local cloud keeps a published version until the function changes, and {arn} has changed since: \
                 publish it again, or use $LATEST."
            );
            Err(ServiceError::new(404, "ResourceNotFoundException", message))
        }
        _ => Err(missing(&arn)),
    }
}

/// Returns the configuration of the newest version, from that of `$LATEST`.
pub(super) fn version_of(function: &FunctionRecord, mut latest: Value) -> Value {
    let number = function.published.number;
    let arn = latest["FunctionArn"].as_str().unwrap_or_default();
    latest["FunctionArn"] = json!(format!("{arn}:{number}"));
    latest["Version"] = json!(number.to_string());
    latest
}

/// A hash of what a version is: all but what belongs to the function as a whole.
fn fingerprint(function: &FunctionRecord) -> String {
    let version = FunctionRecord {
        tags: Tags::new(),
        reserved_concurrency: None,
        published: Published::default(),
        revision_id: String::new(),
        last_modified: String::new(),
        ..function.clone()
    };
    // Its keys are texts: writing it cannot fail.
    let text = serde_json::to_vec(&version).unwrap_or_default();
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, Sha256::digest(text))
}
