use std::path::{Path, PathBuf};

use super::super::parsed_line::ParsedLine;
use super::outcome::SHOWN;
use super::*;

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/layouts");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_none_or(|end| end != "expected"));
    files.sort();
    files
}

/// The first readings that `put` with these words gives.
fn put(file: &Path, options: &InputOptions) -> Vec<String> {
    let options = Layouts::default().resolved(options).unwrap();
    let source = Box::new(File::open(file).unwrap());
    let mut input = Input::open(file.display().to_string().into(), source, &options).unwrap();
    let mut readings = Vec::new();
    while let Some(item) = input.next().unwrap() {
        if let ParsedLine::Ready(record) = item {
            readings.push(record.data);
        }
    }
    readings.truncate(SHOWN);
    readings
}

fn shown(inspection: &Inspection) -> Vec<String> {
    inspection.readings.iter().map(|reading| reading.get().to_owned()).collect()
}

fn inspected(text: &[u8], name: &str) -> (Inspection, PathBuf, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(name);
    std::fs::write(&file, text).unwrap();
    let origin = InputOrigin::File(file.clone());
    (inspect(&origin, &InputOptions::default(), &Layouts::default(), false).unwrap(), file, dir)
}

#[test]
fn other_names_are_mapped_to_keys() {
    type Case<'c> = (&'c str, &'c [u8], &'c [(&'c str, Option<&'c str>)]);
    let cases: [Case<'_>; 6] = [
        ("plain.csv", b"sensor_id,temperature,current_time\nk,1,1700000000\n", &[]),
        (
            "cellar.csv",
            b"Date;Temp (\xc2\xb0C);RH\n2031-03-02 08:15:00;19,4;51\n",
            &[
                ("--map", Some("temperature=Temp (°C)")),
                ("--map", Some("current_time=Date")),
                ("--sensor", Some("cellar")),
            ],
        ),
        (
            "log.csv",
            b"device,time,temp\na,14.11.2023 23:13:00,4\n",
            &[
                ("--map", Some("temperature=temp")),
                ("--map", Some("current_time=time")),
                ("--map", Some("sensor_id=device")),
                ("--time-format", Some("%d.%m.%Y %H:%M:%S")),
            ],
        ),
        (
            "raw.csv",
            b"1700000000,14.4,7\n1700000060,14.5,8\n",
            &[("--columns", Some("current_time,temperature,field3")), ("--sensor", Some("raw"))],
        ),
        (
            "up.ndjson",
            b"{\"dev\":{\"device_id\":\"a\"},\"data\":{\"temp\":\"21.5\",\"hum\":4},\"ts\":1700000000000}\n",
            &[
                ("--map", Some("temperature=data.temp")),
                ("--map", Some("current_time=ts")),
                ("--map", Some("sensor_id=dev.device_id")),
            ],
        ),
        (
            "text.ndjson",
            b"{\"sensor_id\":4,\"temperature\":\"1\",\"current_time\":\"2031-03-02T08:15:00Z\"}",
            &[("--coerce", None)],
        ),
    ];
    for (name, text, flags) in cases {
        let (inspection, file, _dir) = inspected(text, name);
        let expected: Vec<_> = flags.iter().map(|(flag, value)| (*flag, value.map(str::to_owned))).collect();
        assert_eq!(inspection.options.flags(), expected, "{name}: {:?}", inspection.error);
        assert_eq!(inspection.accepted, shown(&inspection).len() as u64, "{name}");
        assert_eq!(put(&file, &inspection.options), shown(&inspection), "{name}");
    }
}

