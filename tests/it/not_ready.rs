//! Resources that exist and are not ready: `why` names them with the evidence and the mend.
//!
//! The local cloud makes them so for the seconds that AWS takes. A server in front of it makes the change in the middle of
//! `why`, after its first call, so that no time is lost.

use serde_json::{Value, json};

use crate::support::{ApiClient, ForeignStack, Interposed, TestEnv, eventually, with_body};

/// Creates a pipeline whose local cloud from now on takes the time of AWS.
fn slow_env() -> TestEnv {
    let env = TestEnv::with_pipeline();
    env.run(["local", "stop"]).assert_success();
    env.run(["local", "start", "--port", "0", "--timing", "aws"]).assert_success();
    env
}

/// Runs `why` on a cloud that is changed after its first call. Returns the cause of this name, if it is one.
fn cause_after(env: &TestEnv, name: &str, change: impl Fn() + Send + Sync + 'static) -> Option<Value> {
    let cloud = Interposed::new(env, move |request, forward| {
        (request.operation() == "DescribeStreamSummary").then(|| {
            let answer = forward();
            change();
            answer
        })
    });
    cause(&cloud, env, name)
}

fn cause(cloud: &Interposed, env: &TestEnv, name: &str) -> Option<Value> {
    let run = cloud.run(env, ["why", "--no-search", "-o", "json"]);
    assert!(!run.stdout.is_empty(), "{}", run.stderr);
    let report = run.json();
    let is_it = |cause: &&Value| cause["name"] == name;
    report["causes"].as_array().unwrap_or_else(|| panic!("{report}")).iter().find(is_it).cloned()
}

mod slow {
    use super::{
        ApiClient, ForeignStack, Interposed, Value, cause, cause_after, eventually, json, slow_env, with_body,
    };

    #[test]
    fn table_that_is_being_deleted_is_a_cause() {
        let env = slow_env();
        let api = ApiClient::new(&env);
        let cause = cause_after(&env, "table-not-ready", move || {
            api.json("DynamoDB_20120810.DeleteTable", &json!({"TableName": "SensorData"}));
        });
        let cause = cause.expect("the table is not ready");
        assert_eq!(cause["evidence"], "table SensorData is DELETING");
        let remedy = cause["remedy"].as_str().unwrap();
        assert!(remedy.starts_with("wait; `sensorctl up") && remedy.ends_with("` waits for it"), "{remedy}");
        // The mend.
        env.run(["up", "--local", "--yes"]).assert_success();
        assert_eq!(cause_after(&env, "table-not-ready", || ()), None);
    }

    #[test]
    fn function_that_is_pending_is_a_cause_until_it_is_active() {
        let env = slow_env();
        let foreign = ForeignStack::with_default_names(&env);
        foreign.api.lambda("DELETE /2015-03-31/functions/ProcessKinesisRecords", &Value::Null);
        let zip = env.bundled_function_zip();
        let cause = cause_after(&env, "function-not-ready", move || {
            foreign.create_function_of(&zip);
        });
        let cause = cause.expect("the function is not ready");
        let evidence = cause["evidence"].as_str().unwrap();
        assert!(evidence.starts_with("function ProcessKinesisRecords is Pending: "), "{evidence}");
        assert!(cause["remedy"].as_str().unwrap().starts_with("wait; `sensorctl up"), "{cause}");
        let look = || cause_after(&env, "function-not-ready", || ());
        eventually("the function is active", look, Option::is_none);
    }

    #[test]
    fn mapping_that_changes_for_longer_than_any_change_takes_is_stuck() {
        let env = slow_env();
        let api = ApiClient::new(&env);
        let path = api.event_source_mapping_path();
        let uuid = path.rsplit('/').next().unwrap().to_owned();
        // The change began an hour ago, as it were.
        let cloud = Interposed::new(&env, |request, forward| {
            let aged = |body: &str| {
                let mut answer: Value = serde_json::from_str(body).unwrap();
                let changed = &mut answer["EventSourceMappings"][0]["LastModified"];
                *changed = json!(changed.as_f64().unwrap() - 3600.0);
                answer.to_string()
            };
            (request.operation() == "GET /2015-03-31/event-source-mappings").then(|| with_body(&forward(), aged))
        });
        api.lambda_when_accepted(&format!("PUT {path}"), &json!({"BatchSize": 50}));
        let stuck = cause(&cloud, &env, "mapping-stuck").expect("the mapping is stuck");
        let evidence = stuck["evidence"].as_str().unwrap();
        assert!(evidence.starts_with(&format!("event source mapping {uuid} is Updating, changed at ")), "{evidence}");
        let remedy = stuck["remedy"].as_str().unwrap();
        assert!(
            remedy.contains(&format!(" lambda delete-event-source-mapping --uuid {uuid}`, then `sensorctl up")),
            "{remedy}"
        );
        assert!(remedy.contains("mapping.starting_position"), "{remedy}");
        let look = || cause(&cloud, &env, "mapping-stuck");
        eventually("it is enabled again", look, Option::is_none);
    }
}
