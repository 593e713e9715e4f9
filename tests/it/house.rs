//! The house rules that no compiler checks: no import cycle between files, and files of a size that one can read.

mod module_graph;

use std::collections::BTreeSet;
use std::path::Path;

use self::module_graph::{ModuleGraph, cycles};
use crate::support::repository;

/// The root files of the crates.
const CRATES: [&str; 4] = ["src/lib.rs", "src/local/lib.rs", "src/policy/lib.rs", "lambda/src/lib.rs"];

/// Files of cycles that are still to be cut.
const OPEN: [&str; 2] = ["src/cli.rs", "src/pipeline/input/source.rs"];

#[test]
fn files_import_each_other_in_no_cycle() {
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
