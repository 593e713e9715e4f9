//! Each call that `up` or `down` makes, denied in turn.

use super::super::in_process_runner::InProcessEnv;
use super::super::support::ApiClient;

#[test]
fn denied_action_is_named_for_every_call() {
    let env = InProcessEnv::with_local_cloud();
    let api = ApiClient::new(&env);
    for command in [&["up", "--local"][..], &["down", "--local", "--yes"]] {
        api.set_faults("");
        env.run(command.to_vec()).assert_success();
        let mut calls: Vec<String> = api.recorded_calls().into_iter().map(|recorded| recorded.call).collect();
        calls.sort();
        calls.dedup();
        // `up` and `down` do not need the calls that only find orphans, nor the test invocation of a new function.
        let dispensable = [
            "kinesis:ListStreams",
            "dynamodb:ListTables",
            "lambda:ListFunctions",
            "iam:ListRoles",
            "tag:GetResources",
            "tagging:GetResources",
            "lambda:Invoke",
        ];
        calls.retain(|call| !dispensable.contains(&call.as_str()));
        assert!(calls.len() > 15, "{calls:?}");
        // Reverts the command, so that each of its calls is needed again.
        let revert: &[&str] = if command[0] == "up" { &["down", "--local", "--yes"] } else { &["up", "--local"] };
        for call in calls {
            api.set_faults("");
            env.run(revert.to_vec()).assert_success();
            api.set_faults(&format!("{call}=denied"));
            env.run(command.to_vec())
                .assert_code(1)
                .assert_stderr_contains(&["AccessDenied", &format!("permission for {call}")]);
        }
        api.set_faults("");
        env.run(command.to_vec()).assert_success();
    }
}
