use super::super::options::InputFormat;
use super::super::parsed_line::ParsedLine;
use super::super::source::{Inputs, ReadProgress};
use super::*;

/// The files of each layout, as the source writes them, with values of our own: by the name of the layout, which another
/// word may follow.
pub(in super::super) fn fixtures() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/layouts");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.to_string_lossy().ends_with(".expected"))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

pub(in super::super) fn layout_of(file: &str) -> &str {
    file.split('.').next().unwrap()
}

/// Returns the options of a layout with those that it needs.
pub(in super::super) fn completed(layout: &Layout) -> InputOptions {
    let mut options = InputOptions::default().over(layout.options.clone());
    for flag in &layout.needs {
        match flag.as_str() {
            "--sensor" => options.sensor = Some("mine".to_owned()),
            "--time-zone" => options.time_zone = Some("Europe/Berlin".to_owned()),
            "--unit" => options.unit = vec!["temperature=K:C".parse().unwrap()],
            "--map" => options.map.push("temperature=field1".parse().unwrap()),
            other => panic!("{other}"),
        }
    }
    options
}

/// The readings and rejected lines of a file, and what was counted, as its `.expected` has them.
fn shown(file: &str, bytes: Vec<u8>, layout: &Layout) -> String {
    let options = completed(layout);
    let inputs = Inputs::of(file, Box::new(std::io::Cursor::new(bytes)), &options).unwrap();
    let facts = inputs.facts();
    let mut text = String::new();
    inputs.read(|items| {
        for item in items.unwrap().items {
            match item {
                ParsedLine::Ready(record) => text.push_str(&format!("{}: {}\n", record.line, record.data)),
                ParsedLine::Rejected(line) => {
                    text.push_str(&format!("{}: {} ({})\n", line.line, line.code, line.reason));
                }
            }
        }
        ReadProgress::Wanted
    });
    let (counted, replaced) = facts.get();
    for (unit, count) in counted.times.units() {
        text.push_str(&format!("{count} in {}\n", unit.name()));
    }
    for (count, what) in [
        (counted.times.assumed_utc, "assumed UTC"),
        (counted.times.ambiguous + counted.times.skipped, "ambiguous or skipped"),
        (counted.times.possible_days, "possible days"),
        (counted.passed_over, "passed over"),
        (counted.unassigned, "unassigned"),
        (counted.unjoined, "unjoined"),
        (replaced.count, "replaced"),
    ] {
        if count > 0 {
            text.push_str(&format!("{count} {what}\n"));
        }
    }
    text
}