#[test]
fn file_that_does_not_tell_its_unit_asks_for_it() {
    let text = br#"{"dt":1930202100,"timezone":3600,"id":12345,"name":"Demo","main":{"temp":279.25}}"#;
    let (inspection, ..) = inspected(text, "w.json");
    let error = inspection.error.unwrap();
    assert!(error.contains("--unit temperature=K:C") && inspection.readings.is_empty(), "{error}");
    let unread = InputOptions { layout: Some("openweather".to_owned()), ..InputOptions::default() };
    let unread = Layouts::default().resolved(&unread).unwrap_err();
    assert!(unread.hints()[0].contains("temperature=F:C"), "{:?}", unread.hints());
}

#[test]
fn tag_or_label_that_names_the_sensor_is_named() {
    let influx = "#datatype,string,long,dateTime:RFC3339,double,string,string,string,string\n\
        ,result,table,_time,_value,_field,_measurement,host,room\n\
        ,,0,2031-03-02T07:15:00Z,19.4,temperature,climate,pi,attic\n\
        ,,1,2031-03-02T07:15:00Z,11.25,temperature,climate,pi,cellar\n";
    let lines = "climate,host=pi,room=attic humidity=51i,temperature=19.4 1930202100000000000\n\
        climate,host=pi,room=cellar temperature=11.25 1930202100000000000\n";
    let prometheus = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"__name__":"room_celsius","instance":"attic:9100"},"values":[[1930202100.5,"19.4"]]},
        {"metric":{"__name__":"room_celsius","instance":"cellar:9100"},"values":[[1930202100.5,"11.25"]]}]}}"#;
    for (name, text, layout, source) in [
        ("a.csv", influx, "influxdb", "room"),
        ("a.lp", lines, "influxdb-line-protocol", "room"),
        ("a.json", prometheus, "prometheus", "data.result[].metric.instance"),
    ] {
        let (inspection, file, _dir) = inspected(text.as_bytes(), name);
        let map = ("--map", Some(format!("sensor_id={source}")));
        assert_eq!(inspection.options.flags(), [("--layout", Some(layout.to_owned())), map], "{:?}", inspection.error);
        assert_eq!((inspection.accepted, inspection.rejected), (2, 0), "{name}");
        assert_eq!(put(&file, &inspection.options), shown(&inspection), "{name}");
    }
}

#[test]
fn columns_have_types_and_ranges() {
    let text = "sensor_id;temperature;current_time;ok;note\nk;21,5;1700000000;true;\nl;-3,0;1700000060;false;x\n";
    let (inspection, ..) = inspected(text.as_bytes(), "f.csv");
    let column = |at: usize| {
        let ColumnReport { name, kind, min, max, empty, .. } = inspection.columns[at].clone();
        (name, kind, min.unwrap_or_default(), max.unwrap_or_default(), empty)
    };
    assert_eq!(column(0), ("sensor_id".into(), "text", String::new(), String::new(), 0));
    assert_eq!(column(1), ("temperature".into(), "number", "-3".into(), "21.5".into(), 0));
    assert_eq!(column(3).1, "truth");
    assert_eq!(column(4), ("note".into(), "text", String::new(), String::new(), 1));
    assert_eq!(
        (inspection.delimiter.as_deref(), inspection.decimal, inspection.header_line),
        (Some("semicolon"), Some("comma"), Some(1))
    );
    assert_eq!(inspection.counts.time_units.get("s"), Some(&2));
    let named = "Datum;Uhrzeit;Temp\n14.11.2023;22:13:20;21,5\n14.11.2023;22:14:20;21,6\n";
    let (inspection, ..) = inspected(named.as_bytes(), "f.csv");
    let kinds: Vec<_> = inspection.columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds, ["time", "time", "number"]);
}

#[test]
fn large_file_is_read_in_part_and_its_last_line_is_no_cut_one() {
    let rows =
        (0..40_000).map(|n| format!("kitchen-{},21.5,{}\n", n % 100, 1_700_000_000 + n)).collect::<Vec<_>>().concat();
    let text = format!("sensor_id,temperature,current_time\n{rows}");
    let (inspection, file, _dir) = inspected(text.as_bytes(), "f.csv");
    assert!(!inspection.is_complete && inspection.rejected == 0 && inspection.accepted < 40_000);
    let all = inspect(&InputOrigin::File(file), &InputOptions::default(), &Layouts::default(), true).unwrap();
    assert!(all.is_complete && all.accepted == 40_000, "{}", all.accepted);
}

