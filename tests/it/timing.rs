//! The time that the real cloud takes, ten times as fast: `up`, `put` and `down` wait for what must be waited for.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Home, Stranger};

fn slow_cloud() -> Home {
    cloud_with("aws/10")
}

fn cloud_with(timing: &str) -> Home {
    let home = Home::new();
    home.run(["local", "start", "--port", "0", "--timing", timing]).succeeded();
    home
}

#[test]
fn up_put_and_down_work_in_a_cloud_that_takes_its_time() {
    let home = slow_cloud();
    let began = Instant::now();
    home.run(["up", "--local"]).succeeded();
    // The longest way: a role 0.8 s, a function 0.3 s beside it, a mapping 1 s Creating and 1 s Enabling.
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(2800), "it did not wait: {took:?}");
    let status = home.run(["status", "--local", "-o", "json"]).succeeded().json();
    assert_eq!(status["healthy"], true, "{status}");
    assert_eq!(home.run(["up", "--local", "-o", "json"]).succeeded().json()["changed"], 0);
    home.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1"]).succeeded();
    assert_eq!(home.rows(1).len(), 1);
    let down = home.run(["down", "--local", "--yes", "-o", "json"]).succeeded().json();
    assert_eq!(down["remaining"], serde_json::json!([]));
    // At once again: what is going away is waited for.
    home.run(["up", "--local"]).succeeded();
}

#[test]
fn up_that_does_not_wait_leaves_the_rest_to_time() {
    let home = slow_cloud();
    let run = home.run(["up", "--local", "--no-wait"]).succeeded().says(&["All is asked for"]);
    assert!(!run.stderr.contains("The pipeline works"));
    let status = home.run(["status", "--local", "-o", "json"]).exited(3).json();
    assert_ne!(status["mapping"]["state"], "Enabled", "{status}");
    // The next one goes on waiting, and changes nothing.
    home.run(["up", "--local"]).succeeded();
    assert_eq!(home.run(["status", "--local", "-o", "json"]).succeeded().json()["healthy"], true);
}

#[test]
fn two_ups_at_once_end_like_one_though_nothing_is_seen_at_once() {
    let home = slow_cloud();
    let both: Vec<_> = (0..2).map(|_| home.spawn(["up", "--local"])).collect();
    for child in both {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(home.run(["up", "--local", "-o", "json"]).succeeded().json()["changed"], 0);
}

#[test]
fn two_ups_that_wait_for_a_stream_to_be_gone_end_though_one_makes_it_anew_before_the_other_looks() {
    let home = slow_cloud();
    home.run(["up", "--local"]).succeeded();
    let stream = r#"{"StreamName":"temperature-sensor-data"}"#;
    assert_eq!(Stranger::of(&home).call("Kinesis_20131202.DeleteStream", stream).0, 200);
    let both: Vec<_> = (0..2).map(|_| home.spawn(["up", "--local", "--yes", "--timeout", "120"])).collect();
    for child in both {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(home.run(["up", "--local", "-o", "json"]).succeeded().json()["changed"], 0);
}

#[test]
fn what_is_not_ready_says_so_in_the_services_words() {
    // As slow as AWS: what lasts a second is not over while this looks.
    let home = cloud_with("aws");
    let cloud = Stranger::of(&home);
    let table = r#"{"TableName":"things","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"k","KeyType":"HASH"}],
        "AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],"Tags":[{"Key":"a","Value":"b"}]}"#;
    let dynamodb = |operation: &str, body: &str| cloud.call(&format!("DynamoDB_20120810.{operation}"), body).1;
    assert!(dynamodb("CreateTable", table).contains("\"CREATING\""));
    assert!(dynamodb("DescribeTable", r#"{"TableName":"things"}"#).contains("ResourceNotFoundException"));
    assert!(dynamodb("Scan", r#"{"TableName":"things"}"#).contains("ResourceNotFoundException"));
    assert!(dynamodb("DeleteTable", r#"{"TableName":"things"}"#).contains("ResourceInUseException"));
    let status = |wanted: &str, body: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !body_of(&cloud, body).contains(wanted) {
            assert!(Instant::now() < deadline, "not {wanted}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    status("\"CREATING\"", r#"{"TableName":"things"}"#);
    status("\"ACTIVE\"", r#"{"TableName":"things"}"#);
    assert!(dynamodb("DeleteTable", r#"{"TableName":"things"}"#).contains("\"DELETING\""));
    assert!(dynamodb("DescribeTable", r#"{"TableName":"things"}"#).contains("\"DELETING\""));
    assert!(dynamodb("CreateTable", table).contains("Table is being deleted"));
    status("ResourceNotFoundException", r#"{"TableName":"things"}"#);
}

fn body_of(cloud: &Stranger, body: &str) -> String {
    cloud.call("DynamoDB_20120810.DescribeTable", body).1
}

#[test]
fn a_fresh_function_and_mapping_pass_through_their_states() {
    let home = slow_cloud();
    let cloud = Stranger::of(&home);
    let mut up = home.spawn(["up", "--local"]);
    let mut states: Vec<String> = Vec::new();
    let see = |path: &str| cloud.send(&format!("GET {path}"), "lambda", "X-Nothing: 2", "");
    loop {
        let function: Value =
            serde_json::from_str(&see("/2015-03-31/functions/ProcessKinesisRecords").1).unwrap_or_default();
        let mappings: Value = serde_json::from_str(&see("/2015-03-31/event-source-mappings").1).unwrap_or_default();
        let seen = [&function["Configuration"]["State"], &mappings["EventSourceMappings"][0]["State"]];
        for state in seen.into_iter().filter_map(Value::as_str) {
            if !states.iter().any(|known| known == state) {
                states.push(state.to_owned());
            }
        }
        if up.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    for state in ["Pending", "Active", "Creating", "Enabling", "Enabled"] {
        assert!(states.iter().any(|seen| seen == state), "{state}: {states:?}");
    }
    let mapping: Value = serde_json::from_str(&see("/2015-03-31/event-source-mappings").1).unwrap();
    let uuid = mapping["EventSourceMappings"][0]["UUID"].as_str().unwrap();
    let path = format!("PUT /2015-03-31/event-source-mappings/{uuid}");
    let update = || cloud.send(&path, "lambda", "Content-Type: application/json", r#"{"BatchSize":10}"#);
    assert_eq!(update().0, 202);
    let (code, said) = update();
    assert!(code == 400 && said.contains("in use"), "{said}");
    let memory = "PUT /2015-03-31/functions/ProcessKinesisRecords/configuration";
    let update = || cloud.send(memory, "lambda", "Content-Type: application/json", r#"{"MemorySize":256}"#);
    assert_eq!(update().0, 200);
    let (code, said) = update();
    assert!(code == 409 && said.contains("An update is in progress for resource: arn:aws:lambda"), "{said}");
}
