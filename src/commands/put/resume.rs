//! How to go on after a bulk put that did not send everything: commands that lose nothing and double nothing.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::PutArgs;
use super::output_files::is_stdout;
use crate::output::units;
use crate::pipeline::{AggregationChoice, InputOrigin, Unread};
use crate::settings::HintFlags;

/// Maximum number of unread inputs that are named; the rest is counted.
const NAMED: usize = 5;

/// A bulk put that did not send everything.
pub(super) struct ResumeHint<'a> {
    pub args: &'a PutArgs,
    /// Readings that were read and not sent.
    pub failed: u64,
    /// True if the file of `--failed` holds them.
    pub failed_are_kept: bool,
    /// Inputs that were not read to their end.
    pub unread: &'a [Unread],
}

impl ResumeHint<'_> {
    /// Returns the unread inputs, and the commands that bring everything into the stream, in the order to run them in.
    pub(super) fn hints(&self, flags: &HintFlags) -> Vec<String> {
        let ResumeHint { args, failed, failed_are_kept, unread } = self;
        if unread.is_empty() && *failed == 0 {
            return Vec::new();
        }
        let mut hints: Vec<_> = unread.iter().take(NAMED).map(described).collect();
        if unread.len() > NAMED {
            hints.push(format!("{} more inputs were not read", unread.len() - NAMED));
        }
        if args.dry_run {
            hints.push("nothing was sent (--dry-run): check the same input again".to_owned());
            return hints;
        }
        if args.checkpoint.is_some() {
            hints.push(format!("{} goes on where this run ended", flags.command("put", self.words(&args.files, true))));
            return hints;
        }
        match &args.failed {
            // All of it was read, so that file has all that is missing.
            Some(kept) if *failed_are_kept && unread.is_empty() => hints.push(self.send_kept(kept, flags)),
            _ if args.files.iter().all(is_replayable) => hints.push(format!(
                "put the same input again: {}; a reading replaces the one of its sensor and time, so nothing is doubled",
                flags.command("put", self.words(&args.files, true))
            )),
            kept => hints.extend(self.around_a_pipe(kept.as_ref(), flags)),
        }
        hints
    }

    /// The same where one of the inputs cannot be read again. The files of `--rejects` and `--failed` hold lines of it,
    /// so no command writes to them. What was kept goes first: what was not read comes after it in the input.
    fn around_a_pipe(&self, kept: Option<&PathBuf>, flags: &HintFlags) -> Vec<String> {
        let mut hints = Vec::new();
        let is_kept = self.failed_are_kept;
        match kept {
            Some(kept) if is_kept && self.failed > 0 => hints.push(self.send_kept(kept, flags)),
            _ if self.failed > 0 => hints.push(format!(
                "{} readings were read and not sent; those from a pipe are lost: `--failed FILE` keeps them",
                units::count(self.failed)
            )),
            _ => {}
        }
        let is_unread = |file: &PathBuf| {
            let origin = InputOrigin::from(file.as_path());
            self.unread.iter().any(|unread| unread.origin == origin)
        };
        // Where nothing is kept, a file that was read to its end may have failed readings, too.
        let again = self.args.files.iter().filter(|file| is_replayable(file) && (!is_kept || is_unread(file)));
        let again: Vec<_> = again.cloned().collect();
        if self.unread.iter().any(|unread| !unread.origin.is_replayable()) {
            hints.push("put what the pipe still held again, from that line on".to_owned());
        }
        if !again.is_empty() {
            hints.push(format!("put again: {}", flags.command("put", self.words(&again, false))));
        }
        hints
    }

    fn send_kept(&self, kept: &PathBuf, flags: &HintFlags) -> String {
        if is_stdout(kept) {
            return "what was read and not sent is on standard output: put it again".to_owned();
        }
        // It is NDJSON with everything in it, whatever the form of the input was.
        let mut words = Vec::new();
        push(&mut words, "--file", kept);
        if let Some(rate) = self.args.rate {
            push(&mut words, "--rate", rate.to_string());
        }
        push_aggregation(&mut words, self.args);
        format!("{} sends again what was read and not sent", flags.command("put", words))
    }

    /// The arguments that put these files as this run did.
    fn words(&self, files: &[PathBuf], writes: bool) -> Vec<OsString> {
        let args = self.args;
        let mut words = Vec::new();
        for file in files {
            push(&mut words, "--file", file);
        }
        for (flag, value) in args.input_options().flags() {
            match value {
                Some(value) => push(&mut words, flag, value),
                None => words.push(flag.into()),
            }
        }
        if args.strict {
            words.push("--strict".into());
        }
        args.rate.iter().for_each(|rate| push(&mut words, "--rate", rate.to_string()));
        push_aggregation(&mut words, args);
        args.max_errors.iter().for_each(|most| push(&mut words, "--max-errors", most.to_string()));
        if writes {
            args.rejects.iter().for_each(|file| push(&mut words, "--rejects", file));
            args.failed.iter().for_each(|file| push(&mut words, "--failed", file));
            args.checkpoint.iter().for_each(|file| push(&mut words, "--checkpoint", file));
            let holds_something =
                |file: &PathBuf| fs::metadata(file).is_ok_and(|found| found.is_file() && found.len() > 0);
            // A run that goes on appends to them.
            if args.checkpoint.is_none() && args.rejects.iter().chain(&args.failed).any(holds_something) {
                words.push("--force".into());
            }
        }
        words
    }
}

