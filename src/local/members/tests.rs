use serde_json::{Value, json};

use super::*;
use crate::router::Service;

fn ask(target: &str, body: &Value) -> Result<(), ServiceError> {
    let request = http::Request::post("/").header("x-amz-target", target).body(body.to_string().into()).unwrap();
    let (parts, body) = request.into_parts();
    check(Service::of(&parts), &Request::from_parts(parts, body))
}

fn scoped(service: &str, method: &str, path: &str, body: &str) -> Result<(), ServiceError> {
    let credential = format!("AWS4-HMAC-SHA256 Credential=K/20261123/us-east-1/{service}/aws4_request, Signature=0");
    let request = http::Request::builder().method(method).uri(path).header("authorization", credential);
    let (parts, body) = request.body(body.to_owned().into()).unwrap().into_parts();
    check(Service::of(&parts), &Request::from_parts(parts, body))
}

#[test]
fn unknown_member_is_rejected_by_name_in_every_operation() {
    for (service, operation) in TABLE.keys() {
        let target = match *service {
            "kinesis" => format!("Kinesis_20131202.{operation}"),
            "dynamodb" => format!("DynamoDB_20120810.{operation}"),
            "logs" => format!("Logs_20140328.{operation}"),
            "tag" => format!("ResourceGroupsTaggingAPI_20170126.{operation}"),
            "cloudwatch" => format!("GraniteServiceVersion20100801.{operation}"),
            "iam" | "sts" => {
                let refused = scoped(service, "POST", "/", &format!("Action={operation}&Foo.member.1=x")).unwrap_err();
                assert!(refused.message.contains(&format!("Foo.member.1 in {service}:{operation}")), "{refused:?}");
                continue;
            }
            _ => continue,
        };
        let refused = ask(&target, &json!({"FooBar": 1})).unwrap_err();
        assert_eq!(refused.status, 400);
        assert!(refused.message.contains(&format!("FooBar in {service}:{operation}")), "{refused:?}");
    }
    for (method, path, body) in [
        ("POST", "/2015-03-31/functions", "{\"FooBar\":1}"),
        ("PUT", "/2015-03-31/functions/f/code", "{\"FooBar\":1}"),
        ("POST", "/2015-03-31/event-source-mappings", "{\"FooBar\":{\"a\":1}}"),
        ("PUT", "/2017-10-31/functions/f/concurrency", "{\"FooBar\":1}"),
        ("GET", "/2015-03-31/functions?FooBar=1", ""),
        ("GET", "/2015-03-31/functions/f?FooBar=1", ""),
        ("POST", "/2015-03-31/functions/f/invocations?FooBar=1", "no members"),
    ] {
        let refused = scoped("lambda", method, path, body).unwrap_err();
        assert_eq!(refused.code, "InvalidParameterValueException", "{path}");
        assert!(refused.message.contains("FooBar in lambda:"), "{refused:?}");
    }
}

#[test]
fn unknown_nested_member_is_rejected_with_its_path() {
    for (target, body, path) in [
        (
            "Kinesis_20131202.CreateStream",
            json!({"RecordDistributionStrategy": "AUTO"}),
            "RecordDistributionStrategy in",
        ),
        ("Kinesis_20131202.PutRecords", json!({"Records": [{"Data": ""}, {"Datum": "x"}]}), "Records.Datum in"),
        (
            "DynamoDB_20120810.BatchWriteItem",
            json!({"RequestItems": {"t": [{"PutRequest": {"Item": {"any": {"S": "x"}}, "Thing": 1}}]}}),
            "RequestItems.PutRequest.Thing in",
        ),
        (
            "DynamoDB_20120810.UpdateTable",
            json!({"TableName": "t", "SSESpecification": {"Enabled": true}}),
            "SSESpecification in",
        ),
        ("Logs_20140328.PutLogEvents", json!({"logEvents": [{"timestamp": 1, "text": "m"}]}), "logEvents.text in"),
    ] {
        let refused = ask(target, &body).unwrap_err();
        assert!(refused.message.contains(&format!("no {path}")), "{refused:?}");
    }
    let refused = scoped("iam", "POST", "/", "Action=CreateRole&Tags.member.1.Name=x").unwrap_err();
    assert!(refused.message.contains("Tags.member.1.Name in iam:CreateRole"), "{refused:?}");
}

