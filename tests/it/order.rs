//! What must come before what, so that no moment in between, and no end in it, loses a reading.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Home, Neighbour, Stranger};

const JSON: &str = "Content-Type: application/json";
const FUNCTION: &str = "/2015-03-31/functions/ProcessKinesisRecords";
const VARIABLE: &str = "SENSORCTL_PARTIAL_BATCH";

#[track_caller]
fn lambda(cloud: &Stranger, line: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, said) = cloud.send(line, "lambda", JSON, &body);
    assert!((200..300).contains(&status), "{line}: {said}");
    serde_json::from_str(&said).unwrap_or_default()
}

/// The one mapping that there is.
fn mapping(cloud: &Stranger) -> Value {
    lambda(cloud, "GET /2015-03-31/event-source-mappings", &Value::Null)["EventSourceMappings"][0].clone()
}

fn answers_in_part(cloud: &Stranger) -> bool {
    has_variable(cloud, VARIABLE)
}

fn has_variable(cloud: &Stranger, name: &str) -> bool {
    let function = lambda(cloud, &format!("GET {FUNCTION}"), &Value::Null);
    function["Configuration"]["Environment"]["Variables"].get(name).is_some()
}

fn is_understood(cloud: &Stranger) -> bool {
    mapping(cloud)["FunctionResponseTypes"] == json!(["ReportBatchItemFailures"])
}

/// Takes partial answers from both, by hand.
fn takes_partial_answers_away(cloud: &Stranger) {
    lambda(cloud, &format!("PUT {FUNCTION}/configuration"), &json!({"Environment": {"Variables": {"OTHER": "1"}}}));
    let uuid = mapping(cloud)["UUID"].as_str().unwrap().to_owned();
    lambda(cloud, &format!("PUT /2015-03-31/event-source-mappings/{uuid}"), &json!({"FunctionResponseTypes": []}));
    until(|| mapping(cloud)["State"] == "Enabled");
}

