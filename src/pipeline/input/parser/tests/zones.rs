//! Zones that a file names beside its times, and numbers and times in forms that programs of other countries write.

use super::*;

fn seconds(text: &str, flags: &str) -> Vec<String> {
    let time = |line: String| line.rsplit(' ').next().unwrap().split(',').next().unwrap().to_owned();
    read(text, flags).into_iter().map(time).collect()
}

#[test]
fn zone_above_the_header_is_that_of_the_times() {
    let file =
        |zone: &str| format!("Model,RC-5\n{zone}\nsensor_id,temperature,current_time\nk,1,2023-11-14 22:13:20\n");
    for (zone, expected) in [
        ("Timezone,UTC+08:00", "1699971200"),
        ("Time zone: Europe/Berlin", "1699996400"),
        ("# timezone = GMT-7", "1700025200"),
        ("Trip,x", "1700000000"),
    ] {
        assert_eq!(seconds(&file(zone), ""), [expected], "{zone}");
        assert_eq!(counted(file(zone), "").times.assumed_utc, u64::from(zone == "Trip,x"), "{zone}");
    }
    assert_eq!(seconds(&file("Timezone,UTC+08:00"), "--time-zone~+01:00"), ["1699996400"]);
    assert_eq!(read(file("Timezone,CST"), ""), ["4 time-zone"]);
    assert_eq!(seconds(&file("Timezone,CST"), "--time-zone~Asia/Shanghai"), ["1699971200"]);
    assert_eq!(seconds(&file("Timezone,CST").replace(":20", ":20Z"), ""), ["1700000000"], "the time has its own");
}

