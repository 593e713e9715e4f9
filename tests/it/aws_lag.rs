//! Eventual consistency of AWS: new roles, policies, tags, functions, and used-up capacity. The local cloud is
//! consistent, so a server in front of it lags behind.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{ApiClient, Interposed, TestEnv, with_body};

const CREATE_FUNCTION: &str = "POST /2015-03-31/functions";
const DELETE_FUNCTION: &str = "DELETE /2015-03-31/functions/ProcessKinesisRecords";
const INVOKE: &str = "POST /2015-03-31/functions/ProcessKinesisRecords/invocations";
const CREATE_MAPPING: &str = "POST /2015-03-31/event-source-mappings";
const STALE_GRANT: &str = "Lambda was unable to decrypt the environment variables because KMS access was denied. Please check \
                           the function's KMS key settings. KMS Exception: AccessDeniedException KMS Message: The \
                           ciphertext refers to a customer master key that does not exist";

/// Counts down from `n`. Returns true for the first `n` calls.
fn first(n: usize) -> impl Fn() -> bool + Send + Sync {
    let left = AtomicUsize::new(n);
    move || left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

#[test]
fn function_that_cannot_decrypt_its_variables_is_recreated_before_its_mapping() {
    let env = TestEnv::with_local_cloud();
    let is_stale = first(2);
    let cloud = Interposed::new(&env, move |request, _| {
        (request.operation() == INVOKE && is_stale())
            .then(|| request.failure(403, "KMSAccessDeniedException", STALE_GRANT))
    });
    cloud.run(&env, ["up"]).assert_success().assert_stderr_contains(&[
        "KMSAccessDeniedException",
        "creating it again (1 of 5)",
        "The pipeline works",
    ]);
    assert_eq!((cloud.count(CREATE_FUNCTION), cloud.count(DELETE_FUNCTION), cloud.count(INVOKE)), (3, 2, 3));
    let place = |call: &str| cloud.calls().iter().rposition(|it| it == call).unwrap();
    assert!(place(INVOKE) < place(CREATE_MAPPING), "the mapping is created only for a function that runs");
    env.run(["up", "--local"]).assert_success().assert_stderr_contains(&["Nothing to do"]);
}

#[test]
fn function_of_killed_run_is_invoked_before_its_mapping_is_created() {
    let env = TestEnv::with_local_cloud();
    let api = ApiClient::new(&env);
    assert!(env.kill_at_call(["up", "--local"], &api, "lambda:Invoke", 1));
    let is_stale = first(1);
    let cloud = Interposed::new(&env, move |request, _| {
        (request.operation() == INVOKE && is_stale())
            .then(|| request.failure(403, "KMSAccessDeniedException", STALE_GRANT))
    });
    cloud.run(&env, ["up"]).assert_success().assert_stderr_contains(&["creating it again (1 of 5)"]);
    assert_eq!((cloud.count(DELETE_FUNCTION), cloud.count(CREATE_FUNCTION)), (1, 1));
}

#[test]
fn up_without_invoke_permission_creates_the_pipeline() {
    let env = TestEnv::with_local_cloud();
    ApiClient::new(&env).set_faults("lambda:Invoke=denied");
    let said = ["note: not proven that the function ProcessKinesisRecords can be invoked", "lambda:Invoke"];
    env.run(["up", "--local"]).assert_success().assert_stderr_contains(&said);
}

#[test]
fn mapping_creation_is_retried_until_new_function_is_visible() {
    let env = TestEnv::with_local_cloud();
    let is_early = first(3);
    let cloud = Interposed::new(&env, move |request, _| {
        (request.operation() == CREATE_MAPPING && is_early())
            .then(|| request.failure(400, "InvalidParameterValueException", "Function does not exist"))
    });
    cloud.run(&env, ["up"]).assert_success();
    assert_eq!(cloud.count(CREATE_MAPPING), 4);
}

#[test]
fn stale_trust_policy_is_not_a_permanent_failure() {
    let env = TestEnv::with_local_cloud();
    // About a second of denials. The result for a policy that this run did not write takes a quarter of one.
    let is_early = first(8);
    let refused = Mutex::new(true);
    let cloud = Interposed::new(&env, move |request, forward| match request.operation().as_str() {
        CREATE_FUNCTION => {
            let is_early = is_early();
            *refused.lock().unwrap() = is_early;
            let why = "The role defined for the function cannot be assumed by Lambda.";
            is_early.then(|| request.failure(400, "InvalidParameterValueException", why))
        }
        "GetRole" if *refused.lock().unwrap() => {
            Some(with_body(&forward(), |body| body.replace("lambda.amazonaws.com", "ec2.amazonaws.com")))
        }
        _ => None,
    });
    cloud.run(&env, ["up"]).assert_success();
    assert_eq!(cloud.count(CREATE_FUNCTION), 9);
}

#[test]
fn role_is_ready_only_after_its_new_policy_is_visible() {
    let env = TestEnv::with_pipeline();
    let old: Mutex<Option<String>> = Mutex::default();
    let is_stale = first(5);
    let put = AtomicUsize::new(0);
    let cloud = Interposed::new(&env, move |request, forward| match request.operation().as_str() {
        "PutRolePolicy" => {
            put.fetch_add(1, Ordering::Relaxed);
            None
        }
        "GetRolePolicy" if put.load(Ordering::Relaxed) == 0 => {
            let answer = forward();
            *old.lock().unwrap() = Some(answer.clone());
            Some(answer)
        }
        "GetRolePolicy" if is_stale() => old.lock().unwrap().clone(),
        _ => None,
    });
    let queue = "mapping.on_failure=\"arn:aws:sqs:us-east-1:000000000000:q\"";
    cloud.run(&env, ["up", "--set", queue]).assert_success();
    let calls = cloud.calls();
    let put = calls.iter().position(|call| call == "PutRolePolicy").unwrap();
    let update = calls.iter().position(|call| call.starts_with("PUT /2015-03-31/event-source-mappings/")).unwrap();
    let looks = calls[put..update].iter().filter(|call| *call == "GetRolePolicy").count();
    assert_eq!(looks, 6, "five that show the policy before, and one that shows the new one: {calls:?}");
}

#[test]
fn denial_by_new_tags_is_transient_and_explicit_deny_is_permanent() {
    let not_allowed = "User: arn:aws:iam::000000000000:user/u is not authorized to perform: logs:PutRetentionPolicy on \
                       resource: g because no identity-based policy allows the logs:PutRetentionPolicy action";
    let env = TestEnv::with_local_cloud();
    let is_early = first(3);
    let cloud = Interposed::new(&env, move |request, _| {
        (request.operation() == "PutRetentionPolicy" && is_early())
            .then(|| request.failure(400, "AccessDeniedException", not_allowed))
    });
    cloud.run(&env, ["up"]).assert_success();
    assert_eq!((cloud.count("PutRetentionPolicy"), cloud.count("CreateLogGroup")), (4, 1));
    env.run(["up", "--local"]).assert_success().assert_stderr_contains(&["Nothing to do"]);

    let set = "log_group.retention_days=30";
    let denied = |message: &'static str| {
        Interposed::new(&env, move |request, _| {
            (request.operation() == "PutRetentionPolicy")
                .then(|| request.failure(400, "AccessDeniedException", message))
        })
    };
    // The log group is from an earlier run, so its tags have been visible for long.
    let cloud = denied(not_allowed);
    cloud.run(&env, ["up", "--yes", "--set", set]).assert_code(1).assert_stderr_contains(&["logs:PutRetentionPolicy"]);
    assert_eq!(cloud.count("PutRetentionPolicy"), 1);
    env.run(["down", "--local", "--yes"]).assert_success();
    let cloud = denied("not authorized to perform: logs:PutRetentionPolicy with an explicit deny in a policy");
    cloud.run(&env, ["up"]).assert_code(1).assert_stderr_contains(&["denies logs:PutRetentionPolicy explicitly"]);
    assert_eq!(cloud.count("PutRetentionPolicy"), 1);
}