#[test]
fn file_that_nothing_reads_says_why() {
    let (inspection, ..) = inspected(b"hello\nworld\n", "f.txt");
    assert!(inspection.error.unwrap().contains("there is no column `sensor_id`"));
}

#[test]
fn what_a_recognized_layout_refuses_is_not_taken_by_other_options() {
    let rows = "name,tags,time,temperature\nclimate,room=attic,1930202100,19.4\nclimate,room=attic,1930202160,19.5\n";
    let (inspection, ..) = inspected(rows.as_bytes(), "export.csv");
    assert_eq!(inspection.options.layout.as_deref(), Some("influxdb-v1"));
    assert_eq!((inspection.accepted, inspection.rejected), (0, 2));
    assert!(inspection.reasons["time-unit"].reason.contains("--time-unit"));
}

#[test]
fn bytes_that_are_none_of_the_encoding_are_rejected_as_put_rejects_them() {
    let rows = b"sensor_id,temperature,current_time,x\nk,1,1700000000,\xff\xff\nk,2,1700000060,y\n";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f.csv");
    std::fs::write(&file, rows).unwrap();
    let given = InputOptions { encoding: Some("gbk".parse().unwrap()), ..InputOptions::default() };
    let inspection = inspect(&InputOrigin::File(file.clone()), &given, &Layouts::default(), false).unwrap();
    assert_eq!((inspection.accepted, inspection.rejected), (1, 1));
    assert_eq!(inspection.reasons.keys().copied().collect::<Vec<_>>(), ["wrong-encoding"]);
    assert_eq!(put(&file, &inspection.options), shown(&inspection));
}

#[test]
fn order_of_day_and_month_that_no_value_shows_is_left_to_the_user() {
    let us = "Date,Temp\n03/04/2024 10:52:42 AM,4\n04/04/2024 10:52:42 AM,5\n";
    let json = "{\"ts\":\"03/04/2024 10:52:42 AM\",\"temp\":4}\n{\"ts\":\"04/04/2024 10:52:42 AM\",\"temp\":5}\n";
    let hobo = "#,\"Date Time, GMT+01:00\",\"Temp, °C\"\n1,03/04/2024 10:52:42 AM,4\n2,04/04/2024 10:52:42 AM,5\n";
    let apart = "Date;Time;Temp\n03.04.2024;10:52:42;4\n04.04.2024;10:52:42;5\n";
    for (name, text, forms) in [
        ("us.csv", us, ["%d/%m/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M:%S %p"]),
        ("us.ndjson", json, ["%d/%m/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M:%S %p"]),
        ("hobo.csv", hobo, ["%d/%m/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M:%S %p"]),
        ("apart.csv", apart, ["%d.%m.%Y %H:%M:%S", "%m.%d.%Y %H:%M:%S"]),
    ] {
        let (inspection, file, _dir) = inspected(text.as_bytes(), name);
        assert_eq!(inspection.error.as_deref(), Some("none of its times tells the day from the month"), "{name}");
        assert!(inspection.readings.is_empty());
        let found: Vec<_> = inspection.choices.iter().map(|choice| choice.time_format.as_deref().unwrap()).collect();
        assert_eq!(found, forms, "{name}");
        for choice in &inspection.choices {
            let rows = put(&file, &choice.options);
            assert_eq!((rows.len(), rows[0].as_str()), (2, choice.first_reading.as_ref().unwrap().get()), "{name}");
        }
        let decided = text.replace("04/04", "25/04").replace("04.04", "25.04");
        let (inspection, file, _dir) = inspected(decided.as_bytes(), name);
        assert_eq!((&inspection.error, inspection.choices.len()), (&None, 0), "{name}");
        assert_eq!(put(&file, &inspection.options), shown(&inspection), "{name}");
        assert!(shown(&inspection)[0].contains("\"current_time\":17121"), "{name}: April, {:?}", shown(&inspection));
    }
}

