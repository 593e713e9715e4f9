//! Colour only where it is wanted.

use crate::support::{Home, Run};

fn stderr(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let home = Home::new();
    Run::of(&home.command(arguments.iter().copied()).envs(variables.iter().copied()).output().unwrap()).stderr
}

#[test]
fn errors_are_coloured_as_asked_and_nothing_is_off_a_terminal() {
    // One that clap says, and one that we say.
    for wrong in [&["scan", "--bogus"] as &[_], &["status", "--region", "eu west"]] {
        let with = |flags: &[&str], variables: &[(&str, &str)]| {
            let arguments: Vec<_> = flags.iter().chain(wrong).copied().collect();
            stderr(&arguments, variables).contains('\u{1b}')
        };
        assert!(!with(&[], &[]), "{wrong:?}");
        assert!(with(&["--color", "always"], &[]), "{wrong:?}");
        assert!(with(&["--color=always"], &[("NO_COLOR", "1")]), "a flag wins over the environment: {wrong:?}");
        assert!(with(&[], &[("SENSORCTL_COLOR", "always")]), "{wrong:?}");
        assert!(with(&[], &[("CLICOLOR_FORCE", "1")]), "{wrong:?}");
        assert!(!with(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), "{wrong:?}");
        assert!(!with(&[], &[("CLICOLOR_FORCE", "")]), "{wrong:?}");
        assert!(!with(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]), "{wrong:?}");
        assert!(!with(&["-o", "json", "--color", "always"], &[]), "{wrong:?}");
    }
}

#[test]
fn help_that_cannot_be_written_is_no_success() {
    let home = Home::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let status = home.command(["--help"]).stdout(full).status().unwrap();
    assert_eq!(status.code(), Some(1));
}
