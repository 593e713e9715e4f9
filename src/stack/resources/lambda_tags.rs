//! Tags of functions and event source mappings.

use crate::aws::AwsFailure;
use crate::stack::Session;
use crate::stack::engine::observed::Tags;

const SERVICE: &str = "Lambda";

/// Returns the tags of a function or mapping by its ARN, or no tags if it does not exist.
pub(crate) async fn tags_of(session: &Session, arn: &str, name: &str) -> Result<Tags, AwsFailure> {
    let result = session.clients.lambda.list_tags().resource(arn).send().await;
    let answer = session.clients.call(SERVICE, "ListTags", name).optional(result)?;
    Ok(answer.and_then(|answer| answer.tags).unwrap_or_default().into_iter().collect())
}
