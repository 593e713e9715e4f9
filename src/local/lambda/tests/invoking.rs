//! Invocations of real processes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::local::lambda::testing::{Bench, zip_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_function_answers_and_its_log_is_between_the_platforms_lines() {
    let bench = Bench::new(1).await;
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
async fn a_warm_environment_is_used_again_and_a_change_retires_it() {
    let bench = Bench::new(1).await;
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
async fn an_exit_is_an_error_and_the_next_invocation_gets_a_new_process() {
    let bench = Bench::new(1).await;
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
async fn an_error_of_the_function_is_passed_on() {
    let bench = Bench::new(1).await;
    bench.function("Fn", "fail").await;
    let answer = bench.invoke("Fn", json!({})).await;
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(answer.body["errorType"], "Fn.Bad");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_out_kills_the_process() {
    let bench = Bench::new(1).await;
    bench.function_with("Fn", "sleep", json!({"Timeout": 1})).await;
    let began = Instant::now();
    let answer = bench.invoke("Fn", json!({})).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    let id = answer.header("x-amzn-requestid").unwrap();
    let message = format!("RequestId: {id} Error: Task timed out after 1.00 seconds");
    assert_eq!(answer.body, json!({"errorType": "Sandbox.Timedout", "errorMessage": message}));
    assert!(answer.log().contains("Status: timeout"), "{}", answer.log());
    let running = bench.dir.path().join("lambda/running");
    bench.until(async || std::fs::read_dir(&running).map_or(0, Iterator::count) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_start_is_an_error_of_the_invocation() {
    let bench = Bench::new(1).await;
    bench.function("Broken", "init-error").await;
    let answer = bench.invoke("Broken", json!({})).await;
    assert_eq!(answer.body, json!({"errorType": "Init.Broken", "errorMessage": "no table"}));
    bench.function("Gone", "init-exit").await;
    let answer = bench.invoke("Gone", json!({})).await;
    assert_eq!(answer.body["errorType"], "Runtime.ExitError");
    assert!(answer.body["errorMessage"].as_str().unwrap().ends_with("exit status 7"), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn code_without_a_runnable_bootstrap_fails_when_it_is_invoked() {
    use base64::Engine;
    let bench = Bench::new(1).await;
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
async fn a_function_that_takes_more_memory_than_it_has_is_killed() {
    let bench = Bench::new(1).await;
    bench.function("Fn", "memory").await;
    let answer = bench.invoke("Fn", json!({})).await;
    assert_eq!(answer.body["errorType"], "Runtime.ExitError");
    assert!(answer.log().contains("Error Type: Runtime.OutOfMemory"), "{}", answer.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_over_the_limit_is_an_error() {
    let bench = Bench::new(1).await;
    bench.function_with("Fn", "large", json!({"MemorySize": 512})).await;
    let answer = bench.invoke("Fn", json!({})).await;
    assert_eq!(answer.body["errorType"], "Function.ResponseSizeTooLarge", "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_users_environment_reaches_the_function() {
    let bench = Bench::new(1).await;
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
async fn reserved_concurrency_bounds_what_runs_at_the_same_time() {
    let bench = Bench::new(1).await;
    bench.function("Fn", "short-sleep").await;
    let path = "/2017-10-31/functions/Fn/concurrency";
    bench.call("PUT", path, json!({"ReservedConcurrentExecutions": 1})).await;
    let (one, other) = tokio::join!(bench.invoke("Fn", json!(1)), bench.invoke("Fn", json!(2)));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 429]);
    bench.call("DELETE", path, Value::Null).await;
    let (one, other) = tokio::join!(bench.invoke("Fn", json!(1)), bench.invoke("Fn", json!(2)));
    assert_eq!((one.body, other.body), (json!(1), json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_end_with_the_local_cloud() {
    let bench = Bench::new(1).await;
    bench.function("Idle", "pid").await;
    bench.function("Busy", "sleep").await;
    bench.invoke("Idle", json!({})).await;
    let running = bench.dir.path().join("lambda/running");
    let (busy, ()) = tokio::join!(bench.invoke("Busy", json!({})), async {
        bench.until(async || std::fs::read_dir(&running).map_or(0, Iterator::count) == 2).await;
        bench.lambda.shutdown().await;
    });
    assert_eq!(busy.status, 503);
    bench.until(async || std::fs::read_dir(&running).map_or(0, Iterator::count) == 0).await;
}
