//! Color in error messages.

use crate::support::TestEnv;

fn stderr(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let env = TestEnv::new();
    env.run_with_env(arguments.iter().copied(), variables).stderr
}

#[test]
fn error_color_follows_flag_and_environment_and_is_off_without_terminal() {
    // An error of clap, and one of sensorctl.
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
fn help_write_error_exits_1() {
    let env = TestEnv::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let status = env.command(["--help"]).stdout(full).status().unwrap();
    assert_eq!(status.code(), Some(1));
}
