//! Commands in hints: they repeat the global flags of this run, so that a copied command means the same pipeline.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::OnceLock;

use crate::global_flags::GlobalFlags;

/// Commands that mean the same whatever the global flags say.
const WITHOUT_FLAGS: [&str; 5] = ["completions", "demo", "help", "init", "man"];
/// Commands with commands of their own, whose flags stand behind these.
const NESTED: [&str; 2] = ["export", "rejects"];

/// The flags of this run that a command in a hint repeats, as words for a shell.
#[derive(Clone, Debug, Default)]
pub struct HintFlags {
    /// For commands that are about a pipeline.
    pipeline: Vec<String>,
    /// For `sensorctl local ACTION`: which local cloud is meant.
    local: Vec<String>,
    /// For `sensorctl local start` besides: what decides its region.
    start: Vec<String>,
    /// For commands of the AWS CLI that are about a pipeline. Set when the settings are known.
    aws: OnceLock<AwsCli>,
}

/// The way in which the AWS CLI reaches the cloud of this run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum AwsCli {
    /// Nothing: it finds that cloud by itself.
    #[default]
    Default,
    /// These flags.
    Flags(Vec<String>),
    /// The lines of `sensorctl local env`, in a shell of their own, so that the user's shell goes on as it was.
    LocalEnv,
}

/// The services that hold a pipeline, and that of their quotas, by their names in the AWS CLI.
const SERVICES: [&str; 7] = ["dynamodb", "iam", "kinesis", "lambda", "logs", "service-quotas", "sts"];

impl HintFlags {
    /// Takes over the flags that decide which pipeline is meant, given on the command line or by their variables; of one
    /// cloud only, where two are named.
    #[must_use]
    pub fn of(global: &GlobalFlags, is_local: bool) -> Self {
        let words = |flag: &str, value: Option<Cow<'_, str>>| value.map(|value| flag_words(flag, &value));
        let config = words("--config", global.config.as_ref().map(|path| path.to_string_lossy()));
        let stage = words("--stage", global.stage.as_deref().map(Cow::from));
        let region = words("--region", global.region.as_deref().map(Cow::from));
        let profile = words("--profile", global.profile.as_deref().filter(|_| !is_local).map(Cow::from));
        let url = words("--endpoint-url", global.endpoint_url.as_deref().filter(|_| !is_local).map(Cow::from));
        let set = global.set.iter().flat_map(|assignment| ["--set".to_owned(), shown_setting(assignment)]);
        let start = config.iter().chain(&region).flatten().cloned().collect();
        let local = is_local.then(|| vec!["--local".to_owned()]);
        let pipeline = [local, config, stage, region, profile, url];
        let pipeline = pipeline.into_iter().flatten().flatten().chain(set).collect();
        HintFlags { pipeline, local: Vec::new(), start, aws: OnceLock::new() }
    }

    /// Sets what commands of the AWS CLI need, once.
    pub(crate) fn set_aws_cli(&self, aws: AwsCli) {
        // A second context of the same run has the same settings.
        self.aws.get_or_init(|| aws);
    }

    /// Repeats the data directory of a `sensorctl local` command as well.
    #[must_use]
    pub fn with_data_dir(mut self, data_dir: Option<&Path>) -> Self {
        self.local = data_dir.map(|dir| flag_words("--data-dir", &dir.to_string_lossy())).unwrap_or_default();
        self
    }

    /// Returns the flags without the assignments of these settings and of members of them, for a command that sets them
    /// itself: a member would win over the whole.
    #[must_use]
    pub(crate) fn without_settings(&self, keys: &[&str]) -> Self {
        let is_set_anew = |shown: &str| {
            let key = shown.trim_start_matches(['\'', '"']).split('=').next().unwrap_or_default().trim();
            keys.iter()
                .any(|whole| key.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
        };
        let mut pipeline = Vec::new();
        let mut words = self.pipeline.iter().peekable();
        while let Some(word) = words.next() {
            if word != "--set" || words.next_if(|shown| is_set_anew(shown)).is_none() {
                pipeline.push(word.clone());
            }
        }
        HintFlags { pipeline, ..self.clone() }
    }

    /// Renders a command for a hint, in backticks. `arguments` come behind the global flags and are quoted for a shell.
    pub fn command<S: AsRef<OsStr>>(&self, verb: &str, arguments: impl IntoIterator<Item = S>) -> String {
        let arguments = arguments.into_iter().map(|word| shell_word(&word.as_ref().to_string_lossy()).into_owned());
        let words: Vec<_> = self.pipeline.iter().cloned().chain(arguments).collect();
        format!("`sensorctl {verb}{}`", spaced(&words))
    }

    /// Inserts the flags into every command of this program and of the AWS CLI in a text that lacks them: what follows a
    /// backtick or a pipe sign.
    #[must_use]
    pub fn complete<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.complete_own(text) {
            Cow::Borrowed(text) => self.complete_aws(text),
            Cow::Owned(text) => Cow::Owned(self.complete_aws(&text).into_owned()),
        }
    }

