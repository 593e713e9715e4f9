//! Tests of all layers together: precedence, errors, and a written file that agrees with the program.

mod layouts;

use std::collections::BTreeMap;
use std::path::Path;

use super::*;

const TEMPLATE: &str = include_str!("../../templates/sensorctl.toml");

fn file(text: &str) -> File {
    File::parse(Path::new("sensorctl.toml"), text).unwrap()
}

fn settle(text: &str, flags: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<Settings, Error> {
    settle_file(file(text), flags, environment, false)
}

/// Resolves the settings with a file that was found and not named.
fn settle_found(text: &str, flags: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<Settings, Error> {
    settle_file(file(text).found(), flags, environment, false)
}

fn settle_file(
    file: File,
    flags: &[(&str, &str)],
    environment: &[(&str, &str)],
    local: bool,
) -> Result<Settings, Error> {
    let flags = flags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), ((*value).to_owned(), SettingOrigin::Flag("--set"))))
        .collect();
    let read = |name: &str| {
        let home = (name == "SENSORCTL_DATA_DIR").then(|| "state".to_owned());
        home.or_else(|| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    };
    Settings::settle(Layers::new(flags, &read, Some(file)), local)
}

fn refused(text: &str) -> Error {
    settle(text, &[], &[]).expect_err(text)
}

fn origin_of(settings: &Settings, key: &str) -> String {
    settings.origins.iter().find(|setting| setting.key == key).map(|setting| setting.origin.to_string()).unwrap()
}

/// Resolves the defaults with these environment variables.
pub(super) fn settle_beside(variables: &[&str]) -> Result<Settings, Error> {
    let read = |name: &str| (name == "SENSORCTL_DATA_DIR").then(|| "state".to_owned());
    let names = variables.iter().map(|name| (*name).to_owned()).collect();
    Settings::settle(Layers::new(BTreeMap::new(), &read, None).knowing(names), false)
}