#[test]
fn deleted_role_on_stale_replica_is_polled_again() {
    let env = TestEnv::with_pipeline();
    let old: Mutex<Option<String>> = Mutex::default();
    // The first poll after the deletion finds it gone, and the next ones read another replica.
    let (deleted, looks) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let cloud = Interposed::new(&env, move |request, forward| match request.operation().as_str() {
        "DeleteRole" => {
            deleted.store(1, Ordering::Relaxed);
            None
        }
        "GetRole" if deleted.load(Ordering::Relaxed) == 0 => {
            let answer = forward();
            *old.lock().unwrap() = Some(answer.clone());
            Some(answer)
        }
        "GetRole" => match looks.fetch_add(1, Ordering::Relaxed) {
            1..=3 => old.lock().unwrap().clone(),
            _ => None,
        },
        _ => None,
    });
    let down = cloud.run(&env, ["down", "--yes", "-o", "json"]).assert_success().json();
    assert_eq!(down["remaining"], serde_json::json!([]), "{down}");
}

#[test]
fn table_without_backups_support_counts_as_disabled() {
    let env = TestEnv::with_local_cloud();
    let cloud = Interposed::new(&env, |request, _| {
        (request.operation() == "DescribeContinuousBackups")
            .then(|| request.failure(400, "UnknownOperationException", "An unknown operation was requested."))
    });
    cloud.run(&env, ["up"]).assert_success();
    cloud.run(&env, ["up"]).assert_success().assert_stderr_contains(&["Nothing to do"]);
    env.run(["plan", "--local", "--exit-code"]).assert_success();
}

