//! The environment variables of this program: one for each setting, and a few others. Any unknown one is an error.

use std::collections::BTreeSet;

use clap::{Arg, Args as _, Command};

use crate::error::Error;
use crate::global_flags::GlobalFlags;

const PREFIX: &str = "SENSORCTL_";

/// Variables that do not correspond to a setting or a flag.
const OTHERS: [&str; 3] = [
    "SENSORCTL_DATA_DIR",
    // `local env` sets it, for curl.
    "SENSORCTL_CONTROL_HEADER",
    // The build reads it. It may stay set.
    "SENSORCTL_LAMBDA_BOOTSTRAP",
];

/// Variables of the build and of the tests.
const OF_DEVELOPERS: [&str; 7] = [
    "SENSORCTL_FUNCTION_ARCHITECTURES",
    "SENSORCTL_FUZZ_SECONDS",
    "SENSORCTL_FUZZ_SEED",
    "SENSORCTL_KILLS",
    "SENSORCTL_SEED",
    "SENSORCTL_STRESS_SECONDS",
    "SENSORCTL_TEST_BOOTSTRAP",
];

/// Returns the variable of a setting.
pub(super) fn of_setting(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// Checks the names of the environment's variables. `settings` are the names of all settings.
///
/// # Errors
/// If a variable has this program's prefix but is unknown. The error has the nearest known name.
pub(super) fn check(variables: &[String], settings: &BTreeSet<String>) -> Result<(), Error> {
    let command = GlobalFlags::augment_args(Command::new("sensorctl"));
    let flags = command.get_arguments().filter_map(Arg::get_env).filter_map(|name| name.to_str());
    let known: BTreeSet<String> =
        settings.iter().map(|key| of_setting(key)).chain(flags.chain(OTHERS).map(str::to_owned)).collect();
    let is_known = |name: &str| known.contains(name) || OF_DEVELOPERS.contains(&name);
    match variables.iter().find(|name| name.starts_with(PREFIX) && !is_known(name)) {
        None => Ok(()),
        Some(unknown) => {
            let error = Error::usage(format!("{unknown}: there is no such setting"));
            Err(error.hint(suggestion(unknown, &known)))
        }
    }
}

fn suggestion(unknown: &str, known: &BTreeSet<String>) -> String {
    for (table, of) in [("SENSORCTL_TAGS", "tags"), ("SENSORCTL_FUNCTION_ENVIRONMENT", "function.environment")] {
        if let Some(name) = unknown.strip_prefix(&format!("{table}_")) {
            let name = if table == "SENSORCTL_TAGS" { name.to_ascii_lowercase() } else { name.to_owned() };
            return format!("`{table}='{{ {name} = \"…\" }}'` or `--set {of}.{name}=…` sets one");
        }
    }
    let nearness = |name: &String| strsim::jaro_winkler(&unknown[PREFIX.len()..], &name[PREFIX.len()..]);
    match known.iter().max_by(|a, b| nearness(a).total_cmp(&nearness(b))) {
        Some(nearest) if nearness(nearest) > 0.8 => format!("did you mean `{nearest}`?"),
        _ => "`sensorctl init --print` shows all settings; their variables are SENSORCTL_SECTION_KEY".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settle_beside;

    fn refused(name: &str) -> Option<String> {
        let settings = ["stream.shards", "tags", "function.environment", "stage"].map(str::to_owned).into();
        let error = check(&["PATH".to_owned(), name.to_owned()], &settings).err()?;
        Some(format!("{error} {}", error.hints()[0]))
    }

    #[test]
    fn unknown_variable_is_refused_with_the_nearest_name() {
        let said = refused("SENSORCTL_STREAM_SHARD").unwrap();
        assert_eq!(said, "SENSORCTL_STREAM_SHARD: there is no such setting did you mean `SENSORCTL_STREAM_SHARDS`?");
        let said = refused("SENSORCTL_TAGS_TEAM").unwrap();
        assert!(said.contains("`SENSORCTL_TAGS='{ team = \"…\" }'` or `--set tags.team=…`"), "{said}");
        assert!(refused("SENSORCTL_BOGUS_XYZ").unwrap().contains("init --print"));
    }

    #[test]
    fn variables_of_settings_flags_and_the_build_are_known() {
        for name in OTHERS.iter().chain(&OF_DEVELOPERS).chain(&["SENSORCTL_STREAM_SHARDS", "SENSORCTL_OUTPUT"]) {
            assert_eq!(refused(name), None);
        }
        assert_eq!(refused("AWS_PROFILE"), None);
    }

    #[test]
    fn every_variable_in_sources_and_documents_is_known() {
        // Variables that `up` sets for the function, and prefixes of names.
        let of_the_function = ["PARTIAL_BATCH", "REJECTS_DAYS", "REJECTS_TABLE", "TABLE", ""];
        let texts = [
            include_str!("../../README.md"),
            include_str!("../../build.rs"),
            include_str!("../../lambda/src/main.rs"),
            include_str!("../commands/local/environment.rs"),
        ];
        for text in texts {
            for rest in text.split(PREFIX).skip(1) {
                let name: String = rest.chars().take_while(|it| it.is_ascii_uppercase() || *it == '_').collect();
                if !of_the_function.contains(&name.as_str()) && !name.ends_with('_') {
                    let variable = format!("{PREFIX}{name}");
                    assert_eq!(settle_beside(&[&variable]).map(drop).map_err(|error| error.to_string()), Ok(()));
                }
            }
        }
    }
}
