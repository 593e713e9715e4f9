//! `up` and `down` interrupted with real processes: killed with SIGKILL, and two at once. The unit tests of
//! `src/commands` interrupt every call.

mod concurrent_runs;

use std::process::Child;

use crate::support::crash::{
    Calls, CrashEnv, DOWN, Interruption, Scenario, UP, interrupt_calls, with_adoption, with_creation_and_deletion,
    with_recreation_of_each_resource, with_replacements, with_updates,
};
use crate::support::{ProcessRunner, Run};

/// A local cloud whose clients are processes.
type ProcessCrashEnv = CrashEnv<ProcessRunner>;

/// Kills the commands after the selected calls.
fn kill_after(selected: Calls) -> impl Fn(&ProcessCrashEnv, &[Scenario<ProcessRunner>]) {
    move |setup, scenarios| interrupt_calls(setup, selected, Interruption::ClientKilled, scenarios)
}

#[test]
fn up_and_down_sigkill_after_every_fourth_change_are_completed_by_next_run() {
    with_creation_and_deletion(kill_after(Calls::EveryFourthChange));
}

#[test]
fn adoption_sigkill_after_sampled_changes_is_completed_by_next_run() {
    with_adoption(kill_after(Calls::FirstMiddleAndLastChange));
}

#[test]
fn recreation_sigkill_after_sampled_changes_is_completed_by_next_run() {
    with_recreation_of_each_resource(kill_after(Calls::FirstMiddleAndLastChange));
}

#[test]
fn replacement_sigkill_after_sampled_changes_is_completed_by_next_run() {
    with_replacements(kill_after(Calls::FirstMiddleAndLastChange));
}

#[test]
fn update_of_every_setting_sigkill_after_sampled_changes_is_completed_by_next_run() {
    with_updates(kill_after(Calls::FirstMiddleAndLastChange));
}

#[test]
fn up_and_down_two_concurrent_runs_end_like_one() {
    let setup = ProcessCrashEnv::new();
    let empty = setup.api.list_all();
    setup.env.run(UP.iter().copied()).assert_success();
    let with_pipeline = setup.state();
    setup.env.run(DOWN.iter().copied()).assert_success();
    assert_eq!(setup.api.list_all(), empty);
    for command in [UP, DOWN, UP, DOWN] {
        let both: Vec<Child> = (0..2).map(|_| setup.env.spawn(command.to_vec())).collect();
        for child in both {
            Run::of_child(child).assert_success();
        }
        if command[0] == "up" {
            assert_eq!(setup.state(), with_pipeline);
        } else {
            assert_eq!(setup.api.list_all(), empty);
        }
    }
}