mod choices;
mod devices;
mod guesses;
mod positional;
mod times;

mod slow {
    use super::*;

    #[test]
    fn suggested_options_of_every_layout_give_the_readings_that_were_shown() {
        for file in fixtures() {
            let origin = InputOrigin::File(file.clone());
            let name = file.file_name().unwrap().to_string_lossy().split('.').next().unwrap().to_owned();
            let mut inspection = inspect(&origin, &InputOptions::default(), &Layouts::default(), false).unwrap();
            if inspection.error.is_some() {
                // Nothing in it says what it is: the layout is named, as a user has to.
                let sensor = Some("mine".to_owned());
                let needs = Layouts::default().get(&name).unwrap().needs;
                let unit = needs.iter().filter(|need| *need == "--unit").map(|_| "temperature=K:C".parse().unwrap());
                let unit = unit.collect();
                let map = needs.iter().filter(|need| *need == "--map").map(|_| "temperature=field1".parse().unwrap());
                let (layout, map) = (Some(name.clone()), map.collect());
                let needs_zone = needs.iter().any(|need| *need == "--time-zone");
                let time_zone = needs_zone.then(|| "Europe/Berlin".to_owned());
                let named = InputOptions { layout, map, unit, time_zone, sensor, ..InputOptions::default() };
                inspection = inspect(&origin, &named, &Layouts::default(), false).unwrap();
            }
            assert!(inspection.error.is_none() && !inspection.readings.is_empty(), "{name}: {:?}", inspection.error);
            assert_eq!(put(&file, &inspection.options), shown(&inspection), "{name}");
        }
    }

    #[test]
    fn element_above_the_line_limit_is_counted_as_rejected() {
        let small = r#"{"sensor_id":"a","temperature":1,"current_time":1700000000}"#;
        // Blanks make it large, which takes little time to read.
        let tail = format!(",{}{small}", " ".repeat(1000)).repeat(2_000);
        let one_line = format!("[{small},{{\"x\":[{}1]}}{tail}]", format!("1,{}", " ".repeat(200)).repeat(6_000));
        let spread =
            format!("[\n{small},\n{{\"x\":[{}1]}}{tail}\n]\n", format!("1,{}\n", " ".repeat(200)).repeat(6_000));
        for text in [one_line, spread] {
            let (inspection, ..) = inspected(text.as_bytes(), "f.json");
            assert_eq!(inspection.reasons.keys().copied().collect::<Vec<_>>(), ["line-too-long"]);
            assert!(inspection.accepted >= 1 && inspection.rejected == 1);
        }
    }

    #[test]
    fn large_document_shows_its_first_readings_and_is_put_whole() {
        let row = |n| format!("[{},{:200}\"19.{}\"]", 1_930_202_100 + n, "", n % 10);
        let values = (0..10_000).map(row).collect::<Vec<_>>().join(",");
        let text = format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"__name__":"room_celsius","sensor":"attic"}},"values":[{values}]}}]}}}}"#
        );
        let (inspection, file, _dir) = inspected(text.as_bytes(), "range.json");
        assert_eq!(inspection.options.layout.as_deref(), Some("prometheus"), "{:?}", inspection.error);
        assert!(!inspection.is_complete && inspection.rejected == 0 && shown(&inspection).len() == SHOWN);
        assert_eq!(put(&file, &inspection.options), shown(&inspection));
        let all = inspect(&InputOrigin::File(file), &InputOptions::default(), &Layouts::default(), true).unwrap();
        assert_eq!((all.is_complete, all.accepted, all.error), (true, 10_000, None));
    }
}
