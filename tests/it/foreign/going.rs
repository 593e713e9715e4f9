//! What others have to do with what goes: named first, and where it is in the way, deleted on request only.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{by_hand, lambda, planned};
use crate::support::{Home, Neighbour};

#[test]
fn policies_that_somebody_added_to_our_role_stay_until_it_goes() {
    let home = Home::with_pipeline();
    let somebody = Neighbour::with_our_names(&home);
    somebody.puts_policy("theirs", "Allow", "s3:GetObject");
    somebody.cloud.iam(
        "Action=AttachRolePolicy&RoleName=kinesis-lambda-dynamodb&\
         PolicyArn=arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    );
    assert_eq!(planned(&home), []);
    home.run(["up", "--local", "--set", "function.memory_mb=512"]).succeeded();
    let policies = somebody.cloud.iam("Action=ListRolePolicies&RoleName=kinesis-lambda-dynamodb");
    assert!(policies.contains("theirs"), "{policies}");
    let down = home
        .run(["down", "--local", "--yes", "-o", "json"])
        .succeeded()
        .says(&["with it goes what others added: the policy `theirs`", "AWSLambdaBasicExecutionRole"]);
    assert!(!down.stderr.contains("the policy `sensorctl`"), "{}", down.stderr);
    assert_eq!(down.json()["remaining"], json!([]));
}

#[test]
fn consumers_of_others_keep_the_stream_and_everything_else() {
    let home = Home::with_pipeline();
    let somebody = Neighbour::with_our_names(&home);
    somebody.registers_consumer("temperature-sensor-data", "analytics");
    somebody.registers_consumer("temperature-sensor-data", "archive");
    home.run(["down", "--local", "--yes"]).exited(1).says(&[
        "the stream `temperature-sensor-data`",
        "analytics, archive",
        "--delete-consumers",
    ]);
    home.run(["status", "--local"]).succeeded();
    let down = home.run(["down", "--local", "--yes", "--delete-consumers", "-o", "json"]).succeeded().json();
    assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &json!([])));
}

#[test]
fn mappings_of_others_keep_the_stream_and_everything_else() {
    let home = Home::with_pipeline();
    let somebody = Neighbour { function: "theirs".into(), role: "theirs".into(), ..Neighbour::with_our_names(&home) };
    somebody.makes_role();
    somebody.makes_function(&home);
    somebody.makes_mapping("temperature-sensor-data", "theirs");
    home.run(["down", "--local", "--yes"]).exited(1).says(&[
        "the stream `temperature-sensor-data` is read by event source mappings of others, to the function theirs",
        "--delete-consumers",
    ]);
    home.run(["status", "--local"]).succeeded();
    let down = home.run(["down", "--local", "--yes", "--delete-consumers", "-o", "json"]).succeeded().json();
    assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &json!([])));
    let mappings = lambda(&somebody.cloud, "GET /2015-03-31/event-source-mappings", &Value::Null);
    assert!(mappings["EventSourceMappings"][0]["FunctionArn"].as_str().unwrap().ends_with(":theirs"), "{mappings}");
}

#[test]
fn mappings_of_others_keep_the_function_and_everything_else() {
    let home = Home::with_pipeline();
    let somebody = Neighbour { stream: "other".into(), ..Neighbour::with_our_names(&home) };
    somebody.makes_stream();
    somebody.puts_policy("own", "Allow", "kinesis:*");
    somebody.makes_mapping("other", "ProcessKinesisRecords");
    home.run(["down", "--local", "--yes"]).exited(1).says(&[
        "the function `ProcessKinesisRecords` is fed by event source mappings of others: stream/other (",
        "delete these mappings",
        "--delete-consumers",
    ]);
    assert_eq!(planned(&home), [], "all is there as before");
    // One that is made anew under the same name is fed on.
    for policy in ["own", "sensorctl"] {
        somebody.cloud.iam(&format!("Action=DeleteRolePolicy&RoleName={}&PolicyName={policy}", somebody.role));
    }
    somebody.cloud.iam(&format!("Action=DeleteRole&RoleName={}", somebody.role));
    home.run(["up", "--local", "--yes"]).succeeded();
    let down = home.run(["down", "--local", "--yes", "--delete-consumers", "-o", "json"]).succeeded().json();
    assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &json!([])));
}

#[test]
fn what_changed_hands_after_the_plan_is_not_deleted() {
    let home = Home::with_pipeline();
    let somebody = Neighbour::with_our_names(&home);
    // Until the fault is taken back, nothing is deleted: all else waits for the mapping.
    somebody.cloud.set_faults("lambda:DeleteEventSourceMapping=throttle");
    let down = home.spawn(["down", "--local", "--yes"]);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !somebody.cloud.seen().iter().any(|seen| seen.call == "lambda:DeleteEventSourceMapping") {
        assert!(Instant::now() < deadline, "it deletes nothing");
        std::thread::sleep(Duration::from_millis(5));
    }
    let theirs = json!({"StreamName": "temperature-sensor-data", "Tags": {"sensorctl:stage": "blue"}});
    by_hand(&somebody.cloud, "Kinesis_20131202.AddTagsToStream", &theirs);
    somebody.cloud.set_faults("");
    let run = crate::support::Run::of(&down.wait_with_output().unwrap()).exited(1);
    run.says(&["the stream `temperature-sensor-data` changed hands", "the sensorctl stage `blue`", "hint:"]);
    assert!(somebody.cloud.everything()[0].contains("temperature-sensor-data"));
}