#[test]
fn file_of_each_layout_gives_its_readings() {
    let layouts = Layouts::default();
    let mut wrong = Vec::new();
    for (name, bytes) in fixtures() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/layouts");
        let expected = std::path::Path::new(folder).join(format!("{name}.expected"));
        let found = shown(&name, bytes, &layouts.get(layout_of(&name)).unwrap());
        if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
            std::fs::write(&expected, &found).unwrap();
        }
        if std::fs::read_to_string(&expected).unwrap_or_default() != found {
            wrong.push(format!("{name}:\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn span_joins_quantities_of_home_assistant_that_change_at_different_times() {
    let text = "entity_id,state,last_changed\n\
        sensor.attic_humidity,51,2031-03-02T07:14:30Z\n\
        sensor.attic_temperature,19.4,2031-03-02T07:15:00Z\n\
        sensor.cellar_humidity,80,2031-03-02T07:15:00Z\n\
        sensor.attic_temperature,19.5,2031-03-02T08:15:00Z\n";
    let mut layout = Layouts::default().get("home-assistant").unwrap();
    layout.options.join_within = Some(std::time::Duration::from_secs(60));
    let expected = "3: {\"sensor_id\":\"attic\",\"temperature\":19.4,\"current_time\":1930202100,\"humidity\":51}\n\
        5: {\"sensor_id\":\"attic\",\"temperature\":19.5,\"current_time\":1930205700}\n\
        1 unjoined\n";
    assert_eq!(shown("history", text.into(), &layout), expected);
}

fn own(name: &str, text: &str) -> Layouts {
    let table = text.parse().unwrap();
    Layouts::new(vec![OwnLayoutText { name: name.to_owned(), table, place: "sensorctl.toml:3".to_owned() }])
}

#[test]
fn built_in_layouts_are_read_and_described() {
    let layouts = Layouts::default().all().unwrap();
    assert!(layouts.len() > 20);
    for layout in &layouts {
        assert!(!layout.summary.is_empty() && layout.summary.chars().count() <= 60, "{}", layout.name);
        assert!(layout.source.is_some() && layout.confidence.is_some() && layout.place.is_none(), "{}", layout.name);
        let has_sensor = layout.options.map.iter().any(|mapping| mapping.key == "sensor_id");
        let has_own_form = matches!(layout.options.format, Some(InputFormat::LineProtocol | InputFormat::Senml));
        // The long form may take the sensor out of the quantity's name.
        let names_sensor = |key: &str, source: &str| key != "current_time" && source.contains('*');
        let has_pattern = layout.options.map.iter().any(|mapping| names_sensor(&mapping.key, &mapping.source));
        let has_sensor = has_sensor || layout.options.quantity.is_some() && has_pattern;
        let needs_sensor = layout.needs.iter().any(|flag| flag == "--sensor");
        // The first of several locations has no id, and takes the sensor that is named.
        let may_have_sensor = layout.name == "open-meteo";
        assert!(has_sensor != needs_sensor || has_own_form || may_have_sensor, "{}", layout.name);
        assert!(layout.options.format.is_some(), "{}", layout.name);
    }
}

#[test]
fn options_of_each_layout_are_the_same_in_toml_and_back() {
    for layout in Layouts::default().all().unwrap() {
        let text = toml::to_string(&layout.options).unwrap();
        assert_eq!(toml::from_str::<InputOptions>(&text).unwrap(), layout.options, "{}: {text}", layout.name);
    }
}

#[test]
fn file_of_each_layout_is_recognized_as_that_layout() {
    let layouts = Layouts::default();
    let files = fixtures();
    let mut names: Vec<_> = files.iter().map(|(name, _)| layout_of(name)).collect();
    names.dedup();
    assert_eq!(names, layouts.names(), "each layout has a file in tests/fixtures/layouts");
    let is_recognized = |name: &str| !layouts.get(name).unwrap().recognition.is_empty();
    for (name, bytes) in files.iter().filter(|(name, _)| is_recognized(layout_of(name))) {
        let matching = layouts.matching(&FileHead::new(&String::from_utf8_lossy(bytes))).unwrap();
        let found: Vec<_> = matching.iter().map(|layout| layout.name.as_str()).collect();
        assert_eq!(found.first(), Some(&layout_of(name)), "{name}: {found:?}");
    }
}

#[test]
fn recognition_does_not_depend_on_what_a_broker_kept() {
    let kept = "tele/shed/LWT Online\nzigbee2mqtt/bridge/state online\nzigbee2mqtt/bridge/info {\"version\":\"2\"}\n";
    let json = "{\"tst\":\"2031-03-02T08:15:00.1+0100\",\"topic\":\"a/LWT\",\"qos\":0,\"payload\":\"Online\"}\n";
    for (name, kept) in [("zigbee2mqtt", kept), ("tasmota", kept), ("mosquitto-verbose", kept), ("mosquitto", json)] {
        let (_, bytes) = fixtures().into_iter().find(|(file, _)| file.split('.').next() == Some(name)).unwrap();
        let text = format!("{kept}{}", String::from_utf8(bytes).unwrap());
        let matching = Layouts::default().matching(&FileHead::new(&text)).unwrap();
        assert!(matching.iter().any(|layout| layout.name == name), "{name}");
        let layout = Layouts::default().get(name).unwrap();
        let format = super::super::format::recognize(text.as_bytes());
        assert_eq!(format, layout.options.format.unwrap_or(format), "{name}");
    }
}

#[test]
fn plain_files_are_no_layout_s() {
    let layouts = Layouts::default();
    for text in [
        "",
        "hello",
        "sensor_id,temperature,current_time\na,1,2\n",
        r#"{"sensor_id":"a","temperature":1,"current_time":2}"#,
        "1700000000,21.5\n",
        "[",
        "{\"a\":",
    ] {
        let found: Vec<_> =
            layouts.matching(&FileHead::new(text)).unwrap().into_iter().map(|layout| layout.name).collect();
        assert_eq!(found, [""; 0], "{text}");
    }
}

#[test]
fn own_layout_goes_before_a_built_in_one_and_may_extend_it() {
    let text = "summary = \"Cellar\"\nextends = \"govee\"\ntime_zone = \"Europe/Berlin\"\nsensor = \"cellar\"";
    let layout = own("cellar", text).get("cellar").unwrap();
    let govee = Layouts::default().get("govee").unwrap();
    assert_eq!(layout.options.time_zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(layout.options.map, govee.options.map);
    assert_eq!(layout.place.as_deref(), Some("sensorctl.toml:3"));
    assert_eq!(own("govee", "delimiter = \"pipe\"").get("govee").unwrap().options.map, []);
    assert_eq!(own("cellar", "").names().len(), Layouts::default().names().len() + 1);
}

#[test]
fn unknown_layouts_keys_and_values_are_refused_with_their_place() {
    let unknown = Layouts::default().get("govey").unwrap_err();
    assert!(unknown.hints()[0].contains("`govee`"), "{:?}", unknown.hints());
    assert!(Layouts::default().get("xyz").unwrap_err().hints()[0].contains("sensorctl layouts"));
    for text in [
        "delimeter = \"tab\"",
        "delimiter = \"tabs\"",
        "extends = \"nothing\"",
        "[recognize]\ncolumn = [\"a\"]",
        "[recognize]\npaths = [\"a..b\"]",
        "confidence = \"high\"",
        "[unit]\ntemperature = \"F:X\"",
    ] {
        let error = own("cellar", text).get("cellar").unwrap_err();
        assert!(error.full_message().contains("sensorctl.toml:3"), "{text}: {error}");
    }
}

#[test]
fn recognition_asks_for_all_that_it_names() {
    let found = |recognize: &str, text: &str| {
        let layouts = own("mine", &format!("delimiter = \"comma\"\n[recognize]\n{recognize}"));
        layouts.matching(&FileHead::new(text)).unwrap().iter().any(|layout| layout.name == "mine")
    };
    assert!(found("columns = [\"Temp*(*)\", \"When\"]", "Title\n\"When\" ; Temp (C) ;x\n1;2;3\n"));
    assert!(!found("columns = [\"Temp*(*)\", \"When\"]", "Title\nWhen;Temp (C;x\n"));
    assert!(found("first_line = \"*Plot Title:*\"", "\u{feff}\n\"Plot Title: x\"\r\n"));
    assert!(!found("first_line = \"Plot Title:\"", "Plot Title: x\n"));
    // Cut in the middle, as a file's beginning is.
    assert!(found(
        "paths = [\"data.result[].values[][1]\"]",
        r#"{"data":{"result":[{"metric":{},"values":[[1,"2"],[3,"#
    ));
    assert!(!found("paths = [\"a.b\"]", r#"{"a":{"b":null}}"#));
    assert!(found("paths = [\"*[].values.x\"]", r#"{"Device A":[{"values":{"x":0}}]}"#));
    assert!(found("topic = \"tele/*/SENSOR\"\npaths = [\"a\"]", "tele/a b/SENSOR {\"a\":1}\n"));
    assert!(!found("topic = \"tele/*/SENSOR\"\npaths = [\"b\"]", "tele/a b/SENSOR {\"a\":1}\n"));
    assert!(found("values = { \"a.b\" = \"x*\" }", r#"{"a":{"b":"xyz"}}"#));
    assert!(!found("values = { \"a.b\" = \"x*\" }", r#"{"a":{"b":"yz"}}"#));
    assert!(!found("", "anything"));
}
