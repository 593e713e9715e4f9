//! Updates in place: every setting that they can change is changed and changed back.

use super::super::{Runner, changed_settings, create_permissions_boundary};
use super::{CrashEnv, Scenario};

/// Consents to data loss: shorter retention, and point-in-time recovery switched off.
const UP: &[&str] = &["up", "--local", "--yes", "--replace", "-o", "json"];

const BEFORE: &str = "[tags]\nteam = \"red\"\n";

/// Changes every setting that an update in place can change, and changes it back.
pub fn with_updates<R: Runner>(sweep: impl Fn(&CrashEnv<R>, &[Scenario<R>])) {
    let setup = CrashEnv::new();
    create_permissions_boundary(&setup.api);
    setup.env.write("other.zip", setup.env.rebuilt_function_zip());
    setup.env.write("sensorctl.toml", BEFORE);
    setup.env.run(["up", "--local"]).assert_success();
    let after = changed_settings(&[
        ("[function]", "zip = \"other.zip\""),
        ("[mapping]", "on_failure = \"arn:aws:sqs:us-east-1:000000000000:failed\""),
    ]);
    let change = |setup: &CrashEnv<R>| drop(setup.env.write("sensorctl.toml", &after));
    let change_back = |setup: &CrashEnv<R>| drop(setup.env.write("sensorctl.toml", BEFORE));
    let scenarios = [
        Scenario::new("to the changed settings", UP).prepared_by(&change).starting_at_first_change(),
        Scenario::new("back", UP).prepared_by(&change_back).starting_at_first_change(),
    ];
    sweep(&setup, &scenarios);
}