#[test]
fn zone_beside_the_time_of_a_document_is_that_of_the_time() {
    let line = |zone: &str| format!("{{\"d\":\"k\",\"at\":\"2023-11-14 22:13:20\",\"temp\":1,\"timezone\":{zone}}}\n");
    let flags = "--map~sensor_id=d~--map~temperature=temp~--map~current_time=at";
    let text = line("\"Europe/Berlin\"") + &line("\"UTC+08:00\"") + &line("null") + &line("\"CET\"");
    let all = read(text.clone(), flags);
    assert_eq!(all[0], r#"k 1 1699996400,"timezone":"Europe/Berlin""#, "it stays a field");
    assert_eq!(seconds(&text, flags)[1..3], ["1699971200", "1700000000"]);
    assert_eq!(all[3], "4 time-zone");
    assert_eq!(seconds(&line("\"CET\""), &format!("{flags}~--time-zone~UTC")), ["1700000000"]);
    let nested = r#"{"meta":{"tz":"Asia/Shanghai"},"rows":[{"d":"k","at":"2023-11-14 22:13:20","temp":1}]}"#;
    let flags = "--map~sensor_id=rows[].d~--map~temperature=rows[].temp~--map~current_time=rows[].at";
    assert_eq!(seconds(nested, flags), ["1699971200"]);
}

#[test]
fn zone_beside_a_time_that_is_named_as_utc_is_not_that_of_the_time() {
    for name in ["time_utc", "Time (UTC)"] {
        let row = "k,1,2023-11-14 22:13:20,Europe/Berlin\n";
        let flags = format!("--map~current_time={name}");
        assert_eq!(seconds(&format!("sensor_id,temperature,{name},timezone\n{row}"), &flags), ["1700000000"]);
        let above = format!("Timezone,UTC+08:00\nsensor_id,temperature,{name}\nk,1,2023-11-14 22:13:20\n");
        assert_eq!(seconds(&above, &flags), ["1700000000"]);
    }
    let json = r#"{"sensor_id":"k","temperature":1,"atUtc":"2023-11-14 22:13:20","tz":"Asia/Shanghai"}"#;
    assert_eq!(seconds(json, "--map~current_time=atUtc"), ["1700000000"]);
}

#[test]
fn zone_in_a_column_is_that_of_its_row() {
    let file = |zone: &str| format!("{H},timezone\nk,1,2023-11-14 22:13:20,{zone}\nk,1,2023-11-14 22:13:20,UTC\n");
    for (zone, expected) in
        [("UTC+08:00", "1699971200"), ("Europe/Berlin", "1699996400"), ("+01:00", "1699996400"), ("3600", "1699996400")]
    {
        assert_eq!(seconds(&file(zone), ""), [expected, "1700000000"], "{zone}");
    }
    assert_eq!(read(file("CET"), "")[0], "2 time-zone");
    assert_eq!(seconds(&file("CET"), "--time-zone~+01:00"), ["1699996400", "1699996400"]);
    assert!(read(file("Europe/Berlin"), "")[0].contains("\"timezone\":\"Europe/Berlin\""), "it stays a field");
    let above = format!("Timezone,UTC+08:00\n{}k,1,2023-11-14 22:13:20,\n", file(""));
    assert_eq!(
        seconds(&above, ""),
        ["1699971200", "1700000000", "1699971200"],
        "an empty cell leaves that of the file"
    );
    let named =
        format!("sensor_id,temperature,\"Date Time, GMT-07:00\",tz\n{}", "k,1,2023-11-14 22:13:20,\n".repeat(2));
    assert_eq!(seconds(&named, "--map~current_time=Date Time*"), ["1700025200"; 2]);
    assert_eq!(seconds(&file(""), ""), ["1700000000"; 2]);
    let windows = format!("{H};timezone\nk;1;2023-07-14 22:13:20;(UTC+01:00) Amsterdam, Berlin\n").replace(',', ";");
    let summer = read(windows.replace("Amsterdam; ", "Amsterdam, "), "");
    assert!(summer[0].starts_with("k 1 1689365600,"), "it is summer: {summer:?}");
    assert_eq!(read(file("0900"), "")[0], "2 time-zone");
    let offset = format!("{H},offset\nk,1,2023-11-14 22:13:20,3600\n");
    assert_eq!(seconds(&offset, ""), ["1700000000"], "it may be that of a value");
}

#[test]
fn decimal_commas_between_commas_are_read_where_all_are_quoted() {
    let file = |one: &str, other: &str| format!("{H},p\nk,\"{one}\",{T},\"{other}\"\nk,\"-3,0\",{T},7\n");
    assert_eq!(read(file("21,5", "1.013,25"), ""), ["k 21.5 1700000000,\"p\":1013.25", "k -3 1700000000,\"p\":7"]);
    assert_eq!(read(file("21,5", "40.5"), "")[0], "2 decimal-sign", "the file has both signs");
    assert_eq!(read(file("21,5", "+0061,1"), "")[0], "k 21.5 1700000000,\"p\":\"+0061,1\"");
    let pairs = format!("{H},channels\nk,21,{T},\"1,2\"\nk,22,{T},\"none 5\"\n");
    assert_eq!(read(pairs, "")[0], "k 21 1700000000,\"channels\":\"1,2\"", "not all of the column are numbers");
}

#[test]
fn numbers_that_a_comma_parts_are_whole_where_an_option_says_so() {
    let text = "current_time,Unit,temperature\n1700000000,C,21,5\n1700000060,C,-3,0\n1700000120,C,7\n";
    assert_eq!(read(text, "--sensor~k"), ["2 column-count", "3 column-count", "k 7 1700000120,\"Unit\":\"C\""]);
    let whole = read(text, "--sensor~k~--decimal~comma");
    assert_eq!(whole[..2], ["k 21.5 1700000000,\"Unit\":\"C\"", "k -3 1700000060,\"Unit\":\"C\""]);
    let open = "current_time,n,temperature\n1700000000,1,21,5\n";
    assert_eq!(read(open, "--sensor~k~--decimal~comma"), ["2 column-count"], "1,21 may be one, too");
    let fraction = "current_time,temperature\n2023-11-14 22:13:20,123,21\n2023-11-14 22:13:20,-3,5\n";
    let read = read(fraction, "--sensor~k~--decimal~comma");
    assert_eq!(read, ["2 column-count", "k -3.5 1700000000"], "123 may be milliseconds");
}

#[test]
fn only_row_that_ends_in_a_part_of_a_time_was_cut() {
    for time in ["17000", "170000000", "1700000000"] {
        let expected = if time.len() == 10 { format!("k 21.6 {time}") } else { "2 cut-line".to_owned() };
        assert_eq!(read(format!("{H}\nk,21.6,{time}"), ""), [expected]);
        assert_eq!(read(format!("{H}\nk,21.6,{time}\n"), "").len(), 1);
    }
    let form = |rows: &str, form: &str| read(format!("{H}\n{rows}"), &format!("--time-format~{form}"));
    assert_eq!(form("k,21.6,20231114", "%Y%m%d"), ["k 21.6 1699920000"]);
    assert_eq!(form("k,1,2023318\nk,2,23318", "%Y%j")[1], "3 cut-line");
    assert_eq!(form("k,1,14.11.2023\nk,2,9.11.2023", "%-d.%m.%Y")[1], "k 2 1699488000");
    for cut in ["9.11.20", "14.11.202"] {
        assert_eq!(form(&format!("k,1,14.11.2023\nk,2,{cut}"), "%-d.%m.%Y")[1], "3 cut-line", "{cut}");
    }
    let point = "climate,sensor=k temperature=21.6 ";
    let flags = "--map~sensor_id=sensor~--drop~measurement";
    assert_eq!(read(format!("{point}1700000000000000000"), flags), ["k 21.6 1700000000"]);
    assert_eq!(read(format!("{point}170000000000000000"), flags), ["1 cut-line"]);
}

#[test]
fn object_in_place_of_a_number_is_not_read_by_coerce() {
    let reason = |value: &str| {
        let line = format!("{{\"sensor_id\":\"a\",\"temperature\":{value},\"current_time\":2}}\n");
        match items(line, &options("")).remove(0) {
            ParsedLine::Rejected(line) => line.reason,
            ParsedLine::Ready(record) => record.data,
        }
    };
    assert!(reason("\"21.5\"").contains("--coerce"));
    for value in ["{\"value\":21.5}", "[21.5]", "true"] {
        let reason = reason(value);
        assert!(!reason.contains("--coerce") && reason.contains("--map"), "{value}: {reason}");
    }
}

#[test]
fn decimal_sign_is_that_of_the_temperature_or_of_all_columns() {
    let head = "sensor_id;fw;temperature;humidity;current_time\n";
    let mixed = format!("{head}k;1.2;21;40,5;{T}\nk;1.2;22;41,5;1700000060\n");
    let error = wrong(mixed.clone(), "");
    assert!(error.contains("`humidity` has a decimal comma, and `fw` a point"), "{error}");
    assert!(error.contains("`--decimal comma` or `--decimal point`"), "{error}");
    let whole = read(mixed.clone(), "--decimal~comma");
    assert_eq!(whole[0], r#"k 21 1700000000,"fw":"1.2","humidity":40.5"#);
    assert_eq!(read(mixed, "--drop~fw")[0], r#"k 21 1700000000,"humidity":40.5"#);
    let comma = format!("{head}k;1.2;21,5;40,5;{T}\n");
    assert_eq!(read(comma, ""), [r#"k 21.5 1700000000,"fw":"1.2","humidity":40.5"#], "that of the temperature");
    let late = format!("{head}k;1.2;21;40;{T}\nk;1.2;21,5;40;1700000060\n");
    assert_eq!(read(late, "")[1], r#"k 21.5 1700000060,"fw":"1.2","humidity":40"#, "also of a later row");
    let point = format!("{head}k;1;21.5;40,5;{T}\nk;1;21.5;41,5;1700000060\n");
    assert!(wrong(point, "").contains("`humidity` has a decimal comma, and `temperature` a point"));
    let list = format!("{head}k;1,2;21.5;40;{T}\nk;1,2;21.5;41;1700000060\n");
    assert_eq!(read(list, "")[0], r#"k 21.5 1700000000,"fw":"1,2","humidity":40"#, "not measured");
    let quoted = format!("sensor_id,fw,temperature,humidity,current_time\nk,1.2,21,\"40,5\",{T}\n");
    assert!(wrong(quoted, "").contains("`humidity` has a decimal comma, and `fw` a point"));
}

#[test]
fn zone_in_the_name_of_the_time_is_that_of_its_rows() {
    let rows = |name: &str| format!("sensor_id,temperature,{name}\na,1,2023-07-14 22:13:20\nb,2,1700000000\n");
    let json = |name: &str| format!("{{\"sensor_id\":\"a\",\"temperature\":1,\"{name}\":\"2023-07-14 22:13:20\"}}\n");
    for name in ["Time (EST)", "Zeit [MEZ]", "time_cet", "Date/Time (CET/CEST)", "Eastern Standard Time"] {
        let map = format!("--map~current_time={name}");
        assert_eq!(read(rows(name), &map), ["2 time-zone", "b 2 1700000000"], "{name}");
        let path = format!("--map~current_time=\"{name}\"");
        assert_eq!(read(json(name), &path), ["1 time-zone"], "{name}");
        assert_eq!(
            read(rows(name), &format!("{map}~--time-zone~-05:00")),
            ["a 1 1689390800", "b 2 1700000000"],
            "{name}"
        );
        assert_eq!(read(json(name), &format!("{path}~--time-zone~-05:00")), ["a 1 1689390800"], "{name}");
    }
    let name = "Local Time (America/New_York)";
    let map = format!("--map~current_time={name}");
    assert_eq!(read(rows(name), &map), ["a 1 1689387200", "b 2 1700000000"]);
    assert_eq!(read(json(name), &format!("--map~current_time=\"{name}\"")), ["a 1 1689387200"]);
    assert_eq!(counted(rows(name), &map).times.assumed_utc, 0);
}

#[test]
fn abbreviation_of_the_named_zone_tells_the_two_hours_apart() {
    let text = format!(
        "{H}\na,1,2023-10-29 02:30:00 CEST\na,2,2023-10-29 02:30:00 CET\na,3,2023-07-01 12:00:00 MESZ\n\
         a,4,2023-07-01 12:00:00 CET\na,5,2023-07-01 12:00:00 EST\n"
    );
    let ambiguous = (2..7).map(|line| format!("{line} ambiguous-time")).collect::<Vec<_>>();
    assert_eq!(read(text.clone(), ""), ambiguous);
    let expected = ["a 1 1698539400", "a 2 1698543000", "a 3 1688205600", "5 ambiguous-time", "6 ambiguous-time"];
    assert_eq!(read(text.clone(), "--time-zone~Europe/Berlin"), expected);
    assert_eq!(read(text, "--time-zone~+01:00"), ambiguous);
    let rejected = items(format!("{H}\na,1,2023-10-29 02:30:00 CET\n"), &options(""));
    assert!(matches!(&rejected[0], ParsedLine::Rejected(line) if line.reason.contains("--time-zone")));
}
