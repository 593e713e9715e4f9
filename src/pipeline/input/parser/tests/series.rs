//! Rows of several series that one sensor would hold, by the values of columns with any name.

use super::*;
use crate::pipeline::input::test_rows::two_devices;

fn possible(bytes: &str, flags: &str) -> Vec<String> {
    counted(bytes, flags).possible_devices.remarks().collect()
}

#[test]
fn column_that_parts_rows_of_one_time_is_refused_where_all_would_be_one_sensor() {
    for (name, values) in [
        ("Kanal", ["1", "2"]),
        ("tag", ["x", "y"]),
        ("Point", ["a", "b"]),
        ("Unit ID", ["1", "2"]),
        ("position", ["top", "bottom"]),
        ("Tank", ["1", "2"]),
    ] {
        let text = two_devices(["current_time", name], values, 0);
        let message = wrong(&*text, "--sensor~x");
        assert!(message.contains(&format!("rows of one time differ in its column `{name}`")), "{message}");
        assert!(message.contains("--map") && message.contains("--drop"), "{message}");
        assert_eq!(read(&*text, &format!("--sensor~x~--drop~{name}")).len(), 4);
        assert_eq!(read(&*text, &format!("--map~sensor_id={name}")).len(), 4);
    }
    let object = |time: u64, value: &str, unit: &str| {
        format!("{{\"current_time\":{time},\"temperature\":{value},\"unit\":\"{unit}\"}}\n")
    };
    let json = object(1, "1", "x") + &object(1, "2", "y") + &object(61, "1", "x") + &object(61, "2", "y");
    assert!(wrong(&*json, "--sensor~x").contains("readings of one time differ in `unit`"));
    let nested = json.replace("\"unit\":\"x\"", "\"meta\":{\"loc\":\"x\"}");
    let nested = nested.replace("\"unit\":\"y\"", "\"meta\":{\"loc\":\"y\"}");
    assert!(wrong(&*nested, "--sensor~x").contains("readings of one time differ in `meta.loc`"));
    assert_eq!(read(&*nested, "--sensor~x~--drop~meta.loc").len(), 4);
}

#[test]
fn column_with_recurring_texts_is_named_where_all_are_put_as_one_sensor() {
    let text = two_devices(["current_time", "Kammer"], ["attic", "cellar"], 5);
    let [remark] = possible(&text, "--sensor~x").try_into().unwrap();
    assert!(remark.contains("`Kammer` has 2 values for one sensor"), "{remark}");
    assert!(remark.contains("`--map sensor_id=Kammer`") && remark.contains("`--drop Kammer`"), "{remark}");
    assert!(possible(&text, "--sensor~x~--drop~Kammer").is_empty());
    assert!(possible(&text, "--map~sensor_id=Kammer").is_empty());
    for values in [["OK", "Bad"], ["C", "F"], ["on", "off"], ["N", "SW"], ["40", "41.5"]] {
        assert!(possible(&two_devices(["current_time", "x"], values, 5), "--sensor~x").is_empty(), "{values:?}");
    }
}

#[test]
fn column_beside_that_of_the_sensor_is_refused_or_named_where_it_tells_its_series_apart() {
    let rows = |lag: u64| {
        let row = |gateway: &str, node: u8, time: u64, value: &str| {
            format!("{gateway},{node},{},{value}\n", 1_700_000_000 + time)
        };
        let rows = [
            row("g1", 1, 0, "21.5"),
            row("g2", 1, lag, "11.5"),
            row("g1", 2, 60, "21.6"),
            row("g2", 2, 60 + lag, "11.6"),
        ];
        format!("gateway,node,current_time,temperature\n{}", rows.concat())
    };
    let message = wrong(rows(0), "--map~sensor_id=node");
    assert!(
        message.contains("its column `gateway`") && message.contains("`--map sensor_id=node+gateway`"),
        "{message}"
    );
    let [remark] = possible(&rows(1), "--map~sensor_id=node").try_into().unwrap();
    assert!(remark.contains("`gateway` has 2 values") && remark.contains("`--map sensor_id=node+gateway`"), "{remark}");
    for lag in [0, 1] {
        assert_eq!(read(rows(lag), "--map~sensor_id=node+gateway").len(), 4);
        assert_eq!(read(rows(lag), "--map~sensor_id=node~--drop~gateway").len(), 4);
    }
    let moved = "room,node,current_time,temperature\na,1,1,1\na,1,2,2\nb,1,3,3\nb,1,4,4\n";
    assert!(possible(moved, "--map~sensor_id=node").is_empty());
    let json = "{\"gateway\":\"g1\",\"node\":\"1\",\"current_time\":1,\"temperature\":1}\n\
        {\"gateway\":\"g2\",\"node\":\"1\",\"current_time\":2,\"temperature\":2}\n";
    assert_eq!(possible(json, "--map~sensor_id=node").len(), 1);
}

