//! Every kind of thing in every odd state: somebody else's, of another stage or region, gone under our feet, changed by
//! hand, guarded. Each gives the right plan, or a message that names the thing, its owner and the way out.

mod by_hand;
mod going;

use serde_json::{Value, json};

use crate::support::{Home, Neighbour, Stranger, form};

const JSON: &str = "Content-Type: application/json";
const FUNCTION: &str = "/2015-03-31/functions/ProcessKinesisRecords";

/// The kinds that a plan would change, with the names of what differs.
fn planned(home: &Home) -> Vec<(String, Vec<String>)> {
    let plan = home.run(["plan", "--local", "-o", "json"]).succeeded().json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let changed = plan["resources"].as_array().unwrap().iter().filter(|resource| resource["action"] != "none");
    let properties = |resource: &Value| {
        let changes = resource["changes"].as_array().into_iter().flatten();
        changes.map(|change| text(&change["property"])).collect::<Vec<_>>()
    };
    changed.map(|resource| (text(&resource["kind"]), properties(resource))).collect()
}

fn lambda(cloud: &Stranger, line: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, said) = cloud.send(line, "lambda", JSON, &body);
    assert!((200..300).contains(&status), "{line}: {said}");
    serde_json::from_str(&said).unwrap_or_default()
}

fn mapping_path(cloud: &Stranger) -> String {
    let list = lambda(cloud, "GET /2015-03-31/event-source-mappings", &Value::Null);
    let uuid = list["EventSourceMappings"][0]["UUID"].as_str().unwrap();
    format!("/2015-03-31/event-source-mappings/{uuid}")
}

