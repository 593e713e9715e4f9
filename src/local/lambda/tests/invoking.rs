//! Tests of invocations in real processes.

use std::cell::Cell;
use std::time::Duration;

use serde_json::{Value, json};

use super::support::{TestLambda, zip_of};
use crate::auth::credentials::Caller;
use crate::protocol::aws_json::now_ms;

#[tokio::test(flavor = "multi_thread")]
async fn invoke_returns_the_response_and_logs_between_platform_lines() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "echo").await;
    let answer = bench.invoke("Fn", json!({"a": 1})).await;
    assert_eq!((answer.status, &answer.body), (200, &json!({"a": 1})));
    assert_eq!(answer.header("x-amz-function-error"), None);
    assert_eq!(answer.header("x-amz-executed-version"), Some("$LATEST"));
    let log = answer.log();
    let lines: Vec<&str> = log.lines().collect();
    let id = answer.header("x-amzn-requestid").unwrap();
    assert_eq!(lines[0], format!("START RequestId: {id} Version: $LATEST"));
    assert_eq!(lines[1..3], ["hello from stdout", "and from stderr"]);
    assert_eq!(lines[3], format!("END RequestId: {id}"));
    assert!(lines[4].starts_with(&format!("REPORT RequestId: {id}\tDuration: ")), "{log}");
    assert!(lines[4].contains("Init Duration"), "{log}");
    if cfg!(target_os = "linux") {
        assert!(!lines[4].contains("Max Memory Used: 0 MB"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invoke_reuses_warm_environment_until_a_change() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "pid").await;
    let first = bench.invoke("Fn", json!({})).await;
    let second = bench.invoke("Fn", json!({})).await;
    assert_eq!(first.body, second.body);
    assert!(!second.log().contains("Init Duration"));
    let path = "/2015-03-31/functions/Fn/configuration";
    let update = bench.call("PUT", path, json!({"Timeout": 5})).await;
    assert_eq!((update.status, &update.body["Timeout"]), (200, &json!(5)));
    assert_ne!(bench.invoke("Fn", json!({})).await.body, first.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn invoke_process_exit_is_an_error_and_next_has_a_new_process() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "exit").await;
    for _ in 0..2 {
        let answer = bench.invoke("Fn", json!({})).await;
        assert_eq!((answer.status, answer.header("x-amz-function-error")), (200, Some("Unhandled")));
        let id = answer.header("x-amzn-requestid").unwrap();
        let message = format!("RequestId: {id} Error: Runtime exited with error: exit status 3");
        assert_eq!(answer.body, json!({"errorType": "Runtime.ExitError", "errorMessage": message}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invoke_function_error_is_returned() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "fail").await;
    let answer = bench.invoke("Fn", json!({})).await;
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(answer.body["errorType"], "Fn.Bad");
}

#[tokio::test]
async fn invoke_timeout_kills_the_process_and_next_has_a_new_one() {
    let mut bench = TestLambda::new(1).await;
    bench.tell("hold", "");
    bench.function_with("Fn", "consume", json!({"Timeout": 900})).await;
    bench.stop_clock();
    let is_answered = Cell::new(false);
    let invocation = async {
        let answer = bench.invoke("Fn", json!({})).await;
        is_answered.set(true);
        answer
    };
    let (answer, ()) = tokio::join!(invocation, async {
        bench.batches_come(1).await;
        bench.pass(Duration::from_secs(900)).await;
        bench.until(async || is_answered.get()).await;
    });
    let id = answer.header("x-amzn-requestid").unwrap();
    let message = format!("RequestId: {id} Error: Task timed out after 900.00 seconds");
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(answer.body, json!({"errorType": "Sandbox.Timedout", "errorMessage": message}));
    let log = answer.log();
    assert!(log.contains(&format!("{id} Task timed out after 900.00 seconds")), "{log}");
    assert!(log.contains("Status: timeout") && !log.contains("Max Memory Used: 0 MB"), "{log}");
    let running = bench.deps.dir.join("running");
    bench.until(async || std::fs::read_dir(&running).map_or(0, Iterator::count) == 0).await;
    bench.untell("hold");
    assert!(bench.invoke("Fn", json!({})).await.log().contains("Init Duration"));
}

#[tokio::test(flavor = "multi_thread")]
async fn invoke_init_failing_twice_is_an_error() {
    let bench = TestLambda::new(1).await;
    bench.function("Broken", "init-error").await;
    let answer = bench.invoke("Broken", json!({})).await;
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(answer.body, json!({"errorType": "Init.Broken", "errorMessage": "no table"}));
    let starts = |log: Vec<String>| log.into_iter().filter(|line| line.starts_with("INIT_REPORT")).collect::<Vec<_>>();
    let lines = starts(bench.log("Broken").await);
    assert!(lines[0].ends_with("Phase: init\tStatus: error\tError Type: Init.Broken"), "{lines:?}");
    assert!(lines[1].ends_with("Phase: invoke\tStatus: error\tError Type: Init.Broken"), "{lines:?}");
    bench.function("Gone", "init-exit").await;
    let answer = bench.invoke("Gone", json!({})).await;
    let id = answer.header("x-amzn-requestid").unwrap();
    let message = format!("RequestId: {id} Error: Runtime exited with error: exit status 7");
    assert_eq!(answer.body, json!({"errorType": "Runtime.ExitError", "errorMessage": message}));
    assert_eq!(starts(bench.log("Gone").await).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn invoke_init_failing_once_is_repeated() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "init-exit-once").await;
    let answer = bench.invoke("Fn", json!(5)).await;
    assert_eq!((answer.body.clone(), answer.header("x-amz-function-error")), (json!(5), None));
    let log = bench.log("Fn").await;
    assert_eq!(log.iter().filter(|line| line.starts_with("INIT_REPORT")).count(), 1, "{log:?}");
}

#[tokio::test]
async fn cold_start_has_ten_seconds_and_then_the_function_timeout() {
    let mut bench = TestLambda::new(1).await;
    bench.function_with("Once", "init-sleep-once", json!({"Timeout": 10})).await;
    bench.function_with("Always", "init-sleep", json!({"Timeout": 1})).await;
    bench.stop_clock();
    let reports = async |name| {
        let log = bench.log(name).await;
        log.into_iter().filter(|line| line.starts_with("INIT_REPORT")).collect::<Vec<_>>()
    };
    let step = Duration::from_millis(500);
    let is_answered = Cell::new(false);
    let once = async {
        let answer = bench.invoke("Once", json!(5)).await;
        is_answered.set(true);
        answer
    };
    let (once, always, ()) = tokio::join!(once, bench.invoke("Always", json!(5)), async {
        bench.until(async || bench.has("started") && bench.has("asleep")).await;
        bench.pass_until(step, async || !reports("Once").await.is_empty() && !reports("Always").await.is_empty()).await;
        // The second start of one function responds quickly; that of the other ends at the timeout.
        bench.until(async || is_answered.get()).await;
        bench.pass_until(step, async || reports("Always").await.len() == 2).await;
    });
    assert_eq!(once.body, json!(5));
    assert_eq!(always.body["errorType"], "Sandbox.Timedout");
    let message = always.body["errorMessage"].as_str().unwrap();
    assert!(message.ends_with("Task timed out after 1.00 seconds"), "{message}");
    for (name, phases) in [("Once", vec!["init"]), ("Always", vec!["init", "invoke"])] {
        let lines = reports(name).await;
        assert_eq!(lines.len(), phases.len(), "{lines:?}");
        for (line, phase) in lines.iter().zip(phases) {
            assert!(line.ends_with(&format!("Phase: {phase}\tStatus: timeout")), "{line}");
        }
        // Ten seconds, whatever the timeout of the function.
        let first = lines[0].split(' ').nth(3).unwrap().parse::<f64>().unwrap();
        assert!((10_000.0..11_000.0).contains(&first), "{first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invoke_code_without_runnable_bootstrap_fails() {
    use base64::Engine;
    let bench = TestLambda::new(1).await;
    for (name, zip) in
        [("NotExecutable", zip_of(b"#!/bin/sh\n", 0o644)), ("NoProgram", zip_of(b"\x7fELFnonsense", 0o755))]
    {
        let code = base64::engine::general_purpose::STANDARD.encode(zip);
        bench.function_with(name, "echo", json!({"Code": {"ZipFile": code}})).await;
        let answer = bench.invoke(name, json!({})).await;
        assert_eq!(answer.body["errorType"], "Runtime.InvalidEntrypoint", "{name}: {}", answer.body);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn invoke_function_over_its_memory_size_is_killed() {
    let bench = TestLambda::new(1).await;
    for (name, mode) in [("Fn", "memory"), ("Start", "init-memory")] {
        bench.function(name, mode).await;
        let answer = bench.invoke(name, json!({})).await;
        let id = answer.header("x-amzn-requestid").unwrap();
        let message = format!("RequestId: {id} Error: Runtime exited with error: signal: killed");
        assert_eq!(answer.body, json!({"errorType": "Runtime.ExitError", "errorMessage": message}), "{name}");
        assert!(answer.log().contains("Error Type: Runtime.OutOfMemory"), "{}", answer.log());
        assert!(!answer.log().contains("Max Memory Used: 0 MB"), "{}", answer.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invoke_passes_identity_and_deadline_to_the_function() {
    let bench = TestLambda::new(1).await;
    bench.function_with("Fn", "headers", json!({"Timeout": 77})).await;
    let before = now_ms();
    let answer = bench.invoke("Fn", json!({})).await;
    let after = now_ms();
    let head = answer.body.as_str().unwrap().to_ascii_lowercase();
    let header = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(&format!("lambda-runtime-{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {head}")).to_owned()
    };
    assert_eq!(header("aws-request-id"), answer.header("x-amzn-requestid").unwrap());
    assert_eq!(header("invoked-function-arn"), bench.deps.identity.function_arn("Fn").to_lowercase());
    let deadline: u64 = header("deadline-ms").parse().unwrap();
    assert!((before + 77_000..=after + 77_000).contains(&deadline), "{before} {deadline} {after}");
    let trace = header("trace-id");
    assert!(trace.starts_with("root=1-") && trace.ends_with(";sampled=0"), "{trace}");
}

#[tokio::test(flavor = "multi_thread")]
async fn environment_temporary_files_are_private_and_deleted_with_it() {
    let bench = TestLambda::new(1).await;
    for name in ["One", "Other"] {
        bench.function(name, "temporary-files").await;
    }
    let invoke = async |name| {
        let body = bench.invoke(name, json!({})).await.body;
        (body[0].as_str().unwrap().to_owned(), body[1].as_u64().unwrap())
    };
    let (one, other) = (invoke("One").await, invoke("Other").await);
    assert_ne!(one.0, other.0);
    assert_eq!((one.1, other.1), (1, 1));
    assert_eq!(invoke("One").await, (one.0.clone(), 2), "they stay while it is warm");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&one.0).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    bench.call("DELETE", "/2015-03-31/functions/One", Value::Null).await;
    bench.until(async || !std::path::Path::new(&one.0).exists()).await;
    assert!(std::path::Path::new(&other.0).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn environment_credentials_are_of_the_role_and_end_with_it() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "variable").await;
    let mut headers = http::HeaderMap::new();
    let variable = async |name: &str| bench.invoke("Fn", json!(name)).await.body.as_str().unwrap().to_owned();
    let key = variable("AWS_ACCESS_KEY_ID").await;
    let credential = format!("AWS4-HMAC-SHA256 Credential={key}/20261123/eu-central-1/dynamodb/aws4_request");
    headers.insert("authorization", credential.parse().unwrap());
    headers.insert("x-amz-security-token", variable("AWS_SESSION_TOKEN").await.parse().unwrap());
    let uri = http::Uri::from_static("/");
    let caller = bench.deps.keys.check(&headers, &uri).unwrap();
    assert_eq!(caller, Caller::Role { arn: bench.role_arn(), session: "Fn".to_owned() });
    assert!(!bench.deps.keys.is_owner(&key));
    bench.call("DELETE", "/2015-03-31/functions/Fn", Value::Null).await;
    bench.until(async || bench.deps.keys.check(&headers, &uri).is_err()).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn environment_is_frozen_between_invocations() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "pid").await;
    let pid = bench.invoke("Fn", json!({})).await.body;
    let state = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(')').unwrap().1.trim().chars().next().unwrap()
    };
    bench.until(async || state() == 'T').await;
    assert_eq!(bench.invoke("Fn", json!({})).await.body, pid, "and goes on");
    bench.until(async || state() == 'T').await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invocation_is_answered_once_and_only_by_its_own_id() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "answer-twice").await;
    assert_eq!(bench.invoke("Fn", json!("first")).await.body, "first");
    assert_eq!(bench.invoke("Fn", json!("second")).await.body, "second");
    bench.until(async || bench.handled() == ["400 202 400"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn function_change_during_an_invocation_retires_its_environment() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    bench.tell("hold", "");
    let (first, ()) = tokio::join!(bench.invoke("Fn", json!({})), async {
        bench.batches_come(1).await;
        let update = bench.call("PUT", "/2015-03-31/functions/Fn/configuration", json!({"Timeout": 9})).await;
        assert_eq!(update.status, 200);
        bench.untell("hold");
    });
    assert_eq!((first.status, first.header("x-amz-function-error")), (200, None));
    assert!(bench.invoke("Fn", json!({})).await.log().contains("Init Duration"));
    assert!(!bench.invoke("Fn", json!({})).await.log().contains("Init Duration"));
}

#[tokio::test(flavor = "multi_thread")]
async fn warm_environment_logs_by_the_roles_current_permissions() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "echo").await;
    bench.invoke("Fn", json!({})).await;
    let lines = bench.log("Fn").await.len();
    assert_eq!(lines, 5);
    let managed = "arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2Fservice-role%2FAWSLambdaKinesisExecutionRole";
    let form = |action| format!("Action={action}RolePolicy&RoleName=lambda&PolicyArn={managed}");
    bench.iam(&form("Detach")).await;
    assert!(bench.invoke("Fn", json!({})).await.log().contains("REPORT"), "the caller sees it all the same");
    assert_eq!(bench.log("Fn").await.len(), lines);
    bench.iam(&form("Attach")).await;
    bench.invoke("Fn", json!({})).await;
    assert_eq!(bench.log("Fn").await.len(), 2 * lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn invoke_response_over_the_limit_is_an_error() {
    let bench = TestLambda::new(1).await;
    bench.function_with("Fn", "large", json!({"MemorySize": 512})).await;
    let answer = bench.invoke("Fn", json!({})).await;
    assert_eq!(answer.body["errorType"], "Function.ResponseSizeTooLarge", "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn environment_variables_of_the_user_do_not_reach_the_function() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "environment").await;
    let answer = bench.invoke("Fn", json!({})).await;
    let mut names: Vec<String> = serde_json::from_value(answer.body).unwrap();
    names.sort();
    assert_eq!(
        names,
        [
            "AWS_ACCESS_KEY_ID",
            "AWS_DEFAULT_REGION",
            "AWS_ENDPOINT_URL",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_LAMBDA_FUNCTION_VERSION",
            "AWS_LAMBDA_INITIALIZATION_TYPE",
            "AWS_LAMBDA_LOG_GROUP_NAME",
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "AWS_LAMBDA_RUNTIME_API",
            "AWS_REGION",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_XRAY_CONTEXT_MISSING",
            "AWS_XRAY_DAEMON_ADDRESS",
            "LAMBDA_RUNTIME_DIR",
            "LAMBDA_TASK_ROOT",
            "LANG",
            "LD_LIBRARY_PATH",
            "MODE",
            "OUT",
            "PATH",
            "TMPDIR",
            "TZ",
            "_AWS_XRAY_DAEMON_ADDRESS",
            "_AWS_XRAY_DAEMON_PORT",
            "_HANDLER",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reserved_concurrency_limits_concurrent_invocations() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    bench.tell("hold", "");
    let path = "/2017-10-31/functions/Fn/concurrency";
    bench.call("PUT", path, json!({"ReservedConcurrentExecutions": 1})).await;
    let refused = "ReservedFunctionConcurrentInvocationLimitExceeded";
    let (first, ()) = tokio::join!(bench.invoke("Fn", json!({})), async {
        bench.batches_come(1).await;
        let second = bench.invoke("Fn", json!({})).await;
        assert_eq!((second.status, second.header("x-amzn-errortype")), (429, Some("TooManyRequestsException")));
        assert_eq!(second.body, json!({"Type": "User", "Reason": refused, "message": "Rate Exceeded."}));
        // Without the limit it runs beside the first.
        bench.call("DELETE", path, Value::Null).await;
        let (third, ()) = tokio::join!(bench.invoke("Fn", json!({})), async {
            bench.batches_come(2).await;
            bench.untell("hold");
        });
        assert_eq!(third.status, 200);
    });
    assert_eq!(first.status, 200);
    bench.call("PUT", path, json!({"ReservedConcurrentExecutions": 0})).await;
    assert_eq!(bench.invoke("Fn", json!({})).await.body["Reason"], refused, "nothing runs");
}
