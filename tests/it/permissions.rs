//! The function and its mapping may do what the role's policies allow, and nothing else.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Home, Stranger};

const ROLE: &str = "kinesis-lambda-dynamodb";

fn iam(cloud: &Stranger, form: &str) {
    let (status, body) = cloud.send("POST /", "iam", "Content-Type: application/x-www-form-urlencoded", form);
    assert_eq!(status, 200, "{body}");
}

/// A policy of one statement on everything, as it is written in a form.
fn document(effect: &str, action: &str) -> String {
    let document =
        format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"{action}","Resource":"*"}}}}"#);
    document.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Denies an action to the role.
fn deny(cloud: &Stranger, action: &str) {
    let document = document("Deny", action);
    iam(cloud, &format!("Action=PutRolePolicy&RoleName={ROLE}&PolicyName=deny&PolicyDocument={document}"));
}

fn allow_again(cloud: &Stranger) {
    iam(cloud, &format!("Action=DeleteRolePolicy&RoleName={ROLE}&PolicyName=deny"));
}

/// Waits until the mapping's last result is like this.
fn wait_for_result(home: &Home, wanted: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let run = home.run(["status", "--local", "-o", "json"]);
        let status: Value = serde_json::from_str(&run.stdout).unwrap();
        let result = status["mapping"]["last_processing_result"].as_str().unwrap().to_owned();
        if wanted(&result) {
            return result;
        }
        assert!(Instant::now() < deadline, "{result}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_denied_write_holds_the_readings_back_until_it_is_allowed() {
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    deny(&cloud, "dynamodb:*");
    home.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1"]).succeeded();
    wait_for_result(&home, |result| result.starts_with("PROBLEM"));
    assert!(home.rows(0).is_empty());
    let group = "/aws/lambda/ProcessKinesisRecords";
    let log = cloud.call("Logs_20140328.FilterLogEvents", &format!("{{\"logGroupName\":\"{group}\"}}")).1;
    assert!(log.contains("with an explicit deny in an identity-based policy"), "{log}");
    allow_again(&cloud);
    assert_eq!(home.rows(1).len(), 1);
    wait_for_result(&home, |result| result == "OK");
}

#[test]
fn a_denied_stream_is_not_read_and_no_mapping_can_be_made_for_it() {
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    deny(&cloud, "kinesis:GetRecords");
    let result = wait_for_result(&home, |result| result.starts_with("PROBLEM"));
    assert!(
        result.contains("is not authorized to perform: kinesis:GetRecords on resource: arn:aws:kinesis"),
        "{result}"
    );
    home.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1"]).succeeded();
    std::thread::sleep(Duration::from_millis(300));
    assert!(home.rows(0).is_empty());
    let stream = r#"{"StreamName":"other","ShardCount":1}"#;
    assert_eq!(cloud.call("Kinesis_20131202.CreateStream", stream).0, 200);
    let input = r#"{"EventSourceArn":"arn:aws:kinesis:us-east-1:000000000000:stream/other","FunctionName":"ProcessKinesisRecords","StartingPosition":"LATEST"}"#;
    let (status, said) =
        cloud.send("POST /2015-03-31/event-source-mappings/", "lambda", "Content-Type: application/json", input);
    assert!(status == 400 && said.contains("ensure the role can perform the GetRecords"), "{said}");
    allow_again(&cloud);
    assert_eq!(home.rows(1).len(), 1);
}

#[test]
fn a_trouble_of_reading_is_no_longer_told_when_reading_works_again() {
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    deny(&cloud, "kinesis:GetRecords");
    wait_for_result(&home, |result| result.starts_with("PROBLEM"));
    allow_again(&cloud);
    // Nothing comes, and all is well.
    wait_for_result(&home, |result| result == "No records processed");
    home.run(["status", "--local"]).succeeded();
}

#[test]
fn without_permission_to_write_them_there_are_no_log_lines() {
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    deny(&cloud, "logs:PutLogEvents");
    home.run(["invoke", "--local"]).succeeded();
    let log = cloud.call("Logs_20140328.FilterLogEvents", r#"{"logGroupName":"/aws/lambda/ProcessKinesisRecords"}"#).1;
    assert!(!log.contains("REPORT"), "{log}");
}

#[test]
fn a_boundary_holds_back_what_the_policies_allow() {
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    let allowed = document("Allow", "kinesis:*");
    iam(&cloud, &format!("Action=CreatePolicy&PolicyName=limit&PolicyDocument={allowed}"));
    let boundary = "arn:aws:iam::000000000000:policy/limit";
    iam(&cloud, &format!("Action=PutRolePermissionsBoundary&RoleName={ROLE}&PermissionsBoundary={boundary}"));
    home.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1"]).succeeded();
    wait_for_result(&home, |result| result.starts_with("PROBLEM"));
    assert!(home.rows(0).is_empty());
    iam(&cloud, &format!("Action=DeleteRolePermissionsBoundary&RoleName={ROLE}"));
    assert_eq!(home.rows(1).len(), 1);
    wait_for_result(&home, |result| result == "OK");
}