    /// Points the commands of the AWS CLI at the cloud of this run: without it, one that a user of `--local` copies would
    /// change a real account.
    fn complete_aws<'a>(&self, text: &'a str) -> Cow<'a, str> {
        const NAME: &str = "`aws ";
        let aws = self.aws.get().unwrap_or(&AwsCli::Default);
        if *aws == AwsCli::Default || !text.contains(NAME) {
            return Cow::Borrowed(text);
        }
        let mut complete = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(NAME) {
            let (command, behind) = after.split_once('`').unwrap_or((after, ""));
            let is_about_pipeline = command.split(' ').next().is_some_and(|service| SERVICES.contains(&service));
            complete.push_str(before);
            match aws {
                AwsCli::Flags(flags) if is_about_pipeline => {
                    complete.push_str(&format!("`aws{} {command}`", spaced(flags)));
                }
                AwsCli::LocalEnv if is_about_pipeline => {
                    let local = spaced(&self.local);
                    complete.push_str(&format!("`(eval \"$(sensorctl local env{local})\" && aws {command})`"));
                }
                _ => complete.push_str(&format!("{NAME}{command}`")),
            }
            rest = behind;
        }
        complete.push_str(rest);
        Cow::Owned(complete)
    }

    fn complete_own<'a>(&self, text: &'a str) -> Cow<'a, str> {
        const NAME: &str = "sensorctl ";
        let mut complete = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(NAME) {
            let (verb, flags) = if before.ends_with('`') || before.ends_with("| ") {
                self.of_command(after)
            } else {
                ("", String::new())
            };
            complete.extend([before, NAME, verb]);
            rest = &after[verb.len()..];
            if !rest.starts_with(&flags) {
                complete.push_str(&flags);
            }
        }
        if complete.is_empty() {
            return Cow::Borrowed(text);
        }
        complete.push_str(rest);
        Cow::Owned(complete)
    }

    /// Returns the words of a command that stand before its flags, and the flags.
    fn of_command<'a>(&self, command: &'a str) -> (&'a str, String) {
        let is_word = |letter: char| letter.is_ascii_lowercase() || letter == '-';
        let length = |text: &str| text.find(|letter| !is_word(letter)).unwrap_or(text.len());
        let verb = &command[..length(command)];
        if verb.is_empty() || verb.starts_with('-') || WITHOUT_FLAGS.contains(&verb) {
            return ("", String::new());
        }
        let action = command[verb.len()..].strip_prefix(' ').unwrap_or_default();
        let action = &action[..length(action)];
        if verb != "local" {
            let is_nested = NESTED.contains(&verb) && !action.is_empty() && !action.starts_with('-');
            let words = if is_nested { verb.len() + 1 + action.len() } else { verb.len() };
            return (&command[..words], spaced(&self.pipeline));
        }
        if action.is_empty() {
            return (verb, spaced(&self.pipeline));
        }
        let mut flags = self.local.clone();
        if matches!(action, "start" | "run") {
            flags.extend(self.start.iter().cloned());
        }
        (&command[..verb.len() + 1 + action.len()], spaced(&flags))
    }
}

/// Words with a blank before each.
fn spaced(words: &[String]) -> String {
    words.iter().fold(String::new(), |all, word| format!("{all} {word}"))
}

/// A flag with its value, for a shell. A value that begins like a flag stays in the flag's own word.
#[must_use]
pub(crate) fn flag_words(flag: &str, value: &str) -> Vec<String> {
    if value.starts_with('-') && value != "-" {
        return vec![shell_word(&format!("{flag}={value}")).into_owned()];
    }
    vec![flag.to_owned(), shell_word(value).into_owned()]
}