#[test]
fn missing_managed_policy_fails_at_once() {
    let env = TestEnv::with_local_cloud();
    let cloud = Interposed::new(&env, |request, _| {
        let why = "Policy arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess does not exist or is not attachable.";
        (request.operation() == "AttachRolePolicy").then(|| request.failure(404, "NoSuchEntity", why))
    });
    let run = cloud.run(&env, ["up", "--timeout", "60s", "--set", "role.permissions=managed"]).assert_code(1);
    let run = run.assert_stderr_contains(&["does not exist or is not attachable"]);
    assert!(run.stderr.contains("logs:CreateLogGroup, so a late invocation"), "the plan warns: {}", run.stderr);
    assert_eq!(cloud.count("AttachRolePolicy"), 1);
}

#[test]
fn change_past_the_timeout_hints_to_run_up_again() {
    let env = TestEnv::with_pipeline();
    let cloud = Interposed::new(&env, |request, forward| {
        let is_look = request.operation() == "DescribeStreamSummary";
        is_look.then(|| with_body(&forward(), |body| body.replace("\"ACTIVE\"", "\"UPDATING\"")))
    });
    cloud.run(&env, ["up", "--timeout", "1s"]).assert_code(1).assert_stderr_contains(&[
        "the stream `temperature-sensor-data`",
        "UPDATING",
        "the service continues meanwhile",
        "run `sensorctl up --region us-east-1 --endpoint-url ",
        "` again to keep waiting",
    ]);
}

mod slow {
    use super::{
        ApiClient, CREATE_FUNCTION, CREATE_MAPPING, DELETE_FUNCTION, INVOKE, Interposed, STALE_GRANT, TestEnv, first,
    };

    #[test]
    fn function_without_kms_grant_fails_up_and_gets_no_mapping() {
        let env = TestEnv::with_local_cloud();
        let cloud = Interposed::new(&env, |request, _| {
            (request.operation() == INVOKE).then(|| request.failure(403, "KMSAccessDeniedException", STALE_GRANT))
        });
        cloud.run(&env, ["up"]).assert_code(1).assert_stderr_contains(&[
            "the function `ProcessKinesisRecords` cannot be invoked",
            "KMSAccessDeniedException",
            "hint: ",
            "role.name",
        ]);
        assert_eq!((cloud.count(CREATE_MAPPING), cloud.count(CREATE_FUNCTION)), (0, 6));
    }

    #[test]
    fn mapping_of_deleted_function_fails_long_before_the_timeout() {
        let env = TestEnv::with_local_cloud();
        let api = ApiClient::new(&env);
        let cloud = Interposed::new(&env, move |request, _| {
            (request.operation() == CREATE_MAPPING).then(|| {
                api.send_lambda(DELETE_FUNCTION, &serde_json::Value::Null);
                request.failure(400, "InvalidParameterValueException", "Function does not exist")
            })
        });
        cloud.run(&env, ["up", "--timeout", "60s"]).assert_code(1).assert_stderr_contains(&[
            "another run deleted the function `ProcessKinesisRecords`",
            "Function does not exist",
        ]);
    }

    #[test]
    fn scan_throttled_read_capacity_is_retried() {
        let env = TestEnv::with_pipeline();
        env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1", "--wait"]).assert_success();
        for (arguments, operation) in [(&["scan"][..], "Scan"), (&["scan", "--sensor", "a"], "Query")] {
            // More than the attempts of the SDK for each of the four segments.
            let is_used_up = first(30);
            let cloud = Interposed::new(&env, move |request, _| {
                let why = "The level of configured provisioned throughput for the table was exceeded.";
                (request.operation() == operation && is_used_up())
                    .then(|| request.failure(400, "ProvisionedThroughputExceededException", why))
            });
            let run = cloud.run(&env, arguments.iter().copied().chain(["-o", "ndjson"])).assert_success();
            assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
        }
    }
}
