//! Interrupted `up` and `down`: the response to a call is lost, the process is killed after a call, two run at once, calls
//! fail now and then. Run again, they end where an uninterrupted run ends. They start from nothing and from every kind of
//! difference: updated in place, replaced, deleted by hand, adopted.

mod adopted;
mod concurrent_runs;
mod env;
mod interruption_sweep;
mod recreate;
mod update;

use std::process::Child;

use self::env::CrashEnv;
use self::interruption_sweep::{Interruption, Scenario, interrupt_every_call};
use crate::support::Run;

const UP: &[&str] = &["up", "--local", "-o", "json"];
const DOWN: &[&str] = &["down", "--local", "--yes", "-o", "json"];

/// From nothing to everything, and back.
fn up_and_down() -> [Scenario<'static>; 2] {
    [Scenario::new("up", UP), Scenario::new("down", DOWN)]
}

#[test]
fn up_and_down_lost_response_of_any_call_ends_in_same_state() {
    interrupt_every_call(&CrashEnv::new(), Interruption::ResponseLost, &up_and_down());
}

#[test]
fn up_and_down_killed_after_any_call_are_completed_by_next_run() {
    interrupt_every_call(&CrashEnv::new(), Interruption::ProcessKilled, &up_and_down());
}

/// A local cloud, and the states that it must return to: with the pipeline, and without it.
struct Baseline {
    setup: CrashEnv,
    with_pipeline: serde_json::Value,
    empty: Vec<String>,
}

impl Baseline {
    fn new() -> Self {
        let setup = CrashEnv::new();
        let empty = setup.api.list_all();
        setup.env.run(UP.iter().copied()).assert_success();
        let with_pipeline = setup.state();
        setup.env.run(DOWN.iter().copied()).assert_success();
        assert_eq!(setup.api.list_all(), empty);
        Baseline { setup, with_pipeline, empty }
    }
}

#[test]
fn up_and_down_two_concurrent_runs_end_like_one() {
    let Baseline { setup, with_pipeline, empty } = Baseline::new();
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
