//! `up` and `down` when a call's answer is lost, when they are killed after any call, when two run at once, and when
//! everything fails now and then: run again, they end where an undisturbed run ends.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Home, Seen, Stranger};

const UP: [&str; 4] = ["up", "--local", "-o", "json"];
const DOWN: [&str; 5] = ["down", "--local", "--yes", "-o", "json"];

/// A local cloud, and what it is like after undisturbed runs.
struct Scene {
    home: Home,
    cloud: Stranger,
    /// After `up`.
    made: Value,
    /// After `down`.
    empty: Vec<String>,
    up: Vec<Seen>,
    down: Vec<Seen>,
}

impl Scene {
    fn new() -> Self {
        let home = Home::with_local_cloud();
        let cloud = Stranger::of(&home);
        cloud.set_faults("");
        home.run(UP).succeeded();
        let up = cloud.seen();
        let made = state(&home);
        cloud.set_faults("");
        home.run(DOWN).succeeded();
        let down = cloud.seen();
        let empty = cloud.everything();
        assert!(up.len() > 20 && down.len() > 20, "{up:?} {down:?}");
        Scene { home, cloud, made, empty, up, down }
    }

    /// Runs a pair of disturbed runs for every call of `up` and of `down`.
    fn for_each_call(&self, disturb: impl Fn(&Scene, &[&'static str], &Seen)) {
        for index in 0..self.up.len().max(self.down.len()) {
            let pick = |calls: &[Seen]| calls[index % calls.len()].clone();
            let (in_up, in_down) = (pick(&self.up), pick(&self.down));
            disturb(self, &UP, &in_up);
            assert_eq!(state(&self.home), self.made, "up, {in_up:?}");
            disturb(self, &DOWN, &in_down);
            assert_eq!(self.cloud.everything(), self.empty, "down, {in_down:?}");
        }
    }
}

/// What `status` says and the services hold, without what is new every time.
fn state(home: &Home) -> Value {
    let mut status = home.run(["status", "--local", "-o", "json"]).succeeded().json();
    status["mapping"]["uuid"] = Value::Null;
    for resource in status["resources"].as_array_mut().unwrap() {
        if resource["kind"] == "mapping" {
            resource["arn"] = Value::Null;
        }
    }
    let names = Stranger::of(home).everything();
    let count = |list: &str, what: &str| list.matches(what).count();
    status["counts"] = serde_json::json!([
        count(&names[0], "StreamARN"),
        count(&names[1], "SensorData"),
        count(&names[2], "\"logGroupName\""),
        count(&names[3], "\"FunctionArn\""),
        count(&names[4], "\"UUID\""),
        count(&names[5], "<RoleName>"),
    ]);
    status
}

/// Waits for a call that hangs; false when the run ended without one.
fn wait_for_hang(cloud: &Stranger, child: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if cloud.has_hung() {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return cloud.has_hung();
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    panic!("it neither hung nor ended");
}

#[test]
fn a_lost_answer_of_any_call_changes_nothing_in_the_end() {
    Scene::new().for_each_call(|scene, command, Seen { call, n }| {
        scene.cloud.set_faults(&format!("{call}=lost@#{n}"));
        let run = scene.home.run(command.to_vec());
        assert_eq!(run.code, 0, "{command:?} with {call}#{n} lost: {}", run.stderr);
    });
}

#[test]
fn a_run_killed_after_any_call_is_finished_by_the_next() {
    Scene::new().for_each_call(|scene, command, Seen { call, n }| {
        scene.cloud.set_faults(&format!("{call}=hang@#{n}"));
        let mut child =
            scene.home.command(command.to_vec()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // A poll more or less is no difference: then there is nothing to kill.
        if wait_for_hang(&scene.cloud, &mut child) {
            child.kill().unwrap();
        }
        child.wait().unwrap();
        scene.cloud.set_faults("");
        let run = scene.home.run(command.to_vec());
        assert_eq!(run.code, 0, "{command:?} after a kill at {call}#{n}: {}", run.stderr);
    });
}

#[test]
fn two_runs_at_the_same_time_end_like_one() {
    let scene = Scene::new();
    for command in [&UP[..], &DOWN[..], &UP[..], &DOWN[..]] {
        let both: Vec<Child> = (0..2).map(|_| scene.home.spawn(command.to_vec())).collect();
        for child in both {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        if command[0] == "up" {
            assert_eq!(state(&scene.home), scene.made);
        } else {
            assert_eq!(scene.cloud.everything(), scene.empty);
        }
    }
}

#[test]
fn what_the_sdk_gives_up_on_is_tried_again() {
    let scene = Scene::new();
    // The SDK makes three tries.
    for fault in ["throttle", "error", "error(503)", "drop", "lost"] {
        for command in [&UP[..], &["plan", "--local"], &["status", "--local"], &DOWN] {
            scene.cloud.set_faults(&format!("*:*={fault}@#1-4"));
            let run = scene.home.run(command.to_vec());
            assert_eq!(run.code, 0, "{command:?} with {fault} four times: {}", run.stderr);
        }
        scene.cloud.set_faults("");
        assert_eq!(scene.cloud.everything(), scene.empty, "{fault}");
    }
}

#[test]
fn a_fifth_of_all_calls_going_wrong_stops_nothing() {
    let scene = Scene::new();
    for (seed, fault) in ["throttle", "error", "error(503)", "drop", "lost", "delay(20ms)"].iter().enumerate() {
        let faults = || scene.cloud.set_faults(&format!("seed={seed};*:*={fault}@20%"));
        faults();
        for command in [&UP[..], &["plan", "--local"], &["status", "--local"]] {
            let run = scene.home.run(command.to_vec());
            assert_eq!(run.code, 0, "{command:?} with {fault}: {}", run.stderr);
        }
        scene.cloud.set_faults("");
        assert_eq!(state(&scene.home), scene.made, "{fault}");
        faults();
        let run = scene.home.run(DOWN.to_vec());
        assert_eq!(run.code, 0, "down with {fault}: {}", run.stderr);
        scene.cloud.set_faults("");
        assert_eq!(scene.cloud.everything(), scene.empty, "{fault}");
    }
}