/// Returns the template with every setting uncommented.
fn uncommented() -> String {
    TEMPLATE
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase())))
        .zip(TEMPLATE.lines())
        .map(|(setting, line)| setting.unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn template_changes_nothing_and_uncommented_equals_defaults() {
    let defaults = Pipeline::by_default().unwrap();
    assert_eq!(settle(TEMPLATE, &[], &[]).unwrap().pipeline, defaults);
    let all = uncommented();
    let settings = settle(&all, &[], &[]).unwrap();
    assert_eq!(settings.pipeline, defaults);
    assert_eq!((&settings.stage, &settings.profile, &settings.region), (&None, &None, &None));
    // The file has every setting, with the default as it is shown.
    let written = file(&all);
    for setting in settle("", &[], &[]).unwrap().origins {
        let value = written.value(&setting.key).unwrap_or_else(|| panic!("{} is not in the file", setting.key));
        let shown =
            if value.as_table().is_some_and(toml::Table::is_empty) { "{}".to_owned() } else { value.to_string() };
        assert_eq!(shown, setting.value, "{}", setting.key);
    }
}

#[test]
fn precedence_is_flag_environment_file_default() {
    let text = "[stream]\nshards = 2\nretention_hours = 48\n[function]\nmemory_mb = 512\n";
    let settings = settle(
        text,
        &[("stream.shards", "4")],
        &[("SENSORCTL_STREAM_SHARDS", "3"), ("SENSORCTL_FUNCTION_MEMORY_MB", "1024")],
    )
    .unwrap();
    let Pipeline { stream, function, .. } = &settings.pipeline;
    assert_eq!((stream.capacity, stream.retention_hours, function.memory_mb), (Capacity::Shards(4), 48, 1024));
    assert_eq!(origin_of(&settings, "stream.shards"), "--set");
    assert_eq!(origin_of(&settings, "function.memory_mb"), "SENSORCTL_FUNCTION_MEMORY_MB");
    assert_eq!(origin_of(&settings, "stream.retention_hours"), "sensorctl.toml:3");
    assert_eq!(origin_of(&settings, "function.timeout_seconds"), "default");
}

#[test]
fn precedence_of_aws_variables_is_above_file_and_below_sensorctl_variables() {
    let text = "region = \"eu-west-1\"\n";
    assert_eq!(settle(text, &[], &[]).unwrap().region.as_deref(), Some("eu-west-1"));
    let theirs = settle(text, &[], &[("AWS_REGION", "us-east-1")]).unwrap();
    assert_eq!((theirs.region.as_deref(), origin_of(&theirs, "region").as_str()), (None, "AWS_REGION"));
    let ours = settle(text, &[], &[("AWS_REGION", "us-east-1"), ("SENSORCTL_REGION", "eu-north-1")]).unwrap();
    assert_eq!(ours.region.as_deref(), Some("eu-north-1"));
}

#[test]
fn stage_suffixes_every_name_except_existing_resources() {
    let text = "stage = \"blue\"\n[stream]\nname = \"readings\"\n[role]\nname = \"theirs\"\nexisting = true\n";
    let pipeline = settle(text, &[], &[]).unwrap().pipeline;
    assert_eq!(pipeline.stream.name, "readings-blue");
    assert_eq!(pipeline.role.name, "theirs");
    assert_eq!(pipeline.log_group_name(), "/aws/lambda/ProcessKinesisRecords-blue");
    let long = format!("stage = \"{}\"\n[function]\nname = \"{}\"\n", "s".repeat(32), "f".repeat(40));
    assert!(refused(&long).to_string().contains("function.name"));
    assert!(refused("stage = \"default\"").to_string().contains("in tags"));
    assert!(refused("[stream]\nexisting = true\n").to_string().contains("stream.name"));
}

#[test]
fn section_in_place_of_a_setting_is_refused_with_the_correct_form() {
    let error = settle("", &[("stream", "1")], &[]).unwrap_err();
    assert_eq!(error.to_string(), "--set: `stream` is a section of settings, and not one of them");
    assert_eq!(error.hints()[0], "`--set stream.NAME=VALUE` sets one of them");
}

#[test]
fn tag_is_refused_with_its_own_line() {
    let error = refused("[tags]\nteam = \"blue\"\n\"aws:x\" = \"y\"\n");
    assert!(error.to_string().starts_with("sensorctl.toml:3: the tag `aws:x`"), "{error}");
}

#[test]
fn unknown_setting_is_refused_with_nearest_name_and_line() {
    let error = refused("[function]\n\nmemory = 512\n");
    assert_eq!(error.to_string(), "sensorctl.toml:3: there is no setting `function.memory`");
    assert_eq!(error.hints(), ["did you mean `function.memory_mb`?"]);
    assert_eq!(refused("[strem]\nshards = 1\n").hints(), ["did you mean `stream`?"]);
    assert_eq!(refused("[table]\nbatch_size = 1\n").hints(), ["did you mean `mapping.batch_size`?"]);
    let flag = settle("", &[("stream.shard", "2")], &[]).unwrap_err();
    assert_eq!(flag.to_string(), "--set: there is no setting `stream.shard`");
}

#[test]
fn value_out_of_range_is_refused_with_place_value_and_range() {
    assert_eq!(
        refused("[function]\nmemory_mb = 64\n").to_string(),
        "sensorctl.toml:2: `function.memory_mb` is 64, but must be a whole number from 128 to 10240 (MB)"
    );
    let wrong = [
        "[stream]\nshards = 0",
        "[stream]\nshards = \"two\"",
        "[stream]\nmode = \"on-demand\"\nshards = 2",
        "[stream]\nretention_hours = 23",
        "[stream]\nencryption = \"alias/mine\"",
        "[table]\nname = \"no\"",
        "[table]\nbilling = { read_units = 5 }",
        "[table]\nbilling = { read_units = 0, write_units = 1 }",
        "[table]\nclass = \"glacier\"",
        "[rejects]\nretention_days = 0",
        "[role]\npath = \"pipelines\"",
        "[role]\npermissions_boundary = \"boundary\"",
        "[role]\npermissions = \"all\"",
        "[function]\ntimeout_seconds = 901",
        "[function]\nreserved_concurrency = -1",
        "[function]\narchitecture = \"mips\"",
        "[log_group]\nretention_days = 15",
        "[mapping]\nbatch_size = 10001",
        "[mapping]\nrecord_age_seconds = 59",
        "[mapping]\nfilters = '{}'",
        "[mapping]\nfilters = ['no json']",
        "[mapping]\nfilters = ['[]']",
        "[mapping]\nfilters = [\"{}\",\"{}\",\"{}\",\"{}\",\"{}\",\"{}\",\"{}\",\"{}\",\"{}\",\"{}\",\"{}\"]",
        "[mapping]\nstarting_position = \"3026-01-01T00:00:00Z\"",
        "[mapping]\non_failure = \"arn:aws:sqs:eu-west-1:123456789012:q.fifo\"",
        "[tags]\n\"aws:x\" = \"1\"",
        "[tags]\nteam = 1",
        "tags = 1",
        "[function.environment]\nAWS_REGION = \"x\"",
        "[function.environment]\nSENSORCTL_TABLE = \"x\"",
        "stream = 1",
    ];
    for text in wrong {
        let error = refused(text);
        assert_eq!(error.kind(), crate::ErrorKind::Usage, "{text}");
        assert!(error.to_string().starts_with("sensorctl.toml"), "{error}");
    }
}

#[test]
fn every_setting_can_be_set() {
    let text = r#"
        [stream]
        mode = "on-demand"
        encryption = "aws/kinesis"
        [table]
        billing = { read_units = 5, write_units = 6 }
        class = "infrequent-access"
        ttl_attribute = "expires_at"
        [function]
        reserved_concurrency = 5
        zip = "own.zip"
        [function.environment]
        TOKEN = "s3cret"
        [log_group]
        retention_days = "never"
        [mapping]
        starting_position = "2026-01-01T00:00:00Z"
        on_failure = "arn:aws:sqs:eu-west-1:123456789012:failed"
        [tags]
        team = "blue"
    "#;
    let settings = settle(text, &[("tags.cost-centre", "7a")], &[]).unwrap();
    let Pipeline { table, stream, function, log_group, mapping, tags, .. } = &settings.pipeline;
    assert_eq!((stream.capacity, stream.key.as_deref()), (Capacity::OnDemand, Some("alias/aws/kinesis")));
    assert_eq!(table.billing, Billing::Provisioned { read_units: 5, write_units: 6 });
    assert_eq!((table.class, table.ttl_attribute.as_deref()), (TableClass::InfrequentAccess, Some("expires_at")));
    assert_eq!((function.reserved_concurrency, log_group.retention_days), (Some(5), None));
    assert!(matches!(mapping.starting_position, StartingPosition::At(_)) && mapping.on_failure.is_some());
    assert_eq!(*tags, BTreeMap::from([("cost-centre", "7a"), ("team", "blue")].map(|(k, v)| (k.into(), v.into()))));
    assert!(!format!("{:?}", settings.origins).contains("s3cret"));
}

#[test]
fn table_and_rejects_with_same_name_are_refused_with_both_origins() {
    let both = |text: &str, flags: &[(&str, &str)], environment: &[(&str, &str)]| {
        let error = settle(text, flags, environment).expect_err(text);
        assert_eq!(error.kind(), crate::ErrorKind::Usage, "{error}");
        assert!(!error.hints().is_empty());
        error.to_string()
    };
    assert_eq!(
        both("", &[("rejects.name", "SensorData")], &[]),
        "`table.name` (default) and `rejects.name` (--set) both name the table `SensorData`; they must differ"
    );
    let text = "[table]\n\nname = \"SensorDataRejects\"\n";
    assert!(both(text, &[], &[]).starts_with("`table.name` (sensorctl.toml:3) and `rejects.name` (default)"));
    let said = both("[table]\nname = \"one\"\n", &[], &[("SENSORCTL_REJECTS_NAME", "one")]);
    assert!(said.starts_with("`table.name` (sensorctl.toml:2) and `rejects.name` (SENSORCTL_REJECTS_NAME)"), "{said}");
    // The resolved names count, with their suffix: the name of an existing table has no suffix.
    let stage = "stage = \"blue\"\n";
    assert!(both(&format!("{stage}[rejects]\nname = \"SensorData\"\n"), &[], &[]).contains("`SensorData-blue`"));
    let existing = format!("{stage}[table]\nname = \"one-blue\"\nexisting = true\n[rejects]\nname = \"one\"\n");
    assert!(both(&existing, &[], &[]).contains("`one-blue`"));
    assert!(
        both("[table]\nname = \"one\"\nexisting = true\n[rejects]\nname = \"one\"\nexisting = true\n", &[], &[])
            .contains("`one`")
    );
    // DynamoDB names are case-sensitive.
    assert!(settle("[table]\nname = \"readings\"\n[rejects]\nname = \"Readings\"\n", &[], &[]).is_ok());
    assert!(
        settle(&format!("{stage}[table]\nname = \"one\"\nexisting = true\n[rejects]\nname = \"one\"\n"), &[], &[])
            .is_ok()
    );
}

#[test]
fn ttl_attribute_that_is_a_table_attribute_is_refused() {
    for name in ["SensorId", "CurrentTime", "Temperature", "ShardID", "SequenceNumber"] {
        let error = refused(&format!("[table]\nttl_attribute = \"{name}\"\n")).to_string();
        assert!(error.starts_with("sensorctl.toml:2: `table.ttl_attribute`") && error.contains("own"), "{error}");
    }
    assert!(settle("[table]\nttl_attribute = \"current_time_limit\"\n", &[], &[]).is_ok());
}

#[test]
fn tags_differing_only_in_case_are_refused() {
    let text = "[tags]\nTeam = \"a\"\nteam = \"b\"\n";
    let said = refused(text).to_string();
    assert!(
        said.starts_with("`tags.Team` (sensorctl.toml:2) and `tags.team` (sensorctl.toml:3) are one tag"),
        "{said}"
    );
    let error = settle("[tags]\nTeam = \"a\"\n", &[("tags.team", "b")], &[]).unwrap_err().to_string();
    assert!(error.starts_with("`tags.Team` (sensorctl.toml:2) and `tags.team` (--set) are one tag"), "{error}");
    assert!(settle("[tags]\nTeam = \"a\"\n", &[("tags.Team", "b")], &[]).is_ok(), "the same tag, set again");
}

#[test]
fn on_failure_stream_arn_is_refused() {
    let stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/temperature-sensor-data";
    assert!(refused(&format!("[mapping]\non_failure = \"{stream}\"\n")).to_string().contains("SQS queue"));
}

#[test]
fn endpoint_on_another_machine_needs_a_named_file() {
    for url in ["https://evil.example", "http://localhost.evil", "http://10.0.0.1:4566"] {
        let text = format!("\nendpoint_url = \"{url}\"\n");
        let error = settle_found(&text, &[], &[]).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Usage);
        assert!(error.to_string().starts_with(&format!("sensorctl.toml:2 sends every call to {url}")), "{error}");
        assert!(error.hints()[0].contains("--config FILE"), "{error:?}");
        assert_eq!(settle(&text, &[], &[]).unwrap().endpoint_url.as_deref(), Some(url));
        // A setting without effect sends nothing anywhere.
        assert!(settle_found(&text, &[], &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]).is_ok());
        assert!(settle_found(&text, &[("endpoint_url", "https://elsewhere.example")], &[]).is_ok());
        assert!(settle_file(file(&text).found(), &[], &[], true).is_ok(), "--local");
    }
    let near = settle_found("endpoint_url = \"http://127.0.0.1:4566\"\n", &[], &[]).unwrap();
    assert_eq!(near.endpoint_url.as_deref(), Some("http://127.0.0.1:4566"));
}