#[test]
fn measurements_of_line_protocol_without_tags_are_no_one_sensor() {
    let text = "attic temperature=21.5 1700000000000000000\ncellar temperature=11.5 1700000000000000000\n";
    let message = wrong(text, "--sensor~one");
    assert!(message.contains("`measurement` names several devices"), "{message}");
    assert!(message.contains("`--map sensor_id=measurement`"), "{message}");
    assert_eq!(read(text, "--map~sensor_id=measurement").len(), 2);
    assert_eq!(read(text, "--sensor~one~--drop~measurement").len(), 2);
    let others = text.replace("cellar temperature", "cpu load");
    assert_eq!(read(others, "--sensor~one").len(), 2, "one of them is no temperature");
}

#[test]
fn key_of_a_layout_that_does_not_tell_devices_apart_is_said() {
    let uplink = |application: &str, value: &str| {
        format!(
            "{{\"end_device_ids\":{{\"device_id\":\"barn\",\"application_ids\":{{\"application_id\":\"{application}\"}}}},\
             \"received_at\":\"2023-11-14T22:13:20Z\",\"value\":{value}}}\n"
        )
    };
    let flags = "--map~sensor_id=end_device_ids.device_id~--map~temperature=value~--map~current_time=received_at";
    let [remark] = possible(&(uplink("farm", "21.5") + &uplink("city", "11.5")), flags).try_into().unwrap();
    let source = "end_device_ids.device_id+end_device_ids.application_ids.application_id";
    assert!(remark.contains(source), "{remark}");
    let line = |channel: u8, value: &str| {
        format!(
            "{{\"time\":\"2023-11-14 22:13:20\",\"model\":\"Nexus-TH\",\"id\":5,\"channel\":{channel},\
             \"temperature_C\":{value}}}\n"
        )
    };
    let flags = "--map~sensor_id=model+id~--map~temperature=temperature_C~--map~current_time=time";
    let [remark] = possible(&(line(1, "21.5") + &line(2, "11.5")), flags).try_into().unwrap();
    assert!(remark.contains("`--map sensor_id=model+id+channel`"), "{remark}");
}

#[test]
fn text_that_changes_behind_the_first_rows_is_named() {
    let times = |from: u64, count: u64| (from..from + count).map(|time| 1_700_000_000 + time);
    let csv = |device: &str, from: u64, count: u64| {
        times(from, count).map(|time| format!("{device},21.5,{time}\n")).collect::<Vec<_>>().concat()
    };
    let rows = format!("Fermenter,temperature,current_time\n{}{}", csv("A", 0, 4000), csv("B", 4000, 20));
    let [remark] = possible(&rows, "--sensor~x").try_into().unwrap();
    assert!(remark.contains("`Fermenter` has 2 values") && remark.contains("`--map sensor_id=Fermenter`"), "{remark}");
    assert!(possible(&rows, "--sensor~x~--drop~Fermenter").is_empty());
    let states = rows.replace("A,", "ok,").replace("B,", "low,");
    assert!(possible(&states, "--sensor~x").is_empty());
    let json = |device: &str, from: u64, count: u64| {
        let line = |time: u64| {
            format!("{{\"current_time\":{time},\"temperature\":21.5,\"meta\":{{\"tank\":\"{device}\"}}}}\n")
        };
        times(from, count).map(line).collect::<Vec<_>>().concat()
    };
    let lines = json("A", 0, 3000) + &json("B", 3000, 20) + &json("D", 3020, 20);
    let [remark] = possible(&lines, "--sensor~x").try_into().unwrap();
    assert!(remark.contains("`meta.tank` has 3 values"), "{remark}");
}
