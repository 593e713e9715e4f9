//! Tests of the REST API: stored settings and validation errors.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::numbers;
use super::support::{TestLambda, zip_of};

const FUNCTIONS: &str = "/2015-03-31/functions";

#[tokio::test(flavor = "multi_thread")]
async fn function_exists_until_deleted_and_survives_a_restart() {
    let mut bench = TestLambda::new(1).await;
    bench.function_with("Fn", "echo", json!({"Tags": {"a": "b"}})).await;
    bench.restart().await;
    let got = bench.call("GET", &format!("{FUNCTIONS}/Fn"), Value::Null).await.body;
    let configuration = &got["Configuration"];
    assert_eq!((&configuration["State"], &configuration["LastUpdateStatus"]), (&json!("Active"), &json!("Successful")));
    assert_eq!(got["Tags"], json!({"a": "b"}));
    assert_eq!(configuration["FunctionArn"], "arn:aws:lambda:eu-central-1:000000000000:function:Fn");
    assert_eq!(configuration["MemorySize"], 128);
    assert_eq!(bench.invoke("Fn", json!(5)).await.body, json!(5));
    assert_eq!(bench.call("DELETE", &format!("{FUNCTIONS}/Fn"), Value::Null).await.status, 204);
    let gone = bench.call("GET", &format!("{FUNCTIONS}/Fn"), Value::Null).await;
    assert_eq!((gone.status, gone.header("x-amzn-errortype")), (404, Some("ResourceNotFoundException")));
    let text = "Function not found: arn:aws:lambda:eu-central-1:000000000000:function:Fn";
    assert_eq!(gone.body["Message"], text);
}

