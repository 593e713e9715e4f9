//! Rows of several devices, or of several series, that would be put as one sensor.

use super::*;

const HEADER: &str = "current_time,serial,temperature\n";

#[test]
fn column_of_several_devices_is_refused_where_all_would_be_one_sensor() {
    let rows = format!("{HEADER}1700000000,A1,21.5\n1700000000,A2,7.5\n");
    let message = wrong(&*rows, "--sensor~x");
    assert!(message.contains("its column `serial` names several devices"), "{message}");
    assert!(message.contains("`--map sensor_id=serial`") && message.contains("`--drop serial`"), "{message}");
    assert_eq!(read(&*rows, "--map~sensor_id=serial"), ["A1 21.5 1700000000", "A2 7.5 1700000000"]);
    assert_eq!(read(&*rows, "--sensor~x~--drop~serial").len(), 2);
    assert_eq!(read(&*rows, "--sensor~x~--map~device=serial").len(), 2, "it is read as a field");
    assert_eq!(read(&*rows, "--sensor~x~--match~serial=A1").len(), 1, "its rows are chosen");
    assert!(wrong(&*rows, "--map~sensor_id=@file").contains("serial"));
    assert!(
        wrong(&*rows, "--sensor~x~--only~temperature").contains("its column `serial`"),
        "also where it is not kept"
    );
    let quoted = format!("{HEADER}1700000000,\"A1\",21.5\n1700000000,\"A2\",7.5\n").replace("serial", "Serial Number");
    assert!(wrong(quoted, "--sensor~x").contains("`--map 'sensor_id=Serial Number'`"));
}

#[test]
fn several_devices_are_seen_in_rows_of_another_width_than_the_header() {
    for (file, flags) in [
        ("serial,current_time,temperature\nA1,1700000000,21,\nA2,1700000060,7,\n", ""),
        ("serial,current_time,unit,temperature\nA1,1700000000,C,21,5\nA2,1700000060,C,7,5\n", "~--decimal~comma"),
        ("serial,current_time,temperature,note\nA1,1700000000,21\nA2,1700000060,7\n", "~--short-rows"),
    ] {
        let message = wrong(file, &format!("--sensor~x{flags}"));
        assert!(message.contains("its column `serial` names several devices"), "{file}: {message}");
        assert_eq!(read(file, &format!("--sensor~x~--drop~serial{flags}")).len(), 2, "they are read");
    }
}

#[test]
fn index_of_sensors_names_them() {
    let file = "time_stamp,sensor_index,temperature\n1700000000,1234,71\n1700000000,5678,70\n";
    let message = wrong(file, "--sensor~x~--map~current_time=time_stamp");
    assert!(message.contains("its column `sensor_index` names several devices"), "{message}");
}

#[test]
fn column_of_one_device_or_of_none_is_a_field() {
    for rows in [
        format!("{HEADER}1700000000,A1,21.5\n1700000060,A1,7.5\n"),
        format!("{HEADER}1700000000,A1,21.5\n1700000060,,7.5\n"),
        format!("{HEADER}1700000000,1,21.5\n1700000060,2,7.5\n").replace("serial", "id"),
        format!("{HEADER}1700000000,1,21.5\n1700000060,2,7.5\n").replace("serial", "entry_id"),
    ] {
        assert_eq!(read(&*rows, "--sensor~x").len(), 2, "{rows}");
    }
}

#[test]
fn unique_ids_of_any_number_of_rows_are_a_field() {
    let rows: Vec<_> = (1..=3000).map(|id| format!("{id},{},1\n", 1_700_000_000 + id)).collect();
    let rows = read(format!("id,current_time,temperature\n{}", rows.concat()), "--sensor~a");
    assert_eq!((rows.len(), rows[2999].as_str()), (3000, "a 1 1700003000,\"id\":3000"));
}

#[test]
fn file_with_numbered_rows_is_that_of_one_sensor() {
    let file =
        |name: &str| format!("{name},current_time,temperature\n1,1700000000,1\n2,1700000060,2\n3,1700000120,3\n");
    assert_eq!(read(file("Serial No"), "--sensor~a")[2], "a 3 1700000120,\"Serial No\":3");
    assert!(wrong(file("sensor"), "--sensor~a").contains("names several devices"));
    let slow = read_slowly("SN,current_time,temperature\n1,1700000000,1\n", "2,1700000060,2\n", "--sensor~a");
    assert_eq!(slow[1], "a 2 1700000060,\"SN\":2");
}

