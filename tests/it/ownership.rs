//! `down` in an account with unmanaged resources: every byte of them stays the same.

use crate::support::{ForeignStack, TestEnv};

#[test]
fn down_keeps_unmanaged_resources_unchanged() {
    let env = TestEnv::with_local_cloud();
    let foreign = ForeignStack::with_suffix(&env, "theirs");
    foreign.create_all(&env);
    foreign.register_consumer(&foreign.stream, "reader");
    env.run(["--stage", "blue", "up", "--local"]).assert_success();
    let blue = ForeignStack { policy: "sensorctl".into(), ..ForeignStack::with_suffix(&env, "blue") };
    // The other stage has rows and records, too.
    let put = |stage: &'static [&'static str]| {
        let arguments = stage.iter().chain(&["put", "--local", "--sensor", "a", "--temp", "1", "--wait"]).copied();
        env.run(arguments).assert_success();
    };
    put(&["--stage", "blue"]);
    let before = [foreign.describe_all(), blue.describe_all()];

    env.run(["up", "--local"]).assert_success();
    put(&[]);
    let down = env.run(["down", "--local", "--yes", "-o", "json"]).assert_success().json();
    assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &serde_json::json!([])));
    assert_eq!([foreign.describe_all(), blue.describe_all()], before);
}

#[test]
fn down_keeps_unmanaged_resources_with_default_names() {
    let env = TestEnv::with_local_cloud();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.create_all(&env);
    let before = foreign.describe_all();
    let down = env.run(["down", "--local", "--yes", "-o", "json"]).assert_success().json();
    assert_eq!(down["changed"], 0, "{down}");
    env.run(["up", "--local"]).assert_code(1).assert_stderr_contains(&["not managed by sensorctl"]);
    assert_eq!(foreign.describe_all(), before);
}
