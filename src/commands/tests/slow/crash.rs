//! `up` and `down` interrupted at every call, and with faults in every call. Another run must end in the state of an
//! uninterrupted run.

use super::super::in_process_runner::InProcessRunner;
use super::super::support::crash::{
    Calls, CrashEnv, DOWN, Interruption, Scenario, UP, inject_every_fault, interrupt_calls, with_adoption,
    with_creation_and_deletion, with_recreation_of_each_resource, with_replacements, with_updates,
};

/// A local cloud whose clients run inside the test.
type InProcessCrashEnv = CrashEnv<InProcessRunner>;

/// Loses the response of every call.
fn lose_every_response(setup: &InProcessCrashEnv, scenarios: &[Scenario<InProcessRunner>]) {
    interrupt_calls(setup, Calls::Every, Interruption::ResponseLost, scenarios);
}

/// Kills the commands after every call.
fn kill_after_every_call(setup: &InProcessCrashEnv, scenarios: &[Scenario<InProcessRunner>]) {
    interrupt_calls(setup, Calls::Every, Interruption::ClientKilled, scenarios);
}

#[test]
fn up_and_down_lost_response_of_any_call_ends_in_same_state() {
    with_creation_and_deletion(lose_every_response);
}

#[test]
fn up_and_down_killed_after_any_call_are_completed_by_next_run() {
    with_creation_and_deletion(kill_after_every_call);
}

#[test]
fn adoption_lost_response_of_any_call_ends_in_same_state() {
    with_adoption(lose_every_response);
}

#[test]
fn adoption_killed_after_any_call_is_completed_by_next_run() {
    with_adoption(kill_after_every_call);
}

#[test]
fn recreation_of_deleted_resource_lost_response_of_any_call_ends_in_same_state() {
    with_recreation_of_each_resource(lose_every_response);
}

#[test]
fn recreation_of_deleted_resource_killed_after_any_call_is_completed_by_next_run() {
    with_recreation_of_each_resource(kill_after_every_call);
}

#[test]
fn replacement_lost_response_of_any_call_ends_in_same_state() {
    with_replacements(lose_every_response);
}

#[test]
fn replacement_killed_after_any_call_is_completed_by_next_run() {
    with_replacements(kill_after_every_call);
}

#[test]
fn update_of_every_setting_lost_response_of_any_call_ends_in_same_state() {
    with_updates(lose_every_response);
}

#[test]
fn update_of_every_setting_killed_after_any_call_is_completed_by_next_run() {
    with_updates(kill_after_every_call);
}

#[test]
fn adoption_every_fault_of_every_call_is_retried() {
    let operations = [
        "dynamodb:TagResource",
        "kinesis:AddTagsToStream",
        "iam:TagRole",
        "iam:PutRolePolicy",
        "logs:TagResource",
        "lambda:TagResource",
        "lambda:UpdateFunctionConfiguration",
        "lambda:UpdateEventSourceMapping",
    ];
    with_adoption::<InProcessRunner>(|setup, scenarios| inject_every_fault(setup, scenarios, &operations));
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
    with_updates::<InProcessRunner>(|setup, scenarios| inject_every_fault(setup, scenarios, &operations));
}

/// A local cloud, and the states that it must return to: with the pipeline, and without it.
struct Baseline {
    setup: InProcessCrashEnv,
    with_pipeline: serde_json::Value,
    empty: Vec<String>,
}

impl Baseline {
    fn new() -> Self {
        let setup = InProcessCrashEnv::new();
        let empty = setup.api.list_all();
        setup.env.run(UP.iter().copied()).assert_success();
        let with_pipeline = setup.state();
        setup.env.run(DOWN.iter().copied()).assert_success();
        assert_eq!(setup.api.list_all(), empty);
        Baseline { setup, with_pipeline, empty }
    }
}

#[test]
fn commands_four_failures_of_every_operation_are_retried() {
    let Baseline { setup, empty, .. } = Baseline::new();
    // The SDK makes three attempts.
    for fault in ["throttle", "error", "error(503)", "drop", "lost"] {
        for command in [UP, &["plan", "--local"], &["status", "--local"], DOWN] {
            setup.api.set_faults(&format!("*:*={fault}@#1-4"));
            let run = setup.env.run(command.to_vec());
            assert_eq!(run.code, 0, "{command:?} with {fault} four times: {}", run.stderr);
        }
        setup.api.set_faults("");
        assert_eq!(setup.api.list_all(), empty, "{fault}");
    }
}

#[test]
fn commands_twenty_percent_of_calls_fail_still_succeed() {
    let Baseline { setup, with_pipeline, empty } = Baseline::new();
    for (seed, fault) in ["throttle", "error", "error(503)", "drop", "lost", "delay(20ms)"].iter().enumerate() {
        let inject = || setup.api.set_faults(&format!("seed={seed};*:*={fault}@20%"));
        inject();
        for command in [UP, &["plan", "--local"], &["status", "--local"]] {
            let run = setup.env.run(command.to_vec());
            assert_eq!(run.code, 0, "{command:?} with {fault}: {}", run.stderr);
        }
        setup.api.set_faults("");
        assert_eq!(setup.state(), with_pipeline, "{fault}");
        inject();
        let run = setup.env.run(DOWN.to_vec());
        assert_eq!(run.code, 0, "down with {fault}: {}", run.stderr);
        setup.api.set_faults("");
        assert_eq!(setup.api.list_all(), empty, "{fault}");
    }
}
