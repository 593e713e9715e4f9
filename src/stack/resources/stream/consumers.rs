//! Enhanced fan-out consumers. All are unmanaged: sensorctl registers none.

use super::SERVICE;
use crate::aws::AwsFailure;
use crate::stack::Session;

/// Returns the names of a stream's registered consumers.
pub(super) async fn of(session: &Session, arn: &str, name: &str) -> Result<Vec<String>, AwsFailure> {
    let clients = &session.clients;
    let mut names = Vec::new();
    let mut token = None;
    loop {
        let request = clients.kinesis.list_stream_consumers().stream_arn(arn).set_next_token(token);
        let call = clients.call(SERVICE, "ListStreamConsumers", name);
        let Some(answer) = call.optional(request.send().await)? else { return Ok(names) };
        names.extend(answer.consumers.unwrap_or_default().into_iter().map(|consumer| consumer.consumer_name));
        token = answer.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(names);
        }
    }
}
