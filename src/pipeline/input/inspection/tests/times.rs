//! Files with several times, and with times whose parts stand apart.

use super::guesses::flags;
use super::*;

#[test]
fn members_with_a_time_each_are_read_with_their_own() {
    let ids = "{\"id\":\"g\",\"in\":{\"temp\":21.5,\"ts\":1700000000},\"out\":{\"temp\":11.5,\"ts\":1700000900},\"v\":3}\n\
        {\"id\":\"h\",\"in\":{\"temp\":22.5,\"ts\":1700000060},\"out\":{\"temp\":12.5,\"ts\":1700000960},\"v\":3}\n\
        {\"id\":\"g\",\"in\":{\"temp\":22.5,\"ts\":1700000060},\"out\":{\"temp\":12.5,\"ts\":1700000960},\"v\":3}\n";
    for (text, expected) in [
        (
            "{\"attic\":{\"temperature\":21.5,\"time\":1700000000},\"cellar\":{\"temperature\":11.5,\"time\":1700000900}}",
            "sensor_id=*.@key temperature=*.temperature current_time=*.time",
        ),
        (ids, "sensor_id=id+*.@key temperature=*.temp current_time=*.ts"),
        (
            "{\"d\":{\"a\":{\"sn\":\"A1\",\"t\":{\"temp\":21.5},\"at\":{\"time\":\"2023-11-14T22:13:20Z\"}},\
             \"b\":{\"sn\":\"B2\",\"t\":{\"temp\":11.5},\"at\":{\"time\":\"2023-11-14T22:28:20Z\"}}}}",
            "sensor_id=d.*.sn temperature=d.*.t.temp current_time=d.*.at.time",
        ),
    ] {
        assert_eq!(flags(text, "f.json"), expected);
        let (inspection, ..) = inspected(text.as_bytes(), "f.json");
        let shown = shown(&inspection);
        assert!(shown[0].contains("1700000000") && shown[1].contains("1700000900"), "{shown:?}");
    }
    let apart = b"{\"a\":{\"temp\":21.5,\"ts\":1700000000},\"b\":{\"temperature\":11.5,\"ts\":1700000900}}\n";
    let (inspection, ..) = inspected(apart, "f.json");
    let error = inspection.error.unwrap();
    assert!(inspection.readings.is_empty() && error.contains("current_time=b.ts"), "{error}");
    let columns = b"attic_time,attic_temp,cellar_time,cellar_temp\n1700000000,21.5,1700000900,11.5\n";
    let (inspection, ..) = inspected(columns, "f.csv");
    let error = inspection.error.unwrap();
    assert!(inspection.readings.is_empty() && error.contains("`--map 'current_time=cellar_time'`"), "{error}");
}

#[test]
fn time_of_the_measurement_is_read_and_the_other_one_is_named() {
    for (measured, other) in [
        ("measured_at", "received_at"),
        ("time_measured", "time_received"),
        ("sample", "upload_time"),
        ("ts", "boot_time"),
    ] {
        let rows = format!("device,temp,{other},{measured}\na,21.5,2023-11-15T00:00:00Z,2023-11-14T22:13:20Z\n");
        let json = format!(
            "{{\"device\":\"a\",\"{other}\":\"2023-11-15T00:00:00Z\",\"temp\":21.5,\"{measured}\":\"2023-11-14T22:13:20Z\"}}\n"
        );
        for (text, name) in [(rows, "f.csv"), (json, "f.ndjson")] {
            let (inspection, ..) = inspected(text.as_bytes(), name);
            assert!(shown(&inspection)[0].contains("\"current_time\":1700000000"), "{other}: {:?}", shown(&inspection));
            assert_eq!(inspection.other_times, [other]);
            let note = format!("`{other}` is a time, too");
            assert!(inspection.remarks().iter().any(|remark| remark.contains(&note)), "{:?}", inspection.remarks());
        }
    }
    let nested = "{\"dev\":\"a\",\"ts\":1700000900,\"data\":{\"temp\":21.5,\"ts\":1700000000}}\n";
    assert!(flags(nested, "f.ndjson").contains("current_time=data.ts"), "{}", flags(nested, "f.ndjson"));
}

