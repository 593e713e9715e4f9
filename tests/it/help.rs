//! The help of every command.

use crate::support::TestEnv;

/// All commands with their subcommands.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["up"],
    &["plan"],
    &["status"],
    &["put"],
    &["simulate"],
    &["size"],
    &["inspect"],
    &["layouts"],
    &["logs"],
    &["doctor"],
    &["rejects"],
    &["rejects", "list"],
    &["rejects", "show"],
    &["rejects", "export"],
    &["rejects", "replay"],
    &["rejects", "delete"],
    &["rejects", "from-destination"],
    &["scan"],
    &["tail"],
    &["invoke"],
    &["why"],
    &["down"],
    &["demo"],
    &["local"],
    &["local", "start"],
    &["local", "stop"],
    &["local", "status"],
    &["local", "reset"],
    &["local", "run"],
    &["local", "env"],
    &["export"],
    &["export", "function-zip"],
    &["export", "policy"],
    &["init"],
    &["completions"],
    &["man"],
];

#[test]
fn help_of_every_command_matches_snapshot() {
    let env = TestEnv::new();
    let mut all = String::new();
    for command in COMMANDS {
        let run =
            env.run(command.iter().copied().chain([if command.is_empty() { "--help" } else { "-h" }])).assert_success();
        // The global options are the same in every help, and the first one shows them.
        let own = if command.is_empty() { run.stdout.as_str() } else { without_global_options(&run.stdout) };
        all.push_str(&format!("$ sensorctl {} -h\n{own}\n", command.join(" ")));
    }
    insta::assert_snapshot!(all);
}

fn without_global_options(help: &str) -> &str {
    let end = help.find("\nGlobal options:").unwrap_or_else(|| panic!("no global options in {help}"));
    &help[..end]
}

#[test]
fn completions_and_man_pages_are_generated() {
    let env = TestEnv::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(env.run(["completions", shell]).assert_success().stdout.contains("sensorctl"));
    }
    let folder = env.path("man");
    env.run(["man", folder.to_str().unwrap()]).assert_success();
    let version = format!("\"sensorctl {}\"", env!("CARGO_PKG_VERSION"));
    for page in std::fs::read_dir(&folder).unwrap() {
        let path = page.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&version), "{}", path.display());
    }
    let page = std::fs::read_to_string(folder.join("sensorctl-put.1")).unwrap();
    assert!(page.contains("sensor"), "{page}");
}
