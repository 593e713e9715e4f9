//! Generates the reference of all settings, `docs/settings.md`, from the code: names and defaults as they are read,
//! values as in the error message, meanings as in the template, and effects of a change as `plan` compares them.

use std::fmt::Write as _;

use super::*;
use crate::stack::{ArnRegistry, FunctionArtifact, Observed, Resource, Stack, State, differences};

const TEMPLATE: &str = include_str!("../../templates/sensorctl.toml");

/// Rewrites the file instead of comparing it, as insta does with its snapshots.
const BLESS: &str = "INSTA_UPDATE";

const INTRODUCTION: &str = "# Settings

Written by `INSTA_UPDATE=always cargo test --lib settings::reference`; a test fails when it is stale. Do not edit it.

`sensorctl init` writes a `sensorctl.toml` with every setting, commented out. Each setting can be given in four places; the
first one that names it wins:

1. the command line, `--set stream.shards=2` (`--stage`, `--profile`, `--region` and `--endpoint-url` have flags of their own)
2. the environment, `SENSORCTL_STREAM_SHARDS=2`: the name in upper case, with `_` for `.`
3. the file that `--config` or `SENSORCTL_CONFIG` names, else `sensorctl.toml` in the working directory
4. the default

`AWS_PROFILE`, `AWS_REGION`, `AWS_DEFAULT_REGION` and `AWS_ENDPOINT_URL` stand between 2 and 3. With `--local` they are ignored.
`sensorctl status -v` shows where each value came from. An unknown name is an error in the file, behind `--set` and as a
variable. Text needs no quotes behind `--set` and in a variable; a table is written as in `SENSORCTL_TAGS='{ team = \"ops\" }'`. The limits of
a file in the working directory are in [semantics.md](semantics.md#settings-files).

**Effect of a change** is what `sensorctl up` does with a resource that it made:

- *in place*: an update; the data stay. *Asks* means that `up` asks first (unless `--yes`), because data, or their protection, go.
- *replaces*: the resource is deleted and created again. `up` asks first; a table or stream also needs `--replace`.
- *new resource*: the one with the old name stays as an orphan, which `sensorctl down --orphans` deletes.
";

/// A second value of each setting whose change `plan` can see, in the syntax of `--set`.
const CHANGES: [(&str, &str); 38] = [
    ("stream.name", "stream.name=\"other\""),
    ("stream.mode", "stream.mode=\"on-demand\""),
    ("stream.shards", "stream.shards=2"),
    ("stream.retention_hours", "stream.retention_hours=48"),
    ("stream.encryption", "stream.encryption=\"aws/kinesis\""),
    ("table.name", "table.name=\"other\""),
    ("table.billing", "table.billing={ read_units = 5, write_units = 5 }"),
    ("table.point_in_time_recovery", "table.point_in_time_recovery=true"),
    ("table.deletion_protection", "table.deletion_protection=true"),
    ("table.class", "table.class=\"infrequent-access\""),
    ("table.ttl_attribute", "table.ttl_attribute=\"expires\""),
    ("rejects.name", "rejects.name=\"other\""),
    ("rejects.retention_days", "rejects.retention_days=60"),
    ("rejects.billing", "rejects.billing={ read_units = 5, write_units = 5 }"),
    ("rejects.point_in_time_recovery", "rejects.point_in_time_recovery=true"),
    ("rejects.deletion_protection", "rejects.deletion_protection=true"),
    ("rejects.class", "rejects.class=\"infrequent-access\""),
    ("role.name", "role.name=\"other\""),
    ("role.path", "role.path=\"/pipelines/\""),
    ("role.permissions_boundary", "role.permissions_boundary=\"arn:aws:iam::123456789012:policy/bound\""),
    ("role.permissions", "role.permissions=\"managed\""),
    ("function.name", "function.name=\"other\""),
    ("function.memory_mb", "function.memory_mb=512"),
    ("function.timeout_seconds", "function.timeout_seconds=30"),
    ("function.reserved_concurrency", "function.reserved_concurrency=10"),
    ("function.log_format", "function.log_format=\"json\""),
    ("function.environment", "function.environment={ NAME = \"value\" }"),
    ("log_group.retention_days", "log_group.retention_days=30"),
    ("mapping.enabled", "mapping.enabled=false"),
    ("mapping.batch_size", "mapping.batch_size=500"),
    ("mapping.window_seconds", "mapping.window_seconds=1"),
    ("mapping.parallelization", "mapping.parallelization=2"),
    ("mapping.retry_attempts", "mapping.retry_attempts=3"),
    ("mapping.record_age_seconds", "mapping.record_age_seconds=600"),
    ("mapping.bisect", "mapping.bisect=false"),
    ("mapping.filters", "mapping.filters=['{}']"),
    ("mapping.metrics", "mapping.metrics=true"),
    ("mapping.on_failure", "mapping.on_failure=\"arn:aws:sqs:eu-west-1:123456789012:failures\""),
];

/// The effect of settings that a comparison with the defaults cannot show.
const OTHER_EFFECTS: [(&str, &str); 13] = [
    ("stage", "another pipeline; this one stays"),
    ("profile", "another account or region"),
    ("region", "another region; this pipeline stays"),
    ("endpoint_url", "another cloud"),
    ("stream.existing", "`true`: used, no longer changed or deleted"),
    ("table.existing", "`true`: used, no longer changed or deleted"),
    ("rejects.existing", "`true`: used, no longer changed or deleted"),
    ("role.existing", "`true`: used, no longer changed or deleted"),
    ("function.architecture", "function: in place, with its code"),
    ("function.zip", "function: in place, with its code"),
    ("mapping.starting_position", "none: only looked at when the mapping is created"),
    ("tail.pause_ms", "none: only `tail` looks at it"),
    ("tags", "all: in place; a tag that is taken out of the settings stays"),
];

fn settle(flags: &[&str]) -> Result<Settings, Error> {
    let flags = flags.iter().map(|flag| {
        let (key, value) = flag.split_once('=').unwrap();
        (key.to_owned(), (value.to_owned(), SettingOrigin::Flag("--set")))
    });
    let read = |name: &str| (name == "SENSORCTL_DATA_DIR").then(|| "state".to_owned());
    Settings::settle(Layers::new(flags.collect(), &read, None), false)
}

/// Returns the meaning of each setting: the comment above it in the template, or for a section with free names the
/// comment above the section.
fn meanings() -> BTreeMap<String, String> {
    let (mut meanings, mut comment, mut section) = (BTreeMap::new(), Vec::new(), String::new());
    for line in TEMPLATE.lines() {
        if let Some(text) = line.strip_prefix("# ") {
            comment.push(text);
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            meanings.insert(name.to_owned(), comment.join(" "));
            name.clone_into(&mut section);
            comment.clear();
        } else if let Some((key, _)) = line.strip_prefix('#').and_then(|rest| rest.split_once(" = ")) {
            let name = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
            meanings.insert(name, comment.join(" "));
            comment.clear();
        } else {
            comment.clear();
        }
    }
    meanings
}

/// Returns the valid values of a setting, in the words of its error message.
fn values(key: &str) -> String {
    let refused = settle(&[&format!("{key}=\"!?\"")]).err().map(|error| error.to_string());
    let must_be = refused.as_ref().and_then(|message| message.split_once("must be ")).map(|(_, rest)| rest);
    // Any text is valid.
    must_be.unwrap_or("text").replace("whole number from", "number from")
}

fn effect(key: &str) -> String {
    if let Some((_, effect)) = OTHER_EFFECTS.iter().find(|(other, _)| *other == key) {
        return (*effect).to_owned();
    }
    let (_, flag) = CHANGES.iter().find(|(other, _)| *other == key).unwrap_or_else(|| panic!("no change of {key}"));
    let default = settle(&[]).unwrap();
    let changed = settle(&[flag]).unwrap_or_else(|error| panic!("{key}: {error}"));
    let [default_value, changed_value] = [&default, &changed].map(|settings| value_of(settings, key));
    let [before, after] =
        [&default, &changed].map(|settings| Stack::new(&settings.pipeline, FunctionArtifact::empty()));
    let [known_before, known_after] = [&before, &after].map(references);
    let mut effects: Vec<String> = Vec::new();
    for (before, after) in before.resources().into_iter().zip(after.resources()) {
        let kind = before.kind();
        if before.name() != after.name() {
            effects.push(format!("{kind}: new resource"));
            continue;
        }
        let there = compare((before, &known_before), (after, &known_after));
        let back = compare((after, &known_after), (before, &known_before));
        assert_eq!(there.is_some(), back.is_some(), "{key}");
        match (there, back) {
            (None, _) | (_, None) => {}
            (Some(Change::Replaces), _) => effects.push(format!("{kind}: replaces")),
            (Some(Change::Loses), Some(Change::Loses)) => effects.push(format!("{kind}: in place, asks")),
            (Some(Change::Loses), _) => effects.push(loses(kind.as_str(), &default_value, &changed_value)),
            (_, Some(Change::Loses)) => effects.push(loses(kind.as_str(), &changed_value, &default_value)),
            _ => effects.push(format!("{kind}: in place")),
        }
    }
    assert!(!effects.is_empty(), "a change of {key} changes no resource");
    effects.join("; ")
}

fn loses(kind: &str, from: &str, to: &str) -> String {
    format!("{kind}: in place; asks from `{from}` to `{to}`")
}

fn value_of(settings: &Settings, key: &str) -> String {
    settings.origins.iter().find(|setting| setting.key == key).unwrap().value.clone()
}

/// The effect of a change on one resource, from mild to severe.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    InPlace,
    Loses,
    Replaces,
}

