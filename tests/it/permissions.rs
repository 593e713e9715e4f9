//! The function and its event source mapping may do only what the role's policies allow.

use serde_json::json;

use crate::support::{ApiClient, TestEnv, percent_encode};

const ROLE: &str = "kinesis-lambda-dynamodb";

/// Returns a policy with one statement on all resources, encoded for a form.
fn policy_document(effect: &str, action: &str) -> String {
    let statement = json!({"Effect": effect, "Action": action, "Resource": "*"});
    percent_encode(&json!({"Version": "2012-10-17", "Statement": statement}).to_string())
}

/// Denies the role an action.
fn deny(api: &ApiClient, action: &str) {
    let document = policy_document("Deny", action);
    api.iam(&format!("Action=PutRolePolicy&RoleName={ROLE}&PolicyName=deny&PolicyDocument={document}"));
}

fn delete_denial(api: &ApiClient) {
    api.iam(&format!("Action=DeleteRolePolicy&RoleName={ROLE}&PolicyName=deny"));
}

/// Limits the role to the actions that a pattern matches.
fn put_boundary(api: &ApiClient, action: &str) {
    let allowed = policy_document("Allow", action);
    api.iam(&format!("Action=CreatePolicy&PolicyName=limit&PolicyDocument={allowed}"));
    let boundary = "arn:aws:iam::000000000000:policy/limit";
    api.iam(&format!("Action=PutRolePermissionsBoundary&RoleName={ROLE}&PermissionsBoundary={boundary}"));
}

fn delete_boundary(api: &ApiClient) {
    api.iam(&format!("Action=DeleteRolePermissionsBoundary&RoleName={ROLE}"));
}

fn wait_for_problem(env: &TestEnv) -> String {
    env.wait_for_mapping_result("a problem", |result| result.starts_with("PROBLEM"))
}

#[test]
fn denied_table_write_blocks_shard_until_allowed() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    deny(&api, "dynamodb:*");
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1"]).assert_success();
    wait_for_problem(&env);
    assert!(env.rows(0).is_empty());
    let group = "/aws/lambda/ProcessKinesisRecords";
    let log = api.call("Logs_20140328.FilterLogEvents", &format!("{{\"logGroupName\":\"{group}\"}}")).1;
    assert!(log.contains("with an explicit deny in an identity-based policy"), "{log}");
    delete_denial(&api);
    assert_eq!(env.rows(1).len(), 1);
    env.wait_for_mapping_result("OK", |result| result == "OK");
}

#[test]
fn denied_put_log_events_writes_no_log_lines() {
    let env = TestEnv::with_local_cloud();
    let api = ApiClient::new(&env);
    // The test invocation of a new function by `up` would write to the log.
    api.set_faults("lambda:Invoke=denied");
    env.run(["up", "--local"]).assert_success();
    api.set_faults("");
    deny(&api, "logs:PutLogEvents");
    env.run(["invoke", "--local"]).assert_success();
    let log = api.call("Logs_20140328.FilterLogEvents", r#"{"logGroupName":"/aws/lambda/ProcessKinesisRecords"}"#).1;
    assert!(!log.contains("REPORT"), "{log}");
}

#[test]
fn permissions_boundary_limits_allowed_actions() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    put_boundary(&api, "kinesis:*");
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1"]).assert_success();
    wait_for_problem(&env);
    assert!(env.rows(0).is_empty());
    delete_boundary(&api);
    assert_eq!(env.rows(1).len(), 1);
    env.wait_for_mapping_result("OK", |result| result == "OK");
}

mod slow {
    use super::{ApiClient, TestEnv, delete_boundary, delete_denial, deny, json, put_boundary, wait_for_problem};

    #[test]
    fn denied_stream_read_stores_nothing_and_refuses_new_mapping() {
        let env = TestEnv::with_pipeline();
        let api = ApiClient::new(&env);
        deny(&api, "kinesis:GetRecords");
        let result = wait_for_problem(&env);
        assert!(
            result.contains("is not authorized to perform: kinesis:GetRecords on resource: arn:aws:kinesis"),
            "{result}"
        );
        // No effect, but calls in a rule are recorded, including those of the event source mapping.
        api.set_faults("kinesis:GetRecords=delay(0ms);lambda:Invoke=delay(0ms)");
        env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1"]).assert_success();
        // The same denial for another reason shows that the stream was polled after the put. The stream is never readable.
        put_boundary(&api, "dynamodb:*");
        delete_denial(&api);
        let is_new_reason =
            |result: &str| result.contains("no permissions boundary allows the kinesis:GetRecords action");
        env.wait_for_mapping_result("a denial by the boundary", is_new_reason);
        let calls = api.recorded_calls();
        let is_poll = |call: &str| ["kinesis:GetRecords", "lambda:Invoke"].contains(&call);
        assert!(!calls.iter().any(|recorded| is_poll(&recorded.call)), "{calls:?}");
        assert!(env.rows(0).is_empty());
        let stream = r#"{"StreamName":"other","ShardCount":1}"#;
        assert_eq!(api.call("Kinesis_20131202.CreateStream", stream).0, 200);
        let input = json!({
            "EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/other",
            "FunctionName": "ProcessKinesisRecords",
            "StartingPosition": "LATEST",
        });
        let (status, said) = api.send_lambda("POST /2015-03-31/event-source-mappings/", &input);
        assert!(status == 400 && said.contains("ensure the role can perform the GetRecords"), "{said}");
        delete_boundary(&api);
        assert_eq!(env.rows(1).len(), 1);
    }

    #[test]
    fn mapping_problem_is_cleared_when_stream_is_readable_again() {
        let env = TestEnv::with_pipeline();
        let api = ApiClient::new(&env);
        deny(&api, "kinesis:GetRecords");
        wait_for_problem(&env);
        delete_denial(&api);
        // No record arrives: a successful poll alone clears it.
        env.wait_for_mapping_result("No records processed", |result| result == "No records processed");
        env.run(["status", "--local"]).assert_success();
    }
}