/// Shows an assignment of `--set`. The function's variables may be secret: the shell fills them in, or stops where it
/// has none of that name.
fn shown_setting(assignment: &str) -> String {
    const VARIABLES: &str = "function.environment";
    let key = assignment.split('=').next().unwrap_or_default().trim();
    let Some(name) = key.strip_prefix(VARIABLES) else { return shell_word(assignment).into_owned() };
    let is_name = |name: &str| name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    let variable = match name.strip_prefix('.') {
        Some(name) if !name.is_empty() && is_name(name) => name,
        _ => "FUNCTION_ENVIRONMENT",
    };
    format!("\"{}=${{{variable}:?}}\"", key.replace(['"', '\\', '$', '`'], ""))
}

/// Quotes a word for a POSIX shell where it needs that.
pub(crate) fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:=@%+,".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::hint_flags;

    fn command(global: &GlobalFlags) -> String {
        hint_flags(global).command("up", [""; 0])
    }

    #[test]
    fn command_repeats_the_global_flags_that_choose_the_pipeline() {
        let global = GlobalFlags {
            local: true,
            stage: Some("blue".into()),
            config: Some("my settings.toml".into()),
            region: Some("eu-central-1".into()),
            set: vec!["stream.shards=2".into()],
            quiet: true,
            ..GlobalFlags::default()
        };
        assert_eq!(
            hint_flags(&global).command("put", ["--file", "it's.ndjson"]),
            "`sensorctl put --local --config 'my settings.toml' --stage blue --region eu-central-1 --set stream.shards=2 \
             --file 'it'\\''s.ndjson'`"
        );
        assert_eq!(command(&GlobalFlags::default()), "`sensorctl up`");
    }

    #[test]
    fn command_names_one_cloud_only() {
        let both = GlobalFlags {
            local: true,
            profile: Some("p".into()),
            endpoint_url: Some("http://127.0.0.1:1".into()),
            ..GlobalFlags::default()
        };
        let typed = |from_environment: &'static str| {
            command(&GlobalFlags { from_environment: [from_environment].into(), ..both.clone() })
        };
        assert_eq!(typed("endpoint_url"), "`sensorctl up --local`");
        assert_eq!(typed("local"), "`sensorctl up --profile p --endpoint-url http://127.0.0.1:1`");
    }

    #[test]
    fn command_that_sets_a_setting_does_not_repeat_its_assignments() {
        let set =
            ["table.billing.write_units=1", "table.billing={ read_units = 1 }", "table.class=standard", "tags.a=b"];
        let global =
            GlobalFlags { stage: Some("blue".into()), set: set.map(str::to_owned).to_vec(), ..GlobalFlags::default() };
        let flags = hint_flags(&global).without_settings(&["table.billing", "table.cla"]);
        assert_eq!(
            flags.command("up", [""; 0]),
            "`sensorctl up --stage blue --set table.class=standard --set tags.a=b`"
        );
    }

    #[test]
    fn command_never_shows_a_variable_of_the_function() {
        let with = |assignment: &str| command(&GlobalFlags { set: vec![assignment.into()], ..GlobalFlags::default() });
        assert_eq!(
            with("function.environment.TOKEN=s3cret"),
            "`sensorctl up --set \"function.environment.TOKEN=${TOKEN:?}\"`"
        );
        for odd in ["function.environment={TOKEN=\"s3cret\"}", "function.environment.$(x)=s3cret"] {
            let shown = with(odd);
            assert!(!shown.contains("s3cret") && shown.contains("${FUNCTION_ENVIRONMENT:?}"), "{shown}");
        }
    }

    #[test]
    fn commands_in_a_text_are_completed_with_the_flags_of_this_run() {
        let flags = hint_flags(&GlobalFlags { local: true, stage: Some("blue".into()), ..GlobalFlags::default() });
        for (text, complete) in [
            (
                "`sensorctl up` goes on, `sensorctl down --yes` removes it",
                "`sensorctl up --local --stage blue` goes on, `sensorctl down --local --stage blue --yes` removes it",
            ),
            ("`sensorctl up --local --stage blue --adopt`", "`sensorctl up --local --stage blue --adopt`"),
            ("`sensorctl rejects replay ID`", "`sensorctl rejects replay --local --stage blue ID`"),
            ("`sensorctl local status` tells", "`sensorctl local status` tells"),
            (
                "`sensorctl init --print`; `sensorctl --help`; `sensorctl`",
                "`sensorctl init --print`; `sensorctl --help`; `sensorctl`",
            ),
            ("`up` of sensorctl up", "`up` of sensorctl up"),
            ("jq . a.json | sensorctl put --file -", "jq . a.json | sensorctl put --local --stage blue --file -"),
        ] {
            assert_eq!(flags.complete(text), complete);
        }
    }

    #[test]
    fn commands_about_the_local_cloud_repeat_what_chooses_it() {
        let global =
            GlobalFlags { region: Some("eu-west-1".into()), stage: Some("blue".into()), ..GlobalFlags::default() };
        let flags = hint_flags(&global).with_data_dir(Some(Path::new("/a b")));
        assert_eq!(
            flags.complete("`sensorctl local start`, `sensorctl local stop`"),
            "`sensorctl local start --data-dir '/a b' --region eu-west-1`, `sensorctl local stop --data-dir '/a b'`"
        );
    }

    #[test]
    fn commands_of_the_aws_cli_reach_the_cloud_of_this_run() {
        let text = "remove it with `aws logs delete-log-group --log-group-name g`; `aws configure` is as it is";
        let completed = |text: &str, aws: AwsCli| {
            let flags = hint_flags(&GlobalFlags::default()).with_data_dir(Some(Path::new("/a b")));
            flags.set_aws_cli(aws);
            flags.complete(text).into_owned()
        };
        let with = |aws: AwsCli| completed(text, aws);
        let quota = completed("`aws service-quotas list-services`", AwsCli::Flags(flag_words("--region", "eu-west-1")));
        assert_eq!(quota, "`aws --region eu-west-1 service-quotas list-services`");
        assert_eq!(with(AwsCli::Default), text);
        assert_eq!(
            with(AwsCli::Flags(flag_words("--region", "eu-west-1"))),
            "remove it with `aws --region eu-west-1 logs delete-log-group --log-group-name g`; `aws configure` is as it is"
        );
        assert_eq!(
            with(AwsCli::LocalEnv),
            "remove it with `(eval \"$(sensorctl local env --data-dir '/a b')\" && aws logs delete-log-group \
             --log-group-name g)`; `aws configure` is as it is"
        );
    }

    /// Only what follows a backtick or a pipe sign is completed.
    #[test]
    fn every_command_in_a_message_of_the_sources_can_be_completed() {
        const COMMANDS: [&str; 12] =
            ["up", "down", "plan", "status", "put", "scan", "tail", "invoke", "why", "logs", "local", "export"];
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut bare = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs")
                    && !path.ends_with("hint_flags.rs")
                {
                    let source = std::fs::read_to_string(&path).unwrap();
                    let named = source.lines().filter(|line| !line.trim_start().starts_with("//")).filter(|line| {
                        // Examples in help: a line of its own, or behind this word.
                        let line = line.trim_start_matches("  ").strip_prefix("sensorctl ").unwrap_or(line);
                        let line = line.replace("Example: sensorctl ", "").replace("| sensorctl --stage copy", "");
                        line.match_indices("sensorctl ").any(|(at, name)| {
                            let is_command = line[at + name.len()..]
                                .split(|letter: char| !letter.is_ascii_lowercase())
                                .next()
                                .is_some_and(|verb| COMMANDS.contains(&verb));
                            // Text that a shell evaluates has signs of its own before it.
                            let before = &line[..at];
                            is_command && !before.ends_with(['`', '(']) && !before.ends_with("| ")
                        })
                    });
                    bare.extend(named.map(|line| format!("{}: {}", path.display(), line.trim())));
                }
            }
        }
        assert_eq!(bare, [""; 0]);
    }

    #[test]
    fn flag_value_that_begins_with_a_hyphen_stays_with_its_flag() {
        assert_eq!(flag_words("--file", "-x"), ["--file=-x"]);
        assert_eq!(flag_words("--file", "-"), ["--file", "-"]);
    }
}