/// Returns names in place of ARNs, so that a resource differs if it refers to another one.
fn references(stack: &Stack) -> ArnRegistry {
    let references = ArnRegistry::default();
    stack.resources().iter().for_each(|resource| references.publish(resource.kind(), resource.name()));
    references
}

type Known<'a> = (&'a dyn Resource, &'a ArnRegistry);

fn compare((before, known_before): Known<'_>, (after, known_after): Known<'_>) -> Option<Change> {
    let found = Observed { state: State::Active, properties: before.desired(known_before), ..Observed::missing() };
    let differences = differences(after, known_after, &found);
    match differences.as_slice() {
        [] => None,
        all if all.iter().any(|difference| difference.replaces) => Some(Change::Replaces),
        all if all.iter().any(|difference| difference.loses_data) => Some(Change::Loses),
        _ => Some(Change::InPlace),
    }
}

/// Returns the text as a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn reference() -> String {
    let meanings = meanings();
    let settings: Vec<_> = settle(&[]).unwrap().origins.into_iter().chain([tags()]).collect();
    let section_of = |setting: &Setting| setting.key.split_once('.').map(|(section, _)| section.to_owned());
    let mut text = INTRODUCTION.to_owned();
    for settings in settings.chunk_by(|one, other| section_of(one) == section_of(other)) {
        let section = section_of(&settings[0]).filter(|section| !section.is_empty());
        let title = section.as_ref().map_or_else(|| "At the top of the file".to_owned(), |name| format!("[{name}]"));
        let meaning = section.and_then(|name| meanings.get(&name)).map(|meaning| format!("\n{meaning}\n"));
        write!(text, "\n## {title}\n{}", meaning.unwrap_or_default()).unwrap();
        text.push_str("\n| setting | default | values | environment variable | effect of a change |\n");
        text.push_str("|---|---|---|---|---|\n");
        for Setting { key, value, .. } in settings {
            let variable = format!("SENSORCTL_{}", key.replace('.', "_").to_ascii_uppercase());
            let (values, effect) = (cell(&values(key)), cell(&effect(key)));
            writeln!(text, "| `{key}` | `{value}` | {values} | `{variable}` | {effect} |").unwrap();
        }
        text.push('\n');
        for Setting { key, .. } in settings {
            let meaning = meanings.get(key).unwrap_or_else(|| panic!("{key} has no comment in the template"));
            writeln!(text, "- `{key}`: {meaning}").unwrap();
        }
    }
    text
}

/// Returns the setting for tags, which are resolved only if some are configured.
fn tags() -> Setting {
    Setting { key: "tags".to_owned(), value: "{}".to_owned(), origin: SettingOrigin::Default }
}

#[test]
fn settings_reference_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md");
    let reference = reference();
    if std::env::var(BLESS).is_ok_and(|value| value == "always") {
        std::fs::write(&path, &reference).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == reference,
        "docs/settings.md is stale; `{BLESS}=always cargo test --lib settings::reference` rewrites it"
    );
}

#[test]
fn settings_changes_cover_every_setting_once() {
    let with_effect = CHANGES.iter().map(|(key, _)| *key).chain(OTHER_EFFECTS.iter().map(|(key, _)| *key));
    let mut known: Vec<_> = with_effect.map(str::to_owned).collect();
    known.sort();
    let mut all: Vec<_> = settle(&[]).unwrap().origins.into_iter().chain([tags()]).map(|setting| setting.key).collect();
    all.sort();
    assert_eq!(known, all);
}
