//! `rejects replay --edit`: the data of dead letters in the user's editor.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use super::agreed_letters::AgreedLetters;
use super::replay_run::Candidate;
use crate::context::Context;
use crate::error::Error;
use crate::operate::{DeadLetter, DeadLetterId, ReplayReason};
use crate::output::one_line;
use crate::temporary_files::RemovedAtExit;
use crate::whole_lines;

/// Dead letters that fit into one file for a person.
const MAX_LETTERS: usize = 1000;
/// Bytes that do.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Reads dead letters and lets the user edit them.
///
/// # Errors
/// If there is no editor, it fails, there are too many dead letters, or the edited file cannot be understood.
pub(super) async fn edited(context: &Context, agreed: &mut AgreedLetters<'_>) -> Result<Vec<Candidate>, Error> {
    let editor = editor(|name| std::env::var_os(name))?;
    let stopped = || Error::interrupted("interrupted; nothing was sent");
    let (mut letters, mut bytes): (Vec<DeadLetter>, usize) = (Vec::new(), 0);
    while let Some(letter) = context.or_interrupt(agreed.next(), stopped).await? {
        bytes += letter.data.len();
        if letters.len() == MAX_LETTERS || bytes > MAX_BYTES {
            return Err(Error::usage(format!("`--edit` takes at most {MAX_LETTERS} dead letters, and 4 MiB of data"))
                .hint("`--limit`, `--reason` or ids choose some; `--field` and `--map` change any number"));
        }
        letters.push(letter);
    }
    let text = file_text(&letters);
    if text.is_empty() {
        return Ok(letters.into_iter().map(not_editable).collect());
    }
    let work = tokio::task::spawn_blocking(move || edit(&editor, &text));
    let changed = work.await.map_err(|error| Error::failed("the editor could not be run").with_source(error))??;
    if context.interrupt.is_cancelled() {
        return Err(stopped());
    }
    let mut changed = read_back(&changed, &letters)?;
    let candidate = |letter: DeadLetter| {
        if !is_editable(&letter) {
            return not_editable(letter);
        }
        let edited = match changed.remove(&letter.id.to_string()) {
            // An editor may add or take away the end of the last line.
            Some(text) if text.as_bytes() == trimmed(&letter.data) => None,
            Some(text) => Some(Ok(text.into_bytes())),
            None => Some(Err(ReplayReason::new("left-out", "it was left out of the edited file"))),
        };
        Candidate { letter, edited }
    };
    Ok(letters.into_iter().map(candidate).collect())
}

/// Returns the user's editor, which may have arguments.
fn editor(variable: impl Fn(&str) -> Option<OsString>) -> Result<OsString, Error> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    set("VISUAL").or_else(|| set("EDITOR")).ok_or_else(|| {
        Error::usage("`--edit` needs an editor, and neither VISUAL nor EDITOR is set")
            .hint("set one, as in `EDITOR=nano`; `--field NAME=VALUE` changes a key without an editor")
    })
}

/// Opens a text in the user's editor, in a temporary file that is removed in every case.
fn edit(editor: &OsString, text: &str) -> Result<String, Error> {
    // A second signal, which ends the process at once, waits until it is known that the file must be removed.
    let writing = whole_lines::writing();
    let failed = |error: std::io::Error| Error::failed("could not write a temporary file to edit").with_source(error);
    let mut file = tempfile::Builder::new().prefix("sensorctl-").suffix(".txt").tempfile().map_err(failed)?;
    let _removed = RemovedAtExit::new(file.path());
    drop(writing);
    file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(failed)?;
    let path = file.into_temp_path();
    run_editor(editor, &path)?;
    let changed = std::fs::read(&path);
    let changed = changed.map_err(|error| Error::failed("could not read the edited file").with_source(error))?;
    let not_text = |_| Error::failed("the edited file is not UTF-8; nothing was sent");
    String::from_utf8(changed).map_err(not_text)
}

fn run_editor(editor: &OsString, path: &Path) -> Result<(), Error> {
    let name = one_line(&editor.to_string_lossy()).into_owned();
    let mut command = editor.clone();
    command.push(" \"$1\"");
    let status = Command::new("sh").arg("-c").arg(command).arg("sh").arg(path).status();
    let status = status.map_err(|error| Error::failed(format!("could not run {name}")).with_source(error))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::failed(format!("{name} ended with {status}; nothing was sent")))
}

const HEAD: &str = "\
# Below each line `# ID` stands the data of a dead letter, and why it was rejected. Change the data, save, and close the
# editor. A dead letter whose lines are deleted is left alone.
";

fn header(id: &DeadLetterId) -> String {
    format!("# {id}")
}

/// Returns whether the data can stand in the file: whole, UTF-8, and no line of it looks like one of ours.
fn is_editable(letter: &DeadLetter) -> bool {
    letter.missing_parts == 0
        && !letter.data.is_empty()
        && std::str::from_utf8(&letter.data).is_ok_and(|text| !text.lines().any(|line| line.starts_with("# ")))
}

