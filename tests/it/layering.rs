//! Dependencies of the binary point one way: a file does not import a layer above its own, and only the edges use the
//! AWS SDK. `sensorctl-local`, `sensorctl-policy` and `sensor_model` are crates with boundaries that the compiler
//! enforces.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::repository;

/// A layer, and the modules that it may not import.
const RULES: &[(&str, &[&str])] = &[
    ("aws", &["cli", "commands", "context", "operate", "output", "pipeline", "settings", "stack"]),
    ("error", &["aws", "cli", "commands", "context", "operate", "output", "pipeline", "settings", "stack"]),
    ("loopback", &["aws", "cli", "commands", "context", "error", "operate", "output", "pipeline", "settings", "stack"]),
    (
        "temporary_files",
        &["aws", "cli", "commands", "context", "error", "operate", "output", "pipeline", "settings", "stack"],
    ),
    (
        "whole_lines",
        &["aws", "cli", "commands", "context", "error", "operate", "output", "pipeline", "settings", "stack"],
    ),
    ("units", &["aws", "cli", "commands", "context", "error", "operate", "output", "pipeline", "settings", "stack"]),
    ("hint_flags", &["aws", "commands", "context", "error", "operate", "output", "pipeline", "settings", "stack"]),
    ("observer", &["aws", "cli", "commands", "context", "error", "operate", "output", "pipeline", "settings", "stack"]),
    ("stack", &["cli", "commands", "context", "operate", "output", "pipeline"]),
    ("pipeline", &["cli", "commands", "context", "operate", "output", "stack"]),
    ("operate", &["cli", "commands", "context", "output"]),
    ("output", &["aws", "commands", "context", "settings"]),
    ("settings", &["aws", "commands", "context", "operate", "output", "pipeline"]),
    ("context", &["commands", "operate", "pipeline", "stack"]),
    ("cli", &["aws", "context", "operate", "pipeline", "settings", "stack"]),
    ("global_flags", &["aws", "commands", "context", "operate", "pipeline", "settings", "stack"]),
    ("raw_arguments", &["aws", "commands", "context", "operate", "output", "pipeline", "settings", "stack"]),
    ("usage_error", &["aws", "commands", "context", "operate", "pipeline", "settings", "stack"]),
];

/// Files that may use types of the AWS SDK: its own layer, the resources, the ends of the data path.
const EDGES: &[&str] = &[
    "aws",
    "stack/resources/function",
    "stack/resources/log_group",
    "stack/resources/event_source_mapping",
    "stack/resources/role",
    "stack/resources/stream",
    "stack/resources/table",
    "pipeline/read/",
    "operate/diagnosis/reads",
    "operate/dead_letters/deletion.rs",
    "operate/dead_letters/stream_range.rs",
    "operate/dead_letters/table.rs",
    "operate/doctor/calls.rs",
    "operate/function_log/line.rs",
    "operate/invocation",
    "operate/metrics/read.rs",
    "operate/lag/stream_page.rs",
    "operate/dead_letter_count.rs",
    "operate/permissions/simulation.rs",
    "pipeline/canary.rs",
    "pipeline/delivery.rs",
    "pipeline/canary/cleanup.rs",
    "pipeline/put/sender.rs",
    "pipeline/tail/fan_out_reader.rs",
    "pipeline/tail/polling_reader.rs",
    "pipeline/tail/stream_consumer.rs",
    "pipeline/put/stream_lookup.rs",
    "pipeline/simulate/deletion.rs",
    "pipeline/simulate/rejected.rs",
];

/// Separate crates below `src`: the compiler enforces their boundaries.
const CRATES: [&str; 2] = ["local", "policy"];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if CRATES.iter().any(|name| path.ends_with(Path::new("src").join(name))) {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

/// Returns name (below `src`) and text of each source file, without its tests.
fn sources() -> Vec<(String, String)> {
    let source = repository("src");
    let all = files(&source);
    assert!(all.len() > 50, "the source files were found");
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&source).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
        (name, text)
    };
    let below = |path: &PathBuf| path.strip_prefix(&source).unwrap().to_owned();
    let is_test = |path: &PathBuf| path.ends_with("tests.rs") || below(path).iter().any(|part| part == "tests");
    all.into_iter().filter(|path| !is_test(path)).map(read).collect()
}

/// Returns the top-level modules that a text names, alone or in a group.
fn named(text: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = Vec::new();
    for rest in text.split("crate::").skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            names.push(word(rest));
            continue;
        };
        let (mut depth, mut at_name) = (0, true);
        for (at, letter) in group.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => at_name = true,
                _ if at_name && letter.is_alphanumeric() => {
                    names.push(word(&group[at..]));
                    at_name = false;
                }
                _ => {}
            }
        }
    }
    names
}

#[test]
fn crate_paths_are_found_alone_and_in_groups() {
    let text = "use crate::aws::Failure; use crate::{error::Error, output::{Format, Output}, stack}; crate::stack::x()";
    assert_eq!(named(text), ["aws", "error", "output", "stack", "stack"]);
}

#[test]
fn layers_never_import_upward() {
    let mut upward = Vec::new();
    for (name, text) in sources() {
        let layer = name.split(['/', '.']).next().unwrap();
        let Some((_, forbidden)) = RULES.iter().find(|(ruled, _)| *ruled == layer) else {
            assert!(["main", "lib", "commands"].contains(&layer), "there is no rule for {name}");
            continue;
        };
        let above = named(&text).into_iter().filter(|other| forbidden.contains(&other.as_str()));
        upward.extend(above.map(|other| format!("{name} names crate::{other}")));
    }
    assert!(upward.is_empty(), "{upward:#?}");
}

#[test]
fn aws_sdk_is_used_only_at_the_edges() {
    let is_sdk = |text: &str| ["aws_sdk_", "aws_smithy_", "aws_config::"].iter().any(|part| text.contains(part));
    let mut inside = Vec::new();
    let mut seen = 0;
    for (name, text) in sources() {
        let may = EDGES.iter().any(|edge| name.starts_with(edge));
        if is_sdk(&text) {
            seen += 1;
            if !may {
                inside.push(name);
            }
        }
    }
    assert!(seen > 10 && inside.is_empty(), "{inside:#?}");
}
