//! Checks of the documents that comments and other documents refer to.

use std::path::{Path, PathBuf};

use crate::support::repository;

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files
}

fn headings(document: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(document).unwrap_or_else(|error| panic!("{}: {error}", document.display()));
    text.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect()
}

/// Returns the text of a source file as one line, without comment marks: a citation may continue on the next line.
fn joined(source: &str) -> String {
    let line = |line: &str| line.trim_start().trim_start_matches(['/', '!']).trim().to_owned();
    source.lines().map(line).collect::<Vec<_>>().join(" ")
}

#[test]
fn citations_of_facts_name_existing_sections() {
    let mut cited = 0;
    for file in ["src", "lambda/src"].iter().flat_map(|folder| files_below(&repository(folder), "rs")) {
        let text = joined(&std::fs::read_to_string(&file).unwrap());
        assert!(!text.contains("(facts"), "{}: a comment cites facts without their file in docs/facts", file.display());
        for (start, _) in text.match_indices("docs/facts/") {
            let Some((name, rest)) = text[start..].split_once(".md, ").filter(|(name, _)| !name.contains(' ')) else {
                continue;
            };
            let headings = headings(&repository(&format!("{name}.md")));
            let section: String = rest.chars().take(40).collect();
            let is_there = headings.iter().any(|heading| rest.starts_with(heading.as_str()));
            assert!(is_there, "{}: {name}.md has no section `{section}…`: {headings:?}", file.display());
            cited += 1;
        }
    }
    assert!(cited > 50, "only {cited} citations were found");
}

#[test]
fn links_between_documents_lead_to_files_and_sections() {
    let mut documents = files_below(&repository("docs"), "md");
    documents.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(repository));
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains(char::is_whitespace) {
                continue;
            }
            let (path, section) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { document.clone() } else { document.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: the link {link} leads nowhere", document.display());
            let is_there = section.is_empty() || anchors(&target).iter().any(|anchor| anchor == section);
            assert!(is_there, "{}: {link} has no such section: {:?}", document.display(), anchors(&target));
        }
    }
}

/// Returns the anchors that a forge gives the headings of a document.
fn anchors(document: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(document).unwrap();
    let kept = |character: &char| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_');
    let heading = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        title.chars().filter(kept).collect::<String>().replace(' ', "-")
    };
    text.lines().filter(|line| line.starts_with('#')).map(heading).collect()
}

/// Returns the text in backticks in the first cell of each row.
fn messages(document: &str) -> Vec<&str> {
    let rows = document.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    rows.flat_map(|cell| {
        // Two backticks enclose a message that contains one itself.
        let mark = if cell.contains("``") { "``" } else { "`" };
        cell.split(mark).skip(1).step_by(2)
    })
    .collect()
}

#[test]
fn messages_of_troubleshooting_are_in_the_source() {
    let sources = files_below(&repository("src"), "rs").into_iter().chain(files_below(&repository("lambda/src"), "rs"));
    let source: String = sources.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    // A string that continues on the next line.
    let parts = source.split("\\\n").enumerate();
    let source: String = parts.map(|(at, part)| if at == 0 { part } else { part.trim_start() }).collect();
    let document = std::fs::read_to_string(repository("docs/troubleshooting.md")).unwrap();
    let messages = messages(&document);
    assert!(messages.len() > 40, "{messages:?}");
    for message in messages {
        // `…` and words in capitals stand for variable parts. A short remainder is found anywhere.
        let is_name =
            |word: &str| word.len() > 2 && word.chars().all(|letter| letter.is_ascii_uppercase() || letter == ':');
        let fixed = message.split(' ').map(|word| if is_name(word) { "…" } else { word });
        let fixed = fixed.collect::<Vec<_>>().join(" ");
        for part in
            fixed.split('…').map(|part| part.trim_matches([' ', '.', ':', ',', '`'])).filter(|part| part.len() > 7)
        {
            assert!(source.contains(part), "no message says `{part}` of `{message}`");
        }
    }
}