fn not_editable(letter: DeadLetter) -> Candidate {
    let message = "it is no text that can be edited, or its parts are missing";
    Candidate { letter, edited: Some(Err(ReplayReason::new("not-editable", message))) }
}

fn file_text(letters: &[DeadLetter]) -> String {
    let mut text = String::new();
    for letter in letters.iter().filter(|letter| is_editable(letter)) {
        let data = String::from_utf8_lossy(trimmed(&letter.data));
        text.push_str(&format!("{}\n# {}: {}\n{data}\n", header(&letter.id), letter.reason, one_line(&letter.message)));
    }
    if text.is_empty() { text } else { format!("{HEAD}{text}") }
}

/// Returns data without the end of its last line.
fn trimmed(data: &[u8]) -> &[u8] {
    data.strip_suffix(b"\n").unwrap_or(data)
}

/// Returns the edited data by id.
fn read_back(text: &str, letters: &[DeadLetter]) -> Result<BTreeMap<String, String>, Error> {
    let known: BTreeMap<String, String> =
        letters.iter().map(|letter| (header(&letter.id), letter.id.to_string())).collect();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut open: Option<(String, Vec<&str>)> = None;
    let mut close = |open: Option<(String, Vec<&str>)>| {
        let Some((id, lines)) = open else { return Ok(()) };
        let data = lines.join("\n");
        if data.trim().is_empty() {
            return Ok(());
        }
        match found.insert(id.clone(), data) {
            None => Ok(()),
            Some(_) => Err(Error::failed(format!("the edited file has {id} twice; nothing was sent"))),
        }
    };
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(id) = known.get(line.trim_end()) {
            close(open.replace((id.clone(), Vec::new())))?;
        } else if line.strip_prefix("# ").is_some_and(|rest| rest.parse::<DeadLetterId>().is_ok()) {
            return Err(Error::failed(format!("line {number} of the edited file is no id of these; nothing was sent")));
        } else if let (Some((_, lines)), false) = (&mut open, line.starts_with("# ")) {
            lines.push(line);
        }
    }
    close(open)?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(sequence: u32, data: &[u8]) -> DeadLetter {
        DeadLetter {
            id: format!("shardId-0/{sequence}/0").parse().unwrap(),
            reason: "not-json".into(),
            message: "not JSON\u{1b}".into(),
            partition_key: String::new(),
            arrived: None,
            expires: None,
            data: data.into(),
            parts: Vec::new(),
            missing_parts: 0,
        }
    }

    #[test]
    fn edited_file_gives_each_dead_letter_its_data_back() {
        let letters = [letter(1, b"{\n \"a\": 1}\n"), letter(2, b"# x"), letter(3, b"\xff"), letter(4, b"{")];
        let text = file_text(&letters);
        assert_eq!(
            text.strip_prefix(HEAD).unwrap(),
            "# shardId-0/1/0\n# not-json: not JSON\u{fffd}\n{\n \"a\": 1}\n# shardId-0/4/0\n# not-json: not JSON\u{fffd}\n{\n"
        );
        let back = read_back(&text, &letters).unwrap();
        let back: Vec<_> = back.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
        assert_eq!(back, [("shardId-0/1/0", "{\n \"a\": 1}"), ("shardId-0/4/0", "{")]);
        let one = read_back("# shardId-0/4/0\n{}\n", &letters).unwrap();
        assert_eq!(one.into_iter().collect::<Vec<_>>(), [("shardId-0/4/0".to_owned(), "{}".to_owned())]);
        for wrong in ["# shardId-0/9/0\n{}", "# shardId-0/4/0\n{}\n# shardId-0/4/0\n{}"] {
            assert!(read_back(wrong, &letters).unwrap_err().full_message().contains("nothing was sent"));
        }
    }

    #[test]
    fn temporary_file_is_for_its_owner_alone_and_removed_also_after_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        let seen = seen.to_str().unwrap();
        let editor =
            |end: &str| OsString::from(format!("f() {{ stat -c %a \"$1\" >{seen}; echo \"$1\" >>{seen}; {end}; }}; f"));
        let end = |editor: &OsString| {
            let changed = edit(editor, "text");
            let told = std::fs::read_to_string(seen).unwrap();
            let (mode, path) = told.trim().split_once('\n').unwrap();
            assert!(mode == "600" && !Path::new(path).exists(), "{told}");
            changed
        };
        assert_eq!(end(&editor("echo more >>\"$1\"")).unwrap(), "textmore\n");
        let error = end(&editor("false")).unwrap_err();
        assert!(error.full_message().ends_with("nothing was sent"), "{}", error.full_message());
    }

    #[test]
    fn editor_is_visual_then_editor() {
        let of = |pairs: &[(&str, &str)]| {
            let found = |name: &str| pairs.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into());
            editor(found).ok()
        };
        assert_eq!(of(&[("VISUAL", "a"), ("EDITOR", "b")]), Some("a".into()));
        assert_eq!(of(&[("VISUAL", ""), ("EDITOR", "b")]), Some("b".into()));
        assert_eq!(of(&[]), None);
    }
}
