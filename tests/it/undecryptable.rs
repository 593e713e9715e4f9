//! What a KMS key of the account hides from the caller is not known. It is never taken for nothing: an adoption would
//! replace it.

use serde_json::{Value, json};

use crate::support::{Home, Neighbour, Stranger};

const JSON: &str = "Content-Type: application/json";
const FUNCTION: &str = "/2015-03-31/functions/ProcessKinesisRecords";
const DENIED: [&str; 3] = [
    "KMS Decrypt of the variables of function ProcessKinesisRecords",
    "AccessDeniedException",
    "permission for kms:Decrypt",
];

fn lambda(cloud: &Stranger, line: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, said) = cloud.send(line, "lambda", JSON, &body);
    assert!((200..300).contains(&status), "{line}: {said}");
    serde_json::from_str(&said).unwrap_or_default()
}

fn variables(cloud: &Stranger) -> Value {
    lambda(cloud, &format!("GET {FUNCTION}"), &Value::Null)["Configuration"]["Environment"]["Variables"].clone()
}

#[test]
fn adoption_of_a_function_whose_variables_cannot_be_read_is_refused_before_any_change() {
    let home = Home::with_local_cloud();
    let somebody = Neighbour::with_our_names(&home);
    somebody.makes_everything(&home);
    let before = somebody.described();
    somebody.cloud.set_faults("lambda:GetFunction=undecryptable");
    for command in
        [&["plan", "--local", "--adopt"] as &[_], &["up", "--local", "--adopt", "--yes"], &["status", "--local"]]
    {
        home.run(command.iter().copied()).exited(1).says(&DENIED);
    }
    somebody.cloud.set_faults("");
    assert_eq!(somebody.described(), before);
}

#[test]
fn variables_that_cannot_be_read_any_more_right_before_the_update_are_not_replaced() {
    let home = Home::with_local_cloud();
    let somebody = Neighbour::with_our_names(&home);
    somebody.makes_everything(&home);
    // The plan still sees them.
    somebody.cloud.set_faults("lambda:GetFunction=undecryptable@#2-99");
    home.run(["up", "--local", "--adopt", "--yes"]).exited(1).says(&DENIED);
    somebody.cloud.set_faults("");
    assert_eq!(variables(&somebody.cloud)["THEIR"], "own");
    home.run(["up", "--local", "--adopt", "--yes"]).succeeded();
    let variables = variables(&somebody.cloud);
    assert_eq!((&variables["THEIR"], &variables["SENSORCTL_TABLE"]), (&"own".into(), &"SensorData".into()));
}

#[test]
fn unreadable_variables_of_our_own_function_are_no_drift_and_do_not_keep_down_from_deleting_it() {
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    cloud.set_faults("lambda:*=undecryptable");
    for command in ["plan", "up", "status"] {
        let run = home.run([command, "--local"]).exited(1).says(&DENIED);
        assert!(!run.stderr.contains("differs"), "{}", run.stderr);
    }
    let down = home.run(["down", "--local", "--yes", "-o", "json"]).succeeded().json();
    assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &json!([])));
}

#[test]
fn filters_that_a_list_leaves_out_are_read_one_by_one_and_never_taken_for_none() {
    let pattern = r#"{"data":{"temperature":[{"numeric":["<",1000]}]}}"#;
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    let list = lambda(&cloud, "GET /2015-03-31/event-source-mappings", &Value::Null);
    let path =
        format!("/2015-03-31/event-source-mappings/{}", list["EventSourceMappings"][0]["UUID"].as_str().unwrap());
    let key = "arn:aws:kms:us-east-1:000000000000:key/1";
    let filters = json!({"FilterCriteria": {"Filters": [{"Pattern": pattern}]}, "KMSKeyArn": key});
    lambda(&cloud, &format!("PUT {path}"), &filters);
    // They are the settings', though the list does not show them.
    let set = format!("mapping.filters=['{pattern}']");
    home.run(["plan", "--local", "--exit-code", "--set", &set]).succeeded();
    let plan = home.run(["plan", "--local", "-o", "json"]).succeeded().json();
    assert_eq!(plan["resources"][6]["changes"][0]["property"], "filters", "{plan}");
    cloud.set_faults("lambda:GetEventSourceMapping=undecryptable");
    for command in ["plan", "up", "status"] {
        home.run([command, "--local", "--set", &set]).exited(1).says(&[
            "KMS Decrypt of the filters of mapping temperature-sensor-data → ProcessKinesisRecords",
            key,
            "permission for kms:Decrypt",
        ]);
    }
    assert_eq!(
        lambda(&cloud, &format!("GET {path}"), &Value::Null)["FilterCriteria"],
        Value::Null,
        "the fault hides them"
    );
    home.run(["down", "--local", "--yes"]).succeeded();
}
