//! House rules that the compiler does not check: no import cycle between files, and files of a readable size.

mod module_graph;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use self::module_graph::{ModuleGraph, cycles};
use crate::support::repository;

/// The root files of the crates.
const CRATES: [&str; 4] = ["src/lib.rs", "src/local/lib.rs", "src/policy/lib.rs", "lambda/src/lib.rs"];

/// Files of cycles that are still to be cut.
const OPEN: [&str; 0] = [];

#[test]
fn imports_between_files_have_no_cycle() {
    let mut found = Vec::new();
    let mut files = 0;
    for root in CRATES {
        let root = repository(root);
        let graph = ModuleGraph::read(&root);
        let imports = graph.imports();
        files += imports.len();
        let shown = |path: &Path| path.strip_prefix(root.parent().unwrap()).unwrap().display().to_string();
        let open = |cycle: &BTreeSet<&Path>| !cycle.iter().any(|file| OPEN.iter().any(|open| file.ends_with(open)));
        for cycle in cycles(&imports).into_iter().filter(open) {
            let edges = imports.iter().filter(|(file, _)| cycle.contains(*file)).flat_map(|(file, imported)| {
                let inside = imported.iter().filter(|(other, _)| cycle.contains(*other));
                inside.map(|(other, path)| format!("  {} -> {} ({path})", shown(file), shown(other)))
            });
            found.push(format!("{} files:\n{}", cycle.len(), edges.collect::<Vec<_>>().join("\n")));
        }
    }
    assert!(files > 300, "the source files were found: {files}");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Words at the beginning of a comment that name no thing: a summary says what it is, or what it does.
const CLAUSE_WORDS: [&str; 7] = ["What ", "Who ", "Whether ", "That ", "So many ", "Nobody ", "Nothing of "];

#[test]
fn comments_begin_with_thing_or_verb() {
    let mut found = Vec::new();
    let seen = each_source(&["src", "lambda/src"], |path, text| {
        for (line, text) in text.lines().enumerate() {
            let comment =
                text.trim_start().strip_prefix("//").map(|rest| rest.trim_start_matches(['/', '!']).trim_start());
            if comment.is_some_and(|text| CLAUSE_WORDS.iter().any(|word| text.starts_with(word))) {
                found.push(format!("{}:{}: {}", path.display(), line + 1, text.trim()));
            }
        }
    });
    assert!(seen > 400, "the files were found: {seen}");
    assert!(found.is_empty(), "{found:#?}");
}

/// Lines of a file above which it needs a reason.
const READABLE_LINES: usize = 400;

#[test]
fn files_above_readable_size_give_reason_in_first_comment() {
    let mut long = Vec::new();
    let seen = each_source(&["src", "lambda/src", "tests", "lambda/tests"], |path, text| {
        let summary = text.lines().take_while(|line| line.starts_with("//!")).collect::<String>();
        if text.lines().count() > READABLE_LINES && !summary.contains("One file because") {
            long.push(format!("{}: {} lines", path.display(), text.lines().count()));
        }
    });
    assert!(seen > 400, "the files were found: {seen}");
    assert!(long.is_empty(), "{long:#?}");
}

/// Calls `check` with the path and text of each Rust file in the folders. Returns how many there are.
fn each_source(folders: &[&str], mut check: impl FnMut(&Path, &str)) -> usize {
    let mut files: Vec<_> = folders.iter().map(|folder| repository(folder)).collect();
    let mut seen = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            seen += 1;
            check(&path, &fs::read_to_string(&path).unwrap());
        }
    }
    seen
}
