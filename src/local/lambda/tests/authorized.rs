//! What the authorizer sees of a request is what its handler works on.

use std::cell::Cell;

use http::Request;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{MAPPINGS, TestLambda};
use crate::auth::permissions::{Named, Needed};

const ACCOUNT: &str = "eu-central-1:000000000000";

/// The resources of the action itself, with the function of a mapping, and whether they are unclear.
fn resources(needed: &[Needed]) -> (Vec<String>, bool) {
    let own = needed.iter().filter(|needed| needed.action != "iam:PassRole");
    let mut all = Vec::new();
    for Needed { named, keys, .. } in own {
        all.extend(keys.iter().filter(|(key, _)| *key == "lambda:FunctionArn").map(|(_, arn)| arn.clone()));
        match named {
            Named::All => {}
            Named::These(arns) => all.extend(arns.clone()),
            Named::Unclear => return (all, true),
        }
    }
    (all, false)
}

fn needed(bench: &TestLambda, method: &str, path: &str, body: &Value) -> Vec<Needed> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    bench.lambda.needed_by(&Request::builder().method(method).uri(path).body(body.into()).unwrap())
}

#[test]
fn function_that_the_authorizer_sees_is_the_one_that_the_handler_touches() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let bench = runtime.block_on(TestLambda::new(1));
    let mut well_formed = Vec::new();
    let mut names = vec![String::new(), "a%20b".to_owned(), "%ff".to_owned(), "open/secret".to_owned()];
    for name in ["open", "secret"] {
        runtime.block_on(bench.function(name, "echo"));
        let uuid = runtime.block_on(bench.mapping(name, json!({"Enabled": false, "StartingPosition": "LATEST"})));
        let arn = format!("arn:aws:lambda:{ACCOUNT}:function:{name}");
        let mapping = format!("arn:aws:lambda:{ACCOUNT}:event-source-mapping:{uuid}");
        let tags = format!("2017-03-31/tags/{}", mapping.replace(':', "%3A"));
        well_formed.extend([
            format!("2015-03-31/event-source-mappings/{uuid}"),
            tags,
            format!("2017-03-31/tags/{}", arn.replace(':', "%3A")),
            format!("2015-03-31/functions/{name}?Qualifier=$LATEST"),
            format!("2015-03-31/functions/function%3A{name}/configuration"),
            format!("2017-10-31/functions/{arn}/concurrency"),
        ]);
        names.extend([
            name.to_owned(),
            format!("{name}%3A$LATEST"),
            format!("function%3A{name}"),
            format!("000000000000:function:{name}"),
            arn.replace(':', "%3A"),
            arn.replace("eu-central-1", "us-east-1"),
            arn.replace("000000000000", "1"),
            format!("{arn}:$LATEST"),
            format!("%{:02x}{}", name.as_bytes()[0], &name[1..]),
            mapping.clone(),
            mapping.replace(':', "%3a"),
            mapping.replace("eu-central-1", "us-east-1"),
            format!("arn:aws:lambda:x:function:open:event-source-mapping:{uuid}"),
            uuid,
        ]);
    }
    let beginnings = [
        "2015-03-31/functions/",
        "2015-03-31/%66unctions/",
        "2017-10-31/functions/",
        "2019-09-30/functions/",
        "2020-06-30/functions/",
        "2017-03-31/tags/",
        "2015-03-31/event-source-mappings/",
        "2015-03-31//functions/",
    ];
    let ends = [
        "",
        "/",
        "/configuration",
        "/code",
        "/invocations",
        "/versions",
        "/aliases",
        "/policy",
        "/code-signing-config",
        "/concurrency",
        "?Qualifier=$LATEST",
        "?tagKeys=a",
        "/%63onfiguration",
    ];
    let bodies = [
        Value::Null,
        json!({"Tags": {"a": "b"}, "Description": "d", "ReservedConcurrentExecutions": 1, "FunctionName": "open"}),
        json!({"Description": 5}),
    ];
    let (touching, of_mappings) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() };
    let (beginning, name, end) =
        (prop::sample::select(beginnings.to_vec()), prop::sample::select(names), prop::sample::select(ends.to_vec()));
    let any = (beginning, name, end).prop_map(|(beginning, name, end)| format!("{beginning}{name}{end}"));
    let path = prop_oneof![3 => any, 1 => prop::sample::select(well_formed)];
    let method = prop::sample::select(&["GET", "GET", "PUT", "POST"][..]);
    proptest!(config, |(method in method, path in path, body in prop::sample::select(bodies.to_vec()))| {
        let path = format!("/{path}");
        let is_tags_deletion = path.contains("tagKeys") && path.contains("/tags/");
        let method = if is_tags_deletion { "DELETE" } else { method };
        let (seen, is_unclear) = resources(&needed(&bench, method, &path, &body));
        bench.lambda.touched();
        let request = Request::builder().method(method).uri(&path).header("x-amz-invocation-type", "DryRun");
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let response = runtime.block_on(crate::lambda::handle(&bench.lambda, request.body(text.into()).unwrap()));
        for touched in bench.lambda.touched() {
            touching.set(touching.get() + 1);
            prop_assert!(is_unclear || seen.contains(&touched), "{method} {path} touched {touched}, not {seen:?}");
        }
        let shown: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        if let Some(arn) = shown["EventSourceMappingArn"].as_str() {
            of_mappings.set(of_mappings.get() + 1);
            prop_assert!(is_unclear || seen.iter().any(|seen| seen == arn), "{method} {path} shows {arn}, not {seen:?}");
        }
    });
    assert!(touching.get() > 300 && of_mappings.get() > 20, "{touching:?} {of_mappings:?}");
    runtime.block_on(bench.lambda.shutdown());
}

