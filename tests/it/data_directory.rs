//! The data directory of the local cloud: whose it is.

use std::fs::{Permissions, copy, set_permissions};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::support::{Run, TestEnv, eventually};

/// A user without files.
const NOBODY: u32 = 65534;

const COMMANDS: [&[&str]; 7] = [
    &["local", "status"],
    &["local", "start", "--port", "0"],
    &["local", "run", "--port", "0"],
    &["local", "stop"],
    &["local", "reset", "--yes"],
    &["local", "env"],
    &["scan", "--local"],
];

#[test]
fn local_cloud_ends_when_its_data_directory_is_deleted_and_leaves_the_next_one_alone() {
    let env = TestEnv::with_local_cloud();
    env.run(["up", "--local"]).assert_success();
    let first = env.endpoint()["endpoint"].as_str().unwrap().replace("http://", "");
    std::fs::remove_dir_all(env.path("data")).unwrap();
    env.run(["local", "start", "--port", "0"]).assert_success();
    env.run(["up", "--local"]).assert_success();
    eventually("the first local cloud ends", || TcpStream::connect(&first).is_ok(), |listens| !listens);
    // The endpoint file and the code of the second one stay.
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--wait"]).assert_success();
}

#[test]
fn data_directory_of_another_user_is_refused_by_every_command() {
    let env = TestEnv::with_local_cloud();
    env.run(["local", "stop"]).assert_success();
    // Only root can change the owner. `data_dir::owner` has a unit test that every user can run.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let data = env.path("data");
    let path = data.to_str().unwrap();
    chown(&data, Some(NOBODY), None).unwrap();
    let refused = |run: Run, owner: u32| {
        let owner = format!("(user id {owner})");
        run.assert_code(1).assert_stderr_contains(&[path, "belongs to another user", &owner, "hint: `--data-dir DIR`"]);
    };
    for arguments in COMMANDS {
        refused(env.run(arguments.iter().copied()), NOBODY);
    }
    chown(&data, Some(0), None).unwrap();

    // A user who cannot even read it is told the same.
    let program = env.path("sensorctl");
    copy(env!("CARGO_BIN_EXE_sensorctl"), &program).unwrap();
    set_permissions(env.path("."), Permissions::from_mode(0o755)).unwrap();
    for arguments in COMMANDS {
        let mut command = Command::new(&program);
        command.args(arguments).env_clear().env("HOME", env.path(".")).env("SENSORCTL_DATA_DIR", path);
        refused(Run::of(command.current_dir(env.path(".")).uid(NOBODY).gid(NOBODY)), 0);
    }
    // Nothing was changed or deleted.
    env.run(["local", "start", "--port", "0"]).assert_success();
}