#[track_caller]
fn until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs `up` until this call is done and its answer hangs, and kills it there.
fn killed_at(home: &Home, cloud: &Stranger, call: &str, up: &[&'static str]) {
    cloud.set_faults(&format!("{call}=hang@#1"));
    let mut child: Child = home.command(up.to_vec()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until(|| cloud.has_hung() || child.try_wait().unwrap().is_some());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(cloud.has_hung(), "{call} was not called");
    cloud.set_faults("");
}

#[test]
fn a_mapping_understands_partial_answers_before_the_function_gives_them() {
    let up = ["up", "--local", "--adopt", "--yes"];
    let adopted = Home::with_local_cloud();
    let somebody = Neighbour::with_our_names(&adopted);
    somebody.makes_everything(&adopted);
    let drifted = Home::with_pipeline();
    takes_partial_answers_away(&Stranger::of(&drifted));
    for home in [adopted, drifted] {
        let cloud = Stranger::of(&home);
        cloud.set_faults("lambda:UpdateEventSourceMapping=denied");
        home.run(up).exited(1).says(&["lambda:UpdateEventSourceMapping"]);
        assert!(!answers_in_part(&cloud) && !is_understood(&cloud), "nothing of the two is changed");
        cloud.set_faults("lambda:UpdateFunctionConfiguration=denied");
        home.run(up).exited(1).says(&["lambda:UpdateFunctionConfiguration"]);
        assert!(!answers_in_part(&cloud) && is_understood(&cloud), "the function fails whole batches meanwhile");
        cloud.set_faults("");
        home.run(up).succeeded();
        assert!(answers_in_part(&cloud) && is_understood(&cloud));
        home.run(["put", "--local", "--sensor", "a", "--temp", "1", "--wait"]).succeeded();
    }
}

#[test]
fn a_run_killed_between_mapping_and_function_leaves_nothing_that_loses_readings() {
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    for call in ["lambda:UpdateEventSourceMapping", "lambda:UpdateFunctionConfiguration"] {
        takes_partial_answers_away(&cloud);
        killed_at(&home, &cloud, call, &["up", "--local", "--no-wait"]);
        assert!(is_understood(&cloud), "killed at {call}");
        home.run(["up", "--local"]).succeeded();
        assert!(answers_in_part(&cloud) && is_understood(&cloud));
    }
}

/// A cloud sixty times as fast as AWS, where a mapping that is Enabled goes by its old settings for two seconds.
fn slow_cloud() -> Home {
    let home = Home::new();
    home.run(["local", "start", "--port", "0", "--timing", "aws/60"]).succeeded();
    home
}

/// How long clients wait there after a mapping's last change.
const IN_FORCE_AFTER: f64 = 3.0;

/// Seconds from the mapping's last change to the function's.
fn seconds_between(cloud: &Stranger) -> f64 {
    let function = lambda(cloud, &format!("GET {FUNCTION}"), &Value::Null);
    let changed = function["Configuration"]["LastModified"].as_str().unwrap().replace("+0000", "Z");
    let changed: jiff::Timestamp = changed.parse().unwrap();
    changed.as_duration().as_secs_f64() - mapping(cloud)["LastModified"].as_f64().unwrap()
}

/// Places of the calls in the order in which they came; the last of each.
fn places(cloud: &Stranger, calls: &[&str]) -> Vec<usize> {
    let seen = cloud.seen();
    calls
        .iter()
        .map(|call| seen.iter().rposition(|seen| seen.call == *call).unwrap_or_else(|| panic!("no {call}")))
        .collect()
}

#[test]
fn a_pipeline_from_nothing_answers_in_part_from_its_first_batch() {
    let home = slow_cloud();
    let cloud = Stranger::of(&home);
    home.run(["up", "--local"]).succeeded();
    assert!(answers_in_part(&cloud) && is_understood(&cloud));
    let calls: Vec<_> = cloud.seen().into_iter().map(|seen| seen.call).collect();
    let later = ["lambda:UpdateFunctionConfiguration", "lambda:UpdateEventSourceMapping"];
    assert!(calls.iter().all(|call| !later.contains(&call.as_str())), "nothing is changed afterwards: {calls:?}");
    // A change of something else does not take it back.
    home.run(["up", "--local", "--set", "mapping.batch_size=10"]).succeeded();
    home.run(["up", "--local", "--set", "mapping.batch_size=11"]).succeeded();
    assert!(cloud.seen().iter().all(|seen| seen.call != later[0]));
}

#[test]
fn readings_that_cannot_be_stored_while_a_pipeline_is_adopted_are_not_lost() {
    let home = slow_cloud();
    let somebody = Neighbour::with_our_names(&home);
    somebody.makes_everything(&home);
    let cloud = &somebody.cloud;
    cloud.set_faults("dynamodb:BatchWriteItem=throttle");
    let up = home.spawn(["up", "--local", "--adopt", "--yes"]);
    let mut put = 0;
    let mut child = up;
    while child.try_wait().unwrap().is_none() {
        let time = put.to_string();
        let arguments = ["put", "--local", "--sensor", "a", "--temp", "1", "--time", &time];
        home.run(arguments).succeeded();
        put += 1;
    }
    let run = crate::support::Run::of(&child.wait_with_output().unwrap()).succeeded();
    let run = run.says(&["until the mapping's ReportBatchItemFailures has been in force"]);
    assert!(run.stderr.contains("updated  function"), "{}", run.stderr);
    assert!(answers_in_part(cloud) && is_understood(cloud));
    assert!(seconds_between(cloud) >= IN_FORCE_AFTER - 0.1, "{}", seconds_between(cloud));
    cloud.set_faults("");
    assert_eq!(home.rows(put).len(), put, "every batch that failed was delivered again");
}

#[test]
fn a_run_killed_while_it_waits_for_the_mapping_is_finished_by_the_next_after_the_same_time() {
    let home = slow_cloud();
    home.run(["up", "--local"]).succeeded();
    let cloud = &Stranger::of(&home);
    takes_partial_answers_away(cloud);
    let mut child = home.command(["up", "--local"]).stderr(Stdio::null()).spawn().unwrap();
    // Everything else of the function is as wanted by then.
    until(|| is_understood(cloud) && mapping(cloud)["State"] == "Enabled" && has_variable(cloud, "SENSORCTL_TABLE"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!answers_in_part(cloud), "it did not wait");
    home.run(["status", "--local"]).exited(3).says(&["function differs in environment"]);
    home.run(["up", "--local"]).succeeded();
    assert!(answers_in_part(cloud) && seconds_between(cloud) >= IN_FORCE_AFTER - 0.1, "{}", seconds_between(cloud));
    assert_eq!(home.run(["up", "--local", "-o", "json"]).succeeded().json()["changed"], 0);
}

#[test]
fn up_that_does_not_wait_leaves_partial_answers_to_the_next() {
    let home = slow_cloud();
    let somebody = Neighbour::with_our_names(&home);
    somebody.makes_everything(&home);
    let said = ["fails whole batches", "`sensorctl up --local` lets it answer in part"];
    home.run(["up", "--local", "--adopt", "--yes", "--no-wait"]).succeeded().says(&said);
    assert!(!answers_in_part(&somebody.cloud));
    home.run(["up", "--local"]).succeeded();
    assert!(answers_in_part(&somebody.cloud) && seconds_between(&somebody.cloud) >= IN_FORCE_AFTER - 0.1);
}

#[test]
fn a_function_that_answers_in_part_stops_before_its_mapping_learns_it() {
    let home = slow_cloud();
    home.run(["up", "--local"]).succeeded();
    let cloud = Stranger::of(&home);
    let uuid = mapping(&cloud)["UUID"].as_str().unwrap().to_owned();
    lambda(&cloud, &format!("PUT /2015-03-31/event-source-mappings/{uuid}"), &json!({"FunctionResponseTypes": []}));
    until(|| mapping(&cloud)["State"] == "Enabled");
    cloud.set_faults("lambda:UpdateEventSourceMapping=denied");
    home.run(["up", "--local"]).exited(1).says(&["lambda:UpdateEventSourceMapping"]);
    assert!(!answers_in_part(&cloud));
    cloud.set_faults("");
    home.run(["up", "--local"]).succeeded();
    let order = places(&cloud, &["lambda:UpdateEventSourceMapping", "lambda:UpdateFunctionConfiguration"]);
    assert!(order.is_sorted(), "{order:?}");
    assert!(answers_in_part(&cloud) && is_understood(&cloud) && seconds_between(&cloud) >= IN_FORCE_AFTER - 0.1);
}

#[test]
fn a_function_made_anew_beside_an_old_mapping_does_not_answer_in_part_at_once() {
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    takes_partial_answers_away(&cloud);
    lambda(&cloud, &format!("DELETE {FUNCTION}"), &Value::Null);
    killed_at(&home, &cloud, "lambda:CreateFunction", &["up", "--local"]);
    assert!(!answers_in_part(&cloud) && !is_understood(&cloud), "the mapping delivers to it from now on");
    home.run(["up", "--local"]).succeeded();
    assert!(answers_in_part(&cloud) && is_understood(&cloud));
}

#[test]
fn another_mapping_that_would_take_a_partial_answer_for_success_is_named() {
    let home = Home::with_pipeline();
    home.becomes_healthy();
    let somebody = Neighbour { stream: "theirs".into(), ..Neighbour::with_our_names(&home) };
    somebody.makes_stream();
    somebody.puts_policy("own", "Allow", "kinesis:*");
    somebody.makes_mapping("theirs", "ProcessKinesisRecords");
    let said = ["theirs → ProcessKinesisRecords", "ReportBatchItemFailures"];
    let status = home.run(["status", "--local", "-o", "json"]).exited(3).says(&said);
    assert!(
        !status.stderr.contains("mapping the mapping") && !status.stderr.contains("sensorctl plan"),
        "`up` mends none"
    );
    let status = status.json();
    let of_mapping = |report: &Value| report["resources"][6]["dangers"][0].as_str().unwrap_or_default().to_owned();
    assert!(of_mapping(&status).contains(said[0]) && status["healthy"] == false, "{status}");
    let plan = home.run(["plan", "--local", "-o", "json"]).succeeded().says(&said).json();
    assert!(of_mapping(&plan).contains(said[0]) && plan["changed"] == 0, "{plan}");
    home.run(["up", "--local"]).succeeded().says(&said);
}

#[test]
fn a_stream_made_anew_never_meets_the_mapping_of_the_one_before() {
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    let put = |time: &str| {
        home.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", time, "--wait"]).succeeded();
    };
    put("1");
    for (n, call) in ["lambda:DeleteEventSourceMapping", "kinesis:CreateStream"].into_iter().enumerate() {
        let (stream, before) =
            (json!({"StreamName": "temperature-sensor-data"}).to_string(), mapping(&cloud)["UUID"].clone());
        assert_eq!(cloud.call("Kinesis_20131202.DeleteStream", &stream).0, 200);
        cloud.set_faults(&format!("{call}=denied"));
        home.run(["up", "--local", "--yes"]).exited(1).says(&[call]);
        cloud.set_faults("");
        home.run(["up", "--local", "--yes"]).succeeded();
        assert_ne!(mapping(&cloud)["UUID"], before, "it knew a place of the stream before");
        put(&format!("1{n}"));
    }
    assert_eq!(cloud.call("Kinesis_20131202.DeleteStream", r#"{"StreamName":"temperature-sensor-data"}"#).0, 200);
    killed_at(&home, &cloud, "lambda:DeleteEventSourceMapping", &["up", "--local", "--yes"]);
    home.run(["up", "--local", "--yes"]).succeeded();
    put("20");
}

#[test]
fn a_function_never_meets_a_second_role_of_the_same_name() {
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    for (time, fault) in ["", "iam:CreateRole=denied", "lambda:DeleteFunction=denied"].into_iter().enumerate() {
        cloud.iam("Action=DeleteRolePolicy&RoleName=kinesis-lambda-dynamodb&PolicyName=sensorctl");
        cloud.iam("Action=DeleteRole&RoleName=kinesis-lambda-dynamodb");
        // So that no environment of before is used again.
        lambda(&cloud, &format!("PUT {FUNCTION}/configuration"), &json!({"MemorySize": 300}));
        if !fault.is_empty() {
            cloud.set_faults(fault);
            home.run(["up", "--local", "--yes"]).exited(1).says(&[fault.split('=').next().unwrap()]);
            cloud.set_faults("");
        }
        home.run(["up", "--local", "--yes"]).succeeded();
        let time = time.to_string();
        home.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", &time, "--wait"]).succeeded();
        home.run(["invoke", "--local"]).succeeded();
    }
}

#[test]
fn a_role_made_anew_by_hand_leaves_the_function_without_its_variables() {
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    cloud.iam("Action=DeleteRolePolicy&RoleName=kinesis-lambda-dynamodb&PolicyName=sensorctl");
    cloud.iam("Action=DeleteRole&RoleName=kinesis-lambda-dynamodb");
    Neighbour::with_our_names(&home).makes_role();
    lambda(&cloud, &format!("PUT {FUNCTION}/configuration"), &json!({"MemorySize": 300}));
    home.run(["invoke", "--local"]).exited(1).says(&["KMSAccessDeniedException", "made anew under the same name"]);
}
