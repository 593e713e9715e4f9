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

/// The commands of the AWS CLI that sign in, each for one profile.
const SIGN_IN: [&str; 3] = ["configure", "login", "sso"];
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

    /// Returns the flags about a pipeline for a command with these words: without the assignments of settings that it sets
    /// itself, and of members of them. A member would win over the whole.
    fn beside(&self, command: &str) -> Vec<String> {
        let keys = settings_of(command);
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
        pipeline
    }

    /// Renders a command for a hint, in backticks. `arguments` come behind the global flags and are quoted for a shell.
    pub fn command<S: AsRef<OsStr>>(&self, verb: &str, arguments: impl IntoIterator<Item = S>) -> String {
        let arguments: Vec<_> =
            arguments.into_iter().map(|word| shell_word(&word.as_ref().to_string_lossy()).into_owned()).collect();
        let arguments = spaced(&arguments);
        format!("`sensorctl {verb}{}{arguments}`", spaced(&self.beside(&arguments)))
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
            let is_of = |words: &[&str]| command.split(' ').next().is_some_and(|first| words.contains(&first));
            let is_about_pipeline = is_of(&SERVICES);
            complete.push_str(before);
            match aws {
                AwsCli::Flags(flags) if is_of(&SIGN_IN) => {
                    complete.push_str(&format!("`aws{} {command}`", spaced(profile_of(flags))));
                }
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
            // A command ends at the backtick behind it, or with its line.
            let own = command.split(['`', '\n']).next().unwrap_or_default();
            return (&command[..words], spaced(&self.beside(own)));
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

/// Returns the settings that a command sets.
fn settings_of(command: &str) -> Vec<&str> {
    let assignments = command.split("--set").skip(1).filter_map(|rest| {
        let assignment = rest.strip_prefix([' ', '='])?.trim_start_matches(['\'', '"']);
        assignment.split_once('=')
    });
    assignments.map(|(key, _)| key.trim()).collect()
}

/// Returns the words that name the profile.
fn profile_of(flags: &[String]) -> &[String] {
    const FLAG: &str = "--profile";
    let Some(at) = flags.iter().position(|word| word.trim_start_matches('\'').starts_with(FLAG)) else { return &[] };
    &flags[at..flags.len().min(at + 1 + usize::from(flags[at] == FLAG))]
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

/// Quotes a word for a POSIX shell and zsh where it needs that. At the beginning of a word, zsh takes `=` for a command.
pub(crate) fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:=@%+,".contains(letter);
    if !word.is_empty() && !word.starts_with('=') && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests;
