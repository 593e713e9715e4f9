//! `doctor`: each check of a run, its result, and what it says about it.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::{ApiClient, FakeAws, Interposed, Run, TestEnv, role_session, with_body};

/// Returns the finding of a check.
#[track_caller]
fn finding(run: &Run, name: &str) -> Value {
    let report = run.json();
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report:#}")).clone()
}

/// Asserts the result of a check and a part of its evidence. Returns its remedy.
#[track_caller]
fn assert_finding(run: &Run, name: &str, result: &str, evidence: &str) -> String {
    let found = finding(run, name);
    assert_eq!(found["result"], result, "{found:#}");
    assert!(found["evidence"].as_str().unwrap().contains(evidence), "{found:#}");
    assert!(found["ms"].is_u64(), "{found:#}");
    found["remedy"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn artifact_is_tested_without_credentials_and_network() {
    let env = TestEnv::new();
    std::fs::write(env.path("function.zip"), env.bundled_function_zip()).unwrap();
    let run = env.run(["doctor", "--artifact", "function.zip", "-o", "json"]).assert_success();
    for check in run.json()["checks"].as_array().unwrap() {
        assert_eq!(check["result"], "ok", "{check:#}");
    }
    env.write("other.zip", "no zip");
    let run = env.run(["doctor", "--artifact", "other.zip", "-o", "json"]).assert_code(3);
    let remedy = assert_finding(&run, "artifact-bootstrap", "failed", "other.zip is not a zip file");
    assert!(remedy.contains("`zip function.zip bootstrap`"), "{remedy}");
    assert_finding(&run, "artifact-glibc", "unknown", "not checked");
    assert!(run.stderr.contains("artifact-bootstrap") && run.stderr.contains("incomplete"), "{}", run.stderr);
}

#[test]
fn settings_that_lose_readings_are_warnings() {
    let env = TestEnv::new();
    let run = env.run(["doctor", "--local", "-o", "json", "--set", "mapping.retry_attempts=3"]).assert_code(3);
    assert_finding(&run, "retention-retries", "warning", "retried 3 times; then its readings are lost");
    assert_finding(&run, "retention-dead-letters", "ok", "30 days");
}

#[test]
fn local_cloud_that_does_not_run_is_a_failed_check_with_the_command_that_starts_it() {
    let env = TestEnv::new();
    let run = env.run(["doctor", "--local", "-o", "json"]).assert_code(3);
    let remedy = assert_finding(&run, "local-process", "failed", "is not running");
    assert!(remedy.contains("`sensorctl local start`"), "{remedy}");
    assert_finding(&run, "local-data-dir", "ok", "does not exist yet");
    assert_finding(&run, "local-version", "unknown", "is not running");
    assert!(!env.path("data").exists(), "nothing was created");
}

#[test]
fn local_cloud_with_open_directory_and_faults_is_warned_about() {
    let env = TestEnv::new();
    env.run(["local", "start", "--port", "0", "--faults", "logs:PutLogEvents=throttle@1%"]).assert_success();
    std::fs::set_permissions(env.path("data"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = env.run(["doctor", "--local", "-o", "json"]).assert_code(3);
    let remedy = assert_finding(&run, "local-data-dir", "warning", "mode 0755");
    assert!(remedy.starts_with("chmod 700 "), "{remedy}");
    assert_finding(&run, "local-faults", "warning", "logs:PutLogEvents=throttle@1%");
    for name in ["local-process", "local-port", "local-version", "local-notices"] {
        assert_finding(&run, name, "ok", "");
    }
}

/// Returns the results of all checks, without those that are ok.
fn not_ok(run: &Run) -> Vec<String> {
    let report = run.json();
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["result"] != "ok");
    checks.map(|check| format!("{} {} {}", check["name"], check["result"], check["evidence"])).collect()
}

#[test]
fn healthy_pipeline_is_ok_in_every_check() {
    let env = TestEnv::with_pipeline();
    let run = env.run(["doctor", "--local", "-o", "json"]).assert_success();
    assert_eq!(not_ok(&run), [""; 0]);
    assert_finding(&run, "credentials", "ok", "account 000000000000, arn:aws:iam::000000000000:");
    assert_finding(&run, "region", "ok", "us-east-1");
    assert_finding(&run, "lambda-concurrency", "ok", "up to 1 at once (shards: 1, parallelization: 1); 1000 of");
    assert_finding(&run, "kinesis-shards", "ok", "`stream.shards` is 1; 499 of the account's 500 shards are free");
    assert_finding(&run, "tag-policies", "ok", "all 6 resources of the stage comply");
    assert_finding(&run, "clock", "ok", "agrees with 8 services");
}

#[test]
fn missing_region_fails_and_what_needs_one_is_unknown() {
    let env = TestEnv::new();
    let run = env.run(["doctor", "-o", "json"]).assert_code(3);
    let remedy = assert_finding(&run, "region", "failed", "no AWS region is set");
    assert!(remedy.contains("--region"), "{remedy}");
    for name in ["connection", "credentials", "endpoint-kinesis", "clock", "lambda-concurrency", "tag-policies"] {
        assert_finding(&run, name, "unknown", "");
    }
    assert_finding(&run, "artifact-bootstrap", "ok", "");
}

#[test]
fn without_credentials_the_services_are_reached_and_the_quotas_are_unknown() {
    let env = TestEnv::with_local_cloud();
    let endpoint = env.endpoint()["endpoint"].as_str().unwrap().to_owned();
    let elsewhere = ["doctor", "-o", "json", "--region", "us-east-1", "--endpoint-url", &endpoint];
    let run = env.run(elsewhere).assert_code(3);
    let remedy = assert_finding(&run, "credentials", "failed", "no AWS credentials found");
    assert!(remedy.contains("`aws configure`"), "{remedy}");
    for name in ["sts", "kinesis", "lambda", "dynamodb", "iam", "logs", "cloudwatch", "tagging"] {
        assert_finding(&run, &format!("endpoint-{name}"), "ok", &endpoint);
    }
    assert_finding(&run, "clock", "ok", "8 services");
    for name in ["lambda-concurrency", "kinesis-shards", "tag-policies"] {
        assert_finding(&run, name, "unknown", "the credentials cannot be used");
    }
    let wrong = [("AWS_ACCESS_KEY_ID", "AKIDNOBODY"), ("AWS_SECRET_ACCESS_KEY", "topsecret")];
    let run = env.run_with_env(elsewhere, &wrong).assert_code(3);
    assert_finding(&run, "credentials", "failed", "InvalidClientTokenId");
    assert_finding(&run, "endpoint-lambda", "ok", &endpoint);
    assert_finding(&run, "lambda-storage", "unknown", "the credentials cannot be used");
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("topsecret"));
}

#[test]
fn services_that_do_not_answer_fail_and_nothing_waits_for_them() {
    let env = TestEnv::new();
    let began = std::time::Instant::now();
    let keys = [("AWS_ACCESS_KEY_ID", "AKIDNOBODY"), ("AWS_SECRET_ACCESS_KEY", "topsecret")];
    let nobody = ["doctor", "-o", "json", "--region", "us-east-1", "--endpoint-url", "http://127.0.0.1:1"];
    let run = env.run_with_env(nobody, &keys).assert_code(3);
    assert_finding(&run, "endpoint-kinesis", "failed", "http://127.0.0.1:1: ");
    for name in ["endpoint-tagging", "endpoint-cloudwatch"] {
        assert_finding(&run, name, "warning", "http://127.0.0.1:1: ");
    }
    assert_finding(&run, "credentials", "unknown", "STS GetCallerIdentity");
    assert_finding(&run, "clock", "unknown", "no service answered");
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

#[test]
fn page_of_a_proxy_is_no_answer_of_a_service() {
    let env = TestEnv::new();
    for (status, page) in
        [(200, "<html>Sign in</html>"), (403, "<html>Blocked</html>"), (404, "<html></html>"), (502, "Bad gateway")]
    {
        let run = FakeAws::page(status, page).run(&env, ["doctor", "-o", "json"]).assert_code(3);
        for name in ["endpoint-sts", "endpoint-kinesis", "endpoint-lambda", "endpoint-dynamodb"] {
            assert_finding(&run, name, "failed", "http://127.0.0.1:");
        }
        for name in ["kinesis-shards", "permissions-up", "permissions-why", "permissions-doctor"] {
            assert_finding(&run, name, "unknown", "");
        }
    }
}

#[test]
fn denied_calls_leave_checks_unknown_with_the_missing_permission() {
    let env = TestEnv::with_pipeline();
    let faults = "lambda:GetAccountSettings=denied;kinesis:DescribeLimits=denied;tag:*=denied";
    ApiClient::new(&env).set_faults(faults);
    let run = env.run(["doctor", "--local", "-o", "json"]).assert_code(3);
    for (name, permission) in [
        ("lambda-concurrency", "lambda:GetAccountSettings"),
        ("lambda-storage", "lambda:GetAccountSettings"),
        ("kinesis-shards", "kinesis:DescribeLimits"),
        ("tag-policies", "tag:GetResources"),
    ] {
        let remedy = assert_finding(&run, name, "unknown", "AccessDenied");
        assert!(remedy.contains(permission), "{remedy}");
    }
    // A refusal is an answer.
    assert_finding(&run, "endpoint-lambda", "ok", "answers");
    ApiClient::new(&env).set_faults("lambda:GetFunctionConcurrency=denied");
    let reserving = ["doctor", "--local", "-o", "json", "--set", "function.reserved_concurrency=950"];
    let reserving = env.run(reserving).assert_code(3);
    let remedy = assert_finding(&reserving, "lambda-concurrency", "unknown", "GetFunctionConcurrency");
    assert!(remedy.contains("lambda:GetFunctionConcurrency"), "{remedy}");
    // Only the faults themselves are a finding: unknown alone is no failure.
    assert!(run.stderr.contains("warnings: local-faults\""), "{}", run.stderr);
}

#[test]
fn clock_of_the_services_is_compared_in_both_directions() {
    let env = TestEnv::with_local_cloud();
    for (seconds, result, says) in [
        (3600, "failed", "behind"),
        (-3600, "failed", "ahead of"),
        (120, "warning", "behind"),
        (-120, "warning", "ahead of"),
    ] {
        let cloud = Interposed::new(&env, move |_, forward| Some(with_date(&forward(), seconds)));
        let run = cloud.run(&env, ["doctor", "-o", "json"]).assert_code(3);
        let remedy = assert_finding(&run, "clock", result, says);
        assert!(remedy.contains("set the clock"), "{remedy}");
        // The SDK corrects its signatures, and hides the difference.
        assert_finding(&run, "credentials", "ok", "account");
    }
}

/// Returns a response with the date of another time.
fn with_date(response: &str, seconds: i64) -> String {
    let then = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    let then = then.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let dated = |line: &str| {
        let is_date = line.to_ascii_lowercase().starts_with("date:");
        if is_date { format!("date: {then}") } else { line.to_owned() }
    };
    let head: Vec<_> = head.split("\r\n").map(dated).collect();
    assert!(head.iter().any(|line| line.ends_with(&then)), "{head:?}");
    format!("{}\r\n\r\n{body}", head.join("\r\n"))
}

#[test]
fn quotas_of_a_new_account_are_compared_with_the_settings() {
    let env = TestEnv::with_local_cloud();
    let cloud = Interposed::new(&env, |request, forward| {
        let change: fn(&str) -> String = match request.operation().as_str() {
            "GET /2016-08-19/account-settings" => |body| {
                let mut settings: Value = serde_json::from_str(body).unwrap();
                settings["AccountLimit"]["ConcurrentExecutions"] = 10.into();
                settings["AccountLimit"]["UnreservedConcurrentExecutions"] = 10.into();
                settings["AccountUsage"]["TotalCodeSize"] = settings["AccountLimit"]["TotalCodeSize"].clone();
                settings.to_string()
            },
            "DescribeLimits" => |body| {
                let mut limits: Value = serde_json::from_str(body).unwrap();
                limits["OpenShardCount"] = limits["ShardLimit"].clone();
                limits.to_string()
            },
            _ => return None,
        };
        Some(with_body(&forward(), change))
    });
    let many = ["doctor", "-o", "json", "--set", "mapping.parallelization=10", "--set", "stream.shards=2"];
    let run = cloud.run(&env, many).assert_code(3);
    assert_finding(&run, "lambda-concurrency", "warning", "up to 20 at once (shards: 2, parallelization: 10); 10 of");
    assert_finding(&run, "lambda-storage", "failed", "code storage are used");
    assert_finding(&run, "kinesis-shards", "failed", "`stream.shards` is 2; 0 of the account's");
    let reserved =
        ["doctor", "-o", "json", "--set", "function.reserved_concurrency=5", "--set", "function.memory_mb=4096"];
    let run = cloud.run(&env, reserved).assert_code(3);
    assert_finding(&run, "lambda-concurrency", "failed", "would leave 5 of the account's 10 unreserved");
    assert_finding(&run, "assumed-quotas", "warning", "assumed limit 3008");
    // As docs/permissions.md counts them, for two runs.
    let simulated = cloud.count("SimulatePrincipalPolicy");
    assert_eq!((cloud.calls().len() - simulated, simulated), (2 * 12, 2 * 6), "{:?}", cloud.calls());
}

#[test]
fn provisioned_capacity_is_compared_with_the_limits_of_the_account() {
    let env = TestEnv::with_local_cloud();
    let run = env.run(["doctor", "--local", "-o", "json", "--set", "table.billing={read_units=1,write_units=40000}"]);
    assert_finding(&run, "dynamodb-capacity", "unknown", "1 read and 40000 write units");
    let run = env.run(["doctor", "--local", "-o", "json"]).assert_success();
    assert_finding(&run, "dynamodb-capacity", "ok", "the limits do not matter");
    // Nothing is there whose tags could be tested.
    assert_finding(&run, "tag-policies", "unknown", "no resource of the stage exists");
}

#[test]
fn limits_that_an_answer_does_not_have_are_unknown() {
    let env = TestEnv::with_local_cloud();
    let cloud = Interposed::new(&env, |request, forward| {
        let members: &[&str] = match request.operation().as_str() {
            "GET /2016-08-19/account-settings" => &["AccountLimit", "AccountUsage"],
            "DescribeLimits" => &["ShardLimit", "AccountMaxWriteCapacityUnits"],
            _ => return None,
        };
        let without = |body: &str| {
            let mut limits: Value = serde_json::from_str(body).unwrap();
            limits.as_object_mut().unwrap().retain(|name, _| !members.contains(&name.as_str()));
            limits.to_string()
        };
        Some(with_body(&forward(), without))
    });
    let billing = "table.billing={read_units=1,write_units=40000}";
    let run = cloud.run(&env, ["doctor", "-o", "json", "--set", billing]).assert_success();
    for (name, operation) in [
        ("lambda-concurrency", "GetAccountSettings does not say"),
        ("lambda-storage", "GetAccountSettings does not say"),
        ("kinesis-shards", "DescribeLimits does not say"),
        ("dynamodb-capacity", "DescribeLimits does not say"),
    ] {
        assert_finding(&run, name, "unknown", operation);
    }
}

#[test]
fn tag_policy_that_objects_is_a_warning() {
    let env = TestEnv::with_pipeline();
    let cloud = Interposed::new(&env, |request, forward| {
        let change: fn(&str) -> String = match request.operation().as_str() {
            "ListRequiredTags" => |_| {
                json!({"RequiredTags": [{"ResourceType": "kinesis:stream", "ReportingTagKeys": ["CostCenter"]}]})
                    .to_string()
            },
            _ => return None,
        };
        Some(with_body(&forward(), change))
    });
    let run = cloud.run(&env, ["doctor", "-o", "json"]).assert_code(3);
    let remedy = assert_finding(&run, "tag-policies", "warning", "a tag policy requires CostCenter");
    assert!(remedy.contains("`[tags]`") && remedy.contains("`sensorctl up --region us-east-1"), "{remedy}");
    let run = cloud.run(&env, ["doctor", "-o", "json", "--set", "tags.CostCenter=7"]).assert_success();
    assert_finding(&run, "tag-policies", "ok", "");
}

/// Returns the policy of these commands.
fn policy(env: &TestEnv, commands: &str) -> String {
    let for_them = ["--region", "us-east-1", "export", "policy", "--account", "000000000000", "--for", commands];
    env.run(for_them).assert_success().stdout
}

#[test]
fn permissions_of_each_command_are_tested() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    let keys = role_session(&api, "writer", &policy(&env, "put,doctor"));
    let run = Interposed::new(&env, |_, _| None).with_keys(keys).run(&env, ["doctor", "-o", "json"]).assert_code(3);
    assert_finding(&run, "permissions-put", "ok", "SimulatePrincipalPolicy");
    assert_finding(&run, "permissions-doctor", "ok", "SimulatePrincipalPolicy");
    let remedy = assert_finding(&run, "permissions-up", "failed", "iam:PassRole");
    assert!(
        remedy.contains("`sensorctl export policy --region us-east-1 ") && remedy.contains(" --for up`"),
        "{remedy}"
    );
    // The permissions of `doctor` suffice for its other checks.
    for name in ["lambda-concurrency", "kinesis-shards", "tag-policies"] {
        assert_finding(&run, name, "ok", "");
    }
    let only = Interposed::new(&env, |_, _| None).with_keys(role_session(&api, "only", &policy(&env, "put,doctor")));
    let run = only.run(&env, ["doctor", "--for", "put,scan,size", "-o", "json"]).assert_code(3);
    let names = ["region", "connection", "credentials", "permissions-put", "permissions-scan"];
    let report = run.json();
    let found: Vec<_> = report["checks"].as_array().unwrap().iter().map(|check| check["name"].clone()).collect();
    assert!(names.iter().all(|name| found.contains(&json!(name))) && found.len() == names.len(), "{found:?}");
    assert_finding(&run, "permissions-put", "ok", "SimulatePrincipalPolicy");
    assert_finding(&run, "permissions-scan", "failed", "dynamodb:Scan");
    only.run(&env, ["doctor", "--for", "put"]).assert_success();
    env.run(["doctor", "--for", "size,man"])
        .assert_code(2)
        .assert_stderr_contains(&["no permission is needed for `size`, `man`"]);
}

#[test]
fn permissions_of_a_caller_who_may_not_ask_iam_are_unknown_or_denied_by_a_read() {
    let env = TestEnv::with_pipeline();
    let keys = role_session(&ApiClient::new(&env), "writer", &policy(&env, "put"));
    let run = Interposed::new(&env, |_, _| None).with_keys(keys).run(&env, ["doctor", "-o", "json"]).assert_code(3);
    assert_finding(&run, "permissions-put", "unknown", "reads were tried");
    assert_finding(&run, "permissions-up", "failed", "dynamodb:DescribeTable");
    assert_finding(&run, "permissions-why", "unknown", "not known: cloudwatch:GetMetricData");
    assert_finding(
        &run,
        "permissions-doctor",
        "unknown",
        "; iam:SimulatePrincipalPolicy: permissions are tried by reads",
    );
}

/// Tests that wait for the deadline of a call.
mod slow {
    use super::{ApiClient, TestEnv, assert_finding};

    #[test]
    fn call_that_hangs_is_given_up_at_its_deadline() {
        let env = TestEnv::with_pipeline();
        let api = ApiClient::new(&env);
        api.set_faults("kinesis:DescribeLimits=hang");
        let began = std::time::Instant::now();
        let run = env.run(["doctor", "--local", "-o", "json"]).assert_code(3);
        api.set_faults("");
        assert_finding(&run, "endpoint-kinesis", "failed", "no answer in 5 s");
        assert_finding(&run, "kinesis-shards", "unknown", "no answer in 5 s");
        assert_finding(&run, "lambda-concurrency", "ok", "");
        assert!(began.elapsed().as_secs() < 9, "{:?}", began.elapsed());
    }
}