#[test]
fn other_device_behind_the_first_rows_is_rejected() {
    let rows: Vec<_> = (0..20_000).map(|n| format!("{},A1,21.5\n", 1_700_000_000 + n)).collect();
    let rows = rows.concat();
    let all = read(format!("{HEADER}{rows}1700000000,A2,7.5\n"), "--sensor~x");
    assert_eq!((all.len(), all[20_000].as_str()), (20_001, "20002 other-device"));
    let lines = |device: &str, n: u64| format!("{{\"ts\":{},\"dev\":\"{device}\",\"temp\":21.5}}\n", 1_700_000_000 + n);
    let many: String = (0..10_000).map(|n| lines("a", n)).collect();
    let flags = "--sensor~x~--map~temperature=temp~--map~current_time=ts";
    let all = read(many + &lines("b", 0), flags);
    assert_eq!(all[0], "x 21.5 1700000000,\"dev\":\"a\"");
    assert_eq!((all.len(), all[10_000].as_str()), (10_001, "10001 other-device"));
}

#[test]
fn id_of_a_single_row_does_not_reject_the_rows_that_a_slow_pipe_gives_later() {
    let (beginning, rest) = ("id,current_time,temperature\n1,1700000001,1\n", "2,1700000002,2\n3,1700000003,3\n");
    assert_eq!(read_slowly(beginning, rest, "--sensor~a").len(), 3);
    assert!(read_slowly(beginning, rest, "--sensor~a").iter().all(|row| row.starts_with("a ")), "none is rejected");
    let line = |id: &str, n: u32| format!("{{\"id\":{id},\"ts\":170000000{n},\"temp\":{n}}}\n");
    let flags = "--sensor~a~--map~temperature=temp~--map~current_time=ts";
    let read = read_slowly(&line("\"x1\"", 1), &(line("\"x2\"", 2) + &line("\"x3\"", 3)), flags);
    assert!(read.len() == 3 && read.iter().all(|row| row.starts_with("a ")), "{read:?}");
    let measured = read_slowly("node,current_time,temperature\n3.3,1700000001,1\n", "3.2,1700000002,2\n", "--sensor~a");
    assert_eq!(measured[1], "a 2 1700000002,\"node\":3.2", "it is measured");

    let seen_twice = "id,current_time,temperature\nx1,1700000001,1\nx1,1700000002,1\n";
    assert_eq!(read_slowly(seen_twice, "x2,1700000003,2\n", "--sensor~a")[2], "4 other-device");
    let strong = read_slowly("serial,current_time,temperature\nx1,1700000001,1\n", "x2,1700000002,2\n", "--sensor~a");
    assert_eq!(strong[1], "3 other-device", "no row has a serial number of its own");
}

#[test]
fn column_that_is_empty_at_first_is_held_to_the_first_device_that_it_names() {
    let rows = |names: &str| -> String {
        let row = |(at, name)| format!("{name},{},1\n", 1_700_000_000 + at);
        names.split(' ').enumerate().map(row).collect()
    };
    let empty: Vec<_> = vec![""; 10_000];
    let file =
        |column: &str, names: &str| format!("{column},current_time,temperature\n{}{names}", rows(&empty.join(" ")));
    let all =
        read(file("serial", &(rows("A1 A1") + "serial,current_time,temperature\nA2,1700000000,1\n")), "--sensor~x");
    assert_eq!((all.len(), all[10_002].as_str()), (10_003, "10005 other-device"));
    let header_first = format!("serial,current_time,temperature\n{}", rows("A1 A1"));
    assert_eq!(read(file("serial", &header_first), "--sensor~x").len(), 10_002, "the header names no device");
    assert!(read(file("serial", &rows("3.3 3.2")), "--sensor~x")[10_001].starts_with("x 1 "), "it is measured");
    assert!(read(file("name", &rows("a b")), "--sensor~x")[10_001].starts_with("x 1 "), "it may name anything");

    let line = |dev: &str| format!("{{\"ts\":1700000000,\"dev\":{dev},\"temp\":1}}\n");
    let flags = "--sensor~x~--map~temperature=temp~--map~current_time=ts";
    let lines =
        line("\"B\"").replace("\"temp\":1", "\"temp\":\"-\"") + &line("\"A\"") + &line("\"A\"") + &line("\"B\"");
    let all = read_slowly(&line("null"), &lines, flags);
    let of_a = "x 1 1700000000,\"dev\":\"A\"";
    assert_eq!(all, ["x 1 1700000000,\"dev\":null", "2 not-a-number", of_a, of_a, "5 other-device"]);
}

