//! Messages of an event stream, the body of a response that goes on (Smithy specification, *Amazon Event Stream*).

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Bytes;
use serde::Serialize;

use crate::protocol::aws_json::ServiceError;

/// Content type of an event stream.
pub(crate) const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// Type of the first event, which clients wait for before they return from the call.
pub(crate) const INITIAL_RESPONSE: &str = "initial-response";

/// Returns the message of an event with a JSON payload.
///
/// # Errors
/// The payload cannot be encoded, which is an error of the local cloud.
pub(crate) fn event(kind: &'static str, payload: &impl Serialize) -> Result<Bytes, ServiceError> {
    let payload = serde_json::to_vec(payload).map_err(|error| ServiceError::internal(error.to_string()))?;
    message([(":message-type", "event"), (":event-type", kind), (":content-type", "application/json")], payload)
}

/// Returns the message of an exception, which ends the stream.
///
/// # Errors
/// The error cannot be encoded, which is an error of the local cloud.
pub(crate) fn exception(error: &ServiceError) -> Result<Bytes, ServiceError> {
    // The event streams of the services name their internal error like their other exceptions.
    let code = if error.code == "InternalFailure" { "InternalFailureException" } else { &error.code };
    let payload = serde_json::json!({ "message": error.message }).to_string();
    message([(":message-type", "exception"), (":exception-type", code), (":content-type", "application/json")], payload)
}

fn message(headers: [(&'static str, &str); 3], payload: impl Into<Bytes>) -> Result<Bytes, ServiceError> {
    let header = |(name, value): (&'static str, &str)| Header::new(name, HeaderValue::String(value.to_owned().into()));
    let message = Message::new_from_parts(headers.into_iter().map(header).collect(), payload);
    let mut bytes = Vec::with_capacity(message.payload().len() + 256);
    write_message_to(&message, &mut bytes).map_err(|error| ServiceError::internal(error.to_string()))?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use aws_smithy_eventstream::frame::read_message_from;

    use super::*;

    #[test]
    fn initial_response_is_the_message_that_clients_expect() {
        // Written by hand from the specification; botocore decodes it.
        let expected = "00000068000000564e6817240d3a6d6573736167652d747970650700056576656e740b3a6576656e742d74797065070010\
                        696e697469616c2d726573706f6e73650d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e\
                        7b7dfe942c1d";
        let found = event(INITIAL_RESPONSE, &serde_json::json!({})).unwrap();
        let mut digits = String::new();
        for byte in found {
            write!(digits, "{byte:02x}").unwrap();
        }
        assert_eq!(digits, expected);
    }

    #[test]
    fn exception_names_its_type_and_internal_errors_get_the_streams_name() {
        for (error, code) in [
            (ServiceError::bad_request("ResourceInUseException", "taken \"over\""), "ResourceInUseException"),
            (ServiceError::internal("damaged"), "InternalFailureException"),
        ] {
            let message = read_message_from(&mut exception(&error).unwrap()).unwrap();
            let header = |name: &str| {
                let found = message.headers().iter().find(|header| header.name().as_str() == name).unwrap();
                found.value().as_string().unwrap().as_str().to_owned()
            };
            assert_eq!((header(":message-type").as_str(), header(":exception-type").as_str()), ("exception", code));
            let payload: serde_json::Value = serde_json::from_slice(message.payload()).unwrap();
            assert_eq!(payload["message"], error.message);
        }
    }
}