#[tokio::test(flavor = "multi_thread")]
async fn create_function_invalid_input_gets_the_services_errors() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "echo").await;
    let with = |name: &str, value: Value| {
        let mut input = bench.function_input("New", "echo");
        input[name] = value;
        input
    };
    let no_such_role = bench.deps.identity.role_arn("/", "nobody");
    for (input, code, text) in [
        (bench.function_input("Fn", "echo"), "ResourceConflictException", "Function already exist: Fn"),
        (with("Role", json!(no_such_role)), "InvalidParameterValueException", "cannot be assumed by Lambda"),
        (with("Role", json!("r1")), "ValidationException", "Value 'r1' at 'role'"),
        (with("Runtime", json!("nodejs16.x")), "InvalidParameterValueException", "runs no runtime nodejs16.x"),
        (with("Timeout", json!(901)), "ValidationException", "less than or equal to 900"),
        (with("Code", json!({"ZipFile": "bm8="})), "InvalidParameterValueException", "Could not unzip"),
        (with("Layers", json!(["arn"])), "InvalidParameterValueException", "no layers"),
        (with("DeadLetterConfig", json!({"TargetArn": "arn"})), "InvalidParameterValueException", "dead letter queues"),
        (with("SnapStart", json!({"ApplyOn": "PublishedVersions"})), "InvalidParameterValueException", "no SnapStart"),
        (with("ImageConfig", json!({"Command": ["x"]})), "InvalidParameterValueException", "no ImageConfig"),
        (with("FunctionName", json!("a b")), "ValidationException", "functionName"),
        (with("Handler", Value::Null), "InvalidParameterValueException", "Runtime and Handler are mandatory"),
    ] {
        let answer = bench.call("POST", FUNCTIONS, input).await;
        assert_eq!(answer.header("x-amzn-errortype"), Some(code), "{}", answer.body);
        assert!(answer.body["Message"].as_str().unwrap().contains(text), "{text}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn update_function_code_returns_sha256_and_checks_the_revision() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "echo").await;
    let path = format!("{FUNCTIONS}/Fn/code");
    let zip = STANDARD.encode(zip_of(b"other", 0o755));
    let wrong = bench.call("PUT", &path, json!({"ZipFile": zip, "RevisionId": "old"})).await;
    assert_eq!((wrong.status, wrong.header("x-amzn-errortype")), (412, Some("PreconditionFailedException")));
    let before = bench.call("GET", &format!("{FUNCTIONS}/Fn/configuration"), Value::Null).await.body;
    let dry = bench.call("PUT", &path, json!({"ZipFile": zip, "DryRun": true})).await.body;
    assert_ne!(dry["CodeSha256"], before["CodeSha256"]);
    let unchanged = bench.call("GET", &format!("{FUNCTIONS}/Fn/configuration"), Value::Null).await.body;
    assert_eq!(unchanged, before);
    let new = bench.call("PUT", &path, json!({"ZipFile": zip, "RevisionId": before["RevisionId"]})).await.body;
    assert_eq!(new["CodeSha256"], dry["CodeSha256"]);
    assert_ne!(new["RevisionId"], before["RevisionId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn list_functions_returns_pages() {
    let bench = TestLambda::new(1).await;
    for name in ["C", "A", "B"] {
        bench.function(name, "echo").await;
    }
    let first = bench.call("GET", &format!("{FUNCTIONS}/?MaxItems=2"), Value::Null).await.body;
    let names = |page: &Value| -> Vec<String> {
        let functions = page["Functions"].as_array().unwrap();
        functions.iter().map(|function| function["FunctionName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&first), ["A", "B"]);
    let marker = first["NextMarker"].as_str().unwrap();
    let second = bench.call("GET", &format!("{FUNCTIONS}/?MaxItems=2&Marker={marker}"), Value::Null).await.body;
    assert_eq!((names(&second), &second["NextMarker"]), (vec!["C".to_owned()], &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn lambda_tags_are_added_and_removed_by_arn() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    let uuid = bench.mapping("Fn", json!({})).await;
    for arn in [
        "arn:aws:lambda:eu-central-1:000000000000:function:Fn".to_owned(),
        format!("arn:aws:lambda:eu-central-1:000000000000:event-source-mapping:{uuid}"),
    ] {
        let path = format!("/2017-03-31/tags/{}", arn.replace(':', "%3A"));
        assert_eq!(bench.call("POST", &path, json!({"Tags": {"a": "1", "b": "2"}})).await.status, 204);
        assert_eq!(bench.call("DELETE", &format!("{path}?tagKeys=a"), Value::Null).await.status, 204);
        assert_eq!(bench.call("GET", &path, Value::Null).await.body, json!({"Tags": {"b": "2"}}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn create_mapping_invalid_input_gets_the_services_errors() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    let uuid = bench.mapping("Fn", json!({})).await;
    let good = json!({"EventSourceArn": bench.stream_arn(), "FunctionName": "Fn", "StartingPosition": "LATEST"});
    let with = |name: &str, value: &str| {
        let mut input = good.clone();
        input[name] = json!(value);
        input
    };
    let no_stream = bench.deps.identity.stream_arn("nothing");
    let twice = format!(
        "The event source arn (\" {} \") and function (\" Fn \") provided mapping already exists. Please update or \
         delete the existing mapping with UUID {uuid}",
        bench.stream_arn()
    );
    for (input, status, text) in [
        (good.clone(), 409, twice),
        (with("EventSourceArn", &no_stream), 400, format!("Stream not found: {no_stream}")),
        (with("EventSourceArn", "arn:aws:sqs:eu-central-1:1:q"), 400, "Unrecognized event source.".to_owned()),
        (with("FunctionName", "Nobody"), 400, "Function does not exist".to_owned()),
    ] {
        let answer = bench.call("POST", "/2015-03-31/event-source-mappings", input).await;
        assert_eq!((answer.status, &answer.body["Message"]), (status, &json!(text)));
    }
    let missing = bench.call("GET", "/2015-03-31/event-source-mappings/none", Value::Null).await;
    assert_eq!(missing.body["Message"], "The resource you requested does not exist.");
    assert_eq!(missing.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn published_version_is_valid_until_the_function_changes() {
    let bench = TestLambda::new(1).await;
    let mut input = bench.function_input("Fn", "echo");
    input["Publish"] = json!(true);
    let created = bench.call("POST", FUNCTIONS, input).await;
    assert_eq!((created.status, &created.body["Version"]), (201, &json!("1")));
    let path = |rest: &str| format!("{FUNCTIONS}/Fn{rest}");
    let invoked = bench.call("POST", &path("/invocations?Qualifier=1"), json!(5)).await;
    assert_eq!((invoked.status, invoked.body), (200, json!(5)));
    let version = bench.call("GET", &path("/configuration?Qualifier=1"), Value::Null).await.body;
    let arn = bench.deps.identity.function_arn("Fn");
    assert_eq!((&version["Version"], &version["FunctionArn"]), (&json!("1"), &json!(format!("{arn}:1"))));
    let listed = bench.call("GET", &path("/versions"), Value::Null).await.body;
    let versions: Vec<&Value> = listed["Versions"].as_array().unwrap().iter().map(|one| &one["Version"]).collect();
    assert_eq!(versions, ["$LATEST", "1"]);
    assert_eq!(bench.call("GET", &path("?Qualifier=2"), Value::Null).await.status, 404);

    let zip = STANDARD.encode(zip_of(b"other", 0o755));
    let updated = bench.call("PUT", &path("/code"), json!({"ZipFile": zip, "Publish": true})).await.body;
    assert_eq!((&updated["Version"], &updated["FunctionArn"]), (&json!("2"), &json!(format!("{arn}:2"))));
    let again = bench.call("PUT", &path("/code"), json!({"ZipFile": zip, "Publish": true})).await.body;
    assert_eq!(again["Version"], "2", "the same is not published twice");
    let left = bench.call("GET", &path("?Qualifier=1"), Value::Null).await;
    assert_eq!(left.status, 404);
    assert!(left.body["Message"].as_str().unwrap().contains("has changed since"), "{}", left.body);
    bench.call("PUT", &path("/configuration"), json!({"Description": "changed"})).await;
    assert_eq!(bench.call("POST", &path("/invocations?Qualifier=2"), json!(5)).await.status, 404);
    let deleted = bench.call("DELETE", &path("?Qualifier=2"), Value::Null).await;
    assert_eq!(deleted.status, 404, "a version is not the function");
}

#[tokio::test(flavor = "multi_thread")]
async fn create_mapping_needs_no_list_shards_permission() {
    let bench = TestLambda::new(1).await;
    let managed = "arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2Fservice-role%2FAWSLambdaKinesisExecutionRole";
    bench.iam(&format!("Action=DetachRolePolicy&RoleName=lambda&PolicyArn={managed}")).await;
    let actions =
        r#"["kinesis:GetRecords","kinesis:GetShardIterator","kinesis:DescribeStream","kinesis:ListStreams","logs:*"]"#;
    let statements = format!(
        r#"[{{"Effect":"Allow","Action":{actions},"Resource":"*"}},{{"Effect":"Deny","Action":"kinesis:ListShards","Resource":"*"}}]"#
    );
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#);
    let policy = percent_encoding::utf8_percent_encode(&policy, percent_encoding::NON_ALPHANUMERIC);
    bench.iam(&format!("Action=PutRolePolicy&RoleName=lambda&PolicyName=p&PolicyDocument={policy}")).await;
    bench.function("Fn", "consume").await;
    bench.mapping("Fn", json!({})).await;
    let put = numbers(&bench.put_many(2, 1).await);
    assert_eq!(bench.handled_all(2).await, put);
}

#[tokio::test(flavor = "multi_thread")]
async fn function_with_stale_grant_is_rejected_until_recreated_later() {
    let bench = TestLambda::new(1).await;
    bench.deps.iam.make_grants_stale("lambda", std::time::Duration::from_secs(3600));
    bench.function("Fn", "echo").await;
    let path = format!("{FUNCTIONS}/Fn");
    let refused = bench.call("POST", &format!("{path}/invocations"), json!(5)).await;
    assert_eq!(refused.header("x-amzn-errortype"), Some("KMSAccessDeniedException"), "{}", refused.body);
    bench.deps.iam.make_grants_stale("lambda", std::time::Duration::ZERO);
    let still = bench.call("POST", &format!("{path}/invocations"), json!(5)).await;
    assert_eq!(still.header("x-amzn-errortype"), Some("KMSAccessDeniedException"), "time does not mend it");
    assert_eq!(bench.call("DELETE", &path, Value::Null).await.status, 204);
    bench.function("Fn", "echo").await;
    assert_eq!(bench.invoke("Fn", json!(5)).await.body, json!(5));
}
