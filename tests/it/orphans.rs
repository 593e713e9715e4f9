//! Orphans are found by one call of the Resource Groups Tagging API, or by listing each service if that API is not
//! available.

use serde_json::{Value, json};

use crate::support::{ApiClient, ForeignStack, Interposed, TestEnv, fake_http};

const RENAMED: &str = "[stream]\nname = \"renamed\"\n[table]\nname = \"Renamed\"\n";

/// Returns the ARNs of the default names as the tagging API returns them, with a deleted and an unmanaged resource.
fn resources() -> Value {
    let arns = [
        "dynamodb:us-east-1:000000000000:table/SensorData",
        "dynamodb:us-east-1:000000000000:table/gone",
        "dynamodb:us-east-1:000000000000:table/SensorData-theirs",
        "kinesis:us-east-1:000000000000:stream/temperature-sensor-data",
        "lambda:us-east-1:000000000000:function:ProcessKinesisRecords",
    ];
    json!({"PaginationToken": "", "ResourceTagMappingList":
        arns.map(|arn| json!({"ResourceARN": format!("arn:aws:{arn}"), "Tags": []}))})
}

fn orphans(report: &Value) -> Vec<&str> {
    report["leftovers"].as_array().into_iter().flatten().map(|orphan| orphan["name"].as_str().unwrap()).collect()
}

#[test]
fn orphans_are_found_by_tagging_api_without_listing() {
    let env = TestEnv::with_pipeline();
    ForeignStack::with_suffix(&env, "theirs").create_table("SensorData-theirs", "SensorId", "CurrentTime", "N");
    env.write("sensorctl.toml", RENAMED);
    let cloud = Interposed::new(&env, |request, _| {
        (request.operation() == "GetResources").then(|| {
            let filters: Value = serde_json::from_str(&request.body).unwrap();
            let asked = [("sensorctl:stage", "default"), ("sensorctl:region", "us-east-1")];
            let asked = asked.map(|(key, value)| json!({"Key": key, "Values": [value]}));
            assert_eq!(filters["TagFilters"], json!(asked));
            fake_http(200, "Content-Type: application/x-amz-json-1.1\r\n", &resources().to_string())
        })
    });
    let plan = cloud.run(&env, ["plan", "-o", "json"]).assert_success();
    assert!(!plan.stderr.contains("one by one"), "{}", plan.stderr);
    assert_eq!(orphans(&plan.json()), ["SensorData", "temperature-sensor-data"]);
    for listing in ["ListTables", "ListStreams", "GET /2015-03-31/functions"] {
        assert_eq!(cloud.count(listing), 0, "{listing}");
    }
}

#[test]
fn plan_and_status_say_which_kinds_of_orphans_were_not_looked_for() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    let said = "note: orphans of kind table were not looked for, or not all (`-v` tells why)";
    api.set_faults("tag:GetResources=denied;dynamodb:ListTables=denied");
    for command in ["plan", "status"] {
        env.run([command, "--local"]).assert_success().assert_stderr_contains(&[said]);
    }
    api.set_faults("");
    let plan = env.run(["plan", "--local"]).assert_success();
    assert!(!plan.stderr.contains("were not looked for"), "{}", plan.stderr);
}

#[test]
fn orphans_are_found_by_listing_if_tagging_api_is_denied_or_missing() {
    let env = TestEnv::with_pipeline();
    env.write("sensorctl.toml", RENAMED);
    for (status, code) in [(400, "AccessDeniedException"), (400, "UnknownOperationException"), (404, "NotFound")] {
        let cloud = Interposed::new(&env, move |request, _| {
            (request.operation() == "GetResources").then(|| request.failure(status, code, "no"))
        });
        let plan = cloud.run(&env, ["plan", "-v", "-o", "json"]).assert_success().assert_stderr_contains(&[
            "note: looked for orphans one by one",
            "resources one by one: tag GetResources",
            code,
        ]);
        assert!(orphans(&plan.json()).contains(&"SensorData"), "{}", plan.stdout);
    }
}
