use std::path::PathBuf;

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
    let set = ["table.billing.write_units=1", "table.billing={ read_units = 1 }", "table.class=standard", "tags.a=b"];
    let global =
        GlobalFlags { stage: Some("blue".into()), set: set.map(str::to_owned).to_vec(), ..GlobalFlags::default() };
    let flags = hint_flags(&global);
    for (arguments, shown) in [
        (
            &["--set", "table.billing=on-demand"][..],
            "--set table.class=standard --set tags.a=b --set table.billing=on-demand",
        ),
        (
            &["--set=table.class=\"x\"", "--set", "tags={}"],
            "--set table.billing.write_units=1 --set 'table.billing={ read_units = 1 }' '--set=table.class=\"x\"' --set 'tags={}'",
        ),
        (
            &["--set", "table.cla=1"],
            "--set table.billing.write_units=1 --set 'table.billing={ read_units = 1 }' --set table.class=standard --set tags.a=b --set table.cla=1",
        ),
    ] {
        assert_eq!(flags.command("up", arguments), format!("`sensorctl up --stage blue {shown}`"));
    }
    let hint = "`sensorctl up --set 'table.billing=\"on-demand\"'`, then `sensorctl plan`; `sensorctl rejects list --set tags={}`";
    let completed = flags.complete(hint).into_owned();
    let set = "--set table.billing.write_units=1 --set 'table.billing={ read_units = 1 }' --set table.class=standard";
    assert_eq!(
        completed,
        format!(
            "`sensorctl up --stage blue --set table.class=standard --set tags.a=b --set 'table.billing=\"on-demand\"'`, then \
             `sensorctl plan --stage blue {set} --set tags.a=b`; `sensorctl rejects list --stage blue {set} --set tags={{}}`"
        )
    );
    assert_eq!(flags.complete(&completed), completed);
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
    let global = GlobalFlags { region: Some("eu-west-1".into()), stage: Some("blue".into()), ..GlobalFlags::default() };
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
    let signed_in = |profile: &str| {
        let flags = [
            flag_words("--region", "eu-west-1"),
            flag_words("--profile", profile),
            flag_words("--endpoint-url", "http://x"),
        ];
        completed("`aws sso login`, `aws configure`", AwsCli::Flags(flags.concat()))
    };
    assert_eq!(signed_in("my work"), "`aws --profile 'my work' sso login`, `aws --profile 'my work' configure`");
    assert_eq!(signed_in("-x"), "`aws --profile=-x sso login`, `aws --profile=-x configure`");
    assert_eq!(
        with(AwsCli::LocalEnv),
        "remove it with `(eval \"$(sensorctl local env --data-dir '/a b')\" && aws logs delete-log-group \
         --log-group-name g)`; `aws configure` is as it is"
    );
}

/// Returns the sources of this program with their paths, but for this module.
fn sources() -> Vec<(PathBuf, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("hint_flags") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("hint_flags.rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                sources.push((path, source));
            }
        }
    }
    sources
}

/// Only what follows a backtick or a pipe sign is completed.
#[test]
fn every_command_in_a_message_of_the_sources_can_be_completed() {
    const COMMANDS: [&str; 12] =
        ["up", "down", "plan", "status", "put", "scan", "tail", "invoke", "why", "logs", "local", "export"];
    let mut bare = Vec::new();
    for (path, source) in sources() {
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
    assert_eq!(bare, [""; 0]);
}

/// zsh refuses a word with `[`, `*` or `?` that matches no file, and bash expands one that does.
#[test]
fn every_command_in_a_message_of_the_sources_quotes_what_a_shell_expands() {
    let mut expanded = Vec::new();
    for (path, source) in sources() {
        for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let spans = line.split('`').skip(1).step_by(2);
            let commands = spans.filter(|span| span.starts_with("sensorctl ") || span.starts_with("aws "));
            for command in commands {
                let unquoted: String = command.split('\'').step_by(2).collect();
                if unquoted.contains(['[', '*', '?', '~']) {
                    expanded.push(format!("{}: {command}", path.display()));
                }
            }
        }
    }
    assert_eq!(expanded, [""; 0]);
}

#[test]
fn word_that_a_shell_expands_is_quoted() {
    for (word, quoted) in [
        ("mapping.filters=[]", "'mapping.filters=[]'"),
        ("a*", "'a*'"),
        ("=ls", "'=ls'"),
        ("~/x", "'~/x'"),
        ("stream.shards=2", "stream.shards=2"),
    ] {
        assert_eq!(shell_word(word), quoted);
    }
}

#[test]
fn flag_value_that_begins_with_a_hyphen_stays_with_its_flag() {
    assert_eq!(flag_words("--file", "-x"), ["--file=-x"]);
    assert_eq!(flag_words("--file", "-"), ["--file", "-"]);
}