/// Does something by hand that may have to wait for what was done before.
fn by_hand(cloud: &Stranger, target: &str, body: &Value) {
    for _ in 0..300 {
        let (status, said) = cloud.call(target, &body.to_string());
        if status == 200 {
            return;
        }
        assert!(said.contains("ResourceInUse") || said.contains("UPDATING"), "{target}: {said}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("{target} was never taken");
}

#[test]
fn one_thing_of_somebody_else_stops_up_before_it_changes_anything() {
    type Make = fn(&Neighbour, &Home);
    let makes: [(&str, &str, Make); 5] = [
        ("table", "SensorData", |somebody, _| somebody.makes_table("SensorData", "SensorId", "CurrentTime", "N")),
        ("rejects-table", "SensorDataRejects", |somebody, _| {
            somebody.makes_table("SensorDataRejects", "ShardId", "RejectId", "S");
        }),
        ("stream", "temperature-sensor-data", |somebody, _| somebody.makes_stream()),
        ("role", "kinesis-lambda-dynamodb", |somebody, _| somebody.makes_role()),
        ("function", "ProcessKinesisRecords", |somebody, home| {
            let other = Neighbour { role: "their-role".into(), ..somebody.clone() };
            other.makes_role();
            other.makes_function(home);
        }),
    ];
    for (kind, name, make) in makes {
        let home = Home::with_local_cloud();
        let somebody = Neighbour::with_our_names(&home);
        make(&somebody, &home);
        let before = somebody.cloud.everything();
        let thing = format!("the {kind} `{name}` in us-east-1 is there, but it was not made by sensorctl");
        home.run(["up", "--local"]).exited(1).says(&[&thing, "hint: ", "--stage", "--adopt"]);
        home.run(["plan", "--local"]).exited(1).says(&[&thing]);
        let status = home.run(["status", "--local", "-o", "json"]).exited(3).json();
        let state = status["resources"].as_array().unwrap().iter().find(|resource| resource["kind"] == kind).unwrap();
        assert_eq!(state["state"], "foreign");
        let down = home.run(["down", "--local", "--yes", "-o", "json"]).succeeded().json();
        assert_eq!(down["changed"], 0, "{down}");
        assert_eq!(somebody.cloud.everything(), before, "{kind}");
    }
}

#[test]
fn a_mapping_of_somebody_else_between_our_things_is_refused_and_kept() {
    let home = Home::with_pipeline();
    let somebody = Neighbour::with_our_names(&home);
    let path = mapping_path(&somebody.cloud);
    lambda(&somebody.cloud, &format!("DELETE {path}"), &Value::Null);
    for _ in 0..300 {
        if somebody.cloud.send(&format!("GET {path}"), "lambda", JSON, "").0 == 404 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    somebody.makes_mapping(&somebody.stream, &somebody.function);
    let path = mapping_path(&somebody.cloud);
    home.run(["up", "--local"])
        .exited(1)
        .says(&["the mapping `temperature-sensor-data → ProcessKinesisRecords`", "not made by sensorctl"]);
    home.run(["down", "--local", "--yes"]).exited(1).says(&["event source mappings of others"]);
    home.run(["down", "--local", "--yes", "--delete-consumers"]).succeeded();
    let mapping = lambda(&somebody.cloud, &format!("GET {path}"), &Value::Null);
    assert_eq!(mapping["State"], "Enabled");
}

#[test]
fn a_mapping_of_our_stream_to_another_function_is_nobodys_business() {
    let home = Home::with_pipeline();
    let somebody = Neighbour { function: "theirs".into(), role: "theirs".into(), ..Neighbour::with_our_names(&home) };
    somebody.makes_role();
    somebody.makes_function(&home);
    somebody.makes_mapping("temperature-sensor-data", "theirs");
    assert!(planned(&home).is_empty());
    home.run(["up", "--local"]).succeeded().says(&["Nothing to do"]);
}

#[test]
fn a_log_group_of_somebody_else_is_used_as_it_is_and_kept() {
    let home = Home::with_local_cloud();
    let somebody = Neighbour::with_our_names(&home);
    somebody.makes_log_group();
    assert_eq!(home.run(["up", "--local", "-o", "json"]).succeeded().json()["changed"], 6);
    assert!(planned(&home).is_empty());
    let status = home.run(["status", "--local", "-o", "json"]).succeeded().json();
    assert_eq!(status["healthy"], true, "what is nobody's to mend is no drift: {status}");
    home.run(["down", "--local", "--yes"]).succeeded().says(&["was there before this pipeline and is kept"]);
    assert!(somebody.cloud.everything()[2].contains("/aws/lambda/ProcessKinesisRecords"));
}

#[test]
fn a_thing_of_another_stage_or_region_is_named_as_such() {
    let home = Home::with_local_cloud();
    let somebody = Neighbour::with_our_names(&home);
    somebody.makes_stream();
    somebody.makes_role();
    let tags = json!({"sensorctl:stage": "blue", "sensorctl:region": "us-east-1"});
    by_hand(
        &somebody.cloud,
        "Kinesis_20131202.AddTagsToStream",
        &json!({"StreamName": "temperature-sensor-data", "Tags": tags}),
    );
    somebody.cloud.iam(
        "Action=TagRole&RoleName=kinesis-lambda-dynamodb&Tags.member.1.Key=sensorctl:stage&Tags.member.1.Value=default&\
         Tags.member.2.Key=sensorctl:region&Tags.member.2.Value=eu-west-1",
    );
    for command in [&["up", "--local"][..], &["up", "--local", "--adopt"]] {
        let run = home.run(command.to_vec()).exited(1).says(&[
            "the stream `temperature-sensor-data` in us-east-1 is there, but it belongs to the sensorctl stage `blue`",
            "the role `kinesis-lambda-dynamodb` in us-east-1 is there, but it belongs to a sensorctl pipeline in eu-west-1",
            "`role.name` sets another one",
        ]);
        assert!(!run.stderr.contains("hint: or take over"), "{}", run.stderr);
    }
    let down = home.run(["down", "--local", "--yes", "-o", "json"]).succeeded().json();
    assert_eq!(down["changed"], 0, "{down}");
}

#[test]
fn a_denied_action_is_named_whichever_it_is() {
    let home = Home::with_local_cloud();
    let cloud = Stranger::of(&home);
    for command in [&["up", "--local"][..], &["down", "--local", "--yes"]] {
        cloud.set_faults("");
        home.run(command.to_vec()).succeeded();
        let mut calls: Vec<String> = cloud.seen().into_iter().map(|seen| seen.call).collect();
        calls.sort();
        calls.dedup();
        // What is listed only to find what was renamed can be done without.
        let renamed = ["kinesis:ListStreams", "dynamodb:ListTables", "lambda:ListFunctions", "iam:ListRoles"];
        calls.retain(|call| !renamed.contains(&call.as_str()));
        assert!(calls.len() > 15, "{calls:?}");
        // What was done is undone, so that each call is needed again.
        let back: &[&str] = if command[0] == "up" { &["down", "--local", "--yes"] } else { &["up", "--local"] };
        for call in calls {
            cloud.set_faults("");
            home.run(back.to_vec()).succeeded();
            cloud.set_faults(&format!("{call}=denied"));
            home.run(command.to_vec()).exited(1).says(&["AccessDenied", &format!("permission for {call}")]);
        }
        cloud.set_faults("");
        home.run(command.to_vec()).succeeded();
    }
}

#[test]
fn newer_code_is_replaced_only_with_consent() {
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    let arn = form("arn:aws:lambda:us-east-1:000000000000:function:ProcessKinesisRecords");
    lambda(&cloud, &format!("POST /2017-03-31/tags/{arn}"), &json!({"Tags": {"sensorctl:version": "99.1.0"}}));
    home.run(["up", "--local"]).succeeded().says(&["Nothing to do"]);
    // A function of another build: the same program beside something else.
    home.run(["export", "function-zip", "function.zip"]).succeeded();
    let bundled = std::fs::read(home.path("function.zip")).unwrap();
    let mut zip = zip::ZipWriter::new_append(std::io::Cursor::new(bundled)).unwrap();
    zip.start_file("notes", zip::write::SimpleFileOptions::default()).unwrap();
    home.write("other.zip", zip.finish().unwrap().into_inner());
    let other = "function.zip=other.zip";
    home.run(["up", "--local", "--set", other]).exited(2).says(&["newer sensorctl 99.1.0", "--yes"]);
    assert_eq!(planned(&home), []);
    home.run(["up", "--local", "--set", other, "--yes"]).succeeded();
    home.run(["up", "--local"]).succeeded().says(&["differs in code_sha256"]);
}