#[tokio::test(flavor = "multi_thread")]
async fn giving_a_function_a_role_needs_iam_pass_role() {
    let bench = TestLambda::new(1).await;
    let role = "arn:aws:iam::000000000000:role/admin";
    let function = Named::These(vec![format!("arn:aws:lambda:{ACCOUNT}:function:f")]);
    let passing = Needed::new("iam:PassRole", Named::These(vec![role.to_owned()]))
        .with("iam:PassedToService", "lambda.amazonaws.com");
    let input = json!({"FunctionName": "f", "Role": role, "Code": {}});
    let create = needed(&bench, "POST", "/2015-03-31/functions", &input);
    assert_eq!(create, [Needed::new("lambda:CreateFunction", function.clone()), passing.clone()]);
    let path = "/2015-03-31/functions/f/configuration";
    let update = Needed::new("lambda:UpdateFunctionConfiguration", function.clone());
    assert_eq!(needed(&bench, "PUT", path, &json!({"Role": role})), [update.clone(), passing]);
    assert_eq!(needed(&bench, "PUT", path, &json!({"Timeout": 5})), std::slice::from_ref(&update));
    let unclear = needed(&bench, "PUT", path, &json!({"Role": 5}));
    assert_eq!(unclear[1].named, Named::Unclear);
    // The code of a function is another matter.
    assert_eq!(needed(&bench, "PUT", "/2015-03-31/functions/f/code", &json!({"Role": role})).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn mapping_reads_only_the_stream_that_its_role_was_asked_about() {
    let bench = TestLambda::new(1).await;
    bench.function("f", "consume").await;
    let stream = bench.stream_arn();
    for (arn, text) in [
        (format!("{stream}/x"), "Unrecognized event source"),
        (format!("{stream}/"), "Unrecognized event source"),
        (stream.replace("eu-central-1", "us-east-1"), "Stream not found"),
        (stream.replace("arn:aws:", "arn:aws-cn:"), "Stream not found"),
    ] {
        let input = json!({"EventSourceArn": arn, "FunctionName": "f", "StartingPosition": "LATEST"});
        let answer = bench.call("POST", MAPPINGS, input).await;
        assert_eq!(answer.status, 400, "{arn}");
        assert!(answer.body["Message"].as_str().unwrap().contains(text), "{arn}: {}", answer.body);
    }
}
