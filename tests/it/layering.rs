//! Data flows one way: no file names a layer above its own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::repository;

/// A layer, and what it may not name.
const RULES: [(&str, &[&str]); 6] = [
    ("aws", &["cli", "commands", "context", "output", "stack", "pipeline", "local"]),
    ("stack", &["cli", "commands", "context", "output", "pipeline", "local"]),
    ("pipeline", &["cli", "commands", "context", "output", "stack", "local"]),
    ("local", &["cli", "commands", "context", "output", "stack", "pipeline"]),
    ("output", &["commands", "context", "local", "aws"]),
    ("settings", &["commands", "context", "output", "pipeline", "local", "aws"]),
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn no_layer_names_one_above_it() {
    let source = repository("src");
    let all = files(&source);
    assert!(all.len() > 50, "the source is where it was");
    let mut upward = Vec::new();
    for path in all {
        let name = path.strip_prefix(&source).unwrap().to_str().unwrap().to_owned();
        let layer = name.split(['/', '.']).next().unwrap();
        let Some((_, forbidden)) = RULES.iter().find(|(ruled, _)| *ruled == layer) else { continue };
        let text = fs::read_to_string(&path).unwrap();
        for above in *forbidden {
            if text.contains(&format!("crate::{above}::")) || text.contains(&format!("crate::{above};")) {
                upward.push(format!("{name} names crate::{above}"));
            }
        }
    }
    assert!(upward.is_empty(), "{upward:#?}");
}
