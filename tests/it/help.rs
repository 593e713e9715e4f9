//! Every command's help, as people see it.

use crate::support::Home;

/// All commands, with those below them.
const COMMANDS: [&[&str]; 21] = [
    &[],
    &["up"],
    &["plan"],
    &["status"],
    &["put"],
    &["scan"],
    &["invoke"],
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
    &["init"],
    &["completions"],
    &["man"],
];

#[test]
fn help_is_as_written() {
    let home = Home::new();
    let mut all = String::new();
    for command in COMMANDS {
        let run =
            home.run(command.iter().copied().chain([if command.is_empty() { "--help" } else { "-h" }])).succeeded();
        // The global options are the same everywhere, and stand in the first help.
        let own = if command.is_empty() { run.stdout.as_str() } else { own_part(&run.stdout) };
        all.push_str(&format!("$ sensorctl {} -h\n{own}\n", command.join(" ")));
    }
    insta::assert_snapshot!(all);
}

fn own_part(help: &str) -> &str {
    let end = help.find("\nGlobal options:").unwrap_or_else(|| panic!("no global options in {help}"));
    &help[..end]
}

#[test]
fn completions_and_manual_pages_are_written() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(home.run(["completions", shell]).succeeded().stdout.contains("sensorctl"));
    }
    let folder = home.path("man");
    home.run(["man", folder.to_str().unwrap()]).succeeded();
    let page = std::fs::read_to_string(folder.join("sensorctl-put.1")).unwrap();
    assert!(page.contains("sensor"), "{page}");
}