#[test]
fn times_of_which_nothing_tells_which_is_right_are_left_to_the_user() {
    let rows = "device,temp,Created,Updated\na,21.5,2023-11-14T22:13:20Z,2023-11-15T00:00:00Z\n";
    let json =
        "{\"device\":\"a\",\"Created\":\"2023-11-14T22:13:20Z\",\"temp\":21.5,\"Updated\":\"2023-11-15T00:00:01Z\"}\n";
    for (text, name) in [(rows, "f.csv"), (json, "f.ndjson")] {
        let (inspection, file, _dir) = inspected(text.as_bytes(), name);
        assert_eq!(inspection.error.as_deref(), Some(UNTIMED), "{name}");
        let mut found: Vec<_> = inspection.choices.iter().map(|choice| choice.time.as_deref().unwrap()).collect();
        found.sort_unstable();
        assert_eq!((found, inspection.readings.len()), (vec!["Created", "Updated"], 0));
        for choice in &inspection.choices {
            assert_eq!(put(&file, &choice.options)[0], choice.first_reading.as_ref().unwrap().get());
        }
    }
}

#[test]
fn clock_without_signs_is_joined_with_its_date_or_refused() {
    for (text, expected) in [
        (
            "device,date,time,temperature\na,2023-11-14,2213,21.5\na,2023-11-14,2223,21.6\n",
            "current_time=date+time sensor_id=device --time-format=%Y-%m-%d %H%M",
        ),
        (
            "device,date,time,temperature\na,20231114,0005,21.5\na,20231114,2223,21.6\n",
            "current_time=date+time sensor_id=device --time-format=%Y%m%d %H%M",
        ),
        (
            "station,year,doy,time,temperature\na,2023,318,2213,21.5\n",
            "current_time=year+doy+time sensor_id=station --time-format=%Y %j %H%M",
        ),
        (
            "station,year,month,day,time,temperature\na,2023,11,14,221320,21.5\n",
            "current_time=year+month+day+time sensor_id=station --time-format=%Y %m %d %H%M%S",
        ),
    ] {
        assert_eq!(flags(text, "f.csv"), expected);
        let (inspection, ..) = inspected(text.as_bytes(), "f.csv");
        assert!(!shown(&inspection)[0].contains("\"current_time\":2"), "{:?}", shown(&inspection));
    }
    for (text, hint) in [
        ("device,date,time,temperature\na,2023-11-14,5,21.5\na,2023-11-14,1310,21.6\n", "current_time=date+time"),
        ("device,date,time,temperature\na,14.11.2023,47000,21.5\n", "current_time=date+time"),
        ("station,year,doy,time,temperature\na,2023,318,5,21.5\na,2023,318,1310,21.6\n", "current_time=year+doy+time"),
    ] {
        let (inspection, ..) = inspected(text.as_bytes(), "f.csv");
        let error = inspection.error.unwrap();
        assert!(error.contains(hint) && error.contains("--time-format"), "{error}");
        assert!(inspection.readings.is_empty());
    }
}

#[test]
fn day_between_year_and_month_is_proposed_as_a_form() {
    let rows: Vec<_> = (1..16).map(|day| format!("k,21.5,2023-{day:02}-02 00:00:00")).collect();
    let rows = rows.join("\n");
    for header in ["sensor_id,temperature,current_time", "device,temp,time"] {
        let found = flags(format!("{header}\n{rows}"), "f.csv");
        assert!(found.ends_with("--time-format=%Y-%d-%m %H:%M:%S"), "{found}");
    }
}

#[test]
fn member_with_settings_is_no_device() {
    let line =
        "{\"dev\":\"a\",\"state\":{\"temp\":21.5,\"time\":1700000000},\"config\":{\"temp\":20,\"time\":1600000000}}\n";
    let (inspection, ..) = inspected(line.as_bytes(), "f.ndjson");
    assert_eq!(inspection.accepted, 1);
    assert!(
        shown(&inspection)[0].contains("\"temperature\":21.5,\"current_time\":1700000000"),
        "{:?}",
        shown(&inspection)
    );
}
