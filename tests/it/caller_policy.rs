//! A caller with the policy of `export policy` can manage the pipeline, and nothing else.

use serde_json::Value;

use crate::support::{ApiClient, ForeignStack, Interposed, TestEnv, role_session};

fn exported_policy(env: &TestEnv) -> String {
    env.run(["--region", "us-east-1", "export", "policy", "--account", "000000000000"]).assert_success().stdout
}

#[test]
fn exported_policy_suffices_for_every_command() {
    let env = TestEnv::with_local_cloud();
    let keys = role_session(&ApiClient::new(&env), "deployer", &exported_policy(&env));
    let cloud = Interposed::new(&env, |_, _| None).with_keys(keys);
    cloud.run(&env, ["up"]).assert_success().assert_stderr_contains(&["The pipeline works: 7 of 7"]);
    cloud.run(&env, ["put", "--sensor", "a", "--temp", "1", "--time", "1", "--wait"]).assert_success();
    for arguments in [
        &["plan", "--exit-code"][..],
        &["status"],
        &["scan"],
        &["scan", "--sensor", "a"],
        &["rejects", "list"],
        &["rejects", "replay", "--yes"],
        &["rejects", "delete", "--yes"],
        &["invoke"],
        &["up", "--verify"],
        &[
            "up",
            "--yes",
            "--set",
            "function.memory_mb=512",
            "--set",
            "mapping.batch_size=7",
            "--set",
            "stream.shards=2",
        ],
        &["down", "--yes", "--drain"],
    ] {
        let run = cloud.run(&env, arguments.iter().copied()).assert_success();
        assert!(
            !run.stderr.contains("warning:") && !run.stderr.contains("AccessDenied"),
            "{arguments:?} {}",
            run.stderr
        );
    }
    assert!(cloud.calls().iter().any(|call| call == "GetResources"));
}

#[test]
fn exported_policy_allows_nothing_with_resources_of_another_stage() {
    let env = TestEnv::with_local_cloud();
    let keys = role_session(&ApiClient::new(&env), "deployer", &exported_policy(&env));
    let cloud = Interposed::new(&env, |_, _| None).with_keys(keys);
    cloud.run(&env, ["--stage", "blue", "up"]).assert_code(1).assert_stderr_contains(&["is not authorized to perform"]);
}

#[test]
fn orphans_with_denied_tags_count_as_unmanaged() {
    let env = TestEnv::with_pipeline();
    ForeignStack::with_suffix(&env, "theirs").create_all(&env);
    let keys = role_session(&ApiClient::new(&env), "deployer", &exported_policy(&env));
    // Without the tagging API the tags of each candidate are read.
    let cloud = Interposed::new(&env, |request, _| {
        let why = "User is not authorized to perform: tag:GetResources";
        (request.operation() == "GetResources").then(|| request.failure(400, "AccessDeniedException", why))
    })
    .with_keys(keys);
    let plan = cloud.run(&env, ["plan", "-v", "-o", "json"]).assert_success().assert_stderr_contains(&[
        "note: looked for orphans one by one",
        "tag:GetResources",
        "2 whose tags cannot be read count as unmanaged (",
    ]);
    assert_eq!((&plan.json()["changed"], &plan.json()["leftovers"]), (&0.into(), &Value::Null));
    cloud.run(&env, ["down", "--yes"]).assert_success().assert_stderr_contains(&[
        "warning:",
        "whose tags cannot be read",
        "7 resources deleted",
    ]);
}

#[test]
fn mapping_with_denied_tags_counts_as_unmanaged() {
    let env = TestEnv::with_pipeline();
    let foreign = ForeignStack::with_suffix(&env, "theirs");
    foreign.create_stream();
    // The pipeline's role may read the unmanaged stream.
    let role = ForeignStack { role: "kinesis-lambda-dynamodb".into(), ..foreign.clone() };
    role.put_policy("theirs", "Allow", "kinesis:*");
    foreign.create_mapping(&foreign.stream, "ProcessKinesisRecords");
    let mappings = foreign.api.event_source_mappings();
    let theirs =
        mappings.iter().find(|mapping| mapping["EventSourceArn"].as_str().unwrap().ends_with("theirs")).unwrap();
    let uuid = theirs["UUID"].as_str().unwrap().to_owned();
    let cloud = Interposed::new(&env, move |request, _| {
        let is_theirs = request.path.contains("/tags/") && request.path.contains(&uuid);
        let why = "User is not authorized to perform: lambda:ListTags";
        is_theirs.then(|| request.failure(403, "AccessDeniedException", why))
    });
    cloud
        .run(&env, ["down", "--yes"])
        .assert_code(1)
        .assert_stderr_contains(&["unmanaged event source mappings", "--delete-consumers"]);
    cloud.run(&env, ["down", "--yes", "--delete-consumers"]).assert_success();
}