#[test]
fn redirecting_function_variables_need_a_named_file() {
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_CA_BUNDLE", "https_proxy", "LD_PRELOAD"] {
        let text = format!("[function.environment]\n{name} = \"x\"\n");
        let error = settle_found(&text, &[], &[]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("sensorctl.toml:2 sets `{name}`")), "{error}");
        assert!(settle(&text, &[], &[]).is_ok());
        let other = "[function.environment]\nTOKEN = \"x\"\n";
        assert!(settle_found(other, &[(&format!("function.environment.{name}"), "y")], &[]).is_ok(), "typed");
        let both = settle_found(&text, &[("function.environment.TOKEN", "y")], &[]);
        assert!(both.is_err(), "{name} is still the file's");
    }
}

#[test]
fn number_outside_of_the_file_can_be_a_name() {
    let settings = settle("", &[("stream.name", "7")], &[]).unwrap();
    assert_eq!(settings.pipeline.stream.name, "7");
}

#[test]
fn managed_permissions_refuse_settings_that_need_more() {
    let queue = "[mapping]\non_failure = \"arn:aws:sqs:eu-west-1:123456789012:failed\"\n";
    let key = "[stream]\nencryption = \"arn:aws:kms:eu-west-1:123456789012:key/1234\"\n";
    for text in [queue, key] {
        assert!(settle(text, &[], &[]).is_ok());
        let error = settle(text, &[("role.permissions", "managed")], &[]).unwrap_err();
        assert!(error.to_string().contains("does not give") && error.hints()[0].contains("least"), "{error}");
    }
    assert!(settle("[stream]\nencryption = \"aws/kinesis\"\n", &[("role.permissions", "managed")], &[]).is_ok());
}

