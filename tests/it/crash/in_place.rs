//! Every setting that can be changed in place, changed and changed back.

use std::io::Cursor;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::ground::Ground;
use super::walk::{Disturbance, Leg, under_every_fault, walk};
use crate::support::form;

/// Consent to what loses data: less retention, and point-in-time recovery switched off.
const UP: &[&str] = &["up", "--local", "--yes", "--replace", "-o", "json"];

const ONE: &str = r#"
[tags]
team = "red"
"#;

const OTHER: &str = r#"
[stream]
shards = 2
retention_hours = 48
encryption = "aws/kinesis"
[table]
billing = { read_units = 5, write_units = 6 }
class = "infrequent-access"
point_in_time_recovery = true
deletion_protection = true
ttl_attribute = "expires_at"
[rejects]
retention_days = 7
[role]
permissions_boundary = "arn:aws:iam::000000000000:policy/bounds"
[function]
zip = "other.zip"
memory_mb = 512
timeout_seconds = 90
reserved_concurrency = 5
log_format = "json"
[function.environment]
TOKEN = "s3cret"
[log_group]
retention_days = 30
[mapping]
batch_size = 500
window_seconds = 1
parallelization = 2
retry_attempts = 9
record_age_seconds = 3600
bisect = false
on_failure = "arn:aws:sqs:us-east-1:000000000000:failed"
filters = ['{"data":{"temperature":[{"numeric":["<",1000]}]}}']
metrics = true
[tags]
team = "blue"
"#;

/// A program and a policy that the settings name.
pub fn lays_out(ground: &Ground) {
    let all = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    ground.cloud.iam(&format!("Action=CreatePolicy&PolicyName=bounds&PolicyDocument={}", form(all)));
    ground.home.run(["export", "function-zip", "function.zip"]).succeeded();
    let bundled = std::fs::read(ground.home.path("function.zip")).unwrap();
    // Another build: the same program beside something else.
    let mut zip = ZipWriter::new_append(Cursor::new(bundled)).unwrap();
    zip.start_file("notes", SimpleFileOptions::default()).unwrap();
    ground.home.write("other.zip", zip.finish().unwrap().into_inner());
}

fn there_and_back(go: impl Fn(&Ground, &[Leg])) {
    let ground = Ground::new();
    lays_out(&ground);
    ground.home.write("sensorctl.toml", ONE);
    ground.home.run(["up", "--local"]).succeeded();
    let wants = |text: &'static str| move |ground: &Ground| drop(ground.home.write("sensorctl.toml", text));
    let (other, one) = (wants(OTHER), wants(ONE));
    let legs = [
        Leg::new("to the other settings", UP).after(&other).beginning_at_the_first_change(),
        Leg::new("back", UP).after(&one).beginning_at_the_first_change(),
    ];
    go(&ground, &legs);
}

#[test]
fn a_lost_answer_while_everything_is_changed_in_place_changes_nothing_in_the_end() {
    there_and_back(|ground, legs| walk(ground, Disturbance::Lost, legs));
}

#[test]
fn a_run_killed_while_everything_is_changed_in_place_is_finished_by_the_next() {
    there_and_back(|ground, legs| walk(ground, Disturbance::Killed, legs));
}

#[test]
fn every_fault_of_every_call_that_changes_something_in_place_is_tried_again() {
    let operations = [
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:TagResource",
        "kinesis:UpdateShardCount",
        "kinesis:IncreaseStreamRetentionPeriod",
        "kinesis:DecreaseStreamRetentionPeriod",
        "kinesis:StartStreamEncryption",
        "kinesis:StopStreamEncryption",
        "kinesis:AddTagsToStream",
        "iam:PutRolePolicy",
        "iam:PutRolePermissionsBoundary",
        "iam:DeleteRolePermissionsBoundary",
        "iam:TagRole",
        "logs:PutRetentionPolicy",
        "logs:TagResource",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
        "lambda:PutFunctionConcurrency",
        "lambda:DeleteFunctionConcurrency",
        "lambda:UpdateEventSourceMapping",
        "lambda:TagResource",
    ];
    there_and_back(|ground, legs| under_every_fault(ground, legs, &operations));
}