#[test]
fn path_of_several_devices_is_refused_where_all_would_be_one_sensor() {
    let flags = "--sensor~x~--map~temperature=temp~--map~current_time=ts";
    let flat = "{\"ts\":1700000000,\"dev\":\"a1\",\"temp\":1}\n{\"ts\":1700000000,\"dev\":47,\"temp\":2}\n";
    let message = wrong(flat, flags);
    assert!(message.contains("`dev` names several devices") && message.contains("--map sensor_id=dev"), "{message}");
    assert_eq!(read(flat, &format!("{flags}~--drop~dev")).len(), 2);
    let nested = "{\"ts\":1,\"sensors\":[{\"name\":\"a\",\"temp\":1},{\"name\":\"b\",\"temp\":2}]}\n";
    let flags = "--sensor~x~--map~temperature=sensors[].temp~--map~current_time=ts";
    assert!(wrong(nested, flags).contains("`sensors[].name` names several devices"));
    let points = "climate,host=a temperature=1 1700000000000000000\nclimate,host=b temperature=2 1700000000000000000\n";
    assert!(wrong(points, "--sensor~x").contains("`host` names several devices"));
    let own = "{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":2,\"dev\":\"b\"}\n{\"sensor_id\":\"b\",\"temperature\":1,\"current_time\":2,\"dev\":\"c\"}\n";
    assert_eq!(read(own, "--coerce~--sensor~x").len(), 2, "they have sensors of their own");
    let weather = "{\"ts\":1700000000,\"temp\":1,\"weather\":[{\"id\":800},{\"id\":801}]}\n{\"ts\":1700000060,\"temp\":1,\"weather\":[{\"id\":800}]}\n";
    assert_eq!(read(weather, "--sensor~x~--map~temperature=temp~--map~current_time=ts").len(), 2);
}

#[test]
fn series_that_differ_in_another_label_are_no_one_sensor() {
    let series = |labels: &str, value: &str| {
        format!("{{\"metric\":{{{labels}}},\"values\":[[1700000000,\"{value}\"],[1700000060,\"{value}\"]]}}")
    };
    let text =
        |one: &str, other: &str| format!("{{\"data\":{{\"result\":[{},{}]}}}}", series(one, "1"), series(other, "2"));
    let top = "\"__name__\":\"t\",\"sensor\":\"a\",\"place\":\"top\"";
    let both = text(top, &top.replace("top", "bottom"));
    let flags = "--map~sensor_id=data.result[].metric.sensor~--map~current_time=data.result[].values[][0]";
    let wide = format!("{flags}~--map~temperature=data.result[].values[][1]");
    assert_eq!(read(&*both, &wide), ["a 1 1700000000", "a 1 1700000060", "1 other-series", "1 other-series"]);
    let long = format!(
        "{flags}~--quantity~data.result[].metric.__name__~--value~data.result[].values[][1]~--map~temperature=t"
    );
    assert_eq!(read(&*both, &long), ["1 other-series", "1 other-series", "a 1 1700000000", "a 1 1700000060"]);
    let humidity = text(top, "\"__name__\":\"h\",\"sensor\":\"a\",\"place\":\"top\"");
    assert_eq!(read(humidity, &long)[0], "a 1 1700000000,\"h\":2", "another quantity of the same sensor");
    let others = text(top, "\"__name__\":\"t\",\"sensor\":\"b\",\"place\":\"bottom\"");
    assert_eq!(read(others, &long).len(), 4);
}

#[test]
fn numbers_of_quantities_that_nothing_asks_for_are_counted_by_name() {
    let rows = "entity_id,state,last_changed\nsensor.attic,21.5,2031-03-02T07:14:30Z\nlight.x,on,2031-03-02T07:14:30Z\n\
        sensor.cellar_temperature,19.4,2031-03-02T07:15:00Z\n";
    let flags =
        "--quantity~entity_id~--value~state~--map~current_time=last_changed~--map~temperature=sensor.*_temperature";
    let counted = counted(rows, flags).other_quantities;
    assert_eq!((counted.count, counted.names.into_iter().collect::<Vec<_>>()), (1, vec!["sensor.attic".to_owned()]));
}

