use super::*;

#[test]
fn options_are_same_in_toml_and_back() {
    let text = r#"
        format = "csv"
        delimiter = "semicolon"
        decimal = "comma"
        encoding = "windows-1252"
        skip_lines = 2
        join_within = "90s"
        missing = ["nan", "-9999"]
        time_unit = "ms"

        [map]
        temperature = ["T1", "T2"]
        current_time = "date+clock"

        [match]
        topic = "tele/*/SENSOR"

        [unit]
        temperature = "F:C"

        [field]
        site = "lab"
        floor = 3
    "#;
    let options: InputOptions = toml::from_str(text).unwrap();
    assert_eq!(options.map.len(), 3);
    assert_eq!(options.join_within, Some(Duration::from_secs(90)));
    let again: InputOptions = toml::from_str(&toml::to_string(&options).unwrap()).unwrap();
    assert_eq!(again, options);
}

#[test]
fn unknown_key_or_value_in_toml_is_refused() {
    for text in [
        "delimeter = \"tab\"",
        "delimiter = \"ab\"",
        "time_unit = \"m\"",
        "encoding = \"latin-9000\"",
        "[unit]\ntemperature = \"F\"",
        "layout = \"x\"",
    ] {
        assert!(toml::from_str::<InputOptions>(text).is_err(), "{text}");
    }
}

#[test]
fn flags_go_before_layout_key_by_key() {
    let read = |text: &str| toml::from_str::<InputOptions>(text).unwrap();
    let layout = read("delimiter = \"tab\"\nskip_lines = 1\n[map]\ntemperature = [\"T1\", \"T2\"]\nsensor_id = \"id\"");
    let own = read("delimiter = \"pipe\"\n[map]\ntemperature = \"T3\"");
    let both = own.over(layout);
    assert_eq!((both.delimiter, both.skip_lines), (Some(Delimiter::Byte(b'|')), Some(1)));
    let sources: Vec<_> = both.map.iter().map(|mapping| mapping.source.as_str()).collect();
    assert_eq!(sources, ["T3", "id"]);
}

#[test]
fn flag_for_times_replaces_unit_and_form_of_layout() {
    let read = |text: &str| toml::from_str::<InputOptions>(text).unwrap();
    let both = read("time_format = \"%Y\"").over(read("time_unit = \"ms\""));
    assert_eq!((both.time_format.as_deref(), both.time_unit), (Some("%Y"), None));
    let both = read("time_unit = \"ms\"").over(read("time_format = \"%Y\""));
    assert_eq!((both.time_format, both.time_unit), (None, Some(TimeUnit::Milliseconds)));
}
