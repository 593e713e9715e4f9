//! What a request asks for, as IAM has it: the action, and the ARNs of the resources that it names.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::local::identity::Identity;
use crate::local::kinesis::{AskedStream, asked_stream};
use crate::local::query_api::Parameters;
use crate::local::wire::Request;

/// The action of a request and its resources; `None` among them where the request does not tell which.
pub(crate) fn asked(
    identity: &Identity,
    service: &str,
    operation: &str,
    request: &Request,
) -> (String, Vec<Option<String>>) {
    let everything = || "*".to_owned();
    let resources = match service {
        // What a PartiQL statement is about is not read.
        "dynamodb" if operation.contains("Execute") => vec![None],
        // What is said twice, or is of another type than it should be, the service may yet read in its own way.
        "dynamodb" => match serde_json::from_slice(request.body()) {
            Ok(named) => tables(identity, named),
            Err(_) => vec![None],
        },
        "kinesis" => vec![stream(identity, operation, request)],
        "logs" => {
            let input = serde_json::from_slice(request.body()).unwrap_or_default();
            vec![Some(log_stream(identity, &input))]
        }
        "lambda" => vec![Some(function_or_mapping(identity, request.uri().path()))],
        "iam" => {
            let input = Parameters::of(request);
            let policy = || input.get("PolicyArn").map_or_else(everything, str::to_owned);
            vec![Some(input.get("RoleName").map_or_else(policy, |name| identity.role_arn("/", name)))]
        }
        "sts" => vec![Some(Parameters::of(request).get("RoleArn").map_or_else(everything, str::to_owned))],
        _ => vec![Some(everything())],
    };
    let action = if operation == "Invoke" { "InvokeFunction" } else { operation };
    (format!("{service}:{action}"), resources)
}

/// What a request to `DynamoDB` names, read past the items in it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[expect(clippy::zero_sized_map_values, reason = "a set would refuse what stands at its names")]
struct Named {
    table_name: Option<String>,
    index_name: Option<String>,
    resource_arn: Option<String>,
    request_items: BTreeMap<String, IgnoredAny>,
    transact_items: Vec<BTreeMap<String, Named>>,
}

fn tables(identity: &Identity, named: Named) -> Vec<Option<String>> {
    let arn = |name: String| if name.starts_with("arn:") { name } else { identity.table_arn(&name) };
    let mut arns: Vec<String> = Vec::new();
    if let Some(name) = named.table_name {
        let index = named.index_name.map(|index| format!("/index/{index}")).unwrap_or_default();
        arns.push(arn(name) + &index);
    }
    arns.extend(named.resource_arn);
    arns.extend(named.request_items.into_keys().map(arn));
    let actions = named.transact_items.into_iter().flat_map(BTreeMap::into_values);
    arns.extend(actions.filter_map(|action| action.table_name).map(arn));
    if arns.is_empty() {
        arns.push("*".to_owned());
    }
    arns.into_iter().map(Some).collect()
}

fn stream(identity: &Identity, operation: &str, request: &Request) -> Option<String> {
    match asked_stream(request) {
        AskedStream::Arn(arn) => Some(arn),
        AskedStream::Name(name) => Some(identity.stream_arn(&name)),
        // An iterator that is none.
        AskedStream::None if operation == "GetRecords" => None,
        AskedStream::None => Some("*".to_owned()),
    }
}

fn log_stream(identity: &Identity, input: &Value) -> String {
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    let group = match text("logGroupName").or(text("logGroupIdentifier")).or(text("resourceArn")) {
        Some(arn) if arn.starts_with("arn:") => arn.trim_end_matches(":*").to_owned(),
        Some(name) => identity.log_group_arn(name),
        None => return "*".to_owned(),
    };
    format!("{group}:log-stream:{}", text("logStreamName").unwrap_or_default())
}

fn function_or_mapping(identity: &Identity, path: &str) -> String {
    let decoded = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
    let parts: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
    match parts.as_slice() {
        ["tags", arn, ..] => decoded(arn),
        ["functions", name, ..] if name.starts_with("arn") => decoded(name),
        ["functions", name, ..] => identity.function_arn(&decoded(name)),
        ["event-source-mappings", uuid] => identity.mapping_arn(uuid),
        _ => "*".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(service: &str, operation: &str, path: &str, body: &Value) -> (String, Vec<Option<String>>) {
        let request = http::Request::post(path).body(body.to_string().into()).unwrap();
        asked(&Identity::new("us-east-1"), service, operation, &request)
    }

    #[test]
    fn a_batch_asks_for_every_table_that_it_names() {
        let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/";
        let (action, resources) =
            of("dynamodb", "BatchWriteItem", "/", &json!({"RequestItems": {"a": [], format!("{arn}b"): []}}));
        assert_eq!(action, "dynamodb:BatchWriteItem");
        assert_eq!(resources, [Some(format!("{arn}a")), Some(format!("{arn}b"))]);
        let put = |table: &str| json!({"Put": {"TableName": table, "Item": {"k": {"S": "x"}}}});
        let (_, resources) = of("dynamodb", "TransactWriteItems", "/", &json!({"TransactItems": [put("a"), put("b")]}));
        assert_eq!(resources, [Some(format!("{arn}a")), Some(format!("{arn}b"))]);
        let (_, resources) = of("dynamodb", "Query", "/", &json!({"TableName": "a", "IndexName": "i"}));
        assert_eq!(resources, [Some(format!("{arn}a/index/i"))]);
        assert_eq!(of("dynamodb", "ListTables", "/", &json!({})).1, [Some("*".to_owned())]);
        for unclear in [json!({"TableName": 5}), json!({"TableName": "a", "Item": {}, "RequestItems": 5})] {
            assert_eq!(of("dynamodb", "PutItem", "/", &unclear).1, [None], "a denial of any table is one of this");
        }
    }

    #[test]
    fn streams_logs_and_functions_are_named_by_their_arns() {
        let one = |service: &str, path: &str, body: Value| of(service, "Invoke", path, &body).1.remove(0);
        let arn = |rest: &str| Some(format!("arn:aws:{rest}"));
        assert_eq!(one("kinesis", "/", json!({"StreamName": "s"})), arn("kinesis:us-east-1:000000000000:stream/s"));
        assert_eq!(one("kinesis", "/", json!({})), Some("*".to_owned()));
        assert_eq!(of("kinesis", "GetRecords", "/", &json!({"ShardIterator": "AAA"})).1, [None]);
        assert_eq!(of("dynamodb", "BatchExecuteStatement", "/", &json!({})).1, [None]);
        let stream = json!({"logGroupName": "/aws/lambda/f", "logStreamName": "x"});
        assert_eq!(one("logs", "/", stream), arn("logs:us-east-1:000000000000:log-group:/aws/lambda/f:log-stream:x"));
        let path = "/2015-03-31/functions/f/invocations";
        assert_eq!(one("lambda", path, json!({})), arn("lambda:us-east-1:000000000000:function:f"));
        assert_eq!(of("lambda", "Invoke", path, &json!({})).0, "lambda:InvokeFunction");
        let path = "/2015-03-31/event-source-mappings/u";
        assert_eq!(one("lambda", path, json!({})), arn("lambda:us-east-1:000000000000:event-source-mapping:u"));
        let tags = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af";
        assert_eq!(one("lambda", tags, json!({})), arn("lambda:us-east-1:000000000000:function:f"));
    }
}