#[test]
fn unit_is_checked_where_it_is_no_field_of_the_reading() {
    let rows = format!("{H},unit,x\nk,21.5,1700000000,C,1\nk,70.7,1700000060,F,1\n");
    let json = "{\"sensor_id\":\"k\",\"temperature\":1,\"current_time\":2,\"unit\":\"C\",\"x\":1}\n{\"sensor_id\":\"k\",\"temperature\":1,\"current_time\":3,\"unit\":\"F\",\"x\":1}\n";
    for flags in ["--only~x", "--drop~unit"] {
        assert_eq!(read(&*rows, flags), ["k 21.5 1700000000,\"x\":1", "3 unit"], "{flags}");
        assert_eq!(read(json, flags), ["k 1 2,\"x\":1", "2 unit"], "{flags}");
    }
    let mapped = rows.replace("unit", "Einheit");
    assert_eq!(read(mapped, "--map~temperature_unit=Einheit~--only~x")[1], "3 unit");
}

#[test]
fn series_of_line_protocol_that_one_tag_does_not_tell_apart_are_rejected() {
    let line = |tags: &str, second: u32| format!("climate,{tags} temperature={second} 170000000{second}000000000\n");
    let text = line("sensor=a,location=x", 1) + &line("sensor=a,location=y", 2) + &line("sensor=b,location=y", 3);
    let text = text + &line("sensor=a,location=x", 4);
    let flags = "--map~sensor_id=sensor~--drop~measurement";
    match items(text.clone(), &options(flags)).remove(1) {
        ParsedLine::Rejected(line) => {
            assert!(line.reason.contains("`--map sensor_id=sensor+location` tells them apart"), "{}", line.reason);
            assert!(line.reason.contains("`--drop location` says that they are one"), "{}", line.reason);
        }
        ParsedLine::Ready(record) => panic!("{}", record.data),
    }
    let read = |flags: &str| read(text.clone(), flags);
    let x = ",\"location\":\"x\"";
    assert_eq!(read(flags)[..2], [format!("a 1 1700000001{x}"), "2 other-series".to_owned()]);
    assert_eq!(read(flags)[3], format!("a 4 1700000004{x}"));
    assert_eq!(read(&format!("{flags}~--drop~location"))[1], "a 2 1700000002", "they are one");
    assert_eq!(read("--map~sensor_id=sensor+location~--drop~measurement~--drop~sensor")[1], "a/y 2 1700000002");
    assert!(
        read("--sensor~k~--drop~measurement~--drop~sensor~--drop~location").iter().all(|row| row.starts_with("k "))
    );
    let own = text.replace("temperature=2", "humidity=2");
    let own = super::read(own, flags);
    assert_eq!(own[1], "2 missing-key", "a point without a temperature is of no series");

    let field = |tags: &str, name: &str| format!("climate,{tags} {name}=1 1700000001000000000\n");
    let text = field("sensor=a,location=x", "humidity")
        + &field("sensor=a,location=y", "temperature")
        + &field("sensor=a,location=x", "temperature");
    let flags = "--map~sensor_id=sensor~--map~current_time=time~--quantity~_field~--value~_value";
    assert_eq!(super::read(text, flags)[0], "3 other-series");
}

#[test]
fn device_behind_the_head_is_seen_within_arrays() {
    let row = |dev: &str, n: usize| format!("{{\"ts\":{},\"dev\":\"{dev}\",\"temp\":1}}", 1_700_000_000 + n);
    let rows: Vec<_> = (0..20_000).map(|n| row("A1", n)).collect();
    let text = format!("{{\"other\":[{{\"host\":\"h\"}}],\"rows\":[{},{}]}}", rows.join(","), row("A2", 20_000));
    let flags = "--sensor~x~--map~temperature=rows[].temp~--map~current_time=rows[].ts";
    let all = read(&*text, flags);
    assert_eq!((all.len(), all[0].as_str()), (20_001, r#"x 1 1700000000,"dev":"A1""#));
    assert_eq!(all[20_000], "1 other-device");
    assert_eq!(read(text, &format!("{flags}~--drop~dev"))[20_000], "x 1 1700020000");
}

#[test]
fn topics_that_would_be_one_sensor_are_refused() {
    let lines =
        "a/b {\"temperature\":1,\"current_time\":1700000000}\nc/d {\"temperature\":2,\"current_time\":1700000000}\n";
    assert_eq!(read(lines, "")[1], "c/d 2 1700000000");
    let message = wrong(lines, "--map~sensor_id=@file");
    assert!(message.contains("`topic` names several devices"), "{message}");
    assert_eq!(read(lines, "--map~sensor_id=@file~--drop~topic")[1], "file-7 2 1700000000");
}