#[test]
fn unknown_type_of_attribute_value_is_rejected_wherever_values_are() {
    let (odd, key) = (json!({"S": "x", "s": "y"}), json!({"id": {"S": "x"}}));
    for (operation, body, path) in [
        ("PutItem", json!({"Item": {"a": odd}}), "Item.s"),
        ("PutItem", json!({"Item": {"S": {"M": {"L": {"L": [{"N": "1"}, odd]}}}}}), "Item.M.L.s"),
        ("PutItem", json!({"Expected": {"a": {"Value": odd}}}), "Expected.Value.s"),
        ("UpdateItem", json!({"Key": key, "AttributeUpdates": {"a": {"Value": odd}}}), "AttributeUpdates.Value.s"),
        ("Query", json!({"ExpressionAttributeValues": {":v": odd}}), "ExpressionAttributeValues.s"),
        ("Query", json!({"KeyConditions": {"a": {"AttributeValueList": [odd]}}}), "KeyConditions.AttributeValueList.s"),
        ("Scan", json!({"ExclusiveStartKey": {"a": odd}}), "ExclusiveStartKey.s"),
        ("BatchGetItem", json!({"RequestItems": {"t": {"Keys": [key, {"id": odd}]}}}), "RequestItems.Keys.s"),
        (
            "BatchWriteItem",
            json!({"RequestItems": {"t": [{"PutRequest": {"Item": {"a": odd}}}]}}),
            "RequestItems.PutRequest.Item.s",
        ),
        ("TransactWriteItems", json!({"TransactItems": [{"Put": {"Item": {"a": odd}}}]}), "TransactItems.Put.Item.s"),
        ("ExecuteStatement", json!({"Parameters": [odd]}), "Parameters.s"),
    ] {
        let refused = ask(&format!("DynamoDB_20120810.{operation}"), &body).unwrap_err();
        assert!(refused.message.contains(&format!("no {path} in dynamodb:{operation}")), "{refused:?}");
    }
    let all = json!({"S": "", "N": "1", "B": "", "SS": [], "NS": [], "BS": [], "BOOL": true, "NULL": true, "L": [key["id"]], "M": key});
    ask("DynamoDB_20120810.PutItem", &json!({"Item": {"a": all, "s": {"S": "x"}}})).unwrap();
}

#[test]
fn unknown_member_unset_or_below_a_callers_name_is_accepted() {
    for body in
        [json!({"Foo": null}), json!({"Foo": false}), json!({"Foo": []}), json!({"Foo": {}}), json!({"Foo": ""})]
    {
        ask("Kinesis_20131202.ListStreams", &body).unwrap();
    }
    ask("DynamoDB_20120810.PutItem", &json!({"Item": {"Foo": {"M": {"Bar": {"S": "x"}}}}})).unwrap();
    ask("Kinesis_20131202.CreateStream", &json!({"Tags": {"Foo": "x"}})).unwrap();
    scoped("iam", "POST", "/", "Action=CreateRole&Version=2010-05-08&Tags.member.1.Key=x").unwrap();
    scoped("iam", "POST", "/", "Action=ListPolicies&OnlyAttached=false&Foo=").unwrap();
}

#[test]
fn unknown_member_in_cbor_is_rejected() {
    let mut body = Vec::new();
    ciborium::into_writer(&json!({"StreamName": "s", "Foo": 1}), &mut body).unwrap();
    let request = http::Request::post("/")
        .header("x-amz-target", "Kinesis_20131202.DescribeStream")
        .header("content-type", "application/x-amz-cbor-1.1");
    let (parts, body) = request.body(body.into()).unwrap().into_parts();
    let refused = check(Service::of(&parts), &Request::from_parts(parts, body)).unwrap_err();
    assert!(refused.message.contains("Foo in kinesis:DescribeStream"), "{refused:?}");
}

#[test]
fn unknown_operation_is_rejected_by_name() {
    for (target, name) in [
        ("Kinesis_20131202.CreateChannel", "kinesis:CreateChannel"),
        ("DynamoDB_20120810.PutResourcePolicy", "dynamodb:PutResourcePolicy"),
        ("Logs_20140328.StartQuery", "logs:StartQuery"),
    ] {
        let refused = ask(target, &json!({})).unwrap_err();
        assert_eq!(refused.code, "UnknownOperationException");
        assert!(refused.message.contains(name), "{refused:?}");
    }
    let refused = scoped("iam", "POST", "/", "Action=CreateUser").unwrap_err();
    assert_eq!(refused.code, "InvalidAction");
    assert!(refused.message.contains("iam:CreateUser"), "{refused:?}");
}
