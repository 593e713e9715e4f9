//! Commands in hints: they repeat the global flags of this run, so that a copied command means the same pipeline.

use std::borrow::Cow;
use std::ffi::OsStr;

use super::connection::is_local;
use crate::cli::Global;

/// The global flags of this run, as words for a shell.
#[derive(Clone, Debug, Default)]
pub struct HintFlags(Vec<String>);

impl HintFlags {
    /// Takes over the flags that decide which pipeline is meant, given on the command line or by their variables.
    pub(super) fn of(global: &Global) -> Self {
        let is_local = is_local(global).unwrap_or(global.local);
        let mut words = Vec::new();
        let mut add = |flag: &str, value: Option<Cow<'_, str>>| {
            if let Some(value) = value {
                words.extend(flag_words(flag, &value));
            }
        };
        add("--config", global.config.as_ref().map(|path| path.to_string_lossy()));
        add("--stage", global.stage.as_deref().map(Cow::from));
        add("--region", global.region.as_deref().map(Cow::from));
        if !is_local {
            add("--profile", global.profile.as_deref().map(Cow::from));
            add("--endpoint-url", global.endpoint_url.as_deref().map(Cow::from));
        }
        words.extend(global.set.iter().flat_map(|assignment| ["--set".to_owned(), shown_setting(assignment)]));
        if is_local {
            words.insert(0, "--local".to_owned());
        }
        HintFlags(words)
    }

    /// Renders a command for a hint, in backticks. `arguments` come behind the global flags and are quoted for a shell.
    pub fn command<S: AsRef<OsStr>>(&self, verb: &str, arguments: impl IntoIterator<Item = S>) -> String {
        let arguments = arguments.into_iter().map(|word| shell_word(&word.as_ref().to_string_lossy()).into_owned());
        let words = self.0.iter().cloned().chain(arguments);
        let words = words.fold(String::new(), |all, word| format!("{all} {word}"));
        format!("`sensorctl {verb}{words}`")
    }
}

/// A flag with its value, for a shell. A value that begins like a flag stays in the flag's own word.
fn flag_words(flag: &str, value: &str) -> Vec<String> {
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
fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:=@%+,".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(global: &Global) -> String {
        HintFlags::of(global).command("up", [""; 0])
    }

    #[test]
    fn command_repeats_the_global_flags_that_choose_the_pipeline() {
        let global = Global {
            local: true,
            stage: Some("blue".into()),
            config: Some("my settings.toml".into()),
            region: Some("eu-central-1".into()),
            set: vec!["stream.shards=2".into()],
            quiet: true,
            ..Global::default()
        };
        assert_eq!(
            HintFlags::of(&global).command("put", ["--file", "it's.ndjson"]),
            "`sensorctl put --local --config 'my settings.toml' --stage blue --region eu-central-1 --set stream.shards=2 \
             --file 'it'\\''s.ndjson'`"
        );
        assert_eq!(command(&Global::default()), "`sensorctl up`");
    }

    #[test]
    fn command_names_one_cloud_only() {
        let both = Global {
            local: true,
            profile: Some("p".into()),
            endpoint_url: Some("http://127.0.0.1:1".into()),
            ..Global::default()
        };
        let typed = |from_environment: &'static str| {
            command(&Global { from_environment: [from_environment].into(), ..both.clone() })
        };
        assert_eq!(typed("endpoint_url"), "`sensorctl up --local`");
        assert_eq!(typed("local"), "`sensorctl up --profile p --endpoint-url http://127.0.0.1:1`");
    }

    #[test]
    fn command_never_shows_a_variable_of_the_function() {
        let with = |assignment: &str| command(&Global { set: vec![assignment.into()], ..Global::default() });
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
    fn flag_value_that_begins_with_a_hyphen_stays_with_its_flag() {
        assert_eq!(flag_words("--file", "-x"), ["--file=-x"]);
        assert_eq!(flag_words("--file", "-"), ["--file", "-"]);
    }
}
