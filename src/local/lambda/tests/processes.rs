//! Tests of processes that a function starts, and of their rights.

use rustix::process::Pid;
use serde_json::json;

use super::support::TestLambda;
use crate::lambda::runtime::procfs::Stat;

/// Returns the process that the function has started outside its group.
fn daemon(bench: &TestLambda) -> Pid {
    let text = std::fs::read_to_string(bench.beside("daemon")).unwrap();
    Pid::from_raw(text.parse().unwrap()).unwrap()
}

/// Returns the process state, `T` while it is stopped.
fn state(pid: Pid) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").map(|(_, rest)| rest[..1].to_owned()).unwrap_or_default()
}

/// Changes the function, which ends its environments.
async fn retire(bench: &TestLambda) {
    let path = "/2015-03-31/functions/Fn/configuration";
    assert_eq!(bench.call("PUT", path, json!({"Timeout": 9})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn daemon_is_frozen_resumed_and_killed_with_its_environment() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "daemon").await;
    assert_eq!(bench.invoke("Fn", json!(1)).await.body, json!(1));
    let pid = daemon(&bench);
    let stat = Stat::read(pid).unwrap();
    assert!(stat.group != Some(rustix::process::getpgrp()) && stat.parent == Some(rustix::process::getpid()));
    bench.until(async || state(pid) == "T").await;
    let ticks = || std::fs::read_to_string(bench.beside("ticks")).unwrap();
    let before = ticks();
    // It runs only during an invocation, which may be too short for a tick on a busy machine.
    let ticks_again = async || {
        assert_eq!(bench.invoke("Fn", json!(2)).await.body, json!(2));
        ticks() != before
    };
    bench.until(ticks_again).await;
    bench.until(async || state(pid) == "T").await;
    retire(&bench).await;
    // It is also waited for: no zombie is left.
    bench.until(async || Stat::read(pid).is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn daemon_is_killed_when_the_invocation_times_out() {
    let bench = TestLambda::new(1).await;
    bench.function_with("Fn", "daemon-sleep", json!({"Timeout": 1})).await;
    assert_eq!(bench.invoke("Fn", json!(1)).await.body["errorType"], "Sandbox.Timedout");
    let pid = daemon(&bench);
    bench.until(async || Stat::read(pid).is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn daemon_memory_counts_as_the_functions() {
    let bench = TestLambda::new(1).await;
    bench.function_with("Fn", "daemon-memory", json!({"MemorySize": 256})).await;
    let answer = bench.invoke("Fn", json!(1)).await;
    let message = answer.body["errorMessage"].as_str().unwrap();
    assert!(message.ends_with("Runtime exited with error: signal: killed"), "{message}");
    assert!(answer.log().contains("Status: error\tError Type: Runtime.OutOfMemory"), "{}", answer.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn daemon_that_clears_its_environment_is_killed_with_the_functions() {
    for mode in ["stray", "stray-group"] {
        let bench = TestLambda::new(1).await;
        bench.function("Fn", mode).await;
        bench.invoke("Fn", json!(1)).await;
        let pid = daemon(&bench);
        retire(&bench).await;
        bench.until(async || Stat::read(pid).is_none()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn function_processes_cannot_gain_privileges_and_have_the_services_limits() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "limits").await;
    let text = bench.invoke("Fn", json!(1)).await.body.as_str().unwrap().to_owned();
    let (own, child) = text.split_once("\n--\n").unwrap();
    for process in [own, child] {
        let line = |name: &str| {
            let line = process.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("NoNewPrivs:"), "1");
        assert_eq!(line("Max core file size"), "0 0");
        assert_eq!(line("Max open files"), "1024 1024");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn function_processes_end_with_the_local_cloud() {
    let bench = TestLambda::new(1).await;
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