#[test]
fn arn_account_must_have_twelve_digits() {
    for text in [
        "[mapping]\non_failure = \"arn:aws:sqs:eu-west-1:12345:failed\"",
        "[stream]\nencryption = \"arn:aws:kms:eu-west-1:me:key/1234\"",
        "[role]\npermissions_boundary = \"arn:aws:iam::me:policy/b\"",
    ] {
        refused(text);
    }
    assert!(settle("[role]\npermissions_boundary = \"arn:aws:iam::aws:policy/PowerUserAccess\"", &[], &[]).is_ok());
}

#[test]
fn text_outside_of_the_file_needs_no_quotes() {
    let texts = |settings: &Settings| {
        let pipeline = &settings.pipeline;
        (pipeline.mapping.starting_position, pipeline.stream.name.clone(), pipeline.role.existing)
    };
    let values =
        [("mapping.starting_position", "2020-11-23T08:00:00Z"), ("stream.name", "007"), ("role.existing", "false")];
    let by_flag = settle("", &values, &[]).unwrap();
    let variables =
        values.map(|(key, value)| (format!("SENSORCTL_{}", key.replace('.', "_").to_ascii_uppercase()), value));
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(texts(&settle("", &[], &variables).unwrap()), texts(&by_flag));
    assert!(matches!(by_flag.pipeline.mapping.starting_position, StartingPosition::At(_)));
    assert_eq!(by_flag.pipeline.stream.name, "007", "as it was typed");
    let quoted = settle("", &[("stream.name", "\"quoted\"")], &[]).unwrap();
    assert_eq!(quoted.pipeline.stream.name, "quoted");
    let members =
        [("tags.cost", "42"), ("tags.ok", "true"), ("tags.since", "2026-01-01"), ("function.environment.FOO", "1.10")];
    let pipeline = settle("[tags]\nteam = \"blue\"\n", &members, &[]).unwrap().pipeline;
    let tags: Vec<_> = pipeline.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(tags, ["cost=42", "ok=true", "since=2026-01-01", "team=blue"]);
    assert_eq!(pipeline.function.environment["FOO"], "1.10");
    // The file is TOML, and so is a whole table in a variable.
    for error in [refused("[tags]\ncost = 42\n"), settle("", &[], &[("SENSORCTL_TAGS", "{ cost = 42 }")]).unwrap_err()]
    {
        assert!(error.to_string().contains("must be text in quotes"), "{error}");
    }
    let number = settle("", &[("stream.shards", "two")], &[]).unwrap_err();
    assert!(number.to_string().contains("`stream.shards`"), "{number}");
}

#[test]
fn aws_cli_in_hints_has_the_flags_that_it_does_not_find_by_itself() {
    let text = "region = \"eu-west-1\"\nprofile = \"p\"\n";
    let flags = |words: &[&str]| AwsCli::Flags(words.iter().map(|word| (*word).to_owned()).collect());
    let settings = settle(text, &[("region", "us-west-2")], &[]).unwrap();
    assert_eq!(settings.aws_cli(), flags(&["--profile", "p", "--region", "us-west-2"]));
    let settings = settle("", &[], &[("AWS_REGION", "eu-west-1"), ("AWS_PROFILE", "p")]).unwrap();
    assert_eq!(settings.aws_cli(), AwsCli::Default);
    assert_eq!(settle_file(file(text), &[], &[], true).unwrap().aws_cli(), AwsCli::LocalEnv);
}
