//! `up` and `down` when a call's answer is lost, when they are killed after any call, when two run at once, and when
//! everything fails now and then: run again, they end where an undisturbed run ends. From nothing, and from what is there:
//! changed in place, replaced, deleted by hand, taken over.

mod adopted;
mod anew;
mod ground;
mod in_place;
mod rivals;
mod walk;

use std::process::Child;

use self::ground::Ground;
use self::walk::{Disturbance, Leg, walk};

const UP: &[&str] = &["up", "--local", "-o", "json"];
const DOWN: &[&str] = &["down", "--local", "--yes", "-o", "json"];

/// From nothing to everything, and back.
fn there_and_back() -> [Leg<'static>; 2] {
    [Leg::new("up", UP), Leg::new("down", DOWN)]
}

#[test]
fn a_lost_answer_of_any_call_changes_nothing_in_the_end() {
    walk(&Ground::new(), Disturbance::Lost, &there_and_back());
}

#[test]
fn a_run_killed_after_any_call_is_finished_by_the_next() {
    walk(&Ground::new(), Disturbance::Killed, &there_and_back());
}

/// A local cloud, what it is like when the pipeline is up, and without it.
struct Scene {
    ground: Ground,
    made: serde_json::Value,
    empty: Vec<String>,
}

impl Scene {
    fn new() -> Self {
        let ground = Ground::new();
        let empty = ground.cloud.everything();
        ground.home.run(UP.iter().copied()).succeeded();
        let made = ground.state();
        ground.home.run(DOWN.iter().copied()).succeeded();
        assert_eq!(ground.cloud.everything(), empty);
        Scene { ground, made, empty }
    }
}

#[test]
fn two_runs_at_the_same_time_end_like_one() {
    let Scene { ground, made, empty } = Scene::new();
    for command in [UP, DOWN, UP, DOWN] {
        let both: Vec<Child> = (0..2).map(|_| ground.home.spawn(command.to_vec())).collect();
        for child in both {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        if command[0] == "up" {
            assert_eq!(ground.state(), made);
        } else {
            assert_eq!(ground.cloud.everything(), empty);
        }
    }
}

#[test]
fn what_the_sdk_gives_up_on_is_tried_again() {
    let Scene { ground, empty, .. } = Scene::new();
    // The SDK makes three tries.
    for fault in ["throttle", "error", "error(503)", "drop", "lost"] {
        for command in [UP, &["plan", "--local"], &["status", "--local"], DOWN] {
            ground.cloud.set_faults(&format!("*:*={fault}@#1-4"));
            let run = ground.home.run(command.to_vec());
            assert_eq!(run.code, 0, "{command:?} with {fault} four times: {}", run.stderr);
        }
        ground.cloud.set_faults("");
        assert_eq!(ground.cloud.everything(), empty, "{fault}");
    }
}

#[test]
fn a_fifth_of_all_calls_going_wrong_stops_nothing() {
    let Scene { ground, made, empty } = Scene::new();
    for (seed, fault) in ["throttle", "error", "error(503)", "drop", "lost", "delay(20ms)"].iter().enumerate() {
        let faults = || ground.cloud.set_faults(&format!("seed={seed};*:*={fault}@20%"));
        faults();
        for command in [UP, &["plan", "--local"], &["status", "--local"]] {
            let run = ground.home.run(command.to_vec());
            assert_eq!(run.code, 0, "{command:?} with {fault}: {}", run.stderr);
        }
        ground.cloud.set_faults("");
        assert_eq!(ground.state(), made, "{fault}");
        faults();
        let run = ground.home.run(DOWN.to_vec());
        assert_eq!(run.code, 0, "down with {fault}: {}", run.stderr);
        ground.cloud.set_faults("");
        assert_eq!(ground.cloud.everything(), empty, "{fault}");
    }
}
