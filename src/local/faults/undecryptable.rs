//! Lambda responses without permission for the KMS key.
//!
//! The caller may see the function or event source mapping, but may not use the key (docs/facts/lambda.md, Function
//! states; `EnvironmentResponse` and `FilterCriteriaError` of the API reference).

use http::HeaderValue;
use http::header::CONTENT_LENGTH;
use serde_json::{Value, json};

use crate::protocol::aws_json::Response;

const CODE: &str = "AccessDeniedException";
const MESSAGE: &str = "Lambda was unable to decrypt your environment variables because the KMS access was denied. Please \
                       check your KMS permissions. KMS Exception: AccessDeniedException KMS Message: User is not \
                       authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:000000000000:key/1 (a fault \
                       on request)";

/// Operations whose responses can contain encrypted members.
pub(super) const OPERATIONS: [&str; 5] = [
    "lambda:GetFunction",
    "lambda:GetFunctionConfiguration",
    "lambda:ListFunctions",
    "lambda:GetEventSourceMapping",
    "lambda:ListEventSourceMappings",
];

/// Replaces encrypted members by the error for a caller who may not decrypt them. The response stays a success.
pub(crate) fn hide(mut response: Response) -> Response {
    let Ok(mut body) = serde_json::from_slice::<Value>(response.body()) else { return response };
    hide_in(&mut body);
    let text = body.to_string();
    if response.headers().contains_key(CONTENT_LENGTH) {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
    }
    *response.body_mut() = text.into();
    response
}

fn hide_in(value: &mut Value) {
    let error = json!({"ErrorCode": CODE, "Message": MESSAGE});
    match value {
        Value::Object(members) => {
            if members.contains_key("Environment") {
                members.insert("Environment".to_owned(), json!({"Error": error.clone()}));
            }
            if members.remove("FilterCriteria").is_some() {
                members.insert("FilterCriteriaError".to_owned(), error);
            }
            members.values_mut().for_each(hide_in);
        }
        Value::Array(items) => items.iter_mut().for_each(hide_in),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::aws_json;

    #[test]
    fn undecryptable_variables_and_filters_become_errors() {
        let answer = json!({"Configuration": {"FunctionName": "f", "Environment": {"Variables": {"A": "s3cret"}}},
            "EventSourceMappings": [{"UUID": "u", "FilterCriteria": {"Filters": [{"Pattern": "s3cret"}]}}]});
        let hidden: Value = serde_json::from_slice(hide(aws_json::json(200, &answer)).body()).unwrap();
        assert_eq!(hidden["Configuration"]["FunctionName"], "f");
        assert_eq!(hidden["Configuration"]["Environment"]["Error"]["ErrorCode"], CODE);
        assert_eq!(hidden["EventSourceMappings"][0]["FilterCriteriaError"]["ErrorCode"], CODE);
        assert!(!hidden.to_string().contains("s3cret"));
        let none = json!({"Configuration": {"FunctionName": "f"}});
        assert_eq!(serde_json::from_slice::<Value>(hide(aws_json::json(200, &none)).body()).unwrap(), none);
    }
}
