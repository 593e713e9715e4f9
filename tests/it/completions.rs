//! Completions of values that a script asks for when a key is pressed.

use std::process::Command;

use crate::support::TestEnv;

#[test]
fn stages_of_the_local_cloud_are_offered_whether_it_runs_or_not() {
    let env = TestEnv::new();
    assert_eq!(env.run(["completions", "--stages"]).assert_success().stdout, "");
    env.run(["local", "start", "--port", "0"]).assert_success();
    for stage in [&[][..], &["--stage", "blue"], &["--stage", "green"]] {
        env.run(["up", "--local"].iter().chain(stage).copied()).assert_success();
    }
    assert_eq!(env.run(["completions", "--stages"]).assert_success().stdout, "blue\ngreen\n");
    env.run(["local", "stop"]).assert_success();
    assert_eq!(env.run(["completions", "--stages"]).assert_success().stdout, "blue\ngreen\n");
    env.run(["completions"]).assert_code(2).assert_stderr_contains(&["SHELL"]);

    // As bash calls it for `sensorctl status --stage g` and `--stage=g` and the tabulator key.
    env.write("script", env.run(["completions", "bash"]).assert_success().stdout);
    let typed = "sensorctl() { \"$BINARY\" \"$@\"; }; source ./script; \
                 COMP_WORDS=(sensorctl status --stage g); COMP_CWORD=3; _sensorctl sensorctl g --stage; \
                 echo \"${COMPREPLY[@]}\"; \
                 COMP_WORDS=(sensorctl status --stage = g); COMP_CWORD=4; _sensorctl sensorctl g =; echo \"${COMPREPLY[@]}\"";
    let command = env.command(["completions"]);
    let mut bash = Command::new("bash");
    bash.args(["-c", typed]).current_dir(env.path("")).env("BINARY", command.get_program());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bash.env(name, value),
            None => bash.env_remove(name),
        };
    }
    let answer = bash.output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&answer.stdout),
        "green\ngreen\n",
        "{}",
        String::from_utf8_lossy(&answer.stderr)
    );
}
