//! Updates in place: every setting that they can change, changed and changed back.

use super::env::CrashEnv;
use super::interruption_sweep::{Interruption, Scenario, inject_every_fault, interrupt_every_call};
use crate::support::{changed_settings, create_permissions_boundary};

/// Consents to what loses data: shorter retention, and point-in-time recovery switched off.
const UP: &[&str] = &["up", "--local", "--yes", "--replace", "-o", "json"];

const BEFORE: &str = "[tags]\nteam = \"red\"\n";

fn with_updates(sweep: impl Fn(&CrashEnv, &[Scenario])) {
    let setup = CrashEnv::new();
    create_permissions_boundary(&setup.api);
    setup.env.write("other.zip", setup.env.rebuilt_function_zip());
    setup.env.write("sensorctl.toml", BEFORE);
    setup.env.run(["up", "--local"]).assert_success();
    let after = changed_settings(&[
        ("[function]", "zip = \"other.zip\""),
        ("[mapping]", "on_failure = \"arn:aws:sqs:us-east-1:000000000000:failed\""),
    ]);
    let change = |setup: &CrashEnv| drop(setup.env.write("sensorctl.toml", &after));
    let change_back = |setup: &CrashEnv| drop(setup.env.write("sensorctl.toml", BEFORE));
    let scenarios = [
        Scenario::new("to the changed settings", UP).prepared_by(&change).starting_at_first_change(),
        Scenario::new("back", UP).prepared_by(&change_back).starting_at_first_change(),
    ];
    sweep(&setup, &scenarios);
}

#[test]
fn update_of_every_setting_lost_response_of_any_call_ends_in_same_state() {
    with_updates(|setup, scenarios| interrupt_every_call(setup, Interruption::ResponseLost, scenarios));
}

#[test]
fn update_of_every_setting_killed_after_any_call_is_completed_by_next_run() {
    with_updates(|setup, scenarios| interrupt_every_call(setup, Interruption::ProcessKilled, scenarios));
}

#[test]
fn update_of_every_setting_every_fault_of_every_call_is_retried() {
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
    with_updates(|setup, scenarios| inject_every_fault(setup, scenarios, &operations));
}