fn push_aggregation(words: &mut Vec<OsString>, args: &PutArgs) {
    match args.aggregation() {
        AggregationChoice::Auto => {}
        AggregationChoice::Always => push(words, "--aggregation", "always"),
        AggregationChoice::Never => push(words, "--aggregation", "never"),
    }
}

/// Appends a flag with its value; one that begins like a flag stays in the flag's own word.
fn push(words: &mut Vec<OsString>, flag: &str, value: impl Into<OsString>) {
    let value = value.into();
    if value.to_string_lossy().starts_with('-') && value != "-" {
        let mut word = OsString::from(format!("{flag}="));
        word.push(value);
        words.push(word);
    } else {
        words.extend([flag.into(), value]);
    }
}

fn is_replayable(file: impl AsRef<Path>) -> bool {
    InputOrigin::from(file.as_ref()).is_replayable()
}

/// Describes the unread part of an input, as far as it is known.
fn described(unread: &Unread) -> String {
    let Unread { origin, lines_read, lines, bytes } = unread;
    let name = match origin {
        InputOrigin::Stdin => "standard input".to_owned(),
        InputOrigin::File(path) => path.display().to_string(),
    };
    match (lines, bytes) {
        (Some(1), _) => format!("1 line of {name} was not read"),
        (Some(lines), _) => format!("{} lines of {name} were not read", units::count(*lines)),
        (None, Some(bytes)) => format!("{} of {name} were not read", units::bytes(*bytes)),
        (None, None) => format!("{name} was read up to line {}; what it still held was not", units::count(*lines_read)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;
    use crate::commands::Command;

    /// The hints after a put of these arguments, and the folder of its files.
    struct Scene(tempfile::TempDir);

    impl Scene {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            for name in ["a.csv", "b.ndjson"] {
                std::fs::write(dir.path().join(name), "x\ny\n").unwrap();
            }
            Scene(dir)
        }

        fn path(&self, name: &str) -> String {
            self.0.path().join(name).display().to_string()
        }

        /// `line` names files without their folder, and so do the hints.
        fn hints(&self, line: &str, failed: u64, unread: &[Unread]) -> Vec<String> {
            let folder = format!("{}/", self.0.path().display());
            let words = line.split(' ').map(|word| if word.contains('.') { self.path(word) } else { word.to_owned() });
            let cli = Cli::try_parse_from(["sensorctl".to_owned()].into_iter().chain(words)).unwrap();
            let Command::Put(args) = cli.command else { panic!("{line}") };
            let failed_are_kept = args.failed.is_some();
            let resume = ResumeHint { args: &args, failed, failed_are_kept, unread };
            let hints = resume.hints(&HintFlags::default());
            // Every command can be typed.
            for command in hints.iter().filter_map(|hint| hint.split('`').nth(1)).filter(|it| it.contains("put")) {
                assert!(Cli::try_parse_from(command.split(' ')).is_ok(), "{command}");
            }
            hints.into_iter().map(|hint| hint.replace(&folder, "")).collect()
        }

        fn of(&self, name: &str, lines_read: u64, lines: u64) -> Unread {
            let path = Path::new(&self.path(name)).to_owned();
            Unread { origin: InputOrigin::File(path), lines_read, lines: Some(lines), bytes: Some(4) }
        }
    }

    const PIPE: Unread = Unread { origin: InputOrigin::Stdin, lines_read: 57, lines: None, bytes: None };
    const NOT_DOUBLED: &str = "; a reading replaces the one of its sensor and time, so nothing is doubled";

    #[test]
    fn files_that_were_not_read_to_the_end_are_put_again_as_a_whole_with_the_same_flags() {
        let scene = Scene::new();
        let line =
            "put --file a.csv --file b.ndjson --format csv --map current_time=date --rate 5 --rejects r.x --failed f.x";
        assert_eq!(
            scene.hints(line, 7, &[scene.of("a.csv", 3, 2), scene.of("b.ndjson", 0, 1)]),
            [
                "2 lines of a.csv were not read".to_owned(),
                "1 line of b.ndjson was not read".to_owned(),
                format!("put the same input again: `sensorctl {line}`{NOT_DOUBLED}"),
            ]
        );
        assert_eq!(scene.hints("put --file a.csv", 7, &[]).len(), 1, "nothing keeps what failed");
        assert_eq!(scene.hints("put --file a.csv --failed f.x", 0, &[]), [""; 0], "all of it was sent");
    }

    #[test]
    fn kept_readings_alone_are_sent_again_only_after_everything_was_read() {
        let scene = Scene::new();
        assert_eq!(
            scene.hints("put --file a.csv --sensor s --failed f.x", 7, &[]),
            ["`sensorctl put --file f.x` sends again what was read and not sent"]
        );
    }

    #[test]
    fn pipe_is_gone_so_kept_readings_go_first_and_no_kept_file_is_overwritten() {
        let scene = Scene::new();
        let line = "put --file a.csv --file - --file b.ndjson --rejects r.x --failed f.x";
        assert_eq!(
            scene.hints(line, 7, &[PIPE, scene.of("b.ndjson", 0, 2)]),
            [
                "standard input was read up to line 57; what it still held was not",
                "2 lines of b.ndjson were not read",
                "`sensorctl put --file f.x` sends again what was read and not sent",
                "put what the pipe still held again, from that line on",
                "put again: `sensorctl put --file b.ndjson`",
            ]
        );
        assert_eq!(
            scene.hints("put --file a.csv --file - --file b.ndjson", 7, &[scene.of("b.ndjson", 0, 2)])[1..],
            [
                "7 readings were read and not sent; those from a pipe are lost: `--failed FILE` keeps them",
                "put again: `sensorctl put --file a.csv --file b.ndjson`",
            ]
        );
        assert_eq!(
            scene.hints("put --file - --failed f.x", 0, &[PIPE])[1..],
            ["put what the pipe still held again, from that line on"],
            "an empty file of failed readings need not be put"
        );
    }

    #[test]
    fn many_inputs_are_counted_and_a_dry_run_is_only_done_again() {
        let scene = Scene::new();
        let unread: Vec<_> = (0..7).map(|_| scene.of("a.csv", 0, 2)).collect();
        let hints = scene.hints("put --file a.csv --dry-run", 0, &unread);
        assert_eq!(
            hints[5..],
            ["2 more inputs were not read", "nothing was sent (--dry-run): check the same input again"]
        );
    }
}
